"""Products, offers, prices and discounts over the twin: whole ways, and every kind of trouble on a real connection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from gateway.destinations.mirakl import MiraklDestination, MiraklSettings
from gateway.errors import MayWorkLater, OutcomeUnknown, Unreachable
from gateway.model import ABSENT, Receipt
from gateway.testing import drive
from gateway.testing.clock import RealClock
from gateway.testing.drive import as_sent, states
from gateway.transport.http import RetryPolicy, connect
from gateway.twin.mirakl import MiraklTwin, MiraklTwinSettings, ShopKey

SECRET = "twin-key-31c0"
CLOCK = RealClock()
AT_ONCE = dict.fromkeys(
    ("waiting_seconds", "running_seconds", "sent_seconds", "details_seconds", "export_seconds"), 0.0
)
CODES = {"sku": "sku_code", "name": "title", "category": "category_code"}
TODAY = date(2026, 11, 22)
DISCOUNT = "\x1fdiscount"


class Shop:
    """A twin with five offers and destinations over it."""

    def __init__(self, exits: ExitStack, **settings: Any) -> None:
        chosen = MiraklTwinSettings(**{"keys": (ShopKey(SECRET),), "limits": {}, **AT_ONCE, **settings})
        self.twin = exits.enter_context(MiraklTwin({f"S{n}": 3 for n in range(5)}, settings=chosen))
        self._exits = exits

    def build(self, **more: Any) -> MiraklDestination:
        known = {
            "host": self.twin.url, "api_key": SecretStr(SECRET), "timeout": 2.0, "report_tries": 2,
            "price_basis": "gross",
            "product_columns": CODES, "image_columns": ("image_1", "image_2"), "find_interval": 0.0, "condition": "11",
        }  # fmt: skip
        chosen = MiraklSettings(**{**known, **more})
        transport = connect(
            chosen.access(), account="shop", clock=CLOCK, budget=drive.FreeBudget(), policy=RetryPolicy(attempts=1)
        )
        self._exits.callback(transport.close)
        return MiraklDestination(chosen, transport=transport, clock=CLOCK, account="shop", name="saks")

    def put_prices(self, *lines: str) -> None:
        """Import prices as another tool of the seller would."""
        header = "offer-sku;price;discount-price;discount-start-date;discount-end-date;channels"
        body = "\n".join([header, *lines, ""]).encode()
        answer = httpx.post(
            f"{self.twin.url}/api/offers/pricing/imports",
            headers={"Authorization": SECRET, "Accept": "application/json"},
            files={"file": ("p.csv", body, "text/csv")},
        )
        assert answer.status_code == 201
        assert self.prices("S0")

    def prices(self, sku: str) -> list[tuple[str, str, tuple[str, ...]]]:
        """Price, discount and channels of an offer, as the shop lists them."""
        answer = httpx.get(
            f"{self.twin.url}/api/offers", params={"sku": sku}, headers={"Authorization": SECRET, "Accept": "*/*"}
        )
        (offer,) = answer.json()["offers"]
        return [
            (
                str(price["unit_origin_price"]),
                str(price.get("unit_discount_price")),
                tuple((price.get("context") or {}).get("channel_codes") or ()),
            )
            for price in offer["all_prices"]
        ]


@pytest.fixture
def exits() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def shop(exits) -> Shop:
    return Shop(exits, features=frozenset({"channel_pricing"}))


def encoded(destination, operation, records):
    """Ask, judge and encode, as delivery does; returns batches and the codes of what was refused."""
    reference = destination.gather(operation, records)
    found = destination.check(operation, records, reference, TODAY)
    refused = found["@row"].to_list()
    kept = records.filter(~records["@row"].is_in(refused))
    return list(destination.encode(operation, kept.drop("@row", "@line"), reference)), found["code"].to_list()


def run(destination, operation, records) -> dict[str, str]:
    """Write records to their end; returns state by key."""
    result: dict[str, str] = {}
    batches, _ = encoded(destination, operation, records)
    for batch in batches:
        receipt = destination.submit(batch)
        if not receipt.closed:
            receipt = drive.settle(destination, batch, receipt, clock=CLOCK)
        result |= states(batch, records, receipt)
    return result


# ---------------------------------------------------------------- whole ways


def test_an_article_comes_into_the_shop_and_goes(shop, records):
    destination = shop.build()
    row = {"sku": "NEW-1", "name": "Mug", "category": "MUG", "brand": "Acme", "barcode": "8412345678905",
           "price": "9.99", "quantity": "7", "image_urls": "https://example.com/1.jpg"}  # fmt: skip
    assert run(destination, "product", records(row)) == {"NEW-1": "applied"}
    assert run(destination, "offer", records(row)) == {"NEW-1": "applied"}
    shelf = {line["sku"]: line for line in shop.twin.shelf()}["NEW-1"]
    assert (shelf["title"], shelf["live"], shelf["price"], shelf["quantity"], shelf["state"]) == (
        "Mug", True, "9.99", 7, "11"
    )  # fmt: skip
    assert run(destination, "price", records({"sku": "NEW-1", "price": "8.5"})) == {"NEW-1": "applied"}
    assert run(destination, "stock", records({"sku": "NEW-1", "quantity": "4"}, tail="\x1f")) == {
        "NEW-1\x1f": "applied"
    }
    assert run(destination, "offer", records({**row, "price": "1", "quantity": "1"})) == {"NEW-1": "applied"}
    shelf = {line["sku"]: line for line in shop.twin.shelf()}["NEW-1"]
    assert (shelf["price"], shelf["quantity"]) == ("8.5", 4)
    assert run(destination, "offer", records({"sku": "NEW-1", "command": "end"})) == {"NEW-1": "applied"}
    assert shop.twin.offers()["NEW-1"] == 0
    assert run(shop.build(end_offers="delete"), "offer", records({"sku": "NEW-1", "command": "end"})) == {
        "NEW-1": "applied"
    }
    assert "NEW-1" not in shop.twin.offers()
    assert run(destination, "offer", records({"sku": "NEW-1", "command": "end"})) == {"NEW-1": "skipped"}


def test_what_the_shop_has_of_price_and_quantity_is_told_without_discounts(shop, records):
    shop.put_prices("S0;20;15;;;", "S0;30;;;;US", "S1;20;;;;")
    destination = shop.build()
    assert run(destination, "stock", records({"sku": "S1", "quantity": "4"}, tail="\x1f")) == {"S1\x1f": "applied"}
    shop.twin.drift("S0", -2)
    told = {sku: (price, quantity) for sku, price, quantity in destination.reading.levels().rows()}
    assert {sku: told[sku] for sku in ("S0", "S1")} == {
        "S0": ("20", str(shop.twin.offers()["S0"])), "S1": ("20", "4")
    }  # fmt: skip
    assert told.keys() == shop.twin.offers().keys()


def test_an_offer_without_its_product_is_refused_by_name(shop, records):
    rows = [{"sku": "S0", "condition": "11"}, {"sku": "NO", "price": "1", "quantity": "1"}]
    assert run(shop.build(), "offer", records(*rows)) == {"S0": "applied", "NO": "refused"}


def test_prices_of_other_channels_and_the_running_discount_stay(shop, records):
    shop.put_prices("S0;20;15;;;", "S0;30;;;;US", "S1;20;;;;")
    destination = shop.build()
    assert run(destination, "price", records({"sku": "S0", "price": "18"}, {"sku": "S1", "price": "19"})) == {
        "S0": "applied", "S1": "applied"
    }  # fmt: skip
    assert shop.prices("S0") == [("18", "15", ()), ("30", "None", ("US",))]
    assert shop.prices("S1") == [("19", "None", ())]


def test_a_promotion_comes_and_goes_and_leaves_prices_alone(shop, records):
    shop.put_prices("S0;20;;;;", "S0;30;;;;US")
    destination = shop.build()
    row = {"sku": "S0", "percentage": "15", "starts_at": "2020-01-01T00:00:00Z", "ends_at": "2099-01-01T00:00:00Z"}
    assert run(destination, "discount", records(row, tail=DISCOUNT)) == {f"S0{DISCOUNT}": "applied"}
    assert shop.prices("S0") == [("20", "17", ()), ("30", "None", ("US",))]
    assert run(destination, "discount", records({"sku": "S0", "command": "end"}, tail=DISCOUNT)) == {
        f"S0{DISCOUNT}": "applied"
    }
    assert shop.prices("S0") == [("20", "None", ()), ("30", "None", ("US",))]


def test_what_the_present_prices_forbid_never_leaves(shop, records):
    shop.put_prices("S0;20;15;;;", "S1;20;;;;")
    destination = shop.build()
    batches, codes = encoded(destination, "price", records({"sku": "S0", "price": "12"}, {"sku": "NO", "price": "1"}))
    assert (batches, sorted(codes)) == ([], ["DEST_NO_OFFER", "DEST_PRICE"])
    batches, codes = encoded(destination, "discount", records({"sku": "S1", "amount": "20.01"}, tail=DISCOUNT))
    assert (batches, codes) == ([], ["DEST_DISCOUNT"])


def test_only_the_offer_with_a_bad_price_is_refused(shop, records):
    shop.put_prices("S0;20;;;;", "S0;30;;;;US", "S1;20;;;;")
    destination = shop.build()
    (batch,), _ = encoded(destination, "price", records({"sku": "S0", "price": "5"}, {"sku": "S1", "price": "6"}))
    spoiled = batch.body.replace(b'"S0";"5"', b'"S0";"five"')
    receipt = destination.submit(type(batch)(batch.operation, batch.slot, spoiled, batch.effects, batch.memo))
    final = drive.settle(destination, batch, receipt, clock=CLOCK)
    frame = records({"sku": "S0"}, {"sku": "S1"})
    assert states(batch, frame, final) == {"S0": "refused", "S1": "applied"}
    assert shop.prices("S0")[0][0] == "20"


@pytest.mark.parametrize("offers_from", ["list", "export"])
def test_present_prices_are_read_by_every_way(exits, records, offers_from):
    shop = Shop(exits, features=frozenset({"channel_pricing"}), export_minimum=1)
    shop.put_prices("S0;20;15;;;", "S0;30;;;;US")
    destination = shop.build(offers_from=offers_from, lookup_most=0, export_status_interval=0.0)
    for _ in range(20):
        try:
            assert run(destination, "price", records({"sku": "S0", "price": "18"})) == {"S0": "applied"}
            break
        except MayWorkLater:
            continue
    assert shop.prices("S0") == [("18", "15", ()), ("30", "None", ("US",))]
    assert ("OF54" in {call.api for call in shop.twin.calls}) is (offers_from == "export")


# ---------------------------------------------------------------- products: both stages


GOOD = {"name": "Mug", "category": "MUG", "brand": "Acme"}


def test_each_stage_refuses_its_own_and_says_why(exits, records):
    shop = Shop(exits, operator_rejects={"P-2": "Not our style"})
    rows = [{"sku": "P-1", **GOOD}, {"sku": "P-2", **GOOD}, {"sku": "P-3", **GOOD, "category": "NOPE"}]
    destination = shop.build()
    (batch,), _ = encoded(destination, "product", records(*rows))
    final = drive.settle(destination, batch, destination.submit(batch), clock=CLOCK)
    assert states(batch, records(*rows), final) == {"P-1": "applied", "P-2": "refused", "P-3": "refused"}
    said = dict(final.outcomes.select("key", "message").rows())
    assert "Not our style" in said["P-2"]
    assert said["P-3"].startswith("1001|")
    assert [name for name, _ in final.raw] == [
        "products-status-1.json", "products-P47-1.csv", "products-P44-1.csv"
    ]  # fmt: skip


def test_warnings_are_kept_with_rows_that_were_taken(shop, records):
    destination = shop.build()
    (batch,), _ = encoded(destination, "product", records({"sku": "P-1", **GOOD, "attributes.color": "NOPE"}))
    final = drive.settle(destination, batch, destination.submit(batch), clock=CLOCK)
    ((state, code, message),) = final.outcomes.select("state", "code", "message").rows()
    assert (state, code) == ("applied", "DEST_WARNING")
    assert "2006|" in message


def test_complete_is_not_live(exits, records):
    shop = Shop(exits, details_seconds=3600.0)
    destination = shop.build()
    (batch,), _ = encoded(destination, "product", records({"sku": "P-1", **GOOD}))
    receipt = destination.poll([as_sent(batch, destination.submit(batch))])[1]
    assert not receipt.closed
    assert "not said of every product" in receipt.message


def test_the_operators_own_layouts_are_read_by_their_settings(exits, records):
    shop = Shop(exits, catalog_manager=False, custom_error_columns=("code", "why"), operator_rejects={"P-1": "No"})
    destination = shop.build(product_report_key=("code",), product_report_message=("why",))
    assert run(destination, "product", records({"sku": "P-1", **GOOD}, {"sku": "P-2", **GOOD})) == {
        "P-1": "refused", "P-2": "applied"
    }  # fmt: skip
    assert run(shop.build(), "product", records({"sku": "P-1", **GOOD}, {"sku": "P-2", **GOOD})) == {
        "P-1": "uncertain", "P-2": "uncertain"
    }  # fmt: skip


def test_the_shops_own_format_needs_a_mapping_there(shop, records):
    assert run(shop.build(operator_format=False), "product", records({"sku": "P-1", **GOOD})) == {"P-1": "refused"}


# ---------------------------------------------------------------- trouble

ROWS = {
    "product": {"sku": "P-1", **GOOD},
    "offer": {"sku": "S0", "condition": "11"},
    "price": {"sku": "S0", "price": "7"},
}
POSTS = {"product": "P41", "offer": "OF01", "price": "PRI01"}


@pytest.mark.parametrize("operation", sorted(ROWS))
class TestTrouble:
    @pytest.mark.parametrize("fault", ["drop_after_post", "error_after_post"])
    def test_a_lost_answer_is_found_again(self, shop, records, operation, fault):
        destination, frame = shop.build(), records(ROWS[operation])
        (batch,), _ = encoded(destination, operation, frame)
        before = datetime.now(UTC)
        shop.twin.faults.set({fault: 1, "only": POSTS[operation]})
        with pytest.raises(OutcomeUnknown) as caught:
            destination.submit(batch)
        assert SECRET not in str(caught.value)
        found = shop.build().find(as_sent(batch, None, intent_at=before))
        assert isinstance(found, Receipt)
        final = drive.settle(destination, batch, found, clock=CLOCK)
        assert set(states(batch, frame, final).values()) == {"applied"}

    def test_what_never_arrived_is_certainly_absent(self, shop, records, operation):
        destination = shop.build()
        (batch,), _ = encoded(destination, operation, records(ROWS[operation]))
        shop.twin.faults.set({"drop_before_post": 1, "only": POSTS[operation]})
        before = datetime.now(UTC)
        with pytest.raises(OutcomeUnknown):
            destination.submit(batch)
        assert shop.build().find(as_sent(batch, None, intent_at=before)) is ABSENT

    def test_an_import_that_fails_refuses_its_rows(self, shop, records, operation):
        shop.twin.faults.set({"fails": 1})
        assert set(run(shop.build(), operation, records(ROWS[operation])).values()) == {"refused"}

    def test_every_line_in_error_is_every_row_refused(self, shop, records, operation):
        shop.twin.faults.set({"all_in_error": 1})
        assert set(run(shop.build(), operation, records(ROWS[operation])).values()) == {"refused"}

    def test_a_state_nobody_knows_is_no_end(self, shop, records, operation):
        shop.twin.faults.set({"unknown_status": 1})
        assert set(run(shop.build(), operation, records(ROWS[operation])).values()) == {"applied"}

    def test_an_import_that_never_ends_stays_open(self, shop, records, operation):
        destination = shop.build()
        (batch,), _ = encoded(destination, operation, records(ROWS[operation]))
        shop.twin.faults.set({"never_ends": 1})
        assert not destination.poll([as_sent(batch, destination.submit(batch))])[1].closed

    def test_a_report_that_never_comes_confirms_nothing_wrong(self, shop, records, operation):
        shop.twin.faults.set({"all_in_error": 1, "report_missing": -1})
        assert set(run(shop.build(), operation, records(ROWS[operation])).values()) == {"refused"}


@pytest.mark.parametrize("fault", ["drop", "error_500", "html_502"])
def test_trouble_while_reading_offers_is_tried_again_later(shop, records, fault):
    destination = shop.build()
    shop.twin.faults.set({fault: 1, "only": "OF21"})
    with pytest.raises(Unreachable):
        destination.gather("price", records({"sku": "S0"}))
    assert destination.gather("price", records({"sku": "S0"})).facts["offers"].offers.height == 1


def test_probe_compares_currency_and_heeds_roles(exits):
    shop = Shop(exits, keys=(ShopKey(SECRET, frozenset({"ROLE_PARTNER_SHOP_READ"})),))
    assert "not heeded" in shop.build(currency="USD").probe()
