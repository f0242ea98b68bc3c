"""No exception of paramiko passes the border without a meaning."""

from __future__ import annotations

import importlib
import pkgutil

import paramiko
import pytest

from gateway.errors import Busy, GatewayError, HostKeyError, Refused, SettingsError, Unreachable
from gateway.transport.sftp_errors import (
    MEANING,
    RemoteDeniedError,
    RemoteFailureError,
    RemoteMissingError,
    translate,
)
from gateway.transport.sftp_wire import FileChangedError, StatusError

NOT_HERE = {"paramiko._winapi", "paramiko.win_pageant", "paramiko.win_openssh"}  # Windows only


def foreign_exceptions() -> set[type[BaseException]]:
    found: set[type[BaseException]] = set()
    for module in pkgutil.walk_packages(paramiko.__path__, "paramiko."):
        if module.name not in NOT_HERE:
            members = vars(importlib.import_module(module.name)).values()
            found |= {
                each
                for each in members
                if isinstance(each, type) and issubclass(each, BaseException) and each.__module__.startswith("paramiko")
            }
    return found


def test_every_exception_of_paramiko_has_a_meaning():
    found = foreign_exceptions()
    assert paramiko.SSHException in found
    assert {each.__name__ for each in found - MEANING.keys()} == set()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (EOFError(), Unreachable),
        (TimeoutError("timed out"), Unreachable),
        (ConnectionResetError(104, "Connection reset by peer"), Unreachable),
        (OSError(113, "No route to host"), Unreachable),
        (UnicodeDecodeError("utf-8", b"\xe9", 0, 1, "bad"), Unreachable),
        (paramiko.SSHException("Error reading SSH protocol banner"), Unreachable),
        (paramiko.ssh_exception.NoValidConnectionsError({("h", 1): OSError("x")}), Unreachable),
        (paramiko.AuthenticationException("Authentication failed."), Refused),
        (paramiko.PasswordRequiredException("encrypted"), SettingsError),
        (StatusError(2, "No such file"), RemoteMissingError),
        (StatusError(3, "Permission denied"), RemoteDeniedError),
        (StatusError(8, "Operation unsupported"), RemoteDeniedError),
        (StatusError(4, "Failure"), RemoteFailureError),
        (StatusError(7, "Connection lost"), Unreachable),
        (FileChangedError("x"), Busy),
    ],
)
def test_meanings(error, expected):
    ours = translate(error, "sftp://me@host:22, listing in")
    assert type(ours) is expected
    assert "sftp://me@host:22, listing in: " in ours.message
    assert "\n" not in ours.message


def test_a_bad_host_key_is_never_worth_another_try():
    key = paramiko.ECDSAKey.generate()
    ours = translate(paramiko.BadHostKeyException("host", key, key), "connecting")
    assert type(ours) is HostKeyError


def test_secrets_are_blotted_out():
    ours = translate(paramiko.SSHException("server says: 'geheim' is no password\ntraceback"), "x", ("geheim", ""))
    assert isinstance(ours, GatewayError)
    assert str(ours).startswith("x: server says: '***' is no password.")
    assert "traceback" not in str(ours)
