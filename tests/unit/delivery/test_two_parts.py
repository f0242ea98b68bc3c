"""Two operations of one family in one lane: what a full file leaves out is of its own operation only."""

import polars as pl
import pytest

from gateway.delivery.setup import leg_of
from gateway.model import KEY, PriceTerms
from gateway.testing.hostile import Further, Step, read_log
from gateway.testing.texts import mapping

PRICES = mapping("price", 'sku = "sku"\nprice = "price"\nprice_basis = { constant = "net" }\n')
PROMOTIONS = mapping(
    "promotion",
    """promotion_id = { constant = "BF" }
sku = "sku"
price = { column = "price", optional = true }
price_basis = { constant = "net" }
percentage = { column = "percentage", optional = true }
ends_at = { constant = "2027-01-01T00:00:00Z" }
command = { column = "command", optional = true }
""",
)
NET = PriceTerms("net", 2, "EUR", "20")
DISCOUNT = Further(
    name="discount", family="price", contract="promotion", key=("sku",), part="discount", prices=NET,
    fields=("sku", "price", "percentage"),
)  # fmt: skip
FULL = {"mode": "full", "absent": "end", "guard": {"ended_least": 1, "price_least": 99}}
GOES_ON = Step(polls=9)


@pytest.fixture
def lane(rigs, clock):
    def make(*script, **limits):
        guard = {**FULL["guard"], **limits}
        return rigs(
            *script, contract="price", fields=("sku", "price"), prices=NET, further=(DISCOUNT,), mapping=PRICES,
            route={**FULL, "guard": guard, "more": (PROMOTIONS,)},
        )  # fmt: skip

    return make


def ended(rig):
    log = read_log(rig.destination._settings.log)
    return [(c["operation"], e["sku"]) for c in log for e in c.get("effects", ()) if e.get("command") == "end"]


def table(column, **cells):
    return "\n".join([f"sku,{column}", *(f"{sku},{cell}" for sku, cell in cells.items()), ""])


SAID = {"a": 10, "b": 20, "c": 30, "d": 40}
KEPT = {"b": 21, "c": 30, "d": 40}


@pytest.mark.parametrize(
    ("other", "own"), [(("price", "price"), ("promotion", "percentage")), (("promotion", "percentage"), ("price",) * 2)]
)
@pytest.mark.parametrize("script", [(), (GOES_ON,)], ids=["confirmed", "under way"])
def test_a_full_file_ends_nothing_that_another_operation_wrote(lane, script, other, own):
    rig = lane(*script, ended_share=0.5)
    rig.put(f"{other[0]}.csv", table(other[1], **SAID))
    first = rig.put(f"{own[0]}1.csv", table(own[1], **SAID))
    assert (rig.states(first), ended(rig)) == ({"applied": 4}, [])
    second = rig.put(f"{own[0]}2.csv", table(own[1], **KEPT))
    assert ended(rig) == [("discount" if own[0] == "promotion" else "write", "a")]
    assert rig.states(second) == {"applied": 1, "unchanged": 2}
    assert rig.settler.rows(rig.operations.run(second)).states.derived == {"applied": 1}


@pytest.mark.parametrize("column", ["price", "percentage"])
def test_the_share_of_keys_left_out_is_of_those_of_the_operation(lane, column):
    rig = lane(ended_share=0.2)
    rig.put("price.csv", table("price", **SAID))
    rig.put("promotion1.csv", table(column, **SAID))
    run = rig.put("promotion2.csv", table(column, **{**KEPT, "b": 20}))
    assert rig.operations.run(run).notes[0].startswith("1 of 4 known keys would be ended")


@pytest.mark.parametrize("column", ["price", "percentage"])
def test_promotions_that_rows_end_count_whatever_they_say_they_leave(lane, column):
    rig = lane(ended_share=0.2)
    rig.put("promotion1.csv", table(f"{column},command", **{sku: f"{cell}," for sku, cell in SAID.items()}))
    text = table(f"{column},command", **{sku: f"{cell},{'end' * (sku == 'a')}" for sku, cell in SAID.items()})
    run = rig.put("promotion2.csv", text)
    assert rig.operations.run(run).notes[0].startswith("1 of 4 known keys would be ended")
    rig.operations.release(run)
    rig.advance(2)
    assert rig.states(run) == {"applied": 1, "unchanged": 3}
    assert rig.states(rig.put("promotion3.csv", f"{text}\n")) == {"unchanged": 4}, "what is over counts no more"


def test_several_files_in_one_consignment_end_nothing_of_another_operation(lane, clock):
    rig = lane(ended_share=1)
    rig.put("price.csv", table("price", **SAID))
    rig.put("promotion1.csv", table("percentage", **SAID))
    for number, cells in enumerate(({**SAID, "a": 11}, KEPT), 2):
        clock.advance(1)
        rig.drop(f"promotion{number}.csv", table("percentage", **cells))
    rig.advance(2)
    assert ended(rig) == [("discount", "a")]


def test_keys_of_a_part_are_told_by_their_place(lane):
    operations = lane().destination.operations
    price, discount = (leg_of(one, ("sku",), str, operations) for one in operations)
    keys = pl.DataFrame({KEY: ["a", "discount", "a\x1fdiscount", "a\x1fbonus", "a\x1f"]})
    assert keys.filter(price.written())[KEY].to_list() == ["a", "discount", "a\x1fbonus", "a\x1f"]
    assert keys.filter(discount.written())[KEY].to_list() == ["a\x1fdiscount"]
    assert leg_of(operations[0], ("sku",), str, operations[:1]).written() is None
