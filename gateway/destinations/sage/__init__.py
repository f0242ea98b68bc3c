"""Sage 50: batch files into a folder, one scope each, answers from another."""

from __future__ import annotations

from gateway.destinations.sage.destination import SageDestination
from gateway.destinations.sage.settings import SageSettings

__all__ = ["SageDestination", "SageSettings"]
