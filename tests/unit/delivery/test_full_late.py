"""Of several full files only the newest speaks of what is not there: an older one that comes late ends nothing."""

from datetime import timedelta

import pytest
from support.stock_rows import rows

from gateway.testing.clock import START, at
from gateway.testing.texts import mapping

FULL = {"mode": "full", "absent": "end", "guard": {"off": True}}
DATED = mapping("stock", 'sku = "sku"\nquantity = "quantity"\nvalid_from = { column = "from", optional = true }\n')


def after(rig, seconds, name, text):
    """Drop a file of a time after the start, and have it sent."""
    return rig.put(name, text, START + timedelta(seconds=seconds))


def dropped(rig, seconds, name, text):
    return rig.drop(name, text, mtime=START + timedelta(seconds=seconds))


def derived(rig, run):
    return rig.settler.rows(rig.operations.run(run)).states.derived


def dated(*cells):
    return "sku,quantity,from\n" + "".join(f"{','.join(map(str, one))}\n" for one in cells)


NEWER = {
    "a faulty row": dated(("a", 9, ""), ("b", "x", "")),
    "a row of a later date": dated(("a", 9, ""), ("b", 3, "2030-01-01T00:00:00Z")),
    "a row without a key": dated(("a", 9, ""), ("b", "x", ""), ("", 4, "")),
    "faulty rows alone": dated(("a", "?", ""), ("b", "x", "")),
    "rows of a later date alone": dated(("a", 9, "2030-01-01T00:00:00Z"), ("b", 3, "2030-01-01T00:00:00Z")),
    "nothing of it": dated(("a", 9, "")),
}


@pytest.mark.parametrize("absent", ["end", "zero"])
@pytest.mark.parametrize("newer", NEWER, ids=list(NEWER))
def test_a_late_full_file_ends_nothing(rigs, absent, newer):
    rig = rigs(mapping=DATED, route={**FULL, "absent": absent})
    rig.clock.advance(100)
    after(rig, 10, "1.csv", dated(("a", 1, ""), ("b", 2, ""), ("c", 3, "")))
    third = after(rig, 50, "3.csv", NEWER[newer])
    late = after(rig, 30, "2.csv", dated(("a", 5, ""), ("c", 7, "")))
    assert derived(rig, late) == {}
    done = {"end": "ended", "zero": "set to 0"}[absent]
    why = f"Nothing that the full file leaves out was {done}: a newer full file, 3.csv (run {third}),"
    summary = rig.operations.summary(late)
    assert summary.notes == [f"{why} alone says what is there (stock)."]
    assert summary.verdict.endswith(f"{why} alone says what is there.")
    after(rig, 70, "4.csv", dated(("a", 5, ""), ("b", 7, "")))
    assert derived(rig, after(rig, 80, "5.csv", dated(("a", 5, "")))) == {"applied": 1}


@pytest.mark.parametrize("newer", NEWER, ids=list(NEWER))
def test_nor_does_one_that_goes_along_with_a_newer_one(rigs, newer):
    rig = rigs(mapping=DATED, route=FULL)
    rig.clock.advance(100)
    after(rig, 10, "1.csv", dated(("a", 1, ""), ("b", 2, "")))
    older = dropped(rig, 30, "2.csv", dated(("a", 5, ""), ("c", 7, "")))
    third = dropped(rig, 50, "3.csv", NEWER[newer])
    rig.advance()
    assert derived(rig, older) == {}
    assert derived(rig, third) == ({"applied": 1} if newer == "nothing of it" else {})


def test_what_an_older_full_file_leaves_out_still_says_it_to_those_before_it(rigs):
    rig = rigs(route=FULL)
    rig.clock.advance(100)
    oldest = dropped(rig, 10, "1.csv", rows(("a", 1), ("b", 2)))
    dropped(rig, 30, "2.csv", rows(("a", 5)))
    dropped(rig, 50, "3.csv", rows(("a", "x"), ("b", "x")))
    rig.advance()
    assert rig.states(oldest) == {"superseded": 2}


@pytest.mark.parametrize("cancelled", [False, True])
def test_a_newer_one_that_is_held_speaks_unless_it_is_called_off(rigs, cancelled):
    rig = rigs(route={"mode": "full", "absent": "end"})
    rig.clock.advance(100)
    after(rig, 10, "1.csv", rows(*((f"K{n:03d}", 1) for n in range(100))))
    held = after(rig, 50, "3.csv", rows(("K000", 1)))
    assert rig.operations.run(held).state == "held"
    if cancelled:
        rig.operations.cancel(held)
        rig.advance()
    late = after(rig, 30, "2.csv", rows(*((f"K{n:03d}", 1) for n in range(99))))
    assert derived(rig, late) == ({"applied": 1} if cancelled else {})


def test_one_that_was_held_and_is_released_after_a_newer_one_ends_nothing(rigs):
    rig = rigs(route={"mode": "full", "absent": "end"})
    rig.clock.advance(100)
    after(rig, 10, "1.csv", rows(*((f"K{n:03d}", 1) for n in range(100))))
    held = after(rig, 30, "2.csv", rows(*((f"K{n:03d}", 2) for n in range(40))))
    after(rig, 50, "3.csv", rows(*((f"K{n:03d}", "x") for n in range(100))))
    rig.operations.release(held)
    rig.advance()
    assert rig.states(held) == {"applied": 40}
    assert derived(rig, held) == {}


@pytest.mark.parametrize("newer", [rows(("a", 6), ("b", "x")), "sku,quantity\n"])
def test_a_newer_delta_file_or_one_without_rows_does_not_speak(rigs, newer):
    rig = rigs(route={**FULL, "empty": "no_change"})
    rig.clock.advance(100)
    first = after(rig, 10, "1.csv", rows(("a", 1), ("b", 2), ("c", "x")))
    (errors,) = (rig.folder / "outbox/acme").glob("1.csv.*.errors.csv")
    mended = errors.read_text("utf-8-sig").replace(",c,x", ",b,x").replace("c,x", "b,x")
    name = "n.csv" if newer.count("\n") == 1 else errors.name
    run = after(rig, 50, name, newer if name == "n.csv" else mended)
    assert rig.operations.run(run).first_run == (None if name == "n.csv" else first)
    assert derived(rig, after(rig, 30, "2.csv", rows(("a", 5)))) == {"applied": 1}


class TestWherePromotionsArePrices:
    @pytest.fixture
    def here(self, shop, clock):
        made = shop(route=FULL)
        clock.advance(100)
        return made

    @pytest.mark.parametrize("newer", ["a,9,gross\nb,x,gross\n", "a,x,gross\nb,x,gross\n", "a,9,gross\n,9,gross\n"])
    def test_a_late_file_of_prices_ends_none(self, here, newer):
        here.prices(("a", 20), ("b", 20))
        here.clock.advance(10)
        here.rig.drop("price3.csv", f"sku,price,basis\n{newer}")
        here.rig.advance()
        mtime = here.clock.now() - timedelta(seconds=5)
        late = here.rig.drop("price2.csv", "sku,price,basis\na,15,gross\n", mtime=mtime)
        here.rig.advance()
        assert derived(here.rig, late) == {}
        assert "alone says what is there" in here.rig.operations.run(late).notes[0]
        assert "b" not in [one[0] for one in here.sent()[2:]]

    def test_nor_one_of_promotions(self, here):
        here.prices(("a", 20), ("b", 20))
        here.promotions(("a", 15, at(0), at(6)), ("b", 15, at(0), at(6)))
        here.clock.advance(10)
        head = "sku,price,starts,ends\n"
        here.rig.drop("promotion3.csv", f"{head}a,14,{at(0)},{at(6)}\nb,x,{at(0)},{at(6)}\n")
        here.rig.advance()
        mtime = here.clock.now() - timedelta(seconds=5)
        here.rig.drop("promotion2.csv", f"{head}a,13,{at(0)},{at(6)}\n", mtime=mtime)
        here.rig.advance()
        assert [one for one in here.sent() if one[0] == "b"] == [("b", "20"), ("b", "15")]
