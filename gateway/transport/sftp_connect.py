"""Making an SFTP connection: the host key is judged before anything of ours is sent."""

from __future__ import annotations

import contextlib
import logging
import socket
from dataclasses import dataclass
from pathlib import Path

import paramiko
from pydantic import SecretStr

from gateway.errors import GatewayError, Refused, SettingsError, Unreachable
from gateway.transport.sftp_errors import translate
from gateway.transport.sftp_known_hosts import HostKey, KnownHosts, read_known_hosts
from gateway.transport.sftp_wire import CHANNEL_PACKET, CHANNEL_WINDOW, Wire

_LOG = "gateway.sftp.wire"
_QUICK_CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")
"""Asked for first: one pass over the data instead of two takes a quarter off the work of a download."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SftpSettings:
    """One account on one server. Seconds everywhere; `keepalive` 0 sends none. Secrets never show in repr."""

    host: str
    user: str
    known_hosts: Path
    port: int = 22
    password: SecretStr | None = None
    key_file: Path | None = None
    passphrase: SecretStr | None = None
    connect_timeout: float = 15.0
    read_timeout: float = 60.0
    list_timeout: float = 60.0
    keepalive: int = 30
    attempts: int = 3
    """How often a download is tried; it goes on where it was cut."""
    pause: float = 1.0
    """Seconds before the second attempt; doubles with each further one."""

    def __post_init__(self) -> None:
        if self.password is None and self.key_file is None:
            raise SettingsError(f"{self.where}: neither password nor key_file is given; expected one of them.")

    def secrets(self) -> tuple[str, ...]:
        """What no message may show."""
        return tuple(part.get_secret_value() for part in (self.password, self.passphrase) if part is not None)

    @property
    def where(self) -> str:
        """Account and server for people."""
        return f"sftp://{self.user}@{self.host}:{self.port}"


def open_wire(settings: SftpSettings) -> tuple[paramiko.Transport, Wire]:
    """Connect, judge the host key, log in, open the channel.

    Raises Unreachable, HostKeyError, Refused (login), SettingsError (known_hosts or key file).
    """
    known = read_known_hosts(settings.known_hosts, settings.host, settings.port)
    key = _load_key(settings)
    transport: paramiko.Transport | None = None
    doing = "connecting"
    try:
        transport = _open(settings)
        _greet(transport, known, settings.connect_timeout)
        doing = "logging in"
        _login(transport, settings, key)
        doing = "opening the SFTP channel"
        wire = _channel(transport, settings)
    except Exception as error:
        if transport is not None:
            hang_up(transport)
        if isinstance(error, GatewayError):
            raise
        raise translate(error, f"{settings.where}, {doing}", settings.secrets()) from error
    return transport, wire


def hang_up(transport: paramiko.Transport) -> None:
    """Close at once: paramiko's thread would notice a closed transport only at its next look, a tenth second later."""
    with contextlib.suppress(OSError):  # it was cut already
        transport.sock.shutdown(socket.SHUT_RDWR)
    transport.close()


def _channel(transport: paramiko.Transport, settings: SftpSettings) -> Wire:
    wire = Wire.from_transport(transport, window_size=CHANNEL_WINDOW, max_packet_size=CHANNEL_PACKET)
    if not isinstance(wire, Wire):
        raise Unreachable(f"{settings.where}: the server opened no SFTP channel.")
    return wire


def _open(settings: SftpSettings) -> paramiko.Transport:
    sock = socket.create_connection((settings.host, settings.port), timeout=settings.connect_timeout)
    try:
        transport = paramiko.Transport(sock)
    except BaseException:
        sock.close()
        raise
    transport.banner_timeout = settings.connect_timeout
    transport.auth_timeout = settings.connect_timeout
    options = transport.get_security_options()
    options.ciphers = sorted(options.ciphers, key=lambda name: name not in _QUICK_CIPHERS)
    _silence(transport)
    if settings.keepalive > 0:
        transport.set_keepalive(settings.keepalive)
    return transport


def _greet(transport: paramiko.Transport, known: KnownHosts, timeout: float) -> None:
    options = transport.get_security_options()
    wanted = [kind for kind in options.key_types if _stated(kind, known)]
    if wanted:  # else the server may show a key of a type that is not in the file
        options.key_types = wanted
    transport.start_client(timeout=timeout)
    shown = transport.get_remote_server_key()
    known.verify(HostKey(shown.get_name(), shown.asbytes()))


def _stated(kind: str, known: KnownHosts) -> bool:
    family = "ssh-rsa" if kind.startswith("rsa-sha2") else kind
    return any(key.kind == family for key in known.keys)


def _login(transport: paramiko.Transport, settings: SftpSettings, key: paramiko.PKey | None) -> None:
    if key is not None:
        transport.auth_publickey(settings.user, key)
    if settings.password is not None and not transport.is_authenticated():
        transport.auth_password(settings.user, settings.password.get_secret_value())
    if not transport.is_authenticated():
        raise Refused(f"{settings.where}: the server wants a further proof besides the key.", fix="Give a password.")


def _load_key(settings: SftpSettings) -> paramiko.PKey | None:
    if settings.key_file is None:
        return None
    passphrase = settings.passphrase.get_secret_value() if settings.passphrase else None
    trouble: list[Exception] = []
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        try:
            return kind.from_private_key_file(str(settings.key_file), passphrase)
        except Exception as error:  # noqa: BLE001 - whatever it is, the next kind of key may fit
            trouble.append(error)
    why = next((each for each in trouble if type(each) is not paramiko.SSHException), trouble[-1])
    reason = "not found" if isinstance(why, FileNotFoundError) else type(why).__name__
    raise SettingsError(
        f"{settings.where}: the key file {settings.key_file} can't be used ({reason}); "
        "expected a private key in OpenSSH or PEM form, and its passphrase if it has one.",
        fix="Check key_file and passphrase.",
    ) from why


def _silence(transport: paramiko.Transport) -> None:
    """Keep paramiko's own lines, tracebacks among them, off the screen and out of our log."""
    logger = logging.getLogger(_LOG)
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    transport.set_log_channel(_LOG)
