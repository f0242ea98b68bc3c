"""Work that waits while the disk is full: nothing is lost by it, and nothing but room is needed to go on."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from gateway.errors import no_room

PAUSE = 2.0
"""Seconds until it is looked again whether there is room."""


class Patience:
    """Does work of several threads; that the disk is full, and has room again, is logged once. `stop` ends waiting."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._waiting: set[str] = set()

    def has_room(self, name: str, work: Callable[[], object]) -> bool:
        """Do the work; False when the disk is too full for it, after a while: then it may be done again.

        True also when waiting was ended. Every other error is let out.
        """
        log = structlog.get_logger("gateway")
        try:
            work()
        except Exception as error:
            if not no_room(error):
                raise
            if not self._waiting:
                log.warning("the disk is full", at=name, error=str(error), fix="Make room; it goes on by itself.")
            self._waiting.add(name)
            return self._stop.wait(PAUSE)
        if name in self._waiting:
            self._waiting.discard(name)
            if not self._waiting:
                log.info("the disk has room again")
        return True

    def until_room(self, name: str, work: Callable[[], object]) -> None:
        """Do the work, again and again while the disk is too full for it."""
        while not self.has_room(name, work):
            pass
