"""What `plan` shows of destinations whose batches are not each one call: every call, where it goes, byte for byte."""

from __future__ import annotations

import json

import pytest

from gateway.destinations.partner_api.calls import Calls as ChainCalls
from gateway.destinations.sellerscommerce.calls import Calls as StoreCalls
from gateway.testing import texts
from gateway.testing.stores import OFFERS, OFFERS_HEAD, OFTEN, TOKEN, account, platform
from gateway.testing.texts import LEVELS, mapping
from gateway.twin.mirakl import MiraklTwin, MiraklTwinSettings, ShopKey
from gateway.twin.sellerscommerce import Account, SellersCommerceTwin, SellersCommerceTwinSettings

SINGLE = {"product/updateskuprice": "single"}
KEYS = Account("cli-user", "cli-secret")
PRICED = 'sku = "sku"\nprice = "price"\nprice_basis = { constant = "net" }\n'
PRICES = mapping("price", PRICED)
REDUCED = mapping("promotion", PRICED + 'ends_at = { constant = "2031-01-01T00:00:00Z" }\n')
GOODS = mapping("catalog", 'sku = "sku"\nproduct_id = "product"\nname = "name"\ncategory = "group"\nbrand = "maker"\n')
FILES = account(
    "there",
    "https://api.example",
    more='sftp_host = "files.example"\nsftp_user = "u"\nsftp_known_hosts = "known"\n'
    'sftp_password = { env = "PORTAL" }\n',
    keys=OFTEN,
)
FILES = FILES.replace('channel = "rest"', 'channel = "sftp"').replace('tokens = { all = { env = "PORTAL" } }\n', "")


@pytest.fixture
def settle(place):
    def settled(text, **mappings):
        path = place / "gateway.toml"
        parts = (texts.route(word, "there", source="inbox") for word in mappings)
        path.write_text("\n".join((path.read_text("utf-8"), text, *parts)), "utf-8")
        texts.folders(place, **mappings)

    return settled


@pytest.fixture
def chain(settle, monkeypatch):
    """A chain of two stores; returns the calls that write, as they leave."""
    monkeypatch.setenv("PORTAL", TOKEN)
    sent, write = [], ChainCalls._write

    def recorded(self, method, path, body, **options):
        sent.append((f"{method} {path}", body))
        return write(self, method, path, body, **options)

    monkeypatch.setattr(ChainCalls, "_write", recorded)
    with platform() as twin:
        settle(account("there", twin.url, keys=OFTEN), levels=LEVELS, promotion=OFFERS)
        yield sent


@pytest.fixture
def store(settle, monkeypatch):
    monkeypatch.setenv("SC_USER", KEYS.access_key)
    monkeypatch.setenv("SC_SECRET", KEYS.shared_secret)
    sent, post = [], StoreCalls.post

    def recorded(self, endpoint, body, **options):
        sent.append((f"{endpoint.method} {endpoint.path}", body))
        return post(self, endpoint, body, **options)

    monkeypatch.setattr(StoreCalls, "post", recorded)
    with SellersCommerceTwin(settings=SellersCommerceTwinSettings(accounts=(KEYS,), bodies=SINGLE)) as twin:
        for sku in "AB":
            twin.put_sku(sku, stock=1, price="5")
        settle(
            texts.store("there", twin.url, pace='call_interval = 0\nprice_body = "single"\n'),
            price=PRICES,
            promotion=REDUCED,
        )
        yield sent


def planned(place, call, name, text, route):
    """Return plan.json, and the calls it shows."""
    (place / name).write_text(text, "utf-8")
    out = place / f"planned-{name}"
    result = call("plan", name, "--route", route, "--out", str(out), "--json")
    assert result.stdout, result.output
    told = json.loads(result.stdout)
    assert told == json.loads((out / "plan.json").read_text("utf-8"))
    assert {path.name for path in out.iterdir()} == {"plan.json", *(one["file"] for one in told["bodies"])}
    return told, [(one["to"], (out / one["file"]).read_bytes()) for one in told["bodies"]]


def once(place, call, name, text):
    (place / "inbox" / name).write_text(text, "utf-8")
    result = call("run", "--once")
    assert result.exit_code == 0, result.output


def test_calls_of_two_stores_are_told_apart(place, call, chain):
    text = "sku,quantity\nA,7\nB,9\n"
    told, shown = planned(place, call, "levels.csv", text, "levels")
    assert [to for to, _ in shown] == [f"PUT /v2/chains/c-1/vendors/{v}/catalog" for v in ("v1", "v2")]
    assert [one["records"] for one in told["bodies"]] == [2, 2]
    once(place, call, "levels.csv", text)
    assert sorted(chain) == sorted(shown)


def test_promotions_that_end_are_shown_call_by_call_and_those_nobody_began_cause_none(place, call, chain):
    once(place, call, "promotion1.csv", f"{OFFERS_HEAD}A,Week,3.99,,,,\nB,Week,4.25,,,,\nA,Three,,2,1,v1,\n")
    chain.clear()
    ending = f"{OFFERS_HEAD}A,Week,3.99,,,,inactive\nB,Week,4.25,,,,inactive\nA,Three,,2,1,v1,inactive\n"
    told, shown = planned(place, call, "promotion2.csv", ending, "promotion")
    assert (told["calls"], told["without_call"]) == (2, 0)
    assert [json.loads(body)["active"] for _, body in shown] == [False, False]
    once(place, call, "promotion2.csv", ending)
    assert sorted(chain) == sorted(shown)
    never = f"{OFFERS_HEAD}B,Never,1.99,,,,inactive\n"
    told, shown = planned(place, call, "promotion3.csv", never, "promotion")
    assert (shown, told["calls"], told["without_call"]) == ([], 0, 1)
    assert told["reason"] == "What is to be sent causes no call."


def test_a_promotion_that_moves_takes_two_calls(place, call, chain):
    once(place, call, "promotion1.csv", f"{OFFERS_HEAD}A,Week,3.99,,,,\n")
    chain.clear()
    moved = f"{OFFERS_HEAD}A,Week,3.99,,,v1,\n"
    told, shown = planned(place, call, "promotion2.csv", moved, "promotion")
    assert told["calls"] == 2
    once(place, call, "promotion2.csv", moved)
    assert chain == shown


def test_a_call_per_row_is_a_file_per_row(place, call, store):
    text = "sku,price\nA,20\nB,30\n"
    _, shown = planned(place, call, "price1.csv", text, "price")
    once(place, call, "price1.csv", text)
    assert store == shown
    assert [json.loads(body)["SKUCode"] for _, body in shown] == ["A", "B"]


def test_products_are_a_call_each_with_what_goes_around_them(place, call, store, settle):
    settle("", catalog=GOODS)
    rows = "A-1,A,Apple,Fruit,M\nA-2,A,Apple,Fruit,M\nB-1,B,Bread,Bakery,M\n"
    told, shown = planned(place, call, "catalog1.csv", f"sku,product,name,group,maker\n{rows}", "catalog")
    assert told["issues"] == []
    products = [json.loads(body) for to, body in shown if to == "POST /api/product/products"]
    assert [one["ProductCode"] for one in products] == ["A", "B"]
    counts = {one["to"]: one["records"] for one in told["bodies"] if "categor" in one["to"]}
    assert set(counts.values()) <= {0}
    assert sum(one["records"] for one in told["bodies"]) == 3


def test_files_are_named_as_they_are_uploaded(place, call, settle, monkeypatch):
    monkeypatch.setenv("PORTAL", "a-password")
    (place / "known").write_text("")
    settle(FILES, levels=LEVELS, promotion=OFFERS)
    told, shown = planned(place, call, "levels.csv", "sku,quantity\nA,7\nB,9\n", "levels")
    assert [to for to, _ in shown] == ["catalog/products_v1.csv", "catalog/products_v2.csv"]
    assert {one["records"] for one in told["bodies"]} == {2}
    assert shown[0][1].decode().splitlines()[0] == "sku,quantity"


def test_rows_that_are_refused_are_named_with_their_reason(place, call, store):
    (place / "promotion1.csv").write_text("sku,price\nA,3\n", "utf-8")
    result = call("plan", "promotion1.csv", "--route", "promotion", "--out", "planned")
    assert result.exit_code == 1
    assert "1 refused" in result.stdout
    assert "1 of 1 rows can't be sent as they are" in result.stdout
    assert "PROMOTION_BASE" in result.stdout
    told, _ = planned(place, call, "promotion1.csv", "sku,price\nA,3\n", "promotion")
    (cause,) = told["issues"]
    assert (cause["code"], cause["rows"], cause["count"]) == ("PROMOTION_BASE", [[2, 2]], 1)


def test_promotions_by_files_are_judged_in_the_plan_as_when_they_are_sent(place, call, settle, monkeypatch):
    monkeypatch.setenv("PORTAL", "pass-word")
    (place / "known").write_text("", "utf-8")
    named = OFFERS.replace('promotion_id = "campaign"', 'promotion_id = "get"').replace('get_quantity = "get"\n', "")
    settle(FILES, promotion=named)
    told, shown = planned(place, call, "promotion1.csv", f"{OFFERS_HEAD}A,Week,3.99,,W1,,\n", "promotion")
    assert (told["states"], told["issues"]) == ({"pending": 1}, [])
    assert [to for to, _ in shown] == ["promotions/promo_v1.csv", "promotions/promo_v2.csv"]
    told, _ = planned(
        place, call, "promotion2.csv", f"{OFFERS_HEAD}A,Week,3.99,,W1,,\nA,Week,3.5,,W2,v1|v2,\n", "promotion"
    )
    assert "DEST_ONE_PER_KEY" in {one["code"] for one in told["issues"]}


def test_other_dates_of_a_full_promotion_file_are_planned_and_sent(place, call, settle, monkeypatch):
    key = "twin-key-31c0"
    monkeypatch.setenv("SHOP_KEY", key)
    paces = dict.fromkeys(("price_interval", "price_status_interval", "price_report_interval", "known_for"), 0)
    quick = dict.fromkeys(("waiting_seconds", "running_seconds"), 0.0)
    dated = mapping("promotion", PRICED + 'ends_at = "until"\n')
    with MiraklTwin({"A": 3}, settings=MiraklTwinSettings(keys=(ShopKey(key),), limits={}, **quick)) as twin:
        lines = [f"{name} = {seconds}" for name, seconds in paces.items()]
        shop = f'[destinations.there]\nkind = "mirakl"\nhost = "{twin.url}"\napi_key = {{ env = "SHOP_KEY" }}\n'
        settle("\n".join([shop, 'price_basis = "net"', 'currency = "USD"', *lines]), price=PRICES, promotion=dated)
        with (place / "gateway.toml").open("a") as settings:
            settings.write('mode = "full"\nabsent = "end"\n')  # of the last route
        once(place, call, "price1.csv", "sku,price\nA,10\n")
        once(place, call, "promotion1.csv", "sku,price,until\nA,8,2031-01-01T00:00:00Z\n")
        moved = "sku,price,until\nA,7,2032-01-01T00:00:00Z\n"
        told, _ = planned(place, call, "promotion2.csv", moved, "promotion")
        assert (told["mode"], told["states"], told["derived"]) == ("full", {"pending": 1}, {})
        assert [(one["records"], one["complete"]) for one in told["bodies"]] == [(1, False)]
        once(place, call, "promotion2.csv", moved)
        assert [(row["discount_price"], row["discount_to"]) for row in twin.shelf()] == [("7", "2032-01-01T00:00:00Z")]
