"""Figures: each with a caption, in the formats asked for, of a journal's width."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib import image

from coupling.captions import CAPTIONS, caption, write_captions
from coupling.figure_style import DOUBLE_COLUMN_IN, SINGLE_COLUMN_IN, STYLE, figure, written
from coupling.schema_figures import Figures

PACKAGE = Path(__file__).parents[2] / "coupling"


def test_every_figure_that_is_drawn_has_a_caption() -> None:
    code = "\n".join(file.read_text() for file in PACKAGE.rglob("*.py"))
    named = set(re.findall(r'"(\w+)\.(?:png|gif)"', code))
    assert {"stress", "risk_map", "narrow_wide", "lithium_3d"} <= named
    assert named <= set(CAPTIONS)
    assert all(text.endswith(".") and len(text) > 60 for text in CAPTIONS.values())


def test_captions_stand_beside_the_figures(tmp_path: Path) -> None:
    files = ["scan_01/risk_map.png", "stress.png", "stress.svg", "table.csv", "unknown.png"]
    (page,) = write_captions(tmp_path, files)
    text = page.read_text()
    assert f"**stress** (png, svg). {caption('stress.png')}" in text
    assert f"**scan_01/risk_map** (png). {CAPTIONS['risk_map']}" in text
    assert text.count("**") == 4
    assert write_captions(tmp_path, ["table.csv"]) == []


@pytest.mark.parametrize("kind", Figures)
def test_vector_figures_keep_letters_and_width(kind: Figures, tmp_path: Path) -> None:
    files = written(tmp_path / "a.png", kind.vector)
    with figure(files[0], SINGLE_COLUMN_IN, 2.0, kind.vector) as drawing:
        drawing.subplots().set_xlabel("r (µm)")
    assert sorted(tmp_path.iterdir()) == sorted(files)
    width = np.asarray(image.imread(files[0])).shape[1]
    assert width / STYLE["savefig.dpi"] * 25.4 == pytest.approx(89, abs=0.5)
    if kind is Figures.svg:
        text = files[1].read_text()
        assert "r (µm)" in text  # letters, not outlines of them
        points = re.search(r'<svg[^>]* width="([\d.]+)pt"', text)
        assert points is not None
        assert float(points[1]) / 72 * 25.4 == pytest.approx(89, abs=0.5)
    if kind is Figures.pdf:
        assert files[1].read_bytes().startswith(b"%PDF")


def test_two_columns_are_183_mm() -> None:
    assert pytest.approx(183, abs=0.5) == DOUBLE_COLUMN_IN * 25.4
