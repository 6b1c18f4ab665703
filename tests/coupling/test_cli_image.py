"""The verbs of the imaging side, from files to files."""

from __future__ import annotations

import csv
from pathlib import Path

import h5py
import numpy as np
import pytest
import zarr

from coupling import cli, config, launcher, results
from coupling.schema_imaging import ImageConfig, TomogramConfig
from coupling.schema_run import RunConfig
from imaging.readers import read_tiff


def test_a_phantoms_layer_is_found_again(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cell = ["islands=none", "layer_um=6", "shape=[120,96,96]"]
    assert cli.run(["phantom", *cell, "hydra.run.dir=cell"]) == 0
    pair = ["before=cell/before.tif", "after=cell/after.tif", "render=false"]
    found = ["image", *pair, "charge_mah_cm2=1.875", "hydra.run.dir=image"]
    assert cli.run(found) == 0
    result = results.require_finished(Path("image"), "image")
    assert result.scalars["mean_thickness_um"] == pytest.approx(6.0, rel=0.02)
    assert result.scalars["faraday_thickness_um"] == pytest.approx(9.10, abs=0.005)
    assert result.scalars["paper_scale_thickness_um"] == pytest.approx(8.1)
    assert result.inputs["decisions"]["cc_side"] == "low"
    assert set(result.inputs["input_sha256"]) == {"before", "after"}
    assert {"lvf.zarr", "thickness_um.tif", "islands.csv"} <= set(result.files)
    with Path("image/z_profile.csv").open() as stream:
        assert next(csv.reader(stream)) == ["z_um", "mean_lvf"]

    bare = ["figures=none", "render=false"]
    capsys.readouterr()
    listed = ["image", "scans=[cell/before.tif,cell/after.tif]", *bare, "hydra.run.dir=listed"]
    assert cli.run([*listed, "interface.cc_side=low"]) == 0
    told = capsys.readouterr()
    assert told.out == f"result: {workdir / 'listed' / results.RESULT}\n"
    assert "interface_z_um" in told.err  # what was decided is said
    again = results.require_finished(Path("listed"), "image")
    thickness = again.scalars["mean_thickness_um"], again.scalars["mean_thickness_error_um"]
    assert "mean thickness: {:.3f} +- {:.3f} um\n".format(*thickness) in told.err
    said = " ".join(told.err.split())
    assert all(f"mean thickness, lithium volume, islands: {statement}" in said
               for statement in again.assumptions["mean_thickness_um"][:3])  # fmt: skip
    assert again.scalars["mean_thickness_um"] == result.scalars["mean_thickness_um"]
    assert not [name for name in again.files if name.endswith((".png", ".pdf"))]

    assert cli.run(["image", "lvf=image/lvf.zarr", *bare, "hydra.run.dir=lvf"]) == 0
    from_lvf = results.require_finished(Path("lvf"), "image")
    assert from_lvf.scalars["mean_thickness_um"] == pytest.approx(6.0, rel=0.02)

    assert cli.run(["image", *pair, "voxel_um=2"]) == 2
    assert "must agree" in capsys.readouterr().err
    assert cli.run(["image", "before=cell/before.tif", "after=gone.tif"]) == 2
    assert "after=gone.tif: no such file" in capsys.readouterr().err

    other_formats(workdir / "cell")
    inside = ["dataset=/entry/recon/data", *bare, "hydra.run.dir=nexus"]
    assert cli.run(["image", "before=cell/before.nxs", "after=cell/after.nxs", *inside]) == 0
    assert (
        cli.run(["image", "scans=[cell/before.zarr,cell/after.nxs]", *bare, "hydra.run.dir=mixed"])
        == 0
    )
    for folder in ("nexus", "mixed"):
        same = results.require_finished(Path(folder), "image")
        assert same.scalars["mean_thickness_um"] == result.scalars["mean_thickness_um"]
    capsys.readouterr()
    wrong = ["before=cell/before.nxs", "after=cell/after.nxs", "dataset=/entry/recon/date"]
    assert cli.run(["image", *wrong]) == 2
    assert "before.nxs: no dataset /entry/recon/date; did you mean" in capsys.readouterr().err
    assert cli.run(["image", *pair, "dataset=/entry/recon/data"]) == 2
    assert "before=cell/before.tif is a TIFF" in capsys.readouterr().err


def other_formats(cell: Path) -> None:
    """The same tomograms as NeXus, (x, y, z), and as OME-Zarr."""
    for name in ("before", "after"):
        scan = read_tiff(cell / f"{name}.tif", None)
        with h5py.File(cell / f"{name}.nxs", "w") as file:
            data = file.create_group("entry/recon")
            data["data"] = scan.values.transpose(2, 1, 0)
            data.attrs["signal"], data.attrs["axes"] = "data", ["x", "y", "z"]
            for axis, n in zip("xyz", data["data"].shape, strict=True):
                data[axis] = scan.spacing_um[0] * np.arange(n)
                data[axis].attrs["units"] = "um"
        image = zarr.create_group(str(cell / f"{name}.zarr"))
        image.create_array("0", data=scan.values)
        scale = {"type": "scale", "scale": list(scan.spacing_um)}
        levels = [{"path": "0", "coordinateTransformations": [scale]}]
        axes = [{"name": axis, "type": "space", "unit": "micrometer"} for axis in "zyx"]
        image.attrs["ome"] = {"multiscales": [{"axes": axes, "datasets": levels}]}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "nothing to read: give before=FILE after=FILE"),
        (["before=a.tif"], "before=a.tif needs after=FILE"),
        (["scans=[a.tif]"], "scans needs two tomograms"),
        (["scans=[a.tif,b.tif,c.tif]"], "scans with 3 tomograms needs times_h=[...]"),
        (["lvf=a.tif", "before=a.tif", "after=b.tif"], "not both"),
        (["scans=[a.tif,b.tif]", "after=b.tif"], "not both"),
        (["lvf=a.tif", "dataset=/entry/data"], "but lvf=a.tif is a TIFF"),
        (["before=a.nxs", "after=b.TIFF", "dataset=/e/d"], "but after=b.TIFF is a TIFF"),
        (["lvf=a.nxs", "dataset=/"], "dataset must be a path inside the file"),
        (["lvf=a.tif", "times_h=[0,1]"], "times_h needs tomograms"),
        (["lvf=a.tif", "voxel_um=0"], "voxel_um must be a positive number"),
        (["lvf=a.tif", "charge_mah_cm2=-1"], "charge_mah_cm2 must be a positive number"),
        (["lvf=a.tif", "roi.radius_um=-5"], "roi.radius_um must be a positive number"),
        (["lvf=a.tif", "roi.centre_um=[1]"], "roi.centre_um needs 2 finite numbers"),
        (["lvf=a.tif", "grey.cc=1", "grey.li=2"], "grey.cc (1.0) must be above grey.li"),
    ],
)
def test_contradicting_or_unavailable_inputs_are_named(given: list[str], message: str) -> None:
    node = config.without_hydra(launcher.compose("image", launcher.parse_arguments(given)))
    with pytest.raises(config.InputError) as caught:
        config.validated(node)
    assert message in str(caught.value)


def test_run_falls_back_on_the_phantom_and_checks_both_sides() -> None:
    assert RunConfig().uses_phantom
    assert RunConfig().image_options() == ImageConfig(lvf="x").image_options()
    assert not RunConfig(before="a.tif", after="b.tif").uses_phantom
    with pytest.raises(ValueError, match="needs before=FILE"):
        RunConfig(after="b.tif")
    with pytest.raises(ValueError, match="workers must be at least 1"):
        RunConfig(workers=0)


def test_inputs_are_found_wherever_they_are_given() -> None:
    listed = TomogramConfig(scans=["a.tif", "b.tif"])
    assert listed.input_paths() == {"scans[0]": Path("a.tif"), "scans[1]": Path("b.tif")}
    assert listed.pair == (Path("a.tif"), Path("b.tif"))
    assert config.input_paths(RunConfig(lvf="c.zarr")) == {"lvf": Path("c.zarr")}
