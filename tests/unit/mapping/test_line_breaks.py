from __future__ import annotations

from pathlib import Path

import openpyxl
import polars as pl
import pytest

from gateway import contracts
from gateway.contracts import contract
from gateway.mapping import MappingFile, compile_mapping
from gateway.mapping.steps import lines_by_feeds
from gateway.model import Draft
from gateway.readers import reader_for

FIELDS = {
    "sku": "sku",
    "name": "name",
    "long_description": {"column": "text"},
    "attributes.*": {"column": "attr *", "optional": True},
}
TEXT, NOTE = "one\r\ntwo\rthree\nfour", "wash\r\ncold"
READ = [("a", "one\ntwo\nthree\nfour", "wash\ncold"), ("b", "one line", "dry")]
ROWS = [("a", "Shirt", TEXT, NOTE), ("b", "Cap", "one line", "dry")]


def csv_file(folder: Path) -> tuple[Path, dict[str, object], dict[str, object]]:
    lines = ["sku,name,text,attr care", *(f'{sku},{name},"{text}","{note}"' for sku, name, text, note in ROWS)]
    path = folder / "catalog.csv"
    path.write_bytes("\r\n".join([*lines, ""]).encode())
    return path, {"kind": "csv", "delimiter": ",", "encoding": "utf-8"}, FIELDS


def xlsx_file(folder: Path) -> tuple[Path, dict[str, object], dict[str, object]]:
    book = openpyxl.Workbook()
    for row in (("sku", "name", "text", "attr care"), *ROWS):
        book.active.append([cell.replace("\r", "_x000D_") for cell in row])
    path = folder / "catalog.xlsx"
    book.save(path)
    return path, {"kind": "xlsx"}, FIELDS


def xml_file(folder: Path) -> tuple[Path, dict[str, object], dict[str, object]]:
    shown = [tuple(cell.replace("\r", "&#13;") for cell in row) for row in ROWS]
    records = (
        f"<item><sku>{sku}</sku><name>{name}</name><text>{text}</text><care>{note}</care></item>"
        for sku, name, text, note in shown
    )
    path = folder / "catalog.xml"
    path.write_text(f"<items>{''.join(records)}</items>", "utf-8", newline="")
    fields = {key: one for key, one in FIELDS.items() if not key.endswith("*")} | {"attributes.care": "care"}
    return path, {"kind": "xml", "record": "/items/item"}, fields


def draft(path: Path, layout: dict[str, object], fields: dict[str, object]) -> Draft:
    mapping = MappingFile.model_validate({"contract": "catalog", "version": 1, "format": layout, "fields": fields})
    (block,) = reader_for(mapping.format).tables(path, mapping.format)
    return compile_mapping(mapping, block.headers, contract("catalog").traits).apply(block)


@pytest.mark.parametrize("written", [csv_file, xlsx_file, xml_file])
def test_line_breaks_of_texts_are_feeds_whatever_the_file_has(tmp_path: Path, written) -> None:
    found = draft(*written(tmp_path)).frame
    assert found.select("sku", "long_description", "attributes.care").rows() == READ
    assert contracts.check(contract("catalog"), found).issues.height == 0


def test_a_text_of_one_line_keeps_its_return_and_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "catalog.csv"
    path.write_bytes(b'sku,name,text\r\na,"one\r\ntwo",plain\r\n')
    found = draft(path, {"kind": "csv", "delimiter": ",", "encoding": "utf-8"}, FIELDS).frame
    assert found["name"].to_list() == ["one\r\ntwo"]
    assert contracts.check(contract("catalog"), found).issues["field"].to_list() == ["name"]


def test_a_block_without_returns_stays_the_very_same() -> None:
    frame = pl.DataFrame({"a": ["x\ny", None, ""], "b": ["p\r", "q", "r"]})
    assert lines_by_feeds(frame, ["a"]) is frame
    assert lines_by_feeds(frame, []) is frame
    assert lines_by_feeds(frame, ["a", "b"])["b"].to_list() == ["p\n", "q", "r"]


def test_fields_with_line_breaks_are_the_ones_whose_contract_says_so() -> None:
    assert contract("catalog").lined == {"short_description", "long_description", "attributes.*"}
    assert contract("stock").lined == frozenset()
