"""Is everything there that a dataset of an HDF5 file is put together from?"""

from __future__ import annotations

import math
from pathlib import Path

import h5py

from imaging.nexus import Found, text


def require_complete(found: Found) -> None:
    """Refuse data of which a part was never written, is gone, or cannot be decompressed.

    Raises
    ------
    ValueError
        With the part that is missing.
    """
    dataset = found.dataset
    filters = dataset.id.get_create_plist()
    for i in range(filters.get_nfilters()):
        number, _, _, name = filters.get_filter(i)
        if not h5py.h5z.filter_avail(number):
            raise ValueError(
                f"{found.path} is compressed by the HDF5 filter {number} ({text(name)}), which is "
                "not installed; the package hdf5plugin has it, HDF5_PLUGIN_PATH says where it lies"
            )
    if dataset.is_virtual:
        _require_sources(found)
    elif dataset.chunks is not None:
        grid = zip(dataset.shape, dataset.chunks, strict=True)
        expected = math.prod(-(-n // chunk) for n, chunk in grid)
        written = dataset.id.get_num_chunks()
        if written < expected:
            raise ValueError(
                f"{found.path} is incomplete: {expected - written} of {expected} chunks were "
                "never written"
            )
    elif dataset.id.get_space_status() == h5py.h5d.SPACE_STATUS_NOT_ALLOCATED:
        raise ValueError(f"{found.path} is incomplete: its data were never written")


def _require_sources(found: Found) -> None:
    """Every file and dataset that a virtual dataset is put together from must be there."""
    home = Path(found.dataset.file.filename)
    sources = found.dataset.virtual_sources()
    mapped = sum(source.vspace.get_select_npoints() for source in sources)
    if mapped < found.dataset.size:
        share = 100 * (1 - mapped / found.dataset.size)
        raise ValueError(f"{found.path} is incomplete: {share:.3g} % of it have no source")
    for source in sources:
        if "%" in source.file_name:  # a pattern that HDF5 expands itself
            continue
        here = source.file_name == "."
        other = home if here else home.parent / source.file_name
        if not other.exists():
            raise ValueError(f"{found.path} is incomplete: its source file {other} is missing")
        try:
            with h5py.File(other, "r", locking="best-effort") as file:
                there = source.dset_name in file
        except OSError as error:
            raise ValueError(f"{found.path} is incomplete: {other}: {error}") from None
        if not there:
            raise ValueError(
                f"{found.path} is incomplete: its source {source.dset_name} is not in {other}"
            )
