"""Tomograms to lithium volume fraction, thickness and islands."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from coupling.pictures import Pictures
from coupling.progress import percent, steps
from coupling.results import Outcome
from coupling.schema_imaging import Electrode, TomogramConfig
from imaging.allocator import keep_freed_memory
from imaging.assumptions import image_assumptions
from imaging.baseline import grey_baseline
from imaging.electrochemistry import faraday_thickness_um, paper_thickness_um
from imaging.output import write_baseline
from imaging.readers import read_lvf, read_volume
from imaging.series import analyse_series
from imaging.series_output import series_scalars, write_series_result
from imaging.series_rows import SeriesRow, null_test
from imaging.workflow import ImageResult, analyse_lvf, analyse_pair, write_image_result


def run(config: TomogramConfig, folder: Path) -> Outcome:
    """Analyse tomograms, or an LVF volume, and write what was found."""
    keep_freed_memory()
    if config.electrode is Electrode.ce:
        from coupling.verbs import image_counter

        return image_counter.run(config, folder)
    if config.is_series:
        return _run_series(config, folder)
    start = time.perf_counter()
    result = analyse(config, config.pair)
    analysed = time.perf_counter()
    files = write_image_result(result, folder)
    compared, scalars = compare(config, result, folder)
    files += compared
    kept = time.perf_counter()
    with Pictures(config, folder) as pictures:
        files += pictures.of_pair(result)
    timing = {
        "analyse": analysed - start,
        "write": kept - analysed,
        "pictures": time.perf_counter() - kept,
    }
    timing |= {f"analyse.{name}": seconds for name, seconds in result.timing_s.items()}
    scalars |= result.scalars | charge_scalars(config)
    if config.null_scan:
        scalars |= null_test(result).scalars()
    rests_on = image_assumptions(scalars, names(files), config.lvf is not None)
    return Outcome(scalars, files, timing, {"decisions": result.decisions}, rests_on)


def names(files: Iterable[Path]) -> list[str]:
    """Return the names of files."""
    return [file.name for file in files]


def compare(
    config: TomogramConfig, result: ImageResult, folder: Path
) -> tuple[list[Path], dict[str, float]]:
    """Segment lithium by grey values, where that is asked for; return files and scalars."""
    if not config.baseline:
        return [], {}
    assert result.before is not None
    assert result.after_registered is not None
    assert result.setup is not None
    roi = np.isfinite(result.thickness_um)
    found = grey_baseline(
        result.before,
        result.after_registered,
        roi,
        result.setup,
        result.islands,
        result.island_labels,
        config.baseline_threshold,
    )
    return write_baseline(found, result, folder), found.scalars()


def analyse(config: TomogramConfig, pair: tuple[Path, Path] | None) -> ImageResult:
    """Return what is found in a pair of tomograms, or else in the configuration's LVF volume."""
    options = config.image_options()
    if pair is None:
        if config.lvf is None:
            raise ValueError("neither a pair of tomograms nor an LVF volume is given")
        return analyse_lvf(read_lvf(Path(config.lvf), config.voxel_um, config.dataset), options)
    start = time.perf_counter()
    with ThreadPoolExecutor(2) as pool:
        before, after = pool.map(
            lambda path: read_volume(path, config.voxel_um, config.dataset), pair
        )
    read = {"read": time.perf_counter() - start}
    with percent("image") as show:
        result = analyse_pair(before, after, options, progress=show)
    return dataclasses.replace(result, timing_s=read | result.timing_s)


def charge_scalars(config: TomogramConfig) -> dict[str, float]:
    """Return the thickness that the charge plates, by Faraday's law and on the paper's scale."""
    charges = config.charges_mah_cm2
    if charges is None:
        return {}
    scalars = {
        "charge_mah_cm2": charges[-1],
        "faraday_thickness_um": faraday_thickness_um(charges[-1], config.li_density_g_cm3),
        "paper_scale_thickness_um": paper_thickness_um(charges[-1]),
    }
    if config.electrode_area_cm2 is not None:
        area_um2 = 1e8 * config.electrode_area_cm2
        scalars["faraday_volume_um3"] = scalars["faraday_thickness_um"] * area_um2
    return scalars


def _run_series(config: TomogramConfig, folder: Path) -> Outcome:
    """Analyse every tomogram against the first; one folder for each, and the course over time."""
    start = time.perf_counter()
    files: list[Path] = []
    timing = {"write": 0.0, "pictures": 0.0}
    last: dict[str, float] = {}
    scans = [
        functools.partial(read_volume, path, config.voxel_um, config.dataset)
        for path in map(Path, config.scans or ())
    ]
    with (
        steps("scans", len(scans) - 1) as scan_done,
        Pictures(config, folder) as pictures,
    ):

        def keep(row: SeriesRow, result: ImageResult) -> None:
            place = folder / scan_folder(row.scan, len(scans))
            found = time.perf_counter()
            files.extend(write_image_result(result, place))
            compared, scalars = compare(config, result, place)
            files.extend(compared)
            last.update(scalars)
            kept = time.perf_counter()
            files.extend(pictures.of_scan(row, result, place))
            timing["write"] += kept - found
            timing["pictures"] += time.perf_counter() - kept
            scan_done()

        area = config.electrode_area_cm2
        result = analyse_series(
            scans,
            config.times_h or (),
            config.charges_mah_cm2,
            config.image_options(),
            density_g_cm3=config.li_density_g_cm3,
            area_um2=None if area is None else 1e8 * area,
            null_scan=config.null_scan,
            keep=keep,
        )
        analysed = time.perf_counter()
        timing["analyse"] = analysed - start - timing["write"] - timing["pictures"]
        files += write_series_result(result, folder)
        kept = time.perf_counter()
        files += pictures.of_series(result)
        timing["write"] += kept - analysed
        timing["pictures"] += time.perf_counter() - kept
    decisions = result.decisions | result.scan_decisions
    scalars = charge_scalars(config) | series_scalars(result) | last
    rests_on = image_assumptions(scalars, names(files))
    return Outcome(scalars, files, timing, {"decisions": decisions}, rests_on)


def scan_folder(scan: int, scans: int) -> str:
    """Return the name of a scan's folder; names sort as the scans do."""
    return f"scan_{scan:0{max(len(str(scans - 1)), 2)}d}"
