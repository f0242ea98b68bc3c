"""The layouts the project ships: samples as their maker writes them, mappings that fit their contracts."""

from __future__ import annotations

import io
import re
import sys
import tomllib
import zipfile
from pathlib import Path

import polars as pl
import pytest
from stdnum import ean

from gateway.contracts import contract
from gateway.formats.layout import Layout
from gateway.mapping import compile_mapping, load_mapping
from gateway.readers import reader_for

PROJECT = Path(__file__).parents[3]
SAMPLES = PROJECT / "samples"
KINDS = ("chain_", "generic_", "sage50_", "shopify_", "woocommerce_")
MAPPINGS = sorted(p.name for p in (PROJECT / "mappings").glob("*.toml") if p.name.startswith(KINDS))
CASES = {path.parent.name: path for path in (PROJECT / "tests" / "golden").glob("*/case.toml")}


def content(body: bytes) -> object:
    """Take the packing off: how well bytes are packed depends on the machine."""
    if not body.startswith(b"PK"):
        return body
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return [(info.filename, archive.read(info)) for info in archive.infolist()]


def test_the_maker_writes_the_samples_as_they_are(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(SAMPLES))
    before = set(sys.modules)
    import make_erp  # noqa: PLC0415  a script, found only now
    import make_forms  # noqa: PLC0415  likewise

    monkeypatch.setattr(make_forms, "HERE", tmp_path)
    make_erp.main()
    for name in set(sys.modules) - before:
        if name.startswith("make_"):
            del sys.modules[name]
    made = {path.relative_to(tmp_path).as_posix(): path for path in tmp_path.rglob("*") if path.is_file()}
    there = {p.relative_to(SAMPLES).as_posix(): p for part in ("erp", "generic") for p in (SAMPLES / part).iterdir()}
    assert made.keys() == there.keys()
    for name, path in made.items():
        assert content(path.read_bytes()) == content(there[name].read_bytes()), name


@pytest.mark.parametrize("name", MAPPINGS)
def test_a_shipped_mapping_fills_what_its_contract_has_and_needs(name: str):
    mapping = load_mapping(PROJECT / "mappings" / name)
    agreed = contract(mapping.contract)
    assert [field for field in mapping.fields if not agreed.has(field)] == []
    assert agreed.unfilled(mapping.fields) == ()


def test_every_contract_has_a_generic_mapping_in_every_format():
    generic = {name.removesuffix(".toml") for name in MAPPINGS if name.startswith("generic_")}
    contracts = ("catalog", "stock", "promotion", "price", "picture")
    assert generic == {f"generic_{one}_{kind}" for one in contracts for kind in ("csv", "xlsx", "xml")}


def test_every_shipped_mapping_is_named_in_its_page():
    page = (PROJECT / "docs" / "mapping.md").read_text("utf-8")
    assert [name for name in MAPPINGS if not name.startswith("generic_") and f"`{name}`" not in page] == []


@pytest.mark.parametrize("name", MAPPINGS)
def test_a_shipped_mapping_has_its_case(name: str):
    case = tomllib.loads(CASES[name.removesuffix(".toml")].read_text("utf-8"))
    assert case["shipped"] == name
    assert (SAMPLES / case["drop"][0]["sample"]).is_file()


def tables(layout: Layout, file: Path):
    return reader_for(layout).tables(file, layout)


def test_stock_transactions_become_levels():
    mapping = load_mapping(PROJECT / "mappings" / "sage50_uk_transactions.toml")
    file = SAMPLES / "erp" / "sage50_uk_transactions.csv"
    blocks = list(tables(mapping.format, file))
    traits = contract("stock").traits
    applier = compile_mapping(mapping, blocks[0].headers, traits, again=lambda: tables(mapping.format, file))
    drafts = [applier.apply(block) for block in blocks]
    levels = pl.concat([draft.frame for draft in drafts]).unique("sku", keep="first", maintain_order=True)
    assert dict(levels.select("sku", "quantity").iter_rows()) == {
        "FEN-LAN-01": "22",
        "FEN-OIL-05": "27",
        "FEN-ROP-10": "1062",
        "FEN-CAN-12": "0",
        "FEN-NEW-01": None,
        "FEN-LAN-02": "2",
        "FEN-SEA-01": None,
        "FEN-BOO-01": "-5",
    }
    issues = pl.concat([draft.issues for draft in drafts])
    assert issues.select("@row", "code", "value").rows() == [
        (9, "MAP_NO_BASELINE", "FEN-NEW-01"),
        (11, "MAP_LOOKUP", "ZZ"),
        (14, "MAP_MOVEMENT", "FEN-SEA-01"),
    ]
    assert [draft.skipped["@row"].to_list() for draft in drafts] == [[4]]


@pytest.mark.parametrize("name", ["generic/catalog.csv", "erp/sage50_uk_products.csv", "erp/woocommerce_products.csv"])
def test_barcodes_of_the_samples_are_sound_but_for_those_that_show_a_fault(name: str):
    codes = [cell for cell in (SAMPLES / name).read_text("utf-8-sig").replace("\n", ",").split(",") if cell.isdigit()]
    codes = [code for code in codes if len(code) == 13]
    wrong = [code for code in codes if not ean.is_valid(code)]
    assert len(codes) >= 4
    assert wrong == (["5012345002010"] if name.startswith("generic") else [])


@pytest.mark.parametrize(
    ("feed", "sample"),
    [
        ("generic_catalog_csv", "generic/catalog.csv"),
        ("sage50_uk_products", "erp/sage50_uk_products.csv"),
        ("shopify_products", "erp/shopify_products.csv"),
        ("woocommerce_products", "erp/woocommerce_products.csv"),
    ],
)
def test_barcodes_may_be_written_as_they_are_printed(feed: str, sample: str, tmp_path: Path):
    mapping = load_mapping(PROJECT / "mappings" / f"{feed}.toml")
    printed = tmp_path / "printed.csv"
    whole = (SAMPLES / sample).read_bytes()
    printed.write_bytes(re.sub(rb"\b([0-9])([0-9]{6})([0-9]{6})\b", rb"\1 \2-\3", whole))
    assert printed.read_bytes() != whole

    def barcodes(file: Path) -> list[str | None]:
        blocks = list(tables(mapping.format, file))
        applier = compile_mapping(mapping, blocks[0].headers, contract("catalog").traits)
        return pl.concat([applier.apply(block).frame["barcode"] for block in blocks]).to_list()

    assert barcodes(printed) == barcodes(SAMPLES / sample)
