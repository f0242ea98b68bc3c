"""A gateway that dies between any two commits around a boundary: each price is told once, and the right one stands."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from gateway.delivery import baseline, book
from gateway.journal import tables as t
from gateway.testing.clock import START, FakeClock, at
from gateway.testing.hostile import HostileDestination, HostileSettings, Step, read_log
from gateway.testing.rig import Rig
from gateway.testing.texts import mapping
from gateway.testing.wanted import PRICES_ONLY

FIELDS = """sku = "sku"
price = "price"
price_basis = { constant = "gross" }
"""
PRICES = mapping("price", FIELDS)
PROMOTIONS = mapping("promotion", f'{FIELDS}starts_at = "starts"\nends_at = "ends"\n')
BOUNDARY = START + timedelta(hours=1)


class Crash(BaseException):
    """Stands for the end of the process."""


class Shop:
    """A gateway on a folder, from some time on. Its calls bear a time: the destination finds them by their bytes."""

    def __init__(self, root: Path, now: datetime, *script: Step, more: str = PROMOTIONS) -> None:
        self.root = root
        self.clock = FakeClock(now)
        told = HostileSettings(
            log=root / "log", script=script, batch_size=1, **{**PRICES_ONLY, "fields": ("sku", "price", "timestamp")}
        )
        there = HostileDestination(told, clock=self.clock, account="there", name="there")
        self.rig = Rig(root / "gateway", there, self.clock, mapping=PRICES, more=(more,))

    def drop(self, name: str, *lines: str) -> str:
        run = self.rig.drop(name, "\n".join([*lines, ""]))
        self.rig.advance()
        self.clock.advance(1)
        return run

    def crash_at(self, when: str, number: int) -> None:
        """Die before or after the commit of that number, counted from now."""
        journal, begin, count = self.rig.journal, self.rig.journal.begin, 0

        @contextmanager
        def counted():
            nonlocal count
            count += 1
            here = count
            with begin() as tx:
                yield tx
                if (when, number) == ("before", here):
                    raise Crash
            if (when, number) == ("after", here):
                raise Crash

        journal.begin = counted

    def recover(self) -> None:
        """Do what a start does."""
        baseline.sweep(self.rig.journal, self.rig.spool)
        book.sweep(self.rig.journal, self.rig.spool)

    def sent(self) -> list[tuple[str, str]]:
        return [(e["sku"], e["price"]) for one in read_log(self.root / "log") for e in one.get("effects", ())]

    def prices(self, sku: str) -> list[str]:
        return [price for other, price in self.sent() if other == sku]


SCRIPT = (Step(), Step(), Step(), Step(polls=1), Step(polls=1))
"""Three calls before the boundary; those at the boundary are open for a while."""


@pytest.fixture(scope="module")
def before(tmp_path_factory) -> tuple[Path, str]:
    """One promotion ends and one begins at the boundary."""
    root = tmp_path_factory.mktemp("before")
    shop = Shop(root, START, *SCRIPT)
    shop.drop("price-1.csv", "sku,price", "a,20", "b,20")
    run = shop.drop("promotion-1.csv", "sku,price,starts,ends", f"a,15,{at(1)},{at(2)}", f"b,12,,{at(1 - 1 / 3600)}")
    shop.rig.close()
    return root, run


def played(root: Path, before: tuple[Path, str], crash: tuple[str, int] | None) -> tuple[Shop, bool]:
    """Play the boundary on a copy of the state, with a crash and a new start; returns whether it crashed."""
    shutil.copytree(before[0], root)
    shop = Shop(root, BOUNDARY, *SCRIPT)
    if crash is None:
        shop.rig.glide(BOUNDARY + timedelta(hours=3))
        return shop, False
    shop.crash_at(*crash)
    crashed = False
    try:
        shop.rig.glide(BOUNDARY + timedelta(minutes=5))
    except Crash:
        crashed = True
    now = shop.clock.now() + timedelta(seconds=30)
    shop.rig.close()
    again = Shop(root, now, *SCRIPT)
    again.recover()
    again.rig.glide(BOUNDARY + timedelta(hours=3))
    return again, crashed


def assert_right(shop: Shop, run: str) -> None:
    assert shop.prices("a") == ["20", "15", "20"]
    assert shop.prices("b") == ["20", "12", "20"]
    assert shop.rig.states(run) == {"applied": 2}
    assert shop.rig.operations.run(run).state == "settled"
    with shop.rig.journal.read() as tx:
        files = set(tx.scalars(sa.select(t.book_segment.c.file)))
        assert tx.scalar(sa.select(t.book.c.next_at)) is None
        assert set(tx.scalars(sa.select(t.consignment.c.state))) == {"closed"}
    assert {path.name for path in shop.rig.spool.books.iterdir()} == files


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_every_commit_around_a_boundary(tmp_path, before, when):
    for number in range(1, 100):
        shop, crashed = played(tmp_path / f"{when}-{number}", before, (when, number))
        try:
            assert_right(shop, before[1])
        except AssertionError as error:
            raise AssertionError(f"killed {when} commit {number}: {error}") from error
        finally:
            shop.rig.close()
        if not crashed:
            break
    assert number > 10


REFUSING = (Step(), Step(), Step(does="refuse", keys=("a",), polls=1))
"""The third call brings a new base price while a percentage lasts, and is refused."""
PERCENTAGES = mapping("promotion", 'sku = "sku"\npercentage = "percentage"\nends_at = "ends"\n')


@pytest.fixture(scope="module")
def refused(tmp_path_factory) -> tuple[Path, str]:
    """A new base price waits that the destination is going to refuse."""
    root = tmp_path_factory.mktemp("refused")
    shop = Shop(root, START, *REFUSING, more=PERCENTAGES)
    shop.drop("price-1.csv", "sku,price", "a,20")
    shop.drop("promotion-1.csv", "sku,percentage,ends", f"a,10,{at(1)}")
    run = shop.rig.drop("price-2.csv", "sku,price\na,25\n")
    shop.rig.close()
    return root, run


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_every_commit_around_a_refusal(tmp_path, refused, when):
    """What was refused is nowhere reckoned with, whenever the process died."""
    for number in range(1, 100):
        shutil.copytree(refused[0], root := tmp_path / f"{when}-{number}")
        shop = Shop(root, START + timedelta(minutes=10), *REFUSING, more=PERCENTAGES)
        shop.crash_at(when, number)
        crashed = False
        try:
            shop.rig.glide(START + timedelta(minutes=20))
        except Crash:
            crashed = True
        now = shop.clock.now() + timedelta(seconds=30)
        shop.rig.close()
        again = Shop(root, now, *REFUSING, more=PERCENTAGES)
        again.recover()
        again.rig.glide(START + timedelta(hours=2))
        told = f"killed {when} commit {number}"
        assert again.prices("a") == ["20", "18", "20"], told
        assert again.rig.states(refused[1]) == {"refused": 1}, told
        again.rig.close()
        if not crashed:
            break
    assert number > 10


def test_a_machine_that_was_off_over_the_boundaries_tells_the_right_prices_once(tmp_path, before):
    shutil.copytree(before[0], tmp_path / "late")
    shop = Shop(tmp_path / "late", BOUNDARY + timedelta(hours=9))
    shop.recover()
    shop.rig.glide(BOUNDARY + timedelta(hours=10))
    assert (shop.prices("a"), shop.prices("b")) == (["20"], ["20", "12", "20"])
    assert shop.rig.states(before[1]) == {"skipped": 1, "applied": 1}
    shop.rig.close()
