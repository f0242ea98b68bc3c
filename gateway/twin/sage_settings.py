"""What a Sage 50 installation may have set differently, and which rules of its twin are assumptions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

RULES = (
    "C-EXTRA",
    "C-NULL",
    "C-TXT",
    "C-UTC",
    "C-QTY",
    "C-MIN",
    "C-LEN",
    "C-DUP",
    "V-PAIR",
    "V-ORDER",
    "V-DIST",
    "V-KEY",
    "V-CONS",
    "V-REF",
    "C-STALE",
)
"""Rules that are assumptions, each switched off by its name; C-REQ and C-TYPE are verified and always on."""


@dataclass(frozen=True, slots=True)
class SageTwinSettings:
    """Settings of the installation and switches of assumptions; the defaults are the strictest reading.

    The public guides describe contracts and one file per scope; batch files, limits and answers are assumptions.
    """

    envelope: Literal["none", "wrapped"] = "none"
    """A plain JSON array of records, or an object around it that names domain, scope and batch; assumption."""
    max_records: int = 500
    max_bytes: int = 5_000_000
    length_profile: Literal["uk_csv", "none"] = "none"
    """`uk_csv` holds ids to 30 characters without spaces and units to 8 (Sage 50 UK import fields; verified there)."""
    skip_rules: frozenset[str] = frozenset()
    """Names of RULES that are not applied."""
    products: frozenset[str] | None = None
    """Product ids that exist (V-REF); None: any."""
    separator: str = "/"
    """Between product id and variant values in `originatorIdentifier`; assumption."""
    latest_only: bool = True
    """A new file of a scope replaces the unread one ("only the latest file of a scope is kept"; verified for files
    that Sage itself uploads, inferred for this direction). Otherwise files queue; assumption."""

    read_seconds: float = 20.0
    """Twin seconds from a file's appearance until it is read and vanishes."""
    answer_seconds: float = 30.0
    """Twin seconds from the reading until the answer appears."""
