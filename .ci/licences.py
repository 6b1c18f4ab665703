"""Write docs/licences.md: the licence of everything that an installation of islet brings along.

uv run python .ci/licences.py
"""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "licences.md"
HEADER = """\
# Licences

islet itself is BSD-3-Clause. What an installation brings along, without the tools of developers;
made by `.ci/licences.py` from what the packages say of themselves.

gmsh is under the GPL (version 2 or later, with an exception for linking). islet calls it as a
separate library and holds none of its code; who hands on islet and gmsh as one work has to keep to
the GPL for that work.
"""
GENERIC = ("OSI Approved", "License")
SHORT = {
    "MIT License": "MIT",
    "Apache Software License": "Apache-2.0",
    "Apache License": "Apache-2.0",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "Python Software Foundation License": "PSF-2.0",
    "BSD License": "BSD",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Historical Permission Notice and Disclaimer (HPND)": "HPND",
}
"""Identifiers in the place of long names."""


def plain_name(name: str) -> str:
    """Return a package's name as all write it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def needed() -> list[str]:
    """Return the packages that islet and its solver need, and those that they need."""
    found: set[str] = set()
    waiting = ["islet[fenics]"]
    while waiting:
        wanted = Requirement(waiting.pop())
        extras = wanted.extras or {""}
        try:
            requires = metadata.requires(wanted.name) or []
        except metadata.PackageNotFoundError:
            continue  # for another platform
        found.add(plain_name(wanted.name))
        for text in requires:
            one = Requirement(text)
            if one.marker is not None and not any(
                one.marker.evaluate({"extra": extra}) for extra in extras
            ):
                continue
            if plain_name(one.name) not in found:
                waiting.append(f"{one.name}[{','.join(one.extras)}]" if one.extras else one.name)
    return sorted(found - {"islet"})


def licence_of(name: str) -> str:
    """Return a package's licence: the expression, or the classifier, or the first line."""
    told = metadata.metadata(name)
    if expression := told.get("License-Expression"):
        return str(expression)
    classified = [
        line.split(" :: ")[-1]
        for line in told.get_all("Classifier") or []
        if line.startswith("License ::") and line.split(" :: ")[-1] not in GENERIC
    ]
    lines = (told.get("License") or "").strip().splitlines()
    first = lines[0].strip() if lines else ""
    if classified:
        return ", ".join(SHORT.get(one, one) for one in classified)
    return SHORT.get(first, first)


def purposes() -> dict[str, str]:
    """Return what each direct dependency is for: the comments in pyproject.toml."""
    text = (ROOT / "pyproject.toml").read_text()
    direct = tomllib.loads(text)["project"]["dependencies"]
    found = {}
    for requirement in direct:
        comment = re.search(re.escape(f'"{requirement}",') + r"\s*# (.*)", text)
        found[plain_name(Requirement(requirement).name)] = comment[1] if comment else ""
    return found | {
        "numpy": "arrays",
        "scipy": "filters, optimisation, statistics",
        "dolfinx-solver-real": "finite elements, with PETSc and MUMPS",
    }


def page() -> str:
    """Return the page."""
    direct = purposes()
    names = needed()
    rows = ["", "| package | what for | licence |", "|---|---|---|"]
    rows += [f"| {n} | {direct[n]} | {licence_of(n)} |" for n in names if n in direct]
    rows += ["", "## What these need in turn", "", "| package | licence |", "|---|---|"]
    rows += [f"| {name} | {licence_of(name)} |" for name in names if name not in direct]
    return HEADER + "\n".join(rows) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
