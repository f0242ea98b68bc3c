"""A platform of the Partner API that tells a running gateway about its jobs: over real sockets, its sender to ours."""

from __future__ import annotations

import socket
import threading
import time

import pytest
import sqlalchemy as sa

from gateway import wiring
from gateway.journal import tables as t
from gateway.settings import load_settings
from gateway.twin.partner import Chain, Item, PartnerTwin, PartnerTwinSettings, Token, Vendor

SECRET, TOKEN = "hook-secret-77aa", "portal-token-51aa"
CHAIN = Chain("c-1", (Vendor("v1", "STORE"), Vendor("v2")), (Token("all", TOKEN),))
AT_ONCE = {"queued_seconds": 0.0, "running_seconds": 0.1, "calls_per_window": 0, "hook_retry_seconds": (0.3,) * 30}
MAPPING = """contract = "stock"
version = 1
[format]
kind = "csv"
delimiter = ","
encoding = "utf-8"
[fields]
sku = "sku"
quantity = "quantity"
vendor_ids = { column = "vendors", optional = true }
"""
SETTINGS = """version = 1
[web]
port = {port}
[sources.drop]
kind = "local"
partner = "acme"
folder = "inbox"
every = 0.05
settle = 0
[destinations.panda]
kind = "partner_api"
brand = "foodpanda"
channel = "rest"
host = "{host}"
chain_id = "c-1"
tokens = {{ all = {{ env = "PORTAL" }} }}
webhook_secret = {{ env = "HOOK" }}
vendors = {{ STORE = {{}}, v2 = {{}} }}
keys = {keys}
[routes.stock]
source = "drop"
files = "*.csv"
mapping = "stock.toml"
destination = "panda"
"""
NEVER = 3600.0
"""Seconds until a job is asked about: longer than any test."""
STOCK = "sku,quantity\nA,7\nB,0\nX,1\n"
ROWS = {"applied": 2, "refused": 1}
"""States of STOCK: no vendor has X."""


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Place:
    """A platform, a folder with a gateway, and the gateways that ran in it."""

    def __init__(self, root, twin):
        self.root, self.twin = root, twin
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/hooks/panda"
        for name in ("inbox", "mappings"):
            (root / name).mkdir()
        (root / "mappings/stock.toml").write_text(MAPPING, "utf-8")
        self.gateway, self.thread = None, None
        self.settings()

    def settings(self, *, ask=NEVER, window=NEVER):
        keys = (
            "{ rest = { limits = { requests_per_minute = 600000, floor_products = 1 } },"
            " jobs = { poll_after_s = [%s] }, confirm = { window_s = { catalog = %s } } }"
        )
        text = SETTINGS.format(port=self.port, host=self.twin.url, keys=keys % (ask, window))
        (self.root / "gateway.toml").write_text(text, "utf-8")

    def start(self, *, work=True):
        self.gateway = wiring.wire(load_settings(self.root / "gateway.toml"))
        self.gateway.hold()
        self.gateway.listen()
        if work:
            self.thread = threading.Thread(target=self.gateway.service.run)
            self.thread.start()
        return self

    def stop(self):
        if self.thread is not None:
            self.gateway.service.stop()
            self.thread.join(20)
        if self.gateway is not None:
            self.gateway.close()
        self.gateway, self.thread = None, None

    def drop(self, text=STOCK, name="a.csv"):
        part = self.root / f".{name}.new"
        part.write_text(text, "utf-8")
        part.rename(self.root / "inbox" / name)

    def asked(self, query):
        with self.gateway.journal.read() as tx:
            return tx.execute(query).fetchall()

    def sent(self):
        """Whether every call has its job."""
        tickets = [row.ticket for row in self.asked(sa.select(t.batch.c.ticket))]
        return len(tickets) == len(CHAIN.vendors) and all(tickets)

    def rows(self):
        """Rows per state of the newest run; {} until it has settled."""
        runs = self.asked(sa.select(t.run.c.state, t.run.c.counts).order_by(t.run.c.id.desc()).limit(1))
        if not runs or runs[0].state != "settled":
            return {}
        return runs[0].counts["states"]

    def until(self, wanted, seconds=20.0):
        end = time.monotonic() + seconds
        while not (found := wanted()):
            assert time.monotonic() < end, (self.twin.deliveries(), self.twin.jobs(), self.twin.calls)
            time.sleep(0.02)
        return found

    def heard(self):
        return [row.state for row in self.asked(sa.select(t.heard.c.state).order_by(t.heard.c.id))]

    def questions(self):
        """Calls that ask about a job."""
        return [one for one in self.twin.calls if one.code == "C6"]

    def told(self):
        return [one.state for one in self.twin.deliveries()]

    def answers(self):
        return [set(one.answers) for one in self.twin.deliveries()]


@pytest.fixture
def place(tmp_path, monkeypatch, request):
    """A platform and its gateway; parameters are settings of the platform."""
    monkeypatch.setenv("HOOK", SECRET)
    monkeypatch.setenv("PORTAL", TOKEN)
    goods = [Item(sku, price="5", active=True) for sku in "AB"]
    told = PartnerTwinSettings(chains=(CHAIN,), **{**AT_ONCE, **getattr(request, "param", {})})
    with PartnerTwin(goods, settings=told) as twin:
        made = Place(tmp_path, twin)
        twin.hear_at(made.url, SECRET)
        yield made
        made.stop()


def test_rows_end_by_what_is_told_while_nobody_asks(place):
    place.start().drop()
    assert place.until(place.rows) == ROWS
    assert place.until(lambda: place.told() == ["delivered"] * 2)
    assert place.questions() == []
    assert place.heard() == ["done"] * 2
    assert {place.twin.item(vendor, "A").quantity for vendor in ("v1", "v2")} == {7}


def test_a_delivery_before_the_answer_to_its_call_is_kept_for_it(place):
    """The job ends and is told while the call is still open: nobody can know its ticket yet."""
    place.twin.faults.set({"hook_early": 2, "only": "C1"})
    place.start().drop()
    assert place.until(place.rows) == ROWS
    assert place.questions() == []
    assert place.heard() == ["done"] * 2
    when = sa.select(t.heard.c.received_at).order_by(t.heard.c.id).limit(1)
    ((first,),) = place.asked(when)
    assert first < min(one.at for one in place.twin.calls if one.code == "C1")


@pytest.mark.parametrize("place", [{"max_products": 1}], indirect=True)
@pytest.mark.parametrize("early", [0, 4])
def test_a_call_that_went_in_parts_is_told_part_by_part(place, early):
    place.twin.faults.set({"hook_early": early, "only": "C1"})
    place.start().drop("sku,quantity\nA,7\nB,9\n")
    assert place.until(place.rows) == {"applied": 2}
    assert place.questions() == []
    assert {place.twin.item(vendor, "B").active for vendor in ("v1", "v2")} == {True}


# ---------------------------------------------------------------- who may speak


def test_another_secret_is_refused_and_jobs_are_asked_about(place):
    place.twin.hear_at(place.url, f"{SECRET}x")
    place.settings(ask=0.2)
    place.start().drop()
    assert place.until(place.rows) == ROWS
    assert len(place.questions()) >= 2
    assert place.heard() == []
    place.until(lambda: place.answers() == [{401}] * 2)


def test_one_wrong_delivery_leaves_the_others_be(place):
    place.twin.faults.set({"hook_wrong_secret": 1, "only": "C1"})
    place.settings(ask=0.2)
    place.start().drop()
    assert place.until(place.rows) == ROWS
    place.until(lambda: sorted(place.answers(), key=str) == [{200}, {401}])


# ---------------------------------------------------------------- what goes wrong on the way


@pytest.mark.parametrize(
    ("fault", "asks", "events"),
    [
        ("hook_lost", True, ["done"]),
        ("hook_twice", False, ["done", "done"]),
        ("hook_swapped", False, ["done", "done"]),
        ("hook_foreign", False, ["done", "done", "waiting"]),
        ("hook_garbage", True, ["done", "unreadable"]),
    ],
)
def test_deliveries_that_go_wrong_lose_and_double_nothing(place, fault, asks, events):
    place.twin.faults.set({fault: 1, "only": "C1", "late_seconds": 0.3})
    place.settings(ask=0.5 if asks else NEVER)
    place.start().drop()
    assert place.until(place.rows) == ROWS
    assert bool(place.questions()) is asks
    assert place.until(lambda: sorted(place.heard()) == events)


@pytest.mark.parametrize("place", [{"polls": "creation"}], indirect=True)
def test_a_catalog_that_is_read_back_is_told_of_too(place):
    place.twin.faults.set({"hook_lost": 2, "only": "C1"})
    place.settings(ask=0.2, window=0.3)
    place.start().drop()
    assert place.until(place.rows) == ROWS
    exports = [job for job in place.twin.jobs() if job.call == "C3"]
    assert exports
    assert set(place.heard()) == {"done"}


def test_a_delivery_to_a_receiver_that_is_away_comes_again(place):
    place.twin.faults.set({"late_job": 2, "late_seconds": 10_000, "only": "C1"})
    place.start().drop()
    place.until(place.sent)
    place.stop()
    place.twin.clock.advance(10_001)
    place.until(lambda: place.answers() == [{0}] * 2)
    place.start()
    assert place.until(place.rows) == ROWS
    assert place.questions() == []
    place.until(lambda: place.told() == ["delivered"] * 2)


def test_what_was_stored_outlives_the_gateway_that_heard_it(place):
    place.twin.faults.set({"late_job": 2, "late_seconds": 10_000, "only": "C1"})
    place.start().drop()
    place.until(place.sent)
    place.stop()
    place.twin.clock.advance(10_001)
    place.start(work=False)  # it listens, and ends before anything is handed over
    place.until(lambda: place.heard() == ["new"] * 2 and place.told() == ["delivered"] * 2)
    place.stop()
    place.start()
    assert place.until(place.rows) == ROWS
    assert place.questions() == []
    assert place.heard() == ["done"] * 2
