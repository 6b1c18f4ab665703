"""The command as a user sees it: exit codes, messages, folders, resuming, sweeps."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coupling import cli, job, results
from coupling.results import RESULT, Outcome
from coupling.verbs import SUMMARY
from imaging.registration import RegistrationError

ROOT = Path(__file__).parents[2]

type Verb = Callable[[Any, Path], Outcome]


class NotConverged(RuntimeError):
    exit_code = 3


def works(config: Any, folder: Path) -> Outcome:
    (folder / "table.csv").write_text("x\n")
    return Outcome({"answer": 42.0}, [folder / "table.csv"], {"solve": 0.1}, {"found": "here"})


def fails(error: BaseException) -> Verb:
    def run(config: Any, folder: Path) -> Outcome:
        (folder / "half.csv").write_text("x\n")
        raise error

    return run


def read(folder: str | Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((Path(folder) / RESULT).read_text())
    return content


def test_alone_it_lists_the_verbs(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["--help"], ["-h"]):
        assert cli.run(arguments) == 0
        out = capsys.readouterr().out
        assert all(f"\n  {verb} " in out for verb in SUMMARY)
    assert cli.run(["--version"]) == 0
    assert capsys.readouterr().out == f"islet {results.islet_version()}\n"


def test_a_mistyped_verb_gets_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["slove"]) == 2
    assert capsys.readouterr().err == "islet: no verb 'slove'; did you mean solve?\n"
    assert cli.run(["xyz"]) == 2
    assert "there are phantom, image" in capsys.readouterr().err


def test_help_of_a_verb_names_keys_units_and_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["solve", "--help", "material=pellet"]) == 0
    out = capsys.readouterr().out
    assert "youngs_mpa: 4700.0" in out
    assert "# stack pressure, MPa" in out
    assert "of dense, paper, pellet" in out
    assert "islet solve -m island.aspect_ratio=" in out


def test_hydras_flags_show_and_write_nothing(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["solve", "--cfg", "job", "load.steps=7"]) == 0
    assert "steps: 7" in capsys.readouterr().out
    assert cli.run(["solve", "--cfg", "job", "-p", "load"]) == 0
    assert "pressure_mpa: 20" in capsys.readouterr().out
    assert cli.run(["solve", "--hydra-help"]) == 0
    assert "Hydra" in capsys.readouterr().out
    assert cli.run(["solve", "--info", "config"]) == 0
    assert cli.run(["solve", "--cfg", "job", "-m"]) == 2
    assert "cannot be given together" in capsys.readouterr().err
    assert cli.run(["solve", "--fast"]) == 2
    assert capsys.readouterr().err == "islet solve: unrecognized arguments: --fast\n"
    assert list(workdir.iterdir()) == []


def test_shell_completion_knows_verbs_and_keys(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["/usr/bin/islet"])
    assert cli.run(["-sc", "install=bash"]) == 0
    assert (
        "complete -o nospace -o default -F hydra_bash_completion islet" in capsys.readouterr().out
    )
    monkeypatch.setenv("COMP_LINE", "islet so")
    assert cli.run(["-sc", "query=bash"]) == 0
    assert "solve" in capsys.readouterr().out.split()
    monkeypatch.setenv("COMP_LINE", "islet solve material=p")
    assert cli.run(["-sc", "query=bash"]) == 0
    assert capsys.readouterr().out.split() == ["material=paper", "material=pellet"]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("load.stepz=3", "unknown key load.stepz; did you mean load.steps?"),
        ("pressure=3", "unknown key pressure; did you mean load.pressure_mpa?"),
        ("qqq=3", "unknown key qqq; there are contact, figures, force"),
        ("load.steps=abc", "load.steps=abc: Value 'abc' of type 'str' could not be converted"),
        (
            "kinematics=huge",
            "kinematics=huge: Invalid value 'huge', expected one of [small, finite]",
        ),
        ("material=gold", "material=gold: no such option; there are dense, paper, pellet"),
        ("load.steps", "cannot read 'load.steps' as key=value"),
        ("mesh.fine_um=${nowhere}", "nowhere"),
    ],
)
def test_a_composition_error_is_one_message_and_writes_nothing(
    workdir: Path, capsys: pytest.CaptureFixture[str], override: str, message: str
) -> None:
    for arguments in (["solve", override], ["solve", "-m", override, "mesh.order=2,2"]):
        assert cli.run(arguments) == 2
        out, err = capsys.readouterr()
        assert message in err
        assert err.startswith("islet solve: ")
        assert err.count("\n") == 1
        assert out == ""
        assert list(workdir.iterdir()) == []


def test_a_missing_mandatory_value_writes_nothing(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["collect"]) == 2
    assert capsys.readouterr().err == "islet collect: sweep is required: give sweep=...\n"
    assert list(workdir.iterdir()) == []


def test_a_finished_run_says_where_it_is_and_what_made_it(
    workdir: Path, capsys: pytest.CaptureFixture[str], verb: Callable[[Verb], list[Any]]
) -> None:
    verb(works)
    assert cli.run(["solve", "island=narrow"]) == 0
    (folder,) = Path("outputs/solve").iterdir()
    assert capsys.readouterr().out == f"result: {folder.absolute() / RESULT}\n"
    found = read(folder)
    assert (found["status"], found["verb"], found["exit_code"]) == ("ok", "solve", 0)
    assert found["scalars"] == {"answer": 42.0}
    assert found["files"] == ["table.csv"]
    assert found["inputs"]["island"]["height_um"] == 20
    assert found["inputs"]["found"] == "here"
    assert "numpy" in found["inputs"]["libraries"]
    assert found["timing_s"]["solve"] == 0.1
    assert found["timing_s"]["total"] > 0
    assert "aspect_ratio" in (folder / "config.yaml").read_text()
    assert not (folder / ".hydra").exists()


def test_a_report_is_announced_instead_of_the_result(
    workdir: Path, capsys: pytest.CaptureFixture[str], verb: Callable[[Verb], list[Any]]
) -> None:
    def run(config: Any, folder: Path) -> Outcome:
        (folder / "report.html").write_text("<html>")
        return Outcome(files=[folder / "report.html"])

    verb(run)
    assert cli.run(["solve", "hydra.run.dir=here"]) == 0
    assert capsys.readouterr().out == f"report: {workdir / 'here' / 'report.html'}\n"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ValueError("too thin"), 2),
        (FileNotFoundError("scan.tif"), 2),
        (PermissionError("locked.tif"), 2),
        (NotConverged("step 3"), 3),
        (RegistrationError("no overlap"), 3),
        (RuntimeError("surprise"), 1),
        (AssertionError(), 1),
    ],
)
def test_errors_of_a_run_are_recorded_and_mapped_to_exit_codes(
    workdir: Path,
    capsys: pytest.CaptureFixture[str],
    verb: Callable[[Verb], list[Any]],
    error: Exception,
    code: int,
) -> None:
    verb(fails(error))
    assert cli.run(["solve", "hydra.run.dir=out"]) == code
    found = read("out")
    assert (found["status"], found["exit_code"]) == ("failed", code)
    assert str(error) in found["reason"]
    assert found["inputs"]["load"]["steps"] == 10
    out, err = capsys.readouterr()
    assert str(error) in err
    assert "Traceback" not in err
    assert out == ""


@pytest.mark.parametrize("variable", ["ISLET_DEBUG", "HYDRA_FULL_ERROR"])
def test_a_traceback_comes_only_when_asked_for(
    workdir: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    verb: Callable[[Verb], list[Any]],
    variable: str,
) -> None:
    monkeypatch.setenv(variable, "1")
    verb(fails(ValueError("too thin")))
    assert cli.run(["solve", "hydra.run.dir=out"]) == 2
    assert "Traceback" in capsys.readouterr().err
    assert cli.run(["solve", "nokey=1"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_a_refused_value_is_recorded_as_a_failed_run(
    workdir: Path, capsys: pytest.CaptureFixture[str], verb: Callable[[Verb], list[Any]]
) -> None:
    seen = verb(works)
    assert cli.run(["solve", "contact.mu=-1", "hydra.run.dir=out"]) == 2
    assert "contact.mu must be zero or positive, got -1" in capsys.readouterr().err
    found = read("out")
    assert (found["status"], found["exit_code"]) == ("failed", 2)
    assert found["inputs"]["contact"]["mu"] == -1
    assert seen == []


def test_ctrl_c_exits_with_130_and_leaves_a_failed_result(
    workdir: Path, capsys: pytest.CaptureFixture[str], verb: Callable[[Verb], list[Any]]
) -> None:
    verb(fails(KeyboardInterrupt()))
    assert cli.run(["solve", "hydra.run.dir=out"]) == 130
    assert read("out")["reason"] == "interrupted"
    assert capsys.readouterr().err == "islet solve: interrupted\n"


def test_an_identical_finished_job_returns_at_once_and_force_repeats_it(
    workdir: Path, capsys: pytest.CaptureFixture[str], verb: Callable[[Verb], list[Any]]
) -> None:
    seen = verb(works)
    for extra, times, at_once in (([], 1, False), ([], 1, True), (["force=true"], 2, False)):
        assert cli.run(["solve", "hydra.run.dir=out", *extra]) == 0
        out, err = capsys.readouterr()
        assert out == f"result: {workdir / 'out' / RESULT}\n"
        assert len(seen) == times
        assert ("already done" in err) == at_once
    (workdir / "out" / "table.csv").unlink()  # what it lists is gone: it is no longer done
    assert cli.run(["solve", "hydra.run.dir=out"]) == 0
    assert len(seen) == 3


def test_another_jobs_finished_folder_is_refused_unless_forced(
    workdir: Path, capsys: pytest.CaptureFixture[str], verb: Callable[[Verb], list[Any]]
) -> None:
    seen = verb(works)
    assert cli.run(["solve", "hydra.run.dir=out"]) == 0
    before = (workdir / "out" / RESULT).read_bytes()
    for other in ("load.steps=5", "mesh.fine_um=-1"):  # the second is refused for itself
        assert cli.run(["solve", other, "hydra.run.dir=out"]) == 2
        assert (workdir / "out" / RESULT).read_bytes() == before
    assert "finished result of another job" in capsys.readouterr().err
    assert cli.run(["solve", "load.steps=5", "force=true", "hydra.run.dir=out"]) == 0
    assert len(seen) == 2
    assert read("out")["inputs"]["load"]["steps"] == 5


def test_a_failed_or_damaged_run_is_run_again(
    workdir: Path, verb: Callable[[Verb], list[Any]]
) -> None:
    verb(fails(NotConverged("step 3")))
    assert cli.run(["solve", "hydra.run.dir=out"]) == 3
    verb(works)
    assert cli.run(["solve", "load.steps=5", "hydra.run.dir=out"]) == 0
    whole = (workdir / "out" / RESULT).read_text()
    (workdir / "out" / RESULT).write_text(whole[: len(whole) // 2])
    seen = verb(works)
    assert cli.run(["solve", "hydra.run.dir=out"]) == 0
    assert len(seen) == 1


def test_a_run_that_dies_leaves_no_result_of_the_run_before(
    workdir: Path, verb: Callable[[Verb], list[Any]]
) -> None:
    verb(works)
    assert cli.run(["solve", "hydra.run.dir=out"]) == 0

    def dies(config: Any, folder: Path) -> Outcome:
        assert not (folder / RESULT).exists()
        assert not (folder / "table.csv").exists()
        return Outcome()

    verb(dies)
    assert cli.run(["solve", "force=true", "hydra.run.dir=out"]) == 0


def test_an_input_file_that_changes_makes_another_job(
    workdir: Path, capsys: pytest.CaptureFixture[str], verb: Callable[[Verb], list[Any]]
) -> None:
    seen = verb(works)
    shape = ["island=profile", "island.file=p.csv", "hydra.run.dir=out"]
    assert cli.run(["solve", *shape]) == 2
    assert "island.file=p.csv: no such file" in capsys.readouterr().err
    Path("p.csv").write_text("r_um,z_um\n0,5\n3,4\n6,0\n")
    assert cli.run(["solve", *shape]) == 0
    assert read("out")["inputs"]["island"]["file"] == "p.csv"
    assert len(read("out")["inputs"]["input_sha256"]["island.file"]) == 64
    Path("p.csv").rename("q.csv")
    assert cli.run(["solve", *shape, "island.file=q.csv"]) == 0  # same content elsewhere
    assert len(seen) == 1
    Path("q.csv").write_text("r_um,z_um\n0,5\n3,4\n7,0\n")
    assert cli.run(["solve", *shape, "island.file=q.csv"]) == 2
    assert "another job" in capsys.readouterr().err


def test_two_processes_do_not_share_a_folder(
    workdir: Path, capsys: pytest.CaptureFixture[str], verb: Callable[[Verb], list[Any]]
) -> None:
    verb(works)
    folder = workdir / "out"
    with job._locked(folder):
        assert cli.run(["solve", "hydra.run.dir=out"]) == 2
        assert "another islet process" in capsys.readouterr().err
        assert not (folder / RESULT).exists()
    assert cli.run(["solve", "hydra.run.dir=out"]) == 0


def sweep(*arguments: str) -> int:
    return cli.run(["solve", "-m", "hydra.sweep.dir=sweep", *arguments])


def test_a_sweep_goes_on_after_a_failing_job(
    workdir: Path, capsys: pytest.CaptureFixture[str], verb: Callable[[Verb], list[Any]]
) -> None:
    def run(config: Any, folder: Path) -> Outcome:
        if config.load.steps == 3:
            raise NotConverged("step 3")
        return works(config, folder)

    seen = verb(run)
    assert sweep("load.steps=2,3,4") == 3
    assert [read(f"sweep/{i}")["status"] for i in range(3)] == ["ok", "failed", "ok"]
    assert not (workdir / "sweep" / RESULT).exists()
    out, err = capsys.readouterr()
    assert out == f"sweep: {workdir / 'sweep'} (2 of 3 jobs done)\n"
    assert "step 3" in err
    assert sweep("load.steps=2,3,4") == 3  # resumes: only the failed one again
    assert [config.load.steps for config in seen] == [2, 3, 4, 3]


def test_a_sweep_whose_failures_are_all_bad_input_exits_with_2(
    workdir: Path, verb: Callable[[Verb], list[Any]]
) -> None:
    verb(works)
    assert sweep("load.steps=2,-1") == 2
    assert sweep("load.steps=2") == 0
    verb(fails(RuntimeError("surprise")))
    assert sweep("load.steps=5,-1", "force=true") == 3


def test_a_sweep_with_one_value_that_cannot_be_composed_writes_nothing(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sweep("load.steps=2,abc") == 2
    assert "'abc'" in capsys.readouterr().err
    assert list(workdir.iterdir()) == []


def islet(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "coupling.cli", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_from_the_shell(tmp_path: Path) -> None:
    small = ["islands=none", "layer_um=4", "shape=[80,16,16]"]
    done = islet("phantom", *small, "hydra.run.dir=cell", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"result: {tmp_path / 'cell' / RESULT}\n")
    again = islet("phantom", *small, "hydra.run.dir=cell", cwd=tmp_path)
    assert again.returncode == 0
    assert "already done" in again.stderr
    bad = islet("phantom", "islandz=none", cwd=tmp_path)
    assert (bad.returncode, bad.stdout) == (2, "")
    assert bad.stderr == "islet phantom: unknown key islandz; did you mean islands?\n"


def test_a_parallel_sweep_from_the_shell(tmp_path: Path) -> None:
    done = islet(
        "phantom", "-m", "islands=none", "shape=[80,16,16]", "layer_um=4,400", "seed=1,2",
        "hydra.sweep.dir=sweep", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "2 of 4 jobs done" in done.stdout
    statuses = [read(tmp_path / "sweep" / str(i))["status"] for i in range(4)]
    assert statuses == ["ok", "ok", "failed", "failed"]
    assert "must fit into" in read(tmp_path / "sweep" / "2")["reason"]
    assert "Traceback" not in done.stderr


def test_a_folder_that_cannot_be_written_is_named(
    workdir: Path, capsys: pytest.CaptureFixture[str], verb: Callable[[Verb], list[Any]]
) -> None:
    verb(works)
    Path("taken").write_text("a file")
    assert cli.run(["solve", "hydra.run.dir=taken"]) == 2
    assert "taken" in capsys.readouterr().err


def test_flags_may_stand_between_keys(workdir: Path, verb: Callable[[Verb], list[Any]]) -> None:
    seen = verb(works)
    assert cli.run(["solve", "load.steps=2,3", "-m", "hydra.sweep.dir=sweep"]) == 0
    assert [config.load.steps for config in seen] == [2, 3]


def test_a_users_own_configuration_builds_on_a_verbs(
    workdir: Path, capsys: pytest.CaptureFixture[str], verb: Callable[[Verb], list[Any]]
) -> None:
    seen = verb(works)
    Path("mine").mkdir()
    Path("mine/soft.yaml").write_text("defaults: [solve, _self_]\nload: {steps: 4}\n")
    assert cli.run(["solve", "--config-dir", "mine", "--config-name", "soft"]) == 0
    assert seen[0].load.steps == 4
    assert cli.run(["solve", "--config-dir", "nowhere"]) == 2
    assert cli.run(["solve", "--config-path", "mine"]) == 2
    assert "--config-dir" in capsys.readouterr().err


def test_risk_wants_a_finished_image_run(
    workdir: Path, capsys: pytest.CaptureFixture[str], verb: Callable[[Verb], list[Any]]
) -> None:
    seen = verb(works)
    risk = ["risk", "image=cell", "hydra.run.dir=risk"]
    assert cli.run(risk) == 2
    assert "cell: no such folder" in capsys.readouterr().err
    Path("cell").mkdir()
    assert cli.run(risk) == 2
    assert "cell holds no result" in capsys.readouterr().err
    image = results.Result("ok", "1", "image", "f", {})
    results.write_result(Path("cell"), image)
    Path("cell/islands.csv").write_text("label\n")
    assert cli.run(risk) == 0
    Path("cell/islands.csv").write_text("label\n1\n")
    assert cli.run(risk) == 2  # other islands: another job
    assert len(seen) == 1
