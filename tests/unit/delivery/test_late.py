"""Truths that come after the end, at the worst of all moments: none is lost, and no partner is told half of one."""

from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from gateway.delivery import baseline, settle
from gateway.delta import fold
from gateway.journal import batches
from gateway.journal import tables as t
from gateway.model import Receipt, RowState
from gateway.testing.hostile import Step

HEADER = "sku,quantity\n"


@pytest.fixture
def lapsed(rigs):
    """A rig on which a batch has lapsed at its deadline and its run is settled; and the run."""
    rig = rigs(Step(does="never_close"), deadline=60.0)
    run = rig.drop("a.csv", HEADER + "a,1\nb,2\n")
    rig.advance()
    rig.clock.advance(61)
    return rig, run


def ended(rig, state=RowState.APPLIED):
    """Have the other side's last word stored, as another lane of the account does that asks about all calls."""
    with rig.journal.begin() as tx:
        one = tx.execute(sa.select(t.batch)).one()
        told = batches.Told(one.id, Receipt(closed=True, rest=state), rig.clock.now(), rig.clock.now(), one.outcomes)
        batches.apply_receipts(tx, [told])
        batches.mark_late(tx, [one.consignment])


def known(rig):
    return fold(list(baseline.Baseline.of_lane(rig.journal, rig.spool, rig.lane.name).frames())).height


def corrections(rig):
    return sorted(path for path in (rig.folder / "outbox/acme").glob("*correction*"))


def once(monkeypatch, owner, name, between):
    """Call `between` before the next call of something."""
    there, left = getattr(owner, name), [between]

    def first(*args, **options):
        if left:
            left.pop()()
        return there(*args, **options)

    monkeypatch.setattr(owner, name, first)


class TestATruthThatComesMeanwhile:
    def test_while_the_lane_is_about_to_sleep(self, lapsed, monkeypatch):
        rig, run = lapsed
        rig.advance()
        assert rig.states(run) == {"accepted": 2}
        once(monkeypatch, rig.delivery._builder, "build", lambda: ended(rig))
        wake = rig.advance()
        assert wake is not None
        assert wake <= rig.clock.now()
        rig.advance()
        assert known(rig) == 2
        assert len(corrections(rig)) == 1

    def test_while_its_consignment_is_closed(self, lapsed, monkeypatch):
        rig, run = lapsed
        once(monkeypatch, settle, "settled", lambda: ended(rig))
        rig.advance(2)
        assert rig.states(run) == {"applied": 2}
        assert known(rig) == 2

    def test_while_an_earlier_one_is_told(self, lapsed, monkeypatch):
        rig, run = lapsed
        rig.advance()
        with rig.journal.begin() as tx:
            tx.execute(sa.update(t.consignment).values(state="late"))
        once(monkeypatch, settle, "settled", lambda: ended(rig))
        rig.advance(3)
        assert rig.states(run) == {"applied": 2}
        assert known(rig) == 2
        assert len(corrections(rig)) == 1


class TestAKillWhileACorrectionIsWritten:
    @pytest.fixture
    def told_late(self, lapsed):
        rig, run = lapsed
        rig.advance()
        ended(rig)
        return rig, run

    def killed(self, rig, monkeypatch, owner, name, by):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, by)
            with pytest.raises(KeyboardInterrupt):
                rig.advance()
        rig.advance()

    def test_with_half_of_the_states_written(self, told_late, monkeypatch):
        rig, run = told_late

        def half(file, codes):
            cut = b"\x93NUMPY" + bytes(codes)[:1]
            if hasattr(file, "write"):
                file.write(cut)
            else:
                Path(file).write_bytes(cut)
            raise KeyboardInterrupt

        self.killed(rig, monkeypatch, np, "save", half)
        assert rig.operations.run(run).counts["states"] == {"applied": 2}
        assert corrections(rig)

    def test_before_the_journal_knows_of_it(self, told_late, monkeypatch):
        rig, run = told_late

        def kill(*_, **__):
            raise KeyboardInterrupt

        self.killed(rig, monkeypatch, settle.runs, "set_run", kill)
        row = rig.operations.run(run)
        assert row.counts["states"] == {"applied": 2}
        assert row.corrections == len(corrections(rig))
