"""Tables of profiles and islands that somebody else has written, or damaged."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from fuzzing import damaged
from hypothesis import given, settings
from hypothesis import strategies as st

from coupling.bridge import measured_islands
from coupling.schema_island import MAX_POINTS, read_profile
from mechanics.profile import IslandProfile, cap

MANY = settings(max_examples=150, deadline=None, derandomize=True, database=None)
numbers = st.floats(-10.0, 100.0) | st.sampled_from([0.0, math.nan, math.inf, 1e300, 5e-324])
cells = numbers.map(repr) | st.text(max_size=6)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tables") / "profile.csv"


def judged(file: Path) -> IslandProfile | None:
    """Return a profile that can be solved, or None where it is refused by name."""
    said = None
    try:
        profile = read_profile(file)
    except ValueError as error:
        said = str(error)
    if said is not None:
        assert str(file) in said
        return None
    assert np.isfinite(profile.volume_um3)
    assert profile.contact_diameter_um > 0
    return profile


@MANY
@given(rows=st.lists(st.lists(cells, max_size=4), max_size=8), named=st.booleans())
def test_any_table(rows: list[list[str]], named: bool, place: Path) -> None:
    with place.open("w", newline="", encoding="utf-8", errors="surrogatepass") as stream:
        table = csv.writer(stream, escapechar="\\")
        table.writerows([["r_um", "z_um"], *rows] if named else rows)
    judged(place)


@MANY
@given(content=st.binary(max_size=60))
def test_any_bytes(content: bytes, place: Path) -> None:
    place.write_bytes(content)
    judged(place)


def test_damaged_profiles(place: Path) -> None:
    shape = cap(40.0, 12.0, points=20)
    np.savetxt(place, np.column_stack((shape.r_um, shape.z_um)), delimiter=",",
               header="r_um,z_um", comments="")  # fmt: skip
    judgements = []
    for content in damaged([place.read_bytes()], 300):
        place.write_bytes(content)
        judgements.append(judged(place) is None)
    assert 20 < sum(judgements) < 299


def test_too_many_points(place: Path) -> None:
    rows = "\n".join(f"{i + 1},{MAX_POINTS - i + 1}" for i in range(MAX_POINTS + 1))
    place.write_text(f"r_um,z_um\n{rows}\n")
    with pytest.raises(ValueError, match=f"more than {MAX_POINTS} points"):
        read_profile(place)


@pytest.mark.parametrize(
    "content",
    [b"", b"\x80\x04\x95", b"\0\0\0", b"label,x_um\n1\n", b'"', b"label\n1,2,3\n4,5,6,7\n"],
)
def test_damaged_tables_of_islands(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "islands.csv").write_bytes(content)
    with pytest.raises(ValueError, match=r"islands\.csv"):
        measured_islands(tmp_path)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("height_um", "nan"),
        ("volume_um3", "-1"),
        ("contact_diameter_um", "x"),
        ("label", "../../a"),
    ],
)
def test_islands_with_values_that_are_none(column: str, value: str, tmp_path: Path) -> None:
    row = {"label": "1", "x_um": "0", "y_um": "0", "contact_diameter_um": "40"}
    row |= {"height_um": "10", "volume_um3": "7000"}
    row[column] = value
    text = f"{','.join(row)}\n{','.join(row.values())}\n"
    (tmp_path / "islands.csv").write_text(text)
    with pytest.raises(ValueError, match=rf"islands\.csv.*{column}"):
        measured_islands(tmp_path)
