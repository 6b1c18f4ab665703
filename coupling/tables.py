"""Tables of measured things, read from files that somebody may have edited or damaged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd


def read_table(
    file: Path,
    finite: Sequence[str] = (),
    positive: Sequence[str] = (),
    numbering: Sequence[str] = (),
) -> pd.DataFrame:
    """Return the table in a CSV file.

    Parameters
    ----------
    file
        Its first row names the columns.
    finite, positive, numbering
        Columns that must be there and hold finite numbers, finite numbers above zero, and
        whole numbers from zero on.

    Raises
    ------
    ValueError
        If it is no such table; the message names the file, and the column and row if there is one.
    """
    try:
        table = pd.read_csv(file, index_col=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ValueError(f"{file}: no table of text (CSV): {error}") from error
    missing = [name for name in (*numbering, *finite, *positive) if name not in table.columns]
    if missing:
        raise ValueError(f"{file}: no column {', '.join(missing)}")
    for name in (*numbering, *finite, *positive):
        values = pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=float)
        bad = ~np.isfinite(values)
        wanted = "a finite number"
        if name in positive:
            bad |= values <= 0
            wanted = "a positive number"
        elif name in numbering:
            bad |= (values < 0) | (values % 1 != 0)
            wanted = "a whole number from 0 on"
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            given = table[name].iloc[row]
            raise ValueError(f"{file}, row {row + 2}: {name} must be {wanted}, got {given}")
    return table
