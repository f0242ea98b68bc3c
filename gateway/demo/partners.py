"""The partners of the demo: they put files into folders and onto the SFTP drop as partners do."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import paramiko

from gateway.demo.script import Sample
from gateway.demo.stage import Stage


def drop(stage: Stage, samples: Path, files: Iterable[Sample]) -> None:
    """Put every file under a temporary name first, then rename it, in the order given."""
    with _accounts(stage) as accounts:
        for one in files:
            body = (samples / one.file).read_bytes()
            table = stage.source(one.source)
            if table["kind"] == "local":
                target = stage.home / table["folder"] / one.file.name
                part = target.with_name(f".{one.file.name}.part")
                part.write_bytes(body)
                part.replace(target)
            else:
                _upload(accounts.of(one.source), str(table["folder"]), one.file.name, body)


def _upload(client: paramiko.SFTPClient, folder: str, name: str, body: bytes) -> None:
    part, target = posixpath.join(folder, f".{name}.part"), posixpath.join(folder, name)
    with client.open(part, "wb") as file:
        file.write(body)
    client.posix_rename(part, target)


class _Accounts:
    """SFTP connections by source, opened when first asked for."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._open: dict[str, tuple[paramiko.SSHClient, paramiko.SFTPClient]] = {}

    def of(self, source: str) -> paramiko.SFTPClient:
        """Return the connection of a source; the host key must be the known one."""
        if source not in self._open:
            table = self._stage.source(source)
            client = paramiko.SSHClient()
            client.load_host_keys(str(self._stage.home / table["known_hosts"]))
            client.set_missing_host_key_policy(paramiko.RejectPolicy())
            client.connect(
                table["host"], port=table["port"], username=table["user"],
                password=self._stage.secret(table["password"]), allow_agent=False, look_for_keys=False, timeout=10,
            )  # fmt: skip
            self._open[source] = (client, client.open_sftp())
        return self._open[source][1]

    def close(self) -> None:
        """Hang up."""
        for client, files in self._open.values():
            files.close()
            client.close()


@contextmanager
def _accounts(stage: Stage) -> Iterator[_Accounts]:
    accounts = _Accounts(stage)
    try:
        yield accounts
    finally:
        accounts.close()
