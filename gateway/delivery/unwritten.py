"""Answers that could not be written for a fault of ours: what is written in their place, and what is said of it."""

from __future__ import annotations

import dataclasses
import errno
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sqlalchemy.exc

from gateway.model import ReportWriter, Rows, Summary
from gateway.reports import in_place_of, writers

_STAYS = frozenset({errno.EINVAL, errno.EILSEQ, errno.ENAMETOOLONG, errno.ENOENT})
"""What the operating system refuses however often it is asked."""
_TELLING = frozenset({"report.html", "summary.json"})
"""Kinds of the answers that speak of the others."""


@dataclass(frozen=True, slots=True)
class Unwritten:
    """An answer that could not be written, and why."""

    writer: ReportWriter
    error: Exception


def mends_itself(error: BaseException) -> bool:
    """Whether another try may succeed: the disk is full, a right was taken away, the journal can't be reached.

    Looks at what an error came from too: writers of workbooks wrap those of the disk.
    """
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, sqlalchemy.exc.SQLAlchemyError):
            return True
        if isinstance(seen, OSError) and seen.errno not in _STAYS:
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def instead(
    summary: Summary, rows: Rows, unwritten: Sequence[Unwritten], said: Callable[[str], str]
) -> tuple[Summary, list[ReportWriter]]:
    """Return the summary with what is to be said of answers that failed, and the writers of what is to be written now.

    These are the list in place of the errors file, and anew the answers that speak of others, where they can be.
    `said`: gives the verdict where failed rows are listed in another file than their own format's.
    """
    failed = {one.writer.kind for one in unwritten}
    listed, notes, again = summary.listed, list(summary.notes), []
    for one in unwritten:
        kind, other = one.writer.kind, in_place_of(one.writer)
        if other is None:
            notes.append(f"{kind} could not be written for a fault of ours; the operator was told.")
            continue
        listed = other.kind
        again.append(other)
        notes.append(
            f"The failed rows could not be written in the format of the file for a fault of ours: {listed} lists them "
            "as text. Mend them in your own file, and send that one again."
        )
    verdict = said(listed) if listed else summary.verdict
    told = dataclasses.replace(summary, notes=notes, listed=listed, verdict=verdict)
    again.extend(one for one in writers(rows.layout()) if one.kind in _TELLING - failed)
    return told, again
