"""Loads gateway.toml with everything it names: sources, destinations, routes, mappings, contracts."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import BaseModel

from gateway.destinations import destinations
from gateway.destinations._categories import categories
from gateway.errors import Fault, SettingsError
from gateway.formats.sections import nul, unknown
from gateway.model import Operation, Spec
from gateway.settings.folders import check_folders
from gateway.settings.model import SOURCE_KINDS, GatewaySettings, LocalSettings, RouteSettings, SftpSettings
from gateway.settings.reading import Document
from gateway.settings.routes import Known, LoadedRoute, Target, load_route
from gateway.sources.handling import Handling
from gateway.transport.http_model import authority

_READ_FROM = ("profile", "bodies", "categories", "tax_table", "ca_file")
"""Settings of destinations that name files which are read, and found faulty, with them."""

_WHERE = ("host", "brand", "sftp_host")
_WHO = ("shop_id", "chain_id", "access_key", "api_key", "sftp_user")
"""Settings that tell accounts apart: all of the first, and the first that is given of the second."""

_TABLES = ("sources", "destinations", "routes")


@dataclass(frozen=True, slots=True)
class Loaded:
    """Everything gateway.toml says."""

    path: Path
    settings: GatewaySettings
    sources: Mapping[str, LocalSettings | SftpSettings]
    destinations: Mapping[str, tuple[str, BaseModel]]
    """Name to kind and settings."""
    routes: Mapping[str, LoadedRoute]
    watched: tuple[Path, ...]
    """Files whose change means that the settings must be taken up again."""


def load_settings(path: Path, *, secrets: bool = True) -> Loaded:
    """Load and check everything. Raises SettingsError with every fault, each with file and line.

    `secrets` False is for who calls nobody: then none is read, and none need be there.
    """
    path = path.resolve()
    document = Document(path, secrets=secrets)
    base = path.parent
    top = {k: v for k, v in document.data.items() if k not in _TABLES}
    for name in sorted(top.keys() - GatewaySettings.model_fields.keys()):
        document.fault((name,), unknown(name, [*GatewaySettings.model_fields, *_TABLES], "table or setting"))
        _as_meant(document, name, top.pop(name))
    _check_zone(document, top.get("zone"))
    settings = document.section((), top, GatewaySettings)
    if settings is not None:
        settings = settings.model_copy(update={n: base / getattr(settings, n) for n in ("state", "outbox", "mappings")})
    sources = _sources(document, base)
    targets = _destinations(document, base)
    _check_bases(document, targets)
    routes: dict[str, LoadedRoute] = {}
    folder = settings.mappings if settings is not None else base / "mappings"
    known = Known(sources, targets, folder, settings.zone if settings is not None else None)
    for name, table in _tables(document, "routes"):
        made = document.section(("routes", name), table, RouteSettings)
        if made is not None:
            loaded = load_route(document, name, made, known)
            if loaded is not None:
                routes[name] = loaded
    _check_owners(document, routes)
    check_folders(document, settings, sources, {name: one for name, (_, one, _) in targets.items()})
    if not document.faults and not routes:
        document.fault(("routes",), "there is no route: nothing would ever be taken")
    if document.faults or settings is None:
        raise SettingsError(document.faults, fix="Nothing was started.")
    plain = {name: (kind, one) for name, (kind, one, _) in targets.items()}
    named = (getattr(one, field, None) for _, one in plain.values() for field in _READ_FROM)
    watched = (
        path,
        *(s for m in known.mappings.values() for s in m.sources),
        *(f for f in named if isinstance(f, Path)),
        *document.secret_files,
    )
    return Loaded(path, settings, sources, plain, routes, tuple(dict.fromkeys(watched)))


def _as_meant(document: Document, name: str, found: object) -> None:
    """Take tables under a heading that nearly is a known one for its own: what names them is not wrong besides."""
    near = difflib.get_close_matches(name, _TABLES, 1)
    if near and isinstance(found, dict) and isinstance(document.data.setdefault(near[0], {}), dict):
        document.data[near[0]] = {**found, **document.data[near[0]]}


def _tables(document: Document, name: str) -> list[tuple[str, dict[str, Any]]]:
    found = document.data.get(name, {})
    if not isinstance(found, dict) or any(not isinstance(v, dict) for v in found.values()):
        document.fault((name,), f"write one table per entry, like [{name}.acme]")
        return []
    for entry in found:
        if wrong := nul(entry):
            document.fault((name,), f"the name {entry!r} has {wrong}, expected a name without it")
    return list(found.items())


def _sources(document: Document, base: Path) -> dict[str, LocalSettings | SftpSettings]:
    made: dict[str, LocalSettings | SftpSettings] = {}
    for name, table in _tables(document, "sources"):
        kind = str(table.get("kind", ""))
        if kind not in SOURCE_KINDS:
            document.fault(("sources", name, "kind"), unknown(kind, SOURCE_KINDS, "kind of source"))
            continue
        one = document.section(("sources", name), table, SOURCE_KINDS[kind])
        if one is None or not _handled(document, ("sources", name), one):
            continue
        if isinstance(one, LocalSettings):
            made[name] = one.model_copy(update={"folder": base / one.folder})
        else:
            if (one.password is None) == (one.key_file is None):
                document.fault(("sources", name), "give either a password or a key_file")
            files = {"known_hosts": base / one.known_hosts}
            if one.key_file is not None:
                files["key_file"] = base / one.key_file
            made[name] = one.model_copy(update=files)
    return made


def _handled(document: Document, keys: tuple[str, ...], one: LocalSettings | SftpSettings) -> bool:
    """Whether what is said of a source's files goes together; what does not is noted."""
    try:
        Handling(settle=one.settle, after=one.after, claim=one.claim, done_marker=one.done_marker or "")
    except SettingsError as error:
        for fault in error.faults:
            document.fault((*keys, fault.where), fault.message)
        return False
    return True


def _destinations(document: Document, base: Path) -> dict[str, Target]:
    known = destinations()
    made: dict[str, Target] = {}
    for name, table in _tables(document, "destinations"):
        kind = str(table.get("kind", ""))
        if kind not in known:
            document.fault(("destinations", name, "kind"), unknown(kind, known, "kind of destination"))
            continue
        rest = {k: v for k, v in table.items() if k != "kind"}
        model: type[BaseModel] = known[kind].SPEC.settings
        _moved(document, ("destinations", name), rest, model)
        one = document.section(("destinations", name), rest, model)
        if one is not None:
            one = one.model_copy(update=_absolute(one, base))
            operations = _built(document, ("destinations", name), one, known[kind].SPEC)
            if operations is not None:
                made[name] = (kind, one, operations)
    return made


def _moved(document: Document, keys: tuple[str, ...], table: dict[str, Any], model: type[BaseModel]) -> None:
    """Note settings that stand elsewhere now, as a model's `moved` says, and take them out of the table."""
    moved: Mapping[str, str] = getattr(model, "moved", {})
    for key in sorted(moved.keys() & table.keys()):
        document.fault((*keys, key), moved[key])
        del table[key]


def _built(document: Document, keys: tuple[str, ...], settings: BaseModel, spec: Spec) -> tuple[Operation, ...] | None:
    """Build whatever settings alone decide, so that nothing in them, or in files they name, is found wrong later."""
    before = len(document.faults)
    found: tuple[Operation, ...] = ()
    try:
        found = spec.operations(settings)
        categories(getattr(settings, "categories", None), "categories")
        access = getattr(settings, "access", lambda: None)()
        getattr(settings, "hook", lambda: None)()
        if access is not None and access.ca_file is not None:
            authority(access.ca_file)
    except SettingsError as error:
        for fault in error.faults:
            named = fault.where in type(settings).model_fields
            document.take(keys, Fault("", fault.message, (fault.where,)) if named else fault)
    return found if len(document.faults) == before else None


def _absolute(one: BaseModel, base: Path) -> dict[str, Path]:
    """Paths of a section, made relative to the settings file."""
    values = {name: getattr(one, name) for name in type(one).model_fields}
    return {name: base / value for name, value in values.items() if isinstance(value, Path)}


def _check_bases(document: Document, targets: Mapping[str, Target]) -> None:
    """An account has its prices on one basis, however many destinations write to it."""
    seen: dict[tuple[object, ...], list[tuple[str, BaseModel]]] = {}
    for name, (kind, one, _) in targets.items():
        where = (getattr(one, key, None) for key in _WHERE)
        who = next((value for key in _WHO if (value := getattr(one, key, None)) is not None), None)
        same = seen.setdefault((kind, *where, who), [])
        basis, parts = getattr(one, "price_basis", None), set(getattr(one, "vendors", {None}))
        for first, other in same:
            told = getattr(other, "price_basis", None)
            if basis and told and basis != told and parts & set(getattr(other, "vendors", {None})):
                said = f"{basis}, but {first!r}, a destination of the same account, says {told}; one of them is wrong"
                document.fault(("destinations", name, "price_basis"), said)
        same.append((name, one))


def _check_zone(document: Document, zone: object) -> None:
    if not isinstance(zone, str):
        return
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        near = difflib.get_close_matches(zone, sorted(available_timezones()), 1)
        hint = f"did you mean {near[0]}?" if near else "write it like Europe/Madrid"
        document.fault(("zone",), f"there is no time zone {zone!r}; {hint}")


def _check_owners(document: Document, routes: Mapping[str, LoadedRoute]) -> None:
    """Owners that write one family of one account must have keys that can't be the same."""
    seen: dict[tuple[str, str], list[LoadedRoute]] = {}
    for loaded in routes.values():
        for operation in loaded.operations:
            seen.setdefault((loaded.route.destination, operation.family), []).append(loaded)
    for (_, family), group in seen.items():
        for place, one in enumerate(group):
            for other in group[place + 1 :]:
                if one.route.owner == other.route.owner:
                    continue
                a, b = one.keys, other.keys
                if a is None or b is None or a.startswith(b) or b.startswith(a):
                    document.fault(
                        ("routes", other.route.name),
                        f"writes {family} of {one.route.destination} like route {one.route.name!r} of "
                        f"another owner; give both a `keys` prefix that tells them apart, or one `owner`",
                    )
