"""Boundaries of promotions are kept, whatever happens to the gateway or the destination; their book stays small."""

import polars as pl
import sqlalchemy as sa

from gateway.delivery.book import sweep
from gateway.journal import tables as t
from gateway.model import KEY
from gateway.testing.clock import at
from gateway.testing.hostile import Step, read_log


def test_a_gateway_that_slept_over_both_boundaries_sends_nothing(shop):
    here = shop()
    here.prices(("a", 20), ("b", 30))
    run = here.promotions(("a", 15, at(1), at(2)), ("b", 25, at(1), at(4)))
    here.clock.advance(3 * 3600)
    here.rig.advance()
    assert here.sent()[2:] == [("b", "25")]
    assert [told[:2] for told in here.told(run)] == [("skipped", "PROMOTION_OVER"), ("applied", None)]
    here.clock.advance(3 * 3600)
    here.rig.advance()
    assert here.sent()[3:] == [("b", "30")]


def test_boundaries_are_kept_over_a_restart(shop):
    here = shop()
    here.prices(("a", 20))
    here.promotions(("a", 15, at(1), at(2)))
    here.rig.close()
    again = shop()
    sweep(again.rig.journal, again.rig.spool)
    again.wait_until(1.5)
    again.rig.close()
    last = shop()
    last.wait_until(3)
    assert [price for _, price in last.sent()] == ["20", "15", "20"]


def test_a_refused_boundary_is_sent_again_until_it_stands(shop):
    here = shop(Step(), Step(), Step(does="refuse", keys=("a",)), Step(does="uncertain"))
    here.prices(("a", 20))
    run = here.promotions(("a", 15, at(0), at(1)))
    here.wait_until(2)
    assert [price for _, price in here.sent()] == ["20", "15", "20", "20"]
    calls = [entry["does"] for entry in read_log(here.rig.destination._settings.log) if "call" in entry]
    assert calls == ["take", "take", "refuse", "uncertain", "take"]
    assert here.states(run) == {"applied": 1}
    with here.rig.journal.read() as tx:
        assert tx.scalar(sa.select(t.book.c.next_at)) is None


def test_a_lost_connection_at_a_boundary_is_retried_as_lanes_retry(shop):
    here = shop(Step(), Step(), Step(does="drop_before"), Step(does="throttle"))
    here.prices(("a", 20))
    here.promotions(("a", 15, at(0), at(1)))
    here.wait_until(2)
    assert [price for _, price in here.sent()] == ["20", "15", "20"]


def test_a_boundary_waits_for_the_call_under_way_and_counts_on_nothing(shop):
    here = shop(Step(), Step(polls=60), look_interval=60)
    here.prices(("a", 20))
    here.promotions(("a", 15, at(0), at(1)))
    here.wait_until(1.1)
    assert [price for _, price in here.sent()] == ["20", "15", "20"]


def test_a_full_file_ends_the_promotions_it_leaves_out(shop):
    here = shop(route={"mode": "full", "absent": "end", "guard": {"off": True}})
    here.prices(("a", 20), ("b", 20))
    here.promotions(("a", 15, at(0), at(5)), ("b", 15, at(0), at(5)), ("b", 9, at(2), at(5)))
    run = here.promotions(("a", 15, at(0), at(5)))
    assert here.sent()[2:] == [("a", "15"), ("b", "15"), ("b", "20")]
    assert here.rig.settler.rows(here.rig.operations.run(run)).states.derived == {"applied": 1}
    here.wait_until(3)
    assert len(here.sent()) == 5
    ended = here.prices(("a", 20))
    assert here.sent()[5:] == [("b", None)]
    assert here.rig.settler.rows(here.rig.operations.run(ended)).states.derived == {"applied": 1}


def test_the_book_is_folded_and_says_the_same(shop):
    here = shop()
    for number in range(12):
        here.prices(("a", 20 + number), (f"k{number}", 1))
        here.promotions((f"P{number}", "a", 15, at(-1), at(3)), columns="id,sku,price,starts,ends")
    with here.rig.journal.read() as tx:
        files = set(tx.scalars(sa.select(t.book_segment.c.file)))
    assert len(files) <= 18
    assert {path.name for path in here.rig.spool.books.glob("*.parquet")} == files
    here.wait_until(4)
    assert here.sent()[-1] == ("a", "31")


def test_what_nobody_names_is_swept(shop):
    here = shop()
    here.prices(("a", 20))
    lost = here.rig.spool.books / "base-lost-0000.parquet"
    pl.DataFrame({KEY: ["z"]}).write_parquet(lost)
    sweep(here.rig.journal, here.rig.spool)
    assert not lost.exists()
    here.promotions(("a", 15, at(0), at(1)))
    assert here.sent()[-1] == ("a", "15")
