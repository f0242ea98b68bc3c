"""Rejected rows of whose key a part could not be read: what a full file leaves out nobody knows then."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import polars as pl

from gateway.contracts import Contract
from gateway.delivery.setup import can_end
from gateway.issues import WARNINGS
from gateway.mapping.spec import Group
from gateway.model import ROW, no_issues
from gateway.pipeline.setup import RouteSetup
from gateway.reports.verdict import kept_as_is, unread_keys

UNSENT = "none of its rows is sent"
"""Why a full file says nothing of what it leaves out where every row of it is bad, or stays for another reason."""
_NAMED = 5
"""Rows that a note names."""


@dataclass(frozen=True, slots=True)
class KeyParts:
    """Contract fields by which a full file tells which keys it leaves out; none where nothing comes of it.

    `needed`: those of them that every row must give.
    """

    fields: frozenset[str]
    needed: frozenset[str]
    contract: Contract

    @classmethod
    def of(cls, setup: RouteSetup, group: Group | None) -> KeyParts:
        """Return the parts of the keys that the route ends or sets to zero; `group`: of rows that are summed."""
        route, fields = setup.route, set[str]()
        for leg in setup.legs if route.mode == "full" else ():
            if can_end(leg, route.absent):
                each = leg.operation.each
                of_contract = setup.contract.key if leg.operation.wanted is not None else ()
                fields.update(leg.key_fields, of_contract, () if each is None else (each,))
        if group is not None:
            fields -= {name for name in setup.contract.key if name not in group.by}
        return cls(frozenset(fields), frozenset(fields & setup.contract.required), setup.contract)

    def unread(self, rows: pl.DataFrame, issues: pl.DataFrame, headers: Collection[str]) -> pl.Series:
        """Return the rows (Int64, unique) whose key is not known, of those that the issues reject.

        `rows`: what was mapped of them. `headers`: of the file; a fault under another name is of the row as a whole.
        A whole key that a destination does not take is known, and so is that of another owner; one that a rule across
        rows finds twice is so too.
        """
        if not self.fields or not issues.height:
            return no_issues()[ROW]
        grave = issues.filter(~pl.col("code").is_in(sorted(WARNINGS)))
        given = (pl.col("value") != "").fill_null(value=False)
        of_destination = pl.col("code").str.starts_with("DEST_") | (pl.col("code") == "KEY_FOREIGN")
        part = pl.col("field").is_in(sorted(self.fields)) & ~(of_destination & given)
        named = [one for one in issues["field"].unique() if one and (one in headers or self.contract.has(one))]
        whole = ~pl.col("field").fill_null("").is_in(named) & ~of_destination
        absent = [name for name in self.needed if name not in rows.columns]
        blank = [(pl.col(name).fill_null("") == "") for name in self.needed if name in rows.columns]
        without = rows.filter(pl.any_horizontal(pl.lit(bool(absent)), *blank))[ROW]
        lost = (part | whole).fill_null(value=False) | pl.col(ROW).is_in(without.implode())
        return grave.filter(lost)[ROW].unique().sort()


@dataclass(slots=True)
class Unread:
    """How many rows have a key that could not be read, and the first of them."""

    count: int = 0
    first: tuple[int, ...] = ()

    def take(self, rows: pl.Series) -> None:
        """Add the rows of a block."""
        self.count += rows.len()
        self.first = (*self.first, *rows.head(_NAMED).to_list())[:_NAMED]

    def note(self, absent: str, kept: int | None = None) -> str:
        """Say what follows for a full file. `absent`: what the route wants of keys that it leaves out.

        `kept`: how many known keys it leaves out; None where nobody looked, and nothing is done yet.
        """
        rows = f"row {self.first[0]}" if self.count == 1 else f"rows {', '.join(f'{row:,}' for row in self.first)}"
        more = f" and {self.count - len(self.first):,} more" if self.count > len(self.first) else ""
        does = "sets what it leaves out to 0" if absent == "zero" else "ends what it leaves out"
        said = unread_keys(self.count, absent, done="would be" if kept is None else "was")
        return (
            f"{said} ({rows}{more}), and could be about any of it. {_kept(kept)}Mend "
            f"{'it' if self.count == 1 else 'them'}; the next full file in which every key can be read {does}."
        )


class Read(Protocol):
    """What is known of a file once it was read."""

    rows: int
    good: int
    first_run: str | None
    unread: Unread


def sends_none(setup: RouteSetup, read: Read) -> bool:
    """Whether a full file has rows, but none that is sent: what it leaves out stays as it is."""
    ends = setup.route.mode == "full" and any(can_end(leg, setup.route.absent) for leg in setup.legs)
    return ends and read.rows > 0 and read.good == 0 and read.first_run is None


def kept_note(setup: RouteSetup, read: Read) -> Callable[[int | None], str] | None:
    """Return what says that nothing comes of it what a full file leaves out, by how many known keys that are.

    None: something does, or the file brings back rows and is none that leaves anything out.
    """
    if read.unread.count and read.first_run is None:
        return partial(read.unread.note, setup.route.absent)
    return partial(_unsent, setup.route.absent) if sends_none(setup, read) else None


def _unsent(absent: str, kept: int | None = None) -> str:
    does = "sets what it leaves out to 0" if absent == "zero" else "ends what it leaves out"
    said = kept_as_is(UNSENT, absent, done="would be" if kept is None else "was")
    return f"{said}. {_kept(kept)}The next full file with a row that is sent {does}."


def _kept(count: int | None) -> str:
    match count:
        case None:
            return ""
        case 0:
            return "No known key is left out. "
        case 1:
            return "1 known key that it leaves out stays as it is. "
        case _:
            return f"{count:,} known keys that it leaves out stay as they are. "
