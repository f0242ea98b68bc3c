"""SFTP download from a real OpenSSH server beside the OpenSSH client's own, connecting included on both sides.

    python -m bench.download HOST PORT USER KEY KNOWN_HOSTS REMOTE LOCAL

prints the memory of one download as `bench.memory` does.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import data
from bench.measure import Broken, Line, Options, Ratio, Skipped, Watch, taken
from bench.memory import held_mb, peak_mb
from gateway.testing.clock import RealClock
from gateway.testing.openssh import Login, OpenSshServer, find_sshd
from gateway.transport.sftp import SftpSession, SftpSettings

SIZE = 200_000_000
_SMALL = 1_000_000
_LIMIT = 600.0


def lines(options: Options, progress: Callable[[str], None]) -> list[Line]:
    """Measure rate and memory, or say what is missing."""
    size = options.sized(SIZE)
    rate = f"SFTP download of {size // 10**6} MB, share of rate"
    memory = "the same, extra memory"
    try:
        found = _measured(options, progress, size)
    except Skipped as reason:
        return [
            Line(rate, "of", 0.6, "OpenSSH sftp", skipped=str(reason)),
            Line(memory, "MB", 60.0, skipped=str(reason)),
        ]
    return [Line(rate, "of", 0.6, "OpenSSH sftp", found[0]), Line(memory, "MB", 60.0, "", Ratio(found[1], None))]


def _measured(options: Options, progress: Callable[[str], None], size: int) -> tuple[Ratio, float]:
    client = shutil.which("sftp")
    if find_sshd() is None or client is None:
        raise Skipped("no sshd or sftp: install openssh-server and openssh-client")
    file, few = data.blob(options.data, size), data.blob(options.data, min(size, _SMALL))
    with tempfile.TemporaryDirectory(prefix="bench-sftp-") as name:
        folder = Path(name)
        root = folder / "root"
        root.mkdir()
        for source in {file, few}:
            (root / source.name).symlink_to(source.resolve())
        with OpenSshServer(folder / "server", root, RealClock()) as server:
            local = folder / "got"
            _fetch(server.login, few.name, local)
            watch = Watch(lambda: taken(lambda: _client(client, server.login, file, local), children=True)[1])
            for number in range(options.rounds):
                progress(f"SFTP, round {number + 1} of {options.rounds}")
                watch.time("fetch", lambda: _fetch(server.login, file.name, local))
                _same(file, local)
            memory = _memory(server.login, file.name, local)
    return watch.share("fetch"), memory


def _client(client: str, login: Login, file: Path, local: Path) -> None:
    command = [
        client, "-q", "-b", "-", "-P", str(login.port), "-i", str(login.key_file),
        "-o", f"UserKnownHostsFile={login.known_hosts}", "-o", "StrictHostKeyChecking=yes",
        "-o", "IdentitiesOnly=yes", "-F", "/dev/null", f"{login.user}@{login.host}",
    ]  # fmt: skip
    batch = f"get {file.name} {local}\n"
    done = subprocess.run(command, check=False, input=batch, capture_output=True, text=True, timeout=_LIMIT)
    if done.returncode != 0 or local.stat().st_size != file.stat().st_size:
        raise Broken(f"the OpenSSH client did not get the file: {done.stderr}")


def _fetch(login: Login, remote: str, local: Path) -> None:
    settings = SftpSettings(
        host=login.host, port=login.port, user=login.user, key_file=login.key_file, known_hosts=login.known_hosts
    )
    with SftpSession(settings, RealClock()) as session:
        session.fetch(remote, local)


def _same(file: Path, local: Path) -> None:
    with file.open("rb") as sent, local.open("rb") as got:
        while chunk := sent.read(1 << 20):
            if got.read(1 << 20) != chunk:
                raise Broken(f"{local} differs from {file}")
        if got.read(1):
            raise Broken(f"{local} is longer than {file}")


def _memory(login: Login, remote: str, local: Path) -> float:
    where = [login.host, str(login.port), login.user, str(login.key_file), str(login.known_hosts)]
    command = [sys.executable, "-m", "bench.download", *where, remote, str(local)]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=_LIMIT, cwd=Path(__file__).parents[1]
    )
    if done.returncode != 0:
        raise Broken(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    told = json.loads(done.stdout)
    return float(told["peak"] - told["start"])


def main() -> None:
    """Download one file in this process and print its memory."""
    host, port, user, key, known_hosts, remote, local = sys.argv[1:]
    login = Login(host, int(port), user, Path(key), Path(known_hosts))
    start = held_mb()
    _fetch(login, remote, Path(local))
    print(json.dumps({"start": start, "peak": peak_mb()}))


if __name__ == "__main__":
    main()
