"""What is said of a record in which a column's element stands several times and only the first is read."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from gateway.model import ISSUE_SCHEMA, no_issues

REPEATED = "CELL_REPEATED"
"""The issue's code."""
Said = tuple[int, int, str, str]
"""Row, line, header of the column, and what stands there how often."""


def repeated_issues(said: Sequence[Said]) -> pl.DataFrame:
    """Return the issues (ISSUE_SCHEMA) of such records."""
    if not said:
        return no_issues()
    rows = [(row, line, REPEATED, header, None, detail) for row, line, header, detail in said]
    return pl.DataFrame(rows, schema=ISSUE_SCHEMA, orient="row")
