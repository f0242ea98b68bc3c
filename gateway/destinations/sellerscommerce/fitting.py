"""Whether bodies of one's own fit what fills them: a word nobody fills would leave its member out of every call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from gateway.destinations.sellerscommerce.bodies import Bodies, Body
from gateway.destinations.sellerscommerce.placing import PERMIT
from gateway.destinations.sellerscommerce.pushing import FORMS
from gateway.errors import Fault, SettingsError
from gateway.formats.sections import unknown
from gateway.model import Operation

Keys = tuple[str, ...]
_ANY_ATTRIBUTE = "attributes.*"
_WORDS: Mapping[str, frozenset[str]] = {
    "product": frozenset({"product_code", "image", "images", "status", "categories", "skus"}),
    "sku": frozenset({"product_code", "listed_price", "new_quantity", "first", "options"}),
    "option": frozenset({"option_name", "option_value", "option_type"}),
    "price": frozenset({"product_code"}),
    "stock": frozenset({"product_code"}),
}
"""What tables filled from files have besides the fields of their operation, which is called as the table."""
_OPERATIONS = {"sku": "product"}
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "product": ("product_code",),
    "sku": ("sku",),
    "option": ("option_name", "option_value"),
    "price": ("sku", "price"),
    "stock": ("sku", "quantity"),
    "category": ("category_code", "category_name", "parent_code"),
    "category-delete": ("category_code", "action"),
    "link": ("product_code", "category_code"),
}
"""Without these a call would not say what it is about."""


def check(bodies: Bodies, operations: Sequence[Operation], path: Path | None) -> None:
    """Judge the bodies that a file lays over the shipped ones. Raises SettingsError with every fault."""
    pushed = {name for form in FORMS.values() for name in (form, bodies[form].items) if name}
    faults = []
    for table, body in bodies.items():
        found = [*_lacking(table, body), *_unfilled(table, body, operations)]
        found += _of_people(table, body, bodies) if table in pushed else ()
        faults += [Fault("bodies.toml" if path is None else str(path), message, keys) for keys, message in found]
    if faults:
        raise SettingsError(faults, fix="Correct the file named by `bodies`.")


def _lacking(table: str, body: Body) -> Iterator[tuple[Keys, str]]:
    lacking = [word for word in _NEEDED.get(table, ()) if word not in body.sources]
    if lacking:
        yield (table, "members"), f"no member is from {', '.join(lacking)}; expected one each"


def _unfilled(table: str, body: Body, operations: Sequence[Operation]) -> Iterator[tuple[Keys, str]]:
    """Yield members from words that are neither fields of the contract nor worked out."""
    if table not in _WORDS:
        return
    mine = [one for one in operations if one.name == _OPERATIONS.get(table, table)]
    known = {word for one in mine for word in (*one.fields, *one.context)} - {PERMIT} | _WORDS[table]
    free = _ANY_ATTRIBUTE in known
    for number, one in enumerate(body.members):
        attribute = free and one.source.startswith("attributes.") and one.source != _ANY_ATTRIBUTE
        if one.source and one.source not in known - {_ANY_ATTRIBUTE} and not attribute:
            yield (table, "members", str(number), "from"), unknown(one.source, known, "source")


def _of_people(table: str, body: Body, bodies: Bodies) -> Iterator[tuple[Keys, str]]:
    """Yield what is wrong with a table that people push: its sources are columns of their own."""
    for number, one in enumerate(body.members):
        if one.source and one.default is not None:
            said = (
                f"an empty cell of {one.source} would become {one.default!r}; expected required = true, or no default"
            )
            yield (table, "members", str(number), "default"), said
    inner = bodies.get(body.items)
    if body.items and inner is None:
        yield (table, "items"), unknown(body.items, bodies, "table")
    if ("items" in body.sources) != (body.items != ""):
        yield (table, "members"), "a member from 'items' and the table's `items` go together"
    if body.group and body.group not in {*body.sources, *(inner.sources if inner is not None else ())}:
        yield (table, "group"), f"rows are grouped by {body.group!r}, which no member is from"
