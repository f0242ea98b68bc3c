"""What intake needs of a route, given by wiring."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gateway.contracts import Contract
from gateway.delivery.setup import LaneSetup, Leg, Target
from gateway.mapping import load_mapping
from gateway.routes import Route


@dataclass(frozen=True, slots=True)
class RouteSetup:
    """A route with what its names stand for; `legs` in the destination's order."""

    route: Route
    mapping: Path
    contract: Contract
    target: Target
    legs: tuple[Leg, ...]

    @property
    def permits(self) -> tuple[str, ...]:
        """Return what every row of the route may: the permits of its contract that the route gives."""
        return tuple(name for name in self.contract.permits if name in self.route.permits)

    def lanes(self) -> tuple[LaneSetup, ...]:
        """Return the lanes of this route alone, one per leg."""
        return tuple(LaneSetup(leg.lane, self.target, (leg,)) for leg in self.legs)


def is_named(setup: RouteSetup) -> bool:
    """Whether the rows of a file say what its name says: those of pictures do. Raises SettingsError as load_mapping."""
    return load_mapping(setup.mapping).format.kind == "image"


def merged(setups: tuple[RouteSetup, ...]) -> dict[str, LaneSetup]:
    """Return the lanes of all routes by name: routes of one owner that write one family share a lane."""
    lanes: dict[str, LaneSetup] = {}
    for setup in setups:
        for lane in setup.lanes():
            known = lanes.get(lane.name)
            before = () if known is None else known.legs
            have = {(leg.operation.name, leg.operation.contract) for leg in before}
            more = (leg for leg in lane.legs if (leg.operation.name, leg.operation.contract) not in have)
            lanes[lane.name] = LaneSetup(lane.name, lane.target, (*before, *more))
    return lanes
