"""Lanes that no route writes any more: what waits in them is counted, and goes on where a route comes back."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta

import pytest

from gateway.testing import texts

WORDS = ("price", "promotion")


class Place:
    """A folder with a gateway, and a store."""

    def __init__(self, folder, call, twin):
        self.folder, self.call, self.twin = folder, call, twin
        self.settings = folder / "gateway.toml"
        self.without = f"{self.settings.read_text('utf-8')}\n{texts.store('store', twin.url)}"
        texts.folders(folder, price=texts.PRICES, promotion=texts.PROMOTIONS)

    def routes(self, *names, owner="acme"):
        text = "".join(f'{texts.route(one, "store", source="inbox")}owner = "{owner}"\n' for one in names)
        self.settings.write_text(self.without + text, "utf-8")

    def once(self, name=None, text=""):
        if name is not None:
            (self.folder / "inbox" / name).write_text(text, "utf-8")
        result = self.call("run", "--once")
        assert result.exit_code == 0, result.output

    def prices(self):
        return {row["sku"]: str(row["price"]) for row in self.twin.shelf()}

    def left(self):
        told = self.call("status", "--json")
        return told.exit_code, json.loads(told.stdout)["left_behind"]


@pytest.fixture
def here(place, call, store):
    return Place(place, call, store)


def moments(*seconds):
    now = datetime.now(UTC)
    return [f"{now + timedelta(seconds=s):%Y-%m-%dT%H:%M:%SZ}" for s in seconds]


@pytest.mark.parametrize("how", ["removed", "owner"])
def test_boundaries_without_a_lane_are_told_until_it_has_one_again(here, how):
    here.routes(*WORDS)
    here.once("price_1.csv", "Article;Price\nA0;20\nA1;20\n")
    (soon, later) = moments(4, 86400)
    here.once("promotion_1.csv", f"Article;Price;From;To\nA0;15;;{soon}\nA1;12;;{later}\n")
    assert here.left() == (0, [])
    here.routes(*(() if how == "removed" else WORDS), owner="other")
    code, (one,) = here.left()
    assert code == 4
    assert (one["lane"], one["boundaries"], one["runs"]) == ("store/price/acme", 2, 0)
    assert datetime.fromisoformat(one["first"]) == datetime.fromisoformat(soon) + timedelta(seconds=1)
    assert "2 boundaries of promotions wait" in here.call("status").stdout
    told = here.call("doctor")
    assert told.exit_code == 3
    assert "FAIL  lane store/price/acme: no route writes it any more" in told.stdout
    assert "owner = 'acme'" in told.stdout
    time.sleep(max(0.0, (datetime.fromisoformat(soon) - datetime.now(UTC)).total_seconds() + 1.1))
    here.once()
    assert here.prices()["A0"] == "15"  # nobody ends it
    assert here.left()[1][0]["boundaries"] == 2  # what has passed waits still
    here.routes("price", owner="acme")
    here.once()
    assert here.prices() == {"A0": "20", "A1": "12", "A2": "5"}
    assert here.left() == (0, [])


def test_rows_for_later_without_a_lane_are_told(here):
    here.routes(*WORDS)
    here.once("price_1.csv", "Article;Price\nA0;20\n")
    (start, end) = moments(3600, 7200)
    here.once("promotion_1.csv", f"Article;Price;From;To\nA0;15;{start};{end}\n")
    here.routes()
    here.once()
    code, (one,) = here.left()
    assert (code, one["runs"]) == (4, 1)
    assert "1 run wait" in one["said"]


def test_a_lane_in_which_nothing_waits_is_none(here):
    here.routes(*WORDS)
    here.once("price_1.csv", "Article;Price\nA0;20\n")
    here.routes()
    assert here.left() == (0, [])
    assert here.call("doctor").exit_code == 0
