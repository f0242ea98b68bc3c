"""The errors file of an XML feed: the document's own root and envelope with only the failed records in it.

It streams: neither the document nor the faults are held whole. Encoding UTF-16 is answered in UTF-8.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

from lxml import etree

from gateway.formats.layout import ERROR_NAMESPACE, XmlLayout
from gateway.formats.parts import parts_of
from gateway.formats.xml_closed import CLOSED
from gateway.formats.xml_names import Names, steps
from gateway.model import ROW, Rows, Summary
from gateway.reports.stream import RowCursor, joined, worded_faults
from gateway.reports.verdict import to_mend
from gateway.reports.xml_cells import FilledCells, put

_ERROR = f"{{{ERROR_NAMESPACE}}}error"
_PREFIX = {"gateway": ERROR_NAMESPACE}
_DECLARED = re.compile(rb"""^(?:\xef\xbb\xbf)?<\?xml[^>]*?encoding=["']([A-Za-z0-9._-]+)["']""")
_AHEAD = 65_536
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class XmlErrorsWriter:
    """Rejected and refused records as they came, each with an `error` element of ours."""

    kind: ClassVar[str] = "errors.xml"

    def write(self, summary: Summary, rows: Rows, out: Path) -> bool:
        """Write the failed records; False and no file where every record passed."""
        if to_mend(summary) == 0:
            return False
        layout = rows.layout()
        if not isinstance(layout, XmlLayout):
            raise TypeError(f"an errors.xml needs an XML layout, not {type(layout).__name__}")
        files = parts_of(rows.source())
        with etree.xmlfile(str(out), encoding=_encoding(files[0])) as target:
            target.write_declaration()
            _Copier(target, layout, _Faults(rows, summary.run), FilledCells(rows)).copy(files)
        return True


class _Faults:
    """The faults of failed rows, asked for in row order."""

    def __init__(self, rows: Rows, run: str) -> None:
        self._failing = RowCursor(rows.failed())
        self._issues = RowCursor(rows.issues())
        self._columns = rows.columns()
        self._run = run
        self._until = 0
        self._known: dict[int, dict[str, str]] = {}

    def at(self, row: int) -> dict[str, str] | None:
        """Return the attributes of the row's error element; None for a row that did not fail."""
        if row > self._until:
            self._until = row + _AHEAD
            self._known = self._load(self._until)
        return self._known.get(row)

    def _load(self, until: int) -> dict[int, dict[str, str]]:
        failing, issues = self._failing.upto(until), self._issues.upto(until)
        if failing is None:
            return {}
        told = joined(worded_faults(failing, issues, self._columns))
        names = ("code", "field", "message")
        return {
            row: {"run": self._run, "row": str(row), **dict(zip(names, map(_clean, texts), strict=True))}
            for row, *texts in told.select(ROW, *(f"error_{name}" for name in names)).rows()
        }


class _Copier:
    """Walks the document and writes ancestors, what stands beside records, and the failed records."""

    def __init__(self, target: Any, layout: XmlLayout, faults: _Faults, filled: FilledCells) -> None:
        self._target = target
        self._names, self._namespaces = Names(layout.namespaces), layout.namespaces
        self._record = list(steps(layout.record))
        self._explode = list(steps(layout.explode)) if layout.explode is not None else None
        self._faults, self._filled = faults, filled
        self._row = 0
        self._first = True

    def copy(self, files: Sequence[Path]) -> None:
        """Copy the documents into one root; records are counted as the reader counts them.

        Of all but the first, only records and what they stand in are copied.
        """
        with ExitStack() as root:
            for path in files:
                with path.open("rb") as file:
                    self._document(file, root)
                self._first = False

    def _document(self, file: Any, root: ExitStack) -> None:
        path: list[str | None] = []
        with ExitStack() as closing:
            opened: list[ExitStack] = []
            for event, element in _events(file):
                if event == "start":
                    path.append(self._names[element.tag])
                    if len(path) < len(self._record) and path == self._record[: len(path)]:
                        opened.append(closing.enter_context(ExitStack()))
                        if len(path) > 1 or self._first:
                            self._begin(element, root if len(path) == 1 else opened[-1])
                    continue
                if len(path) == len(opened):
                    opened.pop().close()
                elif len(path) == len(opened) + 1:
                    self._beside(path, element)
                path.pop()

    def _begin(self, element: Any, until: ExitStack) -> None:
        """Open an ancestor of records; it ends with `until`: the root with the last document."""
        until.enter_context(self._target.element(element.tag, dict(element.attrib), nsmap=_own(element.nsmap)))
        self._target.write("\n")

    def _beside(self, path: list[str | None], element: Any) -> None:
        """Write a child of an ancestor: a failed record, or anything that is no record."""
        if self._marked(element) if path == self._record else self._first:
            self._target.write(element, with_tail=False)
            if len(path) > 1:
                self._target.write("\n")
        element.clear(keep_tail=False)
        while element.getprevious() is not None:
            del element.getparent()[0]

    def _marked(self, record: Any) -> bool:
        """Count the rows of the record, mark the failed ones, drop the good ones; False when none failed."""
        if _is_blank(record):
            return False  # the reader gives it no row number
        for old in list(record.iter(_ERROR)):
            _drop(old)
        if self._explode is None:
            return self._mark(record, record)
        children = list(self._descend(record, self._explode))
        failing = [self._mark(each, record) for each in children or [record]]
        if any(failing):
            for child, fails in zip(children, failing, strict=False):
                if not fails:
                    _drop(child)
        return any(failing)

    def _mark(self, element: Any, record: Any) -> bool:
        """Mark the element of a row, in its record, if the row failed."""
        self._row += 1
        attributes = self._faults.at(self._row)
        if attributes is None:
            return False
        inner = "" if element is record else f"{'/'.join(self._explode or ())}/"
        for path, text in self._filled.at(self._row).items():
            own = inner != "" and path.startswith(inner)
            there, way = (element, path.removeprefix(inner)) if own else (record, path)
            put(there, way, text, self._names, self._namespaces)
        element.insert(0, etree.Element(_ERROR, attributes, nsmap=_PREFIX))
        return True

    def _descend(self, element: Any, way: list[str]) -> Iterator[Any]:
        for child in element:
            if isinstance(child.tag, str) and self._names[child.tag] == way[0]:
                if len(way) == 1:
                    yield child
                else:
                    yield from self._descend(child, way[1:])


def _is_blank(element: Any) -> bool:
    return not len(element) and not element.keys() and not (element.text or "").strip()


def _events(file: Any) -> Iterator[tuple[str, Any]]:
    return iter(etree.iterparse(file, events=("start", "end"), **CLOSED, remove_pis=True))


def _own(nsmap: Mapping[str | None, str]) -> dict[str | None, str]:
    return {prefix: uri for prefix, uri in nsmap.items() if uri != ERROR_NAMESPACE}


def _drop(element: Any) -> None:
    """Take an element out and leave the text that follows it."""
    parent, before, tail = element.getparent(), element.getprevious(), element.tail or ""
    if before is not None:
        before.tail = (before.tail or "") + tail
    else:
        parent.text = (parent.text or "") + tail
    parent.remove(element)


def _clean(text: str) -> str:
    return _NOT_XML.sub("?", text)


def _encoding(source: Path) -> str:
    with source.open("rb") as file:
        declared = _DECLARED.match(file.read(200))
    name = declared[1].decode("ascii") if declared is not None else "UTF-8"
    return "UTF-8" if name.upper().startswith(("UTF-16", "UTF-32", "UCS")) else name
