"""Folders that must be apart: a source takes whatever lies in its folder for a partner's files."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from gateway.settings.model import GatewaySettings, LocalSettings, SftpSettings
from gateway.settings.reading import Document
from gateway.sources.handling import Handling

_READ = frozenset({"profile", "bodies", "categories", "tax_table"})
_READ_ENDINGS = ("_file", "known_hosts")
"""Settings that name files which are read; every other path of a destination is a folder."""

_Sources = Mapping[str, LocalSettings | SftpSettings]


@dataclass(frozen=True, slots=True)
class _Own:
    """A folder that is no partner's. `inside`: whether it may lie in a drop folder, whose own files alone count."""

    what: str
    path: Path
    inside: bool


def check_folders(
    document: Document, settings: GatewaySettings | None, sources: _Sources, targets: Mapping[str, BaseModel]
) -> None:
    """Note every source whose folder is, holds or lies in one that others of our files are in, and ours that are none.

    All paths are absolute; links are followed.
    """
    owned = [*_of_gateway(document, settings), *_of_destinations(targets)]
    files = list(_files(document, sources, targets))
    drops = {name: one.folder.resolve() for name, one in sources.items() if isinstance(one, LocalSettings)}
    for name, one in sources.items():
        if isinstance(one, LocalSettings):
            for key, said in _faults(one, drops[name], owned, files):
                document.fault(("sources", name, key), said)
    _check_sources(document, sources, drops)


def _of_gateway(document: Document, settings: GatewaySettings | None) -> Iterator[_Own]:
    if settings is None:
        return
    for key in ("state", "outbox"):
        path: Path = getattr(settings, key)
        if path.exists() and not path.is_dir():
            document.fault((key,), f"{path} is no folder; name one, or a place where one can be made")
    yield _Own("the state folder", settings.state.resolve(), inside=False)
    yield _Own("the outbox", settings.outbox.resolve(), inside=True)
    yield _Own("the folder of the mappings", settings.mappings.resolve(), inside=False)


def _of_destinations(targets: Mapping[str, BaseModel]) -> Iterator[_Own]:
    for name, one in targets.items():
        for key, path in _paths(one):
            if not _is_read(key):
                yield _Own(f"{key} of destination {name!r}", path.resolve(), inside=True)


def _paths(one: BaseModel) -> list[tuple[str, Path]]:
    values = ((key, getattr(one, key)) for key in type(one).model_fields)
    return [(key, value) for key, value in values if isinstance(value, Path)]


def _is_read(key: str) -> bool:
    return key in _READ or key.endswith(_READ_ENDINGS)


def _files(document: Document, sources: _Sources, targets: Mapping[str, BaseModel]) -> Iterator[Path]:
    """Yield the files that settings are made of: their own, those of secrets, and those that sections name."""
    yield document.path
    # What is no file may be the secret itself, in the place of its reference: it is never named.
    yield from (path for name in _secret_files(document.data) if _is_file(path := document.path.parent / name))
    for one in (*sources.values(), *targets.values()):
        yield from (path for key, path in _paths(one) if _is_read(key))


def _secret_files(data: Any) -> Iterator[str]:
    if isinstance(data, dict):
        if data.keys() == {"file"} and isinstance(data["file"], str):
            yield data["file"]
        for value in data.values():
            yield from _secret_files(value)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # no name that a file could have
        return False


def _faults(one: LocalSettings, drop: Path, owned: list[_Own], files: list[Path]) -> Iterator[tuple[str, str]]:
    """Yield the key of a source and what is wrong with it."""
    advice = "what is in it would be taken for a partner's files; name a folder of its own"
    kept = _kept(one, drop)
    for own in owned:
        if own.path == drop:
            yield "folder", f"{drop} is {own.what} too: {advice}"
        elif drop.is_relative_to(own.path):
            yield "folder", f"{drop} lies in {own.what}, {own.path}: {advice}"
        elif own.path.is_relative_to(drop) and not own.inside:
            yield "folder", f"{own.what}, {own.path}, lies in it; name folders that are apart"
        else:
            for key, folder in kept:
                if own.path.is_relative_to(folder):
                    said = f"{own.what}, {own.path}, lies in {folder}, where the source puts files; name another folder"
                    yield key, said
    here = sorted({path.resolve().name for path in files if path.resolve().parent == drop})
    if here:
        yield "folder", f"{', '.join(here)} of these settings lies in it and would be taken for a partner's file"


def _kept(one: LocalSettings, drop: Path) -> list[tuple[str, Path]]:
    """Return the folders that the source itself makes, each with the key that it comes from."""
    usual = Handling(settle=one.settle, after=one.after)
    found = [("folder", usual.claims), ("folder", usual.rejected), ("after", usual.archive), ("answers", one.answers)]
    return [(key, (drop / name).resolve()) for key, name in found if name is not None]


def _check_sources(document: Document, sources: _Sources, drops: Mapping[str, Path]) -> None:
    """Note sources that take files from one folder, and those that take another's answers."""
    seen: dict[object, str] = {}
    for name, one in sources.items():
        place: object = drops.get(name)
        if isinstance(one, SftpSettings):
            place = (one.host.casefold(), one.port, one.user, posixpath.normpath(one.folder or "."))
        first = seen.setdefault(place, name)
        if first != name:
            said = f"is the folder of source {first!r} too: each takes whatever lies there; use one source for both"
            document.fault(("sources", name, "folder"), said)
    for name, one in sources.items():
        if isinstance(one, LocalSettings) and one.answers is not None:
            answers = (drops[name] / one.answers).resolve()
            for other, drop in drops.items():
                if answers == drop:
                    said = f"{answers} is the drop folder of source {other!r}: answers would come back as files"
                    document.fault(("sources", name, "answers"), said)
