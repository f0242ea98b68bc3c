"""What files of levels and prices say."""

from __future__ import annotations

import polars as pl
from support.partner_files import encoded, last_file, rows

from gateway.model import EACH, RowState
from gateway.testing.rig import Rig
from gateway.testing.texts import LEVELS


def named(batches):
    return {batch.memo["file"]: batch.body.decode() for batch in batches}


def test_each_vendor_has_a_file_with_what_the_rows_say(made):
    records = rows(
        ("A", "S1", {"quantity": "7"}), ("B", "S1", {"quantity": "0", "maximum_sales_quantity": "3"}),
        ("A", "S2", {"available": "false", "quantity": "5"}),
    )  # fmt: skip
    batches = encoded(made(), "stock", records)
    assert named(batches) == {
        "products_v001.csv": "sku,quantity,maximum_sales_quantity\nA,7,\nB,0,3\n",
        "products_v002.csv": "sku,active\nA,false\n",
    }
    assert [one.slot for one in batches] == ["acc:file:products_v001.csv", "acc:file:products_v002.csv"]
    assert batches[0].effects.rows() == [(10, 1), (11, 2)]


def test_prices_go_to_the_same_file(made):
    (batch,) = encoded(made(), "price", rows(("A", "S1", {"price": "2.35"}), ("B,x", "S1", {"price": "3"})))
    assert batch.body == b'sku,price\nA,2.35\n"B,x",3\n'
    assert batch.memo["file"] == "products_v001.csv"


def test_items_sent_whole_have_level_and_price_in_one_file(made):
    destination = made(keys={"rest": {"fields": {"partial_items": False}}})
    assert [(one.contract, one.family) for one in destination.operations if one.name != "promotion"] == [
        ("catalog", "stock")
    ]
    (batch,) = encoded(destination, "stock", rows(("A", "S1", {"quantity": "7", "price": "2.35"})))
    assert batch.body == b"sku,price,quantity\nA,2.35,7\n"


def test_one_file_for_many_vendors_names_them(made):
    keys = {"all_vendors": True, "sftp_layout": "multi"}
    (batch,) = encoded(made(**keys), "stock", rows(("A", "S1|S2", {"quantity": "7"}), ("B", "S2", {"quantity": "1"})))
    assert named([batch]) == {"products.csv": "sku,quantity,vendors\nA,7,all\nB,1,v002\n"}
    keys["all_vendors"] = False
    (batch,) = encoded(made(**keys), "stock", rows(("A", "S1|S2", {"quantity": "7"}), ("B", "S2", {"quantity": "1"})))
    assert batch.body == b'sku,quantity,vendors\nA,7,"v001,v002"\nB,1,v002\n'


def test_levels_that_differ_by_store_follow_each_other_under_the_one_name(made):
    """What a file does with a product in two of its rows is not known; told so, it has both."""
    records = rows(*((sku, store, {"quantity": level}) for sku, store, level in
                     (("A", "S1", "7"), ("A", "S2", "8"), ("B", "S1", "1"), ("B", "S2", "1"))))  # fmt: skip
    first, second = encoded(made(sftp_layout="multi"), "stock", records)
    assert first.body == b'sku,quantity,vendors\nA,7,v001\nB,1,"v001,v002"\n'
    assert second.body == b"sku,quantity,vendors\nA,8,v002\n"
    assert first.memo["file"] == second.memo["file"] == "products.csv"
    assert first.effects.rows() == [(10, 1), (12, 2), (13, 2)]
    assert second.effects.rows() == [(11, 1)]
    (only,) = encoded(made(sftp_layout="multi", keys={"sftp": {"rows_per_vendor": True}}), "stock", records)
    assert only.body == b'sku,quantity,vendors\nA,7,v001\nA,8,v002\nB,1,"v001,v002"\n'


def test_what_was_known_without_a_store_is_in_no_file(made):
    records = rows(("A", "S1", {"command": "end"}), ("A", "S1", {"command": None, "quantity": "3"}))
    records = records.with_columns(pl.Series(EACH, [None, "S1"]))
    left, sent = encoded(made(sftp_layout="multi"), "stock", records)
    assert (left.body, left.effects.rows()) == (b"", [(10, 1)])
    assert made().submit(left).rest is RowState.SKIPPED
    assert sent.body == b"sku,quantity,vendors\nA,3,v001\n"


def test_files_are_written_as_the_profile_says(made):
    keys = {
        "csv": {"bom": True, "newline": "crlf"}, "sftp": {"booleans": "1/0", "file_prefix": {"catalog": "stock"}},
        "rest": {"fields": {"identifier": "barcode", "barcode_pad_to": "13"}},
    }  # fmt: skip
    (batch,) = encoded(made(keys=keys), "stock", rows(("96385074", "S1", {"available": "true"})))
    assert batch.memo["file"] == "stock_v001.csv"
    assert batch.body == b"\xef\xbb\xbfbarcode,active\r\n0000096385074,1\r\n"


def test_rows_beyond_a_full_file_are_refused_or_go_to_numbered_files(made):
    records = rows(*((f"S{n}", "S1", {"quantity": "1"}) for n in range(5)))
    keys = {"sftp": {"max_rows": {"catalog": 3}}}
    destination = made(keys=keys)
    full, left = encoded(destination, "stock", records)
    assert full.effects.height == 2
    receipt = destination.submit(left)
    assert (receipt.closed, receipt.rest, left.effects.height) == (True, RowState.REFUSED, 3)
    numbered = encoded(made(keys={**keys, "promo": {"split_strategy": "numbered_prefix"}}), "stock", records)
    assert [one.memo["file"] for one in numbered] == ["products_v001.csv", "products1_v001.csv", "products2_v001.csv"]
    assert made(keys=keys).operations[0].batch_size == 2


def test_a_file_with_a_row_per_store_goes_in_files_for_many(made, clock, tmp_path):
    destination = made(sftp_layout="multi")
    rig = Rig(tmp_path / "rig", destination, clock, mapping=f'{LEVELS}vendor_ids = "store"\n')
    run = rig.drop("stock.csv", "sku,quantity,store\nA,7,S1\nA,8,S2\nB,1,S1\nB,1,S2\n")
    found = []
    for _ in range(3):
        rig.advance()
        found.append(last_file(destination._way._drop._session))
        clock.advance(301)
    assert dict.fromkeys(found) == dict.fromkeys([
        'sku,quantity,vendors\nA,7,v001\nB,1,"v001,v002"\n', "sku,quantity,vendors\nA,8,v002\n"
    ])  # fmt: skip
    assert rig.states(run) == {"accepted": 4}
    rig.close()
