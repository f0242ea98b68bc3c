"""Stock to ProductStock files: properties, envelopes, limits, identity, requirements."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from pydantic import ValidationError

from gateway.contracts import check, contract
from gateway.destinations.sage import SageSettings, batches, stock
from gateway.model import KEY, LINE, ROW

NOW = "2026-11-22T09:30:00Z"


def settings(**more) -> SageSettings:
    return SageSettings(**{"outbox": Path("out"), "results": Path("in"), "profile": "acme-uk", **more})


def operation(chosen: SageSettings):
    return stock.operations(chosen)[0]


def encode(records, **more):
    chosen = settings(**more)
    return list(batches.encode(records, stock.shape(chosen), "a:productstocks", chosen))


def plain(number: int, **more) -> dict:
    return {"sku": f"S{number}", "quantity": str(number), "timestamp": NOW, **more}


def test_the_properties_of_a_record(stock_records):
    records = stock_records(
        {
            "sku": "TS-100-XL-BL",
            "product_id": "TS-100",
            "quantity": "14",
            "unit_name": "units",
            "minimum_to_sell": "1",
            "variant1_type": "Size",
            "variant1_value": "XL",
            "variant2_type": "Color",
            "variant2_value": "Blue",
            "timestamp": NOW,
        },
        {"sku": "A-7", "quantity": "0", "unit_name": "", "timestamp": NOW},
        {"sku": "B-8", "product_id": "", "quantity": "2.5", "timestamp": NOW},
    )
    (batch,) = encode(records)
    assert json.loads(batch.body, parse_float=Decimal) == [
        {
            "productId": "TS-100",
            "stock": 14,
            "unitName": "units",
            "minimumToSell": 1,
            "variant1Type": "Size",
            "variant1Value": "XL",
            "variant2Type": "Color",
            "variant2Value": "Blue",
            "timestamp": NOW,
        },
        {"productId": "A-7", "stock": 0, "timestamp": NOW},
        {"productId": "B-8", "stock": Decimal("2.5"), "timestamp": NOW},
    ]
    assert batch.body.startswith(b'[{"productId":"TS-100","stock":14,"unitName":"units"')
    assert batch.effects.rows() == [(100, 1), (101, 2), (102, 3)]


def test_awkward_texts_stay_what_they_are(stock_records):
    odd = 'q"\\ \u2028 é 😀 </script> \t'
    (batch,) = encode(stock_records({"sku": "A", "quantity": "1", "unit_name": odd, "timestamp": NOW}))
    assert json.loads(batch.body)[0]["unitName"] == odd


def test_large_levels_are_exact_numbers_without_exponent(stock_records):
    (batch,) = encode(stock_records({"sku": "A", "quantity": "999999999.001", "timestamp": NOW}))
    assert b'"stock":999999999.001,' in batch.body


def test_the_row_command_end_is_a_level_of_zero(stock_records):
    (batch,) = encode(stock_records({"sku": "A", "quantity": None, "command": "end", "timestamp": NOW}))
    assert json.loads(batch.body)[0]["stock"] == 0


def test_a_record_without_a_time_takes_the_newest(stock_records):
    (batch,) = encode(stock_records(plain(1), plain(2, timestamp="2026-11-22T10:00:00Z"), plain(3, timestamp=None)))
    times = [item["timestamp"] for item in json.loads(batch.body)]
    assert times == [NOW, "2026-11-22T10:00:00Z", "2026-11-22T10:00:00Z"]


def test_the_wrapped_envelope(stock_records):
    later = "2026-11-22T10:00:00Z"
    (batch,) = encode(stock_records(plain(1), plain(2, timestamp=later)), envelope="wrapped", domain='e"c')
    data = json.loads(batch.body)
    assert {name: value for name, value in data.items() if name != "items"} == {
        "domain": 'e"c',
        "scope": "productstocks",
        "batchId": batch.memo["batch"],
        "createdAt": later,
        "count": 2,
    }
    assert [item["productId"] for item in data["items"]] == ["S1", "S2"]


def test_names_are_made_of_the_content(stock_records):
    records = stock_records(*(plain(n) for n in range(3)))
    first, second, third = encode(records, max_records=1)
    assert first.memo["file"] == f"acme-uk_productstocks_{first.memo['batch']}_0001.json"
    assert third.memo["file"].endswith("_0003.json")
    assert len({first.memo["batch"], second.memo["batch"], third.memo["batch"]}) == 3
    assert [one.memo for one in encode(records, max_records=1)] == [first.memo, second.memo, third.memo]
    assert encode(records, max_records=1, profile="other")[0].memo["batch"] != first.memo["batch"]


@pytest.mark.parametrize("envelope", ["plain", "wrapped"])
def test_limits_hold_and_nothing_is_lost(stock_records, envelope):
    records = stock_records(*(plain(n, unit_name="x" * (n % 900)) for n in range(1200)))
    files = encode(records, max_bytes=100_000, max_records=250, envelope=envelope)
    assert [effect for batch in files for effect in batch.effects["effect"]] == list(range(100, 1300))
    for batch in files:
        assert len(batch.body) <= 100_000
        assert batch.effects.height <= 250
        data = json.loads(batch.body)
        assert len(data if envelope == "plain" else data["items"]) == batch.effects.height
    assert any(len(batch.body) > 95_000 for batch in files)


def test_the_largest_record_fits_the_smallest_file(stock_records):
    widest = "\x01" * 1000  # six bytes each once escaped
    fields = ("product_id", "unit_name", "variant1_type", "variant1_value", "variant2_type", "variant2_value")
    records = stock_records({"sku": "A", "quantity": "1", "timestamp": NOW} | dict.fromkeys(fields, widest))
    (batch,) = encode(records, max_bytes=100_000, envelope="wrapped")
    assert len(batch.body) < 100_000


def test_nothing_gives_no_batch(stock_records):
    assert encode(stock_records(plain(1)).clear()) == []


def test_row_keys_are_remembered_only_where_they_differ_from_the_records_keys(stock_records):
    (simple,) = encode(stock_records(plain(1), plain(2)))
    assert simple.memo["tail"] == "\x1f"
    assert "rows" not in simple.memo
    (bare,) = encode(stock_records(plain(1)).with_columns(pl.col("sku").alias(KEY)))
    assert bare.memo["tail"] == ""
    variants = {"variant1_type": "Size", "variant2_type": "Color", "variant2_value": "Blue"}
    rows = [plain(1), plain(2, product_id="P"), plain(3, product_id="P", variant1_value="XL", **variants)]
    (varied,) = encode(stock_records(*rows))
    assert batches.unpack(varied.memo["rows"]) == {"S1": [1], "P": [2], "P/XL/Blue": [3]}
    (other,) = encode(stock_records(*rows), separator="~")
    assert "P~XL~Blue" in batches.unpack(other.memo["rows"])


def test_the_operation_as_data():
    stocked = operation(settings())
    assert (stocked.batch_size, stocked.confirms, stocked.slot_until) == (500, "applied", "ticket")
    assert set(stocked.fields) >= {"sku", "product_id", "quantity", "variant2_value", "timestamp"}
    assert (stocked.repeat, stocked.searchable, stocked.drifts) == ("if_newest", True, True)
    assert operation(settings(results=None)).confirms == "accepted"


def judged(row: dict, **more) -> list[tuple[str, str]]:
    row = {"sku": "A", "quantity": "1", "timestamp": NOW} | row
    frame = pl.DataFrame({name: [value] for name, value in row.items()}, schema=dict.fromkeys(row, pl.String))
    frame = frame.with_columns(pl.lit(5, pl.Int64).alias(ROW), pl.lit(5, pl.Int64).alias(LINE))
    found = check(contract("stock"), frame, requires=operation(settings(**more)).requires)
    return found.issues.select("field", "code").rows()


@pytest.mark.parametrize(
    ("row", "more", "issues"),
    [
        ({}, {}, []),
        ({"timestamp": None}, {}, [("timestamp", "DEST_REQUIRED")]),
        ({"sku": "x" * 31}, {}, [("sku", "DEST_LIMIT")]),
        ({"sku": "x" * 31}, {"length_profile": "none"}, []),
        ({"sku": "x" * 31, "product_id": "P"}, {}, []),
        ({"sku": "a b"}, {}, [("sku", "DEST_LIMIT")]),
        ({"sku": "a b", "product_id": "P"}, {}, []),
        ({"product_id": "a b"}, {}, [("product_id", "DEST_LIMIT")]),
        ({"product_id": "x" * 31}, {}, [("product_id", "DEST_LIMIT")]),
        ({"unit_name": "x" * 9}, {}, [("unit_name", "DEST_LIMIT")]),
        ({"unit_name": "x" * 8}, {}, []),
        ({"quantity": "1.5", "unit_name": "Boxes"}, {}, [("quantity", "C-QTY")]),
        ({"quantity": "1.5", "unit_name": "litres"}, {}, []),
        ({"quantity": "1.5"}, {}, [("quantity", "C-QTY")]),
        ({"quantity": "1.5", "unit_name": ""}, {}, [("quantity", "C-QTY")]),
        ({"quantity": "1200"}, {}, []),
        ({"sku": "a/b"}, {}, [("sku", "DEST_LIMIT")]),
        ({"sku": "a/b"}, {"separator": "~"}, []),
        ({"sku": "a/b", "product_id": "P"}, {}, []),
        ({"product_id": "P/Q"}, {}, [("product_id", "DEST_LIMIT")]),
        (
            {"product_id": "P", "variant1_type": "Size", "variant1_value": "X/L"},
            {},
            [("variant1_value", "DEST_LIMIT")],
        ),
        ({"variant1_type": "Size", "variant1_value": "XL"}, {}, [("product_id", "DEST_REQUIRED")]),
        ({"product_id": "P", "variant1_type": "Size"}, {}, [("variant1_value", "V-PAIR")]),
        ({"warehouse": "W"}, {}, [("warehouse", "DEST_LIMIT")]),
        ({"warehouse": ""}, {}, []),
        ({"warehouse": "W"}, {"warehouses": "ignore"}, []),
    ],
)
def test_what_stock_must_be_beyond_the_contract(row, more, issues):
    assert judged(row, **more) == issues


@pytest.mark.parametrize(("unit", "said"), [("", ["pieces where no unit_name says otherwise"]), ("litres", []),
                                            ("boxes", ["boxes"])])  # fmt: skip
def test_a_fraction_in_a_catalog_is_warned_of_once(unit, said):
    row = {"sku": "A", "quantity": "1.2", "unit_name": unit, "timestamp": NOW, ROW: 5, LINE: 5}
    requires = stock.operations(settings())[1].requires
    found = check(contract("catalog"), pl.DataFrame([row]), requires=requires)
    assert found.issues.filter(pl.col("code") == "C-QTY")["detail"].to_list() == said


@pytest.mark.parametrize(
    "wrong", [{"profile": "a_b"}, {"profile": ""}, {"states": {"A": "applied", "a ": "refused"}}, {"x": 1}]
)
def test_settings_that_can_not_work_are_refused(wrong):
    with pytest.raises(ValidationError):
        settings(**wrong)


def test_two_thousand_files_are_written_in_columns():
    """A row-by-row encoder needs many times this; the bound leaves room for a busy machine."""
    count = 200_000
    records = pl.select(effect=pl.int_range(0, count, dtype=pl.UInt32)).with_columns(
        sku=pl.format("SKU-{}", "effect"), quantity=pl.col("effect").cast(pl.String), timestamp=pl.lit(NOW)
    )
    records = records.with_columns((pl.col("sku") + "\x1f").alias(KEY))
    start = time.process_time()
    assert len(encode(records)) == 400
    assert time.process_time() - start < 2.0


def test_texts_are_composed_and_codes_stay(stock_records):
    apart, whole = "Cafe\u0301", "Caf\u00e9"
    row = {"sku": apart, "product_id": apart, "variant1_type": apart, "variant1_value": apart, "quantity": "1"}
    (batch,) = encode(stock_records({**row, "unit_name": apart, "timestamp": NOW}))
    (item,) = json.loads(batch.body)
    assert item["productId"] == apart
    assert {item["variant1Type"], item["variant1Value"], item["unitName"]} == {whole}
    assert batches.unpack(batch.memo["rows"]) == {f"{apart}/{whole}": [1]}, "answers name it as it was written"
