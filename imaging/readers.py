"""The door to volumes on disk: TIFF, HDF5 and NeXus, Zarr and OME-Zarr."""

from __future__ import annotations

from pathlib import Path

from imaging.tiff import read_tiff, write_labels, write_map, write_tiff
from imaging.volume import Volume
from imaging.zarr_store import is_zarr, read_zarr, write_zarr

__all__ = [
    "read_lvf",
    "read_tiff",
    "read_volume",
    "read_zarr",
    "write_labels",
    "write_map",
    "write_tiff",
    "write_zarr",
]

HDF5_SUFFIXES = (".h5", ".hdf5", ".hdf", ".he5", ".nxs", ".nx", ".nexus")
HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def read_volume(path: Path, voxel_um: float | None, dataset: str | None = None) -> Volume:
    """Read a volume of any format that is known.

    Parameters
    ----------
    path
        A TIFF stack, a folder of numbered TIFF slices, an HDF5 or NeXus file, a Zarr array or
        group.
    voxel_um
        Edge of the cubic voxel; needed where the file carries none, else checked against it.
    dataset
        Path of the data inside an HDF5 file or a Zarr group.

    Raises
    ------
    FileNotFoundError
        If there is no such file or folder.
    ValueError
        If the file is damaged or incomplete, or does not hold one finite 3-D image; if the voxel
        size is unknown or contradictory; if `dataset` is given with a TIFF.
    """
    path = Path(path)
    if is_zarr(path):
        return read_zarr(path, voxel_um, dataset)
    if _is_hdf5(path):
        from imaging.hdf5 import read_hdf5  # h5py takes its time, and TIFF does without

        return read_hdf5(path, voxel_um, dataset)
    if dataset is not None and path.exists():
        raise ValueError(f"{path}: dataset={dataset} is for HDF5 and Zarr; this is read as TIFF")
    return read_tiff(path, voxel_um)


def read_lvf(path: Path, voxel_um: float | None, dataset: str | None = None) -> Volume:
    """Read a ready lithium-volume-fraction volume: our Zarr, or whatever `read_volume` reads.

    Raises
    ------
    ValueError
        If the values cannot be volume fractions (integers, or far outside [0, 1]), or the voxel
        size contradicts `voxel_um`.
    """
    volume = read_volume(path, voxel_um, dataset)
    low, high = float(volume.values.min()), float(volume.values.max())
    # Noise and misfit leave [0, 1] a little; grey values leave it by far.
    if volume.values.dtype.kind != "f" or low < -5 or high > 5:
        raise ValueError(
            f"{path}: lithium volume fractions are floats near [0, 1]; "
            f"got {volume.values.dtype} in [{low:g}, {high:g}]"
        )
    return volume


def _is_hdf5(path: Path) -> bool:
    if path.suffix.lower() in HDF5_SUFFIXES:
        return True
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(HDF5_SIGNATURE)) == HDF5_SIGNATURE
