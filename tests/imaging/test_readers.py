"""Files that are fine, and every way in which they are not."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from imaging.readers import read_lvf, read_tiff, read_zarr, write_map, write_tiff, write_zarr
from imaging.volume import Volume

V = 1.625


def stack(dtype: str = "uint16", shape: tuple[int, int, int] = (5, 40, 30)) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 200, shape).astype(dtype)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_tiff_keeps_values_and_anisotropic_spacing(tmp_path: Path, dtype: str) -> None:
    values = stack(dtype)
    write_tiff(tmp_path / "a.tif", Volume(values, (2.0, 1.5, 1.25)))
    back = read_tiff(tmp_path / "a.tif", None)
    np.testing.assert_array_equal(back.values, values)
    assert back.values.dtype == dtype
    np.testing.assert_allclose(back.spacing_um, (2.0, 1.5, 1.25), rtol=1e-6)
    assert [p.name for p in tmp_path.iterdir()] == ["a.tif"]  # no temporary left


def test_writer_refuses_what_would_wrap(tmp_path: Path) -> None:
    for bad in (np.full((2, 3, 4), -1), np.full((2, 3, 4), 70000)):
        with pytest.raises(ValueError, match="do not fit uint16"):
            write_tiff(tmp_path / "a.tif", Volume(bad, (V, V, V)))
    assert not list(tmp_path.iterdir())


def test_map_keeps_nan(tmp_path: Path) -> None:
    values = np.array([[1.0, np.nan], [2.0, 3.0]])
    write_map(tmp_path / "m.tif", values, (V, V))
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "m.tif"), values.astype("f4"))


@pytest.mark.parametrize(
    "options",
    [
        {"bigtiff": True},
        {"compression": "zlib"},
        {"imagej": True},
        {"byteorder": ">"},
        {"tile": (16, 16)},
        {"metadata": None},
    ],
)
def test_dialects_and_their_truncation(tmp_path: Path, options: dict) -> None:
    path = tmp_path / "s.tif"
    tifffile.imwrite(path, stack(), photometric="minisblack", **options)
    np.testing.assert_array_equal(read_tiff(path, V).values, stack())
    whole = path.read_bytes()
    for fraction in (0.0, 0.001, 0.3, 0.6, 0.95):
        path.write_bytes(whole[: int(fraction * len(whole))])
        with pytest.raises(ValueError, match=r"s\.tif: (truncated|not a TIFF)"):
            read_tiff(path, V)


def test_missing_and_foreign_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nothing\.tif"):
        read_tiff(tmp_path / "nothing.tif", V)
    (tmp_path / "text.tif").write_text("this is no image, but long enough")
    with pytest.raises(ValueError, match="not a TIFF"):
        read_tiff(tmp_path / "text.tif", V)


@pytest.mark.parametrize(
    ("values", "keys", "message"),
    [
        (np.zeros((30, 40), "u2"), {}, "3-D"),
        (np.zeros((2, 3, 30, 40), "u2"), {}, "3-D"),
        (np.zeros((4, 30, 40, 3), "u1"), {"photometric": "rgb"}, "RGB"),
        (np.where(np.arange(2400).reshape(2, 30, 40) == 7, np.nan, 1).astype("f4"), {}, "1 NaN"),
        (np.full((2, 30, 40), np.inf, "f4"), {}, "infinite"),
    ],
)
def test_not_a_volume(tmp_path: Path, values: np.ndarray, keys: dict, message: str) -> None:
    tifffile.imwrite(tmp_path / "x.tif", values, **({"photometric": "minisblack"} | keys))
    with pytest.raises(ValueError, match=message) as error:
        read_tiff(tmp_path / "x.tif", V)
    assert "x.tif" in str(error.value)


def test_pages_of_mixed_shapes(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "x.tif") as tif:
        tif.write(np.zeros((30, 40), "u2"))
        tif.write(np.zeros((31, 40), "u2"))
    with pytest.raises(ValueError, match="one shape"):
        read_tiff(tmp_path / "x.tif", V)


def test_voxel_size_needed_taken_and_checked(tmp_path: Path) -> None:
    plain = tmp_path / "plain.tif"
    for resolution, unit in [((72, 72), "INCH"), ((1000, 1000), "NONE")]:
        tifffile.imwrite(
            plain, stack(), resolution=resolution, resolutionunit=unit, photometric="minisblack"
        )
        with pytest.raises(ValueError, match=r"plain\.tif.*voxel_um"):
            read_tiff(plain, None)
        assert read_tiff(plain, V).spacing_um == (V, V, V)
    per_cm = 1e4 / V
    tifffile.imwrite(
        plain,
        stack(),
        resolution=(per_cm, per_cm),
        resolutionunit="CENTIMETER",
        photometric="minisblack",
    )
    np.testing.assert_allclose(read_tiff(plain, None).spacing_um, V, rtol=1e-6)
    write_tiff(tmp_path / "ij.tif", Volume(stack(), (V, V, V)))
    assert read_tiff(tmp_path / "ij.tif", V * 1.0005).spacing_um[0] == V * 1.0005
    for wrong in (V * 1.002, 0.5 * V):
        with pytest.raises(ValueError, match=r"must agree"):
            read_tiff(tmp_path / "ij.tif", wrong)
    for wrong in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="voxel_um must be a positive"):
            read_tiff(tmp_path / "ij.tif", wrong)


def test_imagej_units(tmp_path: Path) -> None:
    for unit, scale in [("mm", 1e3), ("micron", 1.0), ("nm", 1e-3)]:
        tifffile.imwrite(
            tmp_path / "u.tif",
            stack(),
            imagej=True,
            resolution=(1 / (2 / scale), 1 / (2 / scale)),
            metadata={"unit": unit, "spacing": 3 / scale},
        )
        np.testing.assert_allclose(read_tiff(tmp_path / "u.tif", None).spacing_um, (3, 2, 2))
    tifffile.imwrite(
        tmp_path / "u.tif", stack(), imagej=True, resolution=(1, 1), metadata={"unit": "pixel"}
    )
    with pytest.raises(ValueError, match="voxel_um"):
        read_tiff(tmp_path / "u.tif", None)


def write_slices(folder: Path, numbers: list[int]) -> np.ndarray:
    folder.mkdir()
    values = stack(shape=(len(numbers), 20, 30))
    for number, image in zip(numbers, values, strict=True):
        tifffile.imwrite(folder / f"scan1_{number}.tif", image)
    return values


def test_folder_of_slices_is_ordered_by_number(tmp_path: Path) -> None:
    values = write_slices(tmp_path / "s", [8, 9, 10, 11])
    np.testing.assert_array_equal(read_tiff(tmp_path / "s", V).values, values)


def test_folder_faults(tmp_path: Path) -> None:
    write_slices(tmp_path / "gap", [1, 2, 4])
    with pytest.raises(ValueError, match="missing: number 3"):
        read_tiff(tmp_path / "gap", V)
    write_slices(tmp_path / "mixed", [1, 2])
    tifffile.imwrite(tmp_path / "mixed" / "scan1_3.tif", np.zeros((21, 30), "u2"))
    with pytest.raises(ValueError, match=r"scan1_3\.tif.*\(21, 30\)"):
        read_tiff(tmp_path / "mixed", V)
    write_slices(tmp_path / "twice", [1, 2])
    tifffile.imwrite(tmp_path / "twice" / "scan1_02.tif", np.zeros((20, 30), "u2"))
    with pytest.raises(ValueError, match="slice 2 twice"):
        read_tiff(tmp_path / "twice", V)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"no \.tif"):
        read_tiff(tmp_path / "empty", V)
    write_slices(tmp_path / "cut", [1, 2])
    path = tmp_path / "cut" / "scan1_2.tif"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"scan1_2\.tif: truncated"):
        read_tiff(tmp_path / "cut", V)


def test_zarr_keeps_grid_and_notices_lost_chunks(tmp_path: Path) -> None:
    values = np.zeros((70, 140, 150), "f4")
    values[0] = 0.5
    path = tmp_path / "lvf.zarr"
    for _ in range(2):  # the second time over the first
        write_zarr(path, Volume(values, (2.0, V, V), (1.0, 2.0, 3.0)), {"quantity": "test"})
    back = read_lvf(path, None)
    np.testing.assert_array_equal(back.values, values)
    assert (back.spacing_um, back.origin_um) == ((2.0, V, V), (1.0, 2.0, 3.0))
    next(p for p in sorted(path.rglob("c/*/*/*")) if p.is_file()).unlink()
    with pytest.raises(ValueError, match=r"1 of 8 chunks missing"):
        read_zarr(path)
    with pytest.raises(FileNotFoundError, match=r"zarr\.json"):
        read_zarr(tmp_path / "other.zarr")


def test_zarr_rounds_to_steps_where_asked(tmp_path: Path) -> None:
    values = np.random.default_rng(1).normal(size=(130, 300, 4)).astype("f4")  # pieces on two axes
    write_zarr(tmp_path / "a.zarr", Volume(values, (1.0, V, V)), {}, 1 / 4096)
    back = read_zarr(tmp_path / "a.zarr").values
    assert 0 < np.abs(back - values).max() <= 0.5 / 4096
    np.testing.assert_array_equal(back * 4096, np.rint(values * 4096))
    assert json.loads((tmp_path / "a.zarr" / "zarr.json").read_text())["attributes"]["step"]
    whole = Volume(np.arange(27, dtype="u2").reshape(3, 3, 3), (1.0, V, V))
    write_zarr(tmp_path / "b.zarr", whole, {}, 1 / 4096)
    np.testing.assert_array_equal(read_zarr(tmp_path / "b.zarr").values, whole.values)


def test_lvf_must_look_like_fractions(tmp_path: Path) -> None:
    write_tiff(tmp_path / "grey.tif", Volume(stack(), (V, V, V)))
    with pytest.raises(ValueError, match="volume fractions"):
        read_lvf(tmp_path / "grey.tif", None)
    write_tiff(tmp_path / "lvf.tif", Volume(stack("float32") / 200, (V, V, V)))
    assert read_lvf(tmp_path / "lvf.tif", V).shape == (5, 40, 30)


@pytest.mark.parametrize("spacing", [(0, 1, 1), (1, -1, 1), (1, 1, float("nan")), (1, 1)])
def test_volume_refuses_bad_spacing(spacing: tuple) -> None:
    with pytest.raises(ValueError, match="spacing_um"):
        Volume(stack(), spacing)
