"""A promotion that ends and the one that goes on instead: one change where a destination holds one per article."""

from datetime import UTC, datetime

import polars as pl
import pytest

from gateway.delivery.effects import decided_rows
from gateway.delivery.instead import one_change, with_known
from gateway.model import INSTEAD, KEY, ROW
from gateway.testing.hostile import Further, Step, read_log
from gateway.testing.texts import mapping

PROMOTIONS = mapping(
    "promotion",
    """promotion_id = { column = "id" }
sku = "sku"
percentage = { column = "rate", optional = true }
starts_at = { column = "from", optional = true }
ends_at = { column = "to", optional = true }
command = { column = "command", optional = true }
valid_from = { column = "due", optional = true }
""",
)
DISCOUNT = Further(
    name="discount", family="promotion", contract="promotion", key=("sku",), part="discount", instead=True,
    fields=("sku", "percentage", "starts_at", "ends_at"),
)  # fmt: skip
HEADER = "id,sku,rate,from,to,command,due\n"
OLD = "A,a,,2026-11-01T00:00:00Z,2026-11-30T00:00:00Z,end,\n"
NEW = "B,a,10,2026-11-10T00:00:00Z,2026-12-31T00:00:00Z,,\n"
ENDED = "2026-11-01T00:00:00Z/2026-11-30T00:00:00Z"


@pytest.fixture
def rig(rigs):
    def make(*script, **options):
        return rigs(*script, contract="price", further=(DISCOUNT,), mapping=PROMOTIONS, **options)

    return make


def sent(rig):
    log = read_log(rig.destination._settings.log)
    told = ("percentage", "command", INSTEAD)
    return [tuple(e.get(name) or None for name in told) for one in log for e in one.get("effects", ())]


@pytest.mark.parametrize("rows", [OLD + NEW, NEW + OLD], ids=["first", "last"])
def test_both_rows_are_one_change_and_have_one_end(rig, rows):
    here = rig()
    run = here.drop("a.csv", HEADER + rows + "C,b,5,2026-11-10T00:00:00Z,2026-12-31T00:00:00Z,,\n")
    here.advance(2)
    assert sorted(sent(here), key=str) == [("10", None, ENDED), ("5", None, None)]
    assert here.states(run) == {"applied": 3}


def test_what_is_refused_of_the_change_is_told_to_both(rig):
    here = rig(Step(does="refuse", keys=("a\x1fdiscount",)))
    run = here.drop("a.csv", HEADER + OLD + NEW)
    here.advance(2)
    assert here.states(run) == {"refused": 2}


def test_a_change_that_stands_is_unchanged_for_both(rig, clock):
    here = rig()
    for name in ("a.csv", "b.csv"):
        clock.advance(1)
        run = here.drop(name, HEADER + OLD + NEW + "\n" * len(name) * (name == "b.csv"))
        here.advance(2)
    assert here.states(run) == {"unchanged": 2}
    assert len(sent(here)) == 1


def test_several_that_end_are_all_told(rig):
    here = rig()
    run = here.drop("a.csv", f"{HEADER}{OLD}C,a,,,,end,\n{NEW}")
    here.advance(2)
    assert (sent(here), here.states(run)) == ([("10", None, f"{ENDED}|/")], {"applied": 3})


@pytest.mark.parametrize(
    "rows", [NEW + NEW.replace("B", "C"), OLD + NEW + NEW.replace("B", "C"), OLD + "C,a,,,,end,\n"]
)
def test_more_than_one_that_goes_on_or_only_ends_are_too_many(rig, rows):
    here = rig()
    run = here.drop("a.csv", HEADER + rows)
    assert set(here.results(run)["code"]) == {"DEST_ONE_PER_KEY"}


def test_what_an_older_file_ends_is_told_too(rig, clock):
    here = rig()
    first = here.drop("a.csv", HEADER + OLD)
    clock.advance(1)
    second = here.drop("b.csv", HEADER + NEW)
    here.advance(2)
    assert sent(here) == [("10", None, ENDED)]
    assert (here.states(first), here.states(second)) == ({"superseded": 1}, {"applied": 1})


def test_what_ends_today_does_not_go_along_with_what_is_due_later(rig):
    here = rig()
    run = here.drop("a.csv", HEADER + OLD + NEW.replace(",,\n", ",,2099-01-01T00:00:00Z\n"))
    here.advance(2)
    assert sent(here) == [(None, "end", None)]
    assert here.states(run) == {"applied": 1, "scheduled": 1}


def test_rows_of_one_run_that_went_along_are_not_taken_for_rows_of_another(rig, clock):
    here = rig()
    later = "Z,z,10,2026-11-10T00:00:00Z,,,2099-01-01T00:00:00Z\n"
    waits = here.drop("a.csv", HEADER + later + "Y,y,10,2026-11-10T00:00:00Z,,,\n")
    clock.advance(1)
    here.drop("b.csv", HEADER + OLD + NEW)
    here.advance(2)
    assert decided_rows(here.journal, here.spool, waits, "there/promotion/acme").to_list() == [3]
    assert here.states(waits) == {"scheduled": 1, "applied": 1}


def test_rows_without_dates_of_their_own_end_whatever_there_is():
    frame = pl.DataFrame(
        {"run": [0, 0], ROW: [2, 3], KEY: ["a", "a"], "due": [None, None], "command": ["end", None]},
        schema_overrides={"run": pl.UInt32, "due": pl.String},
    )
    kept, along = one_change(frame)
    assert kept.select(ROW, INSTEAD).rows() == [(3, "/")]
    assert along.rows() == [(0, 3, 2)]


@pytest.mark.parametrize(
    ("known", "before", "told"),
    [
        ("2026-11-01T00:00:00Z/open", None, "2026-11-01T00:00:00Z/open"),
        ("2026-11-01T00:00:00Z/open", ENDED, f"{ENDED}|2026-11-01T00:00:00Z/open"),
        ("2026-11-30T00:00:00Z", None, "/2026-11-30T00:00:00Z"),
        ("", None, None),
        ("", ENDED, ENDED),
        (None, None, None),
    ],
    ids=["window", "beside one that ends", "its end alone", "not known", "not known beside", "nothing runs"],
)
def test_what_runs_gives_way_to_what_a_full_file_says_of_it(known, before, told):
    rows = [
        {"run": 0, "decision": "send", "ended": False},
        {"run": 1, "decision": "send", "ended": False},
        {"run": 0, "decision": "unchanged", "ended": False},
        {"run": 0, "decision": "send", "ended": True},
    ]
    frame = pl.DataFrame(
        [{**row, "measure": "open/2026-12-01T00:00:00Z", "measure_known": known, INSTEAD: before} for row in rows],
        schema_overrides={"measure_known": pl.String, INSTEAD: pl.String},
    )
    made = with_known(frame, pl.col("run") == 0, datetime(2026, 12, 1, tzinfo=UTC))
    assert made[INSTEAD].to_list() == [told, before, before, before]
    assert made["ended"].to_list() == frame["ended"].to_list()
    over = with_known(frame, pl.col("run") == 0, datetime(2026, 12, 1, 0, 0, 1, tzinfo=UTC))
    assert over["ended"].to_list() == [bool(known), False, False, True]
    assert with_known(frame, None, datetime(2027, 1, 1, tzinfo=UTC))[INSTEAD].to_list() == [before] * 4
