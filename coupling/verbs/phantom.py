"""A synthetic pair of tomograms with its exact truth."""

from __future__ import annotations

import logging
from pathlib import Path

from coupling.results import Outcome, Scalar
from coupling.schema_phantom import PhantomConfig
from imaging.phantom import write_phantom

log = logging.getLogger("islet.phantom")


def run(config: PhantomConfig, folder: Path) -> Outcome:
    """Write ``before.tif``, ``after.tif`` and ``truth/``."""
    options = config.options()
    files = write_phantom(options, folder)
    log.info("phantom of %d x %d x %d voxels of %g um", *options.grid, options.voxel_um)
    scalars: dict[str, Scalar] = {
        "voxel_um": options.voxel_um,
        "island_count": len(options.shapes),
        "interface_um": options.interface_um,
    }
    return Outcome(scalars, files)
