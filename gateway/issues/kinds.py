"""What an entry of the issue catalogue is, and how one of each weight is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class IssueKind:
    """One entry of the catalogue."""

    code: str
    severity: Literal["error", "warning", "info"]
    text: str
    fix: str
    undone: bool = False
    """Whether an effect with it left its key neither as it was nor as it was to be: nothing is known of it."""


def error(code: str, text: str, fix: str, *, undone: bool = False) -> IssueKind:
    """Return an entry that stops the row."""
    return IssueKind(code, "error", text, fix, undone)


def warning(code: str, text: str, fix: str) -> IssueKind:
    """Return an entry that alone never stops a row."""
    return IssueKind(code, "warning", text, fix)


def info(code: str, text: str, fix: str) -> IssueKind:
    """Return an entry that only tells."""
    return IssueKind(code, "info", text, fix)
