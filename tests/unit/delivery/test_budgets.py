"""Families that share a budget: one call at a time for all, stock first, nobody starved."""

import pytest

from gateway.delivery.send import MOST_GIVEN
from gateway.testing.hostile import Further, read_log
from gateway.testing.texts import mapping

MAPPING = mapping(
    "stock",
    """sku = "sku"
quantity = "quantity"
unit_name = { column = "unit", optional = true }
""",
)
SHARED = {"budget": "egress", "interval": 10.0}


@pytest.fixture
def shared(rigs):
    """Offers and stock of one account that share a budget; the offer lane is asked first."""
    offer = Further(name="offer", family="offer", fields=("sku", "unit_name"), when=("unit_name",), **SHARED)
    return rigs(mapping=MAPPING, further=(offer,), batch_size=1, **SHARED)


def advance(rig, clock, steps):
    for _ in range(steps):
        for lane in ("there/offer/acme", "there/stock/acme"):
            rig.delivery.advance(lane)
        clock.advance(5)


def calls(tmp_path):
    return [entry["operation"] for entry in read_log(tmp_path / "effects.jsonl") if entry.get("effects")]


def test_stock_is_never_behind_more_than_one_call(shared, clock, tmp_path):
    shared.drop("a.csv", "sku,quantity,unit\n" + "".join(f"k{n},1,box\n" for n in range(3)))
    advance(shared, clock, 16)
    assert calls(tmp_path) == ["write"] * 3 + ["offer"] * 3


def test_one_call_at_a_time_for_all(shared, clock, tmp_path):
    shared.drop("a.csv", "sku,quantity,unit\nk,1,box\n")
    advance(shared, clock, 1)
    assert len(calls(tmp_path)) == 1
    advance(shared, clock, 4)
    assert len(calls(tmp_path)) == 2


def test_others_get_their_turn_while_stock_never_ends(shared, clock, tmp_path):
    shared.drop("a.csv", "sku,quantity,unit\n" + "".join(f"k{n},1,{'box' if n < 2 else ''}\n" for n in range(14)))
    advance(shared, clock, 26)
    made = calls(tmp_path)
    assert "offer" in made
    assert made.index("offer") <= MOST_GIVEN + 1
    assert made.count("write") > made.count("offer")
