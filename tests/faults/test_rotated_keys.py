"""An API key that is changed at the destination while a gateway runs: the new one in its file is all it needs."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from support.running import Running, put

from gateway.destinations.mirakl import MiraklSettings
from gateway.testing import texts
from gateway.testing.stores import OFTEN, account
from gateway.twin.clock import TwinClock
from gateway.twin.mirakl import MiraklTwin, MiraklTwinSettings, ShopKey
from gateway.twin.partner import Chain, Client, Item, PartnerTwin, PartnerTwinSettings, Token, Vendor

OLD, NEW = "key-of-yesterday-4711", "key-of-today-0815"
LONG = 3600.0
"""Twin seconds that a job takes: it ends when the test says so."""
INTERVALS = "".join(f"{name} = 0\n" for name in MiraklSettings.model_fields if name.endswith("_interval"))


class Mirakl:
    """A shop with two keys."""

    def __init__(self, exits):
        self.clock = TwinClock()
        told = MiraklTwinSettings(
            keys=(ShopKey(OLD), ShopKey(NEW)), limits={}, waiting_seconds=0.0, running_seconds=LONG
        )  # fmt: skip
        self.twin = exits.enter_context(MiraklTwin({"A": 0, "B": 0}, settings=told, clock=self.clock))
        head = f'[destinations.there]\nkind = "mirakl"\nhost = "{self.twin.url}"\n'
        self.settings = f'{head}api_key = {{ file = "key" }}\n{INTERVALS}'

    def levels(self):
        return self.twin.offers()

    def imports(self):
        return [call.status for call in self.twin.calls if call.api in {"STO01", "OF01"}]


class Partner:
    """A store of a chain with two tokens."""

    SHOWN = 'tokens = { all = { file = "key" } }'

    def __init__(self, exits):
        self.clock = TwinClock()
        clients = (Client("id", OLD), Client("id", NEW))
        chain = Chain("c-1", (Vendor("v1"),), (Token("old", OLD), Token("new", NEW)), clients)
        told = PartnerTwinSettings(chains=(chain,), queued_seconds=0.0, running_seconds=LONG, calls_per_window=0)
        goods = [Item(sku, price="5", active=True) for sku in "AB"]
        self.twin = exits.enter_context(PartnerTwin(goods, settings=told, clock=self.clock))
        text = account("there", self.twin.url, stores=("v1",), keys=OFTEN)
        self.settings = text.replace('tokens = { all = { env = "PORTAL" } }', self.SHOWN)

    def levels(self):
        return {row["sku"]: row["quantity"] for row in self.twin.shelf()}

    def imports(self):
        return [call.status for call in self.twin.calls if call.code == "C1"]


class ByClient(Partner):
    """A store of a chain whose tokens are got by a client's secret."""

    SHOWN = 'client_id = "id"\nclient_secret = { file = "key" }'


@pytest.fixture(params=[Mirakl, Partner, ByClient])
def there(request):
    with ExitStack() as exits:
        yield request.param(exits)


@pytest.fixture
def gateway(there, tmp_path):
    texts.folders(tmp_path, stock=texts.LEVELS)
    (tmp_path / "key").write_text(OLD)
    parts = (texts.inbox("every = 0.05\n"), there.settings, texts.route("stock", "there", files="*.csv"))
    (tmp_path / "gateway.toml").write_text("version = 1\n" + "".join(parts), "utf-8")
    started = Running(tmp_path)
    started.event("gateway started")
    yield started
    if started.process.poll() is None:
        started.process.kill()
        started.process.wait()


def refusals(there):
    return [call.status for call in there.twin.calls].count(401)


def stock(root, a, b):
    texts.drop(root, f"stock-{a}.csv", f"sku,quantity\nA,{a}\nB,{b}\n")


class Course:
    """What a gateway says and does before a destination whose jobs end when we say so."""

    def __init__(self, gateway, there, root):
        self.gateway, self.there, self.root = gateway, there, root

    def until(self, wanted):
        self.gateway.wait(wanted)

    def said(self, event):
        return [line["said"] for line in self.gateway.lines() if line["event"] == event]

    def accepted(self):
        return sum(200 <= status < 300 for status in self.there.imports())

    def settle(self, runs):
        """Wait for as many imports as runs, let their jobs end, and wait for what the runs say then."""
        self.until(lambda: self.accepted() >= runs)
        self.there.clock.advance(LONG)
        self.until(lambda: len(self.said("settled")) >= runs)

    def trouble(self):
        """Wait until the lane says that the key was refused."""
        self.until(lambda: self.said("trouble"))
        said = self.said("trouble")[0]
        assert "401" in said
        assert "not accepted: check" in said

    def new_key(self, key=NEW, times=1):
        put(self.root / "key", key)
        self.until(lambda: [line["event"] for line in self.gateway.lines()].count("settings taken up") == times)

    def well(self):
        """Whether two files were sent, each once, and every row of theirs is applied."""
        assert self.said("settled") == ["2 applied", "2 applied"]
        assert self.there.levels() == {"A": 8, "B": 2}
        return self.accepted() == 2


@pytest.fixture
def course(gateway, there, tmp_path):
    made = Course(gateway, there, tmp_path)
    yield made
    assert gateway.stop() == 0
    log = gateway.log.read_text("utf-8")
    assert "Traceback" not in log
    assert OLD not in log
    assert NEW not in log


def test_what_was_refused_is_sent_once_with_the_new_key(course, there, tmp_path):
    stock(tmp_path, 7, 1)
    course.settle(1)
    there.twin.revoke(OLD)
    stock(tmp_path, 8, 2)
    course.trouble()
    before = refusals(there)
    course.new_key("key-of-nobody-99")
    course.until(lambda: refusals(there) > before)
    assert (course.accepted(), course.said("settled")) == (1, ["2 applied"])
    course.new_key(times=2)
    course.settle(2)
    assert course.well()


def test_what_was_under_way_is_asked_about_with_the_new_key(course, there, tmp_path):
    stock(tmp_path, 7, 1)
    course.until(lambda: course.accepted() == 1)
    there.twin.revoke(OLD)
    course.trouble()
    stock(tmp_path, 8, 2)
    course.new_key()
    course.settle(1)
    course.settle(2)
    assert course.well()
