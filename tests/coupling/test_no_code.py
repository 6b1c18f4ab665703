"""Files from somebody else hold data: none of them gets code to run."""

from __future__ import annotations

import io
import os
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import OmegaConf

from coupling import cli
from coupling.guard import require_no_code
from coupling.results import Outcome
from coupling.schema_mechanics import MechanicsConfig
from coupling.solved_store import FOLDER, SolvedStore
from mechanics.profile import cap

type Verb = Callable[[Any, Path], Outcome]

CONFIGURATIONS = {
    "callback": "hydra: {callbacks: {x: {_target_: pathlib.Path.touch, self: MARK}}}",
    "launcher": "hydra: {launcher: {_target_: os.mkdir, path: MARK}}",
    "sweeper": "hydra: {sweeper: {_target_: os.mkdir, path: MARK}}",
    "log handler": "hydra: {job_logging: {handlers: {x: {class: os.mkdir, path: MARK}}}}",
    "log factory": "hydra: {job_logging: {handlers: {x: {(): os.mkdir, path: MARK}}}}",
    "log stream": "hydra: {hydra_logging: {handlers: {console: {stream: ext://antigravity}}}}",
    "environment": "hydra: {job: {env_set: {CC: MARK}}}",
    "tag": '"x": !!python/object/apply:os.mkdir ["MARK"]',
    "key": "load: {_target_: os.mkdir, path: MARK}",
}


@pytest.mark.parametrize("kind", CONFIGURATIONS)
@pytest.mark.parametrize("many", [False, True], ids=["run", "sweep"])
def test_a_configuration_cannot_name_code(
    kind: str,
    many: bool,
    workdir: Path,
    verb: Callable[[Verb], list[Any]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    seen = verb(lambda config, folder: Outcome())
    Path("theirs").mkdir()
    mark = workdir / "mark"
    text = CONFIGURATIONS[kind].replace("MARK", str(mark))
    Path("theirs/theirs.yaml").write_text(f"defaults: [solve, _self_]\n{text}\n")
    line = ["solve", "--config-dir", "theirs", "--config-name", "theirs"]
    assert cli.run([*line, *(["-m", "load.steps=2,3"] if many else [])]) == 2
    err = capsys.readouterr().err
    assert "Traceback" not in err
    assert err.count("islet solve:") == 1
    assert {path.name for path in workdir.iterdir()} == {"theirs"}
    assert seen == []


def test_what_comes_with_islet_passes() -> None:
    for launcher in ("basic", "joblib", "submitit_local", "submitit_slurm"):
        from coupling.launcher import compose, parse_arguments

        arguments = [f"hydra/launcher={launcher}", "+hydra.job.env_set.OMP_NUM_THREADS=1"]
        require_no_code(compose("solve", parse_arguments(arguments)))
    require_no_code(OmegaConf.create({"load": {"_target_": "os.mkdir"}}))  # nobody builds these


class Trap:
    """Leaves a mark where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.zarr.zip", "a.tif", "a.zarr", "a.h5"])
def test_archives_are_not_unpacked(name: str, workdir: Path) -> None:
    """No reader takes them, so nothing in them can be written outside of a run's folder."""
    inside = workdir / "inside"
    inside.mkdir()
    kind = tarfile.open if "tar" in name else zipfile.ZipFile
    Path("x").write_text("x")
    with kind(inside / name, "w") as archive:  # type: ignore[operator]
        (archive.add if "tar" in name else archive.write)("x", "../escaped")
    line = ["image", f"before=inside/{name}", f"after=inside/{name}", "voxel_um=1"]
    assert cli.run([*line, "hydra.run.dir=inside/out"]) == 2
    assert sorted(path.name for path in workdir.iterdir()) == ["inside", "x"]


def test_pickles_are_not_opened(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As a tomogram by any name, as a profile, and in the place of a solved island."""
    mark = workdir / "mark"
    trap = pickle.dumps(Trap(mark))
    array = io.BytesIO()
    np.save(array, np.array([Trap(mark)], dtype=object), allow_pickle=True)
    for name in ("a.tif", "a.h5", "a.nxs", "a.pkl", "a.npy", "a.npz"):
        for content in (trap, array.getvalue()):
            Path(name).write_bytes(content)
            line = ["image", f"before={name}", f"after={name}", "voxel_um=1"]
            assert cli.run([*line, "hydra.run.dir=out"]) == 2, name
    Path("p.csv").write_bytes(trap)
    line = ["solve", "island=profile", "island.file=p.csv", "hydra.run.dir=out"]
    assert cli.run(line) == 2
    assert "p.csv" in capsys.readouterr().err
    store, shape = SolvedStore(workdir / FOLDER), cap(40.0, 10.0)
    store.folder.mkdir()
    place = store._file(shape, MechanicsConfig())
    with place.open("wb") as file:
        np.savez(file, told=np.array([Trap(mark)], dtype=object))
    assert store.find(1, shape, MechanicsConfig()) is None
    assert not mark.exists()
