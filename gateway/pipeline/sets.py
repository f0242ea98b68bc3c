"""Files that belong together: they wait for each other, and begin one run or are refused together."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy.engine import Connection, Row

from gateway.errors import FileError, GatewayError, WillNeverWork
from gateway.issues import CATALOGUE, sentence
from gateway.journal import Journal, names, runs, sets
from gateway.model import Arrival
from gateway.outbox import Outbox, answer_name
from gateway.pipeline.bundle import Bundle
from gateway.pipeline.setup import RouteSetup, is_named
from gateway.reports.answers import write_waiting
from gateway.routes import SetRules

MOST_PARTS = 9_999
_SHOWN = 20
"""Missing parts an answer lists."""


@dataclass(frozen=True, slots=True)
class Seat:
    """Place of a file in a set. `set`: what the files have in common; `of`: None where they are not counted."""

    set: str
    part: int
    of: int | None


def seat_of(path: str, rules: SetRules) -> Seat | None:
    """Return the place of a file by its name; None for one that makes a run by itself.

    Raises FileError FILE_SET_PART for a part that can't be: number 4 of 3.
    """
    if rules.parts is None:
        return Seat("", 1, None)
    folder, slash, name = path.rpartition("/")
    bare = re.sub(r"\.(gz|zip)$", "", name, flags=re.IGNORECASE)
    stem, suffix = Path(bare).stem, Path(bare).suffix
    pattern = re.compile(rules.parts, re.IGNORECASE | re.ASCII)
    found, ending = pattern.fullmatch(stem), suffix
    if found is None:
        found, ending = pattern.fullmatch(bare), ""
    if found is None:
        return None
    part, of = _whole(found["part"]), _whole(found["of"])
    if part is None or of is None or not 1 <= part <= of <= MOST_PARTS:
        said = f"{name} says it is part {found['part']} of {found['of']}"
        raise FileError("FILE_SET_PART", sentence("FILE_SET_PART", detail=said), fix=CATALOGUE["FILE_SET_PART"].fix)
    return Seat(f"{folder}{slash}{found['set']}{ending}", part, of)


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 10 else None


def lacking(of: int, here: Collection[int]) -> str:
    """Say which parts are not there: "parts 2, 3"."""
    missing = sorted(set(range(1, of + 1)) - set(here))
    more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
    return f"part{'s' if len(missing) > 1 else ''} {', '.join(map(str, missing[:_SHOWN]))}{more}"


class Work(Protocol):
    """What a set asks of intake."""

    def begin(self, bundle: Bundle, setup: RouteSetup) -> None:
        """Make a run of the bundle, or refuse it with an answer. What an interrupted one left is done anew."""
        ...

    def refuse(self, bundle: Bundle, error: FileError, *, named: str) -> None:
        """Answer that files are not taken; `named` stands for the run in the answer's name."""
        ...

    def give_up(self, bundle: Bundle, route: str, error: GatewayError) -> None:
        """Answer that files can't be processed for a reason of ours; end what was begun of them."""
        ...

    def settle_arrival(self, arrival: int) -> None:
        """Give the arrival its ending when everything of it has ended."""
        ...


class Sets:
    """The sets of all routes. `setup_of` gives the present setup of a source's route, None where there is none."""

    def __init__(
        self,
        journal: Journal,
        outbox: Outbox,
        work: Work,
        setup_of: Callable[[str, str], RouteSetup | None],
        returns: Callable[[str], tuple[str, bool]],
    ) -> None:
        self._journal = journal
        self._outbox = outbox
        self._work = work
        self._setup_of = setup_of
        self._returns = returns

    # ---- a file comes

    def join(self, row: Row[Any], sha256: str, setup: RouteSetup) -> bool:
        """Have a file wait in its set, and say so; False when it makes a run by itself.

        Raises FileError FILE_SET_PART as `seat_of` does. Joining twice is once.
        """
        rules = setup.route.set
        seat = None if rules is None else seat_of(row.path, rules)
        if rules is None or seat is None:
            return False
        with self._journal.read() as tx:
            own = sets.membership(tx, row.id, setup.route.name)
            known = sets.waiting_set(tx, setup.route.name, seat.set, seat.of)
            part = None if seat.of is None else seat.part
            twin = None if known is None else sets.in_place_of(tx, known.id, part=part, path=row.path)
        if own is None:
            if twin is not None and seat.of is not None and twin.sha256 == sha256:
                self._refuse_twin(row, sha256, setup)
                return True
            if known is not None and twin is not None:
                known = self._make_room(known, twin, seat, row)
            self._enter(row, setup, seat, known)
        self._acknowledge(row, setup)
        return True

    def _make_room(self, known: Row[Any], twin: Row[Any], seat: Seat, row: Row[Any]) -> Row[Any] | None:
        """Send the file away that has this one's place; return the set if it goes on.

        A part that comes again with other content belongs to another export: parts of two are never put together.
        The answers come first: a crash in between gives them again.
        """
        if seat.of is not None:
            said = f"part {seat.part} of {seat.set} came again with other content, and the set begins anew with it"
            self._refuse_all(known, "FILE_SET_INCOMPLETE", said)
            return None
        self._refuse_member(twin, "FILE_REPLACED", f"{row.path} came again while it waited")
        with self._journal.begin() as tx:
            sets.leave(tx, known.id, twin.id)
        self._work.settle_arrival(twin.id)
        return known

    def _enter(self, row: Row[Any], setup: RouteSetup, seat: Seat, known: Row[Any] | None) -> None:
        now = self._journal.clock.now()
        wait = timedelta(seconds=setup.route.set.wait if setup.route.set is not None else 0.0)
        with self._journal.begin() as tx:
            identity = known.id if known is not None else sets.open_set(
                tx, source=row.source, route=setup.route.name, name=seat.set, of=seat.of, now=now, until=now + wait
            )  # fmt: skip
            answer = names.answer_id(tx, row.id, setup.route.name, row.claimed_at)
            sets.add_member(tx, identity, arrival=row.id, part=seat.part, answer=answer, now=now)

    def _refuse_twin(self, row: Row[Any], sha256: str, setup: RouteSetup) -> None:
        """Answer a part that is in the waiting set already, byte for byte."""
        with self._journal.begin() as tx:
            named = names.answer_id(tx, row.id, setup.route.name, row.claimed_at)
        said = "this part of the set is here and waits for the others"
        error = FileError("FILE_DUPLICATE", sentence("FILE_DUPLICATE", detail=said), fix="Nothing to do.")
        self._work.refuse(Bundle.of_one(row, sha256), error, named=named)

    # ---- a set is due

    def due(self, growing: Mapping[str, Sequence[str]]) -> list[Row[Any]]:
        """Return the sets that may begin, were interrupted, or whose time is over.

        `growing`: paths per source that were listed and may still grow: a quiet set waits for those of its route.
        """
        now = self._journal.clock.now()
        with self._journal.read() as tx:
            found = sets.in_state(tx, "waiting", "begun", "refusing")
            return [one for one in found if one.state != "waiting" or self._is_due(tx, one, now, growing)]

    def _is_due(self, tx: Connection, one: Row[Any], now: datetime, growing: Mapping[str, Sequence[str]]) -> bool:
        if now >= one.until:
            return True
        if one.of is not None:
            return bool(len(sets.parts_of(tx, one.id)) == one.of)
        setup = self._setup_of(one.source, one.route)
        if setup is None or setup.route.set is None or setup.route.set.quiet is None:
            return False
        if any(setup.route.matches(path.rsplit("/", 1)[-1]) for path in growing.get(one.source, ())):
            return False
        return bool(now >= one.last_at + timedelta(seconds=setup.route.set.quiet))

    def next_quiet(self) -> datetime | None:
        """Return when the first of the quiet sets may begin if nothing comes; None without one."""
        with self._journal.read() as tx:
            found = [one for one in sets.in_state(tx, "waiting") if one.of is None]
        times = []
        for one in found:
            setup = self._setup_of(one.source, one.route)
            if setup is not None and setup.route.set is not None and setup.route.set.quiet is not None:
                times.append(min(one.until, one.last_at + timedelta(seconds=setup.route.set.quiet)))
        return min(times, default=None)

    def take(self, one: Row[Any]) -> None:
        """Begin the run of a due set, or refuse it when parts are missing."""
        setup = self._setup_of(one.source, one.route)
        with self._journal.begin() as tx:
            rows = sets.members(tx, one.id)
            here = [row.part for row in rows]
            whole = one.state != "refusing" and (one.of is None or len(set(here)) == one.of)
            if rows and setup is not None:  # a part that comes now is of another set
                sets.set_state(tx, one.id, "begun" if whole else "refusing", first=rows[0].id)
        if not rows:
            self._state(one.id, "taken")
        elif setup is None:
            self.give_up(one, WillNeverWork(f"The route {one.route!r} of these files is no longer there."))
        elif not whole:
            said = f"{lacking(one.of, here)} of {one.of} of {one.name} did not come in time"
            self._refuse_all(one, "FILE_SET_INCOMPLETE", said)
        else:
            self._work.begin(Bundle.of_several(rows, _name_of(one, rows), named=is_named(setup)), setup)
            self._state(one.id, "taken")
            self._settle(rows)

    def copies(self, one: Row[Any]) -> list[Path]:
        """Return where the bytes of a set's files lie."""
        with self._journal.read() as tx:
            return [Path(row.local) for row in sets.members(tx, one.id)]

    def give_up(self, one: Row[Any], error: GatewayError) -> None:
        """End a set that can't be processed for a reason of ours."""
        with self._journal.read() as tx:
            rows = sets.members(tx, one.id)
        self._work.give_up(Bundle.of_several(rows, _name_of(one, rows), named=False), one.route, error)
        self._state(one.id, "refused")
        self._settle(rows)

    def _refuse_all(self, one: Row[Any], code: str, said: str) -> None:
        """Answer every file of a set, then let it end: a crash in between does it again."""
        with self._journal.read() as tx:
            rows = sets.members(tx, one.id)
        for row in rows:
            self._refuse_member(row, code, said)
        self._state(one.id, "refused")
        self._settle(rows)

    def _refuse_member(self, row: Row[Any], code: str, said: str) -> None:
        error = FileError(code, sentence(code, detail=said), fix=CATALOGUE[code].fix)
        self._work.refuse(Bundle.of_one(row, row.sha256), error, named=row.answer)

    def _state(self, identity: int, state: str) -> None:
        with self._journal.begin() as tx:
            sets.set_state(tx, identity, state)

    def _settle(self, rows: Sequence[Row[Any]]) -> None:
        for row in rows:
            self._work.settle_arrival(row.id)

    # ---- answers and endings

    def _acknowledge(self, row: Row[Any], setup: RouteSetup) -> None:
        """Say to which set the file belongs and what it waits for."""
        with self._journal.read() as tx:
            own = sets.membership(tx, row.id, setup.route.name)
            if own is None or own.left:
                return
            one = sets.get_set(tx, own.set)
            here = set() if one.of is None else sets.parts_of(tx, own.set)
        arrival = Arrival(row.source, row.path, row.size, row.mtime)
        partner, returned = self._returns(row.source)

        def write(out: Path) -> bool:
            write_waiting(
                out, partner=setup.route.partner, route=one.route, file_name=arrival.name, size=row.size,
                received_at=row.claimed_at, name=one.name or None,
                part=own.part if one.of is not None else None, of=one.of,
                missing=[] if one.of is None else sorted(set(range(1, one.of + 1)) - here),
                until=one.until, message=_said(one, own.part, here, setup.route.set),
            )  # fmt: skip
            return True

        self._outbox.publish(
            partner, answer_name(arrival.name, own.answer, "ack.json"), write, run=None, kind="ack.json",
            source=row.source if returned else None,
        )  # fmt: skip

    def of_arrival(self, tx: Connection, arrival: int) -> tuple[bool, list[Row[Any]], bool]:
        """Tell of the sets of a file: whether one is still open, their runs, and whether one was refused."""
        found = sets.sets_of(tx, arrival)
        opened = any(one.state in {"waiting", "begun", "refusing"} for one in found)
        made: list[Row[Any]] = []
        for one in found:
            if one.first not in {None, arrival}:  # the first file's own runs are known by its arrival
                made.extend(run for run in runs.of_arrival(tx, one.first) if run.route == one.route)
        return opened, made, any(one.state == "refused" for one in found)

    def fellows(self, tx: Connection, arrival: int, route: str) -> list[int]:
        """Return the files that end with the run of this arrival through this route, itself first."""
        own = sets.membership(tx, arrival, route)
        rows = [] if own is None or own.left else [row.id for row in sets.members(tx, own.set)]
        return [arrival, *(one for one in rows if one != arrival)]


def _name_of(one: Row[Any], rows: Sequence[Row[Any]]) -> str:
    """Return the name of a set's answers: what its parts have in common, or its first file and how many more."""
    if one.of is not None:
        return str(one.name)
    first = rows[0].path.rsplit("/", 1)[-1]
    return first if len(rows) == 1 else f"{first}+{len(rows) - 1}"


def _said(one: Row[Any], part: int, here: Collection[int], rules: SetRules | None) -> str:
    until = f"until {one.until:%Y-%m-%d %H:%M} UTC"
    if one.of is None:
        seconds = f"{rules.quiet:g}" if rules is not None and rules.quiet is not None else "some"
        return f"The file waits until nothing new came for {seconds} seconds; all that came make one run."
    which = f"Part {part} of {one.of} of {one.name}"
    if len(here) == one.of:
        return f"{which}; all parts are here and make one run, whose answers are named {one.name}."
    return f"{which}; it waits for {lacking(one.of, here)}, {until} at most."


def waiting_sets(tx: Connection) -> list[tuple[Row[Any], int, str]]:
    """Return the sets that wait, how many files each has, and what it lacks."""
    found = []
    for one in sets.in_state(tx, "waiting"):
        lacks = "that nothing more comes" if one.of is None else lacking(one.of, sets.parts_of(tx, one.id))
        found.append((one, sets.count_of(tx, one.id), lacks))
    return found
