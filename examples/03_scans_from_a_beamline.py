"""From NeXus files as a synchrotron writes them to the thickness of plated lithium.

Diamond Light Source's beamline I13-2 reconstructs with Savu, which writes one NeXus file per scan:
the volume lies in ``/entry/final_result_tomo/data``, its axes are named, and y is the axis of
rotation. This example writes two small files of that layout and reads them back as a user would.

The scans of Xu et al. (Small 2026) are public: https://doi.org/10.5281/zenodo.15807466. Download a
pristine and a plated scan of one cell, and give their paths in the place of the files made here:

    islet run before=PRISTINE.nxs after=PLATED.nxs voxel_um=1.625

(`voxel_um` only where the file does not carry it; ``dataset=/entry/...`` where it holds several
volumes; TIFF stacks work the same way. The files of that data set were not at hand when this was
written: their names and layout may differ.) 2560 x 2160 x 2160 voxels of 16 bits are 24 GB: cut the
slices around the current collector out first if memory is short.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import h5py
import numpy as np

from imaging.electrochemistry import faraday_thickness_um
from imaging.options import ImageOptions
from imaging.phantom import IslandChoice, PhantomOptions, make_phantom
from imaging.readers import read_volume
from imaging.result import ImageResult
from imaging.volume import Volume
from imaging.workflow import analyse_pair

CHARGE_MAH_CM2 = 1.0
LAYER_UM = faraday_thickness_um(CHARGE_MAH_CM2)


def write_like_savu(volume: Volume, file: Path) -> None:
    """Write a volume as Savu lays it out: y along the axis of rotation, which islet calls z."""
    with h5py.File(file, "w") as nexus:
        entry = nexus.create_group("entry")
        entry.attrs["NX_class"] = "NXentry"
        # raw projections are in the same file, and must not be taken for the volume
        detector = entry.create_group("intermediate/tomo")
        detector.create_dataset("data", data=np.zeros((4, 8, 8), np.uint16))
        result = entry.create_group("final_result_tomo")
        result.attrs["NX_class"] = "NXdata"
        result.attrs["signal"] = "data"
        result.attrs["axes"] = ["voxel_x", "voxel_y", "voxel_z"]
        # in memory (z, y, x); in the file Savu's (x, y, z) with its y our z
        result.create_dataset("data", data=np.transpose(volume.values, (1, 0, 2)))
        for axis, name in enumerate(("voxel_x", "voxel_y", "voxel_z")):
            count = volume.shape[(1, 0, 2)[axis]]
            millimetres = 1e-3 * volume.spacing_um[0] * np.arange(count)
            positions = result.create_dataset(name, data=millimetres)
            positions.attrs["units"] = "mm"


def main() -> ImageResult:
    """Plate a layer, write and read the scans, and find Faraday's thickness again."""
    cell = PhantomOptions(
        shape=[96, 96, 112], islands=IslandChoice.none, layer_um=LAYER_UM, noise=0.01
    )
    phantom = make_phantom(cell)
    with TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("pristine.nxs", "plated.nxs")]
        for scan, file in zip((phantom.before, phantom.after), files, strict=True):
            write_like_savu(scan, file)
        # no voxel size, no path inside the file, no order of axes is told
        before, after = (read_volume(file, voxel_um=None) for file in files)

    # the axes are back in order, and the voxel size is the file's, in um
    assert before.shape == (96, 96, 112)
    assert abs(before.spacing_um[0] - 1.625) < 1e-6
    assert np.array_equal(before.values, phantom.before.values)

    # 1 mAh/cm2 is 4.85 um of dense lithium; it is found within 2 %
    result = analyse_pair(before, after, ImageOptions())
    assert abs(LAYER_UM - 4.85) < 0.01
    assert abs(result.scalars["mean_thickness_um"] / LAYER_UM - 1) < 0.02
    return result


if __name__ == "__main__":
    found = main().scalars["mean_thickness_um"]
    print(f"{CHARGE_MAH_CM2:g} mAh/cm2: {LAYER_UM:.2f} um by Faraday's law, {found:.2f} um found")
