"""One module per kind of answer; `writers` chooses those of a run."""

from __future__ import annotations

from pydantic import BaseModel

from gateway.model import ReportWriter
from gateway.reports.answers import ACK_KIND, PROGRESS_KIND, SummaryWriter, write_ack, write_progress, write_refusal
from gateway.reports.delimited import IssuesWriter, ResultWriter, correction_kind, write_correction
from gateway.reports.errors import errors_writer, in_place_of
from gateway.reports.page import PageWriter
from gateway.reports.verdict import balances, verdict

__all__ = [
    "ACK_KIND",
    "PROGRESS_KIND",
    "balances",
    "correction_kind",
    "errors_writer",
    "in_place_of",
    "verdict",
    "write_ack",
    "write_correction",
    "write_progress",
    "write_refusal",
    "writers",
]


def writers(layout: BaseModel) -> list[ReportWriter]:
    """Return the writers of the answers at the end of a run, for the layout the run pinned."""
    return [ResultWriter(), IssuesWriter(), errors_writer(layout), PageWriter(), SummaryWriter()]
