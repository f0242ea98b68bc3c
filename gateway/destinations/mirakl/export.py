"""Exports of a shop's offers: OF52 begins one, OF53 tells its state, OF54 are its files.

Source: Mirakl seller API documentation, OF52 to OF54: a full export once a day, one of changes once a minute, its state
every 10 s; changes include inactive and deleted offers (verified). The key goes to our own host only: of the addresses
given, path and query are used (inferred; the samples name http addresses).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

from gateway.destinations.mirakl import offers_read
from gateway.destinations.mirakl.calls import Api, Calls, Json, text, wire_time
from gateway.destinations.mirakl.imports import below
from gateway.destinations.mirakl.offers_read import Known
from gateway.destinations.mirakl.settings import MiraklSettings
from gateway.errors import MayWorkLater, OutcomeUnknown, Refused, Throttled, Unreachable

_PATH = "/api/offers/export/async"
_OVERLAP = timedelta(minutes=5)
"""How much further back changes are asked for than the last export: clocks differ, and exports take time."""
_STALE = timedelta(hours=2)
"""An export that is under way for longer is given up."""
_CHUNK_ITEMS, _CHUNK_MEGABYTES = 10_000, 10
"""The least the call takes: chunks are read one by one."""


@dataclass(slots=True)
class _Running:
    tracking: str
    begun: datetime
    full: bool


@dataclass(frozen=True, slots=True)
class _Base:
    begun: datetime
    known: Known


class Exports:
    """Exports of one shop: one full export is the base that exports of changes are laid over."""

    def __init__(self, calls: Calls, settings: MiraklSettings) -> None:
        self._calls = calls
        self._settings = settings
        self._full = Api("OF52-full", _PATH, settings.export_full_interval)
        self._changes = Api("OF52", _PATH, settings.export_interval)
        self._state = Api("OF53", f"{_PATH}/status", settings.export_status_interval)
        self._running: _Running | None = None
        self._base: _Base | None = None

    @property
    def under_way(self) -> bool:
        """Whether an export runs or has given a base: the next reading costs less by this way."""
        return self._running is not None or self._base is not None

    def read(self, written: datetime | None) -> tuple[datetime, Known]:
        """Return all offers by an export that began after `written`, and when it began.

        Raises MayWorkLater while it is being made, Throttled only where no full export may be begun now.
        """
        now = self._calls.clock.now()
        running = self._running
        if running is not None and now - running.begun > _STALE:
            running = None
        if running is not None and not running.full and written is not None and running.begun <= written:
            running = None
        if running is None:
            running = self._running = self._begin(now)
            raise self._later("is being made")
        try:
            known = self._fetch(running)
        except Throttled as error:
            raise self._later("can't be asked for yet", error.after) from error
        self._running = None
        if not running.full and self._base is not None:
            known = self._base.known.under(known)
        self._base = _Base(running.begun, known)
        if written is not None and running.begun <= written:
            return self.read(written)
        return running.begun, known

    def _begin(self, now: datetime) -> _Running:
        body: dict[str, object] = {
            "export_type": "application/json",
            "items_per_chunk": _CHUNK_ITEMS,
            "megabytes_per_chunk": _CHUNK_MEGABYTES,
        }
        if self._settings.export_fields:
            body["include_fields"] = list(self._settings.export_fields)
        base = self._base
        if base is None:
            # Only a full export takes this field: one of changes fails with it, and has inactive offers anyway.
            body["include_inactive_offers"] = True
        else:
            body["last_request_date"] = wire_time(base.begun - _OVERLAP + timedelta(seconds=self._calls.skew))
        try:
            answer = self._calls.post_json(self._full if base is None else self._changes, body)
        except OutcomeUnknown as error:
            # A repeat of the same request gives back the same export.
            raise Unreachable(str(error), fix="It is asked again later by itself.") from error
        except Throttled as error:
            if base is None:
                raise
            raise self._later("of changes can't be begun yet", error.after) from error
        tracking = text(answer.get("tracking_id"))
        if tracking is None:
            raise Unreachable("The marketplace began an export of offers but named no tracking id.")
        return _Running(tracking, now, full=base is None)

    def _fetch(self, running: _Running) -> Known:
        state = self._calls.read(below(self._state, running.tracking))
        word = text(state.get("status"))
        if word == "FAILED":
            self._running = None
            raise Unreachable(f"The export of offers failed: {_reason(state)}.", fix="It is begun again by itself.")
        if word != "COMPLETED":
            raise self._later(f"has the state {word}")
        urls = state.get("urls")
        parts = [self._chunk(url) for url in (urls if isinstance(urls, list) else [])]
        return offers_read.joined(parts)

    def _chunk(self, url: object) -> Known:
        try:
            parts = urlsplit(str(url))
        except ValueError as error:
            raise Unreachable("A file of the export of offers has an address that is no address.") from error
        ours = urlsplit(self._settings.host)
        if parts.hostname is not None and parts.hostname != ours.hostname:
            raise Refused(
                f"The export of offers lies at {parts.hostname}, another host than {ours.hostname}: the key is not "
                "sent there.",
                fix='Set offers_from = "list", or ask the operator.',
                status="host",
            )
        answer = self._calls.get(Api("OF54", parts.path), tuple(parse_qsl(parts.query)), accept="*/*")
        try:
            return offers_read.from_export(offers_read.parsed(answer.body))
        except ValueError as error:
            raise Unreachable("A file of the export of offers is not the JSON asked for.") from error

    def _later(self, what: str, after: float | None = None) -> MayWorkLater:
        return MayWorkLater(
            f"The export of the shop's offers {what}.",
            fix="It is asked for again by itself.",
            after=self._settings.export_status_interval if after is None else after,
        )


def _reason(state: Json) -> str:
    error = state.get("error")
    return (text(error.get("detail")) if isinstance(error, dict) else None) or "no reason given"
