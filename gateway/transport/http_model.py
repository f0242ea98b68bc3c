"""What goes over HTTP: a request, its answer, the one-method seam, and how an account is reached; it sends nothing."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol
from urllib.parse import urlsplit

from pydantic import SecretStr

from gateway.errors import Fault, SettingsError

if TYPE_CHECKING:
    from ssl import SSLContext

SAFE_METHODS = frozenset({"GET", "HEAD"})
"""Methods that change nothing at the other side: the only ones that are ever repeated."""
MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Upload:
    """A file part of a multipart request."""

    part: str
    name: str
    content_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Request:
    """One call. `path` is below the account's base URL; an absolute URL is refused by the client."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    accept: str = "application/json"
    body: bytes = field(default=b"", repr=False)
    content_type: str = ""
    upload: Upload | None = None
    parts: tuple[tuple[str, str], ...] = ()
    """Plain text parts beside the upload."""
    budget: str = ""
    """Name of the limit the call counts against, without the account: `STO02`; "" counts against none."""
    interval: float = 0.0
    """Least seconds between two calls of that budget; 0 heeds only what the other side blocked."""
    limit: int = 64 * MEGABYTE
    """Most bytes of the answer that are read."""
    answers: frozenset[int] = frozenset()
    """Statuses besides 2xx whose answer is returned and not raised: there the body says what they mean."""
    patience: float = 0.0
    """Seconds a call waits on the spot for its turn in the budget; nothing has left by then."""
    shared: bool = False
    """Whether the budget is one name for all accounts, as that of an address calls leave from."""
    booked: bool = False
    """Whether the call was booked before, so that the budget is only told what the other side blocks."""
    block_page: float = 0.0
    """Seconds to keep away after a page of a proxy in front (403 as HTML); 0: it is a refusal like any other."""
    stands_back: bool = False
    """Whether calls of the same budget that do not stand back go first when both wait."""
    secrets: tuple[tuple[str, SecretStr], ...] = ()
    """Headers added by the auth wrapper; their values are masked wherever the request is shown."""

    @property
    def safe(self) -> bool:
        """Whether repeating the call is harmless by its method."""
        return self.method in SAFE_METHODS


@dataclass(frozen=True, slots=True)
class Response:
    """An answer of status 2xx, or of one the request asked for. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class Transport(Protocol):
    """Sends one request. Wrappers implement it and hold another one."""

    def send(self, request: Request) -> Response:
        """Return the answer of status 2xx or of one asked for.

        Raises Unreachable, Throttled, Refused or OutcomeUnknown, nothing else.
        """
        ...

    def close(self) -> None:
        """Give back connections."""
        ...


@dataclass(frozen=True, slots=True)
class OAuth:
    """How access tokens are got: by a user's keys or a client's, later by refresh tokens where there are any.

    `user` and `secret`: user name and password, or client id and secret. Lives in seconds.
    """

    grant: Literal["password", "client_credentials"]
    user: SecretStr
    secret: SecretStr
    path: str = "/token"
    encoding: Literal["form", "json"] = "form"
    scope: str = ""
    scheme: str = "bearer"
    factor: float = 0.8
    """Share of its life after which a token is renewed."""
    spare: float = 60.0
    """It is renewed so long before its end at the latest."""
    life: float = 3600.0
    """Life of a token whose answer names none."""
    refresh_life: float = 0.0
    """How long a refresh token is trusted after it came; 0: there is none."""


@dataclass(frozen=True, slots=True)
class Access:
    """How an account is reached: base URL without trailing slash, secret headers, own certificate authority."""

    base_url: str
    secrets: tuple[tuple[str, SecretStr], ...] = ()
    ca_file: Path | None = None
    timeout: float = 60.0
    """Seconds without a byte after which a call is given up."""
    oauth: OAuth | None = None
    """Where calls carry an access token that has to be got first."""


class HttpSettings(Protocol):
    """Settings of a destination that is reached over HTTP: `wiring` builds its transport from `access()`."""

    def access(self) -> Access:
        """Return where and with which headers the account is reached."""
        ...


def authority(file: Path) -> SSLContext:
    """Read a certificate authority of one's own. Raises SettingsError naming the setting `ca_file`."""
    import ssl  # noqa: PLC0415  few have one

    try:
        return ssl.create_default_context(cafile=str(file))
    except ssl.SSLError as error:
        why = "it holds no certificate in PEM form"
        cause: Exception = error
    except OSError as error:
        why = error.strerror or str(error)
        cause = error
    fault = Fault("ca_file", f"the certificate authority file {file} can't be used: {why}")
    raise SettingsError([fault], fix="Name a PEM file that can be read.") from cause


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address is this machine: the only place plain http may go."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def base_url(pasted: str) -> str:
    """Return scheme, host and port of what a person pasted; paths are cut off, https is assumed.

    Raises ValueError for an empty host, user names in the address, a port that is none, a scheme other than https, or
    http to a host that is not this machine.
    """
    text = pasted.strip()
    parts = urlsplit(text if "://" in text else f"https://{text}")
    host = parts.hostname or ""
    if not host or any(sign.isspace() for sign in host):
        msg = "no host name was found; write it like shop-name.mirakl.net"
        raise ValueError(msg)
    if parts.username is not None or parts.password is not None:
        msg = "a user name or password stands in the address; write the host name only"
        raise ValueError(msg)
    try:
        parts.port  # noqa: B018  reading it is what judges it
    except ValueError:
        msg = f"the port in {parts.netloc} is none; write a number up to 65535, or no port"
        raise ValueError(msg) from None
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        msg = f"{parts.scheme}:// is not allowed to {host}; only https is, and http to this machine itself"
        raise ValueError(msg)
    return f"{parts.scheme}://{parts.netloc.lower()}"
