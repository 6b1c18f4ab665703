"""Scenes that once went wrong: fine texture far off, the wall of a tube, a shifted grey scale."""

import logging
import re
from collections.abc import Callable

import numpy as np
import pytest

from imaging.counter import analyse_foil
from imaging.options import Drift, RoiOptions
from imaging.pair import require_pair
from imaging.phantom import IslandChoice, Phantom, PhantomOptions, make_phantom
from imaging.registration import register
from imaging.transform import RigidTransform, corner_error_um
from imaging.volume import Volume
from imaging.workflow import GreyOptions, ImageOptions, analyse_pair

V = 1.625


def waves(
    shape: tuple[int, int, int], length: float, motion: RigidTransform | None = None, seed: int = 0
) -> np.ndarray:
    """Sum of random cosines, length to three times that, seen after a motion: exact anywhere."""
    rng = np.random.default_rng(seed)
    k = rng.standard_normal((150, 3))
    k *= 2 * np.pi / (length * rng.uniform(0.7, 2.2, (150, 1))) / np.linalg.norm(k, axis=1)[:, None]
    centre = (np.asarray(shape) - 1) / 2
    turn = np.eye(3) if motion is None else motion.matrix
    shift = np.zeros(3) if motion is None else np.asarray(motion.shift_um) / V
    # Material at index x was at turn^T (x - centre - shift) + centre.
    phase = rng.uniform(0, 2 * np.pi, 150) + k @ (centre - turn.T @ (centre + shift))
    z, y, x = (np.exp(1j * np.arange(n)[:, None] * c) for n, c in zip(shape, (k @ turn.T).T))  # noqa: B905
    total = np.einsum("zk,yk,xk->zyx", z * np.exp(1j * phase), y, x, optimize=True)
    return np.asarray(total.real / np.sqrt(75), dtype=np.float32)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_fine_texture_three_voxels_off(seed: int) -> None:
    # Structure of 8-24 voxels: 2-6 of the coarsest level's, where full steps overshoot.
    shape = (34, 120, 120)
    shift = (1.95 * V, 1.5 * V, -1.5 * V)
    motion = RigidTransform((0.1, -0.1, 0.1), shift)
    rng = np.random.default_rng(10 + seed)
    scans = [
        Volume(
            np.tanh(1.8 * waves(shape, 11.0, m, seed))
            + 0.2 * rng.standard_normal(shape, dtype=np.float32),
            (V, V, V),
        )
        for m in (None, motion)
    ]
    found = register(scans[0], scans[1], (6 * V, 28 * V))
    size = (shape[0] * V, shape[1] * V, shape[2] * V)
    assert corner_error_um(found, motion, (0, 0, 0), size, scans[0].centre_um) < 0.1 * V


def cell(shape: tuple[int, int, int], radius: float, after_offset: float) -> tuple[Volume, Volume]:
    """No lithium: collector below slice 30.4, electrolyte above, a tube beyond `radius` voxels."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(4)
    z = np.arange(shape[0])[:, None, None]
    y, x = (np.arange(n) - (n - 1) / 2 for n in shape[1:])
    collector = np.clip(30.9 - z, 0, 1)
    scans = []
    for shift, offset in ((0.0, 0.0), (1.9, after_offset)):
        motion = RigidTransform((0, 0, 0), (0, 0, shift * V))
        values = 200 * collector + (60 + 15 * waves(shape, 11.0, motion)) * (1 - collector)
        r = np.hypot(y[:, None], x[None, :] - shift)
        tube = np.clip(r - radius + 0.5, 0, 1)
        values = gaussian_filter(values * (1 - tube) + 28 * tube, 1.0)
        noise = 2 * rng.standard_normal(shape, dtype=np.float32)
        scans.append(Volume((values + noise + offset).astype(np.float32), (V, V, V)))
    return scans[0], scans[1]


def small_phantom() -> Phantom:
    """A layer of 3 um, no drift."""
    still = {"shift_um": [0.0] * 3, "rotation_deg": [0.0] * 3}
    return make_phantom(
        PhantomOptions(shape=[90, 40, 40], islands=IslandChoice.none, layer_um=3.0, **still)
    )


def test_wall_of_the_tube_is_no_island() -> None:
    before, after = cell((76, 110, 110), 42.0, 0.0)
    result = analyse_pair(before, after, ImageOptions(grey=GreyOptions(li=12.0)))
    assert result.islands == []
    y, x = np.nonzero(np.isfinite(result.thickness_um))
    reach = np.hypot(y - 54.5, x - 54.5).max()
    assert 33 < reach < 38.5  # clear of the blurred wall, but not by much
    assert abs(result.scalars["mean_thickness_um"]) < 0.05


def test_shifted_grey_scale_is_said(caplog: pytest.LogCaptureFixture) -> None:
    options = ImageOptions(grey=GreyOptions(li=12.0))
    with caplog.at_level(logging.WARNING):
        result = analyse_pair(*cell((76, 110, 110), 42.0, 1.88), options)
    assert result.decisions["electrolyte_grey_change"] == pytest.approx(0.01, rel=0.1)
    assert result.scalars["mean_thickness_um"] == pytest.approx(-0.65, abs=0.05)
    assert any("grey value changed by +1.0" in m for m in caplog.messages)
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        analyse_pair(*cell((76, 110, 110), 42.0, 0.0), options)
    assert not any("grey value changed" in m for m in caplog.messages)


@pytest.mark.parametrize(
    ("change", "sign"),
    [
        (lambda v: v / 256, "its gain is 0.0039"),
        (lambda v: v - 0.2 * v.max(), "its electrolyte's grey value differs by -2"),
        (lambda v: v.max() - v, "its gain is -"),
        (lambda v: v * 1e12, "its electrolyte scatters"),
    ],
)
@pytest.mark.parametrize("foil", [False, True])
def test_another_grey_scale_is_refused(
    change: Callable[[np.ndarray], np.ndarray], sign: str, foil: bool
) -> None:
    """8 and 16 bits of one scan, or other limits of the conversion: no drift of 0.1 um."""
    pair = small_phantom()
    after = pair.after.with_values(change(pair.after.values.astype(np.float64)).astype("f4"))
    analyse = analyse_foil if foil else analyse_pair
    options = ImageOptions(register=False)
    with pytest.raises(ValueError, match=r"not on the grey scale .*grey\.drift=correct") as error:
        analyse(pair.before, after, options)
    assert foil or sign in str(error.value)


def test_another_grey_scale_is_put_right() -> None:
    pair = small_phantom()
    after = pair.after.with_values((pair.after.values / 256).astype("f4"))
    options = ImageOptions(register=False, grey=GreyOptions(drift=Drift.correct))
    result = analyse_pair(pair.before, after, options)
    assert result.scalars["mean_thickness_um"] == pytest.approx(3.0, abs=0.1)


def test_one_scan_given_twice_is_said_and_holds_no_lithium(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pair = small_phantom()
    require_pair(pair.before, pair.after)
    assert "one scan given twice" not in caplog.text
    copy = pair.before.with_values(pair.before.values.copy())
    result = analyse_pair(pair.before, copy, ImageOptions(register=False))
    assert "one scan given twice" in caplog.text
    assert result.scalars["mean_thickness_um"] == pytest.approx(0.0, abs=1e-6)


def test_saturated_scans_are_said(caplog: pytest.LogCaptureFixture) -> None:
    pair = small_phantom()
    options = ImageOptions(register=False)
    analyse_pair(pair.before, pair.after, options)
    assert "saturated" not in caplog.text
    limit = 0.8 * float(pair.before.values.max())
    clipped = (v.with_values(np.minimum(v.values, limit)) for v in (pair.before, pair.after))
    analyse_pair(*clipped, options)
    for name in ("before", "after"):
        assert re.search(rf"% of the {name} scan's voxels .* saturated", caplog.text)


def test_slices_that_were_lost_are_refused() -> None:
    pair = small_phantom()
    values = pair.after.values.copy()
    values[[20, 50]] = 0  # in collector and electrolyte
    message = r"2 slice\(s\) of the after scan .* 20 \(0\), 50 \(0\)"
    with pytest.raises(ValueError, match=message):
        analyse_pair(pair.before, pair.after.with_values(values), ImageOptions(register=False))
    values[:51] = 0  # of a volume cut elsewhere: nothing is enclosed
    require_pair(pair.before, pair.after.with_values(values))


def test_slices_of_a_scene_without_noise_are_not_lost() -> None:
    """A foil of one grey value between electrolyte and a collector of rough surface."""
    pair = small_phantom()
    values = pair.after.values.copy()
    values[:28] = values[:28, :1, :1]
    values[60:75] = values[60, 0, 0]
    require_pair(pair.before, pair.after.with_values(values))


def test_slices_that_come_twice_are_said(caplog: pytest.LogCaptureFixture) -> None:
    pair = small_phantom()
    require_pair(pair.before, pair.after)
    assert not caplog.text
    twice = np.concatenate([pair.after.values[:40], pair.after.values[39:-1]])
    require_pair(pair.before, pair.after.with_values(twice))
    assert "1 slice(s) of the after scan repeat the one before them" in caplog.text
    assert "number 40," in caplog.text


def test_a_region_of_a_single_island_in_a_wide_scan() -> None:
    """Its blocks follow the region, not the volume, of which it is a small part."""
    pair = small_phantom()
    roi = RoiOptions(radius_um=6.0)
    assert 2 * roi.radius_um < pair.before.spacing_um[1] * 40 / 4
    result = analyse_pair(pair.before, pair.after, ImageOptions(register=False, roi=roi))
    assert result.scalars["mean_thickness_um"] == pytest.approx(3.0, abs=0.15)
    for empty in (RoiOptions(radius_um=0.5), RoiOptions(radius_um=5.0, centre_um=[900.0, 0.0])):
        with pytest.raises(ValueError, match=r"no voxel .* roi\.radius_um = .* roi\.centre_um"):
            analyse_pair(pair.before, pair.after, ImageOptions(register=False, roi=empty))
    flat = RoiOptions(height_um=4.0)
    with pytest.raises(ValueError, match=r"roi\.height_um = 4 is less than 4 voxels"):
        analyse_pair(pair.before, pair.after, ImageOptions(register=False, roi=flat))


@pytest.mark.parametrize(
    ("cc", "li", "refused"),
    [
        (0.06, 0.0, True), (1e4, 0.0, True), (1.0, 0.97, True), (1.0, -20.0, True),
        (0.8, 0.0, False), (1.0, 0.2, False),
    ],
)  # fmt: skip
def test_grey_values_of_another_reconstruction(
    cc: float, li: float, refused: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Given values, as fractions of the contrast that is found."""
    pair = small_phantom()
    options = ImageOptions(register=False)
    found = analyse_pair(pair.before, pair.after, options).decisions
    low, span = float(found["grey_li"]), float(found["grey_cc"]) - float(found["grey_li"])
    own = GreyOptions(cc=low + span, li=low)
    analyse_pair(pair.before, pair.after, ImageOptions(register=False, grey=own))
    assert "contrast of the grey values given" not in caplog.text
    options = ImageOptions(register=False, grey=GreyOptions(cc=low + cc * span, li=low + li * span))
    if refused:
        with pytest.raises(ValueError, match=r"another reconstruction \(grey\.cc, grey\.li\)"):
            analyse_pair(pair.before, pair.after, options)
    else:
        analyse_pair(pair.before, pair.after, options)
        assert "contrast of the grey values given" in caplog.text
