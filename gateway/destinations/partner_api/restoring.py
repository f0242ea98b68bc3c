"""What ran before a change that was refused, made to run again; what can't be is told as gone.

A promotion changes by its end and a new one (`promo.change_strategy`), so a new price that is refused would leave
nothing. The entries that were ended for it are sent once more as they were, and said to be gone (`PROMOTION_GONE`, by
which they are forgotten as confirmed) unless a job says that they run. How far that is stands in the ticket.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

import polars as pl

from gateway.destinations.partner_api import answers, items, standing, turns
from gateway.destinations.partner_api.account import Account
from gateway.destinations.partner_api.calls import Calls, loaded, said
from gateway.destinations.partner_api.memory import Memory, Record
from gateway.destinations.partner_api.parts import SPLIT
from gateway.destinations.partner_api.profile import Profile
from gateway.destinations.partner_api.rulings import called, report, ruling
from gateway.destinations.partner_api.sifting import NO_JOB, Step, corrected
from gateway.destinations.partner_api.standing import Undo
from gateway.errors import OutcomeUnknown
from gateway.model import Receipt, RowState, Sent

GONE = "PROMOTION_GONE"
_BACK, _WORDS = "back ", " ~"
_ENDED, _AGAIN = "what ran of it before has ended", "what ran of it before runs again"
_UNDER_WAY = f"{_ENDED} and is being begun again"
_UNSURE = "what ran of it before was begun again, which nothing confirms"

_ENTRY = ("key", "subtype", "value")
_Entry = tuple[str, str, str]

Words = dict[int, tuple[str, str, str]]
"""State, code and message of rows by line."""


@dataclass(slots=True)
class _Back:
    """How far a batch is whose entries are being begun again, and how it ends then."""

    rest: str
    code: str
    message: str
    told: list[tuple[int, str, str, str]]
    at: int = 0
    job: str = ""
    since: str = ""

    def ticket(self) -> str:
        return _BACK + items.pack([json.dumps(asdict(self))])

    @classmethod
    def of(cls, ticket: str) -> _Back:
        found = cls(**json.loads(items.unpack(ticket.removeprefix(_BACK))[0]))
        found.told = [(line, state, code, message) for line, state, code, message in found.told]
        return found


def restored(known: Record, entries: Sequence[Undo], profile: Profile) -> tuple[str, Record]:
    """Return the call that begins entries as they were, the promotion else as `known`; and its record then."""
    whole = standing.recalled(known)
    back = pl.DataFrame([{**one, "active": True} for one in entries], schema=standing.SCHEMA)
    kept = whole.entries.filter(~pl.col("sku").is_in(back["sku"].implode()))
    whole.entries = pl.concat([kept, back])
    whole.body = standing.body_of(whole, profile)
    return whole.body, whole.record


class Restorer:
    """Begins again what ran before refused changes, at one chain."""

    def __init__(self, account: Account, calls: Calls, memory: Memory) -> None:
        self._account = account
        self._calls = calls
        self._memory = memory

    def on(self, item: Sent) -> bool:
        """Whether a batch has got as far as that."""
        return (item.ticket or "").startswith(_BACK)

    def bare(self, item: Sent) -> Sent:
        """Return a batch without what its ticket remembers here."""
        return replace(item, ticket=(item.ticket or "").partition(_WORDS)[0])

    def after(self, item: Sent, receipt: Receipt, steps: Sequence[Step]) -> Receipt:
        """Return what is to be said and done once a receipt says that changes were refused."""
        entries = _undone(item.memo)
        if not entries:
            return receipt
        running = _Running(self._memory)
        changed = running.changed(steps[-1])
        receipt = _marked(receipt, entries, changed)
        words = {**_words(item.ticket or ""), **_refused(receipt, entries)}
        if not receipt.closed:
            split = (receipt.ticket or "").startswith(SPLIT) and words
            kept = [[line, *said_] for line, said_ in words.items()]
            return (
                replace(receipt, ticket=f"{receipt.ticket}{_WORDS}{items.pack([json.dumps(kept)])}")
                if split
                else receipt
            )
        lost = [one for one in entries if one["key"] not in changed and not running.has(one)]
        if not lost:
            return receipt
        rest = (str(receipt.rest or RowState.REFUSED), receipt.code or "DEST_REFUSED", receipt.message)
        told = [(one["line"], *words.get(one["line"], rest)) for one in lost]
        late = self._age(item) > self._account.profile.jobs.give_up_s
        outcomes = _joined(receipt.outcomes, _gone(told, _ENDED if late else _UNDER_WAY))
        if late:
            return replace(receipt, outcomes=outcomes)
        back = _Back(str(receipt.rest or ""), receipt.code, receipt.message, told)
        return Receipt(back.ticket(), outcomes=outcomes, after=self._account.profile.rest.limits.interval,
                       raw=receipt.raw)  # fmt: skip

    def asked(self, item: Sent) -> Receipt:
        """Send the next call that begins entries again, or ask what became of the last. Raises what calls raise."""
        back = _Back.of(item.ticket or "")
        lines = {line for line, *_ in back.told}
        lost = [one for one in _undone(item.memo) if one["line"] in lines]
        identity = list(dict.fromkeys(one["identity"] for one in lost))[back.at]
        mine = [one for one in lost if one["identity"] == identity]
        if back.job == "":
            return self._sent(item, back, mine)
        told = None if back.job == NO_JOB else self._calls.promotion_job(back.job)
        found = None if told is None else answers.news(told)
        waited = (self._account.clock.now() - datetime.fromisoformat(back.since)).total_seconds()
        over = waited >= self._account.profile.confirm.window_s.promotions
        if (found is None and not over) or (found is not None and not found.ended):
            return Receipt(item.ticket, after=turns.pause(item, self._account))
        record = self._memory.promotion(identity)
        if record is None:
            return self._next(item, back, mine, {}, ())
        places = {one["sku"]: [(int(one["line"]), None)] for one in mine}
        ruled = ruling(back.job, found, places, called(record, self._account.vendors)).of(places)
        corrected(self._memory, {"record": record}, found, self._account.vendors)
        states = dict(ruled.select("line", "state").rows())
        return self._next(item, back, mine, states, report(back.job, found))

    def _sent(self, item: Sent, back: _Back, mine: Sequence[Undo]) -> Receipt:
        known = self._memory.promotion(mine[0]["identity"])
        if known is None or self._age(item) > self._account.profile.jobs.give_up_s:
            return self._next(item, back, mine, {}, ())
        body, record = restored(known, mine, self._account.profile)
        try:
            answer = self._calls.promote(body.encode(), booked=False)
        except OutcomeUnknown:
            return Receipt(item.ticket, after=turns.pause(item, self._account))
        if answer.status >= 300:
            why = f"{answer.status}, {said(answer.body, self._account.profile.errors)}"
            return self._next(item, back, mine, {}, (("promotion-not-restored.txt", why.encode()),))
        self._memory.put(record)
        data = loaded(answer.body)
        back.job = ("" if data is None else answers.news(data).job) or NO_JOB
        back.since = self._account.clock.now().isoformat()
        return Receipt(back.ticket(), after=self._account.profile.jobs.poll_after_s[0])

    def _next(
        self,
        item: Sent,
        back: _Back,
        mine: Sequence[Undo],
        states: Mapping[int, str],
        raw: tuple[tuple[str, bytes], ...],
    ) -> Receipt:
        """Tell of the entries of one promotion, and go on with those of the next."""
        lines = {one["line"] for one in mine}
        words = [one for one in back.told if one[0] in lines]
        runs = [one for one in words if states.get(one[0]) == str(RowState.APPLIED)]
        unsure = [one for one in words if states.get(one[0]) == str(RowState.ACCEPTED)]
        gone = [one for one in words if one not in runs and one not in unsure]
        again = answers.frame(
            ((line, None), RowState(state), code, f"{message}; {_AGAIN}") for line, state, code, message in runs
        )
        outcomes = pl.concat([again, _gone(unsure, _UNSURE), _gone(gone, _ENDED)])
        count = len({one["identity"] for one in _undone(item.memo) if one["line"] in {line for line, *_ in back.told}})
        job, back.at, back.job = back.job, back.at + 1, ""
        if back.at < count:
            interval = self._account.profile.rest.limits.interval
            return Receipt(back.ticket(), outcomes=outcomes, after=interval, raw=raw)
        rest = RowState(back.rest) if back.rest else None
        return Receipt(
            job or NO_JOB, closed=True, rest=rest, code=back.code, message=back.message, outcomes=outcomes, raw=raw
        )

    def _age(self, item: Sent) -> float:
        return (self._account.clock.now() - item.intent_at).total_seconds()


class _Running:
    """What runs by what is remembered now; each promotion is read once, as one may have many thousand entries."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._read: dict[str, frozenset[_Entry]] = {}

    def has(self, one: Undo) -> bool:
        """Whether what ran before runs."""
        return (one["key"], one["subtype"], one["value"]) in self._of(one["identity"])

    def changed(self, step: Step) -> frozenset[str]:
        """Return the keys of entries whose change is in its promotion."""
        entries = standing.recalled(step["record"]).entries.select(_ENTRY).rows()
        there = self._of(step["record"]["identity"])
        return frozenset(key for key, subtype, value in entries if (key, subtype, value) in there)

    def _of(self, identity: str) -> frozenset[_Entry]:
        if identity not in self._read:
            known = self._memory.promotion(identity)
            rows = [] if known is None else standing.recalled(known).entries.filter("active").select(_ENTRY).rows()
            self._read[identity] = frozenset(rows)
        return self._read[identity]


def _marked(receipt: Receipt, entries: Sequence[Undo], changed: Collection[str]) -> Receipt:
    """Say of refused rows whose promotion runs otherwise at other stores that what ran before has ended."""
    refused = _refused(receipt, entries)
    here = [one for one in entries if one["line"] in refused and one["key"] in changed]
    if not here:
        return receipt
    gone = _gone([(one["line"], *refused[one["line"]]) for one in here], _ENDED)
    return replace(receipt, outcomes=_joined(receipt.outcomes, gone))


def _undone(memo: Mapping[str, str]) -> list[Undo]:
    return [json.loads(text) for text in items.unpack(memo[standing.UNDO])] if standing.UNDO in memo else []


def _words(ticket: str) -> Words:
    packed = ticket.partition(_WORDS)[2]
    listed = json.loads(items.unpack(packed)[0]) if packed else ()
    return {line: (state, code, message) for line, state, code, message in listed}


def _refused(receipt: Receipt, entries: Sequence[Undo]) -> Words:
    """Return what a receipt says of refused rows that something ran of before."""
    if receipt.outcomes is None:
        return {}
    lines = {one["line"] for one in entries}
    bad = receipt.outcomes.filter((pl.col("state") == str(RowState.REFUSED)) & pl.col("line").is_in(list(lines)))
    told = bad.select("line", "state", pl.col("code").fill_null(""), pl.col("message").fill_null(""))
    return {line: (state, code, message) for line, state, code, message in told.rows()}


def _gone(told: Sequence[tuple[int, str, str, str]], how: str) -> pl.DataFrame:
    return answers.frame(
        ((line, None), RowState(state), GONE, f"{message}; {how}" if message else how)
        for line, state, _, message in told
    )


def _joined(first: pl.DataFrame | None, second: pl.DataFrame) -> pl.DataFrame:
    """Return outcomes, of a row twice told the second."""
    if first is None:
        return second
    return pl.concat([first.join(second, on="line", how="anti"), second], how="diagonal")
