"""Stock to CSV: exact bytes, adjacent lines, batches, ends, requirements."""

from __future__ import annotations

import csv
import io

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from gateway.contracts import check, contract
from gateway.destinations.mirakl import MiraklSettings, stock
from gateway.model import KEY, LINE, ROW, Repeat

SECRET = "0f3c-secret-key"


def settings(**more) -> MiraklSettings:
    return MiraklSettings(**{"host": "shop.mirakl.net", "api_key": SecretStr(SECRET), **more})


def encode(records, **more):
    return list(stock.encode(records, "a:stock", settings(**more)))


def rows(body: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(body.decode(), newline=""), delimiter=";", strict=True))


def test_the_bytes_of_a_file(stock_records):
    records = stock_records(
        {"sku": "A-1", "quantity": "12"}, {"sku": '00"7;', "quantity": "0"}, {"sku": "ñ", "quantity": "2147483647"}
    )
    (batch,) = encode(records)
    assert batch.body == (
        b'"offer-sku";"quantity";"warehouse-code";"update-delete"\n'
        b'"A-1";"12";"";"update"\n'
        b'"00""7;";"0";"";"update"\n'
        b'"\xc3\xb1";"2147483647";"";"update"\n'
    )
    assert batch.effects.rows() == [(100, 2), (101, 3), (102, 4)]
    assert batch.effects.schema == {"effect": pl.UInt32, "line": pl.Int64}
    assert (batch.operation, batch.slot, batch.memo) == ("stock", "a:stock", {"key": "sku,warehouse"})


def test_polars_quotes_null_and_empty_alike():
    frame = pl.DataFrame({"a": ["x", None, ""]})
    assert frame.write_csv(quote_style="always", separator=";") == '"a"\n"x"\n""\n""\n'


def test_lines_count_as_the_setting_says(stock_records):
    (batch,) = encode(stock_records({"sku": "A", "quantity": "1"}), report_counts_header=False)
    assert batch.effects["line"].to_list() == [1]


def test_lines_of_one_offer_are_adjacent_and_effects_follow(stock_records):
    records = stock_records(
        {"sku": "B", "quantity": "1", "warehouse": "W2"},
        {"sku": "A", "quantity": "2", "warehouse": "W1"},
        {"sku": "B", "quantity": "3", "warehouse": "W1"},
        {"sku": "C", "quantity": "4", "warehouse": ""},
    )
    (batch,) = encode(records)
    assert rows(batch.body)[1:] == [
        ["A", "2", "W1", "update"],
        ["B", "3", "W1", "update"],
        ["B", "1", "W2", "update"],
        ["C", "4", "", "update"],
    ]
    assert batch.effects["effect"].to_list() == [101, 102, 100, 103]


@pytest.mark.parametrize(("end_as", "line"), [("zero", ["A", "0", "", "update"]), ("delete", ["A", "", "", "delete"])])
def test_the_row_command_end(stock_records, end_as, line):
    records = stock_records(
        {"sku": "A", "quantity": None, "command": "end"}, {"sku": "B", "quantity": "5", "command": "upsert"}
    )
    (batch,) = encode(records, end_as=end_as)
    assert rows(batch.body)[1:] == [line, ["B", "5", "", "update"]]


def test_keys_made_of_other_fields_are_not_told(stock_records):
    records = stock_records({"sku": "A", "quantity": "1"}).with_columns(pl.lit("else").alias(KEY))
    assert encode(records)[0].memo == {}


def test_nothing_gives_no_batch(stock_records):
    assert encode(stock_records({"sku": "A", "quantity": "1"}).clear()) == []


def test_batches_are_cut_in_order(stock_records):
    records = stock_records(*({"sku": f"S{n}", "quantity": str(n)} for n in range(7)))
    batches = encode(records, batch_size=3)
    assert [batch.effects["effect"].to_list() for batch in batches] == [[100, 101, 102], [103, 104, 105], [106]]
    assert all(batch.effects["line"][0] == 2 for batch in batches)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=12), st.integers(1, 6))
def test_offers_are_not_torn_apart_and_no_effect_is_lost(sizes, size):
    names = [(f"S{offer:02}", f"W{line}") for offer, lines in enumerate(sizes) for line in range(lines)]
    frame = pl.DataFrame(
        {
            "effect": pl.Series(range(len(names)), dtype=pl.UInt32),
            KEY: ["\x1f".join(name) for name in names],
            "sku": [name[0] for name in names],
            "warehouse": [name[1] for name in names],
            "quantity": ["1"] * len(names),
        }
    ).reverse()
    batches = encode(frame, batch_size=size)
    assert sorted(effect for batch in batches for effect in batch.effects["effect"]) == list(range(len(names)))
    places = [{row[0] for row in rows(batch.body)[1:]} for batch in batches]
    for number, batch in enumerate(batches):
        assert 1 <= batch.effects.height <= size
        for other in places[number + 1 :]:
            assert all(sizes[int(sku[1:])] > size for sku in places[number] & other)


def test_encoding_is_repeatable(stock_records):
    records = stock_records(*({"sku": f"S{n % 5}", "quantity": "1", "warehouse": f"W{n}"} for n in range(20)))
    first, second = encode(records, batch_size=6), encode(records, batch_size=6)
    assert [(one.body, one.effects.rows(), one.memo) for one in first] == [
        (one.body, one.effects.rows(), one.memo) for one in second
    ]


def test_the_operation_as_data():
    operation = stock.operation(settings())
    assert (operation.contract, operation.family, operation.batch_size) == ("stock", "stock", 50_000)
    assert operation.drifts
    assert operation.ends
    assert operation.repeat is Repeat.IF_NEWEST
    assert (operation.interval, operation.slot_until, operation.searchable) == (60.0, "ticket", False)
    assert stock.operation(settings(batch_size=None)).batch_size is None


def judged(row: dict, **more) -> list[tuple[str, str]]:
    frame = pl.DataFrame({name: [value] for name, value in row.items()}, schema=dict.fromkeys(row, pl.String))
    frame = frame.with_columns(pl.lit(5, pl.Int64).alias(ROW), pl.lit(5, pl.Int64).alias(LINE))
    found = check(contract("stock"), frame, requires=stock.operation(settings(**more)).requires)
    return found.issues.select("field", "code").rows()


@pytest.mark.parametrize(
    ("row", "more", "issues"),
    [
        ({"sku": "A", "quantity": "0"}, {}, []),
        ({"sku": "A", "quantity": "999999999", "warehouse": "W"}, {}, []),
        ({"sku": "A", "command": "end"}, {}, []),
        ({"sku": "A", "quantity": "1.5"}, {}, [("quantity", "DEST_LIMIT")]),
        ({"sku": "A", "quantity": "1", "warehouse": "X"}, {"warehouses": ("W",)}, [("warehouse", "NOT_LISTED")]),
        ({"sku": "A", "quantity": "1", "warehouse": "W"}, {"warehouses": ("W",)}, []),
        ({"sku": "A", "quantity": "1", "warehouse": ""}, {"warehouses": ("W",)}, []),
    ],
)
def test_what_stock_must_be_beyond_the_contract(row, more, issues):
    assert judged(row, **more) == issues


def test_the_contract_stays_below_the_largest_quantity():
    assert contract("stock").fields["quantity"].type.high <= stock.MAX_QUANTITY


def test_the_contract_leaves_no_line_break_in_a_code():
    assert judged({"sku": "A\nB", "quantity": "1"}) == [("sku", "CHARACTERS")]


# ---------------------------------------------------------------- settings


def test_the_host_is_taken_as_pasted():
    assert settings(host="https://acme-dev.mirakl.net/mmp/shop").host == "https://acme-dev.mirakl.net"
    access = settings(host="http://127.0.0.1:99/").access()
    assert access.base_url == "http://127.0.0.1:99"
    assert access.secrets[0][0] == "Authorization"
    assert access.secrets[0][1].get_secret_value() == SECRET


@pytest.mark.parametrize(
    "wrong", [{"api_key": "Bearer abc-SECRET"}, {"api_key": ""}, {"api_key": "abc-SECRET\n"}, {"colour": 1}]
)
def test_settings_never_repeat_the_key(wrong):
    with pytest.raises(ValidationError) as caught:
        MiraklSettings(**({"host": "x.net", "api_key": "abc-SECRET"} | wrong))
    assert "SECRET" not in str(caught.value)
    assert "SECRET" not in repr(caught.value)


def test_plain_http_to_the_world_is_refused():
    with pytest.raises(ValidationError, match="only https"):
        settings(host="http://shop.mirakl.net")


def test_settings_do_not_show_the_key():
    assert SECRET not in repr(settings())
    assert SECRET not in settings().model_dump_json()


def test_catalog_rows_that_may_not_be_sold_have_a_level_of_nothing(records):
    rows = [{"sku": "A", "quantity": "5", "available": "false"}, {"sku": "B", "quantity": "5", "available": "true"}]
    (batch,) = stock.encode(records(*rows, tail="\x1f"), "a:stock", settings())
    assert [line.split(";")[:2] for line in batch.body.decode().splitlines()[1:]] == [['"A"', '"0"'], ['"B"', '"5"']]
    assert batch.memo == {"key": "sku,warehouse"}


def test_ended_catalog_rows_leave_their_level_to_the_offer(records):
    rows = [
        {"sku": "A", "quantity": "5", "available": None, "command": "end"},
        {"sku": "B", "quantity": "5", "command": None},
    ]
    unsent, sent = stock.encode(records(*rows, tail="\x1f"), "a:stock", settings())
    assert (unsent.body, unsent.memo, unsent.effects["effect"].to_list()) == (b"", {"unsent": "along"}, [100])
    assert sent.effects["effect"].to_list() == [101]
