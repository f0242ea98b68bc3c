"""Full files of promotions that go together: what the newest leaves out ends, whatever the older ones say of it."""

from datetime import timedelta

import pytest

from gateway.testing.rig import Rig
from gateway.testing.sage_shop import Shop
from gateway.testing.texts import mapping

PROMOTIONS = mapping(
    "promotion",
    """promotion_id = "id"
sku = "sku"
percentage = "percentage"
starts_at = "starts"
ends_at = "ends"
""",
)
HEAD = "id,sku,percentage,starts,ends\n"
OF_A = "N,a,20,2026-11-20T00:00:00Z,2027-01-15T00:00:00Z\n"
OF_B = OF_A.replace(",a,", ",b,")
LONGER = OF_A.replace("2027-01", "2027-02")
OTHER = "N,a,30,2026-12-01T00:00:00Z,2027-01-31T00:00:00Z\n"


@pytest.fixture
def shop(tmp_path):
    full = {"mode": "full", "absent": "end", "guard": {"off": True}}
    made = Shop(tmp_path, promotions=PROMOTIONS, route=full)
    yield made
    made.rig.close()


def send(shop, *files):
    """Drop files that go together; returns their runs and what was written, in order."""
    runs = []
    for rows in files:
        shop.clock.advance(2)
        runs.append(shop.rig.drop(f"promotion{len(runs)}.csv", HEAD + rows))
    shop.rig.advance(2)
    found = []
    while taken := shop.take():
        found += [(one["productId"], one["dateTo"][:10]) for one in taken["productspecialprices"]]
    return runs, found


@pytest.mark.parametrize("older", [OF_A, LONGER, OTHER])
def test_what_the_older_lists_and_the_newer_leaves_out_ends(shop, older):
    _, found = send(shop, OF_A + OF_B)
    assert found == [("a", "2027-01-15"), ("b", "2027-01-15")]
    (_, newest), found = send(shop, f"{older}{OF_B}\n", f"{OF_B}\n\n")
    assert found == [("a", "2026-11-22")]
    assert shop.rig.settler.rows(shop.rig.operations.run(newest)).states.derived == {"applied": 1}
    assert send(shop, f"{OF_B}\n\n\n")[1] == []


def test_what_the_newer_lists_again_goes_on(shop):
    send(shop, OF_A + OF_B)
    assert send(shop, f"{OF_B}\n", f"{LONGER}{OF_B}")[1] == [("a", "2027-02-15")]
    assert send(shop, f"{LONGER}{OF_B}\n", f"{OF_A}{OF_B}\n\n")[1] == [("a", "2027-01-15")]


def test_other_dates_are_not_refused_for_what_is_left_out(shop):
    (older, newer), found = send(shop, OF_A, OTHER)
    assert found == [("a", "2027-01-31")]
    assert (shop.rig.states(older), shop.rig.states(newer)) == ({"superseded": 1}, {"applied": 1})


def test_what_an_older_file_says_late_of_what_is_left_out_blocks_no_newer_one(shop, tmp_path):
    send(shop, OF_B)
    before = shop.clock.now() - timedelta(seconds=60)
    shop.rig.close()
    shop.rig = Rig(tmp_path / "gateway", shop.rig.destination, shop.clock, mapping=PROMOTIONS)  # no full files now
    shop.clock.advance(2)
    late = shop.rig.drop("late.csv", HEAD + OF_A, mtime=before)
    newer = shop.rig.drop("newer.csv", HEAD + OTHER)
    shop.rig.advance(2)
    assert [(one["productId"], one["dateTo"][:10]) for one in shop.take()["productspecialprices"]] == [
        ("a", "2027-01-31")
    ]
    assert (shop.rig.states(late), shop.rig.states(newer)) == ({"superseded": 1}, {"applied": 1})


def test_what_is_over_by_its_dates_is_neither_ended_nor_taken_away(tmp_path):
    shop = Shop(tmp_path, promotions=PROMOTIONS, route={"mode": "full", "absent": "end"})
    over = "".join(f"N,s{n},20,2026-11-20T00:00:00Z,2026-11-30T00:00:00Z\n" for n in range(30))
    rest = "".join(f"N,t{n},20,2026-11-20T00:00:00Z,2027-01-15T00:00:00Z\n" for n in range(40))
    send(shop, over + rest + OF_A)
    shop.clock.advance(20 * 86400)
    runs = []
    for rows in (rest, f"{rest}\n"):
        shop.clock.advance(2)
        runs.append(shop.rig.drop(f"promotion{8 + len(runs)}.csv", HEAD + rows))
        shop.rig.advance(2)
        while shop.take():
            pass
    derived = [shop.rig.settler.rows(shop.rig.operations.run(one)).states.derived for one in runs]
    assert [shop.rig.operations.run(one).state for one in runs] == ["settled", "settled"]
    assert derived == [{"applied": 1}, {}]  # of `a`, which was to go on
    shop.rig.close()


def test_what_is_over_counts_not_as_known_beside_what_is_taken_away(tmp_path):
    shop = Shop(tmp_path, promotions=PROMOTIONS, route={"mode": "full", "absent": "end"})
    over = "".join(f"N,s{n},20,2026-11-20T00:00:00Z,2026-11-30T00:00:00Z\n" for n in range(200))
    lasts = "".join(f"N,t{n},20,2026-11-20T00:00:00Z,2027-01-15T00:00:00Z\n" for n in range(30))
    send(shop, over + lasts)
    shop.clock.advance(20 * 86400)
    run = shop.rig.drop("promotion9.csv", HEAD + lasts.splitlines(keepends=True)[0])
    shop.rig.advance(2)
    assert shop.rig.operations.run(run).notes[0].startswith("29 of 30 known keys would be ended")
    shop.rig.close()
