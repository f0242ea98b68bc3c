"""What a lane says of trouble with our own disk: no fault of the program, and nothing to tell the maintainers."""

from __future__ import annotations

import errno
import shutil

import polars as pl
import pytest
import sqlalchemy as sa

from gateway.journal import tables as t
from gateway.testing.bulk import BulkDestination, BulkSettings
from gateway.testing.clock import FakeClock
from gateway.testing.rig import Rig


@pytest.fixture
def rig(tmp_path):
    clock = FakeClock()
    there = BulkDestination(BulkSettings(fields=("sku", "quantity")), clock=clock, account="there", name="there")
    made = Rig(tmp_path / "gateway", there, clock)
    yield made
    made.close()


def trouble(rig):
    with rig.journal.read() as tx:
        return tx.scalar(sa.select(t.lane.c.trouble).where(t.lane.c.name == rig.lane.name))


def test_an_answer_folder_that_is_a_file_is_named_and_mended(rig):
    run = rig.drop("a.csv", "sku,quantity\na,1\n")
    folder = rig.folder / "outbox" / "acme"
    shutil.rmtree(folder)
    folder.write_text("", "utf-8")
    rig.advance(3)
    assert f"{folder} can't be read or written: File exists" in trouble(rig)
    assert "the lane goes on by itself" in trouble(rig)
    assert "maintainers" not in trouble(rig)
    folder.unlink()
    rig.clock.sleep(60)
    rig.advance(3)
    assert trouble(rig) is None
    assert rig.operations.run(run).state == "settled"


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        pl.exceptions.ComputeError("No space left on device (os error 28)"),
    ],
)
def test_a_full_disk_is_looked_at_again_soon_however_long_it_lasts(rig, monkeypatch, error):
    def full(*_, **__):
        raise error

    run = rig.drop("a.csv", "sku,quantity\na,1\n")
    with monkeypatch.context() as there:
        there.setattr("gateway.delivery.build.Builder.build", full)
        for _ in range(12):
            at = rig.advance()
            assert 0 < (at - rig.clock.now()).total_seconds() <= 10
            rig.clock.sleep((at - rig.clock.now()).total_seconds())
    assert "No space left on device" in trouble(rig)
    assert "Make room" in trouble(rig)
    rig.advance(3)
    assert trouble(rig) is None
    assert rig.operations.run(run).state == "settled"
