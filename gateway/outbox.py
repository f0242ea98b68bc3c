"""Answers: names, atomic publishing, and the queue of what goes back to the partner's server."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Row

from gateway.errors import GatewayError, HostKeyError, MayWorkLater, SettingsError
from gateway.journal import Journal, runs
from gateway.journal import tables as t
from gateway.model import Source
from gateway.pauses import growing
from gateway.spool import durable

_UNSAFE = re.compile(r"[^\w.\-+()@ ,]+", re.ASCII)
_RETURN_PAUSE = 5.0
_LONGEST_PAUSE = 600.0
_LONGEST_BASE = 180
_LONGEST_ROUTE = 40
"""Bytes of the original name, and of the route, that an answer keeps: with run and kind they fit into 255."""


def answer_name(file: str, run: str, kind: str, *, route: str | None = None) -> str:
    """Name of an answer: the original name (made safe), the route where it is given, the run and the kind."""
    base = _UNSAFE.sub("_", file.rsplit("/", 1)[-1]).strip().lstrip(".")[:_LONGEST_BASE] or "file"
    through = "" if route is None else f".{_UNSAFE.sub('_', route)[:_LONGEST_ROUTE]}"
    return f"{base}{through}.{run}.{kind}"


def answer_of(run: Row[Any], kind: str) -> str:
    """Name of an answer of a run: one of several that were made of one file says its route."""
    return answer_name(run.file, run.id, kind, route=run.route if run.counts.get("routed") else None)


@dataclass(frozen=True, slots=True)
class Prepared:
    """An answer that is written, and not yet there for the partner."""

    part: Path
    final: Path
    kind: str

    def drop(self) -> None:
        """Remove it; nothing happens where it has its name already."""
        self.part.unlink(missing_ok=True)


class Outbox:
    """The partners' answer folders below one root."""

    def __init__(self, root: Path, journal: Journal) -> None:
        self._root = root
        self._journal = journal
        self._blocked: dict[str, tuple[datetime, int]] = {}
        """Sources out of reach: asked again at that time, after so many failures."""

    def folder(self, partner: str) -> Path:
        """Answer folder of a partner."""
        return self._root / (_UNSAFE.sub("_", partner).lstrip(".") or "unknown")

    def publish(
        self, partner: str, name: str, write: Callable[[Path], bool], *, run: str | None, kind: str, source: str | None
    ) -> Path | None:
        """Write an answer by temporary name and rename; None when the writer had nothing to say.

        With `source` the file is also queued for the partner's own server.
        """
        prepared = self.prepare(partner, name, write, kind=kind)
        if prepared is None:
            return None
        self.release([prepared], run=run, source=source)
        return prepared.final

    def prepare(self, partner: str, name: str, write: Callable[[Path], bool], *, kind: str) -> Prepared | None:
        """Write an answer durably by a temporary name; None when the writer had nothing to say."""
        folder = self.folder(partner)
        folder.mkdir(parents=True, exist_ok=True)
        prepared = Prepared(folder / f".{name}.part", folder / name, kind)
        try:
            if write(prepared.part):
                durable(prepared.part)
                return prepared
        except BaseException:
            prepared.drop()
            raise
        prepared.drop()
        return None

    def release(self, answers: Sequence[Prepared], *, run: str | None, source: str | None) -> None:
        """Give answers their names, all at once for who waits for one of them; `source` as for `publish`."""
        for one in answers:
            one.part.replace(one.final)
        for folder in dict.fromkeys(one.final.parent for one in answers):
            durable(folder)
        now = self._journal.clock.now()
        with self._journal.begin() as tx:
            for one in answers:
                runs.add_answer(tx, run=run, source=source, kind=one.kind, file=str(one.final), now=now)

    def pending(self) -> list[str]:
        """Sources with answers due to be returned now."""
        now = self._journal.clock.now()
        with self._journal.read() as tx:
            query = sa.select(t.answer.c.source).where(t.answer.c.state == "returning", t.answer.c.next_at <= now)
            return sorted(name for name in tx.scalars(query.distinct()) if not self._is_blocked(name, now))

    def _is_blocked(self, source: str, now: datetime) -> bool:
        return source in self._blocked and self._blocked[source][0] > now

    def give_back(self, source: Source) -> int:
        """Return the due answers of one source in order; returns how many went.

        A source out of reach ends the round and is left alone for a while, so that nothing overtakes. An answer that
        the source refuses is put off by itself.
        """
        with self._journal.read() as tx:
            due = tx.execute(
                sa.select(t.answer)
                .where(t.answer.c.source == source.name, t.answer.c.state == "returning")
                .where(t.answer.c.next_at <= self._journal.clock.now())
                .order_by(t.answer.c.id)
            ).fetchall()
        gone = 0
        for row in due:
            path = Path(row.file)
            try:
                if path.exists():
                    source.deliver(path, path.name)
            except (MayWorkLater, HostKeyError, SettingsError) as error:
                self._block(source.name, row.id, error)
                break
            except GatewayError as error:
                self._postpone(row.id, row.attempts, error)
                continue
            with self._journal.begin() as tx:
                done = sa.update(t.answer).where(t.answer.c.id == row.id, t.answer.c.at == row.at)
                tx.execute(done.values(state="returned", trouble=None))
            self._blocked.pop(source.name, None)
            gone += 1
        return gone

    def _block(self, source: str, answer: int, error: GatewayError) -> None:
        _, fails = self._blocked.get(source, (None, 0))
        pause = growing(fails, first=_RETURN_PAUSE, longest=_LONGEST_PAUSE)
        self._blocked[source] = (self._journal.clock.now() + timedelta(seconds=pause), fails + 1)
        with self._journal.begin() as tx:
            told = sa.update(t.answer).where(t.answer.c.id == answer)
            tx.execute(told.values(attempts=t.answer.c.attempts + 1, trouble=str(error)))

    def _postpone(self, answer: int, attempts: int, error: GatewayError) -> None:
        pause = growing(attempts, first=_RETURN_PAUSE, longest=_LONGEST_PAUSE)
        with self._journal.begin() as tx:
            tx.execute(
                sa.update(t.answer)
                .where(t.answer.c.id == answer)
                .values(
                    attempts=attempts + 1,
                    next_at=self._journal.clock.now() + timedelta(seconds=pause),
                    trouble=str(error),
                )
            )
