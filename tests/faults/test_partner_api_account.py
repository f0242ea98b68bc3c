"""What accounts of the Partner API have in common and what ends: the calls of one address, tokens and their life."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from pydantic import SecretStr

from gateway.destinations.partner_api import PartnerApiDestination, PartnerApiSettings
from gateway.errors import Refused, Throttled
from gateway.journal import open_journal
from gateway.testing.clock import FakeClock
from gateway.transport.http import RetryPolicy, connect
from gateway.twin.clock import TwinClock
from gateway.twin.partner import Chain, Client, PartnerTwin, PartnerTwinSettings, Token, Vendor

CHAINS = tuple(
    Chain(f"c-{n}", (Vendor(f"v{n}"),), (Token("all", f"token-{n}"),), (Client(f"id-{n}", f"hush-{n}"),))
    for n in (1, 2)
)


@pytest.fixture
def clock():
    return FakeClock()


class World:
    """A platform with two chains, and accounts that share a journal; time passes for all of them."""

    def __init__(self, root, clock, stack):
        self.root, self.clock, self.stack, self.times = root, clock, stack, TwinClock()
        told = PartnerTwinSettings(chains=CHAINS, calls_per_window=0)
        self.twin = stack.enter_context(PartnerTwin(settings=told, clock=self.times))
        self.journal = open_journal(root, clock)
        stack.callback(self.journal.close)

    def account(self, number, *, budget="egress", **more):
        given = more or {"tokens": {"all": SecretStr(f"token-{number}")}}
        chosen = PartnerApiSettings(
            brand="foodpanda", channel="rest", host=self.twin.url, chain_id=f"c-{number}", archive=self.root / "sent",
            vendors={f"v{number}": {}}, keys={"rest": {"limits": {"budget": budget}}}, **given,
        )  # fmt: skip
        transport = connect(
            chosen.access(), account=f"a{number}", clock=self.clock, budget=self.journal, tokens=self.journal.tokens(),
            policy=RetryPolicy(attempts=1),
        )  # fmt: skip
        self.stack.callback(transport.close)
        name = f"panda{number}"
        return PartnerApiDestination(chosen, transport=transport, clock=self.clock, account=name, name=name)

    def later(self, seconds):
        self.clock.advance(seconds)
        self.times.advance(seconds)

    def calls(self):
        return [(one.code, one.status) for one in self.twin.calls]


@pytest.fixture
def world(tmp_path, clock):
    with ExitStack() as stack:
        yield World(tmp_path, clock, stack)


def busy(destination):
    """Seconds until the account may call again; 0 after a call was made."""
    try:
        destination.probe()
    except Throttled as error:
        return error.after
    return 0


def test_accounts_of_one_address_share_its_calls(world, clock):
    first, second, other = world.account(1), world.account(2), world.account(2, budget="another address")
    assert busy(first) == 0
    waited = clock.monotonic()
    assert busy(second) == 0  # a question waits for its turn on the spot
    assert clock.monotonic() - waited == pytest.approx(60 / 45, rel=0.3)
    begun = clock.monotonic()
    assert busy(other) == 0
    assert clock.monotonic() == begun


def test_a_block_of_the_address_holds_for_all_that_share_it(world):
    first, second, other = world.account(1), world.account(2), world.account(2, budget="another address")
    world.twin.faults.set({"blocked": 1})
    assert busy(first) == 300
    assert 299 < busy(second) <= 300
    assert busy(other) == 0
    world.later(301)
    assert busy(second) == 0


def test_a_token_lives_two_hours_and_is_renewed_before_its_end(world):
    destination = world.account(1, client_id="id-1", client_secret=SecretStr("hush-1"))
    destination.probe()
    world.later(7100)
    destination.probe()
    assert world.calls() == [("TOKEN", 200), ("C8", 200), ("C8", 200)]
    world.later(50)  # fifty seconds before its end
    destination.probe()
    world.later(7200)
    destination.probe()
    assert world.calls()[3:] == [("TOKEN", 200), ("C8", 200)] * 2


def test_a_token_that_ended_by_itself_is_got_again_once(world, clock):
    """The platform ends it, whatever it had said of its life."""
    destination = world.account(1, client_id="id-1", client_secret=SecretStr("hush-1"))
    destination.probe()
    world.later(7200)
    clock.advance(-7200)
    destination.probe()
    assert world.calls()[2:] == [("C8", 401), ("TOKEN", 200), ("C8", 200)]


def test_accounts_of_one_chain_share_its_token(world):
    several = [world.account(1, client_id="id-1", client_secret=SecretStr("hush-1")) for _ in range(3)]
    for one in several:
        world.later(10)
        one.probe()
    assert world.calls() == [("TOKEN", 200), *[("C8", 200)] * 3]


def test_no_token_is_in_the_words_of_a_refusal(world):
    destination = world.account(1, client_id="id-1", client_secret=SecretStr("wrong-secret"))
    with pytest.raises(Refused, match="401") as caught:
        destination.probe()
    assert "wrong-secret" not in f"{caught.value!r} {caught.value}"
