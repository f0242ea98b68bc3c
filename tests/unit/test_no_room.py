"""What counts as a full disk: how the libraries say it that write for us, shown by a device that is always full."""

import contextlib
import errno
import sqlite3
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from xlsxwriter.exceptions import FileCreateError

from gateway.errors import Unreachable, no_room

FULL = Path("/dev/full")
FRAME = pl.DataFrame({"a": ["x" * 100] * 10_000})

pytestmark = pytest.mark.skipif(not FULL.exists(), reason="the system has no device that is always full")


def _array() -> None:
    with FULL.open("wb", buffering=0) as file:
        np.save(file, np.zeros(1_000_000))


def _database() -> None:
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        database.execute("pragma max_page_count = 2")
        database.execute("create table a (b)")
        database.execute("insert into a values (?)", ("x" * 100_000,))


@pytest.mark.parametrize(
    ("write", "kind"),
    [
        (lambda: FULL.write_bytes(b"x"), OSError),
        (lambda: FRAME.write_ipc(FULL, compression="uncompressed"), OSError),
        (lambda: FRAME.write_parquet(FULL, compression="uncompressed"), pl.exceptions.ComputeError),
        (lambda: FRAME.write_csv(FULL), OSError),
        (_array, OSError),
        (_database, sqlite3.OperationalError),
    ],
)
def test_libraries_say_it_each_in_its_way(write, kind):
    with pytest.raises(kind) as caught:
        write()
    assert no_room(caught.value)


def test_so_does_the_writer_of_workbooks():
    assert no_room(FileCreateError(OSError(errno.ENOSPC, "No space left on device")))


def test_an_error_that_came_from_a_full_disk_is_one():
    told = Unreachable("It could not be kept.")
    told.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    assert no_room(told)


@pytest.mark.parametrize("error", [OSError(errno.EACCES, "Permission denied"), ValueError("full"), Unreachable("away")])
def test_other_trouble_is_none(error):
    assert not no_room(error)
