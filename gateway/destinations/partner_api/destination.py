"""A chain of quick-commerce stores as destination: catalog updates and promotions, by calls or by files.

The modules beside this one say how a family is written (items, promotions, create, sheets), how calls under way are
followed (updates, campaigns, creations, drop), and how vendors' catalogs are read back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import ClassVar

import polars as pl

from gateway.destinations.partner_api import answers, items
from gateway.destinations.partner_api.calls import Calls, loaded
from gateway.destinations.partner_api.readback import ReadBack
from gateway.destinations.partner_api.settings import PartnerApiSettings
from gateway.destinations.partner_api.updates import Updates
from gateway.errors import SettingsError
from gateway.model import (
    UNKNOWN,
    Batch,
    Clock,
    Operation,
    Receipt,
    Reference,
    Sent,
    Spec,
    Verdict,
    no_issues,
)
from gateway.transport.http import Transport


def _operations(settings: PartnerApiSettings) -> tuple[Operation, ...]:
    """Return what can be written; what needs a price can be once the settings say on which basis prices are."""
    profile = settings.load_profile()
    return items.operations(settings, profile)


class PartnerApiDestination:
    """One chain. Holds no truth: what it remembers in memory only spares calls; what was sent lies in the archive."""

    SPEC: ClassVar[Spec] = Spec(
        name="partner_api",
        title="Partner API (quick-commerce stores: catalog and promotions, by calls or files)",
        settings=PartnerApiSettings,
        operations=_operations,
    )

    def __init__(
        self,
        settings: PartnerApiSettings,
        *,
        transport: Transport | None = None,
        clock: Clock,
        account: str,
        name: str,
        outside: Callable[[str], Transport] | None = None,
    ) -> None:
        if transport is None:
            raise SettingsError(f"Destination {name} needs an HTTP transport.", fix="Build it with http.connect.")
        self._settings = settings
        self._profile = settings.load_profile()
        self._clock = clock
        self._account = account
        self._name = name
        self._operations = self.SPEC.operations(settings)
        self._calls = Calls(settings, self._profile, transport, clock, outside)
        self._updates = Updates(
            self._calls, settings, self._profile, clock, ReadBack(self._calls, self._profile, clock)
        )

    @property
    def operations(self) -> tuple[Operation, ...]:
        """Operations under the present settings."""
        return self._operations

    @property
    def account(self) -> str:
        """The chain's account name."""
        return self._account

    def gather(self, operation: str, records: pl.DataFrame) -> Reference:
        """Nothing is read."""
        del operation, records
        return Reference()

    def check(self, operation: str, records: pl.DataFrame, reference: Reference, today: date) -> pl.DataFrame:
        """Return what the platform would not take."""
        del operation, records, reference, today
        return no_issues()

    def encode(self, operation: str, records: pl.DataFrame, reference: Reference) -> Iterator[Batch]:
        """Yield calls; the slot is one per vendor, whatever is written."""
        del reference
        self._known(operation)
        return items.encode(operation, records, self._account, self._settings, self._profile)

    def submit(self, batch: Batch) -> Receipt:
        """Send a batch. What is refused because of single rows is taken apart by `poll`."""
        return self._updates.submit(batch)

    def poll(self, sent: Sequence[Sent]) -> dict[int, Receipt]:
        """Follow what is under way and send what is left of calls taken apart."""
        return self._updates.poll(sent)

    def find(self, sent: Sent) -> Receipt | Verdict:
        """Nothing of ours names a call at the platform: without a ticket nobody can tell, and repeating is harmless."""
        if sent.ticket is not None:
            return Receipt(sent.ticket, after=self._profile.jobs.poll_after_s[0])
        return UNKNOWN

    def hear(self, body: bytes, headers: Mapping[str, str]) -> Mapping[str, Receipt]:
        """Read a delivery of the webhook: receipts by ticket; none where it is about no job (orders are not ours)."""
        del headers
        data = loaded(body)
        found = None if data is None else answers.news(data)
        if found is None or found.job == "" or found.state == "":
            return {}
        receipt = self._updates.hear(found)
        return {} if self._updates.known(found.job) else {found.job: receipt}

    def probe(self) -> str:
        """Ask whether the first vendor's outlet is open: credentials, chain and vendor in one cheap call."""
        name = next(iter(self._settings.vendors))
        told = self._calls.outlet(self._settings.vendor_id(name))
        state = told.get("status")
        shown = state if isinstance(state, str) else "known"
        return f"{self._name}: vendor {name} is {shown}; it is one of {len(self._settings.vendors)}"

    def close(self) -> None:
        """Give back connections."""
        self._calls.close()

    def _known(self, operation: str) -> None:
        names = dict.fromkeys(one.name for one in self._operations)
        if operation not in names:
            raise SettingsError(f"Destination {self._name} has no operation {operation!r}; it has: {', '.join(names)}.")
