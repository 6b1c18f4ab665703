"""A synthetic pair of tomograms with its exact truth."""

from __future__ import annotations

import logging
from pathlib import Path

from coupling.progress import percent
from coupling.results import Outcome, Scalar
from coupling.schema_phantom import PhantomConfig
from imaging.phantom import write_phantom

log = logging.getLogger("islet.phantom")


def run(config: PhantomConfig, folder: Path) -> Outcome:
    """Write ``before.tif``, ``after.tif``, ``truth/`` and, where asked for, ``series/``."""
    options = config.options()
    with percent("phantom") as show:
        files = write_phantom(options, folder, progress=show)
    log.info("phantom of %d x %d x %d voxels of %g um", *options.grid, options.voxel_um)
    scalars: dict[str, Scalar] = {
        "voxel_um": options.voxel_um,
        "island_count": len(options.shapes),
        "crack_count": len(options.cracks),
        "scan_count": 2 + len(options.steps),
        "interface_um": options.interface_um,
    }
    return Outcome(scalars, files)
