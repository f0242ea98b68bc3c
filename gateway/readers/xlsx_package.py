"""The parts of an Excel workbook as a bounded zip archive; it knows nothing of cells."""

from __future__ import annotations

import copy
import posixpath
import re
import zipfile
import zlib
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from lxml import etree

from gateway.errors import FileError
from gateway.formats.unpack import damage_told, demand
from gateway.formats.xml_closed import CLOSED

CHUNK = 1 << 19
RATIO = 200
"""A part may unpack to so many times its size."""
RATIO_FLOOR = 1 << 20
"""Parts that unpack to less may have any ratio: a short run of equal bytes packs better than anything real."""
LARGEST = 4 << 30
SMALL = 64 << 20
"""Most bytes of a part that is read whole (workbook, relations, styles)."""

_RELATIONS = "{*}Relationship"
_RELATION_ID = re.compile(r"^\{.*/relationships\}id$")
_SAVE = "Open it in Excel and save it again as an Excel workbook (*.xlsx)."


@dataclass(frozen=True, slots=True)
class SheetPart:
    """A worksheet as the workbook lists it: `part` is its path in the archive."""

    name: str
    part: str
    visible: bool


@dataclass(frozen=True, slots=True)
class Contents:
    """What the workbook part says. `strict`: written in the strict namespace of ISO 29500."""

    sheets: tuple[SheetPart, ...]
    styles: str | None
    strings: tuple[str, ...]
    strict: bool


class Package:
    """An opened workbook whose parts unpack within bounds.

    Raises FileError: FILE_EMPTY, FILE_CUT_OFF, what `demand` raises for other kinds of files, FILE_FORMAT,
    FILE_PASSWORD, FILE_XML_UNSAFE, FILE_TOO_LARGE (a part unpacks to more than `RATIO` times its size or `LARGEST`).
    """

    def __init__(self, path: Path) -> None:
        self._zip = _opened(path)
        try:
            self._members = self._check_members()
        except FileError:
            self._zip.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()

    def contents(self) -> Contents:
        """Return the worksheets in workbook order and where styles and shared strings lie."""
        workbook = self._target("", "/officeDocument") or "xl/workbook.xml"
        root = self.xml(workbook)
        relations = self._relations(workbook)
        sheets = []
        for element in root.iterfind(".//{*}sheets/{*}sheet"):
            identity = next((value for key, value in element.attrib.items() if _RELATION_ID.match(str(key))), "")
            kind, target = relations.get(str(identity), ("", ""))
            if kind.endswith("/worksheet") and target in self._members:
                visible = element.get("state", "visible") == "visible"
                sheets.append(SheetPart(element.get("name", ""), target, visible))
        styles = next((target for kind, target in relations.values() if kind.endswith("/styles")), None)
        strings = [name for name in self._members if name.lower().endswith("sharedstrings.xml")]
        return Contents(
            sheets=tuple(sheets),
            styles=styles if styles in self._members else None,
            strings=tuple(strings),
            strict="purl.oclc.org" in str(etree.QName(root).namespace),
        )

    def xml(self, part: str) -> etree._Element:
        """Parse a small part whole. Raises FileError when it is missing, too large, broken or declares a DOCTYPE."""
        if part not in self._members:
            raise _broken(f"it has no part {part}")
        if self._members[part].file_size > SMALL:
            raise _too_large(part)
        text = b"".join(self.stream(part))
        parser = etree.XMLParser(**CLOSED)
        try:
            root = etree.fromstring(text, parser)
        except etree.XMLSyntaxError as error:
            raise _broken(f"its part {part} is not well-formed") from error
        if root.getroottree().docinfo.internalDTD is not None:
            raise unsafe(part)
        return root

    def stream(self, part: str) -> Generator[bytes]:
        """Yield a part's bytes; close it when not read to the end.

        Raises FileError when more bytes come out than the part's entry says, or other ones.
        """
        info = copy.copy(self._members[part])
        declared, seen = info.file_size, 0
        # One byte more than declared is asked for: an entry that understates its size is found out before a reader
        # that trusts the stream instead of the entry unpacks the rest.
        info.file_size = declared + 1
        with damage_told(_broken(f"its part {part} can't be unpacked")), self._zip.open(info) as stream:
            while chunk := stream.read(CHUNK):
                seen += len(chunk)
                if seen > declared:
                    raise _too_large(part)
                yield chunk
        if seen != declared:
            raise _broken(f"its part {part} has {seen} bytes instead of {declared}")

    def verify(self, part: str) -> None:
        """Unpack a part to the end and drop it: sizes and checksum hold, and it declares no DOCTYPE."""
        last = b""
        with closing(self.stream(part)) as chunks:
            for chunk in chunks:
                if b"<!DOCTYPE" in last + chunk:
                    raise unsafe(part)
                last = chunk[-16:]

    def _check_members(self) -> dict[str, zipfile.ZipInfo]:
        members: dict[str, zipfile.ZipInfo] = {}
        for info in self._zip.infolist():
            if info.flag_bits & 0x1:
                raise _protected()
            if info.file_size > LARGEST or info.file_size > max(RATIO_FLOOR, RATIO * info.compress_size):
                raise _too_large(info.filename)
            members[info.filename] = info
        names = [name.lower() for name in self._zip.namelist()]
        if len(set(names)) < len(names):
            raise _broken("it holds two parts of the same name")
        return members

    def _relations(self, part: str) -> dict[str, tuple[str, str]]:
        folder, name = posixpath.split(part)
        rels = posixpath.join(folder, "_rels", f"{name}.rels")
        if rels not in self._members:
            return {}
        found: dict[str, tuple[str, str]] = {}
        for element in self.xml(rels).iterfind(_RELATIONS):
            target = posixpath.normpath(posixpath.join("/", folder, element.get("Target", ""))).lstrip("/")
            found[element.get("Id", "")] = (element.get("Type", ""), target)
        return found

    def _target(self, part: str, kind: str) -> str | None:
        return next((target for found, target in self._relations(part).values() if found.endswith(kind)), None)


def unsafe(part: str) -> FileError:
    """Return the error of a part that declares a document type."""
    return FileError("FILE_XML_UNSAFE", f"The part {part} of the workbook declares a document type.", fix=_SAVE)


def _opened(path: Path) -> zipfile.ZipFile:
    with path.open("rb") as file:
        start = file.read(4)
    if not start:
        raise FileError("FILE_EMPTY", "The file has no content.", fix="Send the file again with its rows.")
    if not start.startswith(b"PK"):
        demand(path, "xlsx")
    try:
        opened = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, zlib.error, UnicodeDecodeError, NotImplementedError) as error:
        raise FileError(
            "FILE_CUT_OFF",
            "The workbook ends in the middle: the directory at its end is missing or broken.",
            fix="Send the whole file again.",
        ) from error
    try:
        demand(path, "xlsx")
    except FileError:
        opened.close()
        raise
    return opened


def _broken(detail: str) -> FileError:
    return FileError("FILE_FORMAT", f"The file can't be read as an Excel workbook (*.xlsx): {detail}.", fix=_SAVE)


def _protected() -> FileError:
    return FileError("FILE_PASSWORD", "The workbook is protected by a password.", fix="Save it without a password.")


def _too_large(part: str) -> FileError:
    return FileError(
        "FILE_TOO_LARGE",
        f"The part {part} of the workbook unpacks to more than {RATIO} times its size or {LARGEST >> 30} GB.",
        fix="Split the workbook, or clear formatted empty rows, and send it again.",
    )
