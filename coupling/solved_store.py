"""Solved islands on disk while a ranking is on its way: what is stopped goes on where it was.

One file per island, written whole or not at all as soon as the island is solved. It is
known again by the island's meridian, everything that mechanics and criterion are given, and the
versions of the code: what was solved for another job is not taken. A file that cannot be read
counts as none. Once the run has ended its table holds the numbers, and the folder goes.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import os
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coupling.config import plain
from coupling.island_risk import EXACT, FAILED, IslandRisk
from coupling.picture import Picture
from coupling.results import islet_version, library_versions
from coupling.schema_mechanics import MechanicsConfig
from mechanics.profile import IslandProfile

log = logging.getLogger(__name__)

FOLDER = "solved"
"""Name of the folder of solved islands in the folder of a run that is not finished."""


@dataclasses.dataclass(frozen=True)
class SolvedStore:
    """Solved islands in a folder."""

    folder: Path

    def find(
        self, label: int, profile: IslandProfile, config: MechanicsConfig
    ) -> IslandRisk | None:
        """Return what an earlier run has found of an island; None where it has found nothing."""
        try:
            with np.load(self._file(profile, config), allow_pickle=False) as stored:
                return _read(label, {name: stored[name] for name in stored.files})
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
            return None

    def keep(self, profile: IslandProfile, config: MechanicsConfig, risk: IslandRisk) -> None:
        """Write what was found of an island, a failure too."""
        self.folder.mkdir(exist_ok=True)
        told = {"method": risk.method, "scalars": risk.scalars, "reason": risk.reason}
        arrays = {"told": np.array(json.dumps(told))}
        if risk.picture is not None:
            shown = dataclasses.asdict(risk.picture)
            arrays |= {f"picture_{name}": np.asarray(value) for name, value in shown.items()}
        file = self._file(profile, config)
        temporary = file.with_suffix(f".{os.getpid()}.part")
        with temporary.open("wb") as stream:
            np.savez(stream, **arrays)  # type: ignore[arg-type]
        temporary.replace(file)

    def _file(self, profile: IslandProfile, config: MechanicsConfig) -> Path:
        digest = hashlib.sha256(profile.r_um.tobytes() + profile.z_um.tobytes())
        names = [field.name for field in dataclasses.fields(MechanicsConfig)]
        given = {name: plain(getattr(config, name)) for name in names}
        code = {"islet": islet_version(), **library_versions()}
        digest.update(json.dumps([given, code], sort_keys=True).encode())
        return self.folder / f"{digest.hexdigest()[:32]}.npz"


def _read(label: int, stored: dict[str, NDArray[Any]]) -> IslandRisk:
    told = json.loads(str(stored["told"]))
    if told["method"] not in (EXACT, FAILED):
        raise ValueError(f"method {told['method']}")
    picture = None
    if told["method"] == EXACT:
        shown = _part(stored, "picture_")
        reach = float(shown.pop("reach_um"))
        picture = Picture(reach_um=reach, **shown)
    return IslandRisk(label, told["method"], told["scalars"], picture, told["reason"])


def _part(stored: dict[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {
        name.removeprefix(prefix): value
        for name, value in stored.items()
        if name.startswith(prefix)
    }


@contextmanager
def solved_store(folder: Path) -> Iterator[SolvedStore]:
    """Give the store of a run's folder; it goes when the run ends, and stays if it is stopped."""
    place = folder / FOLDER
    if place.is_dir():
        count = len(list(place.glob("*.npz")))
        log.info("going on from %d islands that were solved before this run was stopped", count)
    yield SolvedStore(place)
    shutil.rmtree(place, ignore_errors=True)
