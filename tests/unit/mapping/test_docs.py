"""docs/mapping.md against the model: every key with its description, every issue code, every example."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.issues import CATALOGUE
from gateway.mapping.dates import _TOKENS
from gateway.mapping.faults import keys_of
from gateway.mapping.field import Condition, FieldSpec, Lookup
from gateway.mapping.spec import Filter, Group, Levels, MappingFile, Movements

PAGE = Path(__file__).parents[3] / "docs" / "mapping.md"
PARTS = (MappingFile, FieldSpec, Lookup, Condition, Filter, Group, Movements, Levels)


def rows_of(model: type) -> str:
    lines = ["| key | means |", "| --- | --- |"]
    lines += [
        f"| `{key}` | {field.description or ''} |"
        for key, field in zip(keys_of(model), model.model_fields.values(), strict=True)
    ]
    return "\n".join(lines)


@pytest.mark.parametrize("model", PARTS)
def test_every_key_stands_in_the_page_as_the_model_describes_it(model: type) -> None:
    mark = f"<!-- keys: {model.__name__} -->\n\n"
    page = PAGE.read_text(encoding="utf-8")
    assert mark in page
    assert page.split(mark, 1)[1].split("\n\n", 1)[0] == rows_of(model)


@pytest.mark.parametrize("model", PARTS)
def test_every_key_is_described(model: type) -> None:
    assert [name for name, field in model.model_fields.items() if not field.description] == []


def test_every_mapping_issue_of_the_catalogue_is_named() -> None:
    page = PAGE.read_text(encoding="utf-8")
    named = set(re.findall(r"MAP_[A-Z_]+", page))
    assert named == {code for code in CATALOGUE if code.startswith("MAP_")}


def test_every_date_token_is_named() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [token for token in _TOKENS if f"`{token}`" not in page] == []


def test_every_example_loads(load) -> None:
    examples = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(examples) >= 2
    for example in examples:
        files = {"units.csv": "code,unit\nud,units\n", "levels.csv": "code,level,counted\nA,5,2026-09-14\n"}
        load("", head=example, files=files)


@pytest.mark.parametrize(
    ("cells", "read"),
    [
        (("978-3-16-148410-0", "isbn-13"), ("9783161484100", "EAN-13")),
        (("5 012345 678900", "EAN"), ("5012345678900", "EAN-13")),
        (("036000291452", "UPC"), ("036000291452", "UPC-A")),
        (("ABC-12 3", "CODE39"), ("ABC-12 3", "CODE39")),
        (("12-B", ""), ("12-B", "")),
    ],
)
def test_the_example_of_barcodes_reads_them_as_printed(load, table, draft, cells, read) -> None:
    page = PAGE.read_text(encoding="utf-8").split("### Barcodes", 1)[1]
    example = page.split("```toml\n", 1)[1].split("```", 1)[0]
    source = table({"SKU": ["a"], "Barcode": [cells[0]], "Barcode Type": [cells[1]]})
    told = draft(load("", head=example), source).frame
    assert told.select("barcode", "barcode_type").rows() == [read]
