"""Both halves of a file's way: intake of one file, dispatch of one lane; it knows no format, protocol, marketplace."""

from gateway.pipeline.intake import Intake
from gateway.pipeline.setup import RouteSetup, merged

__all__ = ["Intake", "RouteSetup", "merged"]
