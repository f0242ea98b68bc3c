"""Settings of one Partner API account as they stand in gateway.toml; what differs by brand is its profile."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from gateway.destinations.partner_api import brands
from gateway.destinations.partner_api.profile import Profile
from gateway.errors import SettingsError
from gateway.formats.sections import of_words, unknown
from gateway.transport.hook import Hook
from gateway.transport.http import Access, OAuth, base_url

USES = ("catalog", "promotions", "orders", "status", "all")
"""What tokens are for, as the portal gives them out."""
_WORD = re.compile(r"[!-~]+", re.ASCII)
_VENDOR = re.compile(r"[A-Za-z0-9-]+", re.ASCII)


def _zone(name: str) -> str:
    if not brands.is_zone(name):
        msg = f"there is no time zone {name!r}; write it like Europe/Madrid"
        raise ValueError(msg)
    return name


Zone = Annotated[str, AfterValidator(_zone)]


def _use(name: str) -> str:
    if name not in USES:
        raise ValueError(unknown(name, USES, "use of a token"))
    return name


Use = Annotated[str, AfterValidator(_use)]


class Vendor(BaseModel):
    """One store."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str | None = Field(
        default=None, pattern="^[A-Za-z0-9-]+$", description="Its id at the platform, where rows name it otherwise."
    )
    timezone: Zone | None = Field(default=None, description="Its time zone; unset: that of the account.")
    sales_buffer: int | None = Field(
        default=None, ge=0, description="Stock up to which a product is inactive; unset: the profile's."
    )


class PartnerApiSettings(BaseModel):
    """How one chain of stores is reached and how its catalog and promotions are sent."""

    # Secrets arrive here as plain text: pydantic would repeat them in its messages.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    brand: str = Field(description="Profile of the brand: what its sites document, as shipped.")
    profile: Path | None = Field(default=None, description="TOML file of profile keys laid over the brand's.")
    keys: dict[str, Any] = Field(
        default_factory=dict, description="Single profile keys, as tables, laid over brand and file."
    )
    channel: Literal["rest", "sftp"] = Field(description="How rows are sent: by calls, or by files.")
    vendors: dict[str, Vendor] = Field(
        min_length=1, description="Stores by the id rows name them with: rows that name none are for all of them."
    )
    all_vendors: bool = Field(
        default=False,
        description="These are all vendors of the chain: `*` and `all` stand for them where a call or file names many.",
    )
    promotions_per_vendor: bool = Field(
        default=False,
        description="Every store has promotions of its own, by a call or file for each: rows may differ by store. "
        "Change it while none runs.",
    )
    timezone: Zone = Field(default="UTC", description="Time zone of vendors that name none; dates in files are local.")

    # ---- calls
    host: str | None = Field(default=None, description="Address of the API; unset: the profile's.")
    chain_id: str | None = Field(default=None, pattern=r"^[\w-]+$", description="Id of the chain.")
    tokens: dict[Use, SecretStr] = Field(
        default_factory=dict,
        description="Tokens of the portal by use (`catalog`, `promotions`, `orders`, `status`, `all`), by reference. "
        "A use without one takes `all`, or the only one there is.",
    )
    client_id: str | None = Field(default=None, description="Client id, where tokens are got by client credentials.")
    client_secret: SecretStr | None = Field(default=None, description="Client secret, by reference.")
    webhook_secret: SecretStr | None = Field(
        default=None, description="Secret set in the portal for the webhook; unset: results are asked for only."
    )
    ca_file: Path | None = Field(default=None, description="PEM file of an own certificate authority.")
    timeout: float = Field(default=60.0, gt=0, description="Seconds without a byte after which a call is given up.")

    # ---- files
    sftp_layout: Literal["double", "multi", "single"] = Field(
        default="double",
        description="As agreed: two files per vendor, two files for all vendors, or one file with promotion columns.",
    )
    sftp_host: str | None = Field(default=None, description="File server; unset: the profile's.")
    sftp_port: int | None = Field(default=None, ge=1, le=65535, description="Its port; unset: the profile's.")
    sftp_user: str | None = Field(default=None, description="User of the file server.")
    sftp_password: SecretStr | None = Field(default=None, description="Password, by reference.")
    sftp_key_file: Path | None = Field(default=None, description="Private key instead of the password.")
    sftp_passphrase: SecretStr | None = Field(default=None, description="Passphrase of the key, by reference.")
    sftp_known_hosts: Path | None = Field(default=None, description="File with the server's host key.")
    archive: Path = Field(
        default=Path("sent"),
        description="Folder with every promotion and file as sent: changing and ending them needs it. Keep it.",
    )

    categories: Path | None = Field(
        default=None,
        description="CSV file `category;code` from the contract's category path to the platform's category id, for new "
        "products. Unset: the last part of the path must be the id or the name of a category.",
    )

    # ---- prices
    price_basis: Literal["net", "gross"] | None = Field(
        default=None,
        description="Whether the platform takes prices without or with tax. No default: prices and promotions can't be "
        "sent before it is said.",
    )
    currency: str | None = Field(
        default=None, pattern="^[A-Z]{3}$", description="Currency of the stores; rows that name another are rejected."
    )
    tax_rate: str | None = Field(
        default=None,
        pattern=r"^(0|100|[1-9]\d?(\.\d{1,4})?)$",
        description="Tax rate of rows that give none: 20 means 20 %.",
    )

    @field_validator("brand")
    @classmethod
    def _brand(cls, name: str) -> str:
        if name not in brands.brands():
            raise ValueError(unknown(name, brands.brands(), "profile"))
        return name

    @field_validator("host")
    @classmethod
    def _host(cls, pasted: str | None) -> str | None:
        return None if pasted is None else base_url(pasted)

    @field_validator("tokens")
    @classmethod
    def _tokens(cls, tokens: dict[str, SecretStr]) -> dict[str, SecretStr]:
        wrong = [use for use, token in tokens.items() if not _WORD.fullmatch(token.get_secret_value())]
        if wrong:
            said = "the token {} must be one word of printable characters, without Bearer before it"
            raise of_words({use: said.format(use) for use in wrong})
        return tokens

    @field_validator("vendors")
    @classmethod
    def _vendors(cls, vendors: dict[str, Vendor]) -> dict[str, Vendor]:
        sent = {name: one.id or name for name, one in vendors.items()}
        said = "the vendor id {!r} must be letters, digits and dashes"
        if wrong := {name: said.format(name) for name in vendors if not _VENDOR.fullmatch(name)}:
            raise of_words(wrong)
        first = {identity: name for name, identity in reversed(sent.items())}
        if twice := {name: identity for name, identity in sent.items() if first[identity] != name}:
            raise of_words({name: f"two vendors have the id {identity!r}" for name, identity in twice.items()})
        return vendors

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.client_id is None) != (self.client_secret is None):
            msg = "client_id and client_secret go together"
            raise ValueError(msg)
        if self.client_id is not None and self.tokens:
            msg = "give tokens, or client_id and client_secret, not both"
            raise ValueError(msg)
        if (self.channel == "rest" or self.calls) and (not self.calls or self.chain_id is None):
            msg = "calls need chain_id, and tokens or client_id with client_secret"
            raise ValueError(msg)
        if self.channel == "sftp":
            if self.sftp_user is None or self.sftp_known_hosts is None:
                msg = "files need sftp_user and sftp_known_hosts"
                raise ValueError(msg)
            if (self.sftp_password is None) == (self.sftp_key_file is None):
                msg = "files need either sftp_password or sftp_key_file"
                raise ValueError(msg)
        return self

    @property
    def calls(self) -> bool:
        """Whether there are credentials for calls."""
        return bool(self.tokens) or self.client_id is not None

    def load_profile(self) -> Profile:
        """Return the brand's profile with everything laid over it. Raises SettingsError."""
        return brands.load(self.brand, self.profile, self.keys, self.sftp_layout if self.channel == "sftp" else None)

    def vendor_id(self, name: str) -> str:
        """Return the id the platform knows a vendor by."""
        vendor = self.vendors.get(name)
        return name if vendor is None or vendor.id is None else vendor.id

    def vendor_named(self, sent: str) -> str | None:
        """Return how rows name the vendor the platform calls so; None when it is none of ours."""
        return next((name for name, one in self.vendors.items() if sent in {name, one.id}), None)

    def zone(self, name: str) -> ZoneInfo:
        """Return a vendor's time zone."""
        vendor = self.vendors.get(name)
        return ZoneInfo(self.timezone if vendor is None or vendor.timezone is None else vendor.timezone)

    def access(self) -> Access | None:
        """Return address and authority; None where no calls are made. Tokens go with each call, by its use."""
        if not self.calls:
            return None
        rest = self.load_profile().rest
        oauth = None
        if self.client_id is not None and self.client_secret is not None:
            oauth = OAuth(
                "client_credentials",
                SecretStr(self.client_id),
                self.client_secret,
                path=rest.auth.token_path,
                scheme="Bearer",
                factor=1.0,
                spare=rest.auth.safety_margin_s,
                life=rest.auth.life_s,
            )
        try:
            place = base_url(self.host or rest.base_url)
        except ValueError as error:
            raise SettingsError(f"The address of the API can't be used: {error}.", fix="Name `host`.") from error
        return Access(place, (), self.ca_file, self.timeout, oauth)

    def hook(self) -> Hook | None:
        """Return how deliveries prove themselves; None where results are asked for only."""
        if self.webhook_secret is None:
            return None
        told = self.load_profile().webhook
        return Hook(secret=self.webhook_secret, header=told.header, accept=told.accept)

    def at_speed(self, speed: float) -> PartnerApiSettings:
        """Return the settings with limits and delays shrunk, for a twin whose clock runs faster."""
        told = self.load_profile()
        waits = [wait / speed for wait in told.jobs.poll_after_s]
        window = {name: value / speed for name, value in told.confirm.window_s.model_dump().items()}
        faster = {
            "rest": {
                "limits": {
                    "requests_per_minute": told.rest.limits.requests_per_minute * speed,
                    "cool_down_s": told.rest.limits.cool_down_s / speed,
                }
            },
            "jobs": {"poll_after_s": waits, "give_up_s": told.jobs.give_up_s / speed},
            "sftp": {"min_interval_s": told.sftp.min_interval_s / speed},
            "confirm": {"window_s": window},
        }
        return self.model_copy(update={"keys": brands.laid(self.keys, faster)})
