"""XML documents to tables of text: one row per record element, or per element below it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
from lxml import etree
from pydantic import BaseModel

from gateway.errors import FileError
from gateway.formats.layout import XmlLayout
from gateway.formats.xml_names import Names, steps
from gateway.model import LINE, ROW, Table
from gateway.readers.repeated import Said, repeated_issues
from gateway.readers.xml_record import (
    OWN_TEXT,
    Cells,
    Link,
    Plan,
    Repeated,
    below,
    discover,
    fill,
    is_blank,
    line_of,
    link_of,
)
from gateway.readers.xml_stretches import Batch, batches

BLOCK = 20_000
"""Rows per table, fewer where there are many columns."""
BLOCK_CELLS = 500_000
SLICE = 250
"""Rows made into columns at a time: as Python values so few stay in the processor's cache and out of the collector's
way."""
MOST_COLUMNS = 5_000


class XmlReader:
    """Reads files of XmlLayout.

    A column named without a number whose element stands several times in its place is the issue CELL_REPEATED.
    `@row` counts the rows from 1, `@line` is the line of the row's element. An absent element is null, an empty one
    "". With `explode`, each element at that path is a row with the record's other columns repeated; its own columns
    are named from the record; a record without such elements is one row. Elements and attributes of ERROR_NAMESPACE
    are no data: an `error` child links the row to the run and row it names.
    """

    def tables(self, path: Path, layout: BaseModel) -> Iterator[Table]:
        """Yield tables in document order. Raises FileError as RecordStream does; TypeError for another layout.

        Without `columns` in the layout a pass of its own finds them first.
        """
        if not isinstance(layout, XmlLayout):
            raise TypeError(f"XmlReader reads files of XmlLayout, not of {type(layout).__name__}")
        names = Names(layout.namespaces)
        record = steps(layout.record)
        if not record:
            raise FileError(
                "FILE_XML_RECORDS", "The layout names no record element.", fix="Name it, like catalog/products/product."
            )
        explode = steps(layout.explode or "")
        columns = layout.columns or tuple(_columns(batches(path, record, names), names, explode))
        rows = _Rows(names, columns, explode)
        for batch in batches(path, record, names):
            rows.take(batch)
            if rows.full:
                yield rows.table()
        yield rows.table()


def _columns(stream: Iterator[Batch], names: Names, explode: tuple[str, ...]) -> dict[str, None]:
    found: dict[str, None] = {}
    part = "/".join(explode)
    for batch in stream:
        for element in batch.records:
            discover(element, names, found, skip=part)
            for child in below(element, explode, names) if explode else ():
                discover(child, names, found, above=part)
        if len(found) > MOST_COLUMNS:
            raise FileError(
                "FILE_XML",
                f"The records have more than {MOST_COLUMNS} different elements.",
                fix="Use the agreed record element.",
            )
    return found


@dataclass(slots=True)
class _Rows:
    names: Names
    columns: tuple[str, ...]
    explode: tuple[str, ...]
    _plan: Plan = field(default_factory=Plan)
    _part: Plan = field(default_factory=Plan)
    _issues: list[Said] = field(default_factory=list)
    _cells: list[Cells] = field(default_factory=list)
    _slices: list[list[pl.Series]] = field(default_factory=list)
    _lines: list[int] = field(default_factory=list)
    _links: list[Link | None] = field(default_factory=list)
    _first: int = 1
    _blank: int = 0

    def __post_init__(self) -> None:
        self._part.path = part = "/".join(self.explode)
        for cell, column in enumerate(self.columns):
            if part and column == part:
                self._part.add(OWN_TEXT, cell)
            elif part and column.startswith(f"{part}/"):
                self._part.add(column[len(part) + 1 :], cell)
            else:
                self._plan.add(column, cell)

    @property
    def full(self) -> bool:
        """Whether there are rows enough for a table."""
        return len(self._lines) >= min(BLOCK, max(1, BLOCK_CELLS // max(1, len(self.columns))))

    def take(self, batch: Batch) -> None:
        """Add the rows of records."""
        for element in batch.records:
            self._take_one(element, batch.above)
        if len(self._cells) >= SLICE:
            self._pack()

    def _take_one(self, element: etree._Element, above: int) -> None:
        cells: Cells = [None] * len(self.columns)
        fill(element, self._plan, cells, self.names)
        if not len(element) and is_blank(element):
            self._blank += 1
            return
        link = link_of(element) if self._plan.has_errors else None
        several = self._taken(self._plan) if self._plan.repeated else ()
        first = len(self._lines)
        if not self.explode or not self._take_parts(element, cells, link, above):
            self._add(cells, line_of(element) + above, link)
        if several:
            self._blame(several, range(first, len(self._lines)))

    @staticmethod
    def _taken(plan: Plan) -> tuple[Repeated, ...]:
        """Take what the plan met of repeated elements."""
        several = tuple(plan.repeated)
        plan.repeated.clear()
        return several

    def _blame(self, several: tuple[Repeated, ...], places: Iterable[int]) -> None:
        """Enter an issue per row and repeated element."""
        self._issues.extend(
            (self._first + place, self._lines[place], self.columns[cell], f"{path} stands {times} times")
            for place in places
            for cell, path, times in several
        )

    def _add(self, cells: Cells, line: int, link: Link | None) -> None:
        self._cells.append(cells)
        self._lines.append(line)
        self._links.append(link)

    def _pack(self) -> None:
        """Make columns of the cells taken since the last time."""
        columns = zip(*self._cells, strict=True) if self._cells else iter([()] * len(self.columns))
        self._slices.append([pl.Series(f"c{at}", values, dtype=pl.String) for at, values in enumerate(columns)])
        self._cells = []

    def _take_parts(self, element: etree._Element, cells: Cells, link: Link | None, above: int) -> bool:
        """Add a row per exploded child; False when there is none."""
        found = False
        for part in below(element, self.explode, self.names):
            found = True
            own = cells.copy()
            fill(part, self._part, own, self.names)
            self._add(own, line_of(part) + above, (link_of(part) if self._part.has_errors else None) or link)
            if self._part.repeated:
                self._blame(self._taken(self._part), (len(self._lines) - 1,))
        return found

    def table(self) -> Table:
        """Return the rows taken since the last table."""
        rows = len(self._lines)
        if self._cells or not self._slices:
            self._pack()
        numbers = pl.int_range(self._first, self._first + rows, dtype=pl.Int64, eager=True).alias(ROW)
        cells = [pl.concat(parts) for parts in zip(*self._slices, strict=True)]
        table = Table(
            frame=pl.DataFrame([numbers, pl.Series(LINE, self._lines, dtype=pl.Int64), *cells]),
            headers=self.columns,
            issues=repeated_issues(self._issues),
            blank=self._blank,
            links=self._linked(numbers) if any(link is not None for link in self._links) else None,
        )
        self._first += rows
        self._slices, self._lines, self._links, self._issues, self._blank = [], [], [], [], 0
        return table

    def _linked(self, numbers: pl.Series) -> pl.DataFrame:
        runs = [None if link is None else link[0] for link in self._links]
        rows = [None if link is None else link[1] for link in self._links]
        return pl.DataFrame(
            [numbers, pl.Series("first_run", runs, dtype=pl.String), pl.Series("first_row", rows, dtype=pl.Int64)]
        )
