"""Loads gateway.toml with everything it names: sources, destinations, routes, mappings, contracts."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel
from pydantic_core import PydanticCustomError

from gateway.contracts import Contract, contract
from gateway.contracts.fields import Choice
from gateway.delivery.setup import operations_for
from gateway.destinations import destinations
from gateway.destinations._categories import categories
from gateway.errors import Fault, SettingsError
from gateway.formats.layout import XmlLayout
from gateway.formats.sections import unknown
from gateway.issues import sentence
from gateway.mapping import MappingFile, load_mapping
from gateway.model import Operation, Spec
from gateway.routes import Route
from gateway.settings.model import SOURCE_KINDS, GatewaySettings, LocalSettings, RouteSettings, SftpSettings
from gateway.settings.reading import Document
from gateway.sources.handling import Handling
from gateway.transport.http_model import authority

_HOW = {
    "price_basis": '; write price_basis = { constant = "net" } (without tax) or "gross" (with it), or name its column'
}
"""What to write for fields that have no default on purpose."""

_READ_FROM = ("profile", "bodies", "categories", "tax_table", "ca_file")
"""Settings of destinations that name files which are read, and found faulty, with them."""

_CREATES = "create_missing"
_TABLES = ("sources", "destinations", "routes")
_Target = tuple[str, BaseModel, tuple[Operation, ...]]
"""Kind, settings and operations of a destination."""


@dataclass(frozen=True, slots=True)
class LoadedRoute:
    """A route with its mapping and contract, and the operations that write it, one per family."""

    route: Route
    keys: str | None
    mapping: MappingFile
    contract: Contract
    operations: tuple[Operation, ...]

    def lane(self, family: str) -> str:
        """Name of a lane: account, family, owner."""
        return f"{self.route.destination}/{family}/{self.route.owner}"

    @property
    def lanes(self) -> tuple[str, ...]:
        """Names of the lanes the route writes to."""
        return tuple(self.lane(one.family) for one in self.operations)


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


def load_settings(path: Path) -> Loaded:
    """Load and check everything. Raises SettingsError with every fault, each with file and line."""
    path = path.resolve()
    document = Document(path)
    base = path.parent
    top = {k: v for k, v in document.data.items() if k not in _TABLES}
    for name in sorted(top.keys() - GatewaySettings.model_fields.keys()):
        document.fault((name,), unknown(name, [*GatewaySettings.model_fields, *_TABLES], "table or setting"))
        top.pop(name)
    _check_zone(document, top.get("zone"))
    settings = document.section((), top, GatewaySettings)
    if settings is not None:
        settings = settings.model_copy(update={n: base / getattr(settings, n) for n in ("state", "outbox", "mappings")})
    sources = _sources(document, base)
    targets = _destinations(document, base)
    routes: dict[str, LoadedRoute] = {}
    folder = settings.mappings if settings is not None else base / "mappings"
    mappings: dict[Path, MappingFile] = {}
    for name, table in _tables(document, "routes"):
        made = document.section(("routes", name), table, RouteSettings)
        if made is not None:
            loaded = _route(document, name, made, (sources, targets), folder, mappings, settings)
            if loaded is not None:
                routes[name] = loaded
    _check_owners(document, routes)
    if not document.faults and not routes:
        document.fault(("routes",), "there is no route: nothing would ever be taken")
    if document.faults or settings is None:
        raise SettingsError(document.faults, fix="Nothing was started.")
    plain = {name: (kind, one) for name, (kind, one, _) in targets.items()}
    named = (getattr(one, field, None) for _, one in plain.values() for field in _READ_FROM)
    watched = (path, *(s for m in mappings.values() for s in m.sources), *(f for f in named if isinstance(f, Path)))
    return Loaded(path, settings, sources, plain, routes, tuple(dict.fromkeys(watched)))


def _tables(document: Document, name: str) -> list[tuple[str, dict[str, Any]]]:
    found = document.data.get(name, {})
    if not isinstance(found, dict) or any(not isinstance(v, dict) for v in found.values()):
        document.fault((name,), f"write one table per entry, like [{name}.acme]")
        return []
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


def _destinations(document: Document, base: Path) -> dict[str, _Target]:
    known = destinations()
    made: dict[str, _Target] = {}
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


def _route(
    document: Document,
    name: str,
    made: RouteSettings,
    named: tuple[Mapping[str, LocalSettings | SftpSettings], Mapping[str, _Target]],
    folder: Path,
    mappings: dict[Path, MappingFile],
    settings: GatewaySettings | None,
) -> LoadedRoute | None:
    sources, targets = named
    keys = ("routes", name)
    for key, word, known in (("source", made.source, sources), ("destination", made.destination, targets)):
        declared = document.data.get(f"{key}s", {})
        if word not in known and word not in declared:
            document.fault((*keys, key), unknown(word, declared, key))
    mapping = _mapping(document, keys, folder, made.mapping, mappings)
    if made.absent != "keep" and made.mode != "full":
        document.fault((*keys, "absent"), 'absent means something only with mode = "full"')
    if mapping is None:
        return None
    _check_set(document, keys, made, mapping)
    try:
        agreed = contract(mapping.contract)
    except SettingsError as error:
        document.fault((*keys, "mapping"), f"{made.mapping}: {error}")
        return None
    _check_fields(document, (*keys, "mapping"), mapping, agreed)
    if made.source not in sources or made.destination not in targets:
        return None
    _, target, operations = targets[made.destination]
    chosen = operations_for(operations, agreed.name, made.effects)
    offered = [o.family for o in operations_for(operations, agreed.name)]
    if not offered:
        takes = ", ".join(sorted({o.contract for o in operations}))
        basis = "; prices need its price_basis" if getattr(target, "price_basis", "") is None else ""
        said = f"{made.destination} does not take {agreed.name}; it takes: {takes}{basis}"
        document.fault((*keys, "destination"), said)
        return None
    for word in sorted(set(made.effects or ()) - set(offered)):
        said = unknown(word, offered, f"effect of {agreed.name} at {made.destination}")
        document.fault((*keys, "effects"), said + _priced(targets[made.destination], agreed, word, made.destination))
    if not chosen:
        if not made.effects:
            document.fault(
                (*keys, "effects"), f"name one effect at least, or leave it out; known: {', '.join(offered)}"
            )
        return None
    _check_permits(document, keys, made, (agreed, chosen, operations))
    source = sources[made.source]
    partner = made.partner or source.partner or made.source
    route = Route(
        name=name, source=made.source, files=made.files, mapping=made.mapping, contract=agreed.name,
        feed=agreed.name, destination=made.destination, partner=partner, owner=made.owner or partner,
        mode=made.mode, absent=made.absent, empty=made.empty, policy=made.policy, guard=made.guard,
        delta=made.delta, set=made.set, zone=settings.zone if settings is not None else None,
        answers=source.answers is not None, create_missing=made.create_missing,
    )  # fmt: skip
    return LoadedRoute(route, made.keys, mapping, agreed, chosen)


def _priced(target: _Target, agreed: Contract, word: str, name: str) -> str:
    """Say that an effect is there once the destination's settings say on which basis prices are, where that is so."""
    kind, settings, _ = target
    if getattr(settings, "price_basis", "") is not None:
        return ""
    said = settings.model_copy(update={"price_basis": "gross"})
    offered = operations_for(destinations()[kind].SPEC.operations(said), agreed.name)
    there = word in {one.family for one in offered}
    return f"; {word} is one once destinations.{name} says its price_basis: net or gross" if there else ""


def _check_permits(
    document: Document,
    keys: tuple[str, ...],
    made: RouteSettings,
    written: tuple[Contract, tuple[Operation, ...], tuple[Operation, ...]],
) -> None:
    """What a route allows must mean something to what it writes; `written`: by which of the destination's operations.

    An operation whose context names a permit looks at it.
    """
    agreed, chosen, offered = written
    if not made.create_missing or any(_CREATES in one.context for one in chosen):
        return
    there = sorted({f"{one.contract} (effect {one.family})" for one in offered if _CREATES in one.context})
    known = f"; it does for rows of {', '.join(there)}" if there else ""
    effects = ", ".join(one.family for one in chosen)
    said = f"{made.destination} makes nothing for rows of {agreed.name} (effects: {effects}){known}; take this line out"
    document.fault((*keys, _CREATES), said)


def _check_set(document: Document, keys: tuple[str, ...], made: RouteSettings, mapping: MappingFile) -> None:
    """Documents whose root is the record can't stand together below one root, as their errors file needs it."""
    layout = mapping.format
    if made.set is not None and isinstance(layout, XmlLayout) and "/" not in layout.record.strip("/"):
        document.fault((*keys, "set"), f"the record {layout.record!r} is the document itself: no files stand together")


def _impossible(mapping: MappingFile, agreed: Contract) -> Iterator[tuple[str, str]]:
    """Yield fields with a text that is written in the mapping and no row could have, each with what is wrong with it.

    Of tables only those of fields with a few words to choose from: elsewhere their texts may be read further.
    """
    for field, spec in mapping.fields.items():
        if field not in agreed.fields:
            continue
        kind = agreed.fields[field].type
        told = [("", str(spec.constant))] if spec.constant is not None else []
        told += [("", text) for text in (spec.default, spec.otherwise) if text]
        if isinstance(kind, Choice):
            told += [(f"{word!r}: ", text) for word, text in mapping.table(field).items() if text]
        for place, text in told:
            try:
                kind.read(text)
            except PydanticCustomError as error:
                detail = str((error.context or {}).get("detail", ""))
                yield field, place + sentence(error.type, field=field, value=text, detail=detail)


def _check_fields(document: Document, keys: tuple[str, ...], mapping: MappingFile, agreed: Contract) -> None:
    for field in sorted(name for name in mapping.fields if not agreed.has(name)):
        place = f"{mapping.path}:{mapping.line('fields', field)}"
        if field in agreed.permits:
            document.fault(keys, f"{place}: no file says {field!r}: the route does, by {field} = true in its table")
            continue
        near = difflib.get_close_matches(field, agreed.fields, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"it has: {', '.join(agreed.fields)}"
        document.fault(keys, f"{place}: the contract {agreed.name} has no field {field!r}; {hint}")
    for field in sorted(set(mapping.group.sum) - agreed.numeric) if mapping.group is not None else ():
        place = f"{mapping.path}:{mapping.line('group', 'sum')}"
        document.fault(keys, f"{place}: {field!r} can't be added up; numbers are {', '.join(sorted(agreed.numeric))}")
    for field, said in _impossible(mapping, agreed):
        document.fault(keys, f"{mapping.path}:{mapping.line('fields', field)}: {said}")
    for field in agreed.unfilled(mapping.fields):
        how = _HOW.get(field, "")
        document.fault(keys, f"{mapping.path}: the contract {agreed.name} needs {field!r}, which nothing fills{how}")


def _mapping(
    document: Document, keys: tuple[str, ...], folder: Path, name: str, mappings: dict[Path, MappingFile]
) -> MappingFile | None:
    path = folder / name
    if path in mappings:
        return mappings[path]
    if not path.is_file():
        there = sorted(p.name for p in folder.glob("*.toml"))
        document.fault((*keys, "mapping"), unknown(name, there, f"mapping in {folder}"))
        return None
    try:
        mappings[path] = load_mapping(path)
    except SettingsError as error:
        document.faults.extend(fault for fault in error.faults if fault not in document.faults)
        return None
    return mappings[path]


def _check_zone(document: Document, zone: object) -> None:
    if not isinstance(zone, str):
        return
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        document.fault(("zone",), f"there is no time zone {zone!r}; write it like Europe/Madrid")


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
