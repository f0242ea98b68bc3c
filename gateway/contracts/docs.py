"""The page on contracts, written from the declarations so that it can't drift; it knows nothing the contracts don't."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from gateway.contracts import contracts
from gateway.contracts.contract import Contract, ContractField
from gateway.issues import CATALOGUE, WARNINGS
from gateway.model import KEY

_INTRO = """# Data contracts

This page is written by the program from the contracts it checks; edit the contracts, not the page.

A record is a row of *canonical text*: every field has one text form, equal values have equal text. A mapping turns
partner cells into it; files of partners need not look like this. In a field that need not be given, a missing and an
empty cell both mean "not given". Identifiers are text: leading zeros count.
"""


def markdown() -> str:
    """Return the whole page."""
    return "\n".join([_INTRO, *(_contract(one) for one in contracts())])


def _contract(one: Contract) -> str:
    parts = [
        f"## {one.title}: `{one.name}`, version {one.version}\n",
        f"A record is named by {_list(one.key)}. No two rows of a file may have the same key.",
        f"Rows belong together by `{one.group}`.\n" if one.group is not None else "",
        _table(("Field", "Needed", "Form", "Meaning", "Example"), _fields(one)),
        *([_permits(one)] if one.permits else []),
        "Rules over the fields of a row (not asked where one of the fields is itself at fault) and over rows:\n",
        _table(("Code", "Weight", "Fields", "Says"), _rules(one)),
    ]
    return "\n".join(parts)


def _fields(contract: Contract) -> list[tuple[str, ...]]:
    rows = [_field(contract, one) for one in contract.fields.values()]
    if contract.open_type is not None:
        form = f"{contract.open_type.word}: {contract.open_type.form()}"
        rows.append((f"`{contract.open_prefix}<code>`", "", form, contract.open_help, ""))
    return rows


def _permits(contract: Contract) -> str:
    said = "What rows may besides, as their route in `gateway.toml` says (no mapping fills it):\n"
    return f"{said}\n{_table(('Permit', 'Meaning'), [(f'`{name}`', told) for name, told in contract.permits.items()])}"


def _needed(contract: Contract, one: ContractField) -> str:
    if one.required:
        return "yes"
    if one.name in contract.required_unless:
        other, word = contract.required_unless[one.name]
        return f"unless `{other}` is `{word}`"
    if one.name in contract.required_with:
        return f"with {_list(contract.required_with[one.name])}"
    for group, (other, word) in contract.one_of_unless.items():
        if one.name in group:
            return f"one of {_list(group)}, unless `{other}` is `{word}`"
    return ""


def _field(contract: Contract, one: ContractField) -> tuple[str, ...]:
    form = f"{one.type.word}: {one.type.form()}"
    example = f"`{one.example.replace('|', chr(92) + '|')}`" if one.example else ""
    return f"`{one.name}`", _needed(contract, one), form, one.help, example


def _rules(contract: Contract) -> list[tuple[str, ...]]:
    # the time is only asked for to list the rules that depend on one
    fields: dict[str, list[str]] = {}
    for rule in contract.rules_at(datetime(2000, 1, 1, tzinfo=UTC)):
        fields.setdefault(rule.code, []).extend(rule.columns)
    for rows_rule in contract.rows_rules:
        named = contract.key if rows_rule.columns == (KEY,) else rows_rule.columns
        fields.setdefault(rows_rule.code, []).extend(named)
    return [
        (f"`{code}`", "warning" if code in WARNINGS else "error", _list(dict.fromkeys(names)), CATALOGUE[code].text)
        for code, names in fields.items()
    ]


def _list(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"
