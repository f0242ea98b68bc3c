"""Files that have ended, looked at a little longer: a writer that stalled may hold them open and write on."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.model import Arrival, Clock
from gateway.sources.names import printable
from gateway.sources.store import DeniedError, Entry, Moved, Store

_SECONDS = 120.0
_MOST = 16
"""Files looked at with each listing, which is a question each on a server."""


@dataclass(frozen=True, slots=True)
class Late:
    """What became of a file that grew after its bytes were taken."""

    arrival: Arrival
    text: str


@dataclass(frozen=True, slots=True)
class _Ended:
    place: str
    arrival: Arrival
    since: float


class Behind:
    """What ended lately, and where it lies; gives back what has grown. Not safe for threads by itself."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._ended: list[_Ended] = []
        self._late: list[Late] = []

    def add(self, place: str, arrival: Arrival) -> None:
        """Look at a file from now on, at its place in the archive."""
        self._ended = [*self._ended, _Ended(place, arrival, self._clock.monotonic())][-_MOST:]

    def look(self) -> None:
        """Give back what has grown since. Raises Unreachable."""
        now = self._clock.monotonic()
        for one in self._ended.copy():
            found = self._found(one.place) if now - one.since <= _SECONDS else None
            if found is None or self.gave_back(one.place, one.arrival, found.size):
                self._ended.remove(one)

    def _found(self, place: str) -> Entry | None:
        try:
            return self._store.look(place)
        except DeniedError:
            return None  # of an archive that is shut nothing can be given back, and what comes in is taken all the same

    def gave_back(self, place: str, arrival: Arrival, size: int) -> bool:
        """Give a file back to the inbox, where it has more bytes than were taken; whether it has, is told in `late`.

        Only more bytes count: times and fewer bytes may be the work of whoever tidies the archive.
        """
        if size <= arrival.size:
            return False
        name = printable(arrival.path)
        said = f"{name} grew after it was taken: {size - arrival.size:,} bytes were not read"
        moved = self._store.move(place, arrival.path)
        if moved is Moved.DONE:
            then = "It is in the inbox again and is taken as a newer file once it is quiet."
        elif moved is Moved.TAKEN:
            then = "A newer file of its name is in the inbox; drop it again under another name if it is still wanted."
        else:
            then = "Drop it again."
        self._late.append(Late(arrival, f"{said}. {then}"))
        return True

    def late(self) -> list[Late]:
        """Return what was given back since the last call."""
        late, self._late = self._late, []
        return late
