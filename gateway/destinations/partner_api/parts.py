"""Parts of a call that was taken apart: what is to be sent, what is under way, and how a ticket tells it; pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

import polars as pl

from gateway.destinations.partner_api import answers
from gateway.model import RowState

SPLIT = "split "
"""How the ticket of a call that was taken apart begins."""
_PART = re.compile(r"(\d+)-(\d+)(?:=(.+))?")


@dataclass(slots=True)
class Part:
    """Items from `start` to before `end`; `job` "" while they are to be sent."""

    start: int
    end: int
    job: str = ""


@dataclass(slots=True)
class State:
    """What is left of a batch, and what was learnt in this turn."""

    parts: list[Part]
    found: list[pl.DataFrame] = field(default_factory=list)
    raw: list[tuple[str, bytes]] = field(default_factory=list)
    after: float | None = None
    over: bool = False
    """Whether the job of a whole call has ended and its log is not at hand."""

    def ticket(self) -> str:
        """Return what is left as text."""
        return SPLIT + ";".join(
            f"{p.start}-{p.end}" + (f"={quote(p.job, safe='')}" if p.job else "") for p in self.parts
        )

    def outcomes(self) -> pl.DataFrame | None:
        """Return what was learnt in this turn."""
        return pl.concat(self.found) if self.found else None


def halves(part: Part) -> list[Part]:
    """Return a part in two."""
    middle = (part.start + part.end) // 2
    return [Part(part.start, middle), Part(middle, part.end)]


def read(ticket: str) -> list[Part]:
    """Read a ticket."""
    found = (_PART.fullmatch(text) for text in ticket.removeprefix(SPLIT).split(";"))
    return [Part(int(m[1]), int(m[2]), unquote(m[3] or "")) for m in found if m is not None]


def every(part: Part, state: RowState, code: str, message: str) -> pl.DataFrame:
    """Return outcomes that say the same of all items of a part."""
    return answers.frame(((line, None), state, code, message) for line in range(part.start + 1, part.end + 1))
