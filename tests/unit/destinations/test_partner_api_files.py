"""The Partner API by files: exact names and contents, uploading, and what became of rows."""

from __future__ import annotations

import json
from datetime import timedelta

import polars as pl
import pytest
from pydantic import SecretStr

from gateway.destinations.partner_api import PartnerApiDestination, PartnerApiSettings
from gateway.errors import Busy, MayWorkLater, Refused, SettingsError, Throttled, Unreachable
from gateway.model import EACH, KEY, KEY_SEPARATOR, LINE, ROW, Reference, RowState
from gateway.testing.clock import FakeClock, RealClock
from gateway.testing.drive import FreeBudget, as_sent, states
from gateway.testing.rig import Rig
from gateway.testing.texts import LEVELS, mapping
from gateway.transport.http import Response, RetryPolicy, connect
from gateway.transport.sftp import RemoteDeniedError, RemoteFailureError, RemoteFile, RemoteMissingError
from gateway.twin.partner import Chain, Item, Login, PartnerTwin, PartnerTwinSettings, Token, Vendor

FROM, UNTIL = "2031-03-16T00:00:00Z", "2031-03-22T22:59:59Z"
TOKEN = "portal-token-51aa"
NAMES = (
    *("sku", "promotion_id", "type", "price", "percentage", "amount", "buy_quantity", "get_quantity", "starts_at"),
    *("ends_at", "limit_total", "campaign", "reason", "status", "vendor_ids", "command", "regular_price"),
)
HEADER = (
    "sku,campaign_name,reason,start_date,end_date,promotion_type,promotion_sub_type,discount_usage_limit,"
    "bundle_details,bundle_discount,discounted_price,max_no_of_orders,campaign_status"
)


class Session:
    """A file server in memory; `faults` by name of what is done; `lying`: paths that were not taken yet."""

    def __init__(self, *folders):
        self.folders = list(folders or ("Catalog", "PROMOTIONS", "assortment"))
        self.files, self.log, self.faults, self.lying = {}, [], {}, set()

    def _do(self, what, path):
        self.log.append((what, path))
        error = self.faults[what].pop(0) if self.faults.get(what) else None
        if error is not None:
            raise error

    def entries(self, folder):
        self._do("list", folder)
        return [RemoteFile(name, 0, 0, 0o40755) for name in self.folders] + [RemoteFile("note.txt", 1, 0, 0o100644)]

    def look(self, path):
        return RemoteFile(path, len(self.files[path]), 0, 0o100644) if path in self.lying else None

    def fetch(self, path, local):
        self._do("fetch", path)
        local.write_bytes(self.files[path])

    def put(self, local, path):
        self.files[path] = b""
        self._do("put", path)
        self.files[path] = local.read_bytes()

    def replace(self, path, target):
        self._do("rename", target)
        self.files[target] = self.files.pop(path)

    def remove(self, path):
        self._do("remove", path)
        self.files.pop(path, None)

    def make_folder(self, path):
        self._do("make", path)

    def close(self):
        self.log.append(("close", ""))


class Calls:
    def __init__(self, *pages):
        self.pages = list(pages)

    def send(self, _request):
        page = self.pages.pop(0)
        if isinstance(page, Exception):
            raise page
        return Response(200, {}, json.dumps(page).encode())

    def close(self): ...


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def made(tmp_path, clock):
    def build(session=None, calls=None, **more):
        given = {
            "brand": "foodpanda", "channel": "sftp", "sftp_user": "u", "sftp_password": SecretStr("p"),
            "sftp_known_hosts": tmp_path / "known_hosts", "vendors": {"S1": {"id": "v001"}, "S2": {"id": "v002"}},
            "price_basis": "gross", "currency": "EUR", "timezone": "Asia/Karachi", "archive": tmp_path / "sent",
        }  # fmt: skip
        if calls is not None:
            given |= {"chain_id": "c-1", "tokens": {"all": SecretStr(TOKEN)}}
        chosen = PartnerApiSettings(**{**given, **more})
        destination = PartnerApiDestination(chosen, transport=calls, clock=clock, account="acc", name="panda")
        destination._way._drop._session = session or Session()
        return destination

    return build


def rows(*cells):
    """Records from (sku, vendor, more); a vendor with a bar is a list: a record for each."""
    names = dict.fromkeys(name for _, _, more in cells for name in more)
    frame = pl.DataFrame(
        {"sku": [sku for sku, *_ in cells], EACH: [vendor.split("|") for _, vendor, _ in cells]}
        | {name: [more.get(name) for *_, more in cells] for name in names},
        schema={"sku": pl.String, EACH: pl.List(pl.String)} | dict.fromkeys(names, pl.String),
    )
    return frame.explode(EACH).with_columns(
        pl.int_range(10, 10 + pl.len(), dtype=pl.UInt32).alias("effect"),
        pl.concat_str("sku", EACH, separator=KEY_SEPARATOR).alias(KEY),
    )


def promotions(*cells, vendor="S1"):
    whole = [
        {"promotion_id": "W12", "starts_at": FROM, "ends_at": UNTIL, "campaign": "Week 12", **one} for one in cells
    ]
    frame = pl.DataFrame(
        {name: [one.get(name) for one in whole] for name in NAMES}, schema=dict.fromkeys(NAMES, pl.String)
    )
    parts = [pl.col(name).fill_null("") for name in ("sku", "promotion_id", "starts_at", "ends_at")]
    each = [] if vendor is None else [pl.lit(vendor).alias(EACH)]
    return frame.with_columns(*each).with_columns(
        pl.int_range(10, 10 + pl.len(), dtype=pl.UInt32).alias("effect"),
        pl.concat_str([*parts, *([] if vendor is None else [EACH])], separator=KEY_SEPARATOR).alias(KEY),
    )


def encoded(destination, operation, records):
    return list(destination.encode(operation, records, destination.gather(operation, records)))


def named(batches):
    return {batch.memo["file"]: batch.body.decode() for batch in batches}


# ---------------------------------------------------------------- catalog files


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


# ---------------------------------------------------------------- promotion files


def upload(destination, records, clock):
    """Upload all there is to be, waiting for the name to be free again; returns the contents in order."""
    session, found = destination._way._drop._session, []
    for batch in encoded(destination, "promotion", records):
        clock.advance(301)
        receipt = destination.submit(batch)
        if batch.body:
            found.append(_last(session))
        while not receipt.closed:
            clock.advance(301)
            receipt = destination.poll([as_sent(batch, receipt, intent_at=clock.now())])[1]
            found.append(_last(session))
    return found


def _last(session):
    path = [path for what, path in session.log if what == "rename"][-1]
    return session.files[path].decode()


def test_a_promotion_is_a_row_in_the_time_of_the_store(made, clock):
    records = promotions(
        {"sku": "A", "price": "1.99", "limit_total": "50"},
        {"sku": "B", "percentage": "25", "regular_price": "3.99"},
        {"sku": "C", "amount": "0.5", "regular_price": "2"},
        {"sku": "D", "buy_quantity": "2", "get_quantity": "1", "reason": "overstock"},
    )
    (content,) = upload(made(), records, clock)
    window = "2031-03-16 05:00:00,2031-03-23 03:59:59"
    assert content.splitlines() == [
        HEADER,
        "A,Week 12 max 50,COMPETITIVENESS,2031-03-16 05:00:00,2031-03-23 03:59:59,strikethrough,,,,,1.99,50,1",
        "B,Week 12,COMPETITIVENESS,2031-03-16 05:00:00,2031-03-23 03:59:59,strikethrough,,,,,2.99,,1",
        "C,Week 12,COMPETITIVENESS,2031-03-16 05:00:00,2031-03-23 03:59:59,strikethrough,,,,,1.5,,1",
        f"D,Week 12 2+1 OVERSTOCK,OVERSTOCK,{window},same_item_bundle,free_item,,B2G1,,,,1",
    ]


def test_a_row_for_several_vendors_is_an_entry_of_each(made, clock):
    both = pl.concat([promotions({"sku": "A", "price": "1"}, vendor=one) for one in ("S1", "S2", "S1")])
    records = both.with_columns(
        effect=pl.int_range(3, dtype=pl.UInt32),
        **{ROW: pl.int_range(3, dtype=pl.Int64), LINE: pl.lit(0, pl.Int64)},
        promotion_id=pl.Series(["W12", "W12", "again"]),
    )
    check = made().check
    assert check("promotion", records.head(2), Reference(), clock.now().date()).height == 0
    found = check("promotion", records, Reference(), clock.now().date())
    assert found.select(ROW, "code", "detail").rows() == [
        (0, "DEST_ONE_PER_KEY", "promotion again"), (2, "DEST_ONE_PER_KEY", "promotion W12")
    ]  # fmt: skip


def test_dates_may_be_in_utc(made, clock):
    (content,) = upload(made(keys={"promo": {"timezone": "UTC"}}), promotions({"sku": "A", "price": "1"}), clock)
    assert "2031-03-16 00:00:00,2031-03-22 22:59:59" in content


def test_a_campaign_ends_by_its_same_rows_with_status_0(made, clock, tmp_path):
    whole = promotions({"sku": "A", "price": "1"}, {"sku": "B", "price": "2"})
    (first,) = upload(made(), whole, clock)
    (ended,) = upload(made(), promotions({"sku": "A", "command": "end"}, {"sku": "B", "command": "end"}), clock)
    assert ended == first.replace(",1\n", ",0\n")
    assert upload(made(), promotions({"sku": "A", "command": "end"}), clock) == []


def test_a_row_that_ends_leaves_the_others_as_they_are(made, clock):
    upload(made(), promotions({"sku": "A", "price": "1"}, {"sku": "B", "price": "2"}), clock)
    (content,) = upload(made(), promotions({"sku": "B", "command": "end"}), clock)
    assert [(line.split(",")[0], line[-1]) for line in content.splitlines()[1:]] == [("A", "1"), ("B", "0")]


def test_a_new_price_is_the_end_of_the_old_row_and_then_a_new_one(made, clock):
    upload(made(), promotions({"sku": "A", "price": "1"}, {"sku": "B", "price": "2"}), clock)
    off, on = upload(made(), promotions({"sku": "A", "price": "1.5"}), clock)
    cells = [
        [(line.split(",")[0], line.split(",")[10], line[-1]) for line in one.splitlines()[1:]] for one in (off, on)
    ]
    assert cells == [[("A", "1", "0"), ("B", "2", "1")], [("B", "2", "1"), ("A", "1.5", "1")]]


def test_the_second_file_waits_until_the_name_may_be_written_again(made, clock):
    upload(made(), promotions({"sku": "A", "price": "1"}), clock)
    destination = made()
    (batch,) = encoded(destination, "promotion", promotions({"sku": "A", "price": "1.5"}))
    clock.advance(301)
    receipt = destination.submit(batch)
    assert (receipt.closed, receipt.after) == (False, 300.0)
    clock.advance(100)
    receipt = destination.poll([as_sent(batch, receipt, intent_at=clock.now())])[1]
    assert not receipt.closed
    assert 199.0 <= receipt.after <= 200.0


def test_promotions_of_other_vendors_are_files_of_their_own(made, clock):
    destination = made(sftp_layout="multi")
    records = promotions(
        {"sku": "A", "price": "1", "vendor_ids": "S1"}, {"sku": "B", "price": "2", "vendor_ids": "S1|S2"}, vendor=None
    )
    first, second = upload(destination, records, clock)
    assert first.splitlines()[1].startswith("A,")
    assert first.splitlines()[1].endswith(",v001")
    assert second.splitlines()[1].endswith(',"v001,v002"')
    assert [path for what, path in destination._way._drop._session.log if what == "rename"] == [
        "PROMOTIONS/promo.csv"
    ] * 2
    (ended,) = upload(destination, promotions({"sku": "B", "command": "end"}, vendor=None), clock)
    assert ended == second.replace(",1,", ",0,")


def test_stores_with_promotions_of_their_own_have_files_of_their_own(made, clock):
    """One after the other under the one name, in the time of each store."""
    stores = {"S1": {"id": "v001"}, "S2": {"id": "v002", "timezone": "UTC"}}
    destination = made(sftp_layout="multi", promotions_per_vendor=True, vendors=stores)
    both = [promotions({"sku": "A", "price": price}, vendor=store) for store, price in (("S1", "1"), ("S2", "2"))]
    records = pl.concat(both).with_columns(pl.int_range(10, 12, dtype=pl.UInt32).alias("effect"))
    first, second = upload(destination, records, clock)
    assert first.splitlines()[1].endswith("2031-03-16 05:00:00,2031-03-23 03:59:59,strikethrough,,,,,1,,1,v001")
    assert second.splitlines()[1].endswith("2031-03-16 00:00:00,2031-03-22 22:59:59,strikethrough,,,,,2,,1,v002")
    (ended,) = upload(destination, promotions({"sku": "A", "command": "end"}, vendor="S2"), clock)
    assert ended == second.replace(",1,v002", ",0,v002")


def test_promotions_of_one_product_stand_beside_each_other(made, clock):
    """The next week's is sent while this one runs, which goes on."""
    destination = made()
    (first,) = upload(destination, promotions({"sku": "A", "price": "1"}), clock)
    following = {"promotion_id": "W13", "campaign": "Week 13", "starts_at": UNTIL, "ends_at": "2031-03-29T00:00:00Z"}
    later = upload(destination, promotions({"sku": "A", "price": "2", **following}), clock)
    assert [one.splitlines()[1].split(",")[:2] for one in later] == [["A", "Week 13"]]
    (ended,) = upload(destination, promotions({"sku": "A", "command": "end"}), clock)
    assert ended == first.replace(",1,,1", ",1,,0")


def test_a_single_file_has_one_promotion_of_a_product(made, clock):
    destination = made(sftp_layout="single")
    week = {"sku": "A", "price": "1", "regular_price": "2"}
    upload(destination, promotions(week), clock)
    other = {**week, "promotion_id": "W13", "starts_at": UNTIL, "ends_at": "2031-03-29T00:00:00Z"}

    def judged(*cells):
        records = promotions(*cells)
        placed = records.with_columns(pl.col("effect").cast(pl.Int64).alias(ROW), pl.lit(0, pl.Int64).alias(LINE))
        found = destination.check("promotion", placed, destination.gather("promotion", placed), clock.now().date())
        return found.select("code", "detail").rows()

    said = f"a file with both prices has one promotion of a product, and W12 is from {FROM} to {UNTIL}"
    assert judged(other) == [("DEST_LIMIT", said)]
    assert judged({**week, "price": "1.5"}) == judged(other, {"sku": "A", "command": "end"}) == []
    again = {**other, "sku": "B"}
    assert [code for code, _ in judged(again, {**again, "promotion_id": "W14"})] == ["DEST_ONE_PER_KEY"] * 2


def test_a_single_file_has_both_prices_and_repeats_what_runs(made, clock):
    destination = made(sftp_layout="single")
    records = promotions({"sku": "A", "price": "1", "regular_price": "2", "limit_total": "9"})
    (content,) = upload(destination, records, clock)
    header = "barcode,sku,price,active,reason,start_date,end_date,campaign_status,discounted_price,max_no_of_orders"
    cells = "COMPETITIVENESS,2031-03-16 05:00:00,2031-03-23 03:59:59,1,1,9"
    assert content == f"{header}\n,A,2,,{cells}\n"
    (batch,) = encoded(destination, "stock", rows(("A", "S1", {"quantity": "4"}), ("B", "S1", {"quantity": "5"})))
    assert batch.body.decode() == f"{header},quantity\n,A,,,{cells},4\n,B,,,,,,,,,5\n"
    assert batch.memo["file"] == "assortment_v001.csv"


def test_prices_of_a_single_file_are_named_as_agreed(made, clock):
    columns = ["sku", "active", "original_price", "price", "start_date", "end_date", "campaign_status"]
    keys = {"sftp": {"price_variant": "original_price+price", "single_columns": columns}}
    destination = made(sftp_layout="single", keys=keys)
    (content,) = upload(destination, promotions({"sku": "A", "price": "1", "regular_price": "2"}), clock)
    assert content == f"{','.join(columns)}\nA,,2,1,2031-03-16 05:00:00,2031-03-23 03:59:59,1\n"


# ---------------------------------------------------------------- uploading


def one(destination, **more):
    (batch,) = encoded(
        destination, "stock", rows(("A", "S1", {"quantity": "7", **more}), ("B", "S1", {"quantity": "2"}))
    )
    return batch


def test_a_file_is_put_into_the_folder_whatever_its_case_and_kept(made, clock, tmp_path):
    session = Session()
    destination = made(session)
    receipt = destination.submit(one(destination))
    assert session.files == {"Catalog/products_v001.csv": b"sku,quantity\nA,7\nB,2\n"}
    assert (receipt.closed, receipt.rest, receipt.code) == (True, RowState.ACCEPTED, "DEST_NOT_CONFIRMED")
    assert receipt.message == "uploaded as products_v001.csv, and nothing tells what became of it"
    (kept,) = (tmp_path / "sent" / "acc" / "files").iterdir()
    assert kept.name == "products_v001.csv.20261122T093000.000000Z"
    assert kept.read_bytes() == b"sku,quantity\nA,7\nB,2\n"


def test_a_name_is_not_written_again_too_soon_even_after_a_restart(made, clock):
    destination = made()
    destination.submit(one(destination))
    clock.advance(299)
    again = made()
    with pytest.raises(Throttled) as caught:
        again.submit(one(again))
    assert caught.value.after == pytest.approx(1.0)
    clock.advance(1)
    again.submit(one(again))


def test_where_renaming_is_refused_a_file_is_put_directly(made):
    session = Session()
    session.faults = {"rename": [RemoteDeniedError("no")], "remove": [RemoteDeniedError("no")]}
    destination = made(session)
    destination.submit(one(destination))
    assert [what for what, _ in session.log] == ["list", "put", "rename", "put", "remove"]


@pytest.mark.parametrize("how", ["auto", "always", "never"])
@pytest.mark.parametrize("error", [RemoteFailureError("disk full"), Unreachable("cut"), Busy("sent 9 bytes, found 0")])
def test_what_could_not_be_put_whole_does_not_stay_to_be_picked_up(made, how, error):
    session = Session()
    session.faults = {"put": [error]}
    destination = made(session, keys={"sftp": {"atomic_rename": how}})
    with pytest.raises(MayWorkLater):
        destination.submit(one(destination))
    assert session.files == {}
    destination.submit(one(destination))
    assert session.files == {"Catalog/products_v001.csv": b"sku,quantity\nA,7\nB,2\n"}


def test_a_name_is_not_put_directly_where_the_disk_is_full(made):
    session = Session()
    session.faults = {"rename": [RemoteDeniedError("no")], "put": [None, RemoteFailureError("disk full")]}
    destination = made(session)
    with pytest.raises(Unreachable):
        destination.submit(one(destination))
    assert "Catalog/products_v001.csv" not in session.files


@pytest.mark.parametrize("what", ["list", "put"])
@pytest.mark.parametrize("error", [RemoteDeniedError("no", status="3"), RemoteMissingError("gone"), Refused("login")])
def test_a_server_that_lets_nobody_write_is_trouble_of_the_account(made, what, error):
    session = Session()
    session.faults = {what: [error]}
    destination = made(session)
    with pytest.raises(Refused) as caught:
        destination.submit(one(destination))
    assert caught.value.status == "403"
    destination.submit(one(destination))


def test_a_file_that_was_not_taken_yet_is_waited_for(made, clock):
    session = Session()
    destination = made(session)
    destination.submit(one(destination))
    session.lying.add("Catalog/products_v001.csv")
    clock.advance(301)
    with pytest.raises(Unreachable, match=r"products_v001.csv still lies on the file server") as caught:
        destination.submit(one(destination, maximum_sales_quantity="3"))
    assert (caught.value.after, "sftp.untaken" in caught.value.fix) == (None, True)  # no wait of ours: it is told
    with pytest.raises(Unreachable, match="still lies"):
        destination.submit(one(destination, maximum_sales_quantity=None, quantity="8"))  # as long, and another
    destination.submit(one(destination))  # the same file again
    clock.advance(301)
    session.faults["fetch"] = [RemoteMissingError("taken")]
    destination.submit(one(destination))
    clock.advance(301)
    other = made(session, keys={"sftp": {"untaken": "overwrite"}})
    other.submit(one(other, maximum_sales_quantity="3"))
    session.lying.clear()
    clock.advance(301)
    destination.submit(one(destination))


@pytest.mark.parametrize(("how", "steps"), [("never", ["put"]), ("always", ["put", "rename"])])
def test_how_files_are_put_can_be_said(made, how, steps):
    session = Session()
    destination = made(session, keys={"sftp": {"atomic_rename": how}})
    destination.submit(one(destination))
    assert [what for what, _ in session.log if what != "list"] == steps
    session.faults = {"rename": [RemoteDeniedError("no")]}
    other = made(session, keys={"sftp": {"atomic_rename": how, "min_interval_s": 0}})
    if how == "never":
        other.submit(one(other))
        return
    with pytest.raises(Refused):
        other.submit(one(other))
    assert session.files.keys() == {"Catalog/products_v001.csv"}


def test_a_folder_that_is_missing_is_told_or_made(made):
    session = Session("Other")
    destination = made(session)
    with pytest.raises(Refused, match=r"The folder catalog is not .* there are: Other"):
        destination.submit(one(destination))
    allowed = made(session, keys={"sftp": {"create_missing": True}})
    allowed.submit(one(allowed))
    assert ("make", "catalog") in session.log


def test_a_large_file_carries_a_note(made):
    destination = made(keys={"sftp": {"warn_mb": 0.00001}})
    assert "larger than the platform is known to take" in destination.submit(one(destination)).message


def test_a_host_must_be_known(made):
    with pytest.raises(SettingsError, match="does not know the file server"):
        made(brand="glovo")
    assert (
        made(brand="glovo", sftp_host="files.example")
        .probe()
        .startswith("panda: folders Catalog, PROMOTIONS; no calls")
    )
    with pytest.raises(SettingsError, match="needs an HTTP transport"):
        made(channel="rest", chain_id="c", tokens={"all": SecretStr("t")})


def test_the_probe_asks_for_every_store_as_long_as_there_is_time(made, clock):
    class Slow(Calls):
        def send(self, request):
            clock.advance(100)
            return super().send(request)

    said = made(calls=Calls({"status": "OPEN"}, {"status": "CLOSED"})).probe()
    assert said == "panda: folders Catalog, PROMOTIONS; vendor S1 is OPEN, S2 is CLOSED; 2 in all"
    with pytest.raises(Refused, match=r"1 of 2 vendors can't be used: S2 \(v002\)"):
        made(calls=Calls({"status": "OPEN"}, Refused("not found", status="404"))).probe()
    stores = {f"S{n}": {} for n in range(9)}
    said = made(calls=Slow(*[{"status": "OPEN"}] * 9), vendors=stores).probe()
    assert said.endswith("S2 is OPEN; 3 asked for, 6 left for want of time")


def test_files_hear_nothing_and_can_not_be_looked_up(made):
    destination = made()
    assert destination.hear(b'{"job_id":"1","status":"COMPLETED"}', {}) == {}
    assert str(destination.find(as_sent(one(destination), None))) == "Verdict.UNKNOWN"
    destination.close()


# ---------------------------------------------------------------- reading back


def page(*products):
    return {"total_pages": 1, "products": list(products)}


PAGES = {"features": {"read_back": "pages"}}


def test_rows_are_read_back_where_there_are_calls(made, clock):
    calls = Calls(page({"sku": "A", "active": True}))
    destination = made(calls=calls, keys=PAGES)
    records = rows(("A", "S1", {"quantity": "7"}), ("B", "S1", {"quantity": "2"}))
    (batch,) = encoded(destination, "stock", records)
    receipt, at = destination.submit(batch), clock.now()
    assert (receipt.closed, receipt.after) == (False, 1800.0)
    clock.advance(3600)
    receipt = destination.poll([as_sent(batch, receipt, intent_at=at)])[1]
    assert states(batch, records, receipt) == {"A\x1fS1": "accepted", "B\x1fS1": "refused"}
    confirms = {one.name: one.confirms for one in destination.operations}
    assert confirms == {"stock": "accepted", "price": "applied", "promotion": "accepted"}  # levels show nowhere
    assert {one.confirms for one in made().operations} == {"accepted"}


def test_what_does_not_show_yet_is_looked_at_once_more(made, clock):
    calls = Calls(page(), page({"sku": "A", "active": True}, {"sku": "B", "active": True}))
    destination = made(calls=calls, keys=PAGES)
    batch = one(destination)
    receipt, at = destination.submit(batch), clock.now()
    assert destination.poll([as_sent(batch, receipt, intent_at=at)])[1].after == 1800.0
    clock.advance(1800)
    receipt = destination.poll([as_sent(batch, receipt, intent_at=at)])[1]
    assert (receipt.closed, receipt.after) == (False, 1800.0)
    clock.advance(1800)
    assert destination.poll([as_sent(batch, receipt, intent_at=at)])[1].closed


def test_what_a_newer_file_may_have_overtaken_is_not_uncertain(made, clock):
    calls = Calls(*[page({"sku": "A", "price": 9})] * 2)
    destination = made(calls=calls, keys=PAGES, vendors={"S1": {"id": "v001"}})
    first, second = (encoded(destination, "price", rows(("A", "S1", {"price": price})))[0] for price in ("4", "8"))
    found = []
    for batch, waits in ((first, 600), (second, 3600)):
        found.append((batch, destination.submit(batch), clock.now()))
        clock.advance(waits)
    states_ = []
    for batch, receipt, at in found:
        clock.advance(1800)
        closed = destination.poll([as_sent(batch, receipt, intent_at=at)])[1]
        states_ += closed.outcomes["state"].to_list()
    assert states_ == ["accepted", "uncertain"]


def test_what_is_read_back_is_of_one_vendor_each(made, clock):
    calls = Calls(page({"sku": "A", "active": True}, {"sku": "B", "active": True}), page({"sku": "A", "active": True}))
    destination = made(calls=calls, keys=PAGES, sftp_layout="multi")
    records = rows(("A", "S1|S2", {"quantity": "7"}), ("B", "S1|S2", {"quantity": "2"}))
    (batch,) = encoded(destination, "stock", records)
    receipt, at = destination.submit(batch), clock.now()
    clock.advance(3600)
    receipt = destination.poll([as_sent(batch, receipt, intent_at=at)])[1]
    of_first = {f"{sku}{KEY_SEPARATOR}S1": "accepted" for sku in "AB"}
    assert states(batch, records, receipt) == {
        **of_first, f"A{KEY_SEPARATOR}S2": "accepted", f"B{KEY_SEPARATOR}S2": "refused"
    }  # fmt: skip
    vendors = receipt.outcomes.select(pl.col("key").str.slice(-2), pl.col("message").str.head(10)).rows()
    assert sorted(vendors) == [("S1", "vendor S1:"), ("S1", "vendor S1:"), ("S2", "vendor S2:"), ("S2", "vendor S2:")]


OFFERS = mapping(
    "promotion",
    """sku = "sku"
promotion_id = "id"
price = "price"
price_basis = { constant = "gross" }
starts_at = "from"
ends_at = "to"
""",
)
OFFER = f"sku,id,price,from,to\nA,W12,1.99,{FROM},{UNTIL}\n"


@pytest.mark.parametrize("calls", [True, False])
def test_the_result_says_what_was_read_back_and_what_was_not(made, clock, tmp_path, calls):
    """Levels show nowhere, promotions nowhere but in the portal, whatever credentials there are."""
    shown = page({"sku": "A", "active": True})
    destination = made(calls=Calls(shown) if calls else None, keys=PAGES, vendors={"S1": {"id": "v001"}})
    rig = Rig(tmp_path / "rig", destination, clock, mapping=LEVELS, more=(OFFERS,))
    levels, offers = rig.drop("stock.csv", "sku,quantity\nA,7\n"), rig.drop("promotion.csv", OFFER)
    rig.advance()
    clock.advance(3600)
    rig.advance()
    told = {run: rig.results(run).select("state", "code", "detail").row(0) for run in (levels, offers)}
    rig.close()
    silent = "uploaded as products_v001.csv, and nothing tells what became of it"
    seen = "the vendor's catalog, read back, does not show its level"
    assert told[levels] == ("accepted", "DEST_NOT_CONFIRMED", seen if calls else silent)
    said = "uploaded as promo_v001.csv; no call reads promotions back, the portal shows them"
    assert told[offers] == ("accepted", "DEST_NOT_CONFIRMED", said)


def test_a_file_with_a_row_per_store_goes_in_files_for_many(made, clock, tmp_path):
    destination = made(sftp_layout="multi")
    rig = Rig(tmp_path / "rig", destination, clock, mapping=f'{LEVELS}vendor_ids = "store"\n')
    run = rig.drop("stock.csv", "sku,quantity,store\nA,7,S1\nA,8,S2\nB,1,S1\nB,1,S2\n")
    found = []
    for _ in range(3):
        rig.advance()
        found.append(_last(destination._way._drop._session))
        clock.advance(301)
    assert dict.fromkeys(found) == dict.fromkeys([
        'sku,quantity,vendors\nA,7,v001\nB,1,"v001,v002"\n', "sku,quantity,vendors\nA,8,v002\n"
    ])  # fmt: skip
    assert rig.states(run) == {"accepted": 4}
    rig.close()


def test_other_dates_of_a_promotion_that_runs_want_its_end_first(made, clock, tmp_path):
    """What was confirmed is known by its dates: given back, the old ones must not be taken for unchanged."""
    destination = made(vendors={"S1": {"id": "v001"}})
    mapping_ = f'{OFFERS}command = "command"\n'
    rig, longer = Rig(tmp_path / "rig", destination, clock, mapping=mapping_), "2031-03-29T00:00:00Z"

    def given(number, *rows_):
        text = "".join(f"A,W12,{'' if command else '1.99'},{FROM},{until},{command}\n" for until, command in rows_)
        run = rig.drop(f"promotion{number}.csv", f"sku,id,price,from,to,command\n{text}")
        for _ in range(6):
            rig.advance()
            clock.advance(3600)
        return rig.results(run)["code"].to_list(), _last(destination._way._drop._session).splitlines()[-1].split(",")[4]

    first = given(1, (UNTIL, ""))[1]
    assert given(2, (longer, "")) == (["PROMOTION_RUNS"], first)
    codes, shown = given(3, (UNTIL, "end"), (longer, ""))
    assert (set(codes), shown) == ({"DEST_NOT_CONFIRMED"}, "2031-03-29 05:00:00")
    assert given(4, (longer, "end"), (UNTIL, ""))[1] == first
    rig.close()


def test_trouble_while_reading_back_comes_again_later(made, clock):
    destination = made(calls=Calls(Throttled("wait", after=3.0), Refused("no", status="401")), keys=PAGES)
    batch = one(destination)
    receipt, at = destination.submit(batch), clock.now() - timedelta(hours=2)
    receipt = destination.poll([as_sent(batch, receipt, intent_at=at)])[1]
    assert (receipt.closed, receipt.after) == (False, 3.0)
    with pytest.raises(Refused):
        destination.poll([as_sent(batch, receipt, intent_at=at)])


def test_files_with_too_many_rows_are_not_read_back(made):
    destination = made(calls=Calls(), keys={"confirm": {"max_rows": 1}, **PAGES})
    assert destination.submit(one(destination)).closed


# ---------------------------------------------------------------- over the twin


@pytest.mark.parametrize("layout", ["double", "multi", "single"])
def test_files_are_taken_by_the_platform(tmp_path, layout):
    real = RealClock()
    chain = Chain("c-1", (Vendor("v001"), Vendor("v002")), tokens=(Token("all", TOKEN),), logins=(Login("u", "p"),))
    feeds = ("catalog", "promotions", "assortment")
    told = PartnerTwinSettings(
        chains=(chain,), layout=layout, calls_per_window=0, pickup_seconds=0.0, min_interval_seconds=0.0,
        file_seconds=dict.fromkeys(feeds, 0.0),
        folders=dict(zip(feeds, ("Catalog", "Promotions", "ASSORTMENT"), strict=True)),
    )  # fmt: skip
    goods = [Item(sku, price="5", active=True) for sku in "ABC"]
    with PartnerTwin(goods, settings=told, files=tmp_path / "twin") as twin:
        known = tmp_path / "known_hosts"
        known.write_text(f"{twin.drop.known_hosts_line}\n", "utf-8")
        chosen = PartnerApiSettings(
            brand="foodpanda", channel="sftp", sftp_layout=layout, host=twin.url, chain_id="c-1",
            tokens={"all": SecretStr(TOKEN)}, vendors={"v001": {}, "v002": {}}, price_basis="gross", currency="EUR",
            sftp_host="127.0.0.1", sftp_port=twin.drop.port, sftp_user="u", sftp_password=SecretStr("p"),
            sftp_known_hosts=known, archive=tmp_path / "sent",
            keys={"sftp": {"min_interval_s": 0.2}, "confirm": {"window_s": {"catalog": 0.2}}, **PAGES},
        )  # fmt: skip
        transport = connect(
            chosen.access(), account="a", clock=real, budget=FreeBudget(), policy=RetryPolicy(attempts=1)
        )
        destination = PartnerApiDestination(chosen, transport=transport, clock=real, account="acc", name="panda")
        assert "v001 is OPEN" in destination.probe()

        def go(operation, records):
            found = {}
            for batch in encoded(destination, operation, records):
                at = real.now()
                receipt = _until(real, lambda: destination.submit(batch))  # noqa: B023  called at once
                while not receipt.closed:
                    real.sleep(0.03)
                    receipt = destination.poll([as_sent(batch, receipt, intent_at=at)])[1]
                found |= states(batch, records, receipt)
            return sorted(found.values())

        def shown():
            return {row["sku"]: (row["quantity"], row["promotion"]) for row in twin.shelf() if row["vendor"] == "v001"}

        multi = layout == "multi"
        stock = rows(*_levels("v001|v002" if multi else "v001"))
        assert go("stock", stock) == ["accepted"] * stock.height
        assert {row["quantity"] for row in twin.shelf() if (row["vendor"], row["sku"]) == ("v002", "B")} == {4}
        now = {"starts_at": "2026-01-01T00:00:00Z", "regular_price": "5", "vendor_ids": "v001|v002" if multi else None}
        vendor = None if multi else "v001"
        assert (
            go(
                "promotion",
                promotions({"sku": "A", "price": "2", **now}, {"sku": "B", "price": "3", **now}, vendor=vendor),
            )
            == ["accepted"] * 2
        )
        real.sleep(0.1)
        assert shown() == {"A": (7, "2"), "B": (3, "3"), "C": (None, None)}
        assert go("promotion", promotions({"sku": "A", "price": "1", **now}, vendor=vendor)) == ["accepted"]
        real.sleep(0.1)
        assert shown()["A"] == (7, "1")
        ending = {"command": "end", "starts_at": now["starts_at"]}
        assert (
            go("promotion", promotions({"sku": "A", **ending}, {"sku": "B", **ending}, vendor=vendor))
            == ["accepted"] * 2
        )
        real.sleep(0.1)
        assert {one for _, one in shown().values()} == {None}
        assert twin.violations() == []
        assert [one.faults for one in twin.uploads()] == [[]] * len(twin.uploads())
        destination.close()


def _levels(stores):
    cells = (("A", stores, "7"), ("B", "v001", "3"), ("B", "v002", "4"))
    return [(sku, vendor, {"quantity": level}) for sku, vendor, level in cells]


def _until(clock, call):
    while True:
        try:
            return call()
        except Throttled as error:
            clock.sleep(error.after)
