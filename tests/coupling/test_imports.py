"""The house: two towers that know nothing of each other, one bridge, nothing heavy at the door."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("imaging", "mechanics", "coupling")
FORBIDDEN = {
    "imaging": {"mechanics", "coupling", "hydra", "omegaconf"},
    "mechanics": {"imaging", "coupling", "hydra", "omegaconf"},
    "coupling": set(),
}
HEAVY = {"gmsh", "dolfinx", "petsc4py", "mpi4py", "pyvista", "vtk", "SimpleITK"}


def modules() -> dict[str, Path]:
    files = [file for package in PACKAGES for file in (ROOT / package).rglob("*.py")]
    return {dotted(file): file for file in files}


def dotted(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(file: Path, anywhere: bool) -> Iterator[str]:
    """Yield the modules that a file imports: anywhere, or only when it is itself imported."""
    pending: list[ast.AST] = [ast.parse(file.read_text())]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        deferred = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if anywhere or not (deferred or typing_only):
            pending.extend(ast.iter_child_nodes(node))


@pytest.mark.parametrize("package", PACKAGES)
def test_towers_know_neither_each_other_nor_hydra(package: str) -> None:
    for name, file in modules().items():
        if name.split(".")[0] == package:
            roots = {module.split(".")[0] for module in imported(file, anywhere=True)}
            assert not roots & FORBIDDEN[package], name


def test_no_circles() -> None:
    known = modules()
    graph = {
        name: {m for m in imported(file, anywhere=False) if m in known and m != name}
        for name, file in known.items()
    }
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join([*path[path.index(name) :], name])
        if name not in done:
            for other in sorted(graph[name]):
                visit(other, (*path, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def loaded_by(statement: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint(*(name.split('.')[0] for name in sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(run.stdout.split())


@pytest.mark.parametrize("package", ["imaging", "mechanics"])
def test_importing_a_tower_loads_no_heavy_library(package: str) -> None:
    assert not loaded_by(f"import {package}") & (HEAVY | {"hydra"})


def test_the_door_is_light() -> None:
    assert not loaded_by("import coupling.cli") & (HEAVY | {"hydra", "omegaconf", "numpy"})
    assert not loaded_by("from coupling import cli; cli.run([])") & (HEAVY | {"hydra", "numpy"})


def test_composition_loads_no_heavy_library() -> None:
    show = "[cli.run([verb, '--cfg', 'job']) for verb in SUMMARY]"
    imports = "from coupling import cli; from coupling.verbs import SUMMARY"
    loaded = loaded_by(f"{imports}; assert not any({show})")
    assert "coupling" in loaded
    # the Tab key waits for what this loads
    assert not loaded & (HEAVY | {"scipy", "pandas", "matplotlib", "zarr", "tifffile", "numba"})


def test_a_solution_waits_for_no_library_that_it_does_not_use() -> None:
    """Loading these takes as long as solving, in every process; FFCx would load Numba."""
    parts = "mechanics.solver, mechanics.mesh, mechanics.summary, mechanics.stress"
    assert not loaded_by(f"import {parts}") & {"scipy", "numba", "matplotlib", "pandas"}


def test_an_analysis_without_figures_waits_for_no_drawing_library() -> None:
    assert "matplotlib" not in loaded_by("from coupling import verbs; verbs.load('image')")
