"""Sources of every kind, each with the folder it looks at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from support.source_rigs import DiskRig, MemoryRig, Rig, SftpRig

from gateway.testing.clock import RealClock
from gateway.testing.openssh import OpenSshServer, find_sshd
from gateway.transport.sftp import SftpSession, SftpSettings
from gateway.twin.drop import Account, Drop


@pytest.fixture(scope="module")
def drop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SftpSettings, list[SftpSession]]]:
    home = tmp_path_factory.mktemp("drop")
    with Drop(home / "state", [Account("partner", home / "root", "let me in")], RealClock()) as server:
        known = home / "known_hosts"
        known.write_text(server.known_hosts_line + "\n")
        idle: list[SftpSession] = []
        settings = SftpSettings(
            host=server.host, port=server.port, user="partner", password=SecretStr("let me in"), known_hosts=known
        )
        yield settings, idle
        for session in idle:
            session.close()


@pytest.fixture(scope="module")
def openssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SftpSettings, list[SftpSession]]]:
    if find_sshd() is None:
        pytest.skip("no OpenSSH server here: install the package openssh-server")
    home = tmp_path_factory.mktemp("openssh")
    with OpenSshServer(home / "state", home / "root", RealClock()) as server:
        login = server.login
        idle: list[SftpSession] = []
        settings = SftpSettings(
            host=login.host, port=login.port, user=login.user, key_file=login.key_file, known_hosts=login.known_hosts
        )
        yield settings, idle
        for session in idle:
            session.close()


@pytest.fixture(params=["local", "memory", "drop", pytest.param("openssh", marks=pytest.mark.openssh)])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    made: DiskRig | MemoryRig
    if request.param == "memory":
        made = MemoryRig()
    elif request.param == "local":
        made = DiskRig(tmp_path / "inbox")
    else:
        settings, idle = request.getfixturevalue(request.param)
        folder = f"{tmp_path.name}/in"
        root = settings.known_hosts.parent
        root = (root if request.param == "drop" else root.parent) / "root" / folder
        made = SftpRig(root, folder, settings, idle)
    yield made
    made.close()
