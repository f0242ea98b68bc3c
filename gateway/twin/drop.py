"""The bundled SFTP drop: a small server on loopback for the demo and for tests, with faults on demand.

It answers as OpenSSH's internal-sftp does where a client can tell (draft-ietf-secsh-filexfer-02 and OpenSSH's PROTOCOL
file, verified against OpenSSH 9.2): a plain rename never replaces a file, posix-rename does, times are whole seconds,
folders list links as links. It is no server for partners: no quotas, no audit, no hardening.
"""

from __future__ import annotations

import contextlib
import hmac
import logging
import os
import socket
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import paramiko
from paramiko.common import AUTH_FAILED, AUTH_SUCCESSFUL, OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED, OPEN_SUCCEEDED

from gateway.errors import Unreachable
from gateway.model import Clock
from gateway.twin.drop_files import Faults, Served
from gateway.twin.life import Living

_LOG = "gateway.twin.drop"
_WAKE_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Account:
    """A login: sees `root` as "/" and nothing else, and starts in `home`, a path below it.

    `keys`: public keys as authorized_keys has them: kind, base64.
    """

    name: str
    root: Path
    password: str | None = field(default=None, repr=False)
    keys: tuple[str, ...] = ()
    home: str = "/"


class Drop(Living):
    """SFTP server for `accounts`; `state` keeps its host key, so that known_hosts stays true over restarts.

    `port` 0 takes a free one; read it back after `start`. Raises Unreachable when the address can't be had.
    """

    def __init__(
        self, state: Path, accounts: Iterable[Account], clock: Clock, *, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self.host = host
        self.port = port
        self._state = state
        self._clock = clock
        self._accounts = {account.name: account for account in accounts}
        self._faults = {name: Faults() for name in self._accounts}
        self._listener: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._connections: list[paramiko.Transport] = []
        self._lock = threading.Lock()

    def faults(self, account: str) -> Faults:
        """Return the switches of an account; they work at once, on open connections too."""
        return self._faults[account]

    @property
    def known_hosts_line(self) -> str:
        """The line a client's known_hosts needs; valid once started."""
        key = self._host_key()
        label = self.host if self.port == 22 else f"[{self.host}]:{self.port}"
        return f"{label} {key.get_name()} {key.get_base64()}"

    def start(self) -> Self:
        """Listen and serve in threads of its own."""
        _silence()
        self._host_key()
        for account in self._accounts.values():
            (account.root / account.home.lstrip("/")).mkdir(parents=True, exist_ok=True)
        listener = socket.socket()
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((self.host, self.port))
            listener.listen(100)
        except OSError as error:
            listener.close()
            raise Unreachable(
                f"The SFTP drop can't listen on {self.host}:{self.port}: {error.strerror}.", fix="Choose another port."
            ) from error
        listener.settimeout(_WAKE_SECONDS)
        self.port = listener.getsockname()[1]
        self._listener = listener
        self._thread = threading.Thread(target=self._accept, args=(listener,), name="drop", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Cut every connection and stop listening; stopping twice is once."""
        listener, self._listener = self._listener, None
        if listener is None:
            return
        listener.close()
        if self._thread is not None:
            self._thread.join()
        self.cut()

    def cut(self) -> None:
        """Drop every open connection without a word."""
        with self._lock:
            connections, self._connections = self._connections, []
        for transport in connections:
            with contextlib.suppress(OSError):  # the client was faster
                transport.sock.shutdown(socket.SHUT_RDWR)
            transport.close()

    def renew_host_key(self) -> None:
        """Forget the host key: the next start shows another one."""
        (self._state / "host_key").unlink(missing_ok=True)

    def _accept(self, listener: socket.socket) -> None:
        while self._listener is not None:
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            self._serve(connection)

    def _serve(self, connection: socket.socket) -> None:
        try:
            transport = paramiko.Transport(connection)
        except (paramiko.SSHException, OSError):
            connection.close()
            return
        transport.set_log_channel(_LOG)
        transport.add_server_key(self._host_key())
        login = _Login(transport, self._accounts)
        transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _Session, self._faults, self._clock)
        with self._lock:
            self._connections = [each for each in self._connections if each.is_active()]
            self._connections.append(transport)
        with contextlib.suppress(paramiko.SSHException, OSError):  # a client that hangs up is none of our concern
            transport.start_server(event=threading.Event(), server=login)

    def _host_key(self) -> paramiko.ECDSAKey:
        path = self._state / "host_key"
        if not path.exists():
            self._state.mkdir(parents=True, exist_ok=True)
            key = paramiko.ECDSAKey.generate()
            temporary = path.with_name(f".host_key.{os.getpid()}")
            key.write_private_key_file(str(temporary))
            temporary.replace(path)
        return paramiko.ECDSAKey.from_private_key_file(str(path))


class _Login(paramiko.ServerInterface):
    """Judges who may come in; afterwards it carries the account to the file server."""

    def __init__(self, transport: paramiko.Transport, accounts: dict[str, Account]) -> None:
        self.transport = transport
        self._accounts = accounts
        self.account: Account | None = None

    def get_allowed_auths(self, username: str) -> str:  # noqa: ARG002 - paramiko's signature
        """Both ways are open."""
        return "password,publickey"

    def check_auth_password(self, username: str, password: str) -> int:
        """Compare in constant time."""
        account = self._accounts.get(username)
        if account is None or account.password is None:
            return AUTH_FAILED
        if not hmac.compare_digest(account.password.encode(), password.encode()):
            return AUTH_FAILED
        self.account = account
        return AUTH_SUCCESSFUL

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        """Accept a key that the account lists."""
        account = self._accounts.get(username)
        shown = (key.get_name(), key.get_base64())
        if account is None or shown not in {tuple(line.split()[:2]) for line in account.keys}:
            return AUTH_FAILED
        self.account = account
        return AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:  # noqa: ARG002 - paramiko's signature
        """Sessions only: no forwarding."""
        return OPEN_SUCCEEDED if kind == "session" else OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED


class _Session(Served):
    """The files of the account that logged in."""

    def __init__(self, server: paramiko.ServerInterface, faults: dict[str, Faults], clock: Clock) -> None:
        if not isinstance(server, _Login) or server.account is None:
            raise paramiko.SSHException("No account has logged in.")
        account = server.account
        super().__init__(server, account.root, faults[account.name], clock, server.transport.close, account.home)


def _silence() -> None:
    """Keep paramiko's lines about clients that hang up off the screen."""
    logger = logging.getLogger(_LOG)
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
