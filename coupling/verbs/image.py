"""Tomograms to lithium volume fraction, thickness and islands."""

from __future__ import annotations

import time
from pathlib import Path

from coupling.image_figures import write_image_figures
from coupling.results import Outcome
from coupling.schema_imaging import TomogramConfig
from imaging.electrochemistry import faraday_thickness_um, paper_thickness_um
from imaging.readers import read_lvf, read_tiff
from imaging.workflow import ImageResult, analyse_lvf, analyse_pair, write_image_result


def run(config: TomogramConfig, folder: Path) -> Outcome:
    """Analyse a pair of tomograms, or an LVF volume, and write what was found."""
    start = time.perf_counter()
    result = analyse(config, config.pair)
    analysed = time.perf_counter()
    files = [*write_image_result(result, folder), *write_image_figures(result, folder)]
    timing = {"analyse": analysed - start, "write": time.perf_counter() - analysed}
    scalars = result.scalars | charge_scalars(config.charge_mah_cm2)
    return Outcome(scalars, files, timing, {"decisions": result.decisions})


def analyse(config: TomogramConfig, pair: tuple[Path, Path] | None) -> ImageResult:
    """Return what is found in a pair of tomograms, or else in the configuration's LVF volume."""
    options = config.image_options()
    if pair is None:
        if config.lvf is None:
            raise ValueError("neither a pair of tomograms nor an LVF volume is given")
        return analyse_lvf(read_lvf(Path(config.lvf), config.voxel_um), options)
    before, after = (read_tiff(path, config.voxel_um) for path in pair)
    return analyse_pair(before, after, options)


def charge_scalars(charge_mah_cm2: float | None) -> dict[str, float]:
    """Return the thickness that a charge plates, by Faraday's law and on the paper's scale."""
    if charge_mah_cm2 is None:
        return {}
    return {
        "faraday_thickness_um": faraday_thickness_um(charge_mah_cm2),
        "paper_scale_thickness_um": paper_thickness_um(charge_mah_cm2),
    }
