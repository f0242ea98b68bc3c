"""Settings of one Sage 50 exchange folder as they stand in gateway.toml.

The public guides describe the data of a record only; envelope, names, sizes and states of the exchange are
assumptions, so each is a setting.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

State = Literal["applied", "accepted", "refused", "superseded", "pending"]


class SageSettings(BaseModel):
    """Where batch files go, where answers come from, and what both look like."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    outbox: Path = Field(description="Folder the batch files are put into.")
    results: Path | None = Field(
        default=None, description="Folder the answers come from; unset: nobody answers, rows end as accepted."
    )
    profile: str = Field(
        pattern=r"^[A-Za-z0-9-]{1,40}$", description="Name of the connection, first part of each file name."
    )
    transport: Literal["folder"] = Field(
        default="folder", description="Files in a folder; there is no public contract for an upload over HTTP."
    )
    scope: str = Field(default="productstocks", pattern=r"^[A-Za-z0-9-]{1,40}$", description="Scope of stock files.")
    domain: str = Field(default="ecommerce", description="Domain in the wrapped envelope.")
    envelope: Literal["plain", "wrapped"] = Field(
        default="plain", description="plain: an array of records; wrapped: an object with batch id, count and items."
    )
    max_records: int = Field(default=500, ge=1, description="Most records per file.")
    max_bytes: int = Field(default=5_000_000, ge=100_000, description="Most bytes per file.")
    separator: str = Field(
        default="/", min_length=1, max_length=3, description="Joins product and variants in the row key of answers."
    )
    length_profile: Literal["uk_csv", "none"] = Field(
        default="uk_csv", description="uk_csv: lengths of the Sage 50 UK import; none: only what a file can hold."
    )
    warehouses: Literal["refuse", "ignore"] = Field(
        default="refuse",
        description="Sage stock has no warehouse. refuse: a row with one is rejected (sum them in the mapping); "
        "ignore: the warehouse is left out.",
    )
    states: dict[str, State] = Field(
        default={"accepted": "applied", "rejected": "refused", "pending": "pending", "skipped": "superseded"},
        description="What the states of answers mean, compared without case. Others leave the row open with a note.",
    )
    look_interval: float = Field(default=30.0, gt=0, description="Seconds between two looks into the folders.")
    deadline: float = Field(
        default=24 * 3600.0, gt=0, description="Seconds after which rows without an answer end as accepted."
    )

    @field_validator("states")
    @classmethod
    def _states(cls, given: dict[str, State]) -> dict[str, State]:
        folded = {word.strip().casefold(): state for word, state in given.items()}
        if len(folded) < len(given):
            msg = "a state stands twice (states are compared without case)"
            raise ValueError(msg)
        return folded
