"""What people write by hand: shipments, payments, returns, shoppers and categories from a table, one call per record.

These are calls of a person and not of a route: nothing is remembered, so nothing is sent twice by itself either. A call
whose answer was lost is told as uncertain; shipments must not be repeated before somebody looked.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from gateway.destinations.sellerscommerce import enums
from gateway.destinations.sellerscommerce.answers import Answer, Meaning
from gateway.destinations.sellerscommerce.bodies import Bodies, Body, Member
from gateway.destinations.sellerscommerce.calls import Calls
from gateway.destinations.sellerscommerce.endpoints import WRITES
from gateway.destinations.sellerscommerce.settings import SellersCommerceSettings
from gateway.errors import OutcomeUnknown, SettingsError
from gateway.model import RowState

FORMS: Mapping[str, str] = {
    "shipments": "shipment",
    "payments": "payment",
    "order-statuses": "order-status",
    "returns": "return",
    "shoppers": "shopper",
    "addresses": "address",
    "categories": "category",
    "links": "link",
    "category-deletes": "category-delete",
}
"""Names of tables and the bodies their rows become."""

DELETES = frozenset({"category-deletes"})
_OF_SHOPPERS = frozenset({"shopper", "address"})
_EXPECTED = {"number": "a number like 12.5", "integer": "a whole number", "flag": "true or false"}
_COLUMN_PARENT, _COLUMN_CODE = "parent_code", "category_code"


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one row of a table, counted from 1 below its header."""

    row: int
    state: RowState
    text: str = ""


class Pushing:
    """Writes tables of one store."""

    def __init__(self, calls: Calls, settings: SellersCommerceSettings, bodies: Bodies) -> None:
        self._calls = calls
        self._settings = settings
        self._bodies = bodies

    @property
    def forms(self) -> Mapping[str, tuple[str, ...]]:
        """Names of tables and the columns each may have."""
        return {name: self._columns(self._bodies[body]) for name, body in FORMS.items()}

    def push(self, name: str, rows: Sequence[Mapping[str, str]], *, delete: bool = False) -> Iterator[Told]:
        """Send rows, those of one record together, and say what became of each.

        Raises SettingsError for a table or column that is none, or a deletion nobody allowed; what the transport
        raises stops it, rows after it were not sent.
        """
        if name not in FORMS:
            raise SettingsError(f"There is no table {name!r}; it has: {', '.join(FORMS)}.")
        if name in DELETES and not delete:
            raise SettingsError(f"{name} delete, and deleted categories can't be called back.", fix="Say --delete.")
        body = self._bodies[FORMS[name]]
        columns = self._columns(body)
        strange = sorted({column for row in rows for column in row} - {*columns})
        if strange:
            known = ", ".join(columns)
            raise SettingsError(f"{name} have no column {', '.join(map(repr, strange))}; they have: {known}.")
        frame = pl.DataFrame(
            [[row.get(column) for column in columns] for row in rows],
            schema=dict.fromkeys(columns, pl.String),
            orient="row",
        )
        return self._sent(FORMS[name], body, frame)

    def _columns(self, body: Body) -> tuple[str, ...]:
        items = self._bodies[body.items].sources if body.items else ()
        return tuple(dict.fromkeys(one for one in (*body.sources, *items) if one != "items"))

    def _sent(self, name: str, body: Body, frame: pl.DataFrame) -> Iterator[Told]:
        faults = self._faults(body, frame)
        groups: dict[str, list[int]] = {}
        for number in range(frame.height):
            key = frame[body.group][number] if body.group else None
            groups.setdefault(key or f"row {number}", []).append(number)
        for numbers in self._ordered(name, frame, list(groups.values())):
            wrong = [n for n in numbers if n in faults]
            if wrong:
                for n in numbers:
                    yield Told(n + 1, RowState.REJECTED, faults.get(n, f"row {wrong[0] + 1} of it is faulty"))
                continue
            part = frame[numbers]
            verdict = self._one(name, body, part)
            yield from (Told(n + 1, *verdict) for n in numbers)

    def _one(self, name: str, body: Body, part: pl.DataFrame) -> tuple[RowState, str]:
        inverted = self._settings.is_brand_inverted
        record = part.head(1)
        if body.items:
            items = self._bodies[body.items].render(part, inverted=inverted).to_list()
            record = record.with_columns(pl.lit(f"[{','.join(items)}]").alias("items"))
        text = body.render(record, inverted=inverted).item()
        try:
            answer = self._call(name, body, text, part)
        except OutcomeUnknown as error:
            return RowState.UNCERTAIN, error.message
        meaning = answer.meaning(of_shopper=name in _OF_SHOPPERS)
        if meaning is Meaning.DONE:
            return RowState.APPLIED, ""
        if meaning is Meaning.THERE:
            return (RowState.APPLIED if self._settings.exists_is_success else RowState.SKIPPED), answer.text()
        return RowState.REFUSED, answer.text()

    def _call(self, name: str, body: Body, text: str, part: pl.DataFrame) -> Answer:
        endpoint = WRITES[name]
        if endpoint.method == "DELETE":
            action = str(enums.id_of("ActionId", part["action"][0]))
            named = (("CategoryCode", part[_COLUMN_CODE][0]), ("ActionId", action))
            return self._calls.delete(endpoint, named, text.encode())
        content = f"[{text}]" if body.many else text
        return self._calls.post(endpoint, content.encode(), of_shopper=name in _OF_SHOPPERS)

    def _faults(self, body: Body, frame: pl.DataFrame) -> dict[int, str]:
        """Return what is wrong with rows, the first of each."""
        members = [*body.members, *(self._bodies[body.items].members if body.items else ())]
        found: dict[int, str] = {}
        for one in members:
            if one.source not in frame.columns:
                continue
            missing = pl.lit(one.required) & (pl.col(one.source).fill_null("") == "")
            for n in _where(frame, missing):
                takes = f"; it takes: {enums.taken(one.enum)}" if one.enum else ""
                found.setdefault(n, f"{one.source} is needed and missing{takes}")
            for n in _where(frame, one.strange()):
                found.setdefault(n, _strange(one, frame[one.source][n]))
        if {"carrier", "service"} <= {*frame.columns}:
            for n in range(frame.height):
                if n not in found and (told := _misfit(frame["carrier"][n], frame["service"][n])):
                    found[n] = told
        return found

    def _ordered(self, name: str, frame: pl.DataFrame, groups: list[list[int]]) -> Iterable[list[int]]:
        """Return the groups in sending order: categories after their parents, the rest as they stand."""
        if name != "category":
            return groups
        above = dict(zip(frame[_COLUMN_CODE], frame[_COLUMN_PARENT], strict=True))

        def depth(code: str | None) -> int:
            seen: set[str] = set()
            while code is not None and code in above and code not in seen:
                seen.add(code)
                code = above[code]
            return len(seen)

        return sorted(groups, key=lambda numbers: depth(frame[_COLUMN_CODE][numbers[0]]))


def _where(frame: pl.DataFrame, wrong: pl.Expr) -> list[int]:
    return frame.select(wrong.fill_null(value=False).arg_true()).to_series().to_list()


def _strange(member: Member, said: str) -> str:
    """Say that a cell can't be what its member is, and what it could be."""
    if not member.enum:
        return f"{member.source} is {said!r}, expected {_EXPECTED[member.type]}"
    names = {name.casefold(): name for name in enums.enumerations()[member.enum]}
    near = difflib.get_close_matches(said.casefold(), names, 1)
    hint = f"did you mean {names[near[0]]!r}? " if near else ""
    return f"{member.source} is {said!r}, which is none of {member.enum}; {hint}it takes: {enums.taken(member.enum)}"


def _misfit(carrier: str | None, service: str | None) -> str:
    if not carrier:
        return ""
    number = enums.id_of("CarrierId", carrier)
    chosen = enums.id_of("ServiceTypeId", service) if service else None
    if enums.service_fits(number, chosen):
        return ""
    name, own = enums.name_of("CarrierId", number), enums.services(number)
    if not service:
        return f"{name} needs one of its services: {own}"
    return f"service {service!r} is none of {name}, which has {own or 'no services: leave it empty'}"
