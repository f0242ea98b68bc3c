"""A chain of quick-commerce stores as destination: catalog updates and promotions, by calls or by files.

The modules beside this one: the two ways (by_calls, by_files), how a family is written (items, create, promotions;
sheets, flyers), how what was sent is followed (updates, campaigns, drop), and how vendors' catalogs are read back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import ClassVar

import polars as pl

from gateway.destinations.partner_api import by_calls, by_files
from gateway.destinations.partner_api.account import Account
from gateway.destinations.partner_api.by_calls import ByCalls
from gateway.destinations.partner_api.by_files import ByFiles
from gateway.destinations.partner_api.settings import PartnerApiSettings
from gateway.errors import SettingsError
from gateway.model import UNKNOWN, Batch, Clock, Operation, Outgoing, Receipt, Reference, Sent, Spec, Verdict
from gateway.transport.http import Transport


def _operations(settings: PartnerApiSettings) -> tuple[Operation, ...]:
    profile = settings.load_profile()
    if settings.channel == "sftp":
        return by_files.operations(settings, profile)
    return by_calls.operations(settings, profile)


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
        self._account = Account(account, settings, settings.load_profile(), clock)
        self._name = name
        self._operations = self.SPEC.operations(settings)
        self._way: ByCalls | ByFiles
        if settings.channel == "sftp":
            calls = transport if settings.calls else None
            self._way = ByFiles(self._account, calls, outside)
        elif transport is None:
            raise SettingsError(f"Destination {name} needs an HTTP transport.", fix="Build it with http.connect.")
        else:
            self._way = ByCalls(self._account, transport, outside)

    @property
    def operations(self) -> tuple[Operation, ...]:
        """Operations under the present settings."""
        return self._operations

    @property
    def account(self) -> str:
        """The chain's account name."""
        return self._account.name

    def gather(self, operation: str, records: pl.DataFrame) -> Reference:
        """Recall what was sent of promotions; read categories for new products. Raises MayWorkLater."""
        return self._way.gather(operation, records)

    def check(self, operation: str, records: pl.DataFrame, reference: Reference, today: date) -> pl.DataFrame:
        """Return what the platform would not take."""
        del today
        return self._way.check(operation, records, reference)

    def encode(self, operation: str, records: pl.DataFrame, reference: Reference) -> Iterator[Batch]:
        """Yield calls or files."""
        names = dict.fromkeys(one.name for one in self._operations)
        if operation not in names:
            raise SettingsError(f"Destination {self._name} has no operation {operation!r}; it has: {', '.join(names)}.")
        return self._way.encode(operation, records, reference)

    def submit(self, batch: Batch) -> Receipt:
        """Send a call or upload a file."""
        return self._way.submit(batch)

    def poll(self, sent: Sequence[Sent]) -> dict[int, Receipt]:
        """Follow what is under way, and send what is left of it."""
        return self._way.poll(sent)

    def find(self, sent: Sent) -> Receipt | Verdict:
        """Nothing of ours names a call at the platform: without a ticket nobody can tell, and repeating is harmless."""
        if sent.ticket is not None:
            return Receipt(sent.ticket, after=self._account.profile.jobs.poll_after_s[0])
        return UNKNOWN

    def hear(self, body: bytes, headers: Mapping[str, str]) -> Mapping[str, Receipt]:
        """Read a delivery of the webhook: receipts by ticket. Raises MayWorkLater when a log can't be fetched now."""
        del headers
        return self._way.hear(body)

    def outgoing(self, batch: Batch) -> Sequence[Outgoing]:
        """Return the calls or files of a batch, in their order."""
        return self._way.outgoing(batch)

    def probe(self) -> str:
        """Say in one line that the account can be used: an outlet answers, the folders are there."""
        return f"{self._name}: {self._way.probe()}"

    def close(self) -> None:
        """Give back connections."""
        self._way.close()
