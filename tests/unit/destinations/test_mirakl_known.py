"""Reading what the shop has: by code, by the list, by exports; in several turns, never older than our own writes."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from pydantic import SecretStr

from gateway.destinations.mirakl import MiraklSettings, offers_read
from gateway.destinations.mirakl.calls import Api, Calls
from gateway.destinations.mirakl.offers_known import OffersKnown
from gateway.destinations.mirakl.reading import Reading
from gateway.errors import MayWorkLater, OutcomeUnknown, Refused, SettingsError, Throttled, Unreachable
from gateway.transport.http import Response

URL = "http://shop.mirakl.net/api/offers/export/async/file/1?file=of52%2Foffers%2F0.json"


@pytest.fixture
def build(scripted, clock):
    def make(*steps, **more):
        transport = scripted(*steps)
        settings = MiraklSettings(**{"host": "shop.mirakl.net", "api_key": SecretStr("k"), "shop_id": 7, **more})
        return OffersKnown(Calls(settings, transport, clock), settings), transport

    return make


def listed(*skus, total=None):
    offers = [
        {"shop_sku": sku, "currency_iso_code": "EUR",
         "all_prices": [{"price": 9.5, "unit_origin_price": 9.5, "volume_prices": []}]} for sku in skus
    ]  # fmt: skip
    return {"offers": offers, "total_count": len(skus) if total is None else total}


def exported(*skus, deleted=()):
    offers = [{"shop_sku": sku, "prices": [{"origin_price": 9.5}]} for sku in skus]
    return json.dumps(offers + [{"shop_sku": sku, "deleted": True} for sku in deleted]).encode()


def read(known, *skus, exported=False):
    _, found = known.of(skus, exported=exported)
    return sorted(found.offers["sku"])


def turns(known, clock, *skus, stop=(), **more):
    """Read until it is done, as a lane does; returns what was found and the seconds it took."""
    for turn in range(20):
        try:
            return read(known, *skus, **more), turn
        except stop:
            raise
        except MayWorkLater as error:
            clock.advance(error.after or 1.0)
    raise AssertionError("the reading never ends")


# ---------------------------------------------------------------- few


def test_few_offers_are_looked_up_one_by_one(build):
    known, transport = build(listed("A"), listed(), listed("C", "C2"))
    assert read(known, "A", "B", "C") == ["A", "C"]
    assert [request.query for request in transport.seen] == [
        (("sku", sku), ("max", "100"), ("offset", "0"), ("sort", "productTitle"), ("shop_id", "7")) for sku in "ABC"
    ]
    assert {request.budget for request in transport.seen} == {"OF21"}


def test_a_lookup_goes_on_where_it_was_stopped(build):
    known, transport = build(listed("A"), Throttled("later", after=9.0), listed("B"))
    with pytest.raises(Throttled):
        known.of(["A", "B"], exported=False)
    assert read(known, "A", "B") == ["A", "B"]
    assert [dict(request.query)["sku"] for request in transport.seen] == ["A", "B", "B"]


def test_what_was_read_is_believed_for_a_while_and_never_beyond_a_write(build, clock):
    known, transport = build(listed("A"), listed("A"), listed("A"), known_for=60.0)
    read(known, "A")
    clock.advance(59)
    read(known, "A")
    assert len(transport.seen) == 1
    clock.advance(2)
    read(known, "A")
    assert len(transport.seen) == 2
    clock.advance(1)
    known.written()
    clock.advance(1)
    at, _ = known.of(["A"], exported=False)
    assert (len(transport.seen), at) == (3, clock.now())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"offers": [], "total_count": "x"}',
        b'{"offers": [{"shop_sku": "A"}]}',
        b'{"offers": [null], "total_count": 1}',
        b'{"offers": [{"all_prices": [{"volume_prices": [{"quantity_threshold": "few"}]}]}], "total_count": 1}',
        b"<html>",
    ],
)
def test_an_answer_that_is_no_list_is_asked_for_again(build, body):
    with pytest.raises(Unreachable, match="list of offers"):
        build(body)[0].of(["A"], exported=False)


def test_amounts_never_pass_through_binary_fractions(build):
    body = json.dumps(listed("A")).replace("9.5", "1234567890.12345678901").encode()
    _, found = build(body)[0].of(["A"], exported=False)
    assert found.prices["price"].to_list() == ["1234567890.12345678901"]


# ---------------------------------------------------------------- more


def test_more_offers_are_read_page_by_page(build):
    pages = [listed(*(f"S{n}" for n in range(start, min(start + 100, 250))), total=250) for start in (0, 100, 200)]
    known, transport = build(*pages, lookup_most=1)
    assert read(known, "S0", "S249", "NO") == ["S0", "S249"]
    assert [dict(request.query)["offset"] for request in transport.seen] == ["0", "100", "200"]
    assert read(known, "S1", "S2") == ["S1", "S2"]
    assert len(transport.seen) == 3


def test_pages_go_on_where_they_were_stopped(build):
    steps = (listed("A", total=250), Throttled("later", after=2.0), listed("B", total=250), listed("C", total=250))
    known, transport = build(*steps, lookup_most=0)
    with pytest.raises(Throttled):
        known.of(["A"], exported=False)
    assert read(known, "A", "B", "C") == ["A", "B", "C"]
    assert [dict(request.query)["offset"] for request in transport.seen] == ["0", "100", "100", "200"]


def test_pages_begun_before_a_write_are_begun_again(build, clock):
    known, transport = build(
        listed("A", total=150), Throttled("x", after=1), listed("A", total=150), listed(total=150), lookup_most=0
    )
    with pytest.raises(Throttled):
        known.of(["A"], exported=False)
    known.written()
    clock.advance(1)
    read(known, "A")
    assert [dict(request.query)["offset"] for request in transport.seen] == ["0", "100", "0", "100"]


# ---------------------------------------------------------------- exports


def test_many_offers_are_read_by_an_export_then_by_its_changes(build, clock):
    done = {"status": "COMPLETED", "urls": [URL, URL.replace("0.json", "1.json")]}
    known, transport = build(
        listed("A", total=9000), {"tracking_id": "t-1"}, {"status": "PENDING"}, done, exported("A", "B"), exported("C"),
        {"tracking_id": "t-2"}, {"status": "COMPLETED", "urls": [URL]}, exported("D", deleted=["B"]),
        lookup_most=0,
    )  # fmt: skip
    assert turns(known, clock, "A", "B", "C", "D") == (["A", "B", "C"], 2)
    first, second = transport.seen[1], transport.seen[4]
    assert (first.method, first.path, first.budget, first.interval) == (
        "POST", "/api/offers/export/async", "OF52-full", 86_400.0
    )  # fmt: skip
    assert json.loads(first.body) == {
        "export_type": "application/json", "include_inactive_offers": True, "items_per_chunk": 10_000,
        "megabytes_per_chunk": 10,
        "include_fields": ["shop_sku", "currency_iso_code", "deleted", "prices", "retail_prices"],
    }  # fmt: skip
    assert (second.path, second.query) == (
        "/api/offers/export/async/file/1", (("file", "of52/offers/0.json"), ("shop_id", "7"))
    )  # fmt: skip
    begun = clock.now() - timedelta(seconds=20)
    clock.advance(1)
    known.written()
    clock.advance(1)
    assert turns(known, clock, "A", "B", "C", "D") == (["A", "C", "D"], 1)
    changes = json.loads(transport.seen[6].body)
    assert transport.seen[6].budget == "OF52"
    assert "include_inactive_offers" not in changes
    since = begun - timedelta(minutes=5)
    assert changes["last_request_date"] == since.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_without_an_export_today_the_list_is_read(build):
    known, _ = build(
        listed("A", total=150), Throttled("a day", after=9000.0), listed("B", total=150), lookup_most=0, list_most=50
    )
    assert read(known, "A", "B") == ["A", "B"]


def test_prices_of_customers_are_read_by_exports_only(build):
    known, transport = build(Throttled("a day", after=9000.0))
    with pytest.raises(Throttled):
        known.of(["A"], exported=True)
    assert transport.seen[0].budget == "OF52-full"


def test_an_export_on_another_host_never_gets_the_key(build, clock):
    done = {"status": "COMPLETED", "urls": ["https://files.example.com/x.json"]}
    known, transport = build({"tracking_id": "t"}, done, offers_from="export")
    with pytest.raises(Refused, match=r"files\.example\.com") as caught:
        turns(known, clock, "A")
    assert (caught.value.status, len(transport.seen)) == ("host", 2)


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (({"tracking_id": "t"}, {"status": "FAILED", "error": {"code": "1", "detail": "broken"}}), "broken"),
        (({},), "no tracking id"),
        ((OutcomeUnknown("lost"),), "lost"),
        (({"tracking_id": "t"}, {"status": "COMPLETED", "urls": [URL]}, b"<html>"), "not the JSON"),
        (({"tracking_id": "t"}, {"status": "COMPLETED", "urls": ["http://[x/1"]}), "no address"),
    ],
)
def test_trouble_with_an_export_is_tried_again_later(build, clock, steps, said):
    known, _ = build(*steps, offers_from="export")
    with pytest.raises(Unreachable, match=said):
        turns(known, clock, "A", stop=Unreachable)


def test_asking_too_early_for_an_export_waits(build):
    known, _ = build({"tracking_id": "t"}, Throttled("10 s", after=7.0), offers_from="export")
    with pytest.raises(MayWorkLater):
        known.of(["A"], exported=False)
    with pytest.raises(MayWorkLater) as caught:
        known.of(["A"], exported=False)
    assert (type(caught.value), caught.value.after) == (MayWorkLater, 7.0)


# ---------------------------------------------------------------- what is read


def test_the_list_tells_channels_and_default(clock):
    known = offers_read.from_list(
        [
            {
                "shop_sku": "A", "currency_iso_code": "USD", "quantity": "3",
                "all_prices": [
                    {"channel_code": None, "unit_origin_price": "50", "unit_discount_price": "49",
                     "discount_end_date": "2019-04-29T22:00:00Z", "volume_prices": []},
                    {"channel_code": "US", "unit_origin_price": "60", "volume_prices": []},
                    {"channel_code": None, "context": {"channel_codes": ["FR", "CA"]}, "unit_origin_price": "70"},
                ],
            },
            {"shop_sku": "", "all_prices": []}, {"all_prices": "x"},
        ]
    )  # fmt: skip
    columns = ("default", "price", "discount-price", "discount-end-date", "channels")
    assert known.prices.select(columns).rows() == [
        (True, "50", "49", "2019-04-29T22:00:00Z", None), (False, "60", None, None, "US"),
        (False, "70", None, None, "FR|CA"),
    ]  # fmt: skip
    assert known.offers.rows() == [("A", "USD", False, "3")]


def test_an_export_may_be_a_list_or_hold_one():
    offers = [{"shop_sku": "A", "prices": []}, 7]
    assert offers_read.from_export(offers).offers["sku"].to_list() == ["A"]
    assert offers_read.from_export({"offers": offers}).offers["sku"].to_list() == ["A"]
    assert offers_read.from_export("nothing").offers.height == 0


def test_an_answer_carries_the_clock_of_the_other_side(scripted, clock):
    settings = MiraklSettings(host="x.net", api_key=SecretStr("k"))
    at = (clock.now() + timedelta(seconds=90)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    calls = Calls(settings, scripted(Response(200, {"date": at}, b"{}"), Response(200, {"date": "soon"}, b"{}")), clock)

    calls.read(Api("X", "/x"))
    assert (calls.skew, calls.skew_known) == (90.0, True)
    calls.read(Api("X", "/x"))
    assert calls.skew == 90.0


# ---------------------------------------------------------------- all, for people


def test_levels_are_read_anew_page_by_page_however_often_it_is_throttled(build, clock):
    first, last = listed("A", total=150), listed("B", total=150)
    first["offers"][0] |= {"quantity": 3}
    last["offers"].append({"shop_sku": "C", "quantity": 0, "all_prices": []})
    known, transport = build(first, Throttled("later", after=7.0), last, Throttled("tomorrow", after=3600.0))
    reading = Reading(known, MiraklSettings(host="shop.mirakl.net", api_key=SecretStr("k")), "shop")
    began = clock.now()
    assert reading.levels().rows() == [("A", "9.5", "3"), ("B", "9.5", None), ("C", None, "0")]
    assert (clock.now() - began).total_seconds() == 7
    assert [dict(request.query)["offset"] for request in transport.seen] == ["0", "100", "100"]
    with pytest.raises(Throttled):
        reading.levels()


def test_where_only_exports_may_be_read_levels_are_not_told(build):
    known, transport = build()
    chosen = MiraklSettings(host="shop.mirakl.net", api_key=SecretStr("k"), offers_from="export")
    with pytest.raises(SettingsError, match="by exports only"):
        Reading(known, chosen, "shop").levels()
    assert not transport.seen
