"""Files read back by calls where there are some, and taken by the platform itself."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest
from pydantic import SecretStr
from support.partner_files import FROM, OFFERS, TOKEN, UNTIL, Calls, encoded, one, promotions, rows

from gateway.destinations.partner_api import PartnerApiDestination, PartnerApiSettings
from gateway.errors import Refused, Throttled
from gateway.model import KEY_SEPARATOR
from gateway.testing.clock import RealClock
from gateway.testing.drive import FreeBudget, as_sent, states
from gateway.testing.rig import Rig
from gateway.testing.texts import LEVELS
from gateway.transport.http import RetryPolicy, connect
from gateway.twin.partner import Chain, Item, Login, PartnerTwin, PartnerTwinSettings, Token, Vendor

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
