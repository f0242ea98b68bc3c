"""Names of elements and attributes as paths spell them; it knows no records."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.formats.layout import ERROR_NAMESPACE

_IGNORED = ("http://www.w3.org/2001/XMLSchema-instance", ERROR_NAMESPACE)
_XML = "http://www.w3.org/XML/1998/namespace"


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


def local(name: str) -> str:
    """Return a path's name without its prefix."""
    return name.rpartition(":")[2]
