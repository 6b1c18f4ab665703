"""Drive Hydra from inside: compose, then run one job or a sweep, and get the reports back.

Hydra's own ``main`` swallows the return values of jobs, prints its errors over
many lines and exits with 1 for all of them. This is the same driver, on the
same Hydra objects, without those three habits. It relies on internals of
Hydra 1.3, which the package pins.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from hydra import version
from hydra._internal.callbacks import Callbacks
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path, get_args_parser
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import configure_log, run_job
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from coupling.config import InputError, schema_class, schema_node, without_hydra
from coupling.guard import require_no_code
from coupling.job import JobReport
from coupling.sweep import (
    PlannedJob,
    SweepPlan,
    is_stopped_job,
    one_thread_each,
    progress_of,
    require_launcher,
    stopped_reports,
    study_folder,
    write_plan,
)

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
    overrides = list(args.overrides)
    if args.run:
        overrides.append("hydra.mode=RUN")  # also where a study asks for a sweep
    if args.multirun:
        return _sweep(hydra, name, overrides, task)
    # Values of a sweep pass here: a study may ask for one without --multirun
    node = hydra.compose_config(name, overrides, RunMode.RUN, validate_sweep_overrides=False)
    require_no_code(node)
    if node.hydra.mode == RunMode.MULTIRUN:
        return _sweep(hydra, name, overrides, task)
    if any(given.is_sweep_override() for given in _parsed(hydra, overrides)):
        hydra.compose_config(name, overrides, RunMode.RUN)  # Hydra refuses them in its own words
    _require_complete(node)
    return [_single(hydra, name, node, task)]


def _single(hydra: Any, name: str, node: DictConfig, task: Task) -> JobReport:
    """Run one job as Hydra's own `run` does, which would compose its configuration again."""
    configure_log(node.hydra.hydra_logging, node.hydra.verbose)
    with open_dict(node):
        node.hydra.mode = RunMode.RUN
    callbacks = Callbacks(node)
    callbacks.on_run_start(config=node, config_name=name)
    done = run_job(
        hydra_context=HydraContext(config_loader=hydra.config_loader, callbacks=callbacks),
        task_function=task,
        config=node,
        job_dir_key="hydra.run.dir",
        job_subdir_key=None,
    )
    callbacks.on_run_end(config=node, config_name=name, job_return=done)
    report: JobReport = done.return_value
    return report


def _sweep(hydra: Any, name: str, overrides: list[str], task: Task) -> list[JobReport]:
    """Write down what a sweep is going to do, do it, and return the report of every job."""
    node = hydra.compose_config(name, overrides, RunMode.MULTIRUN, with_log_configuration=False)
    require_no_code(node)
    launcher, study = (node.hydra.runtime.choices.get(key) for key in ("hydra/launcher", "study"))
    require_launcher(launcher)
    folder = _resolved(node, "dir")
    if study is not None and not any(given.startswith("hydra.sweep.dir=") for given in overrides):
        folder = study_folder(name, study, list(node.hydra.overrides.task))
    # the same for every job, however late it starts: the folder may hold the time
    quoted = folder.replace("\\", "\\\\").replace("'", "\\'")
    overrides = [*overrides, f"hydra.sweep.dir='{quoted}'"]
    jobs = list(_planned(hydra, name, overrides, node.hydra.sweeper.get("params") or {}))
    write_plan(Path(folder), SweepPlan(name, study, str(launcher), jobs))
    try:
        with one_thread_each(), progress_of(Path(folder), jobs, shown=launcher != "basic"):
            batches = hydra.multirun(name, task, overrides)
    except Exception as error:
        if not is_stopped_job(error):
            raise
        return stopped_reports(Path(folder), jobs, error)
    return [job.return_value for batch in batches for job in batch]


def _planned(
    hydra: Any, name: str, overrides: list[str], params: Mapping[str, Any]
) -> Iterator[PlannedJob]:
    """Compose every job of a sweep before Hydra makes the sweep's folder.

    Hydra checks them too, but only after it has written there.
    """
    given = [override for override in overrides if override.startswith("hydra")]
    taken: dict[str, int] = {}
    for number, job in enumerate(sweep_overrides(hydra, overrides, params)):
        node = hydra.compose_config(name, job, RunMode.RUN)
        require_no_code(node)
        _require_complete(node)
        with open_dict(node):
            node.hydra.job.num = number
        folder = _resolved(node, "subdir")
        if folder in taken:
            raise InputError(
                f"hydra.sweep.subdir={folder} is the folder of jobs {taken[folder]} and {number}; "
                "each needs its own"
            )
        taken[folder] = number
        yield PlannedJob(folder, [override for override in job if override not in given])


def _resolved(node: DictConfig, key: str) -> str:
    """Return the folder of a sweep (dir), or of a job in it (subdir), as Hydra will name it."""
    HydraConfig.instance().set_config(node)
    return str(node.hydra.sweep[key])


def sweep_overrides(
    hydra: Any, overrides: list[str], params: Mapping[str, Any] | None = None
) -> Iterator[list[str]]:
    """Yield the overrides of each job of a sweep, as Hydra's basic sweeper expands them.

    `params` are those of the configuration; what the command line gives takes their place.
    """
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

    lines = [f"{key}={values}" for key, values in (params or {}).items()] + overrides
    parsed = _parsed(hydra, lines)
    for override in parsed:
        if override.key_or_group == "study" and override.is_sweep_override():
            raise InputError("study: one at a time, each is a sweep of its own")
    for batch in BasicSweeper.split_arguments(parsed, None):
        yield from batch


def _parsed(hydra: Any, overrides: list[str]) -> Any:
    return OverridesParser.create(config_loader=hydra.config_loader).parse_overrides(overrides)


def _require_complete(node: DictConfig) -> None:
    missing = sorted(OmegaConf.missing_keys(without_hydra(node)))
    if missing:
        raise InputError(f"{missing[0]} is required: give {missing[0]}=...")
