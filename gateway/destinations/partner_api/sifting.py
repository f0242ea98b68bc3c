"""Promotion calls that were refused as a whole, taken apart until the rows at fault stand alone.

A call repeats all of its promotion, so each part is sent as the promotion stands by then and with this part besides;
one after the other, because no order of jobs is promised. The head of a call may be at fault as well as its rows: some
rows are tried alone first, and where all are refused in the same words the others are not tried. What is left stands in
the ticket, so that it outlives this process.
"""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from gateway.destinations.partner_api import answers, items, standing
from gateway.destinations.partner_api.account import Account
from gateway.destinations.partner_api.answers import News, Place
from gateway.destinations.partner_api.calls import Calls, loaded, said
from gateway.destinations.partner_api.memory import Memory, Record
from gateway.destinations.partner_api.parts import SPLIT, Part, State, halves, read
from gateway.destinations.partner_api.profile import Profile
from gateway.destinations.partner_api.rulings import absent, called, report, ruling
from gateway.destinations.partner_api.turns import pause
from gateway.errors import MayWorkLater, OutcomeUnknown
from gateway.model import Receipt, RowState, Sent
from gateway.transport.http import Response

CUT = frozenset({400, 413, 422})
"""Statuses of calls that may have single rows at fault, or too many."""
NO_JOB = "none"
_MOST = 1000
_TOO_LARGE = 413

Step = Mapping[str, Any]


@dataclass(slots=True)
class Sift:
    """How far a batch is: which of its calls, the parts that are left of it, and lines that were refused so far."""

    at: int
    parts: list[Part]
    refused: set[int] = field(default_factory=set)

    def ticket(self) -> str:
        """Return it as text."""
        left = State(self.parts).ticket().removeprefix(SPLIT)
        return f"{SPLIT}{self.at + 1} {left} {_ranges(self.refused)}".rstrip()

    @classmethod
    def of(cls, ticket: str) -> Sift:
        """Read a ticket."""
        at, left, *refused = ticket.removeprefix(SPLIT).split(" ")
        return cls(int(at) - 1, read(left), {n for text in refused for n in _lines(text)})


def opened(at: int, count: int, status: int, probes: int) -> Sift:
    """Return where to begin with a call of `count` rows that was refused: by rows spread over it, or by halves."""
    whole = Part(0, count)
    if status == _TOO_LARGE or probes == 0 or count <= 2 * probes:
        return Sift(at, halves(whole) if count > 1 else [whole])
    alone = [(2 * n + 1) * count // (2 * probes) for n in range(probes)]
    gaps = zip([0, *(one + 1 for one in alone)], [*alone, count], strict=True)
    return Sift(at, [*(Part(one, one + 1) for one in alone), *(Part(a, b) for a, b in gaps if a < b)])


def joined(parts: Iterable[Part]) -> list[Part]:
    """Return parts with neighbours that are still to be sent as one."""
    made: list[Part] = []
    for part in sorted(parts, key=lambda one: one.start):
        last = made[-1] if made else None
        if last is not None and last.end == part.start and not last.job and not part.job:
            last.end = part.end
        else:
            made.append(Part(part.start, part.end, part.job))
    return made


def composed(step: Step, chosen: Sequence[str], known: Record | None, profile: Profile) -> tuple[str, Record]:
    """Return a call with some of its rows only, the promotion else as `known`; and what is remembered of it then."""
    whole = standing.recalled(step["record"])
    before = None if known is None else standing.recalled(known)
    here = pl.col("sku").is_in(list(chosen))
    kept = whole.entries.clear() if before is None else before.entries.filter(~here)
    whole.entries = pl.concat([kept, whole.entries.filter(here)])
    if whole.live:
        whole.body = standing.body_of(whole, profile)
    elif before is not None:
        whole.body = standing.ended(before.body)
    return whole.body, whole.record


def corrected(memory: Memory, step: Step, found: News | None, vendors: Collection[str]) -> None:
    """Remember of a call what became of it: what is not in the promotion is repeated by no later call."""
    record = step["record"]
    if found is None:
        return
    if found.state == answers.FAILED:
        memory.restore(record["identity"])
        return
    named = json.loads(record["base"])["vendors"]
    gone = absent(found, vendors if named == ["*"] else named)
    known = memory.promotion(record["identity"])
    if gone and known is not None:
        memory.keep([standing.without(known, gone)])


def places(
    memo: Mapping[str, str], steps: Sequence[Step], at: int, skus: Iterable[str], *, last: bool
) -> dict[str, list[Place]]:
    """Return where the rows that a call is about are; `last`: those that no later call is about.

    A row that ends beside one of its SKU that begins is the matter of the first call of that SKU alone.
    """
    lines: dict[str, list[int]] = {}
    for line, text in enumerate(items.unpack(memo["skus"]), 1):
        lines.setdefault(str(json.loads(text)), []).append(line)
    ends = set(json.loads(memo.get(standing.ENDS, "[]")))
    before = {sku for step in steps[:at] for sku in step["skus"]} if ends else set()
    later = {sku for step in steps[at + 1 :] for sku in step["skus"]} if last else set()
    found: dict[str, list[Place]] = {}
    for sku in skus:
        mine = lines.get(sku, [])
        if sku in before:
            mine = [line for line in mine if line not in ends]
        if sku in later:
            mine = [line for line in mine if line in ends and sku not in before]
        if mine:
            found[sku] = [(line, None) for line in mine]
    return found


class Sifter:
    """Takes calls of one chain apart. What is kept here spares calls within this process; tickets are the truth."""

    def __init__(self, account: Account, calls: Calls, memory: Memory) -> None:
        self._account = account
        self._calls = calls
        self._memory = memory
        self._alone: OrderedDict[tuple[int, int], list[str]] = OrderedDict()
        """Words of rows refused alone, by batch and call, while nothing of the call was taken."""

    def open(self, at: int, steps: Sequence[Step], status: int) -> Receipt:
        """Begin with a call that was refused."""
        sift = opened(at, len(steps[at]["skus"]), status, self._account.profile.promo.probes)
        return Receipt(sift.ticket(), after=self._account.profile.rest.limits.interval)

    def asked(self, item: Sent, steps: Sequence[Step]) -> Receipt:
        """Look at the part under way, and send what is left. Raises what calls raise."""
        turn = _Turn(Sift.of(item.ticket or ""), item, steps)
        count = len(turn.step["skus"])
        if turn.sift == opened(turn.sift.at, count, 400, self._account.profile.promo.probes):
            self._try_alone(turn)
        if self._waits(turn):
            return Receipt(item.ticket, after=pause(item, self._account))
        while turn.after is None and self._more(turn):
            self._send(turn)
        if turn.after is None:
            return Receipt(
                item.ticket, closed=True, rest=RowState.SKIPPED, code="DEST_NOTHING",
                message="there is nothing to end by this call", outcomes=turn.outcomes(), raw=tuple(turn.raw),
            )  # fmt: skip
        return Receipt(turn.sift.ticket(), outcomes=turn.outcomes(), after=turn.after, raw=tuple(turn.raw))

    def _waits(self, turn: _Turn) -> bool:
        """Ask about the part under way; True while it is not over."""
        part = next((one for one in turn.sift.parts if one.job), None)
        if part is None:
            return False
        told = None if part.job == NO_JOB else self._calls.promotion_job(part.job)
        found = None if told is None else answers.news(told)
        over = self._age(turn) >= self._account.profile.confirm.window_s.promotions
        if not over if found is None else not found.ended:
            return True
        here = turn.places(part, last=True)
        turn.found.append(ruling(part.job, found, here, called(turn.step["record"], self._account.vendors)).of(here))
        if turn.sift.at + 1 == len(turn.steps):
            corrected(self._memory, turn.step, found, self._account.vendors)
        turn.raw += report(part.job, found)
        turn.sift.parts.remove(part)
        return False

    def _more(self, turn: _Turn) -> bool:
        """Whether something is to be sent; of calls that come after, too."""
        sift = turn.sift
        while True:
            sift.parts = [part for part in sift.parts if turn.skus(part)]
            if sift.parts:
                return True
            if sift.at + 1 >= len(turn.steps):
                return False
            sift.at += 1
            sift.parts = [Part(0, len(turn.step["skus"]))]

    def _send(self, turn: _Turn) -> None:
        part = turn.sift.parts[0]
        if self._age(turn) > self._account.profile.jobs.give_up_s:
            turn.refuse(part, "DEST_REFUSED_BATCH", "the call was refused as a whole, and this was not sent in time")
            return
        known = self._memory.promotion(turn.step["record"]["identity"])
        body, record = composed(turn.step, turn.skus(part), known, self._account.profile)
        try:
            answer = self._calls.promote(body.encode(), booked=False)
        except (MayWorkLater, OutcomeUnknown) as error:
            later = error.after if isinstance(error, MayWorkLater) else None
            turn.after = later or pause(turn.item, self._account)
            return
        if answer.status < 300:
            self._taken(turn, part, answer, record)
        else:
            self._refused(turn, part, answer)

    def _taken(self, turn: _Turn, part: Part, answer: Response, record: Record) -> None:
        self._memory.put(record)
        data = loaded(answer.body)
        part.job = ("" if data is None else answers.news(data).job) or NO_JOB
        turn.after = self._account.profile.jobs.poll_after_s[0]
        if self._alone.pop((turn.item.batch_id, turn.sift.at), None) is not None:
            turn.sift.parts = joined(turn.sift.parts)

    def _refused(self, turn: _Turn, part: Part, answer: Response) -> None:
        count = len(turn.skus(part))
        words = f"{answer.status}, {said(answer.body, self._account.profile.errors)}"
        least = self._account.profile.rest.limits.floor_products if answer.status == _TOO_LARGE else 1
        if answer.status in CUT and count > least:
            self._cut(turn, part, answer.status)
            return
        turn.refuse(part, refusal(answer, count, words, self._account.profile), words)
        alone = self._alone.get((turn.item.batch_id, turn.sift.at))
        if alone is None:
            return
        alone.append(re.sub(r"\d+", "0", words))
        if len(set(alone)) > 1:
            del self._alone[turn.item.batch_id, turn.sift.at]
            turn.sift.parts = joined(turn.sift.parts)
        elif len(alone) >= self._account.profile.promo.probes:
            told = f"{len(alone)} rows of its call were refused alone in the same words: {words}"
            for left in list(turn.sift.parts):
                turn.refuse(left, "DEST_REFUSED_BATCH", told)

    def _cut(self, turn: _Turn, part: Part, status: int) -> None:
        whole = len(turn.step["skus"])
        if part.end - part.start < whole:
            turn.sift.parts[:1] = halves(part)
            return
        turn.sift.parts = opened(turn.sift.at, whole, status, self._account.profile.promo.probes).parts
        self._try_alone(turn)

    def _try_alone(self, turn: _Turn) -> None:
        """From now on count rows of the call that are refused alone, where it was cut so that there are some."""
        if len(turn.sift.parts) <= 2:
            return
        self._alone[turn.item.batch_id, turn.sift.at] = []
        while len(self._alone) > _MOST:
            self._alone.popitem(last=False)

    def _age(self, turn: _Turn) -> float:
        return (self._account.clock.now() - turn.item.intent_at).total_seconds()


@dataclass(slots=True)
class _Turn:
    """One look at a batch: what was learnt, and when to look again (None: go on)."""

    sift: Sift
    item: Sent
    steps: Sequence[Step]
    found: list[pl.DataFrame] = field(default_factory=list)
    raw: list[tuple[str, bytes]] = field(default_factory=list)
    after: float | None = None
    lines: dict[str, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for at, text in enumerate(items.unpack(self.item.memo["skus"])):
            self.lines.setdefault(str(json.loads(text)), []).append(at + 1)

    @property
    def step(self) -> Step:
        """The call at hand."""
        return self.steps[self.sift.at]

    def skus(self, part: Part) -> list[str]:
        """SKUs of a part that were not refused before."""
        return [sku for sku in self.step["skus"][part.start : part.end] if not self._off(sku)]

    def places(self, part: Part, *, last: bool) -> dict[str, list[Place]]:
        """Places of the rows of a part; `last`: of those that no later call is about."""
        return places(self.item.memo, self.steps, self.sift.at, self.skus(part), last=last)

    def refuse(self, part: Part, code: str, message: str) -> None:
        """Refuse the rows of a part: no later call is to be about them."""
        spots = [place for found in self.places(part, last=False).values() for place in found]
        self.found.append(answers.frame((place, RowState.REFUSED, code, message) for place in spots))
        self.sift.refused |= {line for line, _ in spots if line is not None}
        self.sift.parts.remove(part)

    def outcomes(self) -> pl.DataFrame | None:
        """Return what was learnt."""
        return pl.concat(self.found) if self.found else None

    def _off(self, sku: str) -> bool:
        return not self.sift.refused.isdisjoint(self.lines.get(sku, ()))


def refusal(answer: Response, count: int, words: str, profile: Profile) -> str:
    """Return the code of a refusal: of one row by its words, of several as a whole."""
    alone = count == 1 and answer.status in CUT - {_TOO_LARGE}
    return answers.refusal(words, profile.jobs) if alone else "DEST_REFUSED_BATCH"


def _ranges(lines: set[int]) -> str:
    """Return line numbers as text like `1-3,7`."""
    made: list[list[int]] = []
    for line in sorted(lines):
        if made and made[-1][1] == line - 1:
            made[-1][1] = line
        else:
            made.append([line, line])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in made)


def _lines(text: str) -> Iterable[int]:
    for one in text.split(","):
        first, _, last = one.partition("-")
        yield from range(int(first), int(last or first) + 1)
