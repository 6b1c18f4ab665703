"""One island's stress field and crack risk."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from coupling.case import Case, solve_case
from coupling.painter import Painter, painter
from coupling.progress import percent
from coupling.results import Outcome
from coupling.schema_figures import Figures
from coupling.schema_mechanics import SolveConfig
from coupling.stress_picture import picture_of, risk_title
from mechanics.fields import write_contact, write_profiles, write_steps

log = logging.getLogger("islet.solve")


def run(config: SolveConfig, folder: Path) -> Outcome:
    """Solve one island and write its fields, profiles, mesh and picture."""
    wanted = config.figures is not Figures.none
    drawing = painter() if wanted else None  # starts up while the island is solved
    profile = config.island.profile()
    mesh_file = folder / "mesh.msh"
    with percent("load") as show:
        case = solve_case(profile, config, msh_file=mesh_file, progress=show)
    start = time.perf_counter()
    files = [mesh_file, *write_case(case, folder, drawing, config.figures.vector)]
    timing = {**case.timing_s, "output": time.perf_counter() - start}
    if not case.criterion.toughness_is_own:
        log.info(
            "toughness %g MPa m^0.5 is the pellet's, the elastic constants are not: a mixture",
            case.criterion.k_ic_mpa_sqrt_m,
        )
    scalars = case.scalars()
    if config.uncertainty.samples:
        # What it needs of statistics loads for longer than the island is solved
        from coupling.uncertainty_output import island_uncertainty

        start = time.perf_counter()
        more, written = island_uncertainty(scalars, config, folder)
        scalars |= more
        files += written
        timing["uncertainty"] = time.perf_counter() - start
    return Outcome(scalars, files, timing)


def write_case(case: Case, folder: Path, drawing: Painter | None, vector: str = "") -> list[Path]:
    """Write profiles, fields and, where something draws, the picture of a solved island."""
    picture = folder / "stress.png"
    if drawing is not None:
        title = risk_title(None, case.scalars())
        drawing.begin(picture_of(case), picture, title, vector)
    profiles = folder / "profiles"
    profiles.mkdir(parents=True, exist_ok=True)
    files = write_profiles(case.stress, profiles)
    files += write_contact(case.solution, folder / "contact.vtu", profiles / "contact.csv")
    files += write_steps(case.solution, folder)
    if drawing is not None:
        drawing.finish()
        files += [picture, *([picture.with_suffix(f".{vector}")] if vector else [])]
    return files
