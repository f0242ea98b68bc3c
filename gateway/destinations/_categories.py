"""The table from category paths of the contract to a destination's codes, as CSV files have it."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from gateway.errors import Fault, SettingsError


def categories(path: Path | None, setting: str) -> Mapping[str, str] | None:
    """Read the table of category codes; None where there is none. Raises SettingsError that names the `setting`."""
    if path is None:
        return None
    try:
        rows = list(csv.reader(path.read_text("utf-8-sig").splitlines(), delimiter=";"))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        why = error.strerror if isinstance(error, OSError) else error
        fault = Fault(setting, f"the table of categories {path} can't be read: {why}")
        raise SettingsError([fault], fix="Put the file there or correct the setting.") from error
    faults = [
        Fault(f"{path}:{line}", "write two cells, category and code, neither of them empty")
        for line, cells in enumerate(rows, start=1)
        if cells and (len(cells) != 2 or "" in cells)
    ]
    if faults or not rows or rows[0] != ["category", "code"]:
        faults = faults or [Fault(f"{path}:1", "the first line is category;code")]
        raise SettingsError(faults, fix=f"Correct the table that {setting} names.")
    return dict(cells for cells in rows[1:] if cells)
