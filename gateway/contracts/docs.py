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
        _table(("Field", "Needed", "Form", "Meaning", "Example"), [_field(one, name) for name in one.fields.values()]),
        "Rules over the fields of a row (not asked where one of the fields is itself at fault) and over rows:\n",
        _table(("Code", "Weight", "Fields", "Says"), _rules(one)),
    ]
    return "\n".join(parts)


def _field(contract: Contract, one: ContractField) -> tuple[str, ...]:
    needed = "yes" if one.required else ""
    if one.name in contract.required_unless:
        other, word = contract.required_unless[one.name]
        needed = f"unless `{other}` is `{word}`"
    form = f"{one.type.word}: {one.type.form()}"
    return f"`{one.name}`", needed, form, one.help, f"`{one.example.replace('|', chr(92) + '|')}`"


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
