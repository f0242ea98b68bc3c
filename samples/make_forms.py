"""Forms of the sample files: CSV, workbooks, archives and compound files, the same bytes every time."""  # noqa: INP001

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import xlsxwriter

HERE = Path(__file__).parent
ZIP_TIME = (2026, 9, 14, 6, 0, 0)
OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
MADE = datetime(2026, 9, 14, 6, 0, tzinfo=UTC).replace(tzinfo=None)


def write(name: str, body: bytes) -> None:
    """Write one sample below this folder."""
    path = HERE / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)


def csv_bytes(rows: Iterable[Sequence[str]], *, encoding: str, delimiter: str = ",") -> bytes:
    """CSV with CRLF line ends, quoted only where needed."""
    lines = []
    for row in rows:
        cells = []
        for cell in row:
            risky = delimiter in cell or '"' in cell or "\n" in cell
            cells.append('"' + cell.replace('"', '""') + '"' if risky else cell)
        lines.append(delimiter.join(cells))
    return ("\r\n".join(lines) + "\r\n").encode(encoding)


def workbook(out: io.BytesIO) -> xlsxwriter.Workbook:
    """A workbook whose creation time is fixed."""
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    book.set_properties({"created": MADE, "author": "sample"})
    return book


def zipped(members: dict[str, bytes]) -> bytes:
    """A ZIP whose members have a fixed time."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, body in members.items():
            archive.writestr(zipfile.ZipInfo(name, ZIP_TIME), body, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def compound(*streams: tuple[str, bytes]) -> bytes:
    """An OLE2 compound file (MS-CFB, version 3): what old and password-protected workbooks are inside."""
    bodies, entries, fat = b"", [_entry("Root Entry", 5, 0xFFFFFFFE, 0, child=1)], [0xFFFFFFFD, 0xFFFFFFFE]
    for number, (name, body) in enumerate(streams, start=1):
        padded = body.ljust(4096, b"\0")  # below 4096 bytes a stream would belong into the mini stream
        first = len(fat)
        fat += [*range(first + 1, first + len(padded) // 512), 0xFFFFFFFE]
        right = number + 1 if number < len(streams) else 0xFFFFFFFF
        entries.append(_entry(name, 2, first, len(padded), right=right))
        bodies += padded
    fat += [0xFFFFFFFF] * (128 - len(fat))
    difat = struct.pack("<109I", 0, *[0xFFFFFFFF] * 108)
    head = struct.pack("<8s16xHHHHH6xIIIIIIIII", OLE2, 0x3E, 3, 0xFFFE, 9, 6,
                       0, 1, 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0)  # fmt: skip
    directory = b"".join(entries).ljust(512, b"\0")
    return head + difat + struct.pack("<128I", *fat) + directory + bodies


def _entry(name: str, kind: int, first: int, size: int, *, right: int = 0xFFFFFFFF, child: int = 0xFFFFFFFF) -> bytes:
    text = name.encode("utf-16-le")
    return struct.pack("<64sHBBIII36xIQ", text, len(text) + 2, kind, 1, 0xFFFFFFFF, right, child, first, size)
