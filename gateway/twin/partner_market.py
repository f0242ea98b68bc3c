"""What happens inside the platform: jobs wait, run and end, assortments change, deliveries fall due."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from dataclasses import fields
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from gateway.errors import SettingsError
from gateway.twin.clock import TwinClock
from gateway.twin.keeping import keep, kept
from gateway.twin.partner_faults import PartnerFaults
from gateway.twin.partner_products import BadCallError
from gateway.twin.partner_settings import Chain, PartnerTwinSettings, Vendor
from gateway.twin.partner_state import Change, Delivery, Effect, Item, Job, PartnerState, Plan, Violation

Event = tuple[datetime, Callable[[datetime], None]]
"""Something that happens at a moment, told that moment."""

CATALOG = frozenset({"C1", "C3", "C5"})
"""Calls whose jobs the webhook is told about (testing the integration; verified of C1 and C3, inferred of C5)."""


class Market:
    """Assortments, jobs and promotions of all chains. Safe to use from several threads; every change is saved.

    Things happen when their time has come, seen from whoever looks next. `endings` say what a job of each call does.
    """

    def __init__(
        self, settings: PartnerTwinSettings, clock: TwinClock, faults: PartnerFaults, state_file: Path | None
    ) -> None:
        self.settings, self.clock, self.faults = settings, clock, faults
        self.lock = threading.RLock()
        self.state = PartnerState() if state_file is None else kept(state_file, PartnerState)
        self.told: Callable[[Job], bool] = bool
        """Whether anybody is told about a job: whether its chain has a webhook."""
        self._file = state_file
        self._endings: dict[str, Callable[[Job, datetime], None]] = {}
        self._sources: list[Callable[[datetime], Iterable[Event]]] = []

    def ends(self, call: str, ending: Callable[[Job, datetime], None]) -> None:
        """Let jobs of a call end this way: it sets their state and results."""
        self._endings[call] = ending

    def adds(self, source: Callable[[datetime], Iterable[Event]]) -> None:
        """Let something else happen too."""
        self._sources.append(source)

    # ------------------------------------------------------------ jobs

    def begin(self, call: str, chain_id: str, vendor_id: str = "", body: bytes = b"", queued: float = -1.0) -> Job:
        """Take work; `queued`: twin seconds until it runs, else the settings' own."""
        settings, faults = self.settings, self.faults
        with self.lock:
            self.settle()
            now = self.clock.now()
            start = self._start(call, chain_id, vendor_id, now)
            runs_at = self.clock.later(start, settings.queued_seconds if queued < 0 else queued)
            extra = faults.late_seconds if faults.strikes("late_job", call) else 0.0
            ends_at = self.clock.later(runs_at, settings.running_seconds + extra)
            job = Job(
                str(uuid.uuid4()), call, chain_id, vendor_id, now, runs_at, ends_at, body.decode("utf-8", "replace"),
                plan=self._plan(call),
                gzipped=settings.gzip or faults.strikes("gzipped", call),
                signed=settings.downloads == "signed" or faults.strikes("signed", call),
                log_missing=faults.strikes("log_missing", call),
                log_short=faults.strikes("log_short", call),
            )  # fmt: skip
            if faults.strikes("never_ends", call):
                job.ends_at = None
            self._overtake(job)
            self.state.jobs[job.job_id] = job
            self.save()
        return job

    def _plan(self, call: str) -> Plan:
        if self.faults.strikes("fails", call):
            return "fail"
        return "refuse" if self.faults.strikes("refuses", call) else "apply"

    def under_way(self, call: str, chain_id: str, vendor_id: str) -> list[Job]:
        """Jobs of a vendor that have not ended."""
        jobs = self.state.jobs.values()
        return [one for one in jobs if not one.state and (one.call, one.chain_id, one.vendor_id) == (
            call, chain_id, vendor_id)]  # fmt: skip

    def _start(self, call: str, chain_id: str, vendor_id: str, now: datetime) -> datetime:
        ends = [one.ends_at for one in self.under_way(call, chain_id, vendor_id) if one.ends_at]
        return max([now, *ends]) if self.settings.overlap == "queue" and call == "C1" else now

    def _overtake(self, job: Job) -> None:
        """Note a second job of a vendor and let the earlier one end after it, so that the older value stays."""
        earlier = self.under_way("C1", job.chain_id, job.vendor_id) if job.call == "C1" else []
        if not earlier:
            return
        self.note("overlap", job.vendor_id, f"job {job.job_id} was sent while {earlier[-1].job_id} was under way")
        if self.settings.overlap == "overtake" and job.ends_at is not None:
            for place, one in enumerate(earlier, start=1):
                if one.ends_at is not None:
                    one.ends_at = max(one.ends_at, self.clock.later(job.ends_at, place))

    def finish(self, job: Job, at: datetime) -> None:
        """End a job at once, whatever its time."""
        with self.lock:
            job.ends_at = at
            self._end(job, at)
            self.save()

    def _end(self, job: Job, at: datetime) -> None:
        job.runs_at = min(job.runs_at, at)
        if job.plan == "fail":
            job.state = "FAILED"
        else:
            try:
                self._endings[job.call](job, at)
            except BadCallError:
                job.state = "FAILED"  # taken under other settings, before a restart
        job.body = ""
        if job.changes:
            job.shown_at = self.clock.later(at, self.settings.storefront_seconds)
            if job.shown_at <= at:
                self._show(job, at)
        if job.call in CATALOG and self.told(job):
            self._announce(job, at)

    def _show(self, job: Job, at: datetime) -> None:
        self.apply(job.chain_id, job.vendor_id, job.changes, job.job_id, at)
        job.changes, job.shown_at = [], None

    def _announce(self, job: Job, at: datetime) -> None:
        """Plan the delivery about a job, and what goes wrong with it."""
        strikes = self.faults.strikes
        if strikes("hook_lost", job.call):
            self._deliver(job, at).state = "lost"
            return
        due = self.clock.later(at, self.faults.late_seconds) if strikes("hook_late", job.call) else at
        first = self._deliver(job, due)
        first.wrong_secret, first.garbage = strikes("hook_wrong_secret", job.call), strikes("hook_garbage", job.call)
        if strikes("hook_swapped", job.call):
            first.after = first.number + 1
        if strikes("hook_twice", job.call):
            self._deliver(job, due)
        if strikes("hook_foreign", job.call):
            self._deliver(job, due).foreign = True

    def _deliver(self, job: Job, due: datetime) -> Delivery:
        delivery = Delivery(len(self.state.deliveries) + 1, job.job_id, job.chain_id, due)
        self.state.deliveries.append(delivery)
        return delivery

    def word(self, job: Job) -> str:
        """The job's present state (testing the integration; verified)."""
        if job.state:
            return job.state
        queued = self.clock.now() < job.runs_at or job.call == "P1"  # promotions have no second state (live-reported)
        return "QUEUED" if queued else "IN_PROGRESS"

    def find(self, job_id: str) -> Job | None:
        """The job of that id, brought up to date; None when there is none."""
        with self.lock:
            self.settle()
            return self.state.jobs.get(job_id)

    # ------------------------------------------------------------ time

    def settle(self) -> None:
        """Let everything happen whose time has come, in the order of time."""
        with self.lock:
            now, happened = self.clock.now(), False
            # One at a time: what happens may put off or bring about what comes next.
            while due := min(self._due(now), key=lambda event: event[0], default=None):
                due[1](due[0])
                happened = True
            if happened:
                self.save()

    def _due(self, now: datetime) -> Iterator[Event]:
        for job in self.state.jobs.values():
            if not job.state and job.ends_at is not None and job.ends_at <= now:
                yield job.ends_at, partial(self._end, job)
            if job.shown_at is not None and job.shown_at <= now:
                yield job.shown_at, partial(self._show, job)
        for source in self._sources:
            yield from source(now)

    # ------------------------------------------------------------ assortments

    def apply(self, chain_id: str, vendor_id: str, changes: Iterable[Change], source: str, at: datetime) -> None:
        """Change products of a vendor and note what was set."""
        shelf = self.state.shelf(chain_id, vendor_id)
        for change in changes:
            item = shelf.get(change.sku)
            for name in ("price", "active", "quantity", "maximum") if item is not None else ():
                value = getattr(change, name)
                if value is not None:
                    self.effect(chain_id, vendor_id, change.sku, source, at, name, value, getattr(item, name))
                    setattr(item, name, value)

    def effect(
        self, chain_id: str, vendor_id: str, sku: str, source: str, at: datetime, name: str, value: Any, before: Any
    ) -> None:
        """Write a line of the audit."""
        self.state.effects.append(Effect(at, chain_id, vendor_id, sku, source, name, _word(value), _word(before)))

    def shelf(self, chain_id: str, vendor_id: str) -> Mapping[str, Item]:
        """A copy of a vendor's assortment by sku, brought up to date."""
        with self.lock:
            self.settle()
            return {sku: copy(item) for sku, item in self.state.shelf(chain_id, vendor_id).items()}

    def put(self, chain: Chain, vendor: Vendor, items: Iterable[Item]) -> None:
        """Put products into a vendor's assortment, or replace them."""
        with self.lock:
            self.settle()
            for item in items:
                self.state.shelf(chain.chain_id, vendor.vendor_id)[item.sku] = copy(item)
            self.save()

    def alter(self, chain: Chain, vendor: Vendor, sku: str, **values: object) -> None:
        """Change a product behind everybody's back. Raises SettingsError for an unknown sku or field."""
        with self.lock:
            self.settle()
            item = self.state.shelf(chain.chain_id, vendor.vendor_id).get(sku)
            names = [each.name for each in fields(Item)]
            if item is None or not set(values) <= set(names):
                raise SettingsError(f"The twin's vendor {vendor.vendor_id} has no {sku!r} with {sorted(values)}.")
            for name, value in values.items():
                setattr(item, name, value)
            self.save()

    def note(self, kind: str, place: str, detail: str) -> None:
        """Note something that a partner must not do."""
        with self.lock:
            self.state.violations.append(Violation(self.clock.now(), kind, place, detail))

    def save(self) -> None:
        """Write the state file, where there is one."""
        if self._file is not None:
            keep(self._file, self.state)


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
