"""The way by calls: catalog updates, new products and promotions over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import polars as pl

from gateway.destinations._categories import categories
from gateway.destinations.partner_api import answers, create, items, promotions
from gateway.destinations.partner_api.account import Account
from gateway.destinations.partner_api.calls import Calls, loaded
from gateway.destinations.partner_api.campaigns import Campaigns
from gateway.destinations.partner_api.memory import Memory
from gateway.destinations.partner_api.profile import Profile
from gateway.destinations.partner_api.readback import ReadBack
from gateway.destinations.partner_api.settings import PartnerApiSettings
from gateway.destinations.partner_api.updates import Updates
from gateway.errors import GatewayError, MayWorkLater, Refused
from gateway.model import Batch, Operation, Outgoing, Receipt, Reference, Sent, no_issues
from gateway.transport.http import Transport


def operations(settings: PartnerApiSettings, profile: Profile) -> tuple[Operation, ...]:
    """Return what calls can write; what needs a price can be once the settings say on which basis prices are."""
    more = (create.operation(settings, profile), promotions.operation(settings, profile))
    return (*items.operations(settings, profile), *(one for one in more if one is not None))


class ByCalls:
    """Calls of one chain."""

    def __init__(
        self,
        account: Account,
        transport: Transport,
        outside: Callable[[str], Transport] | None,
    ) -> None:
        self._account = account
        self._categories = categories(account.settings.categories, f"destinations.{account.name}.categories")
        self._calls = Calls(account, transport, outside)
        self._memory = Memory(account.settings.archive, account.name, "rest")
        self._updates = Updates(account, self._calls, ReadBack(account, self._calls))
        self._campaigns = Campaigns(account, self._calls, self._memory)

    def gather(self, operation: str, records: pl.DataFrame) -> Reference:
        """Recall what was sent of promotions; read categories for new products. Raises MayWorkLater."""
        now = self._account.clock.now()
        if operation == promotions.OPERATION:
            ended = promotions.ended(records)
            return Reference(now, {promotions.REMEMBERED: self._memory.promotions(now), promotions.ENDED: ended})
        if operation == create.OPERATION and self._categories is None:
            vendor = self._account.settings.vendor_id(next(iter(self._account.settings.vendors)))
            return Reference(now, {create.CATEGORIES: create.categories(self._calls.categories(vendor))})
        return Reference()

    def check(self, operation: str, records: pl.DataFrame, reference: Reference) -> pl.DataFrame:
        """Return what the platform would not take."""
        if operation == promotions.OPERATION:
            known = promotions.known(reference)
            return promotions.check(records, self._account.settings, self._account.profile, known)
        if operation == create.OPERATION:
            return create.check(records, reference, self._categories)
        return no_issues()

    def encode(self, operation: str, records: pl.DataFrame, reference: Reference) -> Iterator[Batch]:
        """Yield calls; the slot is one per vendor, whatever is written of its catalog, and one per promotion."""
        if operation == promotions.OPERATION:
            return promotions.encode(
                records, reference, self._account.name, self._account.settings, self._account.profile
            )
        if operation == create.OPERATION:
            return create.encode(records, reference, self._categories, self._account.settings, self._account.profile)
        return items.encode(operation, records, self._account.name, self._account.settings, self._account.profile)

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

    def hear(self, body: bytes) -> Mapping[str, Receipt]:
        """Read a delivery of the webhook; none where it is about no job (orders are not ours). Raises Refused."""
        data = loaded(body)
        if data is None:
            raise Refused(
                "It is not the JSON object a delivery of the webhook is.",
                fix="Ask the platform what it sends; the job is asked about all the same.",
                status="webhook",
            )
        found = answers.news(data)
        if found.job == "" or found.state == "":
            return {}
        return self._updates.hear(found)

    def outgoing(self, batch: Batch) -> Sequence[Outgoing]:
        """Return the calls of a batch, in their order."""
        return () if items.UNSENT in batch.memo else self._of(batch.operation).outgoing(batch)

    def probe(self) -> str:
        """Ask whether every vendor's outlet is open: credentials, chain and vendors in a cheap call each."""
        return self._calls.outlets()

    def close(self) -> None:
        """Give back connections."""
        self._calls.close()

    def _of(self, operation: str) -> Updates | Campaigns:
        return self._campaigns if operation == promotions.OPERATION else self._updates
