"""Settings of one Mirakl shop as they stand in gateway.toml."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from gateway.transport.http import Access, base_url

_KEY = re.compile(r"[!-~]+", re.ASCII)


class MiraklSettings(BaseModel):
    """How one shop of a Mirakl marketplace is reached and how its stock is sent."""

    # The key arrives here as plain text: pydantic would repeat it in its messages.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    host: str = Field(
        description="Host name of the marketplace, as pasted from the back office: scheme, `/mmp/shop` and slashes "
        "are cut off. `http://` is taken for this machine only."
    )
    api_key: SecretStr = Field(description="Shop API key (My User Settings, tab API key), by reference.")
    shop_id: int | None = Field(
        default=None, ge=1, description="Shop id (Account settings). Unset: the default shop of the key's user."
    )
    batch_size: int | None = Field(
        default=50_000, ge=1, description="Most lines per stock import; unset in code (None): one import takes all."
    )
    import_interval: float = Field(
        default=60.0, ge=0, description="Least seconds between two stock imports (documented maximum: once a minute)."
    )
    status_interval: float = Field(
        default=15.0, ge=0, description="Least seconds between two status calls (documented maximum: every 15 s)."
    )
    report_interval: float = Field(
        default=60.0, ge=0, description="Least seconds between two error reports (documented maximum: once a minute)."
    )
    deadline: float = Field(
        default=4 * 3600.0, gt=0, description="Seconds after which an import without an end is reported as accepted."
    )
    report_counts_header: bool = Field(
        default=True,
        description="Whether line numbers of the error report count the header as line 1. Known of offer reports, an "
        "assumption for stock reports; a report that contradicts it is read the other way.",
    )
    report_tries: int = Field(
        default=5, ge=1, description="How often an announced error report that is not there is asked for."
    )
    end_as: Literal["zero", "delete"] = Field(
        default="zero",
        description="What the row command `end` becomes: quantity 0, or a line with update-delete = delete.",
    )
    warehouses: tuple[str, ...] | None = Field(
        default=None, description="Warehouse codes of the shop; unset: any code is sent."
    )
    ca_file: Path | None = Field(default=None, description="PEM file of an own certificate authority.")
    timeout: float = Field(default=60.0, gt=0, description="Seconds without a byte after which a call is given up.")

    @field_validator("host")
    @classmethod
    def _host(cls, pasted: str) -> str:
        return base_url(pasted)

    @field_validator("api_key")
    @classmethod
    def _api_key(cls, key: SecretStr) -> SecretStr:
        if not _KEY.fullmatch(key.get_secret_value()):
            msg = "the API key must be one word of printable characters, without Bearer before it"
            raise ValueError(msg)
        return key

    def access(self) -> Access:
        """Return address and secret header; the key stands alone, without a scheme word."""
        return Access(self.host, (("Authorization", self.api_key),), self.ca_file, self.timeout)
