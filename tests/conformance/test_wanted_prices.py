"""Promotions at destinations that have prices only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.benches import WANTED, Bench, World

from gateway.journal import tables as t
from gateway.testing.clock import FakeClock
from gateway.testing.rig import Rig
from gateway.testing.texts import mapping

FIELDS = """sku = "sku"
price = { column = "price", optional = true }
price_basis = { constant = "gross" }
command = { column = "command", optional = true }
"""
PRICES = mapping("price", FIELDS)
PROMOTIONS = mapping(
    "promotion",
    FIELDS
    + """percentage = { column = "percentage", optional = true }
starts_at = { column = "starts", optional = true }
ends_at = { column = "ends", optional = true }
""",
)


class Gateway:
    """A gateway on one destination; hours are counted from its start. `again`: the one after a restart."""

    def __init__(self, bench: Bench, root: Path, clock: FakeClock) -> None:
        self.bench, self.root, self.clock, self.start = bench, root, clock, clock.now()
        self.rig = Rig(root, bench.build(), clock, mapping=PRICES, more=(PROMOTIONS,))

    def again(self) -> None:
        self.rig.close()
        self.rig = Rig(self.root, self.bench.build(), self.clock, mapping=PRICES, more=(PROMOTIONS,))

    def drop(self, kind: str, columns: str, *rows: str) -> str:
        return self.rig.put_new(kind, "\n".join([columns, *rows, ""]), times=0)

    def at(self, hour: float) -> str:
        return f"{self.start + timedelta(hours=hour):%Y-%m-%dT%H:%M:%SZ}"

    def later(self, hour: float) -> None:
        self.clock.advance((self.start + timedelta(hours=hour) - self.clock.now()).total_seconds())
        self.rig.advance(2)

    def calls(self) -> list[tuple[str, int]]:
        """Operation and records of each call so far."""
        with self.rig.journal.read() as tx:
            return [(one.operation, one.records) for one in tx.execute(sa.select(t.batch).order_by(t.batch.c.id))]

    def prices(self) -> dict[str, str]:
        assert self.bench.prices is not None
        return self.bench.prices()


@pytest.fixture(params=sorted(WANTED))
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Gateway]:
    with ExitStack() as exits:
        made = Gateway(WANTED[request.param](World(tmp_path, exits)), tmp_path / "gateway", FakeClock())
        yield made
        made.rig.close()


def test_base_and_promotion_in_force_are_one_call_and_the_end_restores_the_base(shop):
    promotion = shop.drop("promotion", "sku,price,starts,ends", f"S0,15,{shop.at(-1)},{shop.at(1)}")
    base = shop.drop("price", "sku,price", "S0,20", "S1,30")
    shop.rig.advance()
    (call,) = shop.calls()
    assert call[1] == 2
    assert shop.prices().items() >= {"S0": "15", "S1": "30"}.items()
    assert shop.rig.states(promotion) == {"applied": 1}
    assert shop.rig.states(base) == {"applied": 2}
    shop.again()
    shop.later(1.5)
    assert shop.calls()[1:] == [(call[0], 1)]
    assert shop.prices().items() >= {"S0": "20", "S1": "30"}.items()


def test_a_promotion_begins_and_ends_at_its_boundaries_and_a_base_price_between_is_what_is_restored(shop):
    shop.drop("price", "sku,price", "S0,20")
    shop.rig.advance()
    run = shop.drop("promotion", "sku,percentage,starts,ends", f"S0,25,{shop.at(1)},{shop.at(3)}")
    shop.rig.advance()
    assert (shop.prices()["S0"], shop.rig.states(run)) == ("20", {"scheduled": 1})
    shop.later(1.5)
    assert (shop.prices()["S0"], shop.rig.states(run)) == ("15", {"applied": 1})
    shop.drop("promotion", "sku,price,starts,ends", f"S0,10,,{shop.at(2)}")
    hidden = shop.drop("price", "sku,price", "S0,30")
    shop.rig.advance()
    assert shop.prices()["S0"] == "10"
    assert shop.rig.results(hidden)["code"].to_list() == ["PRICE_HIDDEN"]
    shop.later(2.5)
    assert shop.prices()["S0"] == "22.5"
    shop.later(3.5)
    assert shop.prices()["S0"] == "30"
    assert {operation for operation, _ in shop.calls()} == {shop.rig.lane.base().name}


def test_an_ended_promotion_restores_the_base_at_once_and_equal_rows_send_nothing(shop):
    shop.drop("price", "sku,price", "S0,20")
    row = f"S0,15,{shop.at(-1)},{shop.at(5)}"
    shop.drop("promotion", "sku,price,starts,ends", row)
    shop.rig.advance()
    known = len(shop.calls())
    shop.drop("promotion", "sku,price,starts,ends", row, "")
    shop.rig.advance()
    assert (shop.prices()["S0"], len(shop.calls())) == ("15", known)
    shop.drop("promotion", "sku,command,starts,ends", f"S0,end,{shop.at(-1)},{shop.at(5)}")
    shop.rig.advance()
    assert (shop.prices()["S0"], len(shop.calls())) == ("20", known + 1)
