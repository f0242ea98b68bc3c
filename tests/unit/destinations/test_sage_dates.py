"""Special prices end by their own dates: what is said with other dates of a promotion that runs, or of none."""

import functools

import pytest

from gateway.testing.texts import mapping

PROMOTIONS = mapping(
    "promotion",
    """promotion_id = { column = "id", optional = true }
sku = "sku"
percentage = { column = "percentage", optional = true }
quantity_from = { column = "least", optional = true }
starts_at = { column = "starts", optional = true }
ends_at = { column = "ends", optional = true }
command = { column = "command", optional = true }
""",
)
HEAD = "id,sku,percentage,starts,ends,command\n"
RUNS = "N,a,20,2026-11-20T00:00:00Z,2027-01-15T00:00:00Z,\n"
DATES = "2026-11-20T00:00:00Z to 2027-01-15T00:00:00Z"
NOTHING = ("skipped", "DEST_NOTHING", "nothing with these dates was sent for it that still runs")
OVERLAPS = ("refused", "PROMOTION_RUNS", DATES)
FINE = ("applied", None, None)


@pytest.fixture
def make(sage_shops):
    return functools.partial(sage_shops, promotions=PROMOTIONS)


@pytest.fixture
def shop(make):
    return make()


def send(shop, name, rows):
    """Drop a promotion file and have it answered; returns what is told of its rows, and what was written of them."""
    run = shop.put(f"promotion{name}.csv", HEAD + rows)
    found = shop.take().get("productspecialprices", [])
    told = shop.rig.results(run).select("state", "code", "detail").rows()
    return told, [(one["productId"], one.get("dateFrom", "")[:10], one.get("dateTo", "")[:10]) for one in found]


def ended(rows):
    return rows.replace(",\n", ",end\n")


@pytest.mark.parametrize(
    "row",
    [
        "N,a,,,,end\n",
        "N,a,,2026-11-21T00:00:00Z,,end\n",
        "N,a,,2026-11-20T00:00:00Z,2027-02-15T00:00:00Z,end\n",
        "N,a,30,2026-12-01T00:00:00Z,2027-01-31T00:00:00Z,\n",
        "N,a,30,,2026-12-31T00:00:00Z,\n",
    ],
)
def test_other_dates_of_a_promotion_that_runs_are_refused_with_its_dates(shop, row):
    assert send(shop, 1, RUNS) == ([FINE], [("a", "2026-11-20", "2027-01-15")])
    assert send(shop, 2, row) == ([OVERLAPS], [])


def test_what_is_over_by_its_dates_is_not_ended_once_more(shop):
    past = "N,a,20,2026-10-01T00:00:00Z,2026-10-31T00:00:00Z,\n"
    soon = "N,b,20,2026-10-01T00:00:00Z,2026-12-01T00:00:00Z,\n"
    assert send(shop, 1, past + soon)[1] == [("a", "2026-10-01", "2026-10-31"), ("b", "2026-10-01", "2026-12-01")]
    assert send(shop, 2, ended(past)) == ([NOTHING], [])
    shop.clock.advance(30 * 24 * 3600)
    assert send(shop, 3, ended(soon)) == ([NOTHING], [])


def test_refused_while_it_is_on_its_way_too(shop):
    shop.put("promotion1.csv", HEAD + RUNS)
    run = shop.put("promotion2.csv", f"{HEAD}N,a,,,,end\n")
    assert shop.rig.results(run).select("state", "code", "detail").rows() == [OVERLAPS]


def test_of_files_that_go_together_the_newer_is_refused(shop):
    shop.rig.drop("promotion1.csv", HEAD + RUNS)
    shop.clock.advance(2)
    assert send(shop, 2, "N,a,30,2026-12-01T00:00:00Z,,\n") == ([OVERLAPS], [("a", "2026-11-20", "2027-01-15")])


@pytest.mark.parametrize(
    "row",
    [
        "N,a,30,2027-01-16T00:00:00Z,2027-01-31T00:00:00Z,\n",
        "M,a,30,2026-12-01T00:00:00Z,2027-01-31T00:00:00Z,\n",
        "N,b,30,2026-12-01T00:00:00Z,2027-01-31T00:00:00Z,\n",
        ",a,30,2026-12-01T00:00:00Z,2027-01-31T00:00:00Z,\n",
    ],
)
def test_what_meets_nothing_of_its_name_is_sent(shop, row):
    send(shop, 1, RUNS)
    told, found = send(shop, 2, row)
    assert (told, len(found)) == ([FINE], 1)


def test_a_later_end_of_the_same_replaces_it(shop):
    send(shop, 1, RUNS)
    assert send(shop, 2, RUNS.replace("2027-01", "2027-02")) == ([FINE], [("a", "2026-11-20", "2027-02-15")])
    late = "N,a,30,2027-01-16T00:00:00Z,2027-01-31T00:00:00Z,\n"
    assert send(shop, 3, late) == ([("refused", "PROMOTION_RUNS", DATES.replace("2027-01", "2027-02"))], [])


def test_ended_by_its_own_dates_in_one_file_with_what_comes_instead(shop):
    send(shop, 1, RUNS)
    told, found = send(shop, 2, ended(RUNS) + "N,a,30,2026-12-01T00:00:00Z,2027-01-31T00:00:00Z,\n")
    assert told == [FINE, FINE]
    assert found == [("a", "2026-11-20", "2026-11-22"), ("a", "2026-12-01", "2027-01-31")]


def test_ends_of_what_was_never_sent_write_nothing(shop):
    assert send(shop, 1, "X,a,,,,end\n" + ended(RUNS) + ",c,,,,end\n") == ([NOTHING] * 3, [])
    assert send(shop, 2, RUNS)[0] == [FINE]
    assert send(shop, 3, ended(RUNS)) == ([FINE], [("a", "2026-11-20", "2026-11-22")])
    assert send(shop, 4, "X,a,,,,end\n") == ([NOTHING], [])
    assert send(shop, 5, "N,a,,,,end\n") == ([NOTHING], [])


def test_an_end_that_was_not_sent_counts_against_what_is_older(make):
    shop = make(route={"guard": {"promotion_floor": 0.5}})
    held = shop.put("promotion1.csv", HEAD + RUNS.replace("20,", "99,", 1))
    assert shop.take() == {}
    send(shop, 2, ended(RUNS))
    shop.rig.operations.release(held)
    shop.rig.advance(2)
    assert shop.take() == {}
    assert shop.rig.states(held) == {"superseded": 1}


def test_a_full_file_with_other_dates_ends_those_it_leaves_out(make):
    shop = make(route={"mode": "full", "absent": "end", "guard": {"off": True}})
    send(shop, 1, RUNS)
    told, found = send(shop, 2, "N,a,30,2026-12-01T00:00:00Z,2027-01-31T00:00:00Z,\n")
    assert told[0] == FINE or found
    found += [
        (one["productId"], one["dateFrom"][:10], one["dateTo"][:10])
        for one in shop.take().get("productspecialprices", [])
    ]
    assert sorted(found) == [("a", "2026-11-20", "2026-11-22"), ("a", "2026-12-01", "2027-01-31")]


def test_what_nobody_answered_can_be_ended(make):
    shop = make(deadline=60)
    run = shop.put("promotion1.csv", HEAD + RUNS)
    next(shop.out.glob("*.json")).unlink()
    shop.clock.advance(120)
    shop.rig.advance(2)
    assert shop.rig.states(run) == {"accepted": 1}
    assert send(shop, 2, "N,a,,,,end\n") == ([OVERLAPS], [])
    assert send(shop, 3, ended(RUNS)) == ([FINE], [("a", "2026-11-20", "2026-11-22")])


LATER = RUNS.replace("2027-01", "2027-02")
OTHER = "N,a,30,2026-12-01T00:00:00Z,2027-01-31T00:00:00Z,\n"


def written(*until):
    return [("a", "2026-11-20", day) for day in until]


@pytest.mark.parametrize("name", ["N", ""])
def test_an_end_that_is_moved_back_is_sent_again(shop, name):
    runs, later = (rows.replace("N", name, 1) for rows in (RUNS, LATER))
    assert send(shop, 1, runs) == ([FINE], written("2027-01-15"))
    assert send(shop, 2, later) == ([FINE], written("2027-02-15"))
    assert send(shop, 3, runs + "\n") == ([FINE], written("2027-01-15"))
    assert send(shop, 4, runs + "\n\n") == ([("unchanged", None, None)], [])


def test_what_ended_after_its_end_was_moved_does_not_run_by_its_former_one(shop):
    send(shop, 1, RUNS)
    send(shop, 2, LATER)
    assert send(shop, 3, ended(LATER)) == ([FINE], written("2026-11-22"))
    assert send(shop, 4, ended(RUNS)) == ([NOTHING], [])
    assert send(shop, 5, OTHER)[0] == [FINE]


def test_what_ended_after_its_end_was_moved_begins_again_by_its_former_one(shop):
    send(shop, 1, RUNS)
    send(shop, 2, LATER)
    send(shop, 3, ended(LATER))
    assert send(shop, 4, RUNS + "\n") == ([FINE], written("2027-01-15"))
    assert send(shop, 5, ended(RUNS)) == ([FINE], written("2026-11-22"))


def test_the_former_end_does_not_end_what_took_its_place(shop):
    send(shop, 1, RUNS)
    send(shop, 2, LATER)
    said = DATES.replace("2027-01", "2027-02")
    assert send(shop, 3, ended(RUNS)) == ([("refused", "PROMOTION_RUNS", said)], [])


@pytest.mark.parametrize("turned", [False, True])
def test_an_end_may_be_moved_by_two_rows_of_one_file_in_any_order(shop, turned):
    send(shop, 1, RUNS)
    rows = [ended(RUNS), LATER]
    told, found = send(shop, 2, "".join(reversed(rows) if turned else rows))
    assert found == written("2027-02-15")
    assert sorted(told) == [FINE, ("skipped", "DEST_GOES_ON", f"row {2 if turned else 3}")]
    assert send(shop, 3, OTHER)[0] == [("refused", "PROMOTION_RUNS", DATES.replace("2027-01", "2027-02"))]


def test_two_ends_of_one_in_one_file_are_rejected(shop):
    told, found = send(shop, 1, RUNS + LATER)
    assert (told, found) == ([("rejected", "DEST_ONE_RECORD", "row 3"), ("rejected", "DEST_ONE_RECORD", "row 2")], [])


def test_a_full_file_that_moves_an_end_ends_nothing(make):
    shop = make(route={"mode": "full", "absent": "end", "guard": {"off": True}})
    assert send(shop, 1, RUNS) == ([FINE], written("2027-01-15"))
    assert send(shop, 2, LATER) == ([FINE], written("2027-02-15"))
    assert shop.take() == {}, "the former end is no promotion that was left out"
    assert send(shop, 3, RUNS + "\n") == ([FINE], written("2027-01-15"))
    assert shop.take() == {}
    told, found = send(shop, 4, RUNS.replace(",a,", ",b,"))
    assert (told, found) == ([FINE], [("b", "2026-11-20", "2027-01-15"), *written("2026-11-22")])
    assert shop.take() == {}, "what it leaves out ends by the same file"


MOVED = RUNS.replace("2027-01-15", "2026-12-31")
NARROW = "N,a,,2026-11-22T00:00:00Z,2026-12-15T00:00:00Z,"


def send_together(shop, *files):
    """Drop files that go together; returns what is told of the row of each, and what was written."""
    runs = []
    for number, rows in enumerate(files):
        shop.clock.advance(2)
        runs.append(shop.rig.drop(f"promotion-{number}.csv", HEAD + rows))
    shop.rig.advance(2)
    found = [one["dateTo"][:10] for one in shop.take().get("productspecialprices", [])]
    return [shop.rig.results(run).select("state", "code", "detail").row(0) for run in runs], found


@pytest.mark.parametrize(
    ("newer", "told", "sent"),
    [
        (MOVED, FINE, ["2026-12-31"]),
        (ended(RUNS), FINE, ["2026-11-22"]),
        ("N,a,30,2026-11-23T00:00:00Z,2026-12-15T00:00:00Z,\n", OVERLAPS, []),
    ],
)
@pytest.mark.parametrize("row", [f"{NARROW}end\n", f"{NARROW.replace('a,,', 'a,30,')}\n"])
def test_a_newer_file_that_goes_along_changes_nothing_for_an_older_one(shop, row, newer, told, sent):
    send(shop, 1, RUNS)
    assert send_together(shop, row, newer) == ([OVERLAPS, told], sent)


def test_a_promotion_that_is_over_is_warned_of_and_written(shop):
    told, found = send(shop, 1, "N,a,20,2026-10-01T00:00:00Z,2026-10-31T00:00:00Z,\n")
    assert (told, found) == ([("applied", "SP-EXPIRED", "")], [("a", "2026-10-01", "2026-10-31")])


def test_what_ends_and_gives_no_discount_is_written_with_none(shop):
    send(shop, 1, RUNS)
    shop.put("promotion2.csv", HEAD + ended(RUNS).replace(",20,", ",,"))
    assert [one["discount"] for one in shop.take()["productspecialprices"]] == ["0"]


ONE_RECORD = ("superseded", "DEST_SAID", "a newer file")
NEWER = ("superseded", "SUPERSEDED", "by a newer file")


@pytest.mark.parametrize("name", ["N", ""])
@pytest.mark.parametrize(
    ("files", "told"),
    [
        ((LATER, ended(LATER)), [NEWER, FINE]),
        ((MOVED, ended(MOVED)), [NEWER, FINE]),
        ((LATER + ended(RUNS), ended(LATER)), [NEWER, FINE]),
        ((ended(RUNS), LATER, ended(LATER)), [ONE_RECORD, NEWER, FINE]),
    ],
)
def test_what_is_moved_and_ended_by_its_new_dates_by_files_that_go_together_ends(shop, name, files, told):
    runs, *files = (rows.replace("N", name) for rows in (RUNS, *files))
    send(shop, 1, runs)
    assert send_together(shop, *files) == (told, ["2026-11-22"])
    assert send(shop, 2, ended(runs))[1] == [], "nor does it run by its former dates"


def test_what_follows_it_under_its_name_begins_with_it(shop):
    send(shop, 1, RUNS)
    assert send_together(shop, LATER, ended(LATER), OTHER) == ([NEWER, FINE, FINE], ["2026-11-22", "2027-01-31"])


@pytest.mark.parametrize("name", ["N", ""])
def test_what_ends_nothing_keeps_no_other_row_from_ending_the_same_record(shop, name):
    runs, never = (rows.replace("N", name) for rows in (RUNS, ended(LATER)))
    send(shop, 1, runs)
    assert send_together(shop, ended(runs), never) == ([FINE, NOTHING], ["2026-11-22"])


def test_an_end_with_dates_that_never_were_does_not_keep_the_right_one_from_being_sent(shop):
    runs, never = (rows.replace("N", "") for rows in (RUNS, ended(LATER)))
    send(shop, 1, runs)
    on = "a / 2026-11-20T00:00:00Z / 2027-01-15T00:00:00Z"
    assert send(shop, 2, never) == ([("skipped", "DEST_GOES_ON", on)], [])
    assert send(shop, 3, ended(runs)) == ([FINE], written("2026-11-22"))
