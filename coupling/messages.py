"""Say in one message what is wrong with a composed configuration."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException
from yaml import YAMLError

COMPOSITION_ERRORS = (HydraException, OmegaConfBaseException, YAMLError)
"""What Hydra, OmegaConf and YAML raise for a configuration that cannot be composed."""


def composition_message(error: BaseException, overrides: Sequence[str], keys: Iterable[str]) -> str:
    """Return what is wrong, where, and what would be right.

    Parameters
    ----------
    error
        What Hydra or OmegaConf raised.
    overrides
        The ``key=value`` arguments as given.
    keys
        Every key of the verb's configuration, to suggest near ones.
    """
    if isinstance(error, OverrideParseException):
        return f"cannot read {error.override!r} as key=value: {_first_line(error)}"
    if isinstance(error, MissingConfigException) and error.options is not None:
        group, _, option = str(error.missing_cfg_file).rpartition("/")
        return f"{group}={option}: no such option; there are {', '.join(error.options)}"
    cause = _omegaconf_cause(error)
    unknown = re.search(r"Could not (?:override|find) '?\+?([\w./@]+)'?", str(error))
    if isinstance(cause, ConfigAttributeError | ConfigKeyError) or unknown:
        key = getattr(cause, "full_key", None) or (unknown.group(1) if unknown else "")
        if unknown and len(unknown.group(1)) > len(key):
            key = unknown.group(1)
        return f"unknown key {key}{_suggestion(key, list(keys))}"
    if cause is not None:
        key = str(cause.full_key or "")
        given = next((o for o in overrides if o.lstrip("+~").split("=")[0] == key), key)
        return f"{given}: {_first_line(cause)}" if given else _first_line(cause)
    return " ".join(line.strip() for line in str(error).splitlines() if line.strip())


def _omegaconf_cause(error: BaseException | None) -> OmegaConfBaseException | None:
    while error is not None:
        if isinstance(error, OmegaConfBaseException):
            return error
        error = error.__cause__
    return None


def _first_line(error: BaseException) -> str:
    lines = str(error).splitlines()
    return lines[0].strip() if lines else type(error).__name__


def _suggestion(key: str, keys: list[str]) -> str:
    """Return near matches of the whole key, or else of its last part anywhere in the tree."""
    near = difflib.get_close_matches(key, keys, n=3, cutoff=0.7)
    if not near:
        last = {k.rpartition(".")[2]: k for k in reversed(keys)}
        words = difflib.get_close_matches(key.rpartition(".")[2], last, n=3, cutoff=0.7)
        near = [last[word] for word in words]
    if near:
        return f"; did you mean {' or '.join(near)}?"
    parent = key.rpartition(".")[0]
    below = [k.removeprefix(parent).lstrip(".") for k in keys if k.startswith(parent)]
    siblings = sorted({k.split(".")[0] for k in below if k} - {"hydra"})
    return f"; there are {', '.join(siblings)}" if siblings else ""


def all_keys(node: DictConfig, prefix: str = "") -> list[str]:
    """Return the dotted key of every value of a configuration."""
    keys = []
    for key in map(str, node):
        child = node._get_node(key)
        if isinstance(child, DictConfig) and not child._is_none() and not child._is_missing():
            keys.append(f"{prefix}{key}")
            keys += all_keys(child, f"{prefix}{key}.")
        else:
            keys.append(f"{prefix}{key}")
    return keys
