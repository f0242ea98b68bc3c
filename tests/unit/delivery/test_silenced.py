"""A full file says that there is nothing else: an older file that comes after it brings no key back."""

from datetime import timedelta

import pytest
from support.stock_rows import rows

from gateway.testing.clock import START, at

FULL = {"mode": "full", "absent": "end", "guard": {"off": True}}


def after(rig, seconds, name, *pairs):
    """Drop a file of a time after the start, and have it sent."""
    return rig.put(name, rows(*pairs), START + timedelta(seconds=seconds))


@pytest.mark.parametrize("absent", ["end", "zero"])
def test_a_late_file_brings_no_key_that_a_newer_full_file_left_out(rigs, absent):
    rig = rigs(route={**FULL, "absent": absent})
    rig.clock.advance(100)
    after(rig, 50, "full.csv", ("a", 1))
    late = after(rig, 10, "late.csv", ("a", 2), ("b", 2))
    assert rig.states(late) == {"superseded": 2}
    assert rig.results(late)["detail"].to_list() == ["by a newer file", "by a newer full file without it"]


def test_what_the_full_file_had_in_a_faulty_row_was_not_left_out(rigs):
    rig = rigs(route=FULL)
    rig.clock.advance(100)
    after(rig, 50, "full.csv", ("a", 1), ("b", "x"))
    late = after(rig, 10, "late.csv", ("b", 2), ("c", 3))
    assert rig.results(late)["state"].to_list() == ["applied", "superseded"]


def test_a_file_between_two_full_files_is_judged_by_the_newest(rigs):
    rig = rigs(route=FULL)
    rig.clock.advance(100)
    after(rig, 30, "full1.csv", ("a", 1))
    after(rig, 60, "full2.csv", ("a", 1), ("b", 1))
    assert rig.states(after(rig, 10, "late1.csv", ("b", 2), ("c", 2))) == {"superseded": 2}
    assert rig.states(after(rig, 70, "newer.csv", ("a", 1), ("b", 1), ("c", 2)))["applied"] == 1


def test_a_full_file_that_was_called_off_says_nothing(rigs):
    rig = rigs(route={"mode": "full", "absent": "end"})
    rig.clock.advance(100)
    after(rig, 10, "first.csv", *((f"K{n:03d}", 1) for n in range(100)))
    held = after(rig, 50, "full.csv", ("K000", 1))
    assert rig.operations.run(held).state == "held"
    rig.operations.cancel(held)
    rig.advance()
    late = after(rig, 30, "late.csv", *((f"K{n:03d}", 1) for n in range(101)))
    assert rig.states(late) == {"unchanged": 100, "applied": 1}


def test_where_absent_keys_are_kept_nothing_is_left_out(rigs):
    rig = rigs(route={"mode": "full"})
    rig.clock.advance(100)
    after(rig, 50, "full.csv", ("a", 1))
    assert rig.states(after(rig, 10, "late.csv", ("b", 2))) == {"applied": 1}


class TestWherePromotionsArePrices:
    @pytest.fixture
    def here(self, shop, clock):
        made = shop(route=FULL)
        clock.advance(100)
        made.prices(("a", 20), ("b", 20))
        return made

    def late(self, here, kind, text):
        run = here.rig.drop(f"{kind}-late.csv", text, mtime=START)
        here.rig.advance()
        return run

    def test_no_price_comes_back(self, here):
        run = self.late(here, "price", "sku,price,basis\na,9,gross\nc,9,gross\n")
        assert here.told(run) == [
            ("superseded", "SUPERSEDED", "by a newer file"),
            ("superseded", "SUPERSEDED", "by a newer full file without it"),
        ]
        assert ("c", "9") not in here.sent()

    def test_no_promotion_comes_back(self, here):
        here.promotions(("a", 15, at(0), at(6)))
        run = self.late(here, "promotion", f"sku,price,starts,ends\nb,9,{at(0)},{at(6)}\n")
        assert here.told(run) == [("superseded", "SUPERSEDED", "by a newer full file without it")]
        assert here.sent()[-1] == ("a", "15")

    def test_nor_where_both_go_together(self, here):
        first = here.rig.drop("promotion1.csv", f"sku,price,starts,ends\nb,9,{at(0)},{at(6)}\n")
        here.clock.advance(2)
        second = here.rig.drop("promotion2.csv", f"sku,price,starts,ends\na,15,{at(0)},{at(6)}\n")
        here.rig.advance()
        assert here.states(first) == {"superseded": 1}
        assert here.states(second) == {"applied": 1}
        assert here.sent()[-1] == ("a", "15")
