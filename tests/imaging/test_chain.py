"""The built-in phantom from files to tables, drift included."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from imaging.output import LVF_STEP
from imaging.phantom import IslandChoice, PhantomOptions, make_phantom, write_phantom
from imaging.readers import read_lvf, read_tiff
from imaging.registration import RegistrationError, register
from imaging.transform import RigidTransform, apply, corner_error_um
from imaging.volume import Volume
from imaging.workflow import (
    CcSide,
    GreyOptions,
    ImageOptions,
    ImageResult,
    InterfaceOptions,
    Normalisation,
    RoiOptions,
    analyse_lvf,
    analyse_pair,
    write_image_result,
)

V = 1.625


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ImageResult, PhantomOptions]:
    folder = tmp_path_factory.mktemp("phantom")
    options = PhantomOptions()
    write_phantom(options, folder)
    scans = [read_tiff(folder / name, None) for name in ("before.tif", "after.tif")]
    result = analyse_pair(scans[0], scans[1], ImageOptions())
    write_image_result(result, folder / "result")
    return folder, result, options


def corner_error_voxel(found: RigidTransform, options: PhantomOptions, volume: Volume) -> float:
    z = options.interface_um
    high = (z + 32.5, V * volume.shape[1], V * volume.shape[2])
    error = corner_error_um(found, options.drift, (z - 32.5, 0, 0), high, volume.centre_um)
    return error / V


def test_every_island_of_the_main_phantom(chain) -> None:  # type: ignore[no-untyped-def]
    folder, result, options = chain
    with (folder / "truth" / "islands.csv").open() as file:
        truth = [
            {k: float(v) for k, v in row.items() if k != "dome"} for row in csv.DictReader(file)
        ]
    assert len(result.islands) == len(truth) == 9
    for row in truth:
        island = min(
            result.islands, key=lambda i: np.hypot(i.x_um - row["x_um"], i.y_um - row["y_um"])
        )
        assert island.volume_um3 == pytest.approx(row["volume_um3"], rel=0.03)
        assert abs(island.contact_diameter_um - row["contact_diameter_um"]) < 1.0 * V
        assert abs(island.height_um - row["height_um"]) < 0.3 * V
        assert abs(island.contact_angle_deg - row["contact_angle_deg"]) < 2.0
    exact = sum(s.volume_um3 for s in options.shapes)
    assert result.scalars["li_volume_um3"] == pytest.approx(exact, rel=0.01)
    error = result.scalars["li_volume_error_um3"]
    assert abs(result.scalars["li_volume_um3"] - exact) < 2.5 * error < 0.2 * exact
    assert corner_error_voxel(result.transform, options, result.lvf) < 0.1
    assert result.decisions["cc_side"] == "low"
    assert "cut" in result.decisions["roi"]


def test_thickness_map_matches_the_truth(chain) -> None:  # type: ignore[no-untyped-def]
    folder, result, _ = chain
    from scipy.ndimage import gaussian_filter

    truth = read_tiff_map(folder / "truth" / "thickness_um.tif")
    inside = np.isfinite(result.thickness_um)
    difference = gaussian_filter(np.where(inside, result.thickness_um - truth, 0), 1.0)
    assert np.sqrt(np.mean(difference[inside] ** 2)) < 0.35
    footprint = truth > 0
    agreement = (result.island_labels > 0)[inside] == footprint[inside]
    assert agreement.mean() > 0.99


def read_tiff_map(path: Path) -> np.ndarray:
    import tifffile

    return tifffile.imread(path)


def test_written_files_tell_the_same(chain) -> None:  # type: ignore[no-untyped-def]
    folder, result, _ = chain
    out = folder / "result"
    lvf = read_lvf(out / "lvf.zarr", V)
    assert 0 < np.abs(lvf.values - result.lvf.values).max() <= 0.5 * LVF_STEP
    again = read_tiff_map(out / "thickness_um.tif")
    np.testing.assert_allclose(again, result.thickness_um, atol=1e-4)
    with (out / "islands.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[:4] == ["label", "x_um", "y_um", "contact_diameter_um"]
    assert [int(r["label"]) for r in rows] == list(range(1, 10))
    volumes = [float(r["volume_um3"]) for r in rows]
    assert volumes == sorted(volumes, reverse=True)
    for row in rows:
        with (out / "islands" / f"{row['label']}.csv").open() as file:
            r, z = np.array([[float(p["r_um"]), float(p["z_um"])] for p in csv.DictReader(file)]).T
        assert r[0] == 0.0
        assert z[-1] == 0.0
        assert -np.pi * np.trapezoid(r**2, z) == pytest.approx(float(row["volume_um3"]), rel=1e-6)
    assert len(list((out / "islands").iterdir())) == 9
    with (out / "histogram.csv").open() as file:
        bins = list(csv.DictReader(file))
    assert len(bins) == 500
    assert float(bins[-1]["to_um"]) == 45.0
    facts = json.loads((folder / "truth" / "transform.json").read_text())
    assert facts["shift_um"] == [0.9, -0.7, 1.3]


def test_truth_of_the_phantom_is_exact(chain) -> None:  # type: ignore[no-untyped-def]
    folder, _, options = chain
    lvf = read_lvf(folder / "truth" / "lvf.tif", None)
    exact = sum(s.volume_um3 for s in options.shapes)
    assert lvf.values.sum(dtype=float) * V**3 == pytest.approx(exact, rel=1e-4)
    assert 0 <= lvf.values.min() <= lvf.values.max() <= 1
    narrow = next(s for s in options.shapes if s.height_um == 20.0)
    a, h = 22.22, 20.0
    assert narrow.volume_um3 == pytest.approx(np.pi * h * (3 * a * a + h * h) / 6)


# ------------------------------------------------------------------------------- smaller phantoms


def small(**changes: object) -> PhantomOptions:
    base = {"shape": [96, 160, 160], "islands": IslandChoice.none, "grain_um": 14.0}
    return PhantomOptions(**(base | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("shift", "angle"),
    [([0.5, 0.8, -0.5], [0.05, 0.05, -0.05]), ([-2.0, 3.2, 1.6], [0.2, -0.05, 0.05])],
)
def test_registration_finds_known_drift(shift: list[float], angle: list[float]) -> None:
    options = small(shift_um=shift, rotation_deg=angle, noise=0.005, layer_um=3.0)
    p = make_phantom(options)
    z = options.interface_um
    mask = (z + 12 * V, z + options.se_um - 12 * V)
    found = register(p.before, p.after, mask)
    assert corner_error_voxel(found, options, p.before) < 0.1
    back = apply(found, p.after)
    used = (slice(50, 60), slice(10, -10), slice(10, -10))
    left = np.std(back.values[used].astype(float) - p.before.values[used])
    assert left < np.std(p.after.values[used].astype(float) - p.before.values[used])


def test_unrelated_scans_are_refused() -> None:
    one, other = (make_phantom(small(seed=seed)) for seed in (1, 2))
    with pytest.raises(RegistrationError, match="cannot be aligned"):
        analyse_pair(one.before, other.after, ImageOptions())


def test_transform_convention_and_round_trip() -> None:
    motion = RigidTransform((10.0, -5.0, 3.0), (1.0, 2.0, -3.0))
    from imaging.transform import angles_deg

    np.testing.assert_allclose(angles_deg(motion.matrix), motion.rotation_deg)
    quarter = RigidTransform((90.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    # A right-handed turn about z takes x to y.
    np.testing.assert_allclose(
        quarter.moved(np.array([0.0, 0.0, 1.0]), (0, 0, 0)), [0, 1, 0], atol=1e-12
    )
    grid = np.zeros((9, 9, 9), "f4")
    grid[4, 5, 3] = 1.0  # one voxel up in y, one down in x, from the middle
    shifted = apply(RigidTransform((0, 0, 0), (0.0, 2.0, -2.0)), Volume(grid, (2.0, 2.0, 2.0)))
    assert shifted.values[4, 4, 4] == pytest.approx(1.0)


def test_pair_must_be_on_one_grid() -> None:
    a = Volume(np.zeros((20, 20, 20)), (V, V, V))
    with pytest.raises(ValueError, match=r"shape \(20, 20, 20\), after \(20, 20, 21\)"):
        analyse_pair(a, Volume(np.zeros((20, 20, 21)), (V, V, V)), ImageOptions())
    with pytest.raises(ValueError, match="spacing_um"):
        analyse_pair(a, Volume(np.zeros((20, 20, 20)), (V, V, 1.0)), ImageOptions())


@pytest.mark.parametrize("side", ["low", "high"])
def test_layer_with_drift_and_automatic_greys(side: str) -> None:
    options = small(layer_um=6.0, cc_side=side, noise=0.01, shift_um=[0.6, 0.4, -0.5])
    p = make_phantom(options)
    result = analyse_pair(p.before, p.after, ImageOptions())
    assert result.decisions["cc_side"] == side
    assert result.decisions["interface_z_um"] == pytest.approx(p.truth.interface_z_um, abs=0.2)
    assert result.decisions["grey_cc"] == pytest.approx(p.truth.grey_cc, rel=0.01)
    assert result.decisions["grey_li"] == pytest.approx(p.truth.grey_li, abs=0.01 * 47000)
    assert result.scalars["mean_thickness_um"] == pytest.approx(6.0, rel=0.015)
    assert result.islands == []


def test_radial_normalisation_undoes_cupping(caplog: pytest.LogCaptureFixture) -> None:
    p = make_phantom(small(layer_um=6.0, noise=0.01, shift_um=[0.0] * 3, rotation_deg=[0.0] * 3))
    y, x = np.ogrid[-1:1:160j, -1:1:160j]
    cup = (1 + 0.3 * (x**2 + y**2))[None].astype("f4")
    scans = [Volume(v.values * cup, v.spacing_um) for v in (p.before, p.after)]
    means = {}
    for kind in Normalisation:
        options = ImageOptions(register=False, normalisation=kind, grey=GreyOptions(li=2000.0))
        result = analyse_pair(scans[0], scans[1], options)
        rim = result.thickness_um[(x**2 + y**2) > 0.95]
        means[kind] = rim.mean()
    assert means[Normalisation.radial] == pytest.approx(6.0, rel=0.03)
    assert means[Normalisation.constant] > 6.5
    assert "normalisation=radial" in caplog.text


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RoiOptions(radius_um=0.0), "roi.radius_um"),
        (lambda: RoiOptions(height_um=float("nan")), "roi.height_um"),
        (lambda: RoiOptions(centre_um=[1.0]), "roi.centre_um needs 2"),
        (lambda: InterfaceOptions(z_um=float("inf")), "interface.z_um"),
        (lambda: GreyOptions(cc=1.0, li=2.0), "grey.cc"),
        (lambda: GreyOptions(cc_region=[0, 1, 0, 1]), "grey.cc_region needs 6"),
        (lambda: GreyOptions(li_region=[3, 1, 0, 1, 0, 1]), "grey.li_region"),
        (lambda: GreyOptions(li=1.0, li_region=[0, 1, 0, 1, 0, 1]), "not both"),
        (lambda: PhantomOptions(noise=-1.0), "noise"),
        (lambda: PhantomOptions(shape=[1, 2]), "shape"),
        (lambda: PhantomOptions(layer_um=25.0), "cu_um"),
        (lambda: PhantomOptions(cc_side="up"), "cc_side"),
    ],
)
def test_bad_options_are_named(make, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=message):
        make()


def test_regions_outside_the_volume_are_named() -> None:
    volume, after = (
        Volume(np.random.default_rng(seed).random((20, 30, 30)), (V, V, V)) for seed in (0, 1)
    )
    known = InterfaceOptions(z_um=15.0)
    grey = GreyOptions(cc_region=[0, 2, 0, 5, 0, 99], li=0.0)
    with pytest.raises(ValueError, match=r"grey.cc_region: 0..99 along x"):
        analyse_pair(volume, after, ImageOptions(register=False, interface=known, grey=grey))
    with pytest.raises(ValueError, match=r"interface\.z_um = 900"):
        analyse_lvf(volume, ImageOptions(interface=InterfaceOptions(z_um=900.0)))
    with pytest.raises(ValueError, match="outside the volume"):
        analyse_lvf(volume, ImageOptions(roi=RoiOptions(radius_um=5.0, centre_um=[999.0, 0.0])))


def test_phantom_is_deterministic() -> None:
    a, b = (make_phantom(small(shape=[84, 40, 40])) for _ in range(2))
    np.testing.assert_array_equal(a.after.values, b.after.values)
    c = make_phantom(small(shape=[84, 40, 40], seed=5))
    assert (a.after.values != c.after.values).any()


def test_two_collectors_without_a_foil_are_ambiguous() -> None:
    p = make_phantom(small(li_foil_um=0.0, noise=0.01, shift_um=[0.0] * 3, rotation_deg=[0.0] * 3))
    with pytest.raises(ValueError, match=r"give interface\.cc_side"):
        analyse_pair(p.before, p.after, ImageOptions(register=False))
    told = InterfaceOptions(cc_side=CcSide.low)
    result = analyse_pair(p.before, p.after, ImageOptions(register=False, interface=told))
    assert result.decisions["interface_z_um"] == pytest.approx(p.truth.interface_z_um, abs=0.2)


def test_tube_within_the_roi_is_left_out() -> None:
    options = small(
        shape=[90, 160, 160],
        islands=IslandChoice.listed,
        caps_um=[[130.0, 125.0, 60.0, 8.0]],
        peek_radius_um=110.0,
        noise=0.01,
    )
    p = make_phantom(options)
    result = analyse_pair(p.before, p.after, ImageOptions())
    assert "without collector" in str(result.decisions["roi_cell"])
    assert result.decisions["grey_cc"] == pytest.approx(p.truth.grey_cc, rel=0.01)
    assert len(result.islands) == 1
    assert result.islands[0].volume_um3 == pytest.approx(options.shapes[0].volume_um3, rel=0.03)
