"""Routes as gateway.toml says them, with the mapping, contract and operations they name; what does not fit is noted."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as default
from pathlib import Path

from pydantic import BaseModel
from pydantic_core import PydanticCustomError

from gateway.contracts import Contract, contract
from gateway.contracts.fields import Choice
from gateway.delivery.setup import operations_for
from gateway.destinations import destinations
from gateway.errors import Fault, SettingsError
from gateway.formats.layout import XmlLayout
from gateway.formats.sections import unknown
from gateway.issues import sentence
from gateway.mapping import MappingFile, load_mapping
from gateway.model import Operation
from gateway.routes import Route
from gateway.settings.model import LocalSettings, RouteSettings, SftpSettings
from gateway.settings.reading import Document
from gateway.sources.names import is_temporary, why_refused

_HOW = {
    "price_basis": '; write price_basis = { constant = "net" } (without tax) or "gross" (with it), or name its column'
}
"""What to write for fields that have no default on purpose."""

_CREATES = "create_missing"
_OPENED = re.compile(r"\[(?!!?\]?[^\]]*\])")
"""A bracket that begins no set of letters, as patterns read them."""
Target = tuple[str, BaseModel, tuple[Operation, ...]]
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
class Known:
    """What routes may name. `folder`: where mappings are; `mappings`: those loaded so far; `zone`: of the settings."""

    sources: Mapping[str, LocalSettings | SftpSettings]
    targets: Mapping[str, Target]
    folder: Path
    zone: str | None
    mappings: dict[Path, MappingFile] = default(default_factory=dict)
    judged: set[Path] = default(default_factory=set)
    """Mappings whose fields were compared with their contract: what is wrong is told once, not once per route."""


def load_route(document: Document, name: str, made: RouteSettings, known: Known) -> LoadedRoute | None:
    """Return a route with all it names; None where something of it can't be told. Faults are noted in the document."""
    keys = ("routes", name)
    for key, word, there in (("source", made.source, known.sources), ("destination", made.destination, known.targets)):
        declared = document.data.get(f"{key}s", {})
        if word not in there and word not in declared:
            document.fault((*keys, key), unknown(word, declared, key))
    for pattern in made.files:
        if (why := _never(pattern)) is not None:
            document.fault((*keys, "files"), f"{pattern!r} fits no file that is taken: {why}")
    mapping = _mapping(document, keys, made.mapping, known)
    if made.absent != "keep" and made.mode != "full":
        document.fault((*keys, "absent"), 'absent means something only with mode = "full"')
    if mapping is None:
        return None
    _check_set(document, keys, made, mapping)
    try:
        agreed = contract(mapping.contract)
    except SettingsError as error:
        where = f"{mapping.path}:{mapping.line('contract')}"
        told = [Fault(where, f"{fault.message} {error.fix}") for fault in error.faults]
        document.faults.extend(fault for fault in told if fault not in document.faults)
        return None
    if mapping.path not in known.judged:
        known.judged.add(mapping.path)
        _check_fields(document, (*keys, "mapping"), mapping, agreed)
    if made.source not in known.sources or made.destination not in known.targets:
        return None
    target, source = known.targets[made.destination], known.sources[made.source]
    chosen = _chosen(document, keys, made, agreed, target)
    if not chosen:
        return None
    _check_permits(document, keys, made, (agreed, chosen, target[2]))
    partner = made.partner or source.partner or made.source
    route = Route(
        name=name, source=made.source, files=made.files, mapping=made.mapping, contract=agreed.name,
        feed=agreed.name, destination=made.destination, partner=partner, owner=made.owner or partner,
        mode=made.mode, absent=made.absent, empty=made.empty, policy=made.policy, guard=made.guard,
        delta=made.delta, set=made.set, zone=known.zone,
        answers=source.answers is not None, create_missing=made.create_missing,
    )  # fmt: skip
    return LoadedRoute(route, made.keys, mapping, agreed, chosen)


def _never(pattern: str) -> str | None:
    """Return why a pattern of file names can fit none that is ever taken; None where it may."""
    if not pattern:
        return "it is empty; write * for all"
    if "/" in pattern:
        return "it is held against the name alone, without folders"
    if is_temporary(pattern):
        return "such names are those of files that are still being written"
    if "\\" in pattern or pattern.startswith("^") or pattern.endswith("$"):
        return "it reads like a regular expression; * stands for any text here and ? for one sign, as in stock_*.csv"
    if _OPENED.search(pattern):
        return "a [ is never closed; write [[] for the sign itself"
    return why_refused(pattern)


def _chosen(
    document: Document, keys: tuple[str, ...], made: RouteSettings, agreed: Contract, target: Target
) -> tuple[Operation, ...]:
    """Return the operations that write the contract's rows, of the effects the route names; () where there are none."""
    _, settings, operations = target
    offered = [o.family for o in operations_for(operations, agreed.name)]
    if not offered:
        takes = ", ".join(sorted({o.contract for o in operations}))
        basis = "; prices need its price_basis" if getattr(settings, "price_basis", "") is None else ""
        said = f"{made.destination} does not take {agreed.name}; it takes: {takes}{basis}"
        document.fault((*keys, "destination"), said)
        return ()
    for word in sorted(set(made.effects or ()) - set(offered)):
        said = unknown(word, offered, f"effect of {agreed.name} at {made.destination}")
        document.fault((*keys, "effects"), said + _priced(target, agreed, word, made.destination))
    chosen = operations_for(operations, agreed.name, made.effects)
    if not chosen and not made.effects:
        said = f"name one effect at least, or leave it out; known: {', '.join(offered)}"
        document.fault((*keys, "effects"), said)
    return chosen


def _priced(target: Target, agreed: Contract, word: str, name: str) -> str:
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


def _open_field(field: str, agreed: Contract) -> list[str]:
    """Return the free field that one of nearly its prefix means."""
    prefix, _, code = field.partition(".")
    near = agreed.open_prefix and code and difflib.get_close_matches(f"{prefix}.", [agreed.open_prefix], 1, cutoff=0.8)
    return [f"{agreed.open_prefix}{code}"] if near else []


def _check_fields(document: Document, keys: tuple[str, ...], mapping: MappingFile, agreed: Contract) -> None:
    for field in sorted(name for name in mapping.fields if not agreed.has(name)):
        place = f"{mapping.path}:{mapping.line('fields', field)}"
        if field in agreed.permits:
            document.fault(keys, f"{place}: no file says {field!r}: the route does, by {field} = true in its table")
            continue
        near = _open_field(field, agreed) or difflib.get_close_matches(field, agreed.fields, 1)
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


def _mapping(document: Document, keys: tuple[str, ...], name: str, known: Known) -> MappingFile | None:
    path, mappings = known.folder / name, known.mappings
    if path in mappings:
        return mappings[path]
    if not path.is_file():
        there = sorted(p.name for p in known.folder.glob("*.toml"))
        document.fault((*keys, "mapping"), unknown(name, there, f"mapping in {known.folder}"))
        return None
    try:
        mappings[path] = load_mapping(path)
    except SettingsError as error:
        document.faults.extend(fault for fault in error.faults if fault not in document.faults)
        return None
    return mappings[path]
