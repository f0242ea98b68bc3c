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
from gateway.testing import texts
from gateway.testing.stores import TOKEN, account, platform
from gateway.testing.texts import LEVELS
from gateway.twin.partner import Chain, Token, Vendor

SECRET = "hook-secret-77aa"
CHAIN = Chain("c-1", (Vendor("v1", "STORE"), Vendor("v2")), (Token("all", TOKEN),))
AT_ONCE = {"running_seconds": 0.1, "hook_retry_seconds": (0.3,) * 30}
MAPPING = f'{LEVELS}vendor_ids = {{ column = "vendors", optional = true }}\n'
HOOKED = 'webhook_secret = { env = "HOOK" }\n'
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
        texts.folders(root, stock=MAPPING)
        self.gateway, self.thread = None, None
        self.settings()

    def settings(self, *, ask=NEVER, window=NEVER):
        keys = f"jobs.poll_after_s = [{ask}]\nconfirm.window_s.catalog = {window}\nrest.limits.floor_products = 1\n"
        parts = (
            f"version = 1\n[web]\nport = {self.port}\n", texts.inbox("every = 0.05\n"),
            account("panda", self.twin.url, stores=("STORE", "v2"), more=HOOKED, keys=keys),
            texts.route("stock", "panda", files="*.csv"),
        )  # fmt: skip
        (self.root / "gateway.toml").write_text("".join(parts), "utf-8")

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
        texts.drop(self.root, name, text)

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
    with platform(chain=CHAIN, **{**AT_ONCE, **getattr(request, "param", {})}) as twin:
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
    assert place.until(place.rows) == {"accepted": 2}  # on sale is what was sent of them, not their levels
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
    assert place.until(place.rows) == {"applied": 1, "accepted": 1, "refused": 1}  # a catalog shows no level
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
