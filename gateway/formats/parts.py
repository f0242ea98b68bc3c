"""Several files that make one table: how they lie in a folder, and taking them out of archives; no row is read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from gateway.errors import FileError
from gateway.formats.unpack import demand, unpack, unpack_all
from gateway.issues import CATALOGUE

_PARTS = "parts"


def parts_of(path: Path) -> list[Path]:
    """Return the files a table is made of, in their order: `path` itself, or those in the numbered folders below it."""
    if not path.is_dir():
        return [path]
    return [next(iter(folder.iterdir())) for folder in sorted(path.iterdir())]


def unpacked(path: Path, folder: Path, kind: Literal["csv", "xlsx", "xml", "json", "image"]) -> list[Path]:
    """Return what a file holds, at least one file: itself, or what was in its archive, unpacked into `folder`.

    A .zip may hold several pictures, whose reader judges each of them; of anything else it holds one file. Raises
    FileError as `unpack`, `unpack_all` and `demand` do, and FILE_EMPTY for a file without content.
    """
    if kind == "image":
        return unpack_all(path, folder)
    file = unpack(path, folder)
    demand(file, kind)
    if file.stat().st_size == 0:
        raise FileError("FILE_EMPTY", CATALOGUE["FILE_EMPTY"].text, fix=CATALOGUE["FILE_EMPTY"].fix)
    return [file]


def together(files: Sequence[Path], folder: Path) -> Path:
    """Move files into the empty `folder`; return the only one there, or the folder that `parts_of` lists."""
    if len(files) == 1:
        return files[0].replace(folder / files[0].name)
    parts = folder / _PARTS
    for number, file in enumerate(files, 1):
        home = parts / f"{number:06d}"
        home.mkdir(parents=True)
        file.replace(home / file.name)
    return parts
