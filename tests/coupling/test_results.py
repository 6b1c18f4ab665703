"""Result files: whole or absent, recognised as the same job, resumed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from coupling import results
from coupling.results import RESULT, Result


def result(**changes: object) -> Result:
    given = {
        "status": "ok",
        "version": "1",
        "verb": "solve",
        "fingerprint": "f",
        "inputs": {"a": 1},
    }
    return Result(**{**given, **changes})  # type: ignore[arg-type]


def test_a_result_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    written = result(scalars={"x_um": 1.5, "n": 3, "name": "cap", "none": None}, files=["a.csv"])
    results.write_result(tmp_path, written)
    assert results.read_result(tmp_path) == written
    assert [file.name for file in tmp_path.iterdir()] == [RESULT]


def test_not_a_number_and_numpy_become_json(tmp_path: Path) -> None:
    scalars = {"nan": float("nan"), "inf": np.float64("inf"), "n": np.int64(3), "b": np.bool_(True)}
    results.write_result(tmp_path, result(scalars=scalars))
    text = (tmp_path / RESULT).read_text()
    assert json.loads(text)["scalars"] == {"nan": None, "inf": None, "n": 3, "b": True}
    assert "NaN" not in text


def test_a_crash_while_writing_leaves_the_old_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results.write_result(tmp_path, result())
    monkeypatch.setattr(os, "fsync", lambda handle: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        results.write_result(tmp_path, result(fingerprint="other"))
    assert results.read_result(tmp_path) == result()
    assert [file.name for file in tmp_path.iterdir()] == [RESULT]


@pytest.mark.parametrize(
    "text",
    [
        "",
        '{"status": "ok", "version": ',
        "[]",
        "null",
        '{"status": "ok"}',
        '{"status": "maybe", "version": "1", "verb": "v", "fingerprint": "f", "inputs": {}}',
        '{"status": "ok", "version": "1", "verb": "v", "fingerprint": "f", "inputs": []}',
    ],
)
def test_a_damaged_result_counts_as_absent(tmp_path: Path, text: str) -> None:
    (tmp_path / RESULT).write_text(text)
    assert results.read_result(tmp_path) is None


def test_fingerprint_follows_numbers_and_content_but_not_paths(tmp_path: Path) -> None:
    def mark(path: Path, **numbers: float) -> str:
        inputs = {"island": {"file": str(path), "n": 1}, **numbers}
        return results.fingerprint("solve", inputs, {"island.file": results.content_hash(path)})

    a, b = tmp_path / "a.csv", tmp_path / "b.csv"
    a.write_text("1,2")
    b.write_text("1,2")
    first = mark(a, x=1.0)
    assert mark(b, x=1.0) == first
    assert mark(a, x=2.0) != first
    a.write_text("1,3")
    assert mark(a, x=1.0) != first
    assert results.fingerprint("risk", {}, {}) != results.fingerprint("solve", {}, {})


def test_hash_of_a_folder_follows_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a").write_text("1")
    first = results.content_hash(tmp_path)
    (tmp_path / "sub" / "a").rename(tmp_path / "sub" / "b")
    second = results.content_hash(tmp_path)
    (tmp_path / "sub" / "b").write_text("2")
    assert len({first, second, results.content_hash(tmp_path)}) == 3


def test_removing_a_result_removes_only_what_it_lists_inside_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    for file in (folder / "a.csv", folder / "mine.txt", tmp_path / "outside.txt"):
        file.write_text("x")
    results.write_result(folder, result(files=["a.csv", "../outside.txt", "gone.csv"]))
    results.remove_result(folder)
    assert sorted(file.name for file in tmp_path.rglob("*.*")) == ["mine.txt", "outside.txt"]


def test_files_are_listed_relative_to_the_folder_and_must_exist(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.csv").write_text("x")
    assert results.relative_files(tmp_path, [tmp_path / "sub" / "a.csv"]) == ["sub/a.csv"]
    assert results.relative_files(tmp_path, [Path("sub/a.csv")]) == ["sub/a.csv"]
    with pytest.raises(FileNotFoundError, match="which was not written"):
        results.relative_files(tmp_path, [tmp_path / "b.csv"])


def test_versions_name_the_solver() -> None:
    names = results.library_versions()
    assert {"numpy", "scipy"} <= set(names)
    assert {"fenics-dolfinx", "dolfinx-solver-real"} & set(names)
