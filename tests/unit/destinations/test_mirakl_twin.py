"""The Mirakl destination over the twin: every kind of trouble on a real connection, and no key in any of it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import polars as pl
import pytest
from pydantic import SecretStr

from gateway.destinations.mirakl import MiraklDestination, MiraklSettings
from gateway.errors import MayWorkLater, OutcomeUnknown, Refused, Throttled, Unreachable
from gateway.model import KEY, RowState
from gateway.testing import drive
from gateway.testing.clock import RealClock
from gateway.testing.drive import as_sent, encode, states
from gateway.transport.http import RetryPolicy, connect
from gateway.twin.mirakl import MiraklTwin, MiraklTwinSettings, ShopKey

SECRET = "twin-key-77f1"
CLOCK = RealClock()
FAST = {"keys": (ShopKey(SECRET),), "limits": {}, "waiting_seconds": 0.0, "running_seconds": 0.0}


class Shop:
    """A twin and destinations over it."""

    def __init__(self, exits: ExitStack, **settings: Any) -> None:
        offers = {f"S{number}": 1 for number in range(5)}
        self.twin = exits.enter_context(MiraklTwin(offers, settings=MiraklTwinSettings(**{**FAST, **settings})))
        self.budget = drive.FreeBudget()
        self._exits = exits

    def build(self, **more: Any) -> MiraklDestination:
        known = {"host": self.twin.url, "api_key": SecretStr(SECRET), "timeout": 2.0, "report_tries": 2}
        chosen = MiraklSettings(**{**known, **more})
        transport = connect(
            chosen.access(), account="shop", clock=CLOCK, budget=self.budget, policy=RetryPolicy(attempts=1)
        )
        self._exits.callback(transport.close)
        return MiraklDestination(chosen, transport=transport, clock=CLOCK, account="shop", name="saks")


@pytest.fixture
def exits() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def shop(exits) -> Shop:
    return Shop(exits)


def stock(*skus: str, quantity: str = "7", command: str | None = None) -> pl.DataFrame:
    frame = pl.DataFrame({"sku": list(skus)}).with_columns(
        pl.int_range(50, 50 + pl.len(), dtype=pl.UInt32).alias("effect"),
        pl.concat_str("sku", pl.lit("\x1f")).alias(KEY),
    )
    return frame.with_columns(quantity=pl.lit(quantity), command=pl.lit(command, pl.String))


def settle(destination, batch, receipt):
    return drive.settle(destination, batch, receipt, clock=CLOCK)


@pytest.mark.parametrize(
    ("fault", "error", "done"),
    [
        ("drop_before_post", OutcomeUnknown, False),
        ("drop_after_post", OutcomeUnknown, True),
        ("error_after_post", OutcomeUnknown, True),
        ("error_500", OutcomeUnknown, False),
        ("error_503", OutcomeUnknown, False),
        ("html_502", OutcomeUnknown, False),
        ("throttled", Throttled, False),
    ],
)
def test_trouble_while_sending(shop, fault, error, done):
    destination = shop.build()
    (batch,) = encode(destination, stock("S0", "S1", quantity="55"))
    shop.twin.faults.set({fault: 1})
    with pytest.raises(error) as caught:
        destination.submit(batch)
    assert type(caught.value) is error
    assert SECRET not in str(caught.value)
    if error is Throttled:
        assert caught.value.after > 0
        assert shop.budget.blocked == {"shop:STO01": caught.value.after}
    time.sleep(0.05)
    destination.poll([])
    receipt = settle(destination, batch, destination.submit(batch))
    assert set(states(batch, stock("S0", "S1"), receipt).values()) == {"applied"}
    assert len(shop.twin.effects("S0")) == (2 if done else 1)
    assert shop.twin.offers()["S0"] == 55


@pytest.mark.parametrize(
    ("fault", "error"),
    [("drop", Unreachable), ("error_500", Unreachable), ("error_503", Unreachable), ("html_502", Unreachable)],
)
def test_trouble_while_asking_is_asked_again(shop, fault, error):
    destination = shop.build()
    (batch,) = encode(destination, stock("S0", "S1"))
    receipt = destination.submit(batch)
    shop.twin.faults.set({fault: 1, "only": "STO02"})
    with pytest.raises(error):
        destination.poll([as_sent(batch, receipt)])
    assert settle(destination, batch, receipt).rest is RowState.APPLIED


def test_throttled_while_asking_says_when_to_come_back(shop):
    destination = shop.build()
    (batch,) = encode(destination, stock("S0", "S1"))
    receipt = destination.submit(batch)
    shop.twin.faults.set({"throttled": 1, "only": "STO02"})
    answer = destination.poll([as_sent(batch, receipt)])[1]
    assert not answer.closed
    assert answer.after > 0


def test_no_connection_means_nothing_was_done(shop):
    destination = shop.build(host="http://127.0.0.1:9")
    (batch,) = encode(destination, stock("S0", "S1"))
    with pytest.raises(Unreachable):
        destination.submit(batch)
    assert shop.twin.effects("S0") == []


def test_a_slow_answer_to_a_post_is_an_unknown_outcome(shop):
    destination = shop.build(timeout=0.2)
    (batch,) = encode(destination, stock("S0", "S1"))
    shop.twin.faults.set({"slow": 1, "slow_seconds": 0.6})
    with pytest.raises(OutcomeUnknown):
        destination.submit(batch)


def test_a_wrong_key_is_refused_in_plain_words(shop):
    destination = shop.build(api_key=SecretStr("wrong-key-000"))
    (batch,) = encode(destination, stock("S0", "S1"))
    with pytest.raises(Refused, match="check the API key") as caught:
        destination.submit(batch)
    assert caught.value.status == "401"
    assert "wrong-key-000" not in str(caught.value)


@pytest.mark.parametrize(("faults", "state"), [({"fails": 1}, "refused"), ({"all_in_error": 1}, "refused")])
def test_imports_that_end_badly(shop, faults, state):
    destination = shop.build()
    (batch,) = encode(destination, stock("S0", "S1", "S2"))
    shop.twin.faults.set(faults)
    receipt = settle(destination, batch, destination.submit(batch))
    assert set(states(batch, stock("S0", "S1", "S2"), receipt).values()) == {state}


@pytest.mark.parametrize("fault", ["never_ends", "unknown_status"])
def test_imports_without_an_end_stay_open(shop, fault):
    destination = shop.build()
    (batch,) = encode(destination, stock("S0", "S1", "S2"))
    shop.twin.faults.set({fault: 1})
    receipt = destination.submit(batch)
    answer = destination.poll([as_sent(batch, receipt)])[1]
    if fault == "never_ends":
        assert not answer.closed
    else:
        assert settle(destination, batch, answer).rest is RowState.APPLIED


def test_refused_lines_are_tied_to_their_rows(shop):
    records = stock("S2", "NOPE", "S0")
    destination = shop.build()
    (batch,) = encode(destination, records)
    receipt = settle(destination, batch, destination.submit(batch))
    assert states(batch, records, receipt) == {"S2\x1f": "applied", "NOPE\x1f": "refused", "S0\x1f": "applied"}
    (outcome,) = receipt.outcomes.to_dicts()
    assert (outcome["key"], outcome["code"]) == ("NOPE\x1f", "DEST_REFUSED")
    assert "NOPE" in outcome["message"]
    assert [name for name, _ in receipt.raw] == ["status-1.json", "error-report-1.csv"]


@pytest.mark.parametrize("counts_header", [True, False])
@pytest.mark.parametrize("delimiter", [";", ","])
def test_reports_of_other_habits_name_the_same_rows(exits, counts_header, delimiter):
    shop, records = (
        Shop(exits, report_counts_header=counts_header, report_delimiter=delimiter),
        stock("S2", "NOPE", "S0"),
    )
    destination = shop.build(report_counts_header=counts_header)
    (batch,) = encode(destination, records)
    receipt = settle(destination, batch, destination.submit(batch))
    assert states(batch, records, receipt) == {"S2\x1f": "applied", "NOPE\x1f": "refused", "S0\x1f": "applied"}
    assert receipt.outcomes.select("line", "key").rows() == [(batch.effects["line"][1], "NOPE\x1f")]


def test_a_report_that_never_comes_confirms_nothing(shop):
    records = stock("NOPE", "S1")
    destination = shop.build()
    (batch,) = encode(destination, records)
    receipt = destination.submit(batch)
    shop.twin.faults.set({"report_missing": -1})
    final = settle(destination, batch, receipt)
    assert set(states(batch, records, final).values()) == {"uncertain"}


def test_the_row_command_end_takes_the_offer_off_sale(shop):
    for end_as in ("zero", "delete"):
        destination = shop.build(end_as=end_as)
        settle(destination, *sent_now(destination, stock("S0", quantity="8")))
        assert shop.twin.offers()["S0"] == 8
        settle(destination, *sent_now(destination, stock("S0", quantity="8", command="end")))
        assert shop.twin.offers()["S0"] == 0


def sent_now(destination, records):
    (batch,) = encode(destination, records)
    return batch, destination.submit(batch)


def test_probe_reads_the_shop(shop):
    assert "is OPEN" in shop.build(shop_id=2110).probe()
    with pytest.raises(Refused):
        shop.build(shop_id=1).probe()


# ---------------------------------------------------------------- secrets


def test_no_secret_is_shown(shop, caplog):
    caplog.set_level(logging.DEBUG)
    destination = shop.build()
    shown: list[str] = [repr(destination), str(destination), repr(vars(destination)), repr(destination._settings)]
    (batch,) = encode(destination, stock("S0", "S1"))
    receipt = destination.submit(batch)
    shown += [repr(batch), repr(receipt), repr(settle(destination, batch, receipt)), destination.probe()]
    for fault in ("drop", "error_500", "throttled"):
        shop.twin.faults.set({fault: 1})
        with pytest.raises((OutcomeUnknown, MayWorkLater)) as caught:
            destination.submit(batch)
        shown += [str(caught.value), repr(caught.value), repr(caught.value.__cause__)]
    shown += [record.getMessage() for record in caplog.records] + [caplog.text]
    assert not [text for text in shown if SECRET in text]
