"""`islet image electrode=ce`: tomograms to the depletion of the counter electrode's foil."""

from __future__ import annotations

import functools
import time
from pathlib import Path

from coupling.foil_figures import write_foil_figures
from coupling.progress import percent, steps
from coupling.results import Outcome
from coupling.schema_imaging import TomogramConfig
from imaging.assumptions import foil_assumptions
from imaging.counter import FoilResult, analyse_foil
from imaging.counter_output import write_foil_result, write_foil_series
from imaging.counter_series import FoilCharge, FoilRow, analyse_foil_series
from imaging.readers import read_volume
from imaging.setup import Decisions


def run(config: TomogramConfig, folder: Path) -> Outcome:
    """Analyse a pair of tomograms, or a series against its first one, and write what was found."""
    return _run_series(config, folder) if config.is_series else _run_pair(config, folder)


def foil_charge(config: TomogramConfig) -> FoilCharge:
    """Return how the configuration's charge becomes depletion."""
    area, foil_area = config.electrode_area_cm2, config.foil.area_cm2
    ratio = 1.0 if foil_area is None or area is None else area / foil_area
    return FoilCharge(config.li_density_g_cm3, ratio)


def _run_pair(config: TomogramConfig, folder: Path) -> Outcome:
    start = time.perf_counter()
    pair = config.pair
    assert pair is not None  # the schema sees to it
    before, after = (read_volume(path, config.voxel_um, config.dataset) for path in pair)
    with percent("image") as show:
        result = analyse_foil(before, after, config.image_options(), progress=show)
    analysed = time.perf_counter()
    files = write_foil_result(result, folder)
    files += write_foil_figures(result, folder, config.figures)
    timing = {"analyse": analysed - start, "write": time.perf_counter() - analysed}
    scalars = dict(result.scalars)
    charges = config.charges_mah_cm2
    if charges is not None:
        scalars |= foil_charge(config).scalars(charges[-1], scalars["mean_depletion_um"])
    rests_on = foil_assumptions(scalars, [file.name for file in files])
    return Outcome(scalars, files, timing, {"decisions": result.decisions}, rests_on)


def _run_series(config: TomogramConfig, folder: Path) -> Outcome:
    from coupling.verbs.image import scan_folder

    start = time.perf_counter()
    files: list[Path] = []
    decisions: dict[str, Decisions] = {}
    last: dict[str, float] = {}
    paths = [Path(path) for path in config.scans or ()]
    scans = [
        functools.partial(read_volume, path, config.voxel_um, config.dataset) for path in paths
    ]
    with steps("scans", len(scans) - 1) as scan_done:

        def keep(row: FoilRow, result: FoilResult) -> None:
            place = folder / scan_folder(row.scan, len(scans))
            files.extend(write_foil_result(result, place))
            files.extend(write_foil_figures(result, place, config.figures))
            shared = result.setup.setup.decisions
            own = {k: v for k, v in result.decisions.items() if shared.get(k) != v}
            decisions[f"scans[{row.scan}]"] = own
            last.clear()
            last.update(result.scalars)
            scan_done()

        rows, setup = analyse_foil_series(
            scans,
            config.times_h or (),
            config.charges_mah_cm2,
            config.image_options(),
            foil_charge(config),
            keep,
        )
    analysed = time.perf_counter()
    files.append(write_foil_series(rows, folder))
    timing = {"analyse": analysed - start, "write": time.perf_counter() - analysed}
    scalars = last | {
        "scans": float(len(rows)),
        "max_mean_depletion_um": max(row.mean_depletion_um for row in rows),
    }
    charges = config.charges_mah_cm2
    if charges is not None:
        scalars |= foil_charge(config).scalars(charges[-1], scalars["mean_depletion_um"])
    noted = {"decisions": setup.setup.decisions | decisions}
    rests_on = foil_assumptions(scalars, [file.name for file in files])
    return Outcome(scalars, files, timing, noted, rests_on)
