"""What sources say of their files besides listing them, for the journal: refused names, unreadable and late ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sqlalchemy as sa

from gateway.journal import Journal
from gateway.journal import tables as t
from gateway.model import Arrival, Source
from gateway.sources.behind import Late


class Told:
    """Notes what sources say, each thing once; the last word of trouble of a source is what `gateway status` shows."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._unread: dict[str, list[tuple[str, str]]] = {}

    def after_listing(self, name: str, source: Source) -> None:
        """Note what a listing found besides files that are taken."""
        self._names(name, source)
        self._unreadable(name, source)
        self.late(name, source)

    def recovered(self, name: str, text: str = "The source can be reached again.") -> None:
        """Take back the last word of trouble, be it from before a restart; what else is in its way is told anew."""
        self._unread.pop(name, None)
        subject = f"source {name}"
        said = sa.select(t.event.c.kind).where(
            t.event.c.subject == subject, t.event.c.kind.in_(("trouble", "recovered"))
        )
        with self._journal.begin() as tx:
            if tx.scalar(said.order_by(t.event.c.id.desc()).limit(1)) == "trouble":
                self._journal.note(tx, subject, "recovered", text)

    def late(self, name: str, source: Source) -> None:
        """Note files that grew after they were taken, for their runs too."""
        late: Callable[[], Sequence[Late]] | None = getattr(source, "late", None)
        for one in () if late is None else late():
            with self._journal.begin() as tx:
                self._journal.note(tx, f"source {name}", "grew", one.text)
                for run in tx.scalars(_runs(one.arrival)).all():
                    self._journal.note(tx, run, "grew", one.text)

    def _names(self, name: str, source: Source) -> None:
        """Say once why names are not taken (links, case clashes, control characters)."""
        refused: Callable[[], Sequence[tuple[str, str]]] | None = getattr(source, "refused", None)
        if refused is None:
            return
        with self._journal.begin() as tx:
            for file, reason in refused():
                subject, text = f"source {name}", f"{file}: {reason}"
                known = sa.select(t.event.c.id).where(t.event.c.subject == subject, t.event.c.text == text)
                if tx.scalar(known) is None:
                    self._journal.note(tx, subject, "refused name", text)

    def _unreadable(self, name: str, source: Source) -> None:
        """Files that can't be read are trouble for as long as they lie there; other files go on meanwhile."""
        unread: Callable[[], list[tuple[str, str]]] | None = getattr(source, "unread", None)
        found = [] if unread is None else unread()
        if found == self._unread.get(name, []):
            return
        if not found:
            self.recovered(name, "Its files can be read again.")
            return
        self._unread[name] = found
        reason = found[0][1]
        more = f" The same of {len(found) - 1} more." if len(found) > 1 else ""
        text = f"{reason}{more} Give the right to read: it stays where it is and is tried again by itself."
        with self._journal.begin() as tx:
            self._journal.note(tx, f"source {name}", "trouble", text)


def _runs(arrival: Arrival) -> sa.Select[str]:
    mine = sa.and_(
        t.arrival.c.source == arrival.source, t.arrival.c.path == arrival.path,
        t.arrival.c.size == arrival.size, t.arrival.c.mtime == arrival.mtime,
    )  # fmt: skip
    return sa.select(t.run.c.id).join(t.arrival, t.arrival.c.id == t.run.c.arrival).where(mine)
