"""Errors files of ours that come back, under whatever name: told by what stands in them."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable
from pathlib import Path

from gateway.errors import FileError
from gateway.formats.layout import ERROR_NAMESPACE, OUR_COLUMNS
from gateway.formats.unpack import damage_told
from gateway.mapping import load_mapping, reading_layout
from gateway.pipeline.reading import Read

NAMED = re.compile(r"\.([0-9A-Z]{9})\.errors\.\w+")
"""What stands in the name of an errors file, and the run in it."""

_SEEN = 1 << 20
"""Bytes of a text, or of a part of a workbook, in which our marks are looked for."""
_PARTS = re.compile(r"xl/(sharedStrings|worksheets/[^/]+)\.xml")
_MOST_PARTS = 20
_WORDS = (OUR_COLUMNS[0], ERROR_NAMESPACE)
_MARKS = tuple(word.encode(codec) for word in _WORDS for codec in ("ascii", "utf-16-le", "utf-16-be"))


def told_run(file: Path, name: str, read: Read, mappings: Iterable[Path]) -> str | None:
    """Return the run whose failed rows a file brings back, by its name or its first rows; None: it is none of ours.

    `mappings`: those by whose layouts it is tried to be read.
    """
    found = NAMED.search(name)
    if found is not None:
        return found[1]
    if not _is_marked(file):
        return None
    return next((run for path in mappings if (run := _linked(file, read, path)) is not None), None)


def _is_marked(file: Path) -> bool:
    """Whether a word of ours stands in the file: one look spares all other files being read twice."""
    with file.open("rb") as opened:
        head = opened.read(_SEEN)
    if not head.startswith(b"PK"):
        return any(mark in head for mark in _MARKS)
    try:
        with damage_told(FileError("FILE_ARCHIVE", "It is damaged.", fix="")), zipfile.ZipFile(file) as book:
            parts = [part for part in book.namelist() if _PARTS.fullmatch(part)][:_MOST_PARTS]
            return any(mark in _beginning(book, part) for part in parts for mark in _MARKS)
    except (FileError, OSError, RuntimeError):
        # damaged, locked or packed in a way we don't know: no file of ours; its reader says what it is
        return False


def _beginning(book: zipfile.ZipFile, part: str) -> bytes:
    with book.open(part) as opened:
        return opened.read(_SEEN)


def _linked(file: Path, read: Read, mapping: Path) -> str | None:
    """Return the first run that the rows of the file's first table name; None where it can't be read so."""
    try:
        table = next(read(file, reading_layout(load_mapping(mapping))), None)
    except FileError:
        return None
    if table is None or table.links is None:
        return None
    return next((str(run) for run in table.links["first_run"].drop_nulls()), None)
