"""The pages: up to date, their links and commands good, their docstring examples true."""

from __future__ import annotations

import ast
import doctest
import importlib
import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from matplotlib.colors import to_hex

from coupling import launcher
from coupling.config import without_hydra
from coupling.figure_style import ABOVE, COPPER, LITHIUM, SIGMA1_MAP
from coupling.help import EXAMPLES
from coupling.picture import DEFORMATION_SCALE, RED_MPA
from coupling.stress_figures import LEVELS, stress_norm
from coupling.verbs import SUMMARY
from mechanics.layout import Region

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ELLIPSIS = re.compile(r"(?<==)(\.\.\.|NAME)")


def script(name: str) -> ModuleType:
    """Return a script that makes pages."""
    spec = importlib.util.spec_from_file_location(name, ROOT / f".ci/{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    """The script that makes the reference."""
    return script("reference")


def test_every_dependency_has_a_licence_and_a_reason() -> None:
    """What packages say of themselves differs between their versions: names only are compared."""
    licences = script("licences")
    stored = re.findall(r"^\| ([\w-]+) \| (.+) \|$", licences.PAGE.read_text(), re.M)
    assert sorted(name for name, _ in stored if name != "package") == licences.needed()
    assert [name for name in licences.needed() if not licences.licence_of(name)] == []
    assert [name for name, reason in licences.purposes().items() if not reason] == []


def test_the_reference_is_up_to_date(maker: ModuleType) -> None:
    again = "run: uv run python .ci/reference.py"
    assert (ROOT / "docs/reference.md").read_text() == maker.reference(), again
    theory = (ROOT / "docs/theory.md").read_text()
    assert theory == maker.with_materials(theory), again


def test_every_key_says_what_it_means(maker: ModuleType) -> None:
    rows = re.findall(r"^\| `([\w.]+)` \| .* \| (.*) \| [\w, ]+ \|$", maker.reference(), re.M)
    assert len(rows) > 150
    assert [key for key, meaning in rows if not meaning] == []


def commands() -> list[tuple[str, str]]:
    """Return every line of the pages and of ``--help`` that calls islet, with its place."""
    found = []
    for page in PAGES:
        text = page.read_text().replace("\\\n", " ")
        lines = re.findall(r"^    (?:uv run )?(islet .*)$", text, re.M)
        lines += [line for line in re.findall(r"`(?:uv run )?(islet [^`]*)`", text) if "=" in line]
        found += [(page.name, line) for line in lines]
    found += [("--help", line) for lines in EXAMPLES.values() for line in lines]
    return found


@pytest.mark.parametrize(("place", "line"), commands())
def test_commands_are_understood(place: str, line: str) -> None:
    words = shlex.split(ELLIPSIS.sub("x", line), comments=True)
    assert words[0] == "islet"
    if words[1] == "VERB" or words[1].startswith("-"):
        return
    verb, rest = words[1], [word for word in words[2:] if word != "-m"]
    assert verb in SUMMARY
    if "--config-dir" in rest:  # the reader's own folder
        return
    swept = "-m" in words
    single = [re.sub(r"=([^\[\]{}]*?),.*", r"=\1", word) if swept else word for word in rest]
    node = launcher.compose(verb, launcher.parse_arguments(single))
    assert without_hydra(node)


def test_commands_are_found() -> None:
    assert len(commands()) > 30


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target.partition("#")[0]).exists(), target
    named = re.findall(r"`((?:examples|benchmarks|docs|conf|\.ci)/[\w./-]+)`", page.read_text())
    for name in named:
        if "NAME" not in name:
            assert (ROOT / name).exists(), name


def test_pages_are_built_without_a_warning(tmp_path: Path) -> None:
    if importlib.util.find_spec("myst_parser") is None and not os.environ.get("CI"):
        pytest.skip("the pages are built after `uv sync --group docs`; CI builds them")
    build = [sys.executable, "-m", "sphinx", "-W", "-n", "-q", ROOT / "docs", tmp_path]
    done = subprocess.run(build, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "reference.html").exists()
    theory = (tmp_path / "theory.html").read_text()
    assert theory.count("<math") > 30
    assert not re.findall(r'<(?:script|link)[^>]*(?:src|href)="(?:https?:)?//', theory)


def test_the_macro_shows_what_the_report_shows() -> None:
    """ParaView's macro has its own copy of our scale and of the bodies' numbers."""
    text = (ROOT / "docs/open_fields.py").read_text()
    says = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in ast.parse(text).body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    assert says["ELECTROLYTE"] == Region.se
    shown = {region: to_hex(colour) for region, colour in says["BODIES"].values()}
    assert shown == {Region.cu: COPPER, Region.island: LITHIUM}
    assert to_hex(says["ABOVE"]) == ABOVE
    assert says["DEFORMATION_SCALE"] == DEFORMATION_SCALE
    assert [row[0] for row in says["COLOURS"][:: len(says["COLOURS"]) - 1]] == [LEVELS[0], RED_MPA]
    for mpa, *colour in says["COLOURS"]:
        assert colour == pytest.approx(SIGMA1_MAP(stress_norm()(mpa))[:3], abs=0.01)


def examples_in_docstrings() -> list[str]:
    files = [f for p in ("imaging", "mechanics", "coupling") for f in (ROOT / p).rglob("*.py")]
    return [
        ".".join(file.relative_to(ROOT).with_suffix("").parts)
        for file in files
        if ">>>" in file.read_text()
    ]


@pytest.mark.parametrize("name", examples_in_docstrings())
def test_examples_in_docstrings_are_true(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name), raise_on_error=False)
    assert result.attempted > 0
    assert result.failed == 0
