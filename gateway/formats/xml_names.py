"""Names of elements and attributes as paths spell them; it knows no records."""

from __future__ import annotations

import re
from collections.abc import Mapping

from gateway.formats.layout import ERROR_NAMESPACE

_IGNORED = ("http://www.w3.org/2001/XMLSchema-instance", ERROR_NAMESPACE)
_XML = "http://www.w3.org/XML/1998/namespace"
_STEP = re.compile(r"(.+?)(?:\[([1-9][0-9]*)\])?")


class Names(dict[str, str | None]):
    """Tag or attribute key as lxml gives it (`{uri}local`) -> name in paths, None where it is no data.

    Without declared prefixes the local name counts whatever the namespace. With them, a name of a declared namespace
    is `prefix:local` (`local` for the empty prefix); any other is its local name.
    """

    def __init__(self, namespaces: Mapping[str, str]) -> None:
        super().__init__()
        self._prefixes = {uri: prefix for prefix, uri in namespaces.items()}

    def __missing__(self, key: str) -> str | None:
        uri, _, local = key[1:].partition("}") if key.startswith("{") else ("", "", key)
        name: str | None = local
        if uri in _IGNORED:
            name = None
        elif uri == _XML:
            name = f"xml:{local}"
        elif prefix := self._prefixes.get(uri, ""):
            name = f"{prefix}:{local}"
        self[key] = name
        return name


def steps(path: str) -> tuple[str, ...]:
    """Return the names of a path, without empty ones."""
    return tuple(step for step in path.strip().split("/") if step)


def occurrence_of(step: str) -> tuple[str, int]:
    """Return the name and the number (from 1) of a step like `tag[2]`."""
    match = _STEP.fullmatch(step)
    return (match[1], int(match[2] or 1)) if match is not None else (step, 1)


def qualified(name: str, namespaces: Mapping[str, str], beside: str | None) -> str:
    """Return the tag or attribute key for a name in paths; `beside`: namespace of one that no declared prefix names."""
    prefix, _, last = name.rpartition(":")
    uri = _XML if prefix == "xml" else namespaces.get(prefix, beside)
    return f"{{{uri}}}{last}" if uri else last


def local(name: str) -> str:
    """Return a path's name without its prefix."""
    return name.rpartition(":")[2]
