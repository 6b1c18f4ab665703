"""Drive Hydra from inside: compose, then run one job or a sweep, and get the reports back.

Hydra's own ``main`` swallows the return values of jobs, prints its errors over
many lines and exits with 1 for all of them. This is the same driver, on the
same Hydra objects, without those three habits. It relies on internals of
Hydra 1.3, which the package pins.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from hydra import version
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path, get_args_parser
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from coupling.config import InputError, schema_class, schema_node, without_hydra
from coupling.job import JobReport

Task = Callable[[DictConfig], JobReport]

_FLAGS = ("shell_completion", "info", "cfg", "multirun", "run")


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse what follows the verb as Hydra does; flags may stand between keys.

    Raises
    ------
    InputError
        For unknown flags, and those of Hydra that make no sense below a verb.
    """
    parser = get_args_parser()
    parser.error = _refuse  # instead of a page of usage
    args: argparse.Namespace = parser.parse_intermixed_args(list(arguments))
    if args.config_path is not None:
        raise InputError("--config-path is not supported: add a folder by --config-dir FOLDER")
    if args.experimental_rerun is not None:
        raise InputError("--experimental-rerun is not supported: repeat a job by force=true")
    return args


def _refuse(message: str) -> NoReturn:
    raise InputError(message)


def launch(verb: str, args: argparse.Namespace, task: Task) -> list[JobReport] | None:
    """Do what Hydra's flags ask for.

    Returns
    -------
    list of JobReport or None
        A report per job; None where the flags asked to show something, not to run.
    """
    hydra = _create(verb, args)
    name = args.config_name or verb
    try:
        if args.hydra_help:
            hydra.hydra_help(config_name=name, args_parser=get_args_parser(), args=args)
            return None
        chosen = [flag for flag in _FLAGS if getattr(args, flag)]
        if len(chosen) > 1:
            names = " and ".join(f"--{flag.replace('_', '-')}" for flag in chosen)
            raise InputError(f"{names} cannot be given together")
        if args.shell_completion:
            hydra.shell_completion(config_name=name, overrides=args.overrides)
        elif args.info:
            hydra.show_info(args.info, config_name=name, overrides=args.overrides)
        elif args.cfg:
            hydra.show_cfg(name, args.overrides, args.cfg, args.package, args.resolve)
        else:
            return _run(hydra, name, args, task)
        return None
    finally:
        GlobalHydra.instance().clear()


def compose(verb: str, args: argparse.Namespace) -> DictConfig:
    """Return a verb's configuration, Hydra's own part included."""
    hydra = _create(verb, args)
    try:
        node: DictConfig = hydra.compose_config(
            args.config_name or verb, args.overrides, RunMode.RUN
        )
        return node
    finally:
        GlobalHydra.instance().clear()


def _create(verb: str, args: argparse.Namespace) -> Any:
    version.setbase("1.3")
    ConfigStore.instance().store(name=f"{verb}_schema", node=schema_node(schema_class(verb)))
    search_path = create_config_search_path("pkg://conf")
    if args.config_dir is not None:
        extra = Path(args.config_dir).absolute()
        if not extra.is_dir():
            raise InputError(f"--config-dir {args.config_dir}: no such folder")
        anchor = SearchPathQuery(provider="schema")
        search_path.prepend(provider="command-line", path=f"file://{extra}", anchor=anchor)
    GlobalHydra.instance().clear()
    return Hydra.create_main_hydra2(task_name=verb, config_search_path=search_path)


def _run(hydra: Any, name: str, args: argparse.Namespace, task: Task) -> list[JobReport]:
    asked = args.multirun or "hydra.mode=MULTIRUN" in args.overrides
    if asked and not args.run:
        _compose_each(hydra, name, args.overrides)
        batches = hydra.multirun(name, task, args.overrides)
        return [job.return_value for batch in batches for job in batch]
    _require_complete(hydra.compose_config(name, args.overrides, RunMode.RUN))
    return [hydra.run(name, task, args.overrides).return_value]


def _compose_each(hydra: Any, name: str, overrides: list[str]) -> None:
    """Compose every job of a sweep before Hydra makes the sweep's folder.

    Hydra checks them too, but only after it has written there.
    """
    for job in sweep_overrides(hydra, overrides):
        _require_complete(hydra.compose_config(name, job, RunMode.RUN))


def sweep_overrides(hydra: Any, overrides: list[str]) -> Iterator[list[str]]:
    """Yield the overrides of each job of a sweep, as Hydra's basic sweeper expands them."""
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

    parsed = OverridesParser.create(config_loader=hydra.config_loader).parse_overrides(overrides)
    for batch in BasicSweeper.split_arguments(parsed, None):
        yield from batch


def _require_complete(node: DictConfig) -> None:
    missing = sorted(OmegaConf.missing_keys(without_hydra(node)))
    if missing:
        raise InputError(f"{missing[0]} is required: give {missing[0]}=...")
