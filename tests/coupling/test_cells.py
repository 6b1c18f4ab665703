"""Several cells in one run: what each is given, and what the comparison says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from coupling.cli import run as islet
from coupling.results import Outcome
from coupling.schema_run import PHANTOM_CELLS, RunConfig
from imaging.phantom import IslandChoice, PhantomOptions, write_phantom

PAIRS = [
    "cells.bare.before=b0.tif", "cells.bare.after=b1.tif",
    "cells.silver.before=s0.tif", "cells.silver.after=s1.tif",
]  # fmt: skip


@pytest.fixture
def composed(workdir: Path, verb: Any) -> Any:
    """Compose a command line of `islet run` whose files are there; return its configuration."""
    for name in ("b0", "b1", "s0", "s1"):
        (workdir / f"{name}.tif").write_text(name)
    seen = verb(lambda config, folder: Outcome())

    def compose(*arguments: str) -> RunConfig:
        assert islet(["run", "hydra.run.dir=out", "force=true", *arguments]) == 0
        config = seen[-1]
        assert isinstance(config, RunConfig)
        return config

    return compose


def test_each_cell_has_what_all_share_and_its_own(composed: Any) -> None:
    config = composed(*PAIRS, "voxel_um=2", "cells.silver.voxel_um=1.5", "cells.silver.grey.li=3")
    cells = config.cell_configs()
    assert list(cells) == ["bare", "silver"]
    assert [str(path) for path in cells["silver"].pair or ()] == ["s0.tif", "s1.tif"]
    assert (cells["bare"].voxel_um, cells["silver"].voxel_um) == (2.0, 1.5)
    assert (cells["bare"].grey.li, cells["silver"].grey.li) == (None, 3.0)
    assert cells["bare"].material == config.material
    assert not any(cell.cells or cell.uses_phantom for cell in cells.values())
    result = json.loads(Path("out/result.json").read_text())
    assert set(result["inputs"]["input_sha256"]) == {pair.split("=")[0] for pair in PAIRS}


def test_without_tomograms_there_are_the_two_synthetic_cells(composed: Any) -> None:
    cells = composed("phantom.noise=0.03").cell_configs()
    assert list(cells) == list(PHANTOM_CELLS) == ["bare_cu", "ag_cu"]
    assert cells["bare_cu"].phantom.islands is IslandChoice.bare_cu
    assert cells["ag_cu"].phantom.islands is IslandChoice.ag_cu
    assert {cell.phantom.noise for cell in cells.values()} == {0.03}
    assert len({cell.phantom.seed for cell in cells.values()}) == 2


ONE_CELL = [
    ["phantom_cells=1"],
    ["phantom.islands=none", "phantom.layer_um=5"],
    ["before=b0.tif", "after=b1.tif"],
]


@pytest.mark.parametrize("one", ONE_CELL)
def test_one_cell_stays_one(composed: Any, one: list[str]) -> None:
    assert composed(*one).cell_configs() == {}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["before=b0.tif", "after=b1.tif"], "either cells.NAME.before=FILE"),
        (["cells.silver.wrong=3"], "cells.silver: .*wrong"),
        (["cells.silver.voxel_um=big"], "cells.silver: .*big"),
        (["cells.third.voxel_um=1"], "cells.third has no tomograms"),
        (["cells.silver.grey.li=-x"], "cells.silver: .*-x"),
        (["cells.fourth=5"], "cells.fourth must hold keys"),
        (["cells.silver.before=nothing.tif"], "cells.silver.before=nothing.tif: no such file"),
        (["phantom_cells=3"], "phantom_cells must be 1 or 2"),
    ],
)
def test_bad_cells_are_named(
    composed: Any, given: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert islet(["run", "hydra.run.dir=bad", *PAIRS, *given]) == 2
    assert re.search(message, capsys.readouterr().err)


def test_two_synthetic_cells_hold_what_the_two_hold(
    composed: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert islet(["run", "hydra.run.dir=bad", "phantom_cells=2", "phantom.layer_um=2"]) == 2
    assert "phantom.layer_um says what one synthetic cell holds" in capsys.readouterr().err
    assert islet(["run", "hydra.run.dir=bad", "cells.one.lvf=b0.tif"]) == 2
    assert "two or more to compare" in capsys.readouterr().err


def test_the_synthetic_cells_hold_equal_lithium() -> None:
    tall, flat = (
        PhantomOptions(islands=IslandChoice(name)).shapes for name in ("bare_cu", "ag_cu")
    )
    volumes = [sum(island.volume_um3 for island in cell) for cell in (tall, flat)]
    assert volumes[0] == pytest.approx(volumes[1], rel=0.01)
    assert min(island.height_um / island.contact_diameter_um for island in tall) > 0.15
    assert max(island.height_um / island.contact_diameter_um for island in flat) < 0.06


# ---- the whole story ----

QUICK = [
    "contact=bonded", "kinematics=small", "mesh.fine_um=3", "load.steps=2", "render=false",
    "workers=1",
]  # fmt: skip
SMALL = [96, 200, 200]


@pytest.mark.slow
def test_two_cells_of_a_user_in_one_report(workdir: Path) -> None:
    """Tall islands, two of them below cracks, beside flat ones: two pairs of tomograms."""
    tall = [[90.0, 90.0, 44.44, 20.0], [90.0, 230.0, 60.0, 10.0], [230.0, 90.0, 36.0, 14.0]]
    flat = [[160.0, 110.0, 100.0, 5.0], [160.0, 240.0, 84.0, 4.0]]
    basins = [[y, x, 50.0, 16.0, 9.0, 5.0] for y, x, _, h in tall if h > 12]
    for name, caps, cracks in (("bare", tall, basins), ("silver", flat, None)):
        options = PhantomOptions(
            shape=SMALL, islands=IslandChoice.listed, caps_um=caps, cracks_um=cracks
        )
        write_phantom(options, workdir / name)
    given = [
        f"cells.{cell}.{scan}={cell}/{scan}.tif"
        for cell in ("bare", "silver")
        for scan in ("before", "after")
    ]
    assert islet(["run", "hydra.run.dir=out", "figures=svg", *given, *QUICK]) == 0
    out = workdir / "out"
    scalars = json.loads((out / "result.json").read_text())["scalars"]
    assert scalars["islands"] == 5
    assert scalars["worst_cell"] == "bare"
    assert scalars["bare_crack_count"] == 2
    assert scalars["bare_prediction_auc"] == 1
    assert scalars["silver_crack_count"] == 0
    assert "silver_prediction_auc" not in scalars
    cells = pd.read_csv(out / "cells.csv").set_index("cell")
    assert cells.loc["bare", "apex_in_tension"] >= 2
    assert cells.loc["silver", "apex_in_tension"] == 0
    assert cells.loc["bare", "worst_risk"] > 2 * cells.loc["silver", "worst_risk"]
    risks = pd.read_csv(out / "risk.csv")
    assert list(risks["cell"].value_counts().sort_index()) == [3, 2]
    assert risks["risk_bulk"].is_monotonic_decreasing
    for cell in ("bare", "silver"):
        own = pd.read_csv(out / "cells" / cell / "risk.csv")
        both = own.merge(risks[risks["cell"] == cell], on="label")
        assert np.array_equal(both["risk_bulk_x"], both["risk_bulk_y"])
        assert (out / "cells" / cell / "report.html").is_file()
    assert scalars["at_risk"] == scalars["bare_at_risk"] + scalars["silver_at_risk"]
    page = (out / "report.html").read_text()
    for words in ("The cells compared", "Does it predict the cracks?", "2 cracks were found"):
        assert words in page
    told = re.findall(r"<li><strong>(\w+)</strong>: (\d) of (\d) islands with R1", page)
    assert [name for name, _, _ in told] == ["bare", "silver"]
    assert told[0][1:] == ("3", "3")
    outside = set(re.findall(r"""(?:src|href)=["'](?!data:|#)([^"']*)""", page))
    assert outside == {"cells/silver/report.html"}
    bodies = json.loads(page.split('id="islet-data">')[1].split("</script>")[0])["scene"]["bodies"]
    assert [body["name"] for body in bodies] == ["collector", "lithium", "cracks"]
    for name in ("cells", "cells_map", "cells_stress", "cells/bare/prediction"):
        assert (out / f"{name}.svg").read_text().count("<text") > 5


@pytest.mark.slow
def test_the_two_synthetic_cells_as_the_paper_has_them(workdir: Path) -> None:
    """`islet run` alone: bare copper cracks above tall islands, silver-coated copper does not."""
    assert islet(["run", "hydra.run.dir=out", "workers=2", "render=false"]) == 0
    scalars = json.loads(Path("out/result.json").read_text())["scalars"]
    assert (scalars["cells"], scalars["worst_cell"]) == (2, "bare_cu")
    for cell in PHANTOM_CELLS:
        check = pd.read_csv(f"out/cells/{cell}/truth_check.csv")
        assert check["found_label"].notna().all()
        assert (check["volume_error_percent"].abs() < 5).all()
    assert scalars["bare_cu_crack_count"] == 3
    assert scalars["ag_cu_crack_count"] == 0
    assert scalars["bare_cu_prediction_cracked"] == 3
    assert 0.5 < scalars["bare_cu_prediction_auc"] <= 1
    cells = pd.read_csv("out/cells.csv").set_index("cell")
    # equal lithium, other shapes, other stress; a sum over the whole field feels the alignment
    assert cells["island_volume_um3"].max() < 1.01 * cells["island_volume_um3"].min()
    gap = float(np.ptp(cells["li_volume_um3"]))
    assert gap < 3 * np.hypot(*cells["li_volume_error_um3"]) < 0.3 * cells["li_volume_um3"].min()
    assert cells.loc["bare_cu", "apex_in_tension"] >= 8
    assert cells.loc["ag_cu", "apex_in_tension"] == 0
    assert cells.loc["bare_cu", "worst_risk"] > 2 * cells.loc["ag_cu", "worst_risk"]
    assert cells.loc["bare_cu", "at_risk"] > cells.loc["ag_cu", "at_risk"]
