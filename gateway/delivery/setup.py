"""What delivery needs of a lane and of a run, given by wiring and pinned with the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from gateway.model import Destination, Operation
from gateway.routes import Route


@dataclass(frozen=True, slots=True)
class LaneSetup:
    """A lane as wiring knows it."""

    name: str
    destination_name: str
    destination: Destination
    operation: Operation
    measure: str
    """Contract field whose value the guard compares."""
    key_fields: tuple[str, ...]
    """Contract fields that make the key, in their order."""
    version: str = ""
    """Kind of the destination and a digest of its settings without secrets."""


class Grouping(BaseModel):
    """Rows of one key that are summed into one record."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    sums: tuple[str, ...] = ()


class Pinned(BaseModel):
    """What a run began with: it resumes and settles by these, whatever the settings say later."""

    model_config = ConfigDict(frozen=True)
    route: Route
    mapping: str
    """File name of the mapping inside the run's `pinned` folder."""
    columns: Mapping[str, str] = {}
    """Contract field to the partner's header."""
    grouping: Grouping | None = None
    versions: Mapping[str, str] = {}
