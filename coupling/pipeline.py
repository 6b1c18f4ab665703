"""The story: tomograms -> LVF -> islands -> profiles -> stack -> mesh -> solution -> risk."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from coupling.bridge import measured_islands, profile_of
from coupling.pictures import Pictures
from coupling.report import write_report
from coupling.results import Outcome, Scalar
from coupling.schema_run import RunConfig
from coupling.truth import TruthCheck, check_truth
from coupling.verbs.image import analyse, charge_scalars, compare, names
from coupling.verbs.risk import ElectrodeRisk, rank
from imaging.assumptions import image_assumptions
from imaging.phantom import write_phantom
from imaging.workflow import ImageResult, write_image_result
from mechanics.timing import Stopwatch

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Story:
    """Everything that a run has found, for the report to tell."""

    config: RunConfig
    image: ImageResult
    islands: pd.DataFrame
    electrode: ElectrodeRisk
    truth: TruthCheck | None
    """Only where the phantom stood in for tomograms."""
    scalars: dict[str, Scalar]
    rests_on: dict[str, list[str]]
    """Assumptions of imaging, by scalar or file."""


def run(config: RunConfig, folder: Path) -> Outcome:
    """Go from tomograms, or an LVF volume, or the phantom, to the crack-risk report."""
    watch = Stopwatch()
    files: list[Path] = []
    pair = config.pair
    if config.uses_phantom:
        with watch.measure("phantom"):
            files += write_phantom(config.phantom, folder / "phantom")
        pair = (files[0], files[1])
        log.info("no tomograms given: the phantom in %s stands in", folder / "phantom")
    with watch.measure("image"):
        image = analyse(config, pair)
        files += write_image_result(image, folder)
        compared, baseline = compare(config, image, folder)
        files += compared
    with watch.measure("pictures"), Pictures(config, folder) as pictures:
        files += pictures.of_pair(image)
    with watch.measure("islands"):
        islands = measured_islands(folder)
        profiles = {island.label: profile_of(island) for island in image.islands}
        electrode = rank(islands, profiles, config, folder)
        files += electrode.files
    truth = None
    if config.uses_phantom:
        made_from = folder / "phantom" / "truth"
        truth = check_truth(islands, image.transform, image.lvf, made_from)
        truth.table.to_csv(folder / "truth_check.csv", index=False, float_format="%.6g")
        files.append(folder / "truth_check.csv")
    scalars: dict[str, Scalar] = {
        **image.scalars,
        **baseline,
        **charge_scalars(config),
        **electrode.scalars,
    }
    scalars |= truth.scalars() if truth is not None else {}
    rests_on = image_assumptions(scalars, names(files), pair is None)
    with watch.measure("report"):
        story = Story(config, image, islands, electrode, truth, scalars, rests_on)
        files.append(write_report(story, folder))
    return Outcome(scalars, files, watch.seconds, {"decisions": image.decisions}, rests_on)
