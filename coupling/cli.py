"""The command ``islet VERB [key=value ...]``."""

from __future__ import annotations

import difflib
import functools
import logging
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from coupling.job import JobReport

# What follows imports Hydra and the schemas inside the functions that need
# them: `islet` and `islet --help` answer at once.

USAGE = """\
usage: islet VERB [key=value ...]      one run
       islet VERB -m key=a,b,c         a sweep, one job per value
       islet VERB --help               the verb's keys, with units

verbs:
{verbs}

Each run writes a folder (default outputs/VERB/DATE_TIME; hydra.run.dir=FOLDER chooses it)
that ends with result.json. Shell completion: eval "$(islet -sc install=bash)"
"""


def main() -> None:
    """Console entry: run the command line and exit with its code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code.

    Codes: 0 done, 2 bad input or configuration, 3 no convergence, 1 anything
    else, 130 interrupted.
    """
    from coupling.verbs import SUMMARY

    if not arguments or arguments[0] in ("--help", "-h", "help"):
        lines = [f"  {verb:<10}{summary}" for verb, summary in SUMMARY.items()]
        print(USAGE.format(verbs="\n".join(lines)), end="")
        return 0
    verb, rest = arguments[0], list(arguments[1:])
    if verb == "--version":
        from coupling.results import islet_version

        print(f"islet {islet_version()}")
        return 0
    if verb in ("-sc", "--shell-completion"):
        verb, rest = _completing(arguments, list(SUMMARY))
        if not verb:
            return 0
    if verb not in SUMMARY:
        near = difflib.get_close_matches(verb, SUMMARY, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(SUMMARY)}"
        _say("islet", f"no verb {verb!r}; {hint}")
        return 2
    try:
        return _run_verb(verb, rest)
    except KeyboardInterrupt:
        _say(f"islet {verb}", "interrupted")
        return 130


def _run_verb(verb: str, arguments: list[str]) -> int:
    from coupling import launcher
    from coupling.job import exit_code_of, wants_traceback
    from coupling.messages import COMPOSITION_ERRORS, all_keys, composition_message

    # a log that cannot be written, on a full disk, is not worth a traceback
    logging.raiseExceptions = wants_traceback()
    overrides: list[str] = []
    try:
        args = launcher.parse_arguments(arguments)
        overrides = args.overrides
        if args.help:
            from coupling.help import help_text

            print(help_text(verb, launcher.compose(verb, args)), end="")
            return 0
        reports = launcher.launch(verb, args, functools.partial(_task, verb))
    except Exception as error:  # jobs report their own; this is about starting them
        if wants_traceback():
            traceback.print_exc()
        message, code = str(error), exit_code_of(error)
        if isinstance(error, COMPOSITION_ERRORS):
            blank = launcher.compose(verb, launcher.parse_arguments([]))
            message, code = composition_message(error, overrides, all_keys(blank)), 2
        elif isinstance(error, OSError):
            code = 2  # a folder that cannot be made or written
        elif isinstance(error.__cause__, OSError):
            message, code = str(error.__cause__), 2  # the log that logging cannot open
        elif code == 1:
            message = f"{type(error).__name__}: {message} (ISLET_DEBUG=1 shows where)"
        _say(f"islet {verb}", message)
        return code
    return 0 if reports is None else _conclude(verb, reports)


def _task(verb: str, node: DictConfig) -> JobReport:
    """Do one job; the only place that asks Hydra for the folder."""
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf

    from coupling.job import execute

    hydra = HydraConfig.get()
    in_sweep = not OmegaConf.is_missing(hydra.job, "num")
    return execute(verb, node, Path(hydra.runtime.output_dir), wait=in_sweep)


def _conclude(verb: str, reports: Sequence[JobReport]) -> int:
    """Say where the results are and return the exit code of one job or of a sweep."""
    failed = [report for report in reports if report.exit_code]
    if len(reports) == 1:
        if not failed:
            if verb == "image":
                _summarise(Path(reports[0].folder))
            print(reports[0].message)
        return reports[0].exit_code
    for report in failed:
        print(f"islet {verb}: {report.folder}: {report.message}", file=sys.stderr)
    sweep = os.path.commonpath([report.folder for report in reports])
    print(f"sweep: {sweep} ({len(reports) - len(failed)} of {len(reports)} jobs done)")
    if verb == "solve":
        print(f"table and figures: islet collect sweep={sweep}", file=sys.stderr)
    if not failed:
        return 0
    return 2 if all(report.exit_code == 2 for report in failed) else 3


def _summarise(folder: Path) -> None:
    """Tell the main numbers and what they rest on, beside what other programs read."""
    from coupling.results import read_result
    from coupling.summary import summary

    if (result := read_result(folder)) is not None:
        print(*summary(result), sep="\n", file=sys.stderr)


def _completing(arguments: Sequence[str], verbs: list[str]) -> tuple[str, list[str]]:
    """Return the verb and arguments that complete what the shell holds.

    Hydra's shell scripts know no verbs: they ask the bare command, with the
    line so far in COMP_LINE. The verb itself is completed here.
    """
    if not any(argument.startswith("query=") for argument in arguments):
        return verbs[0], list(arguments)  # install and uninstall are the same for every verb
    words = os.environ.get("COMP_LINE", "").split(maxsplit=2)
    if len(words) < 2 or words[1] not in verbs:
        print(" ".join(verbs))
        return "", []
    os.environ["COMP_LINE"] = " ".join([words[0], *words[2:]])
    return words[1], list(arguments)


def _say(name: str, message: str) -> None:
    print(f"{name}: {message}", file=sys.stderr)


if __name__ == "__main__":
    # Under its own name, so that jobs in other processes find the same module.
    from coupling.cli import main as _main

    _main()
