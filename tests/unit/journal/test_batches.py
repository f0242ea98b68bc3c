"""Two processes on one journal: the service sends, a person cancels."""

import threading

import pytest
import sqlalchemy as sa

from gateway.journal import batches, open_journal, runs
from gateway.journal import tables as t
from gateway.model import Arrival

PATIENCE = 10.0


@pytest.fixture
def ready(journal, clock):
    """A run with one batch that is ready; its id."""
    now = clock.now()
    with journal.begin() as tx:
        arrival = runs.add_arrival(tx, Arrival("drop", "a.csv", 1, now), token="", local="a", now=now)
        runs.add_run(
            tx, id="RUN", arrival=arrival, route="r", partner="p", feed="f", file="a.csv", sha256="", size=1, seq=1,
            mode="delta", state="waiting", rows=1, counts={}, pinned={}, notes=[], received_at=now, started_at=now,
        )  # fmt: skip
        values = {"id": "C", "lane": "l", "operation": "write", "state": "open", "created_at": now, "effects": 1}
        batches.add_consignment(tx, {**values, "guard": {}}, ["RUN"])
        new = batches.NewBatch(0, "write", "", 0, 1, 1, 0, {}, ("RUN",))
        batches.add_batches(tx, "C", "there", [new], [""])
        return int(tx.scalar(sa.select(t.batch.c.id)) or 0)


def test_a_batch_is_either_sent_or_cancelled_never_both(journal, ready, url, tmp_path, clock):
    other = open_journal(tmp_path, clock, url=url)
    cancelled = []

    def cancel():
        with other.begin() as tx:
            cancelled.append(batches.cancel_unsent(tx, "RUN", "before it was sent"))

    person = threading.Thread(target=cancel)

    @sa.event.listens_for(journal.engine, "before_cursor_execute")
    def _meanwhile(_connection, _cursor, statement, *_):
        if statement.startswith("UPDATE batch") and person.ident is None:
            person.start()
            person.join(0.5)  # it goes through, or waits for this transaction

    with journal.begin() as tx:
        sent = batches.intend(tx, [ready], clock.now())
    person.join(PATIENCE)
    other.close()
    with journal.read() as tx:
        state = tx.scalar(sa.select(t.batch.c.state))
    assert (sent, state, cancelled) in [(True, "sending", [0]), (False, "closed", [1])]
