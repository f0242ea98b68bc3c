"""The nouns every room shares, and the seams between rooms; it knows no format, protocol or marketplace.

Other rooms import every name from here; which part it stands in is this room's own business.
"""

from __future__ import annotations

from gateway.model.answers import ROW_RESULT_SCHEMA, ReportWriter, Rows, Summary
from gateway.model.arrivals import Arrival, Claim, Ending, Source
from gateway.model.capabilities import Operation, PriceTerms, Repeat, Requirement
from gateway.model.destinations import (
    ABSENT,
    OUTCOME_SCHEMA,
    UNKNOWN,
    Batch,
    Destination,
    Hearing,
    Outgoing,
    Receipt,
    Reference,
    Remembering,
    Sent,
    Showing,
    Spec,
    Verdict,
)
from gateway.model.given import Budget, Clock, Dispatcher, Facts, Ledger, TokenStore
from gateway.model.rows import (
    EACH,
    ISSUE_SCHEMA,
    KEY,
    KEY_SEPARATOR,
    LINE,
    LIST_SEPARATOR,
    REGULAR,
    ROW,
    STATES,
    Draft,
    Kind,
    Reader,
    RowState,
    Table,
    no_issues,
)

__all__ = [
    "ABSENT",
    "EACH",
    "ISSUE_SCHEMA",
    "KEY",
    "KEY_SEPARATOR",
    "LINE",
    "LIST_SEPARATOR",
    "OUTCOME_SCHEMA",
    "REGULAR",
    "ROW",
    "ROW_RESULT_SCHEMA",
    "STATES",
    "UNKNOWN",
    "Arrival",
    "Batch",
    "Budget",
    "Claim",
    "Clock",
    "Destination",
    "Dispatcher",
    "Draft",
    "Ending",
    "Facts",
    "Hearing",
    "Kind",
    "Ledger",
    "Operation",
    "Outgoing",
    "PriceTerms",
    "Reader",
    "Receipt",
    "Reference",
    "Remembering",
    "Repeat",
    "ReportWriter",
    "Requirement",
    "RowState",
    "Rows",
    "Sent",
    "Showing",
    "Source",
    "Spec",
    "Summary",
    "Table",
    "TokenStore",
    "Verdict",
    "no_issues",
]
