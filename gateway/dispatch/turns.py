"""Takes files and sets one by one: what one of them meets stops no other, and trouble of our disk lets all wait."""

from __future__ import annotations

import enum
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from gateway.errors import GatewayError, Unreachable, WillNeverWork, no_room
from gateway.journal import Journal
from gateway.pauses import growing

_FIRST_PAUSE = 2.0
_LONGEST_PAUSE = 120.0
_PIECE = 1 << 20


class Outcome(enum.Enum):
    """What became of a turn."""

    DONE = "done"
    WAITS = "waits"
    """This one alone is tried again later."""
    ALL_WAIT = "all wait"
    """Our disk is in trouble: the next one would meet the same."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One file or set. `subject` names it in the journal; `copies` returns where its bytes lie in the spool.

    `give_up` tells its partner that it can't be processed for a reason of ours.
    """

    source: str
    subject: str
    name: str
    copies: Callable[[], Sequence[Path]]
    work: Callable[[], None]
    give_up: Callable[[GatewayError], None]


@dataclass(frozen=True, slots=True)
class _Held:
    fails: int
    until: datetime


class Turns:
    """Does turns. `in_trouble` is told a source whose files can't be taken because of our own disk."""

    def __init__(self, journal: Journal, in_trouble: Callable[[str, GatewayError], None]) -> None:
        self._journal = journal
        self._in_trouble = in_trouble
        self._held: dict[str, _Held] = {}

    def take(self, turn: Turn) -> Outcome:
        """Do the work for one file or set, or give it up; one that waits is left alone until its pause is over."""
        held = self._held.get(turn.subject)
        if held is not None and self._journal.clock.now() < held.until:
            return Outcome.WAITS
        try:
            self._work(turn)
        except Exception as error:
            if not (isinstance(error, OSError) or no_room(error)):  # no fault of the file, which waits
                raise
            said = None if no_room(error) else _of_its_own(turn, error)
            if said is None:
                self._unwritten(turn.source, error)
                return Outcome.ALL_WAIT
            self._hold(turn, held, said)
            return Outcome.WAITS
        if self._held.pop(turn.subject, None) is not None:
            with self._journal.begin() as tx:
                self._journal.note(tx, turn.subject, "recovered", f"{turn.name} could be taken.")
        return Outcome.DONE

    def _work(self, turn: Turn) -> None:
        try:
            turn.work()
        except GatewayError as error:
            if no_room(error):
                raise
            turn.give_up(error)
        except Exception as error:  # a file that finds a fault of ours must not stop the next one
            if isinstance(error, OSError) or no_room(error):
                raise
            self._fault(turn, error)
            turn.give_up(WillNeverWork("The gateway has a fault of its own with this file."))

    def _fault(self, turn: Turn, error: Exception) -> None:
        said = f"{type(error).__name__} at {_place(error)}: {error}"
        with self._journal.begin() as tx:
            self._journal.note(tx, turn.subject, "fault", f"{turn.name}: {said}")

    def _hold(self, turn: Turn, held: _Held | None, said: str) -> None:
        """Let one file wait, and say so once."""
        fails = 0 if held is None else held.fails
        pause = growing(fails, first=_FIRST_PAUSE, longest=_LONGEST_PAUSE)
        until = self._journal.clock.now() + timedelta(seconds=pause)
        self._held[turn.subject] = _Held(fails + 1, until)
        if held is None:
            with self._journal.begin() as tx:
                self._journal.note(tx, turn.subject, "trouble", f"{turn.name}: {said}")

    def _unwritten(self, source: str, error: Exception) -> None:
        """Tell the source's trouble with our own disk; what was begun waits."""
        what = getattr(error, "filename", None) or "The spool"
        said = f"{what} can't be written: {getattr(error, 'strerror', None) or error}."
        self._in_trouble(source, Unreachable(said, fix="Make room, or give us the right; it goes on by itself."))


def _of_its_own(turn: Turn, error: Exception) -> str | None:
    """Say what is wrong with this file alone; None where the disk is to blame."""
    for copy in turn.copies():
        try:
            with copy.open("rb", buffering=0) as file:
                while file.read(_PIECE):  # a bad place of the disk shows where it is read
                    pass
        except OSError as found:
            return (
                f"its copy {copy} can't be read ({found.strerror or found}). It waits, other files go on. Put the copy "
                "back or give us the right to read it, or start the gateway again: then a missing one is fetched anew."
            )
    if isinstance(error, FileNotFoundError):
        return f"{error.filename or error} is not there. It waits and is tried again, other files go on. Put it back."
    return None


def _place(error: Exception) -> str:
    """Module and line that raised: what the developer needs first, without a traceback on anybody's screen."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"
