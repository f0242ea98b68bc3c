"""A real OpenSSH server as a child process on loopback, for tests and measurements."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from gateway.errors import Unreachable
from gateway.model import Clock

_SSHD = ("/usr/sbin/sshd", "/usr/local/sbin/sshd", "/sbin/sshd")
_START_SECONDS = 10.0
_ATTEMPTS = 3


def find_sshd() -> str | None:
    """Return the path of the server program; None when the package openssh-server is not installed."""
    return next((path for path in _SSHD if Path(path).exists()), None) or shutil.which("sshd")


def make_key(path: Path, kind: str = "ed25519") -> Path:
    """Generate a key pair `path`, `path`.pub without passphrase; an existing one is replaced."""
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    command = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "test", "-f", str(path)]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - fixed program, our own arguments
    return path


@dataclass(frozen=True, slots=True)
class Login:
    """What a client needs: loopback address, account, key and known_hosts files."""

    host: str
    port: int
    user: str
    key_file: Path
    known_hosts: Path


class OpenSshServer:
    """`sshd` serving one folder by internal-sftp to the user who started it; works as root and as anybody else.

    `home`: scratch folder for keys and configuration. `root`: folder a session starts in.
    `read_only`: every change is forbidden. `bound`: the rights of files and folders hold for the login even where root
    started the server: it is nobody's then, who must be able to reach `home` and `root`.
    `host_keys`, `extra_lines`: of the configuration; may be added to before a start. Raises Unreachable when the
    server does not come up.
    """

    def __init__(self, home: Path, root: Path, clock: Clock, *, read_only: bool = False, bound: bool = False) -> None:
        self.home = home
        self.root = root
        self._clock = clock
        self._read_only = read_only
        self.host_keys = [home / "host_key"]
        self.extra_lines: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self._announced = 0
        self.user = "nobody" if bound and os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name

    @property
    def login(self) -> Login:
        """Address and credentials of the running server."""
        return Login("127.0.0.1", self.port, self.user, self.home / "user_key", self.home / "known_hosts")

    def start(self) -> None:
        """Generate what is missing, start the server and wait until it answers."""
        self.home.mkdir(parents=True, exist_ok=True)
        self.root.mkdir(parents=True, exist_ok=True)
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd refuses to start as root without it
        if not (self.home / "host_key").exists():
            make_key(self.home / "host_key")
        if not (self.home / "user_key").exists():
            make_key(self.home / "user_key")
        shutil.copy(self.home / "user_key.pub", self.home / "authorized_keys")
        for _ in range(_ATTEMPTS):  # a port found free may be gone a moment later
            self.port = self.port or _free_port()
            if self._launch():
                self._write_known_hosts()
                return
            self.port = 0
        raise Unreachable(f"sshd did not start: {self._log()}", fix="Run it by hand with the same configuration.")

    def stop(self) -> None:
        """Kill the server and every session it holds, as a power cut would; stopping twice is once."""
        process, self._process = self._process, None
        if process is None:
            return
        sessions = _descendants(process.pid)  # each one leads a process group of its own
        for pid in (process.pid, *sessions):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()

    def new_host_key(self, kind: str = "ed25519") -> None:
        """Replace the host key without telling known_hosts; takes effect at the next start."""
        make_key(self.home / "host_key", kind)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _config(self) -> str:
        return "\n".join(
            [
                f"Port {self.port}",
                "ListenAddress 127.0.0.1",
                *(f"HostKey {path}" for path in self.host_keys),
                f"PidFile {self.home / 'sshd.pid'}",
                f"AuthorizedKeysFile {self.home / 'authorized_keys'}",
                "StrictModes no",
                "UsePAM no",
                "PasswordAuthentication no",
                "KbdInteractiveAuthentication no",
                "PermitRootLogin prohibit-password",
                "MaxStartups 100",
                f"Subsystem sftp internal-sftp -d {self.root}{' -R' if self._read_only else ''}",
                *self.extra_lines,
                "",
            ]
        )

    def _launch(self) -> bool:
        config = self.home / "sshd_config"
        config.write_text(self._config(), encoding="utf-8")
        program = find_sshd()
        if program is None:
            raise Unreachable("sshd was not found.", fix="Install the package openssh-server.")
        with (self.home / "sshd.log").open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - fixed program, our own arguments
                [program, "-D", "-e", "-f", str(config)], stderr=log
            )
        until = self._clock.monotonic() + _START_SECONDS
        while self._clock.monotonic() < until and self._process.poll() is None:
            if _answers(self.port):
                return True
            self._clock.sleep(0.02)
        self.stop()
        return False

    def _write_known_hosts(self) -> None:
        kind, key = (self.home / "host_key.pub").read_text(encoding="ascii").split()[:2]
        if self._announced != self.port:  # a key changed later is for the client to find out
            path = self.home / "known_hosts"
            path.write_text(f"[127.0.0.1]:{self.port} {kind} {key}\n", encoding="ascii")
            self._announced = self.port

    def _log(self) -> str:
        return (self.home / "sshd.log").read_text(encoding="utf-8", errors="replace").strip()[-500:]


def _descendants(pid: int) -> list[int]:
    """Return the processes below `pid`, as Linux lists them; [] on other systems."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return []
    return [each for child in children for each in (int(child), *_descendants(int(child)))]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0
