"""Answers: names, atomic publishing, and the queue of what goes back to the partner's server."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from gateway.errors import GatewayError, HostKeyError, MayWorkLater
from gateway.journal import Journal, runs
from gateway.journal import tables as t
from gateway.model import Source
from gateway.spool import durable

_UNSAFE = re.compile(r"[^\w.\-+()@ ,]+", re.ASCII)
_RETURN_PAUSE = 5.0
_LONGEST_PAUSE = 600.0


def answer_name(file: str, run: str, kind: str) -> str:
    """Name of an answer: the original name (made safe), the run and the kind."""
    base = _UNSAFE.sub("_", file.rsplit("/", 1)[-1]).strip() or "file"
    return f"{base}.{run}.{kind}"


class Outbox:
    """The partners' answer folders below one root."""

    def __init__(self, root: Path, journal: Journal) -> None:
        self._root = root
        self._journal = journal

    def folder(self, partner: str) -> Path:
        """Answer folder of a partner."""
        return self._root / (_UNSAFE.sub("_", partner) or "unknown")

    def publish(
        self, partner: str, name: str, write: Callable[[Path], bool], *, run: str | None, kind: str, source: str | None
    ) -> Path | None:
        """Write an answer by temporary name and rename; None when the writer had nothing to say.

        With `source` the file is also queued for the partner's own server.
        """
        folder = self.folder(partner)
        folder.mkdir(parents=True, exist_ok=True)
        part, final = folder / f".{name}.part", folder / name
        try:
            if not write(part):
                return None
            durable(part)
            part.replace(final)
        finally:
            part.unlink(missing_ok=True)
        with self._journal.begin() as tx:
            runs.add_answer(tx, run=run, source=source, kind=kind, file=str(final), now=self._journal.clock.now())
        return final

    def pending(self) -> list[str]:
        """Sources with answers due to be returned now."""
        with self._journal.read() as tx:
            query = sa.select(t.answer.c.source).where(
                t.answer.c.state == "returning", t.answer.c.next_at <= self._journal.clock.now()
            )
            return sorted(set(tx.scalars(query.distinct())))

    def give_back(self, source: Source) -> int:
        """Return the due answers of one source in order; the first failure ends the round. Returns how many went."""
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
            except (MayWorkLater, HostKeyError) as error:
                self._postpone(row.id, row.attempts, error)
                break
            with self._journal.begin() as tx:
                done = sa.update(t.answer).where(t.answer.c.id == row.id, t.answer.c.at == row.at)
                tx.execute(done.values(state="returned", trouble=None))
            gone += 1
        return gone

    def _postpone(self, answer: int, attempts: int, error: GatewayError) -> None:
        pause = min(_LONGEST_PAUSE, _RETURN_PAUSE * 2 ** min(attempts, 10))
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
