"""Reads what the shop has: few offers one by one, more by the list (OF21), many by exports (OF52 to OF54).

Source: Mirakl seller API documentation, OF21 and OF52 to OF54, with their limits (verified). Reading may take several
turns; what was read so far is kept, dated, in this process only.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import polars as pl

from gateway.destinations.mirakl import offers_read
from gateway.destinations.mirakl.calls import PAGE, Api, Calls
from gateway.destinations.mirakl.export import Exports
from gateway.destinations.mirakl.offers_read import Known
from gateway.destinations.mirakl.settings import MiraklSettings
from gateway.errors import MayWorkLater, Throttled, Unreachable, WillNeverWork

_PATH = "/api/offers"
_PAGES_PER_TURN = 200
"""After so many pages the lane is given back for others to go on."""
_LONGEST_WAIT = 300.0
"""Seconds until the next call that a person is let wait for."""
_STALE = timedelta(hours=2)
"""A reading that was begun longer ago is begun again."""


@dataclass(slots=True)
class _Pages:
    """A reading of the list that is under way."""

    begun: datetime
    parts: list[Known] = field(default_factory=list)
    offset: int = 0
    total: int | None = None


@dataclass(frozen=True, slots=True)
class _Whole:
    """Everything the shop had at a time."""

    begun: datetime
    done: datetime
    known: Known


class OffersKnown:
    """What is known of one shop's offers."""

    def __init__(self, calls: Calls, settings: MiraklSettings) -> None:
        self._calls = calls
        self._settings = settings
        self._list = Api("OF21", _PATH, settings.offers_interval)
        self._exports = Exports(calls, settings)
        self._lock = threading.Lock()
        self._single: dict[str, tuple[datetime, Known]] = {}
        self._pages: _Pages | None = None
        self._whole: _Whole | None = None
        self._written: datetime | None = None

    def written(self) -> None:
        """Note that offers or prices were written: what was read before is not believed any more."""
        self._written = self._calls.clock.now()

    def of(self, skus: Sequence[str], *, exported: bool) -> tuple[datetime, Known]:
        """Return what the shop has of these codes, and when that was.

        `exported`: prices of single customers exist, which only exports show. Raises MayWorkLater: the reading goes on.
        """
        with self._lock:
            way = self._settings.offers_from
            if len(skus) <= self._settings.lookup_most and way != "export" and not (exported and way == "auto"):
                return self._one_by_one(skus)
            whole = self._all(exported=exported)
        return whole.begun, whole.known.only(pl.Series(skus, dtype=pl.String))

    def listed(self) -> Known:
        """Return all the shop has, read anew by the list however long it takes; for who waits for it."""
        parts: list[Known] = []
        total = 1
        while (offset := PAGE * len(parts)) < total:
            try:
                found, total = self._page((), offset)
            except Throttled as error:
                if error.after is None or error.after > _LONGEST_WAIT:
                    raise
                self._calls.clock.sleep(error.after)
                continue
            parts.append(found)
        return offers_read.joined(parts)

    # ---- few

    def _one_by_one(self, skus: Sequence[str]) -> tuple[datetime, Known]:
        self._single = {sku: one for sku, one in self._single.items() if self._fresh(one[0], one[0])}
        for sku in skus:
            if sku not in self._single:
                now = self._calls.clock.now()
                found, _ = self._page((("sku", sku),), 0)
                self._single[sku] = (now, found.only(pl.Series([sku])))
        chosen = [self._single[sku] for sku in skus]
        now = self._calls.clock.now()
        return min((at for at, _ in chosen), default=now), offers_read.joined([known for _, known in chosen])

    def _page(self, query: tuple[tuple[str, str], ...], offset: int) -> tuple[Known, int]:
        paging = (("max", str(PAGE)), ("offset", str(offset)), ("sort", "productTitle"))
        answer = self._calls.get(self._list, (*query, *paging))
        try:
            document = offers_read.parsed(answer.body)
            # Without its total a list of many pages would be taken for one: what is left out would be new offers.
            return offers_read.from_list(document["offers"]), int(document["total_count"])
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise Unreachable(
                "The marketplace answered something that is not the list of offers expected.",
                fix="It is asked again later by itself; check the host name if it stays so.",
            ) from error

    # ---- many

    def _all(self, *, exported: bool) -> _Whole:
        if self._whole is not None and self._fresh(self._whole.begun, self._whole.done):
            return self._whole
        way = self._settings.offers_from
        if way == "export" or (way == "auto" and (exported or self._exports.under_way)):
            try:
                return self._export()
            except (Throttled, WillNeverWork):
                if way == "export" or exported:
                    raise
        return self._read_list(way)

    def _export(self) -> _Whole:
        begun, known = self._exports.read(self._written)
        self._whole = _Whole(begun, self._calls.clock.now(), known)
        return self._whole

    def _read_list(self, way: str) -> _Whole:
        pages = self._pages
        if pages is None or not self._believed(pages.begun):
            pages = self._pages = _Pages(self._calls.clock.now())
        for _ in range(_PAGES_PER_TURN):
            found, pages.total = self._page((), pages.offset)
            pages.parts.append(found)
            pages.offset += PAGE
            if pages.offset >= pages.total:
                self._pages = None
                self._whole = _Whole(pages.begun, self._calls.clock.now(), offers_read.joined(pages.parts))
                return self._whole
            if way == "auto" and pages.offset == PAGE and pages.total > self._settings.list_most:
                try:
                    return self._export()
                except (Throttled, WillNeverWork):  # no full export is allowed now: the list is longer, but it works
                    continue
        raise MayWorkLater(
            f"{pages.offset} of {pages.total} offers of the shop have been read.",
            fix="It goes on by itself.",
            after=0.5,
        )

    def _fresh(self, begun: datetime, done: datetime) -> bool:
        age = (self._calls.clock.now() - done).total_seconds()
        return self._believed(begun) and age <= self._settings.known_for

    def _believed(self, begun: datetime) -> bool:
        """Whether a reading is not of before our last write, nor left over from long ago."""
        if self._written is not None and begun <= self._written:
            return False
        return self._calls.clock.now() - begun <= _STALE
