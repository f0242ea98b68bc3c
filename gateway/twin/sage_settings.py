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
    "C-MONEY",
    "C-RATE",
    "C-LEN",
    "C-DUP",
    "B-PAIR",
    "B-DIGITS",
    "B-ALLZERO",
    "B-CHECK",
    "R-REL",
    "SP-KEY",
    "SP-SEL",
    "SP-DATE",
    "SP-RANGE",
    "SP-DISC",
    "SP-DISC-MAX",
    "P-BASE64",
    "P-SIZE",
    "P-KIND",
    "P-WHOLE",
    "P-ORDER",
    "V-PAIR",
    "V-ORDER",
    "V-DIST",
    "V-KEY",
    "V-CONS",
    "V-MIX",
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
    contract_version: Literal["sage50cloud", "connected_cloud"] = "sage50cloud"
    """`connected_cloud` knows Product.surcharge (verified for that version of the contracts)."""
    max_records: int = 500
    picture_max_records: int = 20
    max_bytes: int = 5_000_000
    picture_max_bytes: int = 5_000_000
    """Most bytes of one picture once decoded (P-SIZE)."""
    length_profile: Literal["uk_csv", "none"] = "none"
    """`uk_csv` holds ids to 30 characters without spaces, names and barcodes to 60 and units to 8 (Sage 50 UK import
    fields; verified there)."""
    bare_discount: Literal["rate", "amount"] = "rate"
    """What a special price's discount without a percent sign is (SP-DISC-MAX); rate: inferred from Product.discount."""
    skip_rules: frozenset[str] = frozenset()
    """Names of RULES that are not applied."""
    products: frozenset[str] | None = None
    """Product ids that were there before (V-REF), with whatever variants; those of product files come on top. None: the
    installation has every product anybody names."""
    separator: str = "/"
    """Between product id and variant values in `originatorIdentifier`; assumption."""
    special_price_key: Literal["without_end", "whole"] = "without_end"
    """Which special price a record replaces: the one that is alike but for its end (so an end can be moved), or the
    one that is alike in everything SP-KEY names; assumption, the contract has no id."""
    latest_only: bool = True
    """A new file of a scope replaces the unread one ("only the latest file of a scope is kept"; verified for files
    that Sage itself uploads, inferred for this direction). Otherwise files queue; assumption."""

    read_seconds: float = 20.0
    """Twin seconds from a file's appearance until it is read and vanishes."""
    answer_seconds: float = 30.0
    """Twin seconds from the reading until the answer appears."""
