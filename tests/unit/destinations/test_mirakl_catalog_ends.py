"""Catalog rows of a Mirakl shop that end: offer, price and level end together, and what comes again is news."""

import pytest
from pydantic import SecretStr

from gateway.destinations.mirakl import MiraklDestination, MiraklSettings
from gateway.testing import drive
from gateway.testing.clock import RealClock
from gateway.testing.rig import Rig
from gateway.testing.texts import mapping
from gateway.transport.http import connect
from gateway.twin.mirakl import MiraklTwin, MiraklTwinSettings, ShopKey

SECRET = "twin-key-31c0"
CLOCK = RealClock()
AT_ONCE = dict.fromkeys(
    ("waiting_seconds", "running_seconds", "sent_seconds", "details_seconds", "export_seconds"), 0.0
)
NOT_WAITED = {
    f"{family}{what}_interval": 0.0 for family in ("product", "offer", "price") for what in ("", "_status", "_report")
} | dict.fromkeys(("import_interval", "status_interval", "report_interval"), 0.0)
CATALOG = mapping(
    "catalog",
    """sku = "sku"
name = { constant = "Mug" }
category = { constant = "MUG" }
brand = { constant = "Acme" }
condition = { constant = "11" }
price = "price"
price_basis = { constant = "gross" }
tax_rate = { constant = "20" }
currency = { constant = "USD" }
quantity = "quantity"
command = { column = "command", optional = true }
""",
)
CODES = {"sku": "sku_code", "name": "title", "category": "category_code"}


@pytest.fixture
def shop(tmp_path):
    """Make a shop and a gateway to it: `shop(route, **settings)` returns both."""
    made = []

    def make(route, **more):
        chosen = MiraklTwinSettings(keys=(ShopKey(SECRET),), limits={}, **AT_ONCE)
        twin = MiraklTwin({}, settings=chosen)
        twin.__enter__()
        settings = MiraklSettings(
            host=twin.url, api_key=SecretStr(SECRET), price_basis="gross", currency="USD", product_columns=CODES,
            image_columns=(), **NOT_WAITED, **more,
        )  # fmt: skip
        transport = connect(settings.access(), account="shop", clock=CLOCK, budget=drive.FreeBudget())
        destination = MiraklDestination(settings, transport=transport, clock=CLOCK, account="shop", name="saks")
        rig = Rig(tmp_path / "gateway", destination, CLOCK, mapping=CATALOG, **route)
        made.append((rig, transport, twin))
        return rig, twin

    yield make
    for rig, transport, twin in made:
        rig.close()
        transport.close()
        twin.__exit__(None, None, None)


def put(rig, name, *rows, columns="sku,price,quantity"):
    """Drop a file and let it go through; returns its run."""
    run = rig.drop(name, "\n".join([columns, *rows, ""]))
    for _ in range(40):
        if rig.operations.run(run).state in {"settled", "held"}:
            break
        rig.advance()
        CLOCK.sleep(0.05)
    return run


def test_what_a_full_file_left_out_is_ended_once(shop):
    rig, twin = shop({"mode": "full", "absent": "end", "guard": {"off": True}})
    assert rig.states(put(rig, "1.csv", "A,9,5", "B,9,5")) == {"applied": 2}
    second = put(rig, "2.csv", "A,9,6")
    assert rig.states(second) == {"applied": 1}
    assert twin.offers() == {"A": 6, "B": 0}
    assert rig.operations.summary(second).verdict.endswith("Besides, 1 key that the file left out was ended.")
    third = put(rig, "3.csv", "A,9,7")
    assert rig.settler.rows(rig.operations.run(third)).states.derived == {}


def test_what_ended_and_comes_again_has_its_level(shop):
    rig, twin = shop({"delta": {"unchanged_for": 3600.0}})
    columns = "sku,price,quantity,command"
    put(rig, "1.csv", "A,9,5,", columns=columns)
    put(rig, "2.csv", "A,9,5,end", columns=columns)
    assert twin.offers() == {"A": 0}
    put(rig, "3.csv", "A,9,5,", columns=columns)
    assert twin.offers() == {"A": 5}


def test_the_row_says_what_became_of_the_offer(shop):
    rig, _ = shop({})
    columns = "sku,price,quantity,command"
    put(rig, "1.csv", "A,9,5,", columns=columns)
    run = put(rig, "2.csv", "A,9,5,end", columns=columns)
    (one,) = rig.results(run).select("state", "code", "detail").rows()
    assert one == ("applied", "DEST_ENDS_ALONG", "the level ends with the offer")
