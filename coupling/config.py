"""From composed configuration to validated objects.

One dataclass has two roles: its fields are the schema that Hydra composes
against, and its construction validates. The schema of a verb is imported only
when that verb is asked for.
"""

from __future__ import annotations

import copy
import dataclasses
import re
from collections.abc import Mapping
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import Any, get_type_hints

from omegaconf import AnyNode, BooleanNode, DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException, ValidationError

from coupling.limits import check_limits
from coupling.results import fingerprint

_SCHEMAS = {
    "phantom": "coupling.schema_phantom:PhantomConfig",
    "image": "coupling.schema_imaging:ImageConfig",
    "solve": "coupling.schema_mechanics:SolveConfig",
    "collect": "coupling.schema_collect:CollectConfig",
    "risk": "coupling.schema_mechanics:RiskConfig",
    "run": "coupling.schema_run:RunConfig",
    "validate": "coupling.schema_mechanics:ValidateConfig",
}

NOT_IDENTITY = ("force", "workers")
"""Keys that change how a job runs but not what it computes."""


class InputError(ValueError):
    """Input or configuration that a user can put right; the command exits with 2."""

    exit_code = 2


def schema_class(verb: str) -> type:
    """Return the dataclass that describes a verb's configuration."""
    module, name = _SCHEMAS[verb].split(":")
    found: type = getattr(import_module(module), name)
    return found


def schema_node(cls: type) -> DictConfig:
    """Return the node that Hydra merges YAML and overrides onto.

    Nested dataclasses enter by their class, not by an instance, so that what
    construction fills in does not look like something the user gave.
    """
    node = OmegaConf.structured(cls)
    for name, kind in get_type_hints(cls).items():
        if dataclasses.is_dataclass(kind):
            thaw(node)[name] = loosened(OmegaConf.structured(kind))
    return loosened(thaw(node))


def loosened(node: DictConfig) -> DictConfig:
    """Let any value into the rows-of-numbers fields of a structured node, in place.

    OmegaConf refuses 90 where a row of floats is wanted; `validated` checks rows instead. Its
    switches, on the other hand, take any number for true: these refuse all but 0 and 1.
    """
    for name in _rows_of_numbers(OmegaConf.get_type(node)):
        node._content[name] = AnyNode(node[name], key=name, parent=node)  # type: ignore[index]
    for name in map(str, node):
        child = node._get_node(name)
        if type(child) is BooleanNode:
            node._content[name] = _Switch(  # type: ignore[index]
                child._value(), key=name, parent=node, is_optional=child._is_optional()
            )
        elif isinstance(child, DictConfig) and not child._is_none() and not child._is_missing():
            loosened(child)
    return node


class _Switch(BooleanNode):
    """A value that is true or false."""

    def _validate_and_convert_impl(self, value: Any) -> bool:
        if isinstance(value, int | float) and value not in (0, 1):
            raise ValidationError(f"true or false is wanted; got {value}")
        return bool(super()._validate_and_convert_impl(value))

    def __deepcopy__(self, memo: dict[int, Any]) -> _Switch:
        copied = _Switch()
        self._deepcopy_impl(copied, memo)
        return copied


def _rows_of_numbers(cls: type | None) -> list[str]:
    """Return the fields of a dataclass that hold a list of lists of floats, or None."""
    if cls is None or not dataclasses.is_dataclass(cls):
        return []
    wanted = list[list[float]]
    return [n for n, kind in get_type_hints(cls).items() if kind in (wanted, wanted | None)]


def _with_float_rows(node: DictConfig) -> DictConfig:
    """Return a copy of a configuration whose rows of numbers hold floats."""
    copied = copy.deepcopy(node)
    _make_float_rows(copied, "")
    return copied


def _make_float_rows(node: DictConfig, prefix: str) -> None:
    for name in _rows_of_numbers(OmegaConf.get_type(node)):
        given = node[name]
        if given is not None:
            rows = OmegaConf.to_container(given) if OmegaConf.is_list(given) else given
            node[name] = _float_rows(f"{prefix}{name}", rows)
    for name in map(str, node):
        child = node._get_node(name)
        if isinstance(child, DictConfig) and not child._is_none():
            _make_float_rows(child, f"{prefix}{name}.")


def _float_rows(key: str, rows: Any) -> list[list[float]]:
    def numeric(value: Any) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool)

    fits = isinstance(rows, list) and all(
        isinstance(row, list) and all(map(numeric, row)) for row in rows
    )
    if not fits:
        raise InputError(f"{key} needs rows of numbers, such as [[1,2.5],[3,4]]; got {rows}")
    return [[float(value) for value in row] for row in rows]


def thaw(node: DictConfig) -> DictConfig:
    """Clear the read-only flag that frozen dataclasses set on their nodes, in place.

    Free-form dictionaries are opened at the same time, so that
    ``contact.mu_by.peek=0`` works without Hydra's ``+``.
    """
    OmegaConf.set_readonly(node, None)
    if OmegaConf.get_type(node) is dict:
        OmegaConf.set_struct(node, False)
    for key in node:
        child = node._get_node(key)
        if isinstance(child, DictConfig) and not child._is_none() and not child._is_missing():
            thaw(child)
    return node


def without_hydra(node: DictConfig) -> DictConfig:
    """Return a composed configuration without Hydra's own part."""
    own = copy.deepcopy(node)
    with open_dict(own):
        own.pop("hydra", None)
    return own


def validated(node: DictConfig) -> Any:
    """Return the frozen dataclass instances of a composed configuration.

    Raises
    ------
    InputError
        If a value is missing or refused; the message names the key.
    """
    for key in sorted(OmegaConf.missing_keys(node)):
        raise InputError(f"{key} is required: give {key}=...")
    node = _with_float_rows(node)
    try:
        plainly: Any = OmegaConf.to_container(node, resolve=True)
    except OmegaConfBaseException as error:
        raise InputError(str(error).splitlines()[0]) from error
    try:
        check_limits(plainly)
    except ValueError as error:
        raise InputError(str(error)) from error
    try:
        return OmegaConf.to_object(node)
    except OmegaConfBaseException as error:
        raise InputError(str(error).splitlines()[0]) from error
    except ValueError as error:
        raise InputError(_with_key(node, error)) from error
    except dataclasses.FrozenInstanceError as error:
        key = str(error).rpartition("field ")[2]
        raise InputError(f"unknown key {key}: + adds a key that the verb does not have") from error


def _with_key(node: DictConfig, error: ValueError) -> str:
    """Put the key of the innermost refused node before a message that does not name it."""
    path = _refused(node)
    message = str(error)
    group = re.escape(path.split(".")[0])
    named = re.search(rf"\b{group}[.=\[]", message)  # not just the word
    return message if not path or named else f"{path}.{message}"


def _refused(node: DictConfig) -> str:
    """Return the key of the innermost structured node that cannot be constructed."""
    for key in map(str, node):
        child = node._get_node(key)
        if isinstance(child, DictConfig) and not child._is_none():
            try:
                OmegaConf.to_object(child)
            except ValueError:
                inner = _refused(child)
                return f"{key}.{inner}" if inner else key
    return ""


def plain(config: Any) -> Any:
    """Return a configuration as dictionaries, lists and numbers that JSON can hold."""
    if dataclasses.is_dataclass(config) and not isinstance(config, type):
        return {f.name: plain(getattr(config, f.name)) for f in dataclasses.fields(config)}
    if isinstance(config, dict):
        return {str(key): plain(value) for key, value in config.items()}
    if isinstance(config, list | tuple):
        return [plain(value) for value in config]
    if isinstance(config, Enum):
        return config.value
    if isinstance(config, Path):
        return str(config)
    return config


def job_fingerprint(verb: str, config: Any, hashes: Mapping[str, str]) -> str:
    """Return the identity of a job, see `coupling.results.fingerprint`.

    Parameters
    ----------
    verb, config
        What is done, under which validated configuration.
    hashes
        SHA-256 of each input file, by its key.
    """
    identity = {key: value for key, value in plain(config).items() if key not in NOT_IDENTITY}
    return fingerprint(verb, identity, hashes)


def input_paths(config: Any) -> dict[str, Path]:
    """Return the files and folders that a configuration reads, by key.

    Every configuration that reads something says so in ``input_paths``;
    nested ones are found through their fields.
    """
    found: dict[str, Path] = dict(getattr(config, "input_paths", dict)())
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            inner = input_paths(value)
            found |= {f"{field.name}.{key}": path for key, path in inner.items()}
    return found
