"""One job from composed configuration to ``result.json``; it never raises (but for Ctrl-C)."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from coupling import results, verbs
from coupling.captions import write_captions
from coupling.config import InputError, input_paths, job_fingerprint, plain, validated
from coupling.results import Result

log = logging.getLogger("islet")

INTERRUPTED = 130
"""Exit code of a command stopped by Ctrl-C, as shells have it."""


@dataclass(frozen=True)
class JobReport:
    """What a job tells the command that launched it; small, as it may come from elsewhere."""

    folder: str
    exit_code: int
    message: str
    """One line: why it failed, or where the result is."""


def exit_code_of(error: BaseException) -> int:
    """Return 2 for bad input, 3 for a numerical failure, 1 for anything else.

    An exception class says so itself by an attribute ``exit_code``; ValueError
    and what the file system says of an input count as bad input.
    """
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    code = getattr(error, "exit_code", None)
    if isinstance(code, int):
        return code
    bad_input = (ValueError, FileNotFoundError, IsADirectoryError, NotADirectoryError)
    refused = isinstance(error, (*bad_input, PermissionError)) or is_disk_full(error)
    return 2 if refused or getattr(error, "errno", None) == errno.EROFS else 1


def is_disk_full(error: BaseException) -> bool:
    """Whether a write failed for want of space; NumPy says so in words, without a number."""
    if not isinstance(error, OSError):
        return False
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return full or re.search(r"\d+ requested and \d+ written", str(error)) is not None


def wants_traceback() -> bool:
    """Whether the user asked for tracebacks by ISLET_DEBUG=1 or HYDRA_FULL_ERROR=1."""
    return os.environ.get("ISLET_DEBUG") == "1" or os.environ.get("HYDRA_FULL_ERROR") == "1"


def execute(verb: str, node: DictConfig, folder: Path, *, wait: bool = False) -> JobReport:
    """Do one job in its folder, unless it is already done there.

    Parameters
    ----------
    verb, node, folder
        What to do, with which configuration, where.
    wait
        Wait for another islet process that is busy in the folder, which may be doing this very
        job, instead of refusing. Jobs of a sweep do: a worker may outlive the sweep that
        started it.
    """
    try:
        with _locked(folder, wait):
            return _execute(verb, node, folder)
    except Exception as error:  # a job that raised would stop the sweep that it is part of
        return _report(folder, error)


def _execute(verb: str, node: DictConfig, folder: Path) -> JobReport:
    present = results.read_result(folder)
    finished = present is not None and present.status == "ok"
    raw = _raw(node)
    job = Result("failed", results.islet_version(), verb, results.fingerprint(verb, raw, {}), raw)
    start = time.perf_counter()
    try:
        config = validated(node)
        hashes = _hashes(config, None if finished else verb)
        inputs = plain(config)
        mark = job_fingerprint(verb, config, hashes)
        inputs |= {"input_sha256": hashes, "libraries": results.library_versions()}
        job = Result("failed", job.version, verb, mark, inputs)
        if finished and not config.force:
            assert present is not None
            if present.fingerprint != mark:
                raise InputError(
                    f"{folder} holds the finished result of another job; choose another folder "
                    "by hydra.run.dir=..., or replace it by force=true"
                )
            damaged = results.damaged_files(folder, present)
            if not damaged:
                log.info("already done: %s (force=true repeats it)", folder)
                return _done(folder, present)
            log.warning("%s: %s missing or changed; done again", folder, ", ".join(damaged))
        elif present is None and (folder / results.RESULT).exists():
            log.warning("%s: %s is damaged; done again", folder, results.RESULT)
        finished = False  # from here on the folder is this job's
        results.remove_result(folder)
        results.write_atomic(folder / "config.yaml", OmegaConf.to_yaml(node))
        outcome = verbs.load(verb)(config, folder)
        files = results.relative_files(folder, outcome.files)
        files += results.relative_files(folder, write_captions(folder, files))
        done = Result(
            status="ok",
            version=job.version,
            verb=verb,
            fingerprint=mark,
            inputs=inputs | dict(outcome.inputs),
            scalars=dict(outcome.scalars),
            assumptions=dict(outcome.assumptions),
            files=files,
            file_marks=results.file_marks(folder, files),
            timing_s={**outcome.timing_s, "total": time.perf_counter() - start},
        )
        results.write_result(folder, done)
        return _done(folder, done)
    except BaseException as error:
        report = _report(folder, error)
        if not finished:  # never put a failure in the place of another job's result
            timing = {"total": time.perf_counter() - start}
            failed = Result(
                "failed", job.version, verb, job.fingerprint, job.inputs,
                timing_s=timing, reason=report.message, exit_code=report.exit_code,
            )  # fmt: skip
            with contextlib.suppress(OSError):  # where nothing can be written, the log says it
                results.write_result(folder, failed)
        if not isinstance(error, Exception):
            raise
        return report


def _raw(node: DictConfig) -> dict[str, Any]:
    """Return the composed configuration as it is, for the record of a job that it broke."""
    raw: dict[str, Any] = plain(OmegaConf.to_container(node, resolve=False))
    return raw


def _hashes(config: Any, verb: str | None) -> dict[str, str]:
    """Check sums of the input files; while large ones are read, load what is going to be run."""
    paths = input_paths(config)
    for key, path in paths.items():
        if not path.exists():
            raise InputError(f"{key}={path}: no such file or folder")
        if not (path.is_file() or path.is_dir()):
            raise InputError(f"{key}={path}: a file or folder is needed, not a pipe or device")
    with ThreadPoolExecutor() as pool:
        found = pool.map(results.content_hash, paths.values())
        if paths and verb is not None:
            verbs.load(verb)
        return dict(zip(paths, found, strict=True))


def _done(folder: Path, result: Result) -> JobReport:
    reports = [name for name in result.files if Path(name).name == "report.html"]
    report = min(reports, key=len, default=None)  # that of all cells lies above those of each
    where = f"report: {folder / report}" if report else f"result: {folder / results.RESULT}"
    return JobReport(str(folder), 0, where)


def _report(folder: Path, error: BaseException) -> JobReport:
    """Log a failure at once, with its traceback only where it helps, and report it."""
    code = exit_code_of(error)
    if code == INTERRUPTED:  # the command itself says so
        return JobReport(str(folder), code, "interrupted")
    message = str(error) or type(error).__name__
    if is_disk_full(error):
        message = f"{folder}: no space left on the disk: make room, and give the same command again"
    if code == 1:
        message = f"{type(error).__name__}: {message}"
    if wants_traceback():
        log.exception(message)
    else:
        hint = " (ISLET_DEBUG=1 shows where)" if code == 1 else ""
        log.error("%s%s", message, hint)
    return JobReport(str(folder), code, message)


@contextlib.contextmanager
def _locked(folder: Path, wait: bool = False) -> Iterator[None]:
    """Hold the folder against another islet process that would write the same files.

    Where another holds it, wait for its end, or else refuse. The lock is the kernel's, on
    the folder itself: it leaves no file and goes with the process. File systems that cannot
    lock a folder are let pass.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not wait:
                raise InputError(
                    f"another islet process is writing into {folder}; choose another folder by "
                    "hydra.run.dir=..."
                ) from None
            log.info("waiting for another islet process, which is writing into %s", folder)
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError as error:
            log.debug("cannot lock %s: %s", folder, error)
        yield
    finally:
        os.close(handle)
