"""The story: tomograms -> LVF -> islands -> profiles -> stack -> mesh -> solution -> risk."""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from coupling.bridge import measured_islands, profile_of
from coupling.cells import compare_cells
from coupling.pictures import Pictures
from coupling.prediction import Prediction
from coupling.prediction_output import score
from coupling.progress import percent
from coupling.report import write_report
from coupling.results import Outcome, Scalar, write_atomic
from coupling.scene import Scene, scene_of
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
    """Everything that a run has found of one cell, for the report to tell."""

    config: RunConfig
    folder: Path
    """Where its files are."""
    image: ImageResult
    scene: Scene
    """What the 3-D view shows; it outlives the tomograms."""
    islands: pd.DataFrame
    electrode: ElectrodeRisk
    truth: TruthCheck | None
    """Only where the phantom stood in for tomograms."""
    prediction: Prediction | None
    """Only where the scans show cracks."""
    scalars: dict[str, Scalar]
    rests_on: dict[str, list[str]]
    """Assumptions of imaging, by scalar or file."""
    files: list[Path]


def run(config: RunConfig, folder: Path) -> Outcome:
    """Go from tomograms, or an LVF volume, or the phantom, to the crack-risk report."""
    watch = Stopwatch()
    cells = config.cell_configs()
    if not cells:
        story = tell(config, folder, watch)
        with watch.measure("report"):
            files = [*story.files, write_report(story, folder)]
        inputs = {"decisions": story.image.decisions}
        return Outcome(story.scalars, files, watch.seconds, inputs, story.rests_on)
    stories: dict[str, Story] = {}
    files = []
    for name, cell in cells.items():
        log.info("cell %s: %d of %d", name, len(stories) + 1, len(cells))
        place = folder / "cells" / name
        place.mkdir(parents=True, exist_ok=True)
        story = tell(cell, place, watch)
        with watch.measure("report"):
            files += [*story.files, write_report(story, place)]
        # the next cell's tomograms need the room
        image = dataclasses.replace(story.image, before=None, aligned=None)
        stories[name] = dataclasses.replace(story, image=image)
    with watch.measure("report"):
        comparison = compare_cells(config, stories, folder)
        files += [*comparison.files, write_report(comparison.worst, folder, comparison)]
    decisions = {name: story.image.decisions for name, story in stories.items()}
    rests_on = {
        f"{name}_{what}": lines
        for name, story in stories.items()
        for what, lines in story.rests_on.items()
    }
    return Outcome(comparison.scalars, files, watch.seconds, {"decisions": decisions}, rests_on)


def tell(config: RunConfig, folder: Path, watch: Stopwatch) -> Story:
    """Go from one cell's tomograms to the crack risk of its islands; write all but the report."""
    files: list[Path] = []
    pair = config.pair
    if config.uses_phantom:
        log.info("no tomograms given: making synthetic ones in %s", folder / "phantom")
        with watch.measure("phantom"), percent("phantom") as show:
            files += write_phantom(config.phantom, folder / "phantom", progress=show)
        pair = (files[0], files[1])
    with watch.measure("image"):
        image = analyse(config, pair)
        files += write_image_result(image, folder)
        compared, baseline = compare(config, image, folder)
        files += compared
    log.info("drawing %d islands that were found", len(image.islands))
    with watch.measure("pictures"), Pictures(config, folder) as pictures:
        scene = scene_of(image, image.cracks)
        files += pictures.of_pair(image, scene)
    with watch.measure("islands"):
        islands = measured_islands(folder)
        profiles = {island.label: profile_of(island) for island in image.islands}
        log.info("solving islands")
        electrode = rank(islands, profiles, config, folder)
        files += electrode.files
    prediction, scored = score(
        electrode.table, folder, folder, config.figures, synthetic=config.uses_phantom
    )
    files += scored
    truth = None
    if config.uses_phantom:
        made_from = folder / "phantom" / "truth"
        truth = check_truth(islands, image.transform, image.lvf, made_from)
        checked = truth.table.to_csv(index=False, float_format="%.6g")
        write_atomic(folder / "truth_check.csv", checked)
        files.append(folder / "truth_check.csv")
    scalars: dict[str, Scalar] = {
        **image.scalars,
        **baseline,
        **charge_scalars(config),
        **electrode.scalars,
    }
    scalars |= prediction.scalars() if prediction is not None else {}
    scalars |= truth.scalars() if truth is not None else {}
    rests_on = image_assumptions(scalars, names(files), pair is None)
    return Story(
        config=config,
        folder=folder,
        image=image,
        scene=scene,
        islands=islands,
        electrode=electrode,
        truth=truth,
        prediction=prediction,
        scalars=scalars,
        rests_on=rests_on,
        files=files,
    )
