"""What the synthetic cell can hold besides islands: each against its stated amount."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import imaging.phantom_grains
from imaging.phantom import (
    MU_PER_CM,
    CrackFill,
    Deposit,
    IslandChoice,
    PhantomOptions,
    Truth,
    grey,
    make_phantom,
    make_series,
    write_phantom,
)
from imaging.phantom_scans import phantom_scans, truth_of
from imaging.readers import read_tiff

V = 1.625
STILL = {"shift_um": [0.0] * 3, "rotation_deg": [0.0] * 3}


def cell(**changes: object) -> PhantomOptions:
    base = {"shape": [84, 120, 140], "islands": IslandChoice.none, "grain_um": 14.0, "noise": 0.0}
    return PhantomOptions(**(base | changes))  # type: ignore[arg-type]


def truth(options: PhantomOptions) -> Truth:
    """What is in the after scan, without computing it."""
    return truth_of(phantom_scans(options)[1])


def electrode_radius(options: PhantomOptions) -> np.ndarray:
    y, x = (np.arange(n) - 0.5 * (n - 1) for n in options.grid[1:])
    return np.hypot(y[:, None], x[None, :]) * V


# ----------------------------------------------------------------------------------- lithium


@pytest.mark.parametrize("kind", [Deposit.bare_cu, Deposit.ag_cu])
@pytest.mark.parametrize("tube", [None, 85.0])
def test_deposits_have_their_mean_thickness(kind: Deposit, tube: float | None) -> None:
    options = cell(deposit=kind, deposit_um=4.0, peek_radius_um=tube)
    thickness = truth(options).thickness_um
    radius = electrode_radius(options)
    inside = np.ones(radius.shape, dtype=bool) if tube is None else radius < tube
    assert thickness[inside].mean() == pytest.approx(4.0, rel=0.01)
    middle = thickness[radius < 30].mean()
    rim = thickness[(radius > 75) & (radius < 84)].mean()
    scatter = thickness[radius < 84].std() / 4.0
    if kind is Deposit.bare_cu:
        assert rim > 1.7 * middle
        assert scatter > 0.3
    else:
        assert rim == pytest.approx(middle, rel=0.15)
        assert 0.01 < scatter < 0.12
    if tube is not None:
        assert thickness[radius > tube + 2 * V].max() == 0


def test_deposit_and_islands_add_up() -> None:
    cap = {"islands": IslandChoice.listed, "caps_um": [[95.0, 110.0, 50.0, 8.0]]}
    both = truth(cell(deposit=Deposit.ag_cu, deposit_um=3.0, **cap))
    alone = truth(cell(deposit=Deposit.ag_cu, deposit_um=3.0))
    extra = (both.thickness_um - alone.thickness_um).sum() * V**2
    assert extra == pytest.approx(both.islands[0].volume_um3, rel=1e-3)


def test_stripping_leaves_lithium_and_voids() -> None:
    full = cell(deposit=Deposit.bare_cu, deposit_um=5.0, **STILL)
    left = cell(
        deposit=Deposit.bare_cu, deposit_um=5.0, residual_fraction=0.2, void_fraction=0.5, **STILL
    )
    plated, stripped = make_phantom(full), make_phantom(left)
    whole = plated.truth.thickness_um.sum()
    assert stripped.truth.thickness_um.sum() == pytest.approx(0.2 * whole, rel=1e-3)
    assert stripped.truth.void_thickness_um.sum() == pytest.approx(0.5 * whole, rel=0.01)
    # Voids lie where lithium was, and nowhere else.
    lithium, voids = stripped.truth.lvf.values, stripped.truth.voids.values
    assert (lithium + voids <= plated.truth.lvf.values + 1e-5).all()
    np.testing.assert_array_equal(stripped.before.values, plated.before.values)
    # Absorption tells void from collector, but hardly from lithium.
    lost = (stripped.before.values.astype(float) - stripped.after.values).sum()
    share = lost / (grey(MU_PER_CM["cu"]) - grey(MU_PER_CM["li"])) * V
    assert share == pytest.approx(0.7 * whole, rel=0.01)


# ------------------------------------------------------------------------------------- cracks


@pytest.mark.parametrize("fill", list(CrackFill))
def test_cracks_displace_electrolyte(fill: CrackFill) -> None:
    row = [95.0, 110.0, 70.0, 14.0, 6.0, 4.0]
    p = make_phantom(cell(cracks_um=[row], crack_fill=fill, **STILL))
    (crack,) = p.truth.cracks
    part = p.truth.crack_fraction
    assert part.values.sum() * V**3 == pytest.approx(crack.volume_um3, rel=2e-3)
    height = part.coordinates_um(0) - p.truth.interface_z_um
    by_slice = part.values.sum(axis=(1, 2))
    assert (by_slice * height).sum() / by_slice.sum() == pytest.approx(
        crack.mean_offset_um, abs=0.05
    )
    assert height[by_slice > 0].min() > 0
    # Electrolyte of 2.84 to 4.06 per cm gives way to next to nothing.
    lost = (p.before.values.astype(float) - p.after.values).sum() * V**3 / crack.volume_um3
    filling = MU_PER_CM["li"] if fill is CrackFill.lithium else MU_PER_CM["ar"]
    low, high = (grey(MU_PER_CM[name]) - grey(filling) for name in ("se_porous", "se_dense"))
    assert low < lost < high
    assert p.truth.thickness_um.max() == 0


def test_foil_thins_and_has_bare_spots() -> None:
    options = cell(foil_depletion_um=6.0, foil_spots_um=[[80.0, 100.0, 60.0]], **STILL)
    p = make_phantom(options)
    loss = p.truth.foil_loss_um
    assert loss.min() == 6.0
    assert loss.max() == options.li_foil_um
    spot = np.pi * 30.0**2
    exact = 6.0 * loss.size * V**2 + (options.li_foil_um - 6.0) * spot
    assert loss.sum() * V**2 == pytest.approx(exact, rel=4e-3)
    gained = (p.after.values.astype(float) - p.before.values).sum() * V
    steel = grey(MU_PER_CM["steel"]) - grey(MU_PER_CM["li"])
    assert gained / steel == pytest.approx(loss.sum(), rel=5e-3)


# ----------------------------------------------------------------------------------- the camera


def test_grey_scale_drifts_between_the_scans() -> None:
    plain = make_phantom(cell(**STILL))
    moved = make_phantom(cell(gain_drift=0.02, offset_drift=0.01, **STILL))
    np.testing.assert_array_equal(plain.before.values, moved.before.values)
    contrast = grey(MU_PER_CM["cu"]) - grey(MU_PER_CM["li"])
    expected = plain.after.values * 1.02 + 0.01 * contrast
    np.testing.assert_allclose(moved.after.values, expected, atol=1.1)


def test_rings_are_round_and_of_given_strength() -> None:
    plain, ringed = (make_phantom(cell(rings=r, **STILL)) for r in (0.0, 0.01))
    contrast = grey(MU_PER_CM["cu"]) - grey(MU_PER_CM["li"])
    rings = (ringed.before.values.astype(float) - plain.before.values)[50]
    assert rings.std() == pytest.approx(0.01 * contrast, rel=0.6)
    np.testing.assert_allclose(rings, rings[::-1, ::-1], atol=1.1)
    np.testing.assert_allclose(rings, rings[:, ::-1], atol=1.1)
    other = (ringed.after.values.astype(float) - plain.after.values)[50]
    assert abs(np.corrcoef(rings.ravel(), other.ravel())[0, 1]) < 0.5


def test_cupping_leaves_the_edge_alone() -> None:
    plain, cupped = (make_phantom(cell(cupping=c, **STILL)) for c in (0.0, 3.0))
    slab = slice(20, 26)  # within the collector
    ratio = (cupped.before.values[slab] - 2000.0) / (plain.before.values[slab] - 2000.0)
    radius = electrode_radius(cell())
    assert ratio[:, radius < 5].mean() == pytest.approx(0.25, abs=0.01)
    assert ratio[:, radius > 98].mean() == pytest.approx(1.0, abs=0.01)


# ---------------------------------------------------------------------------- series and files

STORY = {
    "islands": IslandChoice.listed,
    "caps_um": [[95.0, 110.0, 50.0, 8.0]],
    "cracks_um": [[95.0, 110.0, 60.0, 14.0, 6.0, 4.0]],
    "foil_depletion_um": 5.0,
    "noise": 0.01,
    "series": [
        [0.5, 0.4, 1.0, 0.0, 0.3, 0.5],
        [1.0, 1.0, 1.0, 0.0, 1.0, 1.0],
        [2.0, 1.0, 0.2, 0.3, 1.0, 0.0],
    ],
}


def test_series_tells_one_story() -> None:
    options = cell(**STORY)
    volume = options.shapes[0].volume_um3
    steps = list(make_series(options))
    assert [time for time, _, _ in steps] == [0.5, 1.0, 2.0]
    lithium = [truth.thickness_um.sum() * V**2 for _, _, truth in steps]
    np.testing.assert_allclose(lithium, [0.4 * volume, volume, 0.2 * volume], rtol=2e-3)
    cracks = [truth.crack_fraction.values.sum() * V**3 for _, _, truth in steps]
    np.testing.assert_allclose(np.array(cracks) / options.cracks[0].volume_um3, [0.3, 1, 1], 3e-3)
    assert [truth.foil_loss_um.max() for _, _, truth in steps] == [2.5, 5.0, 0.0]
    small, large = (truth.islands[0] for _, _, truth in steps[:2])
    assert small.height_um / small.diameter_um == pytest.approx(large.height_um / large.diameter_um)
    assert len({truth.transform.shift_um for _, _, truth in steps}) == 3
    again = list(make_series(options))
    np.testing.assert_array_equal(again[1][1].values, steps[1][1].values)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, list[Path]]:
    folder = tmp_path_factory.mktemp("scenes")
    small = {"shape": [84, 64, 72], "caps_um": [[50.0, 60.0, 50.0, 8.0]]}
    small["cracks_um"] = [[50.0, 60.0, 60.0, 14.0, 6.0, 4.0]]
    options = cell(deposit=Deposit.bare_cu, deposit_um=2.0, rings=0.005, **(STORY | small))
    files = write_phantom(options, folder / "stream", stream=True)
    write_phantom(options, folder / "whole", stream=False)
    return folder / "stream", folder / "whole", files


def test_streamed_files_are_those_made_in_one_go(written: tuple[Path, Path, list[Path]]) -> None:
    stream, whole, files = written
    assert files[:2] == [stream / "before.tif", stream / "after.tif"]
    assert all(file.is_file() for file in files)
    stacks = [f for f in files if f.name in ("before.tif", "after.tif") or "scan_" in f.name]
    assert len(stacks) == 5
    for file in stacks:
        one, other = (read_tiff(f, None) for f in (file, whole / file.relative_to(stream)))
        assert one.spacing_um == pytest.approx(other.spacing_um)
        gap = np.abs(one.values.astype(float) - other.values)
        assert gap.max() <= 1
        assert np.mean(gap > 0) < 1e-3
    for name in ("lvf.tif", "cracks.tif"):
        one, other = (read_tiff(folder / "truth" / name, None) for folder in (stream, whole))
        np.testing.assert_array_equal(one.values, other.values)


def test_truth_lies_beside_the_scans(written: tuple[Path, Path, list[Path]]) -> None:
    folder = written[1]
    facts = json.loads((folder / "truth" / "transform.json").read_text())
    assert facts["options"]["deposit"] == "bare_cu"
    assert facts["crack_volume_um3"] > 0
    with (folder / "truth" / "cracks.csv").open() as file:
        (crack,) = csv.DictReader(file)
    assert float(crack["opening_um"]) == 4.0
    assert crack["fill"] == "lithium"
    with (folder / "series" / "series.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["time_h"]) for row in rows] == [0.5, 1.0, 2.0]
    last = folder / "series" / "truth" / "scan_003"
    assert float(rows[2]["void_volume_um3"]) == pytest.approx(
        read_tiff(last / "voids.tif", None).values.sum(dtype=float) * V**3, rel=1e-4
    )
    assert (folder / rows[0]["file"]).name == "scan_001.tif"


def test_streaming_does_not_depend_on_its_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = cell(shape=[64, 40, 50], die_um=8.0, cu_um=20.0, noise=0.02, layer_um=3.0)
    found = []
    for block in (3, 16):
        monkeypatch.setattr(imaging.phantom_grains, "BLOCK", block)
        write_phantom(options, tmp_path / str(block), stream=True)
        found.append(read_tiff(tmp_path / str(block) / "after.tif", None).values)
    np.testing.assert_array_equal(found[0], found[1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"deposit_um": 2.0}, "deposit_um"),
        ({"deposit": Deposit.ag_cu, "deposit_um": 20.0}, "cu_um"),
        ({"void_fraction": 0.5}, "residual_fraction"),
        ({"residual_fraction": 0.7, "void_fraction": 0.5}, "at most 1"),
        ({"cracks_um": [[1.0, 2.0]]}, "cracks_um"),
        ({"cracks_um": [[90.0, 90.0, 60.0, 2.0, 1.0, 5.0]]}, "too near"),
        ({"cracks_um": [[90.0, 90.0, 60.0, 900.0, 5.0, 5.0]]}, "electrolyte"),
        ({"foil_depletion_um": 25.0}, "li_foil_um"),
        ({"foil_spots_um": [[1.0, 2.0, 0.0]]}, "foil_spots_um"),
        ({"series": [[0.0, 1.0]]}, "series"),
        ({"series": [[1.0, 1, 1, 0, 0, 0], [0.5, 1, 1, 0, 0, 0]]}, "times must rise"),
        ({"series": [[1.0, 2, 1, 0, 0, 0]]}, "grown"),
        ({"gain_drift": -1.0}, "gain_drift"),
        ({"rings": -0.1}, "rings"),
    ],
)
def test_bad_scenes_are_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cell(**changes)
