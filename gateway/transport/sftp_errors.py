"""The border between paramiko and the gateway: every foreign exception gets one of ours, and no secret passes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import paramiko
from paramiko.auth_strategy import AuthFailure
from paramiko.ber import BERException
from paramiko.buffered_pipe import PipeTimeout
from paramiko.hostkeys import InvalidHostKey
from paramiko.packet import NeedRekeyException
from paramiko.pkey import UnknownKeyType
from paramiko.sftp import SFTP_CONNECTION_LOST, SFTP_NO_CONNECTION, SFTP_NO_SUCH_FILE, SFTP_PERMISSION_DENIED
from paramiko.ssh_exception import (
    ConfigParseError,
    CouldNotCanonicalize,
    IncompatiblePeer,
    MessageOrderError,
    NoValidConnectionsError,
    PartialAuthentication,
    UnableToAuthenticate,
)

from gateway.errors import Busy, GatewayError, HostKeyError, Refused, SettingsError, Unreachable
from gateway.transport.sftp_wire import FileChangedError, StatusError

_UNSUPPORTED = 8


class RemoteMissingError(Refused):
    """The server has no such file or folder."""


class RemoteDeniedError(Refused):
    """The server forbids the request or does not know it."""


class RemoteTakenError(Refused):
    """The new name of a rename is taken already."""


class RemoteFailureError(Busy):
    """The server says that the request failed, and not why: disk full, file locked, folder not empty..."""


MEANING: Mapping[type[BaseException], type[GatewayError]] = MappingProxyType(
    {
        AuthFailure: Refused,
        paramiko.AuthenticationException: Refused,
        paramiko.BadAuthenticationType: Refused,
        PartialAuthentication: Refused,
        UnableToAuthenticate: Refused,
        IncompatiblePeer: Refused,
        paramiko.BadHostKeyException: HostKeyError,
        paramiko.PasswordRequiredException: SettingsError,
        InvalidHostKey: SettingsError,
        UnknownKeyType: SettingsError,
        ConfigParseError: SettingsError,
        CouldNotCanonicalize: SettingsError,
        paramiko.ProxyCommandFailure: SettingsError,
        BERException: SettingsError,
        paramiko.ChannelException: Unreachable,
        MessageOrderError: Unreachable,
        NeedRekeyException: Unreachable,
        NoValidConnectionsError: Unreachable,
        PipeTimeout: Unreachable,
        paramiko.SFTPError: Unreachable,
        paramiko.SSHException: Unreachable,
        EOFError: Unreachable,
        TimeoutError: Unreachable,
        OSError: Unreachable,
        ValueError: Unreachable,
    }
)
"""What each foreign exception means; the nearest class counts."""

_FIX: Mapping[type[GatewayError], str] = MappingProxyType(
    {
        Refused: "Check user, key and password with the server's operator.",
        SettingsError: "Check the key file and its passphrase in the settings.",
        Unreachable: "It is tried again; check address, port and network if it stays so.",
        HostKeyError: "Check the host key with the server's operator.",
    }
)


def translate(error: BaseException, doing: str, secrets: tuple[str, ...] = ()) -> GatewayError:
    """Return our error for a foreign one; `doing` says what was tried and where, `secrets` are blotted out."""
    if isinstance(error, StatusError):
        return _status(error, doing)
    if isinstance(error, FileChangedError):
        return Busy(f"{doing}: the file changed or ended early while it was read.", fix="It is looked at again.")
    meaning = next((MEANING[kind] for kind in type(error).__mro__ if kind in MEANING), Unreachable)
    text = _reason(error)
    for secret in secrets:
        text = text.replace(secret, "***") if secret else text
    return meaning(f"{doing}: {text}.", fix=_FIX[meaning])


def _reason(error: BaseException) -> str:
    if isinstance(error, EOFError):
        return "the connection was closed by the other side"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, paramiko.PasswordRequiredException):
        return "the key file is protected by a passphrase and none, or a wrong one, is given"
    words = str(error).strip().rstrip(".")
    return words.splitlines()[0] if words else type(error).__name__


def _status(error: StatusError, doing: str) -> GatewayError:
    said = f'{doing}: the server answers "{error.text}"'
    if error.code == SFTP_NO_SUCH_FILE:
        return RemoteMissingError(f"{said}.", fix="Check the folder in the settings.", status=str(error.code))
    if error.code in {SFTP_PERMISSION_DENIED, _UNSUPPORTED}:
        return RemoteDeniedError(f"{said}.", fix="Ask the server's operator for the right.", status=str(error.code))
    if error.code in {SFTP_CONNECTION_LOST, SFTP_NO_CONNECTION}:
        return Unreachable(f"{said}.", fix=_FIX[Unreachable])
    return RemoteFailureError(f"{said} (status {error.code}).", fix="It is tried again; see the server's log.")
