"""The journal's tables; every row is truth, files are named by it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

VERSION = 2
"""Version of tables and folders: an older program refuses a newer state."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Moment(sa.types.TypeDecorator[datetime]):
    """An aware UTC time kept as whole microseconds, so that order is exact on every database."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002  the protocol's
        """Aware time to microseconds. Raises ValueError for a naive time."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a naive time {value!r} was about to be written to the journal")
        return (value - EPOCH) // timedelta(microseconds=1)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002  the protocol's
        """Microseconds to aware UTC time."""
        return None if value is None else EPOCH + timedelta(microseconds=int(value))


metadata = sa.MetaData()
_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

meta = sa.Table("meta", metadata, sa.Column("name", sa.String, primary_key=True), sa.Column("value", sa.String))

ledger = sa.Table(
    "ledger",
    metadata,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("source", sa.String, nullable=False),
    sa.Column("path", sa.String, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("mtime", Moment, nullable=False),
    sa.UniqueConstraint("source", "path", "size", "mtime"),
)

arrival = sa.Table(
    "arrival",
    metadata,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("source", sa.String, nullable=False),
    sa.Column("path", sa.String, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("mtime", Moment, nullable=False),
    sa.Column("token", sa.String, nullable=False),
    sa.Column("local", sa.String, nullable=False),
    sa.Column("sha256", sa.String),
    sa.Column("claimed_at", Moment, nullable=False),
    sa.Column("state", sa.String, nullable=False, index=True),  # claimed, taken, ending, ended
    sa.Column("ending", sa.String),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("next_at", Moment),
)

arrival_set = sa.Table(  # files that belong together; its run is the one of its first file through its route
    "arrival_set",
    metadata,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("source", sa.String, nullable=False),
    sa.Column("route", sa.String, nullable=False),
    sa.Column("name", sa.String, nullable=False),  # what its files have in common, with their folder
    sa.Column("of", sa.Integer),  # how many parts make it; null: all that come until it is quiet
    sa.Column("state", sa.String, nullable=False, index=True),  # waiting, begun, refusing, taken, refused
    sa.Column("first", sa.BigInteger),  # arrival its run is entered for, known once it has begun
    sa.Column("opened_at", Moment, nullable=False),
    sa.Column("last_at", Moment, nullable=False),
    sa.Column("until", Moment, nullable=False),
)

set_member = sa.Table(
    "set_member",
    metadata,
    sa.Column("set", sa.ForeignKey("arrival_set.id"), primary_key=True),
    sa.Column("arrival", sa.ForeignKey("arrival.id"), primary_key=True, index=True),
    sa.Column("part", sa.Integer, nullable=False),
    sa.Column("answer", sa.String, nullable=False),  # what stands for a run in the name of its acknowledgement
    sa.Column("left", sa.Boolean, nullable=False, default=False),  # another file took its place
)

run = sa.Table(
    "run",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("arrival", sa.ForeignKey("arrival.id"), nullable=False, index=True),
    sa.Column("route", sa.String, nullable=False, index=True),
    sa.Column("partner", sa.String, nullable=False),
    sa.Column("feed", sa.String, nullable=False),
    sa.Column("file", sa.String, nullable=False),
    sa.Column("sha256", sa.String, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("mode", sa.String, nullable=False),
    sa.Column("state", sa.String, nullable=False, index=True),  # reading, waiting, held, settled, rejected, cancelled
    sa.Column("first_run", sa.String),
    sa.Column("retry_of", sa.String),
    sa.Column("rows", sa.BigInteger, nullable=False, default=0),
    sa.Column("blank", sa.BigInteger, nullable=False, default=0),
    sa.Column("counts", sa.JSON, nullable=False, default=dict),
    sa.Column("pinned", sa.JSON, nullable=False, default=dict),
    sa.Column("notes", sa.JSON, nullable=False, default=list),
    sa.Column("received_at", Moment, nullable=False),
    sa.Column("started_at", Moment, nullable=False),
    sa.Column("ended_at", Moment),
    sa.Column("corrections", sa.Integer, nullable=False, default=0),
)

refusal = sa.Table(  # an answer that a file is not taken, where it came to no run
    "refusal",
    metadata,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("name", sa.String, nullable=False, unique=True),  # what stands for a run in the answer's name
    sa.Column("arrival", sa.ForeignKey("arrival.id"), nullable=False, index=True),
    sa.Column("file", sa.String, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("code", sa.String, nullable=False),
    sa.Column("message", sa.String, nullable=False),
    sa.Column("fix", sa.String, nullable=False),
)

given = sa.Table(  # ids of runs, and what stands for one in names of answers: one that was given is never given again
    "given",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("arrival", sa.BigInteger),  # of what stands for a run
    sa.Column("purpose", sa.String),  # which of the answers to the file it is
    sa.UniqueConstraint("arrival", "purpose"),
)

leg = sa.Table(  # what one operation does with the rows of a run: a row has an effect in one or more of them
    "leg",
    metadata,
    sa.Column("run", sa.ForeignKey("run.id"), primary_key=True),
    sa.Column("lane", sa.String, primary_key=True, index=True),
    sa.Column("place", sa.Integer, nullable=False),
    sa.Column("operation", sa.String, nullable=False),
    sa.Column("given", sa.JSON, nullable=False, default=list),  # the effect exists where one of these fields is given
    sa.Column("fans_out", sa.Boolean, nullable=False, default=False),  # a row has several effects here
    sa.Column("open_rows", sa.BigInteger, nullable=False, default=0),  # good rows not yet decided by a consignment
    sa.Column("waits", sa.BigInteger, nullable=False, default=0),  # of these: rows that wait for another effect
    sa.Column("wake_at", Moment),
    sa.Column("held", sa.Boolean, nullable=False, default=False),
    sa.Column("released", sa.Boolean, nullable=False, default=False),
)

lane = sa.Table(
    "lane",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("destination", sa.String, nullable=False),
    sa.Column("account", sa.String, nullable=False),
    sa.Column("operation", sa.String, nullable=False),
    sa.Column("wake_at", Moment, index=True),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("trouble", sa.String),
    sa.Column("trouble_since", Moment),
)

paused = sa.Table(
    "paused",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("since", Moment, nullable=False),
)

slot = sa.Table(
    "slot",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("batch", sa.BigInteger, nullable=False),
)

budget = sa.Table(
    "budget",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("next_at", Moment, nullable=False),
)

consignment = sa.Table(
    "consignment",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("lane", sa.String, nullable=False, index=True),
    sa.Column("operation", sa.String, nullable=False),
    sa.Column("state", sa.String, nullable=False, index=True),  # open, closed, late: a truth came after the end
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("effects", sa.BigInteger, nullable=False),
    sa.Column("guard", sa.JSON, nullable=False, default=dict),
)

consignment_run = sa.Table(
    "consignment_run",
    metadata,
    sa.Column("consignment", sa.ForeignKey("consignment.id"), primary_key=True),
    sa.Column("run", sa.ForeignKey("run.id"), primary_key=True, index=True),
)

batch = sa.Table(
    "batch",
    metadata,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("consignment", sa.ForeignKey("consignment.id"), nullable=False, index=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("operation", sa.String, nullable=False),
    sa.Column("account", sa.String, nullable=False),
    sa.Column("slot", sa.String, nullable=False),
    sa.Column("offset", sa.BigInteger, nullable=False),
    sa.Column("length", sa.BigInteger, nullable=False),
    sa.Column("digest", sa.String, nullable=False),
    sa.Column("records", sa.Integer, nullable=False),
    sa.Column("first_effect", sa.BigInteger, nullable=False),
    sa.Column("state", sa.String, nullable=False, index=True),  # ready, sending, unknown, open, closed, lapsed
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("intent_at", Moment),
    sa.Column("ticket", sa.String),
    sa.Column("ask_at", Moment),
    sa.Column("deadline", Moment),
    sa.Column("rest", sa.String),
    sa.Column("code", sa.String),
    sa.Column("message", sa.String),
    sa.Column("outcomes", sa.Integer, nullable=False, default=0),  # outcome files written for it so far
    sa.Column("memo", sa.JSON, nullable=False, default=dict),
)

batch_ticket = sa.Index("ix_batch_ticket", batch.c.ticket)

batch_run = sa.Table(
    "batch_run",
    metadata,
    sa.Column("batch", sa.ForeignKey("batch.id"), primary_key=True),
    sa.Column("run", sa.ForeignKey("run.id"), primary_key=True, index=True),
)

event = sa.Table(
    "event",
    metadata,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("at", Moment, nullable=False),
    sa.Column("subject", sa.String, nullable=False, index=True),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("text", sa.String, nullable=False),
)

segment = sa.Table(
    "segment",
    metadata,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("lane", sa.String, nullable=False, index=True),
    sa.Column("file", sa.String, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("consignment", sa.String),
)

renewal = sa.Table(  # sequences of a segment's rows where newer runs found them unchanged
    "renewal",
    metadata,
    sa.Column("segment", sa.ForeignKey("segment.id"), primary_key=True),
    sa.Column("file", sa.String, nullable=False),
)

book = sa.Table(  # of a lane that computes wanted prices: up to when boundaries are done, and the next one
    "book",
    metadata,
    sa.Column("lane", sa.String, primary_key=True),
    sa.Column("until", Moment, nullable=False),
    sa.Column("next_at", Moment),
)

book_segment = sa.Table(  # files of base prices and promotions of such a lane
    "book_segment",
    metadata,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("lane", sa.String, nullable=False, index=True),
    sa.Column("kind", sa.String, nullable=False),  # base, promotion, again
    sa.Column("file", sa.String, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("written_by", sa.String, nullable=False),  # what files written together have in common
)

token = sa.Table(
    "token",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("value", sa.String),  # null: only leased so far
    sa.Column("expires_at", Moment),
    sa.Column("leased_until", Moment),
)

heard = sa.Table(  # events that came by webhook
    "heard",
    metadata,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("destination", sa.String, nullable=False),
    sa.Column("received_at", Moment, nullable=False),
    sa.Column("digest", sa.String, nullable=False),  # of the body: a repeated delivery is once
    sa.Column("headers", sa.JSON, nullable=False, default=dict),  # only those the hook keeps
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.String, nullable=False),  # new, waiting: for a ticket, done, ignored, unreadable, expired
    sa.Column("tries", sa.Integer, nullable=False, default=0),
    sa.Column("next_at", Moment),
    sa.UniqueConstraint("destination", "digest"),
    sa.Index("ix_heard_state", "destination", "state"),
)

heard_ticket = sa.Table(  # tickets that no batch has yet
    "heard_ticket",
    metadata,
    sa.Column("heard", sa.ForeignKey("heard.id"), primary_key=True),
    sa.Column("ticket", sa.String, primary_key=True),
)

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("at", Moment, nullable=False),
    sa.Column("who", sa.String, nullable=False),
    sa.Column("action", sa.String, nullable=False),
    sa.Column("target", sa.String, nullable=False),
    sa.Column("text", sa.String, nullable=False),
)

answer = sa.Table(
    "answer",
    metadata,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("run", sa.String, index=True),
    sa.Column("source", sa.String),  # where it is returned to; null: local only
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("file", sa.String, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("state", sa.String, nullable=False, index=True),  # local, returning, returned
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("next_at", Moment),
    sa.Column("trouble", sa.String),
)
