"""What lists say of a run, and the exit code it deserves."""

from __future__ import annotations

import pytest

from gateway.cli.session import Exit
from gateway.cli.verdicts import of_run, said_of
from gateway.testing.bulk import BulkDestination, BulkSettings
from gateway.testing.clock import FakeClock
from gateway.testing.rig import Rig


@pytest.fixture
def rig(tmp_path):
    clock = FakeClock()
    settings = BulkSettings(fields=("sku", "quantity"))
    made = Rig(tmp_path, BulkDestination(settings, clock=clock, account="there", name="there"), clock)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("bad", "said", "code"),
    [
        ("b,x,\n", "1 of 3 rows took effect; 1 was rejected by our checks and 1 waits for its date: see the errors file.",  # noqa: E501  one sentence
         Exit.ROWS),
        ("b,2,\n", "2 of 3 rows took effect; 1 waits for its date.", Exit.WELL),
    ],
)  # fmt: skip
def test_a_run_that_waits_for_dates_tells_of_all_its_rows(rig, bad, said, code):
    run = rig.drop("1.csv", f"sku,quantity,valid_from\na,1,\n{bad}c,1,2099-01-01T00:00:00Z\n")
    rig.advance(2)
    row = rig.operations.run(run)
    assert row.state == "waiting"
    assert (said_of(row), of_run(row)) == (said, code)
