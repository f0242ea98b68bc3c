"""What gateway.toml may say: one model per section, each key with its meaning; nothing here touches the disk."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, field_validator, model_validator

from gateway.routes import DeltaRules, GuardLimits, Policy, SetRules


def _many(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Patterns = Annotated[tuple[str, ...], BeforeValidator(_many, json_schema_input_type=str | list[str])]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, allow_inf_nan=False)


class _SourceSettings(_Section):
    partner: str | None = Field(default=None, description="Partner whose files these are; unset: the source's name.")
    every: float = Field(default=5.0, gt=0, le=86400, description="Seconds between two listings.")
    settle: float = Field(default=2.0, ge=0, description="Seconds a file must not have changed before it is taken.")
    done_marker: str | None = Field(
        default=None, description="Suffix of a marker file that says a file is complete, like .done."
    )
    claim: Literal["auto", "move", "ledger"] = Field(
        default="auto", description="move: out of the inbox; ledger: remembered, where the folder can't be written."
    )
    after: str = Field(
        default="move:archive",
        pattern=r"^(move:.+|delete|leave)$",
        description="What happens to a file that has ended well: move:FOLDER, delete or leave.",
    )
    answers: str | None = Field(default=None, description="Folder for answers at the partner's side, like out/.")


class LocalSettings(_SourceSettings):
    """A folder of this machine."""

    kind: Literal["local"]
    folder: Path = Field(description="The drop folder.")
    every: float = Field(
        default=5.0, gt=0, le=86400, description="Seconds between two listings; events wake it sooner."
    )


class SftpSettings(_SourceSettings):
    """A folder on an SFTP server."""

    kind: Literal["sftp"]
    host: str = Field(description="Host name or address.")
    port: int = Field(default=22, ge=1, le=65535, description="Port.")
    user: str = Field(description="Account.")
    password: SecretStr | None = Field(default=None, description="Password, by reference.")
    key_file: Path | None = Field(default=None, description="Private key file.")
    passphrase: SecretStr | None = Field(default=None, description="Passphrase of the key file, by reference.")
    known_hosts: Path = Field(description="File with the server's host keys; an unknown or changed key is refused.")
    folder: str = Field(default=".", description="Drop folder on the server; nothing outside it is touched.")
    every: float = Field(default=30.0, gt=0, le=86400, description="Seconds between two listings.")
    settle: float = Field(default=10.0, ge=0, description="Seconds a file must not have changed before it is taken.")
    connect_timeout: float = Field(default=15.0, gt=0, description="Seconds to connect and log in.")
    read_timeout: float = Field(default=60.0, gt=0, description="Seconds without a byte while reading.")
    list_timeout: float = Field(default=30.0, gt=0, description="Seconds for a listing.")
    keepalive: float = Field(default=30.0, ge=0, description="Seconds between keepalives.")


SOURCE_KINDS: dict[str, type[LocalSettings | SftpSettings]] = {"local": LocalSettings, "sftp": SftpSettings}


class RouteSettings(_Section):
    """One way from a source to a destination."""

    source: str = Field(description="Name of a source.")
    files: Patterns = Field(min_length=1, description="Patterns of file names, like stock*.csv.")
    mapping: str = Field(description="Mapping file inside the folder of mappings.")
    destination: str = Field(description="Name of a destination.")
    effects: tuple[str, ...] | None = Field(
        default=None,
        description="Families to write, like price and stock; unset: all the destination writes of the contract.",
    )
    partner: str | None = Field(default=None, description="Partner; unset: the source's.")
    owner: str | None = Field(default=None, description="Whose keys these are; unset: the partner.")
    keys: str | None = Field(
        default=None,
        description="Prefix every sku must have, or the product_id of rows without one; tells owners of one account "
        "apart.",
    )
    mode: Literal["delta", "full"] = Field(default="delta", description="delta: absent rows mean nothing.")
    absent: Literal["keep", "zero", "end"] = Field(
        default="keep", description="With mode = full: what happens to known keys the file leaves out."
    )
    empty: Literal["reject", "ignore", "no_change"] = Field(
        default="reject", description="What an empty file or one without rows means."
    )
    create_missing: bool = Field(
        default=False,
        description="Whether what a row needs and the destination lacks, like its category or brand, is made there; "
        "else such a row is refused.",
    )
    set: SetRules | None = Field(default=None, description="Files that belong together and make one run.")
    policy: Policy = Field(default=Policy(), description="What happens to the good rows of a file with bad ones.")
    guard: GuardLimits = Field(default=GuardLimits(), description="Limits above which a run is held.")
    delta: DeltaRules = Field(default=DeltaRules(), description="When an unchanged row is not sent again.")


class WebSettings(_Section):
    """The receiver of webhooks; without this section there is none, and results are asked for only."""

    listen: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8460, ge=0, le=65535, description="Port to listen on; 0: any free one.")
    public: bool = Field(default=False, description="Needed to listen on an address that other machines can reach.")
    max_body: int = Field(default=1 << 20, ge=1, le=1 << 26, description="Most bytes of an event.")
    timeout: float = Field(default=10.0, gt=0, le=300, description="Seconds a connection may last.")
    connections: int = Field(default=64, ge=1, le=1000, description="Most connections at the same time.")
    backlog: int = Field(default=10_000, ge=1, description="Most events of a destination that wait to be looked at.")
    keep_days: float = Field(
        default=7.0, gt=0, le=365, description="Days an event waits for its ticket, and is known when it is repeated."
    )

    @field_validator("listen")
    @classmethod
    def _address(cls, value: str) -> str:
        try:
            return str(ip_address(value))
        except ValueError:
            raise ValueError("write an address like 127.0.0.1 or ::1, no name") from None

    @model_validator(mode="after")
    def _meant(self) -> Self:
        if not self.public and not ip_address(self.listen).is_loopback:
            raise ValueError(
                f"{self.listen} can be reached by other machines: say public = true if that is meant, "
                "and have a proxy that speaks TLS in front of it"
            )
        return self


class GatewaySettings(_Section):
    """The top of gateway.toml; sources, destinations and routes are tables of their own."""

    version: Literal[1] = Field(description="Version of this file's own form.")
    state: Path = Field(default=Path("state"), description="Folder of journal and spool.")
    outbox: Path = Field(default=Path("outbox"), description="Folder of the answers.")
    mappings: Path = Field(default=Path("mappings"), description="Folder of the mapping files.")
    zone: str | None = Field(default=None, description="Time zone of dates whose mapping names none.")
    workers: int = Field(default=4, ge=1, le=64, description="Lanes advanced at the same time.")
    web: WebSettings | None = Field(default=None, description="Receiver of webhooks; unset: there is none.")
