"""Result files: written whole or not at all, read back, and recognised as the same job."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

Scalar = float | int | str | bool | None

RESULT = "result.json"
"""Name of the result file in a run's folder."""

_HASHED_BYTES = 64 * 2**20
"""Files up to this size are recognised by their content, larger ones by their size."""

_LIBRARIES = ("numpy", "scipy", "fenics-dolfinx", "dolfinx-solver-real")
"""Distributions that the numbers depend on; DOLFINx goes by the one name or the other."""


@dataclass(frozen=True)
class Outcome:
    """What a verb hands back."""

    scalars: Mapping[str, Scalar] = field(default_factory=dict)
    """Numbers worth a column in a table; names carry their unit."""
    files: Iterable[Path] = ()
    """Files written, all inside the run's folder."""
    timing_s: Mapping[str, float] = field(default_factory=dict)
    """Wall-clock time of each part, s."""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    """What was decided automatically, beside the configuration."""
    assumptions: Mapping[str, list[str]] = field(default_factory=dict)
    """What each number rests on, by the name of the scalar or file."""


@dataclass(frozen=True)
class Result:
    """Content of a ``result.json``."""

    status: str
    """``ok`` or ``failed``."""
    version: str
    """Version of islet."""
    verb: str
    fingerprint: str
    """Identity of the job, see `fingerprint`."""
    inputs: dict[str, Any]
    """The whole configuration, the hashes of the input files, the versions of the libraries."""
    scalars: dict[str, Scalar] = field(default_factory=dict)
    assumptions: dict[str, list[str]] = field(default_factory=dict)
    """What each number rests on, by the name of the scalar or file."""
    files: list[str] = field(default_factory=list)
    """Paths relative to the run's folder."""
    file_marks: dict[str, str] = field(default_factory=dict)
    """What each file was when it was written, see `file_mark`."""
    timing_s: dict[str, float] = field(default_factory=dict)
    reason: str | None = None
    """Why the job failed."""
    exit_code: int = 0

    def __post_init__(self) -> None:
        if self.status not in ("ok", "failed"):
            raise ValueError(f"status must be 'ok' or 'failed', got {self.status!r}")
        kinds = {
            "inputs": dict,
            "scalars": dict,
            "timing_s": dict,
            "file_marks": dict,
            "files": list,
            "assumptions": dict,
        }
        for name, kind in kinds.items():
            if not isinstance(getattr(self, name), kind):
                raise ValueError(f"{name} must be a {kind.__name__}")


def islet_version() -> str:
    """Return the installed version of islet."""
    return metadata.version("islet")


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries that carry the numbers, without importing them."""
    versions = {}
    for name in _LIBRARIES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions


def content_hash(path: Path) -> str:
    """Return the SHA-256 of a file's content, or of all names and contents below a folder."""
    if not path.is_dir():
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    digest = hashlib.sha256()
    for file in sorted(p for p in path.rglob("*") if p.is_file()):
        digest.update(f"{file.relative_to(path).as_posix()}\0{content_hash(file)}\n".encode())
    return digest.hexdigest()


def fingerprint(verb: str, inputs: Mapping[str, Any], hashes: Mapping[str, str]) -> str:
    """Return the identity of a job: the same numbers on the same data by the same version.

    Input files count by their content, wherever they lie: their paths are
    taken out of `inputs`.

    Parameters
    ----------
    verb
        What is done.
    inputs
        Configuration, as plain values, without keys that do not change the result.
    hashes
        SHA-256 of each input file, by its dotted key in `inputs`.
    """
    numbers = _without(inputs, {key.split("[")[0] for key in hashes})
    job = {"version": islet_version(), "verb": verb, "inputs": numbers, "files": dict(hashes)}
    return hashlib.sha256(json.dumps(job, sort_keys=True).encode()).hexdigest()


def _without(inputs: Mapping[str, Any], keys: set[str]) -> dict[str, Any]:
    """Return nested dictionaries without the given dotted keys."""
    kept: dict[str, Any] = {}
    for name, value in inputs.items():
        if name in keys:
            continue
        inner = {key.removeprefix(f"{name}.") for key in keys if key.startswith(f"{name}.")}
        kept[name] = _without(value, inner) if inner and isinstance(value, Mapping) else value
    return kept


def write_result(folder: Path, result: Result) -> Path:
    """Write ``result.json`` so that it is there whole or not at all, with its own digest."""
    content = _json(dataclasses.asdict(result))
    content["digest"] = _digest(content)
    return write_atomic(folder / RESULT, json.dumps(content, indent=2, allow_nan=False) + "\n")


def _digest(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a result's content, however it is laid out in the file."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def write_atomic(path: Path, text: str) -> Path:
    """Write a text file under a temporary name in the same folder, flush it, rename it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(0o666 & ~_umask())  # mkstemp's files are private
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return path


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _json(value: Any) -> Any:
    """Return plain JSON values: numpy scalars unwrapped, NaN and infinity as null."""
    if isinstance(value, Mapping):
        return {str(key): _json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json(item) for item in value]
    if isinstance(value, Path):
        return value.as_posix()
    if hasattr(value, "tolist"):  # numpy scalar or array, without importing numpy
        return _json(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def read_result(folder: Path) -> Result | None:
    """Return a folder's result, or None where there is none that can be read whole.

    A result whose content is not what was written (its digest says so), or that
    claims success without scalars or files, counts as none.
    """
    try:
        content = json.loads((folder / RESULT).read_text(encoding="utf-8"))
        written = content.pop("digest", None)
        if written is not None and written != _digest(content):
            return None
        if content.get("status") == "ok" and not {"scalars", "files"} <= set(content):
            return None
        return Result(**content)
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def require_finished(folder: Path, *verbs: str) -> Result:
    """Return the result of a finished run of one of some verbs.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If the folder holds no finished run of these verbs.
    """
    wanted = " or ".join(f"`islet {verb}`" for verb in verbs)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder; give the folder of a finished {wanted}")
    result = read_result(folder)
    if result is None or result.status != "ok":
        state = "no result" if result is None else f"a failed run ({result.reason})"
        raise ValueError(f"{folder} holds {state}; give the folder of a finished {wanted}")
    if result.verb not in verbs:
        raise ValueError(
            f"{folder} is the folder of `islet {result.verb}`; give that of a finished {wanted}"
        )
    return result


def file_mark(path: Path) -> str:
    """Return what tells whether a file, or a folder, is still what was written.

    The SHA-256 of a file's content, or its size where reading it all would
    take long; number and size of all files for a folder.
    """
    if path.is_dir():
        sizes = [file.stat().st_size for file in path.rglob("*") if file.is_file()]
        return f"{len(sizes)} files, {sum(sizes)} bytes"
    size = path.stat().st_size
    return f"{size} bytes" if size > _HASHED_BYTES else f"sha256:{content_hash(path)}"


def file_marks(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the mark of each of a result's files."""
    return {name: file_mark(folder / name) for name in names}


def damaged_files(folder: Path, result: Result) -> list[str]:
    """Return the files of a result that are gone or no longer what was written."""
    return [
        name
        for name in result.files
        if not (folder / name).exists()
        or result.file_marks.get(name, file_mark(folder / name)) != file_mark(folder / name)
    ]


def remove_result(folder: Path) -> None:
    """Remove a folder's result and the files that it lists, before another job writes there."""
    old = read_result(folder)
    (folder / RESULT).unlink(missing_ok=True)
    root = folder.resolve()
    for name in old.files if old is not None else ():
        file = (folder / name).resolve()
        if root not in file.parents:
            continue
        if file.is_dir():
            shutil.rmtree(file)
        else:
            file.unlink(missing_ok=True)


def relative_files(folder: Path, files: Iterable[Path]) -> list[str]:
    """Return paths relative to the run's folder; each must exist inside it."""
    names = []
    for file in files:
        path = file if file.is_absolute() else folder / file
        if not path.exists():
            path = Path(file).resolve()  # given relative to the working directory
        if not path.exists():
            raise FileNotFoundError(f"the result lists {file}, which was not written")
        names.append(path.resolve().relative_to(folder.resolve()).as_posix())
    return names
