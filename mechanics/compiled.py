"""The element loops of `kinematics` in C, compiled on first use for the machine at hand.

The NumPy functions of `kinematics` are the reference; these give the same numbers several times
faster. ``kernels.c`` is compiled once with the compiler ``CC``, else ``cc``, ``gcc`` or ``clang``,
and kept in the folder ``islet`` of the user's cache (``XDG_CACHE_HOME``, else ``~/.cache``) under
a name that tells source, flags, compiler and processor; where that cannot be, it is compiled
anew by each process. Where there is no compiler the reference is used, with a warning; the
environment variable ``ISLET_KERNELS=numpy`` asks for it.
"""

from __future__ import annotations

import ctypes
import hashlib
import logging
import math
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mechanics.assembly import Discretisation
from mechanics.kinematics import POINTWISE, REFERENCE, Body, History, Response
from mechanics.layout import Region
from mechanics.plasticity import RR, RZ, TT, PlasticState
from mechanics.profile import Floats
from mechanics.stack import Kinematics

log = logging.getLogger(__name__)

SOURCE = Path(__file__).with_name("kernels.c")
FLAGS = (
    *("-std=gnu11", "-O3", "-march=native", "-fPIC", "-shared"),
    # neither changes a value; -ffast-math would lose what is not finite
    *("-fno-math-errno", "-fno-trapping-math"),
)
CHOICE = "ISLET_KERNELS"
"""Environment variable; ``numpy`` asks for the reference."""


class CompilerError(Exception):
    """The kernels cannot be compiled or loaded."""


# ---- compiling and loading ----


def cache_folder() -> Path:
    """Return the folder of compiled kernels, not necessarily there."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    # a relative path is to be ignored (XDG base directory specification)
    return (Path(given) if Path(given).is_absolute() else Path.home() / ".cache") / "islet"


def _compiler() -> list[str]:
    """Return the command of the C compiler."""
    given = shlex.split(os.environ.get("CC", ""))
    for command in (given,) if given else (["cc"], ["gcc"], ["clang"]):
        if shutil.which(command[0]):
            return command
    raise CompilerError(f"no C compiler ({' '.join(given) or 'cc, gcc or clang'}) was found")


def _run(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        raise CompilerError(str(error)) from error
    if done.returncode != 0:
        raise CompilerError(f"{shlex.join(command)} failed: {done.stderr.strip()[:500]}")
    return done.stdout


def _processor() -> str:
    """Return what tells machines apart that -march=native treats differently."""
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as stream:
            first = stream.read(16384).split("\n\n")[0]
    except OSError:
        return platform.processor()
    named = ("vendor_id", "cpu family", "model", "flags", "Features", "CPU ")
    return "\n".join(line for line in first.splitlines() if line.startswith(named))


def _name(compiler: Sequence[str]) -> str:
    parts = (
        SOURCE.read_text(encoding="utf-8"),
        *FLAGS,
        *compiler,
        _run([*compiler, "--version"]),
        platform.machine(),
        _processor(),
    )
    return f"kernels-{hashlib.sha256('\0'.join(parts).encode()).hexdigest()[:24]}.so"


def build(folder: Path) -> Path:
    """Return the shared library in a folder, compiled if it is not there yet.

    Raises
    ------
    CompilerError
        If there is no compiler, or it fails.
    OSError
        If the folder cannot be written.
    """
    compiler = _compiler()
    path = folder / _name(compiler)
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    # a name of its own, then renamed: another process may compile at the same time
    with tempfile.TemporaryDirectory(prefix=".build-", dir=folder) as own:
        made = Path(own) / path.name
        _run([*compiler, *FLAGS, "-o", str(made), str(SOURCE), "-lm"])
        made.replace(path)
    return path


def _loaded(folder: Path) -> ctypes.CDLL:
    kernels = ctypes.CDLL(str(build(folder)))
    for name in ("small_strain", "finite_strain"):
        function = getattr(kernels, name)
        function.argtypes, function.restype = [ctypes.c_void_p] * 4, None
    return kernels


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL | None:
    """Return the compiled kernels, or None with a warning."""
    try:
        try:
            return _loaded(cache_folder())
        except (OSError, RuntimeError) as error:  # RuntimeError: no home
            log.debug("the kernels are not kept: %s", error)
            with tempfile.TemporaryDirectory(prefix="islet-") as folder:
                return _loaded(Path(folder))  # once loaded, the file is not needed any more
    except (CompilerError, OSError) as error:
        log.warning("element loops run in NumPy, several times slower: %s", error)
        return None


def kernels() -> ctypes.CDLL | None:
    """Return the compiled kernels; None where the NumPy functions are to be used.

    Raises
    ------
    ValueError
        If the environment variable ``ISLET_KERNELS`` is neither empty nor ``numpy``.
    """
    choice = os.environ.get(CHOICE, "")
    if choice not in ("", "numpy"):
        raise ValueError(f"{CHOICE} must be 'numpy' or not set, got {choice!r}")
    return None if choice else _library()


# ---- the structures of kernels.c, and the arrays that they point to ----


class _Mesh(ctypes.Structure):
    _fields_ = [(name, ctypes.c_void_p) for name in ("nodes", "slopes", "volumes", "basis")]


BODY = ("bulk", "pointwise", "shear", "yield_", "hardening", "growth")


class _Body(ctypes.Structure):
    _fields_ = [
        ("count", ctypes.c_int64),
        ("cells", ctypes.c_void_p),
        *((name, ctypes.c_double) for name in BODY),
        *((name, ctypes.c_void_p) for name in ("tensor", "equivalent")),
    ]


class _Answer(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_void_p)
        for name in ("forces", "stress", "tensor", "equivalent", "stiffness")
    ]


@dataclass(frozen=True)
class _Given:
    """A structure to be read, with the arrays that it points to, which must outlive it."""

    structure: ctypes.Structure
    arrays: tuple[Any, ...]

    @property
    def address(self) -> int:
        return ctypes.addressof(self.structure)


def _address(array: NDArray[Any] | None) -> int | None:
    return None if array is None else array.ctypes.data


_meshes: dict[int, _Given] = {}
"""What was made of a discretisation, by its identity, as long as it lives."""


def _mesh_of(space: Discretisation) -> _Given:
    found = _meshes.get(id(space))
    if found is None:
        found = _meshes[id(space)] = _new_mesh(space)
        weakref.finalize(space, _meshes.pop, id(space), None)
    return found


def _new_mesh(space: Discretisation) -> _Given:
    operator = space.plain_operator
    if operator.shape[1:] != (9, 5, 18):
        raise ValueError(f"the kernels are for 9 nodes and 9 points, not {operator.shape[1:]}")
    slopes = np.stack(
        (operator[:, :, RR, ::2], operator[:, :, RZ, ::2], operator[:, :, TT, ::2]), 2
    )
    root = np.sqrt(space.volumes)[..., None]
    linear = np.concatenate((np.ones_like(root), space.points), axis=-1)
    linear[..., 1:] -= space.points.mean(axis=1, keepdims=True)  # else nearly parallel far off
    basis = np.swapaxes(np.linalg.qr(root * linear)[0] / root, 1, 2)
    arrays = tuple(
        np.ascontiguousarray(array) for array in (space.element_nodes, slopes, space.volumes, basis)
    )
    return _Given(_Mesh(*map(_address, arrays)), arrays)


def _body(space: Discretisation, body: Body, past: PlasticState | None, growth: float) -> _Given:
    cells = np.ascontiguousarray(body.cells, dtype=np.int64)
    tensor = equivalent = None
    if past is not None:
        count = len(cells) * space.point_count
        if past.tensor.shape != (count, 5) or past.equivalent.shape != (count,):
            raise ValueError(f"history of {past.tensor.shape} for {count} points")
        tensor = np.ascontiguousarray(past.tensor, dtype=float)
        equivalent = np.ascontiguousarray(past.equivalent, dtype=float)
    material = body.material
    structure = _Body(
        len(cells),
        _address(cells),
        material.bulk_mpa,
        POINTWISE * material.bulk_mpa,
        material.shear_mpa,
        math.inf if material.yield_mpa is None else material.yield_mpa,
        material.hardening_mpa,
        growth if body.grows else 0.0,
        _address(tensor),
        _address(equivalent),
    )
    return _Given(structure, (cells, tensor, equivalent))


# ---- the response ----


def respond(
    kinematics: Kinematics,
    space: Discretisation,
    bodies: Sequence[Body],
    history: History,
    growth: float,
    displacement: Floats,
) -> Response:
    """Return what `kinematics.REFERENCE` returns, from the kernels where there are any."""
    library = kernels()
    if library is None:
        return REFERENCE[kinematics](space, bodies, history, growth, displacement)
    kernel = {
        Kinematics.small: library.small_strain,
        Kinematics.finite: library.finite_strain,
    }[kinematics]
    return _response(kernel, space, bodies, history, growth, displacement)


def _response(
    kernel: Callable[..., None],
    space: Discretisation,
    bodies: Sequence[Body],
    history: History,
    growth: float,
    displacement: Floats,
) -> Response:
    """Call a kernel for the response; keep what it will want for the stiffness."""
    if displacement.shape != (space.dof_count,):
        raise ValueError(f"{displacement.shape} displacements for {space.dof_count} components")
    mesh, moved = _mesh_of(space), np.array(displacement, dtype=float)
    forces = np.empty((space.cell_count, 18))
    stress = np.empty((space.cell_count, space.point_count, 5))
    given: list[_Given] = []
    new: dict[Region, PlasticState] = {}
    for body in bodies:
        past = history.get(body.region)
        given.append(_body(space, body, past, growth))
        answer = _Answer(_address(forces), _address(stress))
        if past is not None:
            state = past
            if body.material.yield_mpa is not None:
                state = PlasticState(np.empty(past.tensor.shape), np.empty(past.equivalent.shape))
                answer.tensor, answer.equivalent = map(_address, (state.tensor, state.equivalent))
            new[body.region] = state
        kernel(mesh.address, given[-1].address, _address(moved), ctypes.addressof(answer))

    def stiffness() -> Floats:
        matrices = np.empty((space.cell_count, 18, 18))
        answer = _Answer(stiffness=_address(matrices))
        for body in given:
            kernel(mesh.address, body.address, _address(moved), ctypes.addressof(answer))
        return matrices

    return Response(forces, stiffness, stress, new)
