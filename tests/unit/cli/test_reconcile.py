"""What a Mirakl shop has beside what it confirmed, on the command line."""

from __future__ import annotations

import csv
import json

import pytest

from gateway.testing import texts
from gateway.twin.mirakl import MiraklTwin, MiraklTwinSettings, ShopKey

KEY = "cli-key-0001"


@pytest.fixture
def shop(place, add):
    none = dict.fromkeys(("waiting_seconds", "running_seconds"), 0.0)
    chosen = MiraklTwinSettings(keys=(ShopKey(KEY),), limits={}, **none)
    with MiraklTwin({"A1": 3, "A2": 3}, settings=chosen) as twin:
        (place / "key").write_text(KEY, "utf-8")
        quick = "import_interval = 0\nstatus_interval = 0.1\nprice_interval = 0\nprice_status_interval = 0.1\n"
        shop = f'[destinations.shop]\nkind = "mirakl"\nhost = "{twin.url}"\napi_key = {{ file = "key" }}\n{quick}'
        add(
            f'{shop}price_basis = "net"\ncurrency = "USD"\n',
            texts.route("level", "shop", source="inbox", by="example"),
            texts.route("price", "shop", source="inbox", by="prices"),
            prices=texts.PRICES,
        )
        yield twin


def test_what_was_sold_or_changed_in_the_shop_is_told_and_sent_again(place, call, shop):
    (place / "inbox/level_1.csv").write_text("Article;Stock;Warehouse\nA1;10;\nA2;20;\n", "utf-8")
    (place / "inbox/price_1.csv").write_text("Article;Price\nA1;7.50\nA2;8\n", "utf-8")
    ran = call("run", "--once")
    assert ran.exit_code == 0, [(one.name, one.read_text("utf-8")) for one in place.glob("outbox/**/*.result.csv")]
    assert {"level", "price"} <= {*call("reconcile").stdout.split()}
    assert call("reconcile", "level").exit_code == 0
    assert call("reconcile", "price").exit_code == 0
    shop.drift("A1", 4)
    told = call("reconcile", "level", "--json")
    assert told.exit_code == 1
    assert json.loads(told.stdout)["families"]["stock"]["different"] == 1
    with (place / "level.diff.csv").open(encoding="utf-8", newline="") as file:
        (one,) = csv.DictReader(file)
    assert (one["sku"], one["ours"], one["theirs"]) == ("A1", "10", str(shop.offers()["A1"]))
    assert call("reconcile", "level", "--resend").exit_code == 0
    assert call("run", "--once").exit_code == 0
    assert shop.offers() == {"A1": 10, "A2": 20}
