"""What a kill left in the folders of baselines and books is gone after the next start."""

import pytest

from gateway.delivery import baseline, book

HEADER = "sku,quantity\n"


@pytest.mark.parametrize(("sweep", "kind"), [(baseline.sweep, "segments"), (book.sweep, "books")])
def test_a_folding_that_was_killed_leaves_nothing(bulk, sweep, kind):
    rig = bulk()
    rig.drop("a.csv", HEADER + "a,1\n")
    rig.advance()
    before = set((rig.spool.root / kind).iterdir())
    left = rig.spool.root / kind / "fold-k1ll3d"
    left.mkdir()
    (left / "0.arrow").write_bytes(b"rows")
    sweep(rig.journal, rig.spool)
    assert set((rig.spool.root / kind).iterdir()) == before
