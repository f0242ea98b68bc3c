"""The way by files: catalog and promotion files on the platform's server, read back by calls where there are any."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import polars as pl

from gateway.destinations.partner_api import flyers, promotions, sheets
from gateway.destinations.partner_api.account import Account
from gateway.destinations.partner_api.calls import Calls
from gateway.destinations.partner_api.drop import Drop
from gateway.destinations.partner_api.memory import Memory
from gateway.destinations.partner_api.profile import Profile
from gateway.destinations.partner_api.readback import ReadBack
from gateway.destinations.partner_api.settings import PartnerApiSettings
from gateway.errors import SettingsError
from gateway.model import Batch, Operation, Outgoing, Receipt, Reference, Sent, no_issues
from gateway.transport.http import Transport
from gateway.transport.sftp import SftpSession, SftpSettings

_PROBED = 300.0
"""Seconds for asking vendors: calls are not what an account that writes files is for."""


def operations(settings: PartnerApiSettings, profile: Profile) -> tuple[Operation, ...]:
    """Return what files can write; what needs a price can be once the settings say on which basis prices are."""
    more = flyers.operation(settings, profile)
    return (*sheets.operations(settings, profile), *(() if more is None else (more,)))


class ByFiles:
    """Files of one chain."""

    def __init__(
        self,
        account: Account,
        transport: Transport | None,
        outside: Callable[[str], Transport] | None,
    ) -> None:
        self._account = account
        self._memory = Memory(account.settings.archive, account.name, "sftp")
        self._calls = None if transport is None else Calls(account, transport, outside)
        read_back = None if self._calls is None else ReadBack(account, self._calls)
        self._drop = Drop(account, session_of(account), self._memory, read_back)

    def gather(self, operation: str, records: pl.DataFrame) -> Reference:
        """Recall the promotions that run. Raises MayWorkLater."""
        single = self._account.settings.sftp_layout == "single"
        if operation != promotions.OPERATION and not single:
            return Reference()
        now = self._account.clock.now()
        facts = {promotions.REMEMBERED: self._memory.promotions(now), promotions.ENDED: promotions.ended(records)}
        known = Reference(now, facts)
        if operation == promotions.OPERATION:
            return known
        return Reference(now, {sheets.RUNNING: flyers.running(known, self._account.profile)})

    def check(self, operation: str, records: pl.DataFrame, reference: Reference) -> pl.DataFrame:
        """Return what the platform would not take."""
        if operation == promotions.OPERATION:
            settings, known = self._account.settings, flyers.known(reference, self._account.settings)
            alone = settings.sftp_layout == "single"
            return promotions.check(records, settings, self._account.profile, known, alone=alone)
        return no_issues()

    def encode(self, operation: str, records: pl.DataFrame, reference: Reference) -> Iterator[Batch]:
        """Yield files; the slot is one per name."""
        if operation == promotions.OPERATION:
            return flyers.encode(records, reference, self._account.name, self._account.settings, self._account.profile)
        return sheets.encode(
            operation, records, reference, self._account.name, self._account.settings, self._account.profile
        )

    def submit(self, batch: Batch) -> Receipt:
        """Upload a file."""
        return self._drop.submit(batch)

    def poll(self, sent: Sequence[Sent]) -> dict[int, Receipt]:
        """Upload files that are to follow and read back what should show by now."""
        return self._drop.poll(sent)

    def hear(self, body: bytes) -> Mapping[str, Receipt]:
        """Nothing is told of files."""
        del body
        return {}

    def outgoing(self, batch: Batch) -> Sequence[Outgoing]:
        """Return the files of a batch, in their order."""
        return self._drop.outgoing(batch)

    def probe(self) -> str:
        """Find the folders; where there are credentials for calls, ask whether every vendor's outlet is open."""
        found = f"folders {self._drop.probe()}"
        if self._calls is None:
            return f"{found}; no calls are set up, so rows end as accepted"
        return f"{found}; {self._calls.outlets(_PROBED)}"

    def close(self) -> None:
        """Give back connections."""
        self._drop.close()
        if self._calls is not None:
            self._calls.close()


def session_of(of: Account) -> SftpSession:
    """Return a session that connects when it is needed. Raises SettingsError where it can't be told whereto."""
    settings, profile = of.settings, of.profile
    host = settings.sftp_host or profile.sftp.host
    if host == "" or settings.sftp_user is None or settings.sftp_known_hosts is None:
        raise SettingsError(
            f"The profile {settings.brand} does not know the file server of this region.", fix="Name sftp_host."
        )
    account = SftpSettings(
        host=host,
        user=settings.sftp_user,
        known_hosts=settings.sftp_known_hosts,
        port=settings.sftp_port or profile.sftp.port,
        password=settings.sftp_password,
        key_file=settings.sftp_key_file,
        passphrase=settings.sftp_passphrase,
        read_timeout=settings.timeout,
    )
    return SftpSession(account, of.clock)
