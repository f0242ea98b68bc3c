"""Picture files to tables: one record per file, its bytes as base64 text; no picture is ever decoded."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
from pydantic import BaseModel

from gateway.errors import FileError
from gateway.formats.images import ENDINGS, TITLES, image_nature, picture_flaw
from gateway.formats.layout import ImageLayout
from gateway.formats.parts import parts_of
from gateway.formats.unpack import demand
from gateway.issues import CATALOGUE, sentence
from gateway.model import ISSUE_SCHEMA, LINE, ROW, Table

HEADERS = ("name", "stem", "extension", "size", "content")
_BLOCK = 8 << 20
"""Bytes of base64 text per table: one picture more than it may be there."""
_MOST_ROWS = 5_000
_HEAD = 12


@dataclass(frozen=True, slots=True)
class _Fault:
    """What is wrong with a picture: an issue of its row, or of the file where it came alone."""

    row_code: str
    file_code: str
    detail: str


class ImageReader:
    """Reads files of ImageLayout: columns `name`, `stem`, `extension` (lower case), `size` (bytes), `content` (base64).

    A picture that came alone and can't be used is a FileError; among several it is a row with an issue and no content.
    `@row` and `@line` count the files from 1.
    """

    def tables(self, path: Path, layout: BaseModel) -> Iterator[Table]:
        """Yield tables in the order of the files.

        Raises FileError FILE_EMPTY, FILE_FORMAT, FILE_TOO_LARGE, FILE_CUT_OFF or what `demand` raises for a file alone;
        TypeError for a layout of another kind.
        """
        if not isinstance(layout, ImageLayout):
            raise TypeError(f"ImageReader reads files of ImageLayout, not of {type(layout).__name__}")
        files = parts_of(path)
        if len(files) == 1:
            demand(files[0], "image")
        rows = _Rows()
        for number, file in enumerate(files, 1):
            content, fault = _content(file, layout)
            if fault is not None and len(files) == 1:
                raise _file_error(fault)
            rows.take(number, file, content, fault)
            if rows.full:
                yield rows.table()
        if rows.names or not rows.yielded:
            yield rows.table()


@dataclass(slots=True)
class _Rows:
    names: list[str] = field(default_factory=list)
    yielded: bool = False
    _numbers: list[int] = field(default_factory=list)
    _sizes: list[str] = field(default_factory=list)
    _contents: list[str | None] = field(default_factory=list)
    _faults: list[tuple[int, int, str, str, str, str]] = field(default_factory=list)
    _held: int = 0

    @property
    def full(self) -> bool:
        """Whether there is enough for a table."""
        return self._held >= _BLOCK or len(self.names) >= _MOST_ROWS

    def take(self, number: int, file: Path, content: str | None, fault: _Fault | None) -> None:
        """Add a picture."""
        self.names.append(file.name)
        self._numbers.append(number)
        self._sizes.append(str(file.stat().st_size))
        self._contents.append(content)
        self._held += len(content or "")
        if fault is not None:
            self._faults.append((number, number, fault.row_code, "content", file.name, fault.detail))

    def table(self) -> Table:
        """Return the pictures taken since the last table."""
        numbers = pl.Series(ROW, self._numbers, dtype=pl.Int64)
        parts = [(Path(name).stem, Path(name).suffix[1:].lower()) for name in self.names]
        columns: list[list[str | None] | list[str]] = [
            self.names,
            [stem for stem, _ in parts],
            [end for _, end in parts],
            self._sizes,
            self._contents,
        ]
        frame = pl.DataFrame(
            [numbers, numbers.alias(LINE), *(pl.Series(f"c{n}", c, dtype=pl.String) for n, c in enumerate(columns))]
        )
        issues = pl.DataFrame(self._faults, schema=ISSUE_SCHEMA, orient="row")
        self.names, self._numbers, self._sizes, self._contents, self._faults = [], [], [], [], []
        self._held, self.yielded = 0, True
        return Table(frame, HEADERS, issues=issues)


def _content(file: Path, layout: ImageLayout) -> tuple[str | None, _Fault | None]:
    """Return the picture as base64 text, or what is wrong with it; its size and first bytes are looked at first."""
    size = file.stat().st_size
    if size == 0:
        return None, _Fault("ROW_PICTURE", "FILE_EMPTY", "it has no content")
    if size > layout.max_size:
        said = f"it has {size} bytes, allowed are {layout.max_size}"
        return None, _Fault("ROW_PICTURE_SIZE", "FILE_TOO_LARGE", said)
    with file.open("rb") as opened:
        head = opened.read(_HEAD)
        wrong = _wrong_kind(file, head, layout)
        if wrong is not None:
            return None, _Fault("ROW_PICTURE", "FILE_FORMAT", wrong)
        data = head + opened.read()
    nature = image_nature(head)
    flaw = None if nature is None else picture_flaw(data, nature)
    if flaw is not None:
        return None, _Fault("ROW_PICTURE", "FILE_CUT_OFF" if flaw.cut else "FILE_FORMAT", flaw.detail)
    return base64.b64encode(data).decode("ascii"), None


def _wrong_kind(file: Path, head: bytes, layout: ImageLayout) -> str | None:
    """Say why bytes and ending of a file don't make a picture that is taken, or None."""
    ending = file.suffix[1:].lower()
    nature, promised = image_nature(head), ENDINGS.get(ending)
    if nature is None:
        return "its bytes are not those of a JPEG, PNG, GIF or WebP picture"
    if promised is None:
        return f"its name ends with {file.suffix or 'no ending'}, and it is {TITLES[nature]}"
    if nature != promised:
        return f"its name ends with {file.suffix} and promises {TITLES[promised]}, but it is {TITLES[nature]}"
    if layout.types and nature not in {ENDINGS[one] for one in layout.types}:
        return f"it is {TITLES[nature]}; taken are {', '.join(layout.types)}"
    return None


def _file_error(fault: _Fault) -> FileError:
    kind = CATALOGUE[fault.file_code]
    fix = CATALOGUE[fault.row_code].fix
    return FileError(fault.file_code, sentence(fault.file_code, detail=fault.detail), fix=fix or kind.fix)
