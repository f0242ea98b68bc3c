"""A state folder of version 1 is brought up to date when it is opened, once."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime

from gateway.journal import open_journal, runs
from gateway.testing.clock import FakeClock

RUN = (
    "INSERT INTO run (id, arrival, route, partner, feed, file, sha256, size, seq, mode, state, rows, blank, counts, "
    "pinned, notes, received_at, started_at, corrections, lane, open_rows, wake_at, released) "
    "VALUES (?, 1, 'stock', 'acme', 'stock', 'a.csv', '0', 1, 1, 'delta', ?, 5, 0, '{}', '{}', '[]', 1, 1, 0, "
    "'shop/stock/acme', ?, ?, ?)"
)


def version_1(state):
    """Make the tables of version 1: what is per leg now stood in `run`."""
    open_journal(state, FakeClock()).close()
    with closing(sqlite3.connect(state / "journal.sqlite")) as db, db:
        db.execute("DROP TABLE leg")
        for column in ("lane VARCHAR NOT NULL DEFAULT ''", "open_rows BIGINT NOT NULL DEFAULT 0",
                       "wake_at BIGINT", "released BOOLEAN NOT NULL DEFAULT 0"):  # fmt: skip
            db.execute(f"ALTER TABLE run ADD COLUMN {column}")
        db.execute("CREATE INDEX ix_run_lane ON run (lane)")
        db.execute("INSERT INTO lane (name, destination, account, operation, attempts) "
                   "VALUES ('shop/stock/acme', 'shop', 'shop', 'stock', 0)")  # fmt: skip
        db.execute("INSERT INTO arrival (id, source, path, size, mtime, token, local, claimed_at, state, attempts) "
                   "VALUES (1, 'acme', 'a.csv', 1, 1, '', '', 1, 'taken', 0)")  # fmt: skip
        db.execute(RUN, ("R1", "waiting", 3, 1_800_000_000_000_000, 0))
        db.execute(RUN, ("R2", "held", 5, None, 0))
        db.execute(RUN, ("R3", "settled", 0, None, 1))
        db.execute("UPDATE meta SET value = '1' WHERE name = 'version'")


def test_every_run_gets_its_one_leg(tmp_path):
    version_1(tmp_path)
    for _ in range(2):
        journal = open_journal(tmp_path, FakeClock())
        with journal.read() as tx:
            legs = {name: runs.legs_of(tx, name) for name in ("R1", "R2", "R3")}
            assert [row.id for row in runs.waiting(tx, "shop/stock/acme")] == ["R1"]
        assert {len(of) for of in legs.values()} == {1}
        found = {name: of[0] for name, of in legs.items()}
        told = {name: (leg.operation, leg.given, leg.open_rows) for name, leg in found.items()}
        assert told == {"R1": ("stock", [], 3), "R2": ("stock", [], 5), "R3": ("stock", [], 0)}
        assert [found[name].held for name in found] == [False, True, False]
        assert [found[name].released for name in found] == [False, False, True]
        assert found["R1"].wake_at == datetime(2027, 1, 15, 8, tzinfo=UTC)
        journal.close()
