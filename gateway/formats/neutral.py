"""Formula neutraliser: what a spreadsheet would run gets a leading apostrophe, and in files of ours loses it again.

Pure text in, pure text out; which files and columns it is applied to is the writer's and the reader's business.
"""

from __future__ import annotations

import re

import polars as pl

_RISKY = "[=+\\-@\t\r\n]"
_NUMBER = "[+-][0-9]+(?:[.,][0-9]+)*"

_STARTS = re.compile(f"'*{_RISKY}")
_PLAIN = re.compile(_NUMBER)
_MARKED = re.compile(f"'+{_RISKY}")


def neutralise(cell: str) -> str:
    """Return the cell so that no spreadsheet runs it.

    A cell that begins with = + - @ tab CR or LF, or with apostrophes before one of these, gets one apostrophe more;
    a plain signed number is left alone. `restore(neutralise(x)) == x` for every text.
    """
    return f"'{cell}" if _STARTS.match(cell) and not _PLAIN.fullmatch(cell) else cell


def restore(cell: str) -> str:
    """Take off what `neutralise` put on; for cells of files marked ours only."""
    return cell[1:] if _MARKED.match(cell) else cell


def neutralised(column: pl.Expr) -> pl.Expr:
    """Return `neutralise` as a column expression (String to String, null stays null)."""
    risky = column.str.contains(f"\\A'*{_RISKY}") & ~column.str.contains(f"\\A(?:{_NUMBER})\\z")
    # the branch named first gives the column its name
    return pl.when(~risky).then(column).otherwise(pl.concat_str(pl.lit("'"), column))


def restored(column: pl.Expr) -> pl.Expr:
    """Return `restore` as a column expression (String to String, null stays null)."""
    marked = column.str.contains(f"\\A'+{_RISKY}")
    return pl.when(marked).then(column.str.slice(1)).otherwise(column)
