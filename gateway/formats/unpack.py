"""What a file really is, by its bytes, and taking files out of a .gz or .zip; nothing here reads rows."""

from __future__ import annotations

import errno
import gzip
import lzma
import mmap
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from gateway.errors import FileError
from gateway.formats.images import ENDINGS, TITLES, image_nature

Nature: TypeAlias = Literal[
    "empty", "text", "xml", "xlsx", "xlsm", "xlsb", "xls", "locked", "ods", "zip", "gzip", "pdf", "binary",
    "jpeg", "png", "gif", "webp",
]  # fmt: skip


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
    **TITLES,
}
_WORKBOOKS = frozenset({"xlsx", "xlsm", "xlsb", "xls", "locked", "ods"})
_PICTURES = frozenset(ENDINGS.values())
_WANTED = {
    "csv": "delimited text (CSV)",
    "xlsx": "an Excel workbook (*.xlsx)",
    "image": "a picture (JPEG, PNG, GIF or WebP)",
}
_LITTER = frozenset({"thumbs.db", "desktop.ini"})
"""Files that Windows adds to folders of pictures; dot files are left out as well."""
_MOST_MEMBERS = 10_000
_UNUSUAL = "it is damaged, cut off or packed in an unusual way"


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
    return image_nature(head) or _nature_of_text(head)


def demand(path: Path, expected: Literal["csv", "xlsx", "xml", "json", "image"]) -> None:
    """Raise FileError when the file is certainly of another kind, saying how to save it instead.

    Only kinds with an unmistakable mark count: doubtful bytes in text are for its reader to judge. An empty file
    passes.
    """
    found = sniff(path)
    if found in {"empty", expected} or (expected == "image" and found in _PICTURES):
        return
    if expected in {"csv", "json"} and found in {"text", "xml", "binary"}:
        return
    if expected == "xml" and found in {"text", "xml"}:
        return
    if expected == "xlsx":
        _refuse_workbook(found)
    if found == "locked" and expected != "image":
        raise _password()
    wanted = _WANTED.get(expected, expected.upper())
    fix = f"Save the sheet as {wanted}." if found in _WORKBOOKS else f"Send it as {wanted}."
    if found in _PICTURES or expected == "image":
        fix = f"Send {wanted} under names like this one; pictures and tables have names of their own."
    raise FileError("FILE_FORMAT", f"The file is {_TITLES[found]}; agreed is {wanted}.", fix=fix)


def _refuse_workbook(found: Nature) -> None:
    """Raise for workbooks that are not taken."""
    if found == "xlsm":
        fix = "Save it as an Excel workbook without macros (*.xlsx)."
        raise FileError("FILE_MACROS", "The workbook contains macros.", fix=fix)
    if found in _WORKBOOKS and found != "locked":
        fix = "Open it and save it as an Excel workbook (*.xlsx)."
        raise FileError("FILE_OLD_WORKBOOK", f"The file is {_TITLES[found]}, which is not taken.", fix=fix)


def _password() -> FileError:
    return FileError("FILE_PASSWORD", "The workbook is protected by a password.", fix="Save it without a password.")


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
            bound = _bound(path.stat().st_size, ratio, limit)
            _copy(packed, out, bound, _too_large(bound, limit, ratio))
        _demand_no_archive(out)
        return out
    return _unzip(path, folder, ratio, limit) if nature == "zip" else path


def _demand_no_archive(out: Path) -> None:
    inner = sniff(out)
    if inner in {"gzip", "zip"}:
        out.unlink()
        raise _archive(f"it holds {_TITLES[inner]}")


def unpack_all(
    path: Path, folder: Path, *, ratio: int = 200, limit: int = 4 * 2**30, most: int = _MOST_MEMBERS
) -> list[Path]:
    """Return the members of a .zip of pictures, each in a numbered folder below `folder`, in the archive's order.

    Anything but a .zip is treated as by `unpack`. Bounds, folders and faults are those of `unpack`, `ratio` and
    `limit` taken of all members together; more than `most` members are FILE_ARCHIVE. A name keeps its letters: the
    mapping reads it. What systems add to folders by themselves is left out.
    """
    if sniff(path) != "zip":
        return [unpack(path, folder, ratio=ratio, limit=limit)]
    out: list[Path] = []
    try:
        with damage_told(_archive(_UNUSUAL)), zipfile.ZipFile(path) as archive:
            _unzip_all(archive, folder, out, (path.stat().st_size, ratio, limit), most)
    except BaseException:
        _remove(out)
        raise
    return out


def _unzip_all(
    archive: zipfile.ZipFile, folder: Path, out: list[Path], bounds: tuple[int, int, int], most: int
) -> None:
    """Write the members one by one, each entered in `out` before. `bounds`: packed size, ratio, limit."""
    members = [info for info in _members(archive) if not _is_litter(info.filename)]
    if not members or len(members) > most:
        raise _archive(f"it holds {len(members)} files, expected are 1 to {most} pictures")
    left = bound = _bound(*bounds)
    for number, member in enumerate(members, 1):
        home = folder / f"{number:06d}"
        home.mkdir(parents=True)
        out.append(home / _base(member.filename))
        left -= _extract(archive, member, out[-1], left, _too_large(bound, bounds[2], bounds[1]))


def _remove(files: list[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)
        file.parent.rmdir()


def _unzip(path: Path, folder: Path, ratio: int, limit: int) -> Path:
    with damage_told(_archive(_UNUSUAL)), zipfile.ZipFile(path) as archive:
        members = _members(archive)
        if len(members) != 1:
            raise _archive(f"it holds {len(members)} files, expected is exactly one")
        out = folder / _clean(members[0].filename)
        bound = _bound(max(members[0].compress_size, 1), ratio, limit)
        _extract(archive, members[0], out, bound, _too_large(bound, limit, ratio))
    return out


def _members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """Return the files of an archive; macOS adds a shadow of each in a folder of its own."""
    return [info for info in archive.infolist() if not info.is_dir() and not info.filename.startswith("__MACOSX/")]


def _extract(archive: zipfile.ZipFile, member: zipfile.ZipInfo, out: Path, bound: int, fault: FileError) -> int:
    """Write a member to `out`; return how many bytes it has. Raises `fault` above `bound`."""
    if member.flag_bits & 0x1:
        raise _archive("it is encrypted")
    with archive.open(member) as packed:
        written = _copy(packed, out, bound, fault)
    _demand_no_archive(out)
    return written


def _is_litter(name: str) -> bool:
    base = name.replace("\\", "/").rsplit("/", 1)[-1].lower()
    return base.startswith(".") or base in _LITTER


def _bound(size: int, ratio: int, limit: int) -> int:
    """Most bytes that `size` packed ones may become."""
    return min(limit, max(size * ratio, _ALWAYS_ALLOWED))


def _copy(packed: _Readable, out: Path, bound: int, fault: FileError) -> int:
    """Write the unpacked bytes to `out` under a temporary name first, watching the bound; return how many came."""
    part = out.with_name(f".{out.name[-60:]}.part")
    written = 0
    try:
        with part.open("wb") as target:
            while chunk := _read(packed):
                written += len(chunk)
                if written > bound:
                    raise fault
                target.write(chunk)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    return written


def _read(packed: _Readable) -> bytes:
    with damage_told(_archive("it is damaged or cut off")):
        return packed.read(_CHUNK)


@contextmanager
def damage_told(fault: FileError) -> Iterator[None]:
    """Raise `fault` where packed bytes can't be unpacked: each way of packing has errors of its own.

    That of bzip2 is an OSError without a number, and a place outside of the file is an invalid argument; all other
    numbers speak of our disk.
    """
    try:
        yield
    except (EOFError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError) as error:
        raise fault from error
    except OSError as error:
        if error.errno not in {None, errno.EINVAL}:
            raise
        raise fault from error


def _clean(name: str) -> str:
    """Return a plain base name: no folders, no leading dots, letters, digits, dot, dash and underscore only."""
    base = name.replace("\\", "/").rsplit("/", 1)[-1]
    return re.sub(r"[^A-Za-z0-9._-]", "_", base).lstrip(".")[-120:] or "unpacked"


def _base(name: str) -> str:
    """Return the name without folders, its letters kept: the end of it that a file system takes."""
    base = "".join(mark if mark.isprintable() else "_" for mark in name.replace("\\", "/").rsplit("/", 1)[-1])
    return base.encode("utf-8", "replace")[-200:].decode("utf-8", "ignore").lstrip(".") or "unpacked"


def _nature_of_zip(path: Path) -> Nature:
    try:
        with damage_told(_archive("it is damaged")), zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            if "[Content_Types].xml" in names:
                if any(name.startswith("xl/") for name in names):
                    return _nature_of_workbook(names)
            elif "mimetype" in names and archive.getinfo("mimetype").file_size < 200:
                return "ods" if archive.read("mimetype").startswith(_ODS) else "zip"
    except (FileError, RuntimeError):
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
