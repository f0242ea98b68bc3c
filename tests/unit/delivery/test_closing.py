"""Consignments are closed while the answers of their runs are written; whichever fails is done at the next turn."""

import errno

import pytest
import sqlalchemy as sa
from support.stock_rows import rows

from gateway.journal import tables as t


def consignments(rig):
    with rig.journal.read() as tx:
        return list(tx.scalars(sa.select(t.consignment.c.state)))


def full(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("broken", "closed", "state"),
    [
        ("gateway.delivery.settle.baseline.add_segments", "open", "settled"),
        ("gateway.delivery.run_answers.RunAnswers.write", "closed", "waiting"),
    ],
)
def test_a_disk_that_is_full_for_the_one_does_not_hold_up_the_other(bulk, monkeypatch, broken, closed, state):
    rig = bulk()
    run = rig.drop("a.csv", rows(("a", 1), ("b", 2)))
    with monkeypatch.context() as there:
        there.setattr(broken, full)
        rig.advance()
    assert consignments(rig) == [closed]
    assert rig.operations.run(run).state == state
    rig.clock.sleep(60)
    rig.advance()
    assert consignments(rig) == ["closed"]
    assert rig.operations.run(run).state == "settled"
    again = rig.drop("b.csv", rows(("a", 1), ("b", 3)))
    rig.advance()
    assert rig.states(again) == {"unchanged": 1, "applied": 1}
