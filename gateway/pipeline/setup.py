"""What intake needs of a route, given by wiring."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gateway.contracts import Contract
from gateway.delivery.setup import LaneSetup
from gateway.routes import Route


@dataclass(frozen=True, slots=True)
class RouteSetup:
    """A route with what its names stand for."""

    route: Route
    mapping: Path
    contract: Contract
    lane: LaneSetup
