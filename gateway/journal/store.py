"""Opening the journal: version, locks, transactions; budgets, slots and the ledger live here."""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from gateway.errors import SettingsError, Throttled, no_room
from gateway.journal import migrate
from gateway.journal import tables as t
from gateway.journal.turns import Turns
from gateway.model import Arrival, Clock

_PRIMARY = 0xFF
"""Bits of an error number of SQLite that tell the kind of error; the others tell where it happened."""
_DISK_FULL = "53100"
"""PostgreSQL's code."""

_NOTE = sa.insert(t.event)


def open_journal(state: Path, clock: Clock, *, url: str | None = None) -> Journal:
    """Open or create the journal of a state folder.

    Raises SettingsError when a newer program wrote it, it is no journal or the folder can't be used; OSError when the
    disk is full.
    """
    path = state / "journal.sqlite"
    try:
        make_state(state)
        if url is None:
            _for_owner_only(path)
    except OSError as error:
        if no_room(error):
            raise
        raise SettingsError(
            f"The state folder {state} can't be used: {error.strerror or error}.",
            fix="Name another one by `state`, or give us the right to write there.",
        ) from error
    engine = _engine(url or f"sqlite:///{path}")
    try:
        return Journal(engine, clock)
    except (sa.exc.DBAPIError, sqlite3.Error) as error:
        engine.dispose()
        said = _unusable(path, error) if url is None else None
        if said is None:
            raise
        raise said from error


def _unusable(path: Path, error: Exception) -> SettingsError | None:
    """Return what is to be said of a file that is no journal, or can't be opened; None for any other error."""
    cause = getattr(error, "orig", error)
    code = getattr(cause, "sqlite_errorcode", 0) & _PRIMARY
    if code in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}:
        return SettingsError(
            f"{path} is no journal of a gateway, or it is damaged: {cause}.",
            fix="Put a backup of the whole state folder in its place, or point `state` to another folder.",
        )
    if code in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}:
        return SettingsError(
            f"The journal {path} can't be opened: {cause}.", fix="Give us the right to read and write it."
        )
    return None


def make_state(state: Path) -> None:
    """Make the state folder where there is none: for its owner alone, as partners' rows and access tokens lie in it."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)


def _for_owner_only(path: Path) -> None:
    """Have a new database readable by its owner alone, as access tokens stand in it; its side files follow it."""
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def _engine(url: str) -> Engine:
    engine = sa.create_engine(
        url,
        connect_args={"timeout": 30} if url.startswith("sqlite") else {},
        hide_parameters=True,  # tokens and what came by webhook must not stand in the message of an error
    )
    if engine.dialect.name == "sqlite":

        @sa.event.listens_for(engine, "connect")
        def _connected(connection: Any, _record: Any) -> None:
            connection.isolation_level = None  # BEGIN is ours: the driver's deferred one deadlocks on upgrade
            cursor = connection.cursor()
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA synchronous=FULL")  # an intent must survive a power cut
            cursor.execute("PRAGMA foreign_keys=ON")
            cursor.close()

        @sa.event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            cursor = connection.connection.cursor()  # the driver's own: it begins every transaction there is
            cursor.execute("BEGIN IMMEDIATE")
            cursor.close()

    return engine


@contextmanager
def _by_number() -> Iterator[None]:
    """Say by the number of the operating system that the disk is full: SQLite and PostgreSQL do so in their own words.

    Nothing of the transaction was written then.
    """
    try:
        yield
    except (sa.exc.DBAPIError, sqlite3.Error) as error:
        cause = getattr(error, "orig", error)
        code = getattr(cause, "sqlite_errorcode", 0) & _PRIMARY
        if code != sqlite3.SQLITE_FULL and getattr(cause, "sqlstate", None) != _DISK_FULL:
            raise
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "the journal") from error


class Journal:
    """Transactions on the journal. One process writes; others may read and leave wishes (retry, release...)."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self.engine = engine
        self.clock = clock
        self.turns = Turns(engine)
        self._lock = threading.RLock()
        self._settle_version()

    def _settle_version(self) -> None:
        t.meta.create(self.engine, checkfirst=True)
        with self.begin() as tx:
            found = tx.scalar(sa.select(t.meta.c.value).where(t.meta.c.name == "version"))
        if found is not None and int(found) > t.VERSION:
            self.engine.dispose()
            raise SettingsError(
                f"The state folder was written by a newer gateway (state version {found}, this program knows "
                f"{t.VERSION}).",
                fix="Run the newer program, or point `state` to another folder.",
            )
        t.metadata.create_all(self.engine)
        t.batch_ticket.create(self.engine, checkfirst=True)  # the table may be older than its index
        if found == "1":
            migrate.to_2(self.engine)
        with self.begin() as tx:
            if tx.scalar(sa.select(t.meta.c.value).where(t.meta.c.name == "version")) is None:
                tx.execute(sa.insert(t.meta).values(name="version", value=str(t.VERSION)))

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One transaction; no remote call may happen inside. Raises OSError (ENOSPC) when the disk is full."""
        with self._lock, _by_number(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Reading only: a snapshot that never waits for writers of other processes longer than the timeout."""
        with self._lock, _by_number(), self.engine.begin() as connection:
            yield connection

    def close(self) -> None:
        """Give back the connections, and turns that are still held."""
        self.turns.close()
        self.engine.dispose()

    # ---- events and pauses

    def note(self, tx: Connection, subject: str, kind: str, text: str) -> None:
        """Write an event: what happened to a run, a lane, a source."""
        tx.execute(_NOTE, {"at": self.clock.now(), "subject": subject, "kind": kind, "text": text})

    def paused(self) -> frozenset[str]:
        """Names of routes, sources, destinations and lanes that a person paused."""
        with self.read() as tx:
            return frozenset(tx.scalars(sa.select(t.paused.c.name)))

    # ---- what http pacing asks for: model.Budget

    def take(self, name: str, interval: float) -> None:
        """Book one call of `name`. Raises Throttled with the seconds to wait."""
        with self.begin() as tx:
            now = self.clock.now()
            next_at = tx.scalar(sa.select(t.budget.c.next_at).where(t.budget.c.name == name))
            if next_at is not None and next_at > now:
                wait = (next_at - now).total_seconds()
                raise Throttled(f"{name} may be called again in {wait:.1f} s.", after=wait)
            self._set_budget(tx, name, now + timedelta(seconds=interval))

    def block(self, name: str, seconds: float) -> None:
        """Forbid calls of `name` for so long, because the other side said so."""
        with self.begin() as tx:
            known = tx.scalar(sa.select(t.budget.c.next_at).where(t.budget.c.name == name))
            until = self.clock.now() + timedelta(seconds=seconds)
            self._set_budget(tx, name, until if known is None else max(known, until))

    def _set_budget(self, tx: Connection, name: str, next_at: datetime) -> None:
        changed = tx.execute(sa.update(t.budget).where(t.budget.c.name == name).values(next_at=next_at)).rowcount
        if changed == 0:
            tx.execute(sa.insert(t.budget).values(name=name, next_at=next_at))

    # ---- what read-only sources ask for

    def ledger(self) -> JournalLedger:
        """Memory of files taken from servers that only let us read."""
        return JournalLedger(self)

    def facts(self, owner: str) -> JournalFacts:
        """Memory of what a destination was told."""
        return JournalFacts(self, owner)

    def tokens(self) -> JournalTokens:
        """Access tokens, shared by threads and processes."""
        return JournalTokens(self)


_HUNG = "/hung"
"""Ends the name under which the lease of a token stands whose former holder hangs and keeps its turn."""


class JournalTokens:
    """model.TokenStore on the journal. Values stand in the database as they are; its file is for its owner only."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._turns = journal.turns
        self._held_until: dict[str, datetime] = {}

    def get(self, name: str) -> tuple[str, datetime | None] | None:
        """Return value and expiry of a token; None when there is none."""
        with self._journal.read() as tx:
            row = tx.execute(sa.select(t.token).where(t.token.c.name == name)).first()
        return None if row is None or row.value is None else (row.value, row.expires_at)

    def put(self, name: str, value: str, expires_at: datetime | None) -> None:
        """Store a token durably; a lease on the name stays as it is."""
        with self._journal.begin() as tx:
            self._set(tx, name, value=value, expires_at=expires_at)

    def lease(self, name: str, seconds: float) -> bool:
        """Take the right to renew a token for so long; False while another has it.

        It ends by itself, and at once where the process that has it dies: its turn is free then, whatever is written.
        """
        held = self._held_until.get(name)
        if held is not None and held <= self._journal.clock.now():
            del self._held_until[name]  # this lease ended by itself
            self._turns.give(name)
        mine, free = False, self._turns.take(name)
        try:
            mine = self._leased(name, seconds, free=free)
        finally:
            if free and not mine:
                self._turns.give(name)
        return mine

    def release(self, name: str) -> None:
        """Give the right back."""
        with self._journal.begin() as tx:
            self._set(tx, name if name in self._held_until else f"{name}{_HUNG}", leased_until=None)
        if self._held_until.pop(name, None) is not None:
            self._turns.give(name)

    def _leased(self, name: str, seconds: float, *, free: bool) -> bool:
        """Write a lease down. One without the turn, whose holder hangs, is written apart: who has the turn heeds it."""
        apart = f"{name}{_HUNG}"
        with self._journal.begin() as tx:
            now = self._journal.clock.now()
            of = sa.select(t.token.c.name, t.token.c.leased_until).where(t.token.c.name.in_((name, apart)))
            until = {row.name: row.leased_until for row in tx.execute(of.with_for_update())}
            hung, written = until.get(apart), until.get(name)
            if hung is not None and hung > now:
                return False
            if not free and (written is None or written > now):
                return False  # who has the turn has not written it down yet, or goes on
            if free:
                self._held_until[name] = now + timedelta(seconds=seconds)
            self._set(tx, name if free else apart, leased_until=now + timedelta(seconds=seconds))
            return True

    def _set(self, tx: Connection, name: str, **values: Any) -> None:
        if tx.execute(sa.update(t.token).where(t.token.c.name == name).values(**values)).rowcount == 0:
            tx.execute(sa.insert(t.token).values(name=name, **values))


class JournalFacts:
    """model.Facts on the journal."""

    def __init__(self, journal: Journal, owner: str) -> None:
        self._journal = journal
        self._owner = owner

    def get(self, name: str) -> str | None:
        """Return what was put last; None for nothing."""
        with self._journal.read() as tx:
            return tx.scalar(sa.select(t.meta.c.value).where(t.meta.c.name == self._place(name)))

    def put(self, name: str, text: str) -> None:
        """Keep it durably; it replaces what was there."""
        place = self._place(name)
        with self._journal.begin() as tx:
            if tx.execute(sa.update(t.meta).where(t.meta.c.name == place).values(value=text)).rowcount == 0:
                tx.execute(sa.insert(t.meta).values(name=place, value=text))

    def _place(self, name: str) -> str:
        return f"fact/{self._owner}/{name}"


class JournalLedger:
    """model.Ledger on the journal."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def take(self, arrival: Arrival) -> str | None:
        """Enter the arrival; None when the same path, size and time was entered before."""
        row = {"source": arrival.source, "path": arrival.path, "size": arrival.size, "mtime": arrival.mtime}
        with self._journal.begin() as tx:
            same = sa.and_(*(t.ledger.c[name] == value for name, value in row.items()))
            if tx.scalar(sa.select(t.ledger.c.id).where(same)) is not None:
                return None
            key = tx.execute(sa.insert(t.ledger).values(**row)).inserted_primary_key
            return None if key is None else str(key[0])

    def drop(self, token: str) -> None:
        """Forget an entry: the file was released."""
        with self._journal.begin() as tx:
            tx.execute(sa.delete(t.ledger).where(t.ledger.c.id == int(token)))

    def seen(self, source: str) -> set[tuple[str, int, datetime]]:
        """(path, size, mtime) of every entry of the source."""
        columns = (t.ledger.c.path, t.ledger.c.size, t.ledger.c.mtime)
        with self._journal.read() as tx:
            return {(r[0], r[1], r[2]) for r in tx.execute(sa.select(*columns).where(t.ledger.c.source == source))}
