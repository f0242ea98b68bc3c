"""Catalog updates under way: sent, cut where a call as a whole is refused, followed by job, log and reading back.

A call that is refused because of one product (400), or is too large (413), is cut in halves until the rows at fault
stand alone. What is still to be sent and what is under way stands in the ticket, so that it outlives this process.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

import polars as pl

from gateway.destinations.partner_api import answers, create, items, turns
from gateway.destinations.partner_api.account import Account
from gateway.destinations.partner_api.answers import News, Place
from gateway.destinations.partner_api.calls import Calls, loaded, said
from gateway.destinations.partner_api.parts import SPLIT, Part, State, every, halves, read
from gateway.destinations.partner_api.readback import ReadBack, compared, overtaken
from gateway.errors import MayWorkLater, OutcomeUnknown, Refused
from gateway.model import KEY_SEPARATOR, LIST_SEPARATOR, Batch, Outgoing, Receipt, RowState, Sent
from gateway.transport.http import Response

_MOST_HEARD = 10_000
_DONE = "done"
_UNNAMED = "the log does not name it"
_T = TypeVar("_T")


class Updates:
    """Updates of one chain's vendors. What is kept here spares calls within this process; tickets are the truth."""

    def __init__(self, account: Account, calls: Calls, read_back: ReadBack) -> None:
        self._account = account
        self._calls = calls
        self._read_back = read_back
        self._heard: OrderedDict[str, News] = OrderedDict()
        self._vendor_of: OrderedDict[str, str] = OrderedDict()
        """Vendor of a job; "" where it is of several."""
        self._parts: OrderedDict[str, str] = OrderedDict()
        """Job of a part of a call to the ticket of its batch."""
        self._lost: set[bytes] = set()
        self._last: dict[tuple[str, str], str] = {}
        """Ticket of the last call by operation and vendor, as far as this process made it."""

    # ---------------------------------------------------------------- sending

    def submit(self, batch: Batch) -> Receipt:
        """Send a call. Raises Throttled, Unreachable, OutcomeUnknown, Refused (trouble with all calls)."""
        if items.UNSENT in batch.memo:
            why = "there is nothing to end by this call"
            return Receipt(_DONE, closed=True, rest=RowState.SKIPPED, code="DEST_NOTHING", message=why)
        texts, vendor = items.unpack(batch.memo["items"]), batch.memo.get("vendor", "")
        if batch.body in self._lost and len(texts) >= 2 * self._account.profile.rest.limits.floor_products:
            # No answer came to it before, and it does no harm to send it in two.
            self._lost.discard(batch.body)
            return self._opened(State(halves(Part(0, len(texts)))))
        try:
            answer = self._call(batch.memo, batch.body, booked=True)
        except OutcomeUnknown:
            self._lost.add(batch.body)
            raise
        self._lost.discard(batch.body)
        receipt = self._first(answer, vendor, texts)
        self._last[batch.operation, vendor] = receipt.ticket or ""
        return receipt

    def outgoing(self, batch: Batch) -> Sequence[Outgoing]:
        """Return the call of a batch."""
        if "vendors" in batch.memo:
            to = f"POST {self._calls.products_at}"
        else:
            to = f"PUT {self._calls.catalog_at(self._account.settings.vendor_id(batch.memo['vendor']))}"
        return (Outgoing(to, batch.body, len(items.unpack(batch.memo["items"]))),)

    def _call(self, memo: Mapping[str, str], body: bytes, *, booked: bool) -> Response:
        """Update one vendor's products, or create products at several."""
        if "vendors" in memo:
            return self._calls.create(body, booked=booked)
        return self._calls.update(self._account.settings.vendor_id(memo["vendor"]), body, booked=booked)

    def _first(self, answer: Response, vendor: str, texts: Sequence[str]) -> Receipt:
        count = len(texts)
        if answer.status < 300:
            job = self._job_of(answer, vendor)
            if answer.status in {200, 204} and job == "":
                if not items.as_flag(texts, self._account.profile):
                    return Receipt(_DONE, closed=True, rest=RowState.APPLIED)
                code, message = answers.AS_FLAG
                return Receipt(_DONE, closed=True, rest=items.flag_state(texts), code=code, message=message)
            return Receipt(job or _DONE, after=self._account.profile.jobs.poll_after_s[0])
        if answer.status in {400, 413, 422} and self._may_cut(answer.status, count):
            return self._opened(State(halves(Part(0, count))))
        why, code = self._prefix(vendor) + self._why(answer), self._code(answer, count)
        told = every(Part(0, count), RowState.REFUSED, code, why)
        return Receipt(_DONE, closed=True, rest=RowState.REFUSED, code=code, message=why, outcomes=told)

    def _opened(self, state: State) -> Receipt:
        return Receipt(state.ticket(), after=self._account.profile.rest.limits.interval)

    def _may_cut(self, status: int, count: int) -> bool:
        least = self._account.profile.rest.limits.floor_products if status == 413 else 1
        return count > least

    def _code(self, answer: Response, count: int) -> str:
        if answer.status == 501:
            return "DEST_ONBOARDING"
        if count > 1 or answer.status not in {400, 422}:
            return "DEST_REFUSED_BATCH"
        return answers.refusal(self._why(answer), self._account.profile.jobs)

    def _prefix(self, vendor: str) -> str:
        """Name the vendor before what is said of its rows, where there are several: all have the same products."""
        return f"vendor {vendor}: " if vendor and len(self._account.settings.vendors) > 1 else ""

    def _of(self, item: Sent, state: State) -> pl.DataFrame | None:
        """Return what was learnt in this turn, with the vendor it is about."""
        found = state.outcomes()
        if found is None or "vendor" not in item.memo:
            return found
        return found.with_columns(pl.concat_str(pl.lit(self._prefix(item.memo["vendor"])), "message").alias("message"))

    def _why(self, answer: Response) -> str:
        words = said(answer.body, self._account.profile.errors)
        if answer.status == 501:
            return "the account may not create products: have it enabled, or have them onboarded"
        if answer.status in {403, 404}:
            return f"{answer.status}, {words}; check the vendor's id and the rights of the token"
        return words

    def _job_of(self, answer: Response, vendor: str) -> str:
        data = loaded(answer.body)
        job = "" if data is None else answers.news(data).job
        if job:
            _remember(self._vendor_of, job, vendor)
        return job

    # ---------------------------------------------------------------- following

    def poll(self, sent: Sequence[Sent]) -> dict[int, Receipt]:
        """Ask about some of the calls under way and send what is left of cut ones; the others have their turn next.

        Raises when nothing was learnt of any.
        """
        return turns.asked(sent, self._account, self._asked)

    def _asked(self, item: Sent) -> Receipt:
        texts, ticket = items.unpack(item.memo["items"]), item.ticket or ""
        whole = not ticket.startswith(SPLIT)
        if ticket == _DONE:
            parts = [Part(0, len(texts), _DONE)]
        else:
            parts = [Part(0, len(texts), ticket)] if whole else read(ticket)
        state = State(parts)
        self._follow(item, state, texts)
        if not whole:
            self._send_on(item, state, texts)
        if not state.parts:
            # Each item was told of by its line, so there is nothing to say of the others.
            return Receipt(
                ticket, closed=True, rest=RowState.ACCEPTED, outcomes=self._of(item, state), raw=tuple(state.raw)
            )
        after = state.after if state.after is not None else self._pause(item)
        left = ticket if whole else state.ticket()
        frees = whole and state.over
        for part in () if whole else (one for one in state.parts if one.job):
            _remember(self._parts, part.job, left)
        return Receipt(left, outcomes=self._of(item, state), after=after, raw=tuple(state.raw), frees=frees)

    def _follow(self, item: Sent, state: State, texts: Sequence[str]) -> None:
        for part in [one for one in state.parts if one.job]:
            try:
                found = self._result(item, part, texts, state)
            except MayWorkLater as error:
                state.after = error.after or self._pause(item)
                continue
            if found is not None:
                mine = texts[part.start : part.end]
                alone = "vendor" in item.memo and items.as_flag(mine, self._account.profile)
                state.found.append(answers.flagged(found, items.flag_state(mine)) if alone else found)
                state.parts.remove(part)

    def _send_on(self, item: Sent, state: State, texts: Sequence[str]) -> None:
        """Send parts that wait, as many as may be under way; cut again what is refused."""
        vendor, vendors = (item.memo.get(name, "") for name in ("vendor", "vendors"))
        buffer = int(item.memo["buffer"])
        age = self._age(item)
        while (
            state.after is None
            and len([one for one in state.parts if one.job]) < self._account.profile.in_flight_jobs_per_vendor
        ):
            part = next((one for one in state.parts if not one.job), None)
            if part is None:
                return
            if age > self._account.profile.jobs.give_up_s:
                # The vendor's place was given up by then: newer values may have been sent.
                state.parts.remove(part)
                state.found.append(
                    every(part, RowState.REFUSED, "DEST_REFUSED_BATCH", "the call was refused as a whole")
                )
                continue
            chosen = list(texts[part.start : part.end])
            body = items.body(chosen, buffer, self._account.profile) if vendors == "" else create.body(chosen, vendors)
            try:
                answer = self._call(item.memo, body, booked=False)
            except (MayWorkLater, OutcomeUnknown) as error:
                state.after = error.after if isinstance(error, MayWorkLater) and error.after else self._pause(item)
                return
            self._placed(state, part, answer, vendor)
            if not part.job and state.found and vendors == "" and items.as_flag(chosen, self._account.profile):
                state.found[-1] = answers.flagged(state.found[-1], items.flag_state(chosen))

    def _placed(self, state: State, part: Part, answer: Response, vendor: str) -> None:
        if answer.status < 300:
            job = self._job_of(answer, vendor)
            if answer.status in {200, 204} and job == "":
                state.parts.remove(part)
                state.found.append(every(part, RowState.APPLIED, "", ""))
                return
            part.job = job or _DONE
            told = self._heard.get(part.job)
            # It may have been told of before its answer came.
            state.after = 0.0 if told is not None and told.ended else self._account.profile.jobs.poll_after_s[0]
            return
        at = state.parts.index(part)
        count = part.end - part.start
        if answer.status in {400, 413, 422} and self._may_cut(answer.status, count):
            state.parts[at : at + 1] = halves(part)
        else:
            state.parts.remove(part)
            state.found.append(every(part, RowState.REFUSED, self._code(answer, count), self._why(answer)))

    # ---------------------------------------------------------------- results

    def _result(self, item: Sent, part: Part, texts: Sequence[str], state: State) -> pl.DataFrame | None:
        """Return what became of a part under way; None while it is not known."""
        found = self._heard.get(part.job)
        if (found is None or not found.ended) and part.job != _DONE:
            asked = self._calls.catalog_job(part.job)
            found = None if asked is None else answers.news(asked)
        if found is not None and not found.ended:
            return None
        if found is not None and found.state == answers.FAILED:
            return every(part, RowState.REFUSED, "DEST_REFUSED_BATCH", f"the job {part.job} failed")
        lines, why = (None, "named no items") if found is None else self._lines(item, found, part.job, state)
        if lines is not None:
            return self._told(lines, part, texts)
        return self._unspoken(item, part, texts, why, freed=state.over)

    def _lines(self, item: Sent, found: News, job: str, state: State) -> tuple[list[answers.Line] | None, str]:
        """Return what a job says of items; None, and why, where it says nothing that can be had or read."""
        if not found.url:
            listed = [*answers.feedback(found.feedback, self._account.profile.jobs), *answers.duplicates(found)]
            return listed or None, "named no items"
        state.over = True  # a log that can't be had may never be: the vendor is not kept for it
        try:
            body = self._calls.download(found.url)
        except Refused as error:
            return None, f"has a log that can't be had ({error.message.rstrip('.')})"
        except MayWorkLater as error:
            if self._age(item) < self._account.profile.confirm.window_s.catalog:
                raise
            return None, f"has a log that can't be had ({error.message.rstrip('.')})"
        state.raw.append((f"catalog-log-{job}.csv", body))
        return answers.log(body, self._account.profile.jobs), "has a log that can't be read"

    def _told(self, lines: Sequence[answers.Line], part: Part, texts: Sequence[str]) -> pl.DataFrame:
        places = self._lines_of(part, texts)
        told = answers.outcomes(lines, lambda code: places.get(self._bare(code), ()))
        named = set(told["line"])
        rest = [(n, None) for n in range(part.start + 1, part.end + 1) if n not in named]
        left = (RowState.APPLIED, "", "")
        if self._account.profile.jobs.log_lists == "all":
            left = (RowState.ACCEPTED, "DEST_NOT_CONFIRMED", _UNNAMED)
        return pl.concat([told, answers.frame((place, *left) for place in rest)])

    def _lines_of(self, part: Part, texts: Sequence[str]) -> Mapping[str, list[Place]]:
        places: dict[str, list[Place]] = {}
        for at in range(part.start, part.end):
            code = str(json.loads(texts[at])[self._account.profile.rest.fields.identifier])
            places.setdefault(self._bare(code), []).append((at + 1, None))
        return places

    def _bare(self, code: str) -> str:
        """Barcodes come back with other leading zeros than they were sent with."""
        return code if self._account.profile.rest.fields.identifier == "sku" else code.lstrip("0")

    def _unspoken(self, item: Sent, part: Part, texts: Sequence[str], why: str, *, freed: bool) -> pl.DataFrame | None:
        """Say what became of items of which nobody speaks: what is read back, in the end that they were accepted.

        `freed`: the vendor's place was given to the next call meanwhile.
        """
        age = self._age(item)
        over = age >= self._account.profile.confirm.window_s.catalog
        if self._read_back.on:
            found = self._read(item, part, texts, over=over, freed=freed)
            if found is not None or not over:
                return found
            if age < self._account.profile.jobs.give_up_s:
                return None
        elif self._account.settings.webhook_secret is not None and not over:
            return None  # the platform may still speak
        return every(part, RowState.ACCEPTED, "DEST_NOT_CONFIRMED", f"the job {part.job} {why}")

    def _read(self, item: Sent, part: Part, texts: Sequence[str], *, over: bool, freed: bool) -> pl.DataFrame | None:
        vendor = _vendor(item.memo)
        since = self._since(item, over=over)
        shown = self._read_back.catalog(self._account.settings.vendor_id(vendor), since, self._heard.get)
        if shown is None:
            return None
        buffer, profile = int(item.memo["buffer"]), self._account.profile
        chosen = texts[part.start : part.end]
        sent = items.said(chosen, buffer, profile) if "vendor" in item.memo else chosen
        verdicts = compared(sent, shown, buffer, profile)
        if not over and not all(one.settled for one in verdicts):
            self._read_back.forget(self._account.settings.vendor_id(vendor))
            return None
        if freed and self._last.get((item.operation, item.memo.get("vendor", ""))) != item.ticket:
            verdicts = [overtaken(one) for one in verdicts]
        return answers.frame(((part.start + v.at + 1, None), v.state, v.code, v.message) for v in verdicts)

    def _since(self, item: Sent, *, over: bool) -> datetime:
        """Return from when a catalog read back counts: after the call, at the end of the time changes take."""
        if not over:
            return item.intent_at
        return item.intent_at + timedelta(seconds=self._account.profile.confirm.window_s.catalog)

    def _age(self, item: Sent) -> float:
        return (self._account.clock.now() - item.intent_at).total_seconds()

    def _pause(self, item: Sent) -> float:
        return turns.pause(item, self._account)

    # ---------------------------------------------------------------- webhook

    def hear(self, found: News) -> Mapping[str, Receipt]:
        """Take what the platform tells of a job by itself. Raises MayWorkLater when its log can't be fetched now.

        Where the log can't be tied to rows without the call at hand, the batch is asked about at once instead.
        """
        _remember(self._heard, found.job, found)
        if self._read_back.awaits(found.job):
            return {}  # a catalog that is read back: no batch has it as its ticket
        if found.job in self._parts:
            ticket = self._parts[found.job]
            return {ticket: Receipt(ticket, after=0.0)}
        return {found.job: self._spoken(found)}

    def _spoken(self, found: News) -> Receipt:
        wake = Receipt(found.job, after=0.0)
        if found.state == answers.FAILED:
            message = f"the job {found.job} failed"
            return Receipt(found.job, closed=True, rest=RowState.REFUSED, code="DEST_REFUSED_BATCH", message=message)
        vendor = self._vendor_of.get(found.job, self._account.settings.vendor_named(found.vendor))
        by_sku = self._account.profile.rest.fields.identifier == "sku"
        if found.state != answers.DONE or not found.url or not vendor or not by_sku:
            return wake
        try:
            body = self._calls.download(found.url)
        except Refused:
            return wake
        lines = answers.log(body, self._account.profile.jobs) or ()
        told = answers.outcomes(lines, lambda code: ((None, f"{code}{KEY_SEPARATOR}{vendor}"),))
        if told.height <= 1:
            return wake  # of a single product more is to be said than its log does
        told = told.with_columns(pl.concat_str(pl.lit(self._prefix(vendor)), "message").alias("message"))
        rest = RowState.ACCEPTED if self._account.profile.jobs.log_lists == "all" else RowState.APPLIED
        code = "DEST_NOT_CONFIRMED" if rest is RowState.ACCEPTED else ""
        message = _UNNAMED if rest is RowState.ACCEPTED else ""
        raw = ((f"catalog-log-{found.job}.csv", body),)
        return Receipt(found.job, closed=True, rest=rest, code=code, message=message, outcomes=told, raw=raw)

    def heard(self, job: str) -> News | None:
        """Return what was heard of a job."""
        return self._heard.get(job)


def _vendor(memo: Mapping[str, str]) -> str:
    """Return the vendor of a call; of several the first, who stands for all where the catalog is read back."""
    return memo.get("vendor") or memo.get("first") or memo["vendors"].split(LIST_SEPARATOR)[0]


def _remember(where: OrderedDict[str, _T], name: str, value: _T) -> None:
    where[name] = value
    while len(where) > _MOST_HEARD:
        where.popitem(last=False)
