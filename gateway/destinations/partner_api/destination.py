"""A chain of quick-commerce stores as destination: catalog updates and promotions, by calls or by files.

The modules beside this one say how a family is written (items, promotions, create, sheets), how calls under way are
followed (updates, campaigns, creations, drop), and how vendors' catalogs are read back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import ClassVar

import polars as pl

from gateway.destinations._categories import categories
from gateway.destinations.partner_api import answers, create, items, promotions
from gateway.destinations.partner_api.calls import Calls, loaded
from gateway.destinations.partner_api.campaigns import Campaigns
from gateway.destinations.partner_api.memory import Memory
from gateway.destinations.partner_api.readback import ReadBack
from gateway.destinations.partner_api.settings import PartnerApiSettings
from gateway.destinations.partner_api.updates import Updates
from gateway.errors import GatewayError, MayWorkLater, Refused, SettingsError
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
    more = (create.operation(settings, profile), promotions.operation(settings, profile))
    return (*items.operations(settings, profile), *(one for one in more if one is not None))


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
        self._categories = categories(settings.categories)
        self._calls = Calls(settings, self._profile, transport, clock, outside)
        self._updates = Updates(
            self._calls, settings, self._profile, clock, ReadBack(self._calls, self._profile, clock)
        )
        self._memory = Memory(settings.archive, account, settings.channel)
        self._campaigns = Campaigns(self._calls, settings, self._profile, clock, self._memory)

    @property
    def operations(self) -> tuple[Operation, ...]:
        """Operations under the present settings."""
        return self._operations

    @property
    def account(self) -> str:
        """The chain's account name."""
        return self._account

    def gather(self, operation: str, records: pl.DataFrame) -> Reference:
        """Recall what was sent of promotions; read categories for new products. Raises MayWorkLater."""
        del records
        now = self._clock.now()
        if operation == promotions.OPERATION:
            return Reference(now, {promotions.REMEMBERED: self._memory.promotions(now)})
        if operation == create.OPERATION and self._categories is None:
            vendor = self._settings.vendor_id(next(iter(self._settings.vendors)))
            return Reference(now, {create.CATEGORIES: create.categories(self._calls.categories(vendor))})
        return Reference()

    def check(self, operation: str, records: pl.DataFrame, reference: Reference, today: date) -> pl.DataFrame:
        """Return what the platform would not take."""
        del today
        if operation == promotions.OPERATION:
            return promotions.check(records, self._settings, self._profile)
        if operation == create.OPERATION:
            return create.check(records, reference, self._categories)
        return no_issues()

    def encode(self, operation: str, records: pl.DataFrame, reference: Reference) -> Iterator[Batch]:
        """Yield calls; the slot is one per vendor, whatever is written of its catalog, and one per promotion."""
        self._known(operation)
        if operation == promotions.OPERATION:
            return promotions.encode(records, reference, self._account, self._settings, self._profile)
        if operation == create.OPERATION:
            return create.encode(records, reference, self._categories, self._settings, self._profile)
        return items.encode(operation, records, self._account, self._settings, self._profile)

    def submit(self, batch: Batch) -> Receipt:
        """Send a batch. What is refused because of single rows is taken apart by `poll`."""
        return self._of(batch.operation).submit(batch)

    def poll(self, sent: Sequence[Sent]) -> dict[int, Receipt]:
        """Follow what is under way and send what is left of calls taken apart.

        Trouble with promotions leaves the catalog be, and the other way round. Raises when nothing was learnt of any.
        """
        receipts: dict[int, Receipt] = {}
        trouble: GatewayError | None = None
        for followed in (self._updates, self._campaigns):
            mine = [item for item in sent if self._of(item.operation) is followed]
            try:
                receipts |= followed.poll(mine)
            except (MayWorkLater, Refused) as error:
                trouble = error
        if trouble is not None and not receipts:
            raise trouble
        return receipts

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

    def _of(self, operation: str) -> Updates | Campaigns:
        return self._campaigns if operation == promotions.OPERATION else self._updates

    def _known(self, operation: str) -> None:
        names = dict.fromkeys(one.name for one in self._operations)
        if operation not in names:
            raise SettingsError(f"Destination {self._name} has no operation {operation!r}; it has: {', '.join(names)}.")
