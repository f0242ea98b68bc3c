"""What a file really is, by its bytes, and taking one file out of a .gz or .zip; nothing here reads rows."""

from __future__ import annotations

import gzip
import mmap
import re
import zipfile
import zlib
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from gateway.errors import FileError

Nature: TypeAlias = Literal[
    "empty", "text", "xml", "xlsx", "xlsm", "xlsb", "xls", "locked", "ods", "zip", "gzip", "pdf", "binary"
]


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


_OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_ODS = b"application/vnd.oasis.opendocument.spreadsheet"
_HEAD = 8192
_CHUNK = 1 << 20
_ALWAYS_ALLOWED = 1 << 20
"""Output up to here is let pass whatever the ratio: a few repeated rows compress very well."""

_TITLES: dict[str, str] = {
    "empty": "an empty file",
    "text": "plain text",
    "xml": "an XML document",
    "xlsx": "an Excel workbook",
    "xlsm": "an Excel workbook with macros (xlsm)",
    "xlsb": "a binary Excel workbook (xlsb)",
    "xls": "an old Excel workbook (xls)",
    "locked": "an Excel workbook with a password",
    "ods": "an OpenDocument spreadsheet (ods)",
    "zip": "a ZIP archive",
    "gzip": "a gzip archive",
    "pdf": "a PDF document",
    "binary": "not text",
}
_WORKBOOKS = frozenset({"xlsx", "xlsm", "xlsb", "xls", "locked", "ods"})


def sniff(path: Path) -> Nature:
    """Return what the file is, judged by its bytes; "locked" is a workbook with a password.

    "text" has no control bytes in its first 8 KB (UTF-16 with a byte order mark is text too).
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head:
        return "empty"
    if head.startswith(_OLE2):
        return "locked" if _contains(path, "EncryptedPackage".encode("utf-16-le")) else "xls"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _nature_of_zip(path)
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    if head.startswith(b"%PDF-"):
        return "pdf"
    return _nature_of_text(head)


def demand(path: Path, expected: Literal["csv", "xlsx", "xml", "json"]) -> None:
    """Raise FileError when the file is certainly of another kind, saying how to save it instead.

    Only kinds with an unmistakable mark count: doubtful bytes in text are for its reader to judge. An empty file
    passes.
    """
    found = sniff(path)
    if found in {"empty", expected}:
        return
    if expected != "xlsx" and found in {"text", "xml", "binary"} and (expected != "xml" or found != "binary"):
        return
    if found == "locked":
        raise FileError("FILE_PASSWORD", "The workbook is protected by a password.", fix="Save it without a password.")
    if expected == "xlsx" and found == "xlsm":
        fix = "Save it as an Excel workbook without macros (*.xlsx)."
        raise FileError("FILE_MACROS", "The workbook contains macros.", fix=fix)
    if expected == "xlsx" and found in _WORKBOOKS:
        fix = "Open it and save it as an Excel workbook (*.xlsx)."
        raise FileError("FILE_OLD_WORKBOOK", f"The file is {_TITLES[found]}, which is not taken.", fix=fix)
    wanted = {"csv": "delimited text (CSV)", "xlsx": "an Excel workbook (*.xlsx)"}.get(expected, expected.upper())
    fix = f"Save the sheet as {wanted}." if found in _WORKBOOKS else f"Send it as {wanted}."
    raise FileError("FILE_FORMAT", f"The file is {_TITLES[found]}; agreed is {wanted}.", fix=fix)


def unpack(path: Path, folder: Path, *, ratio: int = 200, limit: int = 4 * 2**30) -> Path:
    """Return the only member of a .gz or .zip, written to `folder`, or `path` itself when it is no archive.

    A workbook is a ZIP too and is left alone. The member's folders are ignored and its name is cleaned. Raises
    FileError FILE_ARCHIVE (none or several members, encrypted, damaged, an archive inside) and FILE_TOO_LARGE (more
    than `limit` bytes, or `ratio` times the packed size); nothing is left in `folder` then.
    """
    nature = sniff(path)
    if nature == "gzip":
        name = re.sub(r"\.gz(ip)?$", "", path.name, flags=re.IGNORECASE)
        out = folder / _clean(name if name != path.name else f"{name}.unpacked")
        with gzip.open(path) as packed:
            _copy(packed, out, path.stat().st_size, ratio, limit)
    elif nature == "zip":
        out = _unzip(path, folder, ratio, limit)
    else:
        return path
    inner = sniff(out)
    if inner in {"gzip", "zip"}:
        out.unlink()
        raise _archive(f"it holds {_TITLES[inner]}")
    return out


def _unzip(path: Path, folder: Path, ratio: int, limit: int) -> Path:
    try:
        with zipfile.ZipFile(path) as archive:
            # macOS adds a shadow of each file in a folder of its own
            members = [
                info for info in archive.infolist() if not info.is_dir() and not info.filename.startswith("__MACOSX/")
            ]
            if len(members) != 1:
                raise _archive(f"it holds {len(members)} files, expected is exactly one")
            (member,) = members
            if member.flag_bits & 0x1:
                raise _archive("it is encrypted")
            out = folder / _clean(member.filename)
            with archive.open(member) as packed:
                _copy(packed, out, max(member.compress_size, 1), ratio, limit)
    except (zipfile.BadZipFile, NotImplementedError) as fault:
        raise _archive("it is damaged, cut off or packed in an unusual way") from fault
    return out


def _copy(packed: _Readable, out: Path, size: int, ratio: int, limit: int) -> None:
    """Write the unpacked bytes to `out` under a temporary name first, watching the bounds as they come."""
    part = out.with_name(f".{out.name}.part")
    bound = min(limit, max(size * ratio, _ALWAYS_ALLOWED))
    written = 0
    try:
        with part.open("wb") as target:
            while chunk := _read(packed):
                written += len(chunk)
                if written > bound:
                    raise _too_large(bound, limit, ratio)
                target.write(chunk)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)


def _read(packed: _Readable) -> bytes:
    try:
        return packed.read(_CHUNK)
    except (EOFError, gzip.BadGzipFile, zipfile.BadZipFile, zlib.error) as fault:
        raise _archive("it is damaged or cut off") from fault


def _clean(name: str) -> str:
    """Return a plain base name: no folders, no leading dots, letters, digits, dot, dash and underscore only."""
    base = name.replace("\\", "/").rsplit("/", 1)[-1]
    return re.sub(r"[^A-Za-z0-9._-]", "_", base).lstrip(".")[-120:] or "unpacked"


def _nature_of_zip(path: Path) -> Nature:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            if "[Content_Types].xml" in names:
                if any(name.startswith("xl/") for name in names):
                    return _nature_of_workbook(names)
            elif "mimetype" in names and archive.getinfo("mimetype").file_size < 200:
                return "ods" if archive.read("mimetype").startswith(_ODS) else "zip"
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError):
        return "zip"
    return "zip"


def _nature_of_workbook(names: set[str]) -> Nature:
    if "xl/vbaProject.bin" in names:
        return "xlsm"
    return "xlsb" if "xl/workbook.bin" in names else "xlsx"


def _nature_of_text(head: bytes) -> Nature:
    if head.startswith(_MARKS[1:]):
        text = head[: len(head) // 2 * 2].decode("utf-16", "replace")
        return "xml" if text.lstrip("\ufeff \t\r\n").startswith("<?xml") else "text"
    if b"\0" in head:
        # UTF-16 without a mark: Latin text has every other byte zero
        halves = {head[0::2].count(0) * 10 > len(head) * 3, head[1::2].count(0) * 10 > len(head) * 3}
        return "text" if halves == {True, False} else "binary"
    start = head.removeprefix(_MARKS[0]).lstrip()
    if start.startswith(b"<?xml") or re.match(rb"<(?:!--|[A-Za-z_][\w.:-]*[\s/>])", start):
        return "xml"
    controls = len(re.findall(rb"[\x01-\x08\x0e-\x1a\x1c-\x1f]", head))
    return "binary" if controls * 50 > len(head) else "text"


def _contains(path: Path, wanted: bytes) -> bool:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        return view.find(wanted) >= 0


def _archive(detail: str) -> FileError:
    message = f"The compressed file can't be used: {detail}."
    return FileError("FILE_ARCHIVE", message, fix="Send one plain or zipped file.")


def _too_large(bound: int, limit: int, ratio: int) -> FileError:
    what = f"{limit} bytes" if bound == limit else f"{ratio} times its packed size"
    message = f"The file is larger than allowed: unpacked it has more than {what}."
    return FileError("FILE_TOO_LARGE", message, fix="Split it into several files.")
