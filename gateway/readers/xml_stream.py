"""Record elements of an XML document, one after the other in flat memory; it knows nothing of their content.

Nothing outside the document is ever fetched: no DTD, no entities, no network.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast
from xml.parsers import expat

from lxml import etree

from gateway.errors import FileError
from gateway.formats.unpack import demand
from gateway.formats.xml_closed import CLOSED
from gateway.formats.xml_names import Names, local

CHUNK = 1 << 14
"""Bytes parsed at a time. Its elements are read and removed before the next: few enough and they never leave the
processor's cache, which makes a third of the time."""
GAP = 32 << 20
"""Bytes without the end of a record after which the file is given up: memory must stay flat."""
_NAMED = 8
_LOOKED_AT = 1 << 18
_FIX = "Use the agreed element names."


class RecordStream:
    """The elements at the path `record` (names from the root). Raises FileError: see `batches`."""

    def __init__(self, path: Path, record: tuple[str, ...], names: Names) -> None:
        self._path = path
        self._record = record
        self._names = names
        self._parent: etree._Element | None = None
        self._root: etree._Element | None = None

    def batches(self) -> Iterator[list[etree._Element]]:
        """Yield complete record elements; those of a batch are gone when the next is asked for.

        Raises FileError: FILE_EMPTY; FILE_XML_UNSAFE for a DOCTYPE; FILE_XML when it is not well-formed (records
        before the fault are yielded first), or a record is too large; FILE_XML_RECORDS when there is none.
        """
        check_prolog(self._path)
        parser = etree.XMLPullParser(
            events=("end",),
            tag=f"{{*}}{local(self._record[-1])}",
            **CLOSED,
            remove_comments=True,
            remove_pis=True,
        )
        found, gap = False, 0
        with self._path.open("rb") as file:
            while chunk := file.read(CHUNK):
                fault = _feed(parser, chunk)
                batch = self._ended(parser)
                found, gap = found or bool(batch), 0 if batch else gap + len(chunk)
                if batch:
                    yield batch
                if fault is not None:
                    raise fault
                self._trim()
                if gap > GAP:
                    raise self._too_far(found=found)
        try:
            parser.close()
        except etree.XMLSyntaxError as error:
            raise _not_well_formed(error) from error
        if not found:
            raise self._none()

    def _ended(self, parser: Any) -> list[etree._Element]:
        """Return the records that ended since the last call."""
        ended = [element for _, element in parser.read_events()]
        if ended and self._root is None:
            tree = ended[0].getroottree()
            if tree.docinfo.internalDTD is not None:
                raise unsafe()
            self._root = tree.getroot()
        return [element for element in ended if self._is_record(element)]

    def _is_record(self, element: etree._Element) -> bool:
        if self._names[str(element.tag)] != self._record[-1]:
            return False
        parent = element.getparent()
        if parent is None:
            return len(self._record) == 1
        if parent is not self._parent:
            above = [self._names[str(each.tag)] for each in element.iterancestors()]
            if tuple(reversed(above)) != self._record[:-1]:
                return False
            self._parent = parent
        return True

    def _trim(self) -> None:
        """Remove what was read, down the path of the elements still open, but not inside an open record."""
        node = self._root
        depth = 0
        while node is not None and not self._open_record(node, depth):
            if len(node) > 1:
                del node[:-1]
            node = node[0] if len(node) else None
            depth += 1

    def _open_record(self, node: etree._Element, depth: int) -> bool:
        return depth == len(self._record) - 1 and self._is_record(node)

    def _too_far(self, *, found: bool) -> FileError:
        if not found:
            return self._none()
        return FileError(
            "FILE_XML",
            f"No element {'/'.join(self._record)} ends within {GAP >> 20} MB of text.",
            fix="Export it again with one element per record.",
        )

    def _none(self) -> FileError:
        paths = ", ".join(_paths(self._path, self._names))
        return FileError(
            "FILE_XML_RECORDS", f"No element {'/'.join(self._record)} was found; the document has: {paths}.", fix=_FIX
        )


def check_prolog(path: Path) -> None:
    """Raise FileError when the file is empty, of another kind, or declares a document type before its root."""
    if not path.stat().st_size:
        raise FileError("FILE_EMPTY", "The file has no content.", fix="Send the file again with its rows.")
    demand(path, "xml")
    seen: list[bool] = []
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = lambda *_: seen.append(True)
    parser.StartElementHandler = lambda *_: seen.append(False)
    with path.open("rb") as file:
        while not seen and (chunk := file.read(4096)):
            try:
                parser.Parse(chunk)
            except (expat.ExpatError, LookupError, ValueError):
                # Not well-formed, or an encoding expat does not know: the reader proper judges it.
                break
    if seen and seen[0]:
        raise unsafe()


def unsafe() -> FileError:
    """Return the error of a document with a DOCTYPE."""
    return FileError(
        "FILE_XML_UNSAFE", "The XML declares a document type or entities.", fix="Export it without a DOCTYPE."
    )


def _feed(parser: etree.XMLPullParser, chunk: bytes) -> FileError | None:
    try:
        parser.feed(chunk)
    except etree.XMLSyntaxError as error:
        return _not_well_formed(error)
    return None


_SWITCH = "XML_PARSE_HUGE"


def _not_well_formed(error: etree.XMLSyntaxError) -> FileError:
    line = error.lineno or None
    said = str(error.msg).rsplit(", line", 1)[0]
    if _SWITCH in said:  # a bound of the library, whose own advice is about its programming
        said = said.split(_SWITCH)[0].rsplit(",", 1)[0]
        return FileError(
            "FILE_XML",
            f"The XML goes beyond what is safely read: {said}" + (f" (line {line})." if line else "."),
            fix="Export it with fewer elements in each other and shorter texts.",
            line=line,
        )
    return FileError(
        "FILE_XML",
        f"The XML is not well-formed: {said}" + (f" (line {line})." if line else "."),
        fix="Export it again; close every element.",
        line=line,
    )


def _paths(path: Path, names: Names) -> list[str]:
    """Return the first element paths of the document, for a message."""
    parser = etree.XMLPullParser(events=("start", "end"), **CLOSED)
    with path.open("rb") as file:
        parser.feed(file.read(_LOOKED_AT))
    open_names: list[str] = []
    found: dict[str, None] = {}
    for kind, item in parser.read_events():
        if kind == "end":
            open_names.pop()
            continue
        open_names.append(names[str(cast("Any", item).tag)] or "?")
        found["/".join(open_names)] = None
        if len(found) == _NAMED:
            break
    return list(found)
