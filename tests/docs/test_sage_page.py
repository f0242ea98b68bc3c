"""The page of Sage 50 names every field of a contract that nothing is made of, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.contracts import contract
from gateway.contracts.taxes import lasting, tax_rates
from gateway.destinations.sage import SageDestination, SageSettings
from gateway.errors import SettingsError

PAGE = Path(__file__).parents[2] / "docs" / "destinations" / "sage.md"
HOW = {"command", "valid_from", "price_basis", "currency", "tax_rate"}
"""They say how and when a row is written; nothing of them is lost."""
BUNDLES = {"get_quantity"}
"""It stands beside `buy_quantity` only, and such rows are rejected."""


def listed() -> dict[str, set[str]]:
    section = PAGE.read_text("utf-8").split("## What rows bring that is not sent", 1)[1].split("\n\n")[1]
    rows = [line.split("|")[1:3] for line in section.splitlines()[2:]]
    return {name.strip(" `"): set(re.findall(r"`([a-z_.*]+)`", cells.split("(")[0])) for name, cells in rows}


def made_of(name: str) -> set[str]:
    settings = SageSettings(outbox=Path("out"), results=Path("in"), profile="acme")
    written = [one for one in SageDestination.SPEC.operations(settings) if one.contract == name]
    found = {*(field for one in written for field in (*one.fields, *(one.key or ()), *(one.when or ())))}
    return found | {column for one in written for rule in one.requires for column in rule.columns}


@pytest.mark.parametrize("name", ["catalog", "stock", "promotion", "picture"])
def test_what_is_not_sent_is_listed_and_nothing_else(name: str) -> None:
    agreed = contract(name)
    unsent = agreed.fields.keys() - made_of(name) - HOW - BUNDLES
    if agreed.open_prefix is not None:
        unsent |= {f"{agreed.open_prefix}*"}
    assert listed().get(name, set()) == unsent


def test_the_table_of_tax_rates_that_is_shown_is_one(tmp_path: Path) -> None:
    (shown,) = re.findall(r"```csv\n(territory,.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    table = tmp_path / "rates.csv"
    table.write_text(shown, "utf-8")
    assert lasting("IT", tax_rates(table)) == ("4", "10", "22")
    (folders := tmp_path / "out").mkdir()
    made = SageSettings(outbox=folders, results=folders, profile="acme", country="IT", tax_table=table)
    assert SageDestination.SPEC.operations(made)
    with pytest.raises(SettingsError, match="has none of IT; name a CSV file that has them as tax_table"):
        SageDestination.SPEC.operations(made.model_copy(update={"tax_table": None}))
