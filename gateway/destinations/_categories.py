"""The table from category paths of the contract to a destination's codes, as CSV files have it."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from gateway.errors import Fault, SettingsError


def categories(path: Path | None) -> Mapping[str, str] | None:
    """Read the table of category codes; None where there is none. Raises SettingsError."""
    if path is None:
        return None
    try:
        rows = list(csv.reader(path.read_text("utf-8-sig").splitlines(), delimiter=";"))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SettingsError([Fault(str(path), f"the table of categories can't be read: {error}")]) from error
    faults = [
        Fault(f"{path}:{line}", "write two cells, category and code, neither of them empty")
        for line, cells in enumerate(rows, start=1)
        if cells and (len(cells) != 2 or "" in cells)
    ]
    if faults or not rows or rows[0] != ["category", "code"]:
        raise SettingsError(faults or [Fault(f"{path}:1", "the first line is category;code")])
    return dict(cells for cells in rows[1:] if cells)
