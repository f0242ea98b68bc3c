"""Record elements parsed many at a time, without a call per element; what is not plain is left to `RecordStream`.

A stretch is cut out of the document right before a record's start tag. Between the head (all that stands before the
first record) and the end tags of the elements open there it is a document of its own. When that is well-formed and the
head's open elements are still the last ones in it, the cut was no place inside a record, a comment or a CDATA section,
and the next stretch goes on from the same state: all stretches together say what the document says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.parsers import expat

from lxml import etree

from gateway.formats.xml_closed import CLOSED
from gateway.formats.xml_names import Names, local
from gateway.readers.xml_stream import RecordStream, check_prolog

STRETCH = 1 << 16
"""Bytes parsed at a time: few enough for the processor's cache, as many as make a call per stretch no matter."""
LONGEST_HEAD = STRETCH // 4
"""Bytes in which the first record must begin: the head is parsed again with every stretch."""
LONGEST = 4 << 20
"""Bytes of a stretch from which on the stream reads on: memory must stay flat."""

_ENCODING = re.compile(rb"""<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z0-9._-]+)""")
_PLAIN = frozenset({"utf-8", "us-ascii", "iso-8859-1", "iso-8859-15", "windows-1252"})
"""Encodings in which the bytes of markup stand for nothing else."""
_MARK = b"\xef\xbb\xbf"
_AFTER_NAME = b" \t\r\n/>"


@dataclass(frozen=True, slots=True)
class Batch:
    """Some records, in document order; they are gone when the next batch is asked for.

    `above`: lines of the document to add to those of its elements.
    """

    records: list[etree._Element]
    above: int = 0


class _NotPlain(Exception):
    """The document can't be cut into stretches, or not here."""


@dataclass(frozen=True, slots=True)
class _Head:
    """The document up to the first record, the names of the elements open there, and the record's, as written."""

    text: bytes
    open_names: tuple[bytes, ...]
    record: bytes

    @property
    def tail(self) -> bytes:
        """End tags of the open elements."""
        return b"".join(b"</" + name + b">" for name in reversed(self.open_names))

    def cut(self, text: bytes) -> int:
        """Return where the last record of the text starts; 0 when that is its beginning or there is none."""
        start = b"<" + self.record
        at = text.rfind(start, 0, -1)
        while at > 0 and text[at + len(start)] not in _AFTER_NAME:
            at = text.rfind(start, 0, at)
        return max(at, 0)


def batches(path: Path, record: tuple[str, ...], names: Names) -> Iterator[Batch]:
    """Yield the elements at the path `record`. Raises FileError as RecordStream does."""
    done = 0
    try:
        for batch in _Stretches(path, record, names).batches():
            done += len(batch.records)
            yield batch
    except _NotPlain:
        pass
    else:
        return
    for records in RecordStream(path, record, names).batches():
        if done < len(records):
            yield Batch(records[done:])
        done = max(0, done - len(records))


class _Stretches:
    def __init__(self, path: Path, record: tuple[str, ...], names: Names) -> None:
        self._path = path
        self._record = record
        self._names = names
        self._parser = etree.XMLParser(**CLOSED, remove_comments=True, remove_pis=True, collect_ids=False)

    def batches(self) -> Iterator[Batch]:
        """Yield all batches. Raises FileError as `check_prolog` does, _NotPlain where the stream must judge."""
        check_prolog(self._path)
        with self._path.open("rb") as file:
            first = file.read(LONGEST_HEAD)
            head = _head(first, self._record)
            chain = self._chain(head)
            rest, above, found = first[len(head.text) :], 0, False
            while piece := file.read(STRETCH):
                rest += piece
                if cut := head.cut(rest):
                    batch = self._batch(self._parsed(head.text + rest[:cut] + head.tail), chain, above)
                    found = found or bool(batch.records)
                    yield batch
                    above += rest.count(b"\n", 0, cut)
                    rest = rest[cut:]
                elif len(rest) > LONGEST:
                    raise _NotPlain
            batch = self._batch(self._parsed(head.text + rest), chain, above, last=True)
            if not found and not batch.records:
                raise _NotPlain
            yield batch

    def _parsed(self, text: bytes) -> etree._Element:
        try:
            return etree.fromstring(text, self._parser)
        except etree.XMLSyntaxError as error:
            raise _NotPlain from error

    def _chain(self, head: _Head) -> list[int]:
        """Return the way from the root to the records' parent: at each element, which child is the next."""
        path, chain = [self._parsed(head.text + head.tail)], list[int]()
        for _ in self._record[1:-1]:
            chain.append(len(path[-1]) - 1)
            path.append(path[-1][-1])
        if tuple(self._names[str(each.tag)] for each in path) != self._record[:-1]:
            raise _NotPlain
        return chain

    def _batch(self, root: etree._Element, chain: list[int], above: int, *, last: bool = False) -> Batch:
        parent, closed = root, False
        for at in chain:
            closed = closed or len(parent) != at + 1
            parent = parent[at]
        records = [child for child in parent if self._names[str(child.tag)] == self._record[-1]]
        if closed and (not last or self._count(root) != len(records)):
            raise _NotPlain
        return Batch(records, above)

    def _count(self, root: etree._Element) -> int:
        """Count the records below the root, wherever."""
        alike = root.iter(f"{{*}}{local(self._record[-1])}")
        return sum(1 for element in alike if self._path_of(element) == self._record)

    def _path_of(self, element: etree._Element) -> tuple[str | None, ...]:
        above = [self._names[str(each.tag)] for each in element.iterancestors()]
        return (*reversed(above), self._names[str(element.tag)])


def _head(text: bytes, record: tuple[str, ...]) -> _Head:
    """Find the first record in the document's beginning, by the local names of its path."""
    declared = _ENCODING.match(text.removeprefix(_MARK))
    encoding = declared[1].decode().lower() if declared is not None else "utf-8"
    if encoding not in _PLAIN or (text.startswith(_MARK) and encoding != "utf-8") or b"\0" in text:
        raise _NotPlain
    wanted = [local(step) for step in record]
    names: list[str] = []
    found: list[tuple[int, tuple[str, ...]]] = []
    parser = expat.ParserCreate()

    def start(name: str, _: dict[str, str]) -> None:
        names.append(name)
        if not found and [local(each) for each in names] == wanted:
            found.append((parser.CurrentByteIndex, tuple(names)))

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: names.pop()
    try:
        parser.Parse(text)
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise _NotPlain from error
    if not found or len(wanted) == 1:
        raise _NotPlain
    at, path = found[0]
    *above, own = (name.encode(encoding) for name in path)
    return _Head(text[:at], tuple(above), own)
