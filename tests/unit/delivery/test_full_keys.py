"""Keys that a full file left out are counted as keys, however many effects each has; a held run says why once."""

import pytest

from gateway.testing.hostile import Further, Step
from gateway.testing.texts import mapping

MAPPING = mapping("stock", 'sku = "sku"\nquantity = "quantity"\nunit_name = { column = "unit", optional = true }\n')
OFFER = Further(name="offer", family="offer", fields=("sku", "unit_name"), key=("sku",))
FULL = {"mode": "full", "absent": "end", "guard": {"off": True}}
STRICT = {**FULL, "guard": {"ended_least": 99, "nearly_all_least": 99}}


@pytest.fixture
def two(rigs):
    def make(*script, route=FULL, offer=OFFER):
        return rigs(*script, mapping=MAPPING, further=(offer,), route=route)

    return make


def put(rig, name, *cells):
    run = rig.drop(name, "sku,quantity,unit\n" + "".join(f"{sku},{quantity},box\n" for sku, quantity in cells))
    for _ in range(3):
        rig.advance()
        rig.clock.advance(5)
    return run


def left_out(rig, run):
    return rig.settler.rows(rig.operations.run(run)).states.derived


def test_a_key_with_two_effects_is_one_key(two):
    rig = two()
    put(rig, "1.csv", ("a", 1), ("b", 2), ("c", 3))
    run = put(rig, "2.csv", ("a", 1))
    assert left_out(rig, run) == {"applied": 2}
    assert rig.operations.summary(run).verdict.endswith("Besides, 2 keys that the file left out were ended.")


def test_of_the_effects_of_a_key_the_gravest_counts(two):
    refusing = Step(does="refuse", keys=("b\x1f",))
    rig = two(Step(), Step(), refusing)
    put(rig, "1.csv", ("a", 1), ("b", 2), ("c", 3))
    assert left_out(rig, put(rig, "2.csv", ("a", 1))) == {"refused": 1, "applied": 1}


def test_a_key_with_an_effect_for_each_item_is_one_key(two):
    rig = two(offer=OFFER.model_copy(update={"each": "image_urls", "every": ("x", "y")}))
    put(rig, "1.csv", ("a", 1), ("b", 2))
    assert left_out(rig, put(rig, "2.csv", ("a", 1))) == {"applied": 1}


def test_the_reason_of_a_held_run_stands_once_and_tells_of_the_rows_rejected(two):
    rig = two(route=STRICT)
    put(rig, "1.csv", *((f"k{n}", n) for n in range(1, 12)))
    run = put(rig, "2.csv", ("k1", 1), ("k2", 2), *((f"k{n}", "many") for n in range(3, 12)))
    reason = (
        "the full file has 2 keys in rows without a fault (9 rows rejected), the last one had 11; "
        "below 50% a person decides"
    )
    assert rig.operations.comparison(run) == [reason]
    assert [one.text for one in rig.operations.events(run) if one.kind == "held"] == [reason]
    assert all(leg.held for leg in rig.operations.legs(run))
    rig.operations.release(run)
    put(rig, "3.csv", ("k1", 1))
    assert rig.operations.run(run).state == "settled"


@pytest.mark.parametrize("rejected", [0, 1])
def test_one_key_is_not_said_to_be_keys(two, rejected):
    rig = two(route=STRICT)
    put(rig, "1.csv", ("a", 1), ("b", 2), ("c", 3))
    run = put(rig, "2.csv", ("a", 1), *[("b", "x")] * rejected)
    told = ["the full file has 1 key, the", "1 key in rows without a fault (1 row rejected), the"][rejected]
    assert told in rig.operations.comparison(run)[0]


def test_a_full_file_that_was_called_off_is_no_measure_of_the_next(two):
    rig = two(route=STRICT)
    put(rig, "1.csv", *((f"k{n}", n) for n in range(1, 11)))
    cut = put(rig, "2.csv", ("k1", 1), ("k2", 2))
    rig.operations.cancel(cut)
    run = put(rig, "3.csv", ("k1", 1), ("k2", 2), ("k3", 3))
    reason = "the full file has 3 keys, the last one had 10; below 50% a person decides"
    assert rig.operations.comparison(run) == [reason]
    assert rig.states(run) == {"held": 3}


def test_rows_that_are_one_key_together_are_counted_once_in_both_files(rigs):
    summed = MAPPING.replace("unit_name", "# unit_name") + '[group]\nby = ["sku"]\nsum = ["quantity"]\n'
    rig = rigs(mapping=summed, route=STRICT)
    put(rig, "1.csv", *((f"k{n // 3}", n + 1) for n in range(30)))
    run = put(rig, "2.csv", *((f"k{n}", n + 1) for n in range(9)))
    assert rig.states(run) == {"applied": 9}
