"""A configuration chooses numbers and files; it does not name code to be run.

Hydra builds whatever a ``_target_`` names, and Python's logging whatever a ``class`` or ``()``
names. A configuration folder that came from somebody else must not reach them. What a
Slurm launcher is told to put into its job script (``setup``) is the one exception: it is there to
run commands.
"""

from __future__ import annotations

from omegaconf import DictConfig, OmegaConf

from coupling.config import InputError
from coupling.limits import leaves

_PLUGINS = ("hydra._internal.core_plugins.", "hydra_plugins.hydra_joblib_launcher.",
            "hydra_plugins.hydra_submitit_launcher.")  # fmt: skip
"""Launchers and sweepers that come with islet."""
_HANDLERS = ("logging.StreamHandler", "logging.FileHandler", "logging.NullHandler")
_STREAMS = ("ext://sys.stderr", "ext://sys.stdout")
_VARIABLES = "_NUM_THREADS"
"""How the environment variables end that a configuration may set for its jobs."""


def require_no_code(node: DictConfig) -> None:
    """Refuse a composed configuration that names code.

    Raises
    ------
    InputError
        For the first key that does; the message names it.
    """
    hydra = node.get("hydra")
    if hydra is None:
        return
    # not resolved: resolving is what is done with it once it has passed
    for key, value in leaves(OmegaConf.to_container(hydra, resolve=False), "hydra"):
        last = key.rpartition(".")[2]
        text = str(value)
        refused = (
            key.startswith("hydra.callbacks")
            or last == "()"
            or (last == "_target_" and not text.startswith(_PLUGINS))
            or (last == "class" and "_logging." in key and text not in _HANDLERS)
            or (text.startswith("ext://") and text not in _STREAMS)
            or (key.startswith("hydra.job.env_set.") and not last.endswith(_VARIABLES))
        )
        if refused:
            raise InputError(f"{key}={text}: a configuration must not name code to be run")
