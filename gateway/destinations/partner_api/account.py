"""One account as all parts of the destination see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.destinations.partner_api.profile import Profile
from gateway.destinations.partner_api.settings import PartnerApiSettings
from gateway.model import Clock


@dataclass(frozen=True, slots=True)
class Account:
    """What holds for everything that is sent for a chain: its name here, how it is set up, and the time."""

    name: str
    settings: PartnerApiSettings
    profile: Profile
    clock: Clock

    @property
    def vendors(self) -> Mapping[str, str]:
        """Vendors as the platform calls them, to as rows do."""
        return {self.settings.vendor_id(name): name for name in self.settings.vendors}
