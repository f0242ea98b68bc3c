"""Sends batches call by call until every row has its own answer: halves of what is refused, again what failed.

A call answers for all rows in it, so a refused call of many is sent again in halves. What was answered is remembered
until the batch ends: one that has to wait in the middle goes on where it stopped. Lost with the process, it only costs
calls that are harmless to repeat.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import polars as pl

from gateway.destinations.sellerscommerce.answers import Answer, Meaning
from gateway.destinations.sellerscommerce.bodies import lines
from gateway.destinations.sellerscommerce.calls import Calls
from gateway.destinations.sellerscommerce.endpoints import WRITES, Endpoint
from gateway.destinations.sellerscommerce.inside import LEVELS, Inside
from gateway.destinations.sellerscommerce.known import Known
from gateway.destinations.sellerscommerce.making import BEFORE, Making, making, wanted
from gateway.destinations.sellerscommerce.settings import SellersCommerceSettings
from gateway.errors import Unreachable
from gateway.model import OUTCOME_SCHEMA, Batch, Outgoing, Receipt, RowState

_FIRST_WAIT = 1.0
_CATEGORY_FAILED = 36
_RAW_MOST = 200
"""Refusals kept with the run as they came."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one call ended for what was in it."""

    meaning: Meaning
    text: str = ""

    @property
    def refused(self) -> bool:
        """Whether the rows were not taken."""
        return self.meaning is Meaning.REFUSED


@dataclass(slots=True)
class _Progress:
    """What is known of a batch under way: the verdict of each call, and how often each was tried."""

    digest: str
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    tries: dict[str, int] = field(default_factory=dict)
    refusals: list[dict[str, str]] = field(default_factory=list)
    making: Making | None = None
    """Which categories are made: decided once, as calls are told apart by their places."""


class Sending:
    """Sends batches of one store. One batch of a slot at a time: the slot sees to that."""

    def __init__(self, calls: Calls, settings: SellersCommerceSettings, known: Known) -> None:
        self._calls = calls
        self._settings = settings
        self._known, self._wrote = known, known.wrote
        self._inside = Inside(known)
        self._under_way: dict[str, _Progress] = {}
        self._lock = threading.Lock()

    def submit(self, batch: Batch) -> Receipt:
        """Send the batch. Raises what the transport raises; the same batch sent again goes on where it stopped."""
        progress = self._progress(batch)
        work = _Work(self._calls, self._settings, progress, self._inside, self._known, first=batch.operation == "stock")
        items = lines(batch.body)
        to = batch.memo["to"]
        try:
            if to == "product":
                verdicts = work.products(items, batch.memo)
            else:
                verdicts = work.rows(WRITES[to], items, single=batch.memo["body"] == "single")
        finally:
            self._wrote(to)
            if progress.making is not None and progress.making.items:
                self._wrote("category")
        with self._lock:
            self._under_way.pop(batch.slot, None)
        outcomes = [_outcome(line, one, self._settings) for line, one in enumerate(verdicts, start=1)]
        told = pl.DataFrame([one for one in outcomes if one], schema=OUTCOME_SCHEMA, orient="row")
        raw = json.dumps(progress.refusals, indent=1, ensure_ascii=False).encode()
        return Receipt(
            ticket=f"{batch.operation}-{progress.digest[:12]}",
            closed=True,
            rest=RowState.APPLIED,
            outcomes=told if told.height else None,
            raw=(("refused.json", raw),) if progress.refusals else (),
        )

    def _progress(self, batch: Batch) -> _Progress:
        content = json.dumps([batch.operation, dict(sorted(batch.memo.items()))]).encode() + batch.body
        digest = hashlib.sha256(content).hexdigest()
        with self._lock:
            known = self._under_way.get(batch.slot)
            if known is None or known.digest != digest:
                known = self._under_way[batch.slot] = _Progress(digest)
            return known


def outgoing(batch: Batch) -> list[Outgoing]:
    """Return the calls of a batch where none is refused: a row each, or all in one; products with what goes around."""
    items, to = lines(batch.body), batch.memo["to"]
    if to != "product":
        return _sheet(to, items) if batch.memo["body"] == "list" else [_one(to, item) for item in items]
    counts = [int(count) for count in batch.memo["rows"].split(",")]
    before = lines(batch.memo.get(BEFORE, "[]").encode())
    after = [item for _, item in json.loads(batch.memo.get("after", "[]"))]
    products = [_one(to, item, count) for item, count in zip(items, counts, strict=True)]
    return [*_sheet("category", before, 0), *products, *_sheet("link", after, 0)]


def _one(to: str, item: str, records: int = 1) -> Outgoing:
    endpoint = WRITES[to]
    return Outgoing(f"{endpoint.method} {endpoint.path}", item.encode(), records)


def _sheet(to: str, items: Sequence[str], records: int | None = None) -> list[Outgoing]:
    return [_one(to, _listed(items), len(items) if records is None else records)] if items else []


def _listed(items: Sequence[str]) -> str:
    return "[" + ",".join(items) + "]"


@dataclass(frozen=True, slots=True)
class _Work:
    """One batch being sent."""

    calls: Calls
    settings: SellersCommerceSettings
    progress: _Progress
    inside: Inside
    known: Known
    first: bool

    def rows(self, endpoint: Endpoint, items: Sequence[str], *, single: bool) -> list[Verdict]:
        """Send rows one by one or many at a time; one verdict per row."""
        if single:
            return [self._call(endpoint, item, f"{endpoint.path} {n}") for n, item in enumerate(items)]
        return self._many(endpoint, items, 0) if items else []

    def _many(self, endpoint: Endpoint, items: Sequence[str], start: int, *, whole: bool = True) -> list[Verdict]:
        name = f"{endpoint.path} {start}-{start + len(items)}"
        # Halves of what failed again and again are not waited for: they only tell which rows it is.
        verdict = self._call(endpoint, _listed(items), name, patient=whole)
        if not verdict.refused or len(items) == 1 or self.settings.on_batch_error == "fail_all":
            return [verdict] * len(items)
        half = (len(items) + 1) // 2
        left = self._many(endpoint, items[:half], start, whole=False)
        return left + self._many(endpoint, items[half:], start + half, whole=False)

    def products(self, items: Sequence[str], memo: Mapping[str, str]) -> list[Verdict]:
        """Send missing categories, each product, and its links; one verdict per row of the products."""
        making = self._making(memo)
        before = self.rows(WRITES["category"], making.items, single=False)
        self.known.made(one for one, told in zip(making.made, before, strict=False) if not told.refused)
        lost = next((one.text for one in before if one.refused), "")
        verdicts = []
        for number, item in enumerate(items):
            if number in making.refused:
                verdicts.append(Verdict(Meaning.REFUSED, making.refused[number]))
                continue
            one = self._product(item, f"product {number}", memo.get(LEVELS, ""), len(items) - number)
            if one.refused and lost:
                one = Verdict(one.meaning, f"{one.text} (a category could not be made: {lost})")
            verdicts.append(one)
        verdicts = self._linked(verdicts, json.loads(memo.get("after", "[]")))
        counts = [int(count) for count in memo["rows"].split(",")]
        return [one for one, count in zip(verdicts, counts, strict=True) for _ in range(count)]

    def _making(self, memo: Mapping[str, str]) -> Making:
        """Decide which categories are made by what the store has now. Raises what reading the store raises."""
        if self.progress.making is None:
            codes = [one.code for one in wanted(memo)]
            self.progress.making = making(memo, self.known.categories_now(codes) if codes else ())
        return self.progress.making

    def _linked(self, verdicts: list[Verdict], after: Sequence[tuple[int, str]]) -> list[Verdict]:
        wanted = [(number, item) for number, item in after if not verdicts[number].refused]
        told = self.rows(WRITES["link"], [item for _, item in wanted], single=False)
        for (number, _), one in zip(wanted, told, strict=True):
            if one.refused and not verdicts[number].refused:
                verdicts[number] = Verdict(
                    one.meaning, f"the product was written, its category was not linked: {one.text}"
                )
        return verdicts

    def _product(self, item: str, name: str, rule: str, ahead: int) -> Verdict:
        """Send one product with the levels of now, or remember how it ended."""
        if name in self.progress.verdicts:
            return self.progress.verdicts[name]
        with self.inside.product(item, rule, ahead) as anew:
            return self._call(WRITES["product"], anew, name)

    def _apart(self, endpoint: Endpoint) -> AbstractContextManager[None]:
        """Keep products from passing prices."""
        if endpoint == WRITES["price"]:
            return self.inside.prices(lambda: self.known.wrote("price"))
        return nullcontext()

    def _call(self, endpoint: Endpoint, body: str, name: str, *, patient: bool = True) -> Verdict:
        """Send one call, or remember how it ended. Raises Unreachable while it is to be tried again."""
        known = self.progress.verdicts.get(name)
        if known is not None:
            return known
        with self._apart(endpoint):
            answer = self.calls.post(endpoint, body.encode(), first=self.first)
        verdict = self._verdict(answer, name, patient=patient)
        if verdict.refused and len(self.progress.refusals) < _RAW_MOST:
            self.progress.refusals.append({"call": name, "answer": answer.text()})
        self.progress.verdicts[name] = verdict
        return verdict

    def _verdict(self, answer: Answer, name: str, *, patient: bool) -> Verdict:
        meaning = answer.meaning()
        if meaning is not Meaning.AGAIN:
            return Verdict(meaning, answer.text())
        tried = self.progress.tries[name] = self.progress.tries.get(name, 0) + 1
        most = self.settings.category_tries if answer.code == _CATEGORY_FAILED else self.settings.process_tries
        if patient and tried < most:
            wait = _FIRST_WAIT * 2 ** (tried - 1)
            raise Unreachable(f"The store failed: {answer.text()}.", fix="The call is sent again.", after=wait)
        return Verdict(Meaning.REFUSED, answer.text())


def _outcome(
    line: int, verdict: Verdict, settings: SellersCommerceSettings
) -> tuple[int, None, str, str, str, None] | None:
    """Return what is to be said of a row; None for one that was simply taken."""
    if verdict.refused:
        return line, None, str(RowState.REFUSED), "DEST_REFUSED", verdict.text, None
    if verdict.meaning is Meaning.THERE:
        state = RowState.APPLIED if settings.exists_is_success else RowState.SKIPPED
        return line, None, str(state), "DEST_WARNING", verdict.text, None
    return None
