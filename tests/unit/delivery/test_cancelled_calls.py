"""Runs that are cancelled while nobody knows whether their call arrived: it is not sent again after that."""

import pytest
from support.stock_rows import rows

from gateway.errors import OutcomeUnknown
from gateway.model import ABSENT, UNKNOWN
from gateway.testing.hostile import HostileDestination, effects_per_key


@pytest.mark.parametrize(
    ("found", "cancelled", "states", "sent"),
    [
        (ABSENT, True, {"skipped": 2}, {}),
        (UNKNOWN, True, {"uncertain": 2}, {}),
        (ABSENT, False, {"applied": 2}, {"a\x1f": 1, "b\x1f": 1}),
        (UNKNOWN, False, {"applied": 2}, {"a\x1f": 1, "b\x1f": 1}),
    ],
)
def test_a_lost_call_of_a_cancelled_run_is_not_repeated(rigs, tmp_path, monkeypatch, found, cancelled, states, sent):
    def lost(self, batch):
        raise OutcomeUnknown("It answered 500.")

    rig = rigs(repeat="harmless")
    with monkeypatch.context() as broken:
        broken.setattr(HostileDestination, "submit", lost)
        broken.setattr(HostileDestination, "find", lambda *_: found)
        run = rig.drop("1.csv", rows(("a", 1), ("b", 2)))
        rig.advance()
        if cancelled:
            rig.operations.cancel(run)
    monkeypatch.setattr(HostileDestination, "find", lambda *_: found)
    rig.clock.advance(5)
    rig.advance(3)
    assert rig.states(run) == states
    log = tmp_path / "effects.jsonl"
    assert (effects_per_key(log) if log.exists() else {}) == sent
    if cancelled:
        (answer,) = rig.folder.glob("outbox/*/*.result.csv")
        assert "cancelled" in answer.read_text("utf-8-sig")
