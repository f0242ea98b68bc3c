"""Full files that give promotions other dates: at Mirakl an offer has one discount, and ours gives way to its own."""

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from pydantic import SecretStr

from gateway.destinations.mirakl import MiraklDestination, MiraklSettings
from gateway.testing import drive
from gateway.testing.clock import FakeClock
from gateway.testing.rig import Rig
from gateway.testing.texts import mapping
from gateway.transport.http import connect
from gateway.twin.mirakl import MiraklTwin, MiraklTwinSettings, ShopKey

SECRET = "twin-key-31c0"
AT_ONCE = dict.fromkeys(("waiting_seconds", "running_seconds", "export_seconds"), 0.0)
NOT_WAITED = dict.fromkeys(("price_interval", "price_status_interval", "price_report_interval", "known_for"), 0.0)
TODAY = datetime.now(UTC)
PRICES = mapping(
    "price",
    """sku = "sku"
price = "price"
price_basis = { constant = "gross" }
tax_rate = { constant = "20" }
currency = { constant = "USD" }
""",
)
PROMOTIONS = mapping(
    "promotion",
    """promotion_id = "id"
sku = "sku"
percentage = { column = "rate", optional = true }
starts_at = { column = "from", optional = true }
ends_at = { column = "until", optional = true }
command = { column = "command", optional = true }
valid_from = { column = "due", optional = true }
""",
)
HEADER = "id,sku,rate,from,until,command,due"
DONE = [("applied", None)]
REFUSED = [("refused", "DEST_DISCOUNT")]


def at(days):
    return "" if days is None else f"{TODAY + timedelta(days=days):%Y-%m-%dT00:00:00Z}"


def row(first, last, *, rate=20, command="", name="P1", sku="S1", due=None):
    return f"{name},{sku},{rate},{at(first)},{at(last)},{command},{at(due)}"


class Shop:
    """A gateway with a route of full promotion files beside the stand-in of a shop."""

    def __init__(self, rig, twin, clock):
        self.rig, self.twin, self.clock, self.files = rig, twin, clock, 0

    def drop(self, *rows):
        """Take a file, and send nothing yet."""
        self.files += 1
        self.clock.advance(1)
        self.name = f"promotion{self.files}.csv"
        self.run = self.rig.drop(self.name, "\n".join([HEADER, *rows, *[""] * self.files]))
        return self.run

    def send(self, *rows):
        self.drop(*rows)
        self.rig.advance(4)
        return self.told()

    def told(self):
        return list(self.rig.results(self.run).select("state", "code").iter_rows())

    def mend(self, *changes, without=""):
        """Drop the errors file of the last file with other words in it, and without rows of a word."""
        (errors,) = (self.rig.folder / "outbox/acme").glob(f"{self.name}.*.errors.csv")
        kept = [line for line in errors.read_text("utf-8").splitlines() if not without or without not in line]
        text = "\n".join([*kept, ""])
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        self.clock.advance(1)
        self.name = errors.name
        self.run = self.rig.drop(self.name, text)
        self.rig.advance(4)
        return self.told()

    def said(self):
        return self.rig.results(self.run)["detail"].to_list()

    def discount(self, sku="S1"):
        (line,) = (line for line in self.twin.shelf() if line["sku"] == sku)
        return line["discount_price"], line["discount_from"], line["discount_to"]


@contextmanager
def opened(folder, **options):
    clock = FakeClock(TODAY)
    chosen = MiraklTwinSettings(keys=(ShopKey(SECRET),), limits={}, **AT_ONCE)
    with MiraklTwin({"S1": 3, "S2": 3}, settings=chosen) as twin:
        settings = MiraklSettings(
            host=twin.url, api_key=SecretStr(SECRET), price_basis="gross", currency="USD", **NOT_WAITED
        )
        transport = connect(settings.access(), account="shop", clock=clock, budget=drive.FreeBudget())
        made = MiraklDestination(settings, transport=transport, clock=clock, account="shop", name="saks")
        route = {"mode": "full", "absent": "end", "guard": {"off": True}} | options
        rig = Rig(folder / "gateway", made, clock, mapping=PRICES, more=(PROMOTIONS,), **route)
        shop = Shop(rig, twin, clock)
        rig.drop("price.csv", "sku,price\nS1,100\nS2,100\n")
        rig.advance(4)
        yield shop
        rig.close()
        transport.close()


@pytest.fixture
def shop(tmp_path):
    with opened(tmp_path) as made:
        yield made


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ((-10, 10), (-10, 20)),
        ((-10, 10), (-10, 4)),
        ((-10, 10), (5, 20)),
        ((5, 20), (9, 20)),
        ((5, 20), (-2, 20)),
        ((5, 20), (30, 40)),
        ((-10, None), (-10, 20)),
        ((None, 10), (-3, None)),
        ((5, None), (9, None)),
    ],
)
def test_new_dates_of_a_full_file_take_the_place_of_its_old_ones(shop, old, new):
    assert shop.send(row(*old)) == DONE
    assert shop.discount()[2] == (at(old[1]) or None)
    assert shop.send(row(*new, rate=30)) == DONE
    assert shop.discount() == ("70", at(new[0]) or None, at(new[1]) or None)
    assert shop.send(row(*new, rate=30)) == [("unchanged", None)]


def in_the_office(shop, first, last, sku="S1"):
    """Give an offer another discount, as a person does in the back office."""
    lines = [
        "offer-sku;price;discount-price;discount-start-date;discount-end-date",
        f"{sku};100;55;{at(first)};{at(last)}",
    ]
    sent = httpx.post(
        f"{shop.twin.url}/api/offers/pricing/imports",
        headers={"Authorization": SECRET, "Accept": "application/json"},
        files={"file": ("p.csv", "\n".join([*lines, ""]).encode(), "text/csv")},
    )
    assert sent.status_code == 201
    assert shop.discount(sku) == ("55", at(first), at(last))


@pytest.mark.parametrize("theirs", [(-10, 25), (3, 10), (5, 9)])
def test_a_discount_with_dates_that_we_did_not_send_stays(shop, theirs):
    assert shop.send(row(-10, 10)) == DONE
    in_the_office(shop, *theirs)
    assert shop.send(row(-10, 20)) == REFUSED
    assert f"this one has 55 from {at(theirs[0])} to {at(theirs[1])}" in shop.said()[0]
    assert shop.discount()[0] == "55"


def test_a_discount_of_an_article_nobody_sent_one_for_stays(shop):
    in_the_office(shop, -10, 25)
    assert shop.send(row(-10, 10), row(-10, 10, sku="S2")) == REFUSED + DONE


def test_what_was_ended_is_ours_no_more(shop):
    assert shop.send(row(-10, 10), row(-10, 10, sku="S2")) == DONE * 2
    assert shop.send(row(-10, 10, sku="S2")) == [("unchanged", None)]
    assert shop.discount() == (None, None, None)
    in_the_office(shop, -10, 10)
    assert shop.send(row(-10, 20), row(-10, 10, sku="S2")) == [*REFUSED, ("unchanged", None)]


def test_a_rejected_row_of_the_article_may_be_what_was_before(shop):
    assert shop.send(row(-10, 10), row(-10, 10, sku="S2")) == DONE * 2
    faulty = row(-10, 10, rate=2000)
    told = shop.send(faulty, row(-10, 20, name="P2"), row(-10, 20, sku="S2"))
    assert [state for state, _ in told] == ["rejected", "refused", "applied"]
    assert shop.discount()[2] == at(10)


@pytest.mark.parametrize(
    "older", [[row(-10, 12, rate=2000)], [row(-10, 12, rate=30)] * 2, [row(-10, 12, rate=2000), row(-10, 14)]]
)
def test_a_rejected_row_of_one_full_file_says_nothing_of_another_taken_with_it(shop, older):
    assert shop.send(row(-10, 10), row(-10, 10, sku="S2")) == DONE * 2
    shop.drop(*older, row(-10, 10, sku="S2"))
    assert shop.send(row(-10, 20), row(-10, 10, sku="S2", rate=30)) == DONE * 2
    assert shop.discount()[2] == at(20)


def test_a_row_of_a_full_file_that_comes_back_mended_takes_the_place(shop):
    assert shop.send(row(-10, 10), row(-10, 10, sku="S2")) == DONE * 2
    assert shop.send(row(-10, 20, rate=2000), row(-10, 10, sku="S2"))[0][0] == "rejected"
    assert shop.mend(("2000", "1000"))[0][0] == "rejected"
    assert shop.mend(("1000", "30")) == DONE
    assert shop.discount() == ("70", at(-10), at(20))


@pytest.mark.parametrize("other", [row(-10, 10), row(-10, 12, rate=1500, name="P2")], ids=["sound", "rejected"])
def test_a_mended_row_beside_another_of_its_article_in_the_file_does_not(shop, other):
    assert shop.send(row(-10, 10)) == DONE
    shop.send(row(-10, 20, rate=2000, name="P3"), other)
    assert shop.mend(("2000", "30"), without="1500") == REFUSED
    assert shop.discount()[2] == at(10)


def test_a_mended_row_of_a_file_of_changes_does_not(tmp_path):
    with opened(tmp_path, mode="delta", absent="keep") as shop:
        assert shop.send(row(-10, 10)) == DONE
        assert shop.send(row(-10, 20, rate=2000))[0][0] == "rejected"
        assert shop.mend(("2000", "30")) == REFUSED


@pytest.mark.parametrize("first", ["no such run", "../../etc", "one that was refused"])
def test_a_row_that_comes_back_of_a_file_nobody_knows_does_not(shop, first):
    assert shop.send(row(-10, 10)) == DONE
    shop.rig.drop("promotion.csv", "what is this")
    refused = next(one.id for one in shop.rig.operations.runs(9) if one.state == "rejected")
    first = refused if first == "one that was refused" else first
    assert shop.send(row(-10, 20, rate=2000))[0][0] == "rejected"
    assert shop.mend(("2000", "30"), (shop.run, first)) == REFUSED
    assert shop.discount()[2] == at(10)


def test_a_refused_row_of_a_full_file_that_is_sent_again_takes_the_place(shop):
    assert shop.send(row(-10, 10)) == DONE
    in_the_office(shop, -10, 25)
    assert shop.send(row(-10, 20)) == REFUSED
    in_the_office(shop, -10, 10)
    shop.clock.advance(1)
    shop.run, _ = shop.rig.operations.retry(shop.run)
    shop.rig.advance(4)
    assert shop.told() == DONE
    assert shop.discount() == ("80", at(-10), at(20))


def test_a_good_row_takes_the_place_where_the_key_of_another_can_not_be_read(shop):
    assert shop.send(row(-10, 10), row(-10, 10, sku="S2")) == DONE * 2
    told = shop.send(row(-10, 20), row(-10, 20, sku=""))
    assert [state for state, _ in told] == ["applied", "rejected"]
    assert (shop.discount()[2], shop.discount("S2")[2]) == (at(20), at(10))


def test_a_rejected_row_of_the_article_counts_there_too(shop):
    assert shop.send(row(-10, 10)) == DONE
    told = shop.send(row(-10, 20), row(-10, 10, sku=""), row(-10, 10, rate=2000, name="P2"))
    assert [state for state, _ in told] == ["refused", "rejected", "rejected"]
    assert shop.discount()[2] == at(10)


def test_what_a_full_file_dates_back_is_over(shop):
    assert shop.send(row(-10, 10)) == DONE
    assert shop.send(row(-10, -3)) == [("applied", "SP-EXPIRED")]
    assert shop.discount() == (None, None, None)
    assert shop.send(row(-10, -3)) == [("unchanged", "SP-EXPIRED")]


def test_what_a_full_file_dates_back_counts_as_ended_for_the_guard(tmp_path):
    with opened(tmp_path, guard={"ended_least": 1}) as shop:
        assert shop.send(row(-10, 10), row(-10, 10, sku="S2")) == DONE * 2
        assert [state for state, _ in shop.send(row(-10, -3), row(-10, 12, sku="S2"))] == ["held"] * 2
        assert shop.discount()[2] == at(10)


def test_a_row_of_a_later_date_takes_the_place_when_that_has_come(shop):
    assert shop.send(row(-10, 30), row(-10, 10, sku="S2")) == DONE * 2
    told = shop.send(row(4, 20, due=3), row(-10, 12, sku="S2"))
    assert told == [("scheduled", "SCHEDULED"), *DONE]
    assert shop.discount()[2] == at(30)
    shop.clock.advance(3 * 86_400 + 60)
    shop.rig.advance(4)
    assert list(shop.rig.results(shop.run)["state"]) == ["applied"] * 2
    assert shop.discount()[1:] == (at(4), at(20))


def test_other_dates_in_a_file_of_changes_are_refused_with_what_to_send(tmp_path):
    with opened(tmp_path, mode="delta", absent="keep") as shop:
        assert shop.send(row(-10, 10)) == DONE
        assert shop.send(row(-10, 20)) == REFUSED
        assert shop.discount()[2] == at(10)
        assert shop.send(row(-10, 10, command="end"), row(-10, 20, name="P2")) == DONE * 2
        assert shop.discount()[2] == at(20)


def test_what_a_row_ends_beside_one_that_is_over_is_ended(tmp_path):
    with opened(tmp_path, mode="delta", absent="keep") as shop:
        assert shop.send(row(-10, 10)) == DONE
        assert shop.send(row(-10, 10, command="end"), row(-10, -3, name="P2")) == [*DONE, ("applied", "SP-EXPIRED")]
        assert shop.discount() == (None, None, None)
