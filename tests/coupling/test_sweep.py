"""Sweeps in one process: studies, plans, damaged results, refusals, and what the figures show."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf

from coupling import cli, job, launcher, results
from coupling import sweep as sweeps
from coupling.collection import read_sweep, sweep_table
from coupling.config import InputError, without_hydra
from coupling.results import RESULT, Outcome, Result
from coupling.sweep import PlannedJob, SweepPlan
from coupling.sweep_axes import SweepView, half_spheroid_law, label_of, sign_change, view_of
from coupling.sweep_figures import write_sweep_figures
from mechanics.profile import solve_diameter_height

CONF = Path(__file__).parents[2] / "conf"

type Verb = Callable[[Any, Path], Outcome]


def works(config: Any, folder: Path) -> Outcome:
    (folder / "table.csv").write_text("a,b\n1,2\n")
    ratio = config.island.aspect_ratio
    scalars = {"aspect_ratio": ratio, "risk_bulk": 10 * ratio, "steps": config.load.steps}
    return Outcome(scalars, [folder / "table.csv"])


def run(*arguments: str) -> int:
    return cli.run(["solve", "-m", "hydra.sweep.dir=sweep", *arguments])


# ---- studies ----


def test_the_study_of_shapes_spans_what_was_published_at_one_volume() -> None:
    params = OmegaConf.load(CONF / "study" / "aspect_ratio.yaml").hydra.sweeper.params
    ratios = [float(text) for text in params["island.aspect_ratio"].split(",")]
    assert len(ratios) == 24
    assert ratios == sorted(set(ratios))
    assert (ratios[0], ratios[-1]) == (0.02, 0.6)
    assert {0.05, 0.45} < set(ratios)
    for ratio in ratios:  # overhanging caps too
        d, h = solve_diameter_height("cap", aspect_ratio=ratio, volume_um3=19700.404)
        assert np.pi * h * (0.75 * d**2 + h**2) / 6 == pytest.approx(19700.404)


def test_a_study_needs_no_flag_and_its_line_resumes(
    workdir: Path, verb: Callable[[Verb], list[Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    """The command line takes the place of the study's own values, and chooses its own stack."""
    seen = verb(works)
    line = ["solve", "study=aspect_ratio", "hydra/launcher=basic", "island.aspect_ratio=0.1,0.6"]
    assert cli.run(line) == 0
    assert [config.island.aspect_ratio for config in seen] == [0.1, 0.6]
    assert all(config.stack.kind.value == "canonical" for config in seen)
    folder = workdir / "outputs" / "solve" / "aspect_ratio_island.aspect_ratio-0.1+0.6"
    plan = json.loads((folder / "sweep.json").read_text())
    assert (plan["study"], plan["launcher"], len(plan["jobs"])) == ("aspect_ratio", "basic", 2)
    assert f"islet collect sweep={folder}" in capsys.readouterr().err
    assert cli.run(line) == 0
    assert len(seen) == 2
    assert cli.run([*line, "stack=cell"]) == 0
    assert seen[-1].stack.kind.value == "cell"
    assert len(list(folder.parent.iterdir())) == 2


def test_names_of_study_folders_need_no_quotes() -> None:
    name = sweeps.study_folder("solve", "size", ["study=size", "force=true", "stack=cell"])
    assert name == "outputs/solve/size_stack-cell"
    odd = sweeps.study_folder("solve", "size", ["a.b='x y'", "c=[1,2]"])
    assert odd == "outputs/solve/size_a.b-xy_c-1+2"
    long = sweeps.study_folder("solve", "size", ["a=" + "1" * 300])
    assert len(long) < 160
    assert long != sweeps.study_folder("solve", "size", ["a=" + "1" * 301])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["study=size,material"], "study: one at a time"),
        (["load.steps=1,2", "hydra.sweep.subdir=same"], "the folder of jobs 0 and 1"),
        (["load.steps=1,2", "hydra/launcher=submitit_slurm"], "no command sbatch and srun"),
    ],
)
def test_what_cannot_be_swept_is_refused_before_anything_is_written(
    workdir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.setenv("PATH", str(workdir))
    assert run(*arguments) == 2
    assert message in capsys.readouterr().err
    assert list(workdir.iterdir()) == []


# ---- resuming ----


def truncate(path: Path) -> None:
    text = path.read_text()
    path.write_text(text[: len(text) // 2])


def edit(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        content = json.loads((folder / RESULT).read_text())
        change(content)
        (folder / RESULT).write_text(json.dumps(content))

    return damage


DAMAGES = {
    "result cut in half": lambda folder: truncate(folder / RESULT),
    "result empty": lambda folder: (folder / RESULT).write_text(""),
    "result gone": lambda folder: (folder / RESULT).unlink(),
    "no scalars": edit(lambda content: content.pop("scalars")),
    "no scalars, no digest": edit(lambda c: (c.pop("scalars"), c.pop("digest"))),
    "one scalar less": edit(lambda content: content["scalars"].pop("risk_bulk")),
    "another scalar": edit(lambda content: content["scalars"].update(risk_bulk=9.0)),
    "table gone": lambda folder: (folder / "table.csv").unlink(),
    "table cut in half": lambda folder: truncate(folder / "table.csv"),
    "table zeroed": lambda folder: (folder / "table.csv").write_bytes(bytes(8)),
}


@pytest.fixture
def node() -> Any:
    """A composed configuration, as a job of a sweep gets it."""
    return without_hydra(launcher.compose("solve", launcher.parse_arguments([])))


@pytest.mark.parametrize("damage", list(DAMAGES))
def test_a_damaged_job_is_done_again(
    workdir: Path,
    verb: Callable[[Verb], list[Any]],
    caplog: pytest.LogCaptureFixture,
    node: Any,
    damage: str,
) -> None:
    seen = verb(works)
    folder = workdir / "0"
    for _ in range(2):
        assert job.execute("solve", node, folder, wait=True).exit_code == 0
    assert len(seen) == 1
    whole = results.read_result(folder)
    DAMAGES[damage](folder)
    assert job.execute("solve", node, folder, wait=True).exit_code == 0
    assert len(seen) == 2
    again = results.read_result(folder)
    assert whole is not None
    assert again is not None
    assert (again.scalars, again.file_marks) == (whole.scalars, whole.file_marks)
    if damage != "result gone":
        assert "done again" in caplog.text


def test_a_damaged_result_is_no_row_of_numbers(
    workdir: Path, verb: Callable[[Verb], list[Any]], node: Any
) -> None:
    verb(works)
    for name in ("0", "1"):
        job.execute("solve", node, workdir / "sweep" / name)
    DAMAGES["another scalar"](workdir / "sweep" / "1")
    table = sweep_table(read_sweep(workdir / "sweep"))
    assert list(table["status"]) == ["ok", "unfinished"]
    assert table["reason"][1] == "result.json is damaged"
    assert table["risk_bulk"].isna()[1]


def test_a_sweep_waits_for_a_worker_that_outlived_the_last_one(
    workdir: Path,
    verb: Callable[[Verb], list[Any]],
    caplog: pytest.LogCaptureFixture,
    node: Any,
) -> None:
    """What the other process finishes meanwhile is not done again."""
    caplog.set_level("INFO")
    seen = verb(works)
    folder = workdir / "0"
    assert job.execute("solve", node, folder).exit_code == 0
    text = (folder / RESULT).read_text()
    (folder / RESULT).unlink()
    held, over = threading.Event(), threading.Event()

    def other() -> None:
        with job._locked(folder):
            held.set()
            over.wait(20)
            (folder / RESULT).write_text(text)

    thread = threading.Thread(target=other)
    thread.start()
    assert held.wait(20)
    assert job.execute("solve", node, folder).exit_code == 2  # a single run does not wait
    threading.Timer(0.5, over.set).start()
    assert job.execute("solve", node, folder, wait=True).exit_code == 0
    thread.join()
    assert "waiting for another islet process" in caplog.text
    assert "already done" in caplog.text
    assert len(seen) == 1


def test_each_job_has_one_thread_unless_told_otherwise(
    workdir: Path, verb: Callable[[Verb], list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    given = []

    def run_one(config: Any, folder: Path) -> Outcome:
        given.append((os.environ["OMP_NUM_THREADS"], os.environ["OPENBLAS_NUM_THREADS"]))
        return works(config, folder)

    verb(run_one)
    assert run("load.steps=2,3") == 0
    assert given == [("1", "3")] * 2
    assert "OMP_NUM_THREADS" not in os.environ


def test_what_a_stopped_sweep_left_is_told_job_by_job(workdir: Path) -> None:
    class UncompletedJobError(RuntimeError):
        pass

    done = Result("ok", "1", "solve", "f", {})
    bad = Result("failed", "1", "solve", "f", {}, reason="step 4", exit_code=3)
    results.write_result(workdir / "0", done)
    results.write_result(workdir / "1", bad)
    jobs = [PlannedJob(str(i), []) for i in range(3)]
    error = UncompletedJobError("job 7 was cancelled\nmore")
    assert sweeps.is_stopped_job(error)
    assert not sweeps.is_stopped_job(RuntimeError("surprise"))
    reports = sweeps.stopped_reports(workdir, jobs, error)
    assert [report.exit_code for report in reports] == [0, 3, 3]
    assert reports[1].message == "step 4"
    assert "job 7 was cancelled" in reports[2].message
    with pytest.raises(InputError, match="invalid partition"):
        sweeps.is_stopped_job(UncompletedJobError("sbatch: error: invalid partition"))


# ---- what the figures show ----

COMMON = {
    "material.li.youngs_mpa": 7820.0,
    "material.li.poisson": 0.381,
    "material.se.youngs_mpa": 22100.0,
    "material.se.poisson": 0.37,
    "load.expansion": 0.05,
    "load.expansion_measure": "linear",
}


def view(
    numbers: dict[str, list[float]], names: dict[str, list[str]] | None = None, **columns: Any
) -> SweepView:
    count = len(next(iter(numbers.values())))
    rows = {"risk_bulk": 1.0, "risk_rim": 2.0, "apex_sigma1_mpa": 50.0, "li_pressure_mpa": 300.0}
    table = pd.DataFrame({**rows, **columns}, index=range(count))
    arrays = {key: np.array(values) for key, values in numbers.items()}
    return SweepView(table, arrays, names or {}, COMMON)


def test_where_the_stress_changes_its_sign() -> None:
    ratios = [0.3, 0.1, 0.2, 0.4]
    stress = [30.0, -90.0, -10.0, np.nan]
    shapes = {"aspect_ratio": ratios}
    assert sign_change(view(shapes, apex_sigma1_mpa=stress)) == pytest.approx(0.225)
    assert sign_change(view(shapes, apex_sigma1_mpa=[1.0, 2.0, 3.0, 4.0])) is None
    assert sign_change(view(shapes, apex_sigma1_mpa=[1.0, 2.0, -3.0, 4.0])) is None
    two = {**shapes, "island.volume_um3": ratios}
    assert sign_change(view(two, apex_sigma1_mpa=stress)) is None


def test_the_half_spheroid_law_of_a_sphere_and_its_change_of_sign() -> None:
    """h/D = 0.5 is the sphere: p = 12 K mu eps / (3 K ... + 4 mu) of a fluid in a matrix."""
    ratio = np.linspace(0.05, 0.6, 400)
    law = half_spheroid_law(COMMON, np.array([0.5]))
    assert law is not None
    bulk, shear = 7820 / (3 * (1 - 2 * 0.381)), 22100 / (2 * 1.37)
    exact = 12 * bulk * shear * 0.05 / (3 * bulk + 4 * shear)
    assert law.pressure_mpa[0] == pytest.approx(exact)
    assert law.pole_mpa[0] == pytest.approx(exact / 2)
    curve = half_spheroid_law(COMMON, ratio)
    assert curve is not None
    turn = np.interp(0.0, curve.pole_mpa[ratio > 0.15], ratio[ratio > 0.15])
    assert 2 * turn == pytest.approx(0.51, abs=0.01)
    volumetric = half_spheroid_law({**COMMON, "load.expansion_measure": "volumetric"}, ratio)
    assert volumetric is not None
    assert volumetric.pressure_mpa == pytest.approx(curve.pressure_mpa / 3)
    assert half_spheroid_law({}, ratio) is None


def test_the_key_with_most_values_is_the_axis_and_the_others_make_groups(workdir: Path) -> None:
    jobs, ratios = [], [0.1, 0.2, 0.3]
    for i, (name, ratio) in enumerate((n, r) for n in ("paper", "pellet") for r in ratios):
        jobs.append(PlannedJob(str(i), [f"material={name}", f"island.aspect_ratio={ratio}"]))
        scalars = {"aspect_ratio": ratio, "risk_bulk": 1.0, "risk_rim": 2.0}
        scalars |= {"apex_sigma1_mpa": 3.0, "li_pressure_mpa": 4.0}
        done = Result("ok", "1", "solve", "f", {"libraries": {}, "a": 1}, scalars)
        results.write_result(workdir / str(i), done)
    (workdir / "5" / RESULT).unlink()
    (workdir / "5" / "config.yaml").write_text("a: 1\n")
    sweeps.write_plan(workdir, SweepPlan("solve", None, "basic", jobs))
    record = read_sweep(workdir)
    found = view_of(record, sweep_table(record))
    assert found is not None
    assert found.main == "aspect_ratio"
    assert list(found.numbers["aspect_ratio"]) == ratios * 2  # of the unfinished one too
    assert found.groups("aspect_ratio") == ["paper"] * 3 + ["pellet"] * 3
    assert write_sweep_figures(found, workdir) == [workdir / "sweep.png"]
    assert (workdir / "sweep.png").stat().st_size > 20_000


def test_many_keys_are_drawn_as_effects(workdir: Path) -> None:
    levels = [(a, b, c) for a in (1.0, 2.0, 3.0) for b in (1.0, 2.0, 3.0) for c in (1.0, 2.0, 3.0)]
    keys = ("material.se.youngs_mpa", "material.cu.yield_mpa", "load.expansion")
    numbers = {key: [level[i] for level in levels] for i, key in enumerate(keys)}
    found = view(
        numbers, {"island": ["narrow", "wide", "wide"] * 9}, risk_bulk=[a + b for a, b, _ in levels]
    )
    assert write_sweep_figures(found, workdir) == [workdir / "effects.png"]
    assert (workdir / "effects.png").stat().st_size > 20_000
    assert label_of("material.se.youngs_mpa") == "SE Young's modulus (MPa)"
