"""The compiled element loops: the same numbers as in NumPy, wherever and however they are built."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mechanics import compiled
from mechanics.assembly import Discretisation
from mechanics.interfaces import Contact, ContactOptions
from mechanics.kinematics import REFERENCE, RESPONSE, Body, History, Response, virgin
from mechanics.layout import Region
from mechanics.materials import Material, MaterialSet
from mechanics.mesh import build_mesh
from mechanics.plasticity import IDENTITY, PlasticState
from mechanics.profile import Floats, cap
from mechanics.stack import Kinematics, MeshSize, StackGeometry

ROOT = Path(__file__).parents[2]
GROWTH = 0.05
CLOSE = 1e-11
"""Difference from the reference, over the largest value."""

both = pytest.mark.parametrize("kinematics", list(Kinematics), ids=lambda k: k.name)


@pytest.fixture(autouse=True)
def _own_choice(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let each test find a compiler anew, whatever the shell asks for."""
    monkeypatch.delenv(compiled.CHOICE, raising=False)
    compiled._library.cache_clear()
    yield
    compiled._library.cache_clear()


@pytest.fixture(scope="module")
def space() -> Discretisation:
    bonded = ContactOptions(kind=Contact.bonded)
    return Discretisation(
        build_mesh(cap(44.0, 20.0), StackGeometry(), MeshSize(fine_um=5.0), bonded)
    )


@pytest.fixture(scope="module")
def bodies(space: Discretisation) -> list[Body]:
    m = MaterialSet()
    of: dict[Region, Material] = {Region.se: m.se, Region.cu: m.cu, Region.island: m.li}
    found = [Body(region, space.cells_of(region), of[region]) for region in of]
    assert sum(len(body.cells) for body in found) == space.cell_count
    return found


def displacements(space: Discretisation, seed: int, size: float = 1.0) -> Floats:
    """Return a stretch and noise of about one per cent of strain, more than lithium can bear."""
    noise = 0.01 * np.sqrt(space.areas.sum(axis=1)).min()
    smooth = 0.02 * space.node_points * [1.0, -0.5]
    random = np.random.default_rng(seed).normal(0, noise, smooth.shape)
    return size * (smooth + random).ravel()


def elastic(bodies: list[Body]) -> list[Body]:
    return [
        replace(body, material=Material(body.material.youngs_mpa, body.material.poisson))
        for body in bodies
    ]


def assert_close(found: Floats, expected: Floats, scale: float | None = None) -> None:
    size = np.abs(expected).max() if scale is None else scale
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= CLOSE * size


def assert_same(found: Response, expected: Response, force: float | None = None) -> None:
    assert_close(found.forces, expected.forces, force)
    assert_close(found.stress, expected.stress)
    assert_close(found.stiffness(), expected.stiffness())
    assert found.history.keys() == expected.history.keys()
    for region, state in expected.history.items():
        # both are strains, which may vanish
        assert_close(found.history[region].tensor, state.tensor, 1.0)
        assert_close(found.history[region].equivalent, state.equivalent, 1.0)


def assert_finite_alike(found: Response, expected: Response) -> None:
    with np.errstate(invalid="ignore", divide="ignore"):
        stiffness = found.stiffness(), expected.stiffness()
    pairs = [(found.forces, expected.forces), (found.stress, expected.stress), stiffness]
    for region, state in expected.history.items():
        own = found.history[region]
        pairs += [(own.tensor, state.tensor), (own.equivalent, state.equivalent)]
    for a, b in pairs:
        assert (np.isfinite(a) == np.isfinite(b)).all()


# ---- the numbers ----


@both
def test_kernels_are_what_the_solver_uses(
    kinematics: Kinematics, space: Discretisation, bodies: list[Body]
) -> None:
    assert compiled.kernels() is not None
    given = space, bodies, virgin(space, bodies), GROWTH, displacements(space, 0)
    own, reference = RESPONSE[kinematics](*given), REFERENCE[kinematics](*given)
    assert (own.forces != reference.forces).any()  # round-off tells them apart


@both
def test_plastic_with_a_past(
    kinematics: Kinematics, space: Discretisation, bodies: list[Body]
) -> None:
    def past(seed: int, history: History) -> History:
        moved = displacements(space, seed)
        return REFERENCE[kinematics](space, bodies, history, GROWTH / 2, moved).history

    history = past(2, past(1, virgin(space, bodies)))
    given = space, bodies, history, GROWTH, displacements(space, 3)
    own, reference = RESPONSE[kinematics](*given), REFERENCE[kinematics](*given)
    assert_same(own, reference)
    flows = reference.history[Region.island].equivalent > history[Region.island].equivalent
    holds = reference.history[Region.cu].equivalent == history[Region.cu].equivalent
    assert flows.mean() > 0.9
    assert holds.any()


@both
def test_elastic(kinematics: Kinematics, space: Discretisation, bodies: list[Body]) -> None:
    of = elastic(bodies)
    assert virgin(space, of) == {}
    given = space, of, virgin(space, of), GROWTH, displacements(space, 4)
    assert_same(RESPONSE[kinematics](*given), REFERENCE[kinematics](*given))


@both
def test_history_that_is_not_asked_for(
    kinematics: Kinematics, space: Discretisation, bodies: list[Body]
) -> None:
    """Without a past a body is virgin; an elastic one keeps the past that it has."""
    moved = displacements(space, 5)
    without: History = {}
    given = space, bodies, without, GROWTH, moved
    assert_same(RESPONSE[kinematics](*given), REFERENCE[kinematics](*given))
    past = REFERENCE[kinematics](space, bodies, virgin(space, bodies), GROWTH, moved).history
    kept = space, elastic(bodies), past, GROWTH, displacements(space, 6)
    assert_same(RESPONSE[kinematics](*kept), REFERENCE[kinematics](*kept))


@both
@pytest.mark.parametrize("size", [0.0, 1e-9], ids=["equal", "nearly equal"])
def test_equal_principal_stretches(
    kinematics: Kinematics, size: float, space: Discretisation, bodies: list[Body]
) -> None:
    given = space, bodies, virgin(space, bodies), GROWTH, displacements(space, 7, size)
    # forces but in lithium and around it are nothing but round-off of a strain of one
    stress = np.zeros((space.cell_count, space.point_count, 5))
    for body in bodies:
        stress[body.cells] = body.material.bulk_mpa * IDENTITY
    force = np.abs(space.element_forces(space.plain_operator, stress)).max()
    assert_same(RESPONSE[kinematics](*given), REFERENCE[kinematics](*given), force)


@both
def test_stiffness_belongs_to_the_displacement_of_its_response(
    kinematics: Kinematics, space: Discretisation, bodies: list[Body]
) -> None:
    moved = displacements(space, 8)
    given = space, bodies, virgin(space, bodies), GROWTH, moved
    expected = REFERENCE[kinematics](*given).stiffness()
    own = RESPONSE[kinematics](*given)
    moved[:] = 0.0
    assert_close(own.stiffness(), expected)
    assert_close(np.swapaxes(own.stiffness(), 1, 2), own.stiffness())


# ---- what is not finite ----


def test_all_folded(space: Discretisation, bodies: list[Body]) -> None:
    inside_out = (-2.0 * space.node_points).ravel()
    given = space, bodies, virgin(space, bodies), 0.0, inside_out
    own = RESPONSE[Kinematics.finite](*given)
    assert not np.isfinite(own.forces).any()
    assert_finite_alike(own, REFERENCE[Kinematics.finite](*given))


@pytest.mark.parametrize("fraction", [0.3, 0.6, 2.0])
def test_some_folded(fraction: float, space: Discretisation, bodies: list[Body]) -> None:
    """Middle nodes moved far: elements whose mean volume vanishes, and others at a point only."""
    moved = displacements(space, 9).reshape(-1, 2)
    sizes = np.sqrt(space.areas.sum(axis=1))
    for cell in (3, space.cell_count // 2, space.cell_count - 5):
        moved[space.element_nodes[cell, -1]] += fraction * sizes[cell]
    given = space, bodies, virgin(space, bodies), GROWTH, moved.ravel()
    own = RESPONSE[Kinematics.finite](*given)
    assert np.isfinite(own.forces).any()
    assert fraction < 0.5 or not np.isfinite(own.forces).all()
    assert_finite_alike(own, REFERENCE[Kinematics.finite](*given))


@both
def test_displacement_that_is_not_a_number(
    kinematics: Kinematics, space: Discretisation, bodies: list[Body]
) -> None:
    moved = displacements(space, 10)
    moved[[0, len(moved) // 2]] = np.nan
    given = space, bodies, virgin(space, bodies), GROWTH, moved
    own = RESPONSE[kinematics](*given)
    assert not np.isfinite(own.forces).all()
    assert_finite_alike(own, REFERENCE[kinematics](*given))


def test_arrays_of_another_mesh_are_refused(space: Discretisation, bodies: list[Body]) -> None:
    respond, history = RESPONSE[Kinematics.small], virgin(space, bodies)
    with pytest.raises(ValueError, match="displacements for"):
        respond(space, bodies, history, 0.0, np.zeros(space.dof_count - 1))
    few = {Region.island: PlasticState.virgin(9)}
    with pytest.raises(ValueError, match="history of"):
        respond(space, bodies, few, 0.0, np.zeros(space.dof_count))


# ---- compiling ----


def test_build_in_a_new_folder(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "yet"
    path = compiled.build(folder)
    assert [*folder.iterdir()] == [path]
    made = path.stat().st_mtime_ns
    assert compiled.build(folder) == path
    assert path.stat().st_mtime_ns == made


def test_cache_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert compiled.cache_folder() == Path("/somewhere/islet")
    for nothing in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", nothing)
        assert compiled.cache_folder() == Path.home() / ".cache" / "islet"


def test_name_tells_compiler_and_flags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = compiled.build(tmp_path)
    monkeypatch.setattr(compiled, "FLAGS", (*compiled.FLAGS, "-DANOTHER"))
    assert compiled.build(tmp_path) != first


def test_two_processes_at_once(tmp_path: Path) -> None:
    code = "from mechanics import compiled; assert compiled.kernels() is not None"
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    runs = [
        subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment) for _ in range(2)
    ]
    assert [run.wait(timeout=120) for run in runs] == [0, 0]
    (path,) = (tmp_path / "islet").iterdir()
    assert path.suffix == ".so"


def test_cache_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert compiled.kernels() is not None
    assert not caplog.records


def test_cached_library_that_cannot_be_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    compiled.build(compiled.cache_folder()).write_bytes(b"of another machine")
    assert compiled.kernels() is not None


@both
def test_numpy_when_asked_for(
    kinematics: Kinematics,
    space: Discretisation,
    bodies: list[Body],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv(compiled.CHOICE, "numpy")
    given = space, bodies, virgin(space, bodies), GROWTH, displacements(space, 11)
    own, reference = RESPONSE[kinematics](*given), REFERENCE[kinematics](*given)
    assert (own.forces == reference.forces).all()
    assert not caplog.records


def test_choice_that_there_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(compiled.CHOICE, "fortran")
    with pytest.raises(ValueError, match="ISLET_KERNELS must be 'numpy' or not set, got 'fortran'"):
        compiled.kernels()


@pytest.mark.parametrize(
    ("compiler", "reason"),
    [
        ("", "no C compiler"),
        ("no-such-compiler", "no C compiler"),
        (f"{sys.executable} -c", "fail"),
    ],
    ids=["none", "not found", "broken"],
)
def test_numpy_without_a_compiler(
    compiler: str,
    reason: str,
    tmp_path: Path,
    space: Discretisation,
    bodies: list[Body],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CC", compiler)
    given = space, bodies, virgin(space, bodies), GROWTH, displacements(space, 12)
    reference = REFERENCE[Kinematics.finite](*given)
    for _ in range(2):
        own = RESPONSE[Kinematics.finite](*given)
        assert (own.forces == reference.forces).all()
    (record,) = caplog.records  # said once
    assert record.levelname == "WARNING"
    assert "NumPy" in record.getMessage()
    assert reason in record.getMessage()
