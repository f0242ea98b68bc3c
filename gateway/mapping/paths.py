"""What a mapping wants of a file of elements: paths a record may be without, but not all records of the file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import polars as pl

from gateway.errors import FileError
from gateway.issues import sentence
from gateway.mapping.headers import nearest
from gateway.mapping.spec import MappingFile
from gateway.model import LINE, ROW, Table

_NUMBER = re.compile(r"\[[0-9]+\](?=/|$)")
_SHOWN = 12
_FIX = (
    "Add it to the records, or ask to change the mapping: another path, or optional = true where whole files may be "
    "without it."
)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Paths one of which some record must have, and what is filled or tested by them."""

    paths: tuple[str, ...]
    by: str


class Absent:
    """The paths of an XML or JSON mapping that no record of a file has had so far.

    `see` is told the file's tables, `verify` the end of it. Rows of ours that came back are a part of a file that was
    judged before: nothing is asked of them.
    """

    def __init__(self, mapping: MappingFile) -> None:
        self._open = [] if mapping.patterns else [*_wanted(mapping)]
        self._rows = 0
        self._came_back = False

    def see(self, table: Table) -> None:
        """Take note of a block: a path is there where one of its cells is not missing."""
        self._rows += table.frame.height
        self._came_back = self._came_back or table.links is not None
        if not self._open:
            return
        frame = table.frame
        here = {header for place, header in enumerate(table.headers) if frame[f"c{place}"].null_count() < frame.height}
        self._open = [one for one in self._open if here.isdisjoint(one.paths)]

    def verify(self, found: Callable[[], Sequence[str]]) -> None:
        """Raise FileError FILE_COLUMN_MISSING when a path was in no record; `found` reads which paths the file has.

        The second or third of repeated elements counts as there where the first is; so does an empty list.
        """
        if not self._open or not self._rows or self._came_back:
            return
        present = _present(found)
        missing = [one for one in self._open if not any(_NUMBER.sub("", path) in present for path in one.paths)]
        if not missing:
            return
        said, listed = [], False
        for one in missing:
            near = next((close for path in one.paths if (close := _instead(path, present)) is not None), None)
            listed = listed or near is None
            instead = f" (the nearest in the file is {near!r})" if near is not None else ""
            said.append(f"{' or '.join(map(repr, one.paths))} for {one.by}, which no record has{instead}")
        if listed:
            more = ", ..." if len(present) > _SHOWN else ""
            said.append(f"the records have {', '.join(map(repr, present[:_SHOWN])) or 'nothing else'}{more}")
        raise FileError("FILE_COLUMN_MISSING", sentence("FILE_COLUMN_MISSING", detail="; ".join(said)), fix=_FIX)


class Overlooked:
    """Finds records of which a part would be lost, where patterns make every path of the file a column that is read.

    Without patterns the reader finds them: it knows what is wanted.
    """

    def __init__(self, mapping: MappingFile) -> None:
        self._named = [*dict.fromkeys(_named(mapping))] if mapping.patterns else []
        self._again: list[tuple[str, str, list[int]]] | None = None

    def marked(self, table: Table) -> Table:
        """Return the block with an issue CELL_REPEATED for each element of which only the first is named."""
        if not self._named:
            return table
        if self._again is None:
            self._again = [*_repeated(self._named, table.headers)]
        found = [
            table.frame.filter(pl.any_horizontal(pl.col(f"c{place}").is_not_null() for place in places)).select(
                ROW, LINE, code=pl.lit("CELL_REPEATED"), field=pl.lit(path), value=pl.lit(None, pl.String),
                detail=pl.lit(f"{element} stands several times"),
            )
            for path, element, places in self._again
        ]  # fmt: skip
        return replace(table, issues=pl.concat([table.issues, *found])) if found else table


def _repeated(named: Sequence[str], headers: Sequence[str]) -> Iterator[tuple[str, str, list[int]]]:
    """Yield per element that a named path passes without a number: the path, the element, columns of the second."""
    told: set[str] = set()
    for path in named:
        steps = path.split("/")
        for size in range(1, len(steps) + 1):
            element = "/".join(steps[:size])
            if element in told or any(other.startswith(f"{element}[") for other in named):
                continue
            second = f"{element}[2]"
            places = [n for n, header in enumerate(headers) if header == second or header.startswith(f"{second}/")]
            if places:
                told.add(element)
                yield path, element, places


def _named(mapping: MappingFile) -> Iterator[str]:
    for name, spec in mapping.specs.items():
        if name not in mapping.patterns:
            yield from spec.column or ()
            yield from (ref for ref in spec.refs() if isinstance(ref, str))
            yield from (spec.when.column or ()) if spec.when is not None else ()
    for rule in mapping.filter:
        yield from rule.condition.column or ()
    yield from (path for path in (*mapping.fill_down, *mapping.fill_within) if isinstance(path, str))


def _wanted(mapping: MappingFile) -> Iterator[_Wanted]:
    for name, spec in mapping.specs.items():
        texts = tuple(ref for ref in spec.refs() if isinstance(ref, str))
        if not spec.optional:
            yield from (_Wanted((path,), name) for path in spec.column or ())
            if spec.first is not None:  # elements of several names: a file may know only one of them
                yield _Wanted(texts, name)
            else:
                yield from (_Wanted((path,), name) for path in texts)
        if spec.when is not None and not spec.when.optional:
            yield from (_Wanted((path,), f"the condition of {name}") for path in spec.when.column or ())
    for rule in mapping.filter:
        if not rule.condition.optional:
            yield from (_Wanted((path,), f"the filter '{rule.text()}'") for path in rule.condition.column or ())
    # What is filled down is read by one of those, who say whether files may be without it.
    within = mapping.called("fill_within")
    yield from (_Wanted((path,), within) for path in mapping.fill_within if isinstance(path, str))


def _present(found: Callable[[], Sequence[str]]) -> tuple[str, ...]:
    try:
        paths = found()
    except FileError:  # too many different ones to be told: the path is missing all the same
        paths = ()
    return tuple(dict.fromkeys(_NUMBER.sub("", path) for path in paths))


def _instead(path: str, present: Sequence[str]) -> str | None:
    """Return the path most likely meant: one that ends or begins with it, else the one written most like it."""
    above, below = f"/{path}", f"{path}/"
    inside = next((one for one in present if one.endswith(above) or one.startswith(below)), None)
    return inside if inside is not None else nearest(path, present)
