"""Promotions under way: their calls one after the other, followed by their jobs; what was taken is remembered.

Source: Partner API documentation, promotions: a call is answered by a job whose state can be asked for (verified);
lists of SKUs and vendors that were refused are live-reported, and where there are none nobody says what became of rows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from gateway.destinations.partner_api import answers, items, sifting, turns
from gateway.destinations.partner_api.account import Account
from gateway.destinations.partner_api.answers import News
from gateway.destinations.partner_api.calls import Calls, loaded, said
from gateway.destinations.partner_api.memory import Memory
from gateway.destinations.partner_api.parts import SPLIT, Part, every
from gateway.destinations.partner_api.restoring import Restorer
from gateway.destinations.partner_api.rulings import called, report, ruling
from gateway.destinations.partner_api.sifting import CUT, NO_JOB, Sifter, Step, corrected, refusal
from gateway.errors import OutcomeUnknown
from gateway.model import Batch, Outgoing, Receipt, RowState, Sent
from gateway.transport.http import Response

_UNSENT = {
    "nothing": "there is nothing to end by this call",
    "forgotten": "no promotion of this article, id and dates is known to be running",
}


class Campaigns:
    """Promotion calls of one chain."""

    def __init__(self, account: Account, calls: Calls, memory: Memory) -> None:
        self._account = account
        self._calls = calls
        self._memory = memory
        self._sifter = Sifter(account, calls, memory)
        self._restorer = Restorer(account, calls, memory)

    def submit(self, batch: Batch) -> Receipt:
        """Send the first call of a batch. Raises what calls raise."""
        why = batch.memo.get(items.UNSENT)
        if why is not None:
            return Receipt(NO_JOB, closed=True, rest=RowState.SKIPPED, code="DEST_NOTHING", message=_UNSENT[why])
        return self._send(_steps(batch.memo), 0, booked=True)

    def poll(self, sent: Sequence[Sent]) -> dict[int, Receipt]:
        """Ask about some of the calls under way and send those that follow; the others have their turn next.

        Raises when nothing was learnt of any.
        """
        return turns.asked(sent, self._account, self._asked)

    def outgoing(self, batch: Batch) -> Sequence[Outgoing]:
        """Return the calls of a batch, in their order."""
        to = f"PUT {self._calls.promotions_at}"
        return [Outgoing(to, str(step["body"]).encode(), len(step["skus"])) for step in _steps(batch.memo)]

    def _asked(self, item: Sent) -> Receipt:
        if self._restorer.on(item):
            return self._restorer.asked(item)
        steps = _steps(item.memo)
        return self._restorer.after(item, self._followed(self._restorer.bare(item), steps), steps)

    def _followed(self, item: Sent, steps: Sequence[Step]) -> Receipt:
        if (item.ticket or "").startswith(SPLIT):
            return self._sifter.asked(item, steps)
        at, job = _place(item.ticket or "", len(steps))
        found = None
        if job != NO_JOB:
            told = self._calls.promotion_job(job)
            found = None if told is None else answers.news(told)
        age = (self._account.clock.now() - item.intent_at).total_seconds()
        over = age >= self._account.profile.confirm.window_s.promotions
        if (found is None and not over) or (found is not None and not found.ended):
            return Receipt(item.ticket, after=self._pause(item))
        if at + 1 == len(steps):
            return self._ended(item, job, found)
        following = self._next(item, steps, at + 1, late=age > self._account.profile.jobs.give_up_s)
        # Rows that no later call is about have had their answer.
        places = sifting.places(item.memo, steps, at, steps[at]["skus"], last=True)
        spoken = ruling(job, found, places, called(steps[at]["record"], self._account.vendors)).of(places)
        return replace(following, outcomes=spoken) if spoken.height else following

    def _next(self, item: Sent, steps: Sequence[Step], at: int, *, late: bool) -> Receipt:
        """Send the call that follows. What the one before could not end was not there to be ended."""
        if late:
            message = "what was running was ended, what is to follow was not sent in time"
            return Receipt(item.ticket, closed=True, rest=RowState.UNCERTAIN, code="DEST_UNCERTAIN", message=message)
        try:
            return self._send(steps, at, booked=False)
        except OutcomeUnknown:
            return Receipt(item.ticket, after=self._pause(item))

    def _send(self, steps: Sequence[Step], at: int, *, booked: bool) -> Receipt:
        answer = self._calls.promote(str(steps[at]["body"]).encode(), booked=booked)
        if answer.status >= 300:
            return self._refused(answer, at, steps)
        self._memory.put(steps[at]["record"])
        data = loaded(answer.body)
        job = "" if data is None else answers.news(data).job
        ticket = _ticket(at, len(steps), job or NO_JOB)
        return Receipt(ticket, after=self._account.profile.jobs.poll_after_s[0])

    def _refused(self, answer: Response, at: int, steps: Sequence[Step]) -> Receipt:
        """Take a call apart where rows may be at fault; else, or where it is of one row, that was it."""
        count = 1 if len(steps) == 1 and len(steps[at]["skus"]) == 1 else 2
        if answer.status in CUT and count > 1:
            return self._sifter.open(at, steps, answer.status)
        message = f"{answer.status}, {said(answer.body, self._account.profile.errors)}"
        code = refusal(answer, count, message, self._account.profile)
        told = every(Part(0, 1), RowState.REFUSED, code, message) if count == 1 else None
        return Receipt(NO_JOB, closed=True, rest=RowState.REFUSED, code=code, message=message, outcomes=told)

    def _ended(self, item: Sent, job: str, found: News | None) -> Receipt:
        """Say what became of the rows: by the lists of the job, where it has any."""
        steps = _steps(item.memo)
        step = steps[-1]
        places = sifting.places(item.memo, steps, len(steps) - 1, step["skus"], last=True)
        told = ruling(job, found, places, called(step["record"], self._account.vendors))
        corrected(self._memory, step, found, self._account.vendors)
        return Receipt(
            item.ticket, closed=True, rest=told.rest, code=told.code, message=told.message, outcomes=told.named,
            raw=report(job, found),
        )  # fmt: skip

    def _pause(self, item: Sent) -> float:
        return turns.pause(item, self._account)


def _steps(memo: Mapping[str, str]) -> list[Step]:
    return [json.loads(text) for text in items.unpack(memo["steps"])]


def _ticket(at: int, count: int, job: str) -> str:
    return job if count == 1 else f"{at + 1}/{count} {job}"


def _place(ticket: str, count: int) -> tuple[int, str]:
    if count == 1:
        return 0, ticket
    step, _, job = ticket.partition(" ")
    return int(step.split("/")[0]) - 1, job
