"""Pictures of an analysis: what they show stands where the truth has it."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib import image
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image
from scipy import ndimage

from coupling import evolution_figures, render, scene, series_figures
from coupling.crack_figures import CrackCourse
from coupling.image_figures import write_image_figures
from coupling.render import Renderer
from coupling.render_page import animate, nice_length
from coupling.render_view import View, views_of
from coupling.scene import LITHIUM_LEVEL, scene_of
from imaging.cracks import CrackMap, find_cracks
from imaging.electrochemistry import Cycle
from imaging.options import ImageOptions
from imaging.phantom import IslandChoice, PhantomOptions, make_phantom
from imaging.result import ImageResult
from imaging.series import SeriesResult
from imaging.series_rows import Balance, Role, pristine_row, series_row
from imaging.tracking import TrackRow
from imaging.workflow import analyse_pair

ISLAND = (60.0, 110.0, 50.0, 12.0)
"""Centre y, x, contact diameter, height, um."""
CRACK = (115.0, 50.0, 60.0, 16.0, 7.0, 3.0)
"""Centre y, x, diameter, offsets of middle and rim, opening, um."""


@dataclass(frozen=True, eq=False)
class Seen:
    """One analysed cell with an island and a crack."""

    result: ImageResult
    cracks: CrackMap


@pytest.fixture(scope="module", params=["low"])
def seen(request: pytest.FixtureRequest) -> Seen:
    return analysed(request.param)


def analysed(side: str) -> Seen:
    phantom = make_phantom(
        PhantomOptions(
            shape=[90, 100, 100], islands=IslandChoice.listed, caps_um=[list(ISLAND)],
            cracks_um=[list(CRACK)], noise=0.008, shift_um=[0, 0, 0], rotation_deg=[0, 0, 0],
            cc_side=side,
        )
    )  # fmt: skip
    result = analyse_pair(phantom.before, phantom.after, ImageOptions(register=False))
    assert result.setup is not None
    cracks = find_cracks(
        result.lvf, result.setup.place.interface, np.isfinite(result.thickness_um),
        phantom.before, result.setup.grey_cc, result.setup.grey_li,
    )  # fmt: skip
    assert len(cracks.cracks) == 1
    return Seen(result, cracks)


# ----------------------------------------------------------------------------------- 3-D pictures


def views(found: scene.Scene) -> tuple[View, View]:
    (dz, dy, dx), (nz, ny, nx) = found.spacing_um, found.lithium.shape
    y, x = found.origin_um
    low = np.array([x - dx / 2, y - dy / 2, 0])
    return views_of(low, low + (nx * dx, ny * dy, nz * dz), collector=True)  # noqa: RUF005


def test_lithium_and_cracks_are_drawn_where_they_are(seen: Seen, tmp_path: Path) -> None:
    found = scene_of(seen.result, seen.cracks)
    file = tmp_path / "cell.png"
    exchange = tmp_path / "exchange"
    exchange.mkdir()
    renderer = Renderer(exchange)
    renderer.add(found, file, "6 h")
    renderer.start()
    told: list[float] = []
    assert renderer.finish(progress=told.append) == [file]
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert image.imread(file)[..., :3].std() > 0.05
    top, back = views(found)
    setup = seen.result.setup
    assert setup is not None
    window = setup.place.slices
    interface = setup.place.interface.z_um - (window.start - 0.5) * found.spacing_um[0]
    y, x, diameter, _ = ISLAND
    for view, flat in ((top, True), (back, False)):
        pixels = np.load(exchange / f"0000-{view.name}.npy").astype(int)
        red = largest((pixels[..., 0] > 100) & (pixels[..., 1:].max(axis=-1) < 80))
        rows, columns = np.nonzero(red)
        at = view.pixel([x, y, interface])
        per_um = 330 / view.half_height
        # the dome that is seen through the collector reaches up to its height from the interface
        reach = 1.0 if flat else ISLAND[3]
        assert columns.mean() == pytest.approx(at[0], abs=2.0 * per_um)
        assert rows.mean() == pytest.approx(at[1], abs=(2.0 + reach) * per_um)
        assert np.ptp(columns) == pytest.approx(diameter * per_um, rel=0.12)
        purple = largest(
            (pixels[..., 2] > pixels[..., 0] + 20) & (pixels[..., 1] < pixels[..., 0] - 10)
        )
        rows, columns = np.nonzero(purple)
        cy, cx, across, offset, rim_offset, _ = CRACK
        at = view.pixel([cx, cy, interface + 0.5 * (offset + rim_offset)])
        assert columns.mean() == pytest.approx(at[0], abs=5 * per_um)
        assert rows.mean() == pytest.approx(at[1], abs=8 * per_um)
        assert 0.6 * across * per_um < np.ptp(columns) < 1.25 * across * per_um


def largest(mask: np.ndarray) -> np.ndarray:
    labels, count = ndimage.label(mask)
    assert count
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return labels == sizes.argmax()


def test_a_scene_keeps_its_lithium_however_small_it_gets(
    seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = np.pi / 6 * 12.0 * (3 * 25.0**2 + 12.0**2)
    for most in (6_000_000, 60_000):
        monkeypatch.setattr(scene, "MOST_VOXELS", most)
        found = scene_of(seen.result, seen.cracks)
        assert found.lithium.size <= most
        part = found.lithium.astype(float)
        part[part < 20] = 0  # noise, cut off below zero
        assert part.sum() / 255 * np.prod(found.spacing_um) == pytest.approx(volume, rel=0.06)
        assert found.cracks is not None
        assert found.collector is not None
        assert found.collector[3].mean() > 200 > 60 > found.collector[-3].mean()


def test_the_collector_lies_below_whichever_side_it_is_scanned_on() -> None:
    found = scene_of(analysed("high").result)
    assert found.collector is not None
    assert found.collector[3].mean() > 200 > 60 > found.collector[-3].mean()
    z, y, x = ndimage.center_of_mass(found.lithium > 255 * LITHIUM_LEVEL)
    assert found.origin_um[0] + y * found.spacing_um[1] == pytest.approx(ISLAND[0], abs=1.0)
    assert found.origin_um[1] + x * found.spacing_um[2] == pytest.approx(ISLAND[1], abs=1.0)
    assert z < 0.5 * found.lithium.shape[0]


def test_lithium_alone_where_only_its_fraction_is_known(seen: Seen) -> None:
    bare = replace(seen.result, setup=None, before=None, aligned=None)
    found = scene_of(bare)
    assert found.collector is None
    assert found.cracks is None
    assert int(found.lithium.max()) > 200
    box = np.zeros(3), np.array(found.size_um[::-1])
    assert [view.title for view in views_of(*box, collector=False)] == [
        "(a) seen from high z",  # the electrolyte's side is not known
        "(b) turned over, seen from low z",
    ]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "signal 11"),
        ("raise SystemExit('no OpenGL here')", "code 1: no OpenGL here"),
        ("import time; time.sleep(60)", "not drawn it within 1 s"),
        (
            "import sys, numpy as np\nfor v in ('top', 'back'):\n"
            "    np.save(sys.argv[1] + f'/0000-{v}.npy', np.full((660, 1080, 3), 255, np.uint8))",
            "an empty picture",
        ),
    ],
)
def test_where_vtk_cannot_draw_there_is_a_warning_and_no_picture(
    seen: Seen,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    code: str,
    said: str,
) -> None:
    (tmp_path / "other_drawing.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(render, "DRAWING", "other_drawing")
    if "sleep" in code:
        monkeypatch.setattr(render, "START_S", 1.0)
        monkeypatch.setattr(render, "SCENE_S", 0.0)
    exchange = tmp_path / "exchange"
    exchange.mkdir()
    renderer = Renderer(exchange)
    renderer.add(scene_of(seen.result), tmp_path / "cell.png", "")
    renderer.start()
    with caplog.at_level(logging.WARNING):
        assert renderer.finish(tmp_path / "cell.gif") == []
    assert said in caplog.text
    assert "render=false" in caplog.text
    assert not list(tmp_path.glob("*.png")) + list(tmp_path.glob("*.gif"))


def test_frames_of_an_animation(tmp_path: Path) -> None:
    pictures = []
    for i in range(3):
        page = np.full((40, 60, 3), 255, np.uint8)
        page[10:20, 10 * i : 10 * i + 20] = (209, 19, 31)
        pictures.append(tmp_path / f"{i}.png")
        Image.fromarray(page).save(pictures[-1])
    animate(pictures, tmp_path / "all.gif")
    with Image.open(tmp_path / "all.gif") as gif:
        assert gif.n_frames == 3
        for i in range(3):
            gif.seek(i)
            frame = np.asarray(gif.convert("RGB")).astype(int)
            assert tuple(frame[0, 0]) == (255, 255, 255)
            columns = np.nonzero(frame[15, :, 1] < 100)[0]
            assert (columns.min(), columns.max()) == (10 * i, 10 * i + 19)
            assert np.abs(frame[15, columns.min()] - (209, 19, 31)).max() < 12


def test_scale_bars_have_round_lengths() -> None:
    assert [nice_length(v) for v in (1.0, 4.9, 5.0, 19.9, 113.0, 1046.5)] == [
        1,
        2,
        5,
        10,
        100,
        1000,
    ]


# -------------------------------------------------------------------------------------- figures

QUANTITY = re.compile(r"\((µm|h|%|–|mAh/cm²|% per µm|10³ µm³)\)$")
PLAIN = {"", "grey value", "number of the scan after plating"}


@contextmanager
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Figure]]:
    """Collect the figures that are saved."""
    drawn: list[Figure] = []
    save = Figure.savefig

    def keep(self: Figure, *args: object, **options: object) -> None:
        save(self, *args, **options)  # type: ignore[arg-type]
        drawn.append(self)

    monkeypatch.setattr(Figure, "savefig", keep)
    yield drawn
    monkeypatch.undo()


def check(drawn: list[Figure], files: list[Path]) -> None:
    """Every axis carries a unit, nothing is cut off, nothing is blank."""
    assert len(drawn) == len(files)
    for drawing in drawn:
        for axes in drawing.axes:
            for label in (axes.get_xlabel(), axes.get_ylabel()):
                assert label in PLAIN or QUANTITY.search(label), label
        drawing.draw_without_rendering()  # places are the PNG's again, after a PDF
        page = drawing.bbox
        ticks = {  # those beyond the ends of an axis are kept, but not drawn
            label
            for axes in drawing.axes
            for axis in (axes.xaxis, axes.yaxis)
            for label in (*axis.get_ticklabels(), *axis.get_ticklabels(minor=True))
        }
        for text in set(drawing.findobj(Text)) - ticks:
            box = text.get_window_extent()
            if text.get_visible() and text.get_text() and box.width > 0:
                inside = box.x0 > -1 and box.x1 < page.width + 1
                assert inside and box.y0 > -1 and box.y1 < page.height + 1, text.get_text()  # noqa: PT018
    for file in files:
        if file.suffix == ".png":
            pixels = image.imread(file)[..., :3]
            assert pixels.std() > 0.02, f"{file.name} is blank"
        else:
            assert file.read_bytes().startswith(b"%PDF")


def test_figures_of_a_scan(seen: Seen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with watched(monkeypatch) as drawn:
        files = write_image_figures(seen.result, tmp_path, seen.cracks, vector="pdf")
    check(drawn, files)
    assert {file.name for file in files} == {
        f"{name}.{kind}"
        for name in ("slices", "thickness_map", "histogram", "z_profile")
        for kind in ("png", "pdf")
    }
    assert set(tmp_path.iterdir()) == set(files)


def test_figures_of_an_lvf_volume(seen: Seen, tmp_path: Path) -> None:
    bare = replace(seen.result, setup=None, before=None, aligned=None, islands=[])
    for file in write_image_figures(bare, tmp_path):
        assert image.imread(file)[..., :3].std() > 0.02


def test_figures_of_a_series(seen: Seen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = course(seen.result)
    curves = [evolution_figures.scan_curves(row, seen.result) for row in result.rows[1:]]
    with watched(monkeypatch) as drawn:
        files = series_figures.write_series_figures(result, curves, tmp_path)
        lines = CrackCourse()
        for row in result.rows[1:]:
            lines.add(seen.result, seen.cracks, row.time_h)
        assert lines.draw(tmp_path / "crack_profiles.png")
    check(drawn, [*files, tmp_path / "crack_profiles.png"])
    assert len(files) == 4
    # no point lies under a legend
    for axes in drawn[0].axes:
        box = axes.get_legend().get_window_extent()
        assert box.y0 >= axes.bbox.y1
    # Faraday's line against charge, by its slope
    faraday = next(line for line in drawn[0].axes[1].lines if "Faraday" in str(line.get_label()))
    charge, thickness = faraday.get_data()
    assert np.polyfit(charge, thickness, 1)[0] == pytest.approx(4.85, abs=0.01)


def test_without_cracks_no_lines_are_drawn(seen: Seen, tmp_path: Path) -> None:
    lines = CrackCourse()
    lines.add(seen.result, None, 1.0)
    assert not lines.draw(tmp_path / "crack_profiles.png")
    assert not list(tmp_path.iterdir())


def course(last: ImageResult) -> SeriesResult:
    """Plating in two steps and stripping of most of it, little of the first step found."""
    balance = Balance(0.534, None)
    rows = [pristine_row(0.0, 0.0, balance, last)]
    for k, (charge, mean) in enumerate([(0.5, 0.05), (1.0, 4.6), (0.1, 0.6)], start=1):
        row = series_row(
            k, Role.cycled, 3.0 * k, charge, balance, last, ImageOptions(register=False), None
        )
        rows.append(replace(row, mean_thickness_um=mean))
    cycle = Cycle(
        **{
            **dict.fromkeys(Cycle.__dataclass_fields__, None),
            "plated": 2, "efficiency": 0.87, "efficiency_std": 0.03, "charge_efficiency": 0.9,
        }
    )  # type: ignore[arg-type]  # fmt: skip
    tracks = []
    for row in rows[1:]:
        for track in range(1, 12):
            values = dict.fromkeys(TrackRow.__dataclass_fields__, 0.0)
            values |= {"time_h": row.time_h, "volume_um3": 1e3 * track**2, "track": track}
            tracks.append(TrackRow(**values | {"touches_edge": track == 5}))  # type: ignore[arg-type]
    return SeriesResult(tuple(rows), (cycle,), tuple(tracks), (), None, {}, {})


def test_the_drawing_process_is_the_only_one_that_loads_vtk() -> None:
    # a process of its own: another test here may have loaded it
    code = "import sys, coupling.verbs.image; sys.exit('pyvista' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
