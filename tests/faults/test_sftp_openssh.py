"""A real OpenSSH server that is killed, changes its key, or lets us read only."""

from __future__ import annotations

import subprocess

import pytest
from pydantic import SecretStr
from support.sftp_places import BIG, SECRET, first

from gateway.errors import HostKeyError, Refused, SettingsError, Unreachable
from gateway.model import Ending
from gateway.sources.handling import Handling
from gateway.sources.sftp import SftpSource
from gateway.testing.clock import FakeClock, RealClock
from gateway.testing.memory_source import MemoryLedger
from gateway.testing.openssh import OpenSshServer, find_sshd, make_key
from gateway.transport.sftp import SftpSession, SftpSettings


@pytest.fixture
def sshd(tmp_path):
    if find_sshd() is None:
        pytest.skip("no OpenSSH server here: install the package openssh-server")
    server = OpenSshServer(tmp_path / "sshd", tmp_path / "home", RealClock())
    with server:
        yield server


def session_on(server, **changes):
    login = server.login
    given = {
        "host": login.host,
        "port": login.port,
        "user": login.user,
        "key_file": login.key_file,
        "known_hosts": login.known_hosts,
        "pause": 0.0,
    }
    return SftpSession(SftpSettings(**(given | changes)), FakeClock())


@pytest.mark.openssh
def test_openssh_killed_before_the_answer_has_its_name(sshd, tmp_path, monkeypatch):
    (tmp_path / "answer").write_bytes(BIG)
    (sshd.root / "out").mkdir()
    with session_on(sshd) as session:
        replace = session.replace

        def dying(path, target):
            sshd.stop()
            replace(path, target)

        monkeypatch.setattr(session, "replace", dying)
        with pytest.raises(Unreachable):
            session.upload(tmp_path / "answer", "out/ack.json")
        assert not (sshd.root / "out" / "ack.json").exists()
        monkeypatch.undo()
        sshd.start()
        session.upload(tmp_path / "answer", "out/ack.json")
        assert (sshd.root / "out" / "ack.json").read_bytes() == BIG
        assert [path.name for path in (sshd.root / "out").iterdir()] == ["ack.json"]


@pytest.mark.openssh
def test_openssh_with_a_changed_host_key(sshd):
    with session_on(sshd) as session:
        assert session.entries("") == []
        sshd.stop()
        sshd.new_host_key()
        sshd.start()
        with pytest.raises(HostKeyError, match="has changed"):
            session.entries("")


@pytest.mark.openssh
def test_openssh_shows_the_key_type_that_is_known(sshd, tmp_path):
    other = make_key(sshd.home / "other_host_key", "ecdsa")
    sshd.login.known_hosts.write_text(f"[127.0.0.1]:{sshd.port} {(other.with_suffix('.pub')).read_text()}")
    sshd.stop()
    sshd.host_keys.append(other)
    sshd.start()
    with session_on(sshd) as session:
        assert session.entries("") == []


@pytest.mark.openssh
def test_openssh_in_read_only_mode_is_taken_by_ledger(tmp_path):
    if find_sshd() is None:
        pytest.skip("no OpenSSH server here: install the package openssh-server")
    with OpenSshServer(tmp_path / "sshd", tmp_path / "home", RealClock(), read_only=True) as server:
        (server.root / "stock.csv").write_bytes(b"content")
        source = SftpSource(
            "shop", session_on(server), Handling(settle=0.0), ledger=MemoryLedger(), clock=FakeClock(), answers="out"
        )
        claim = source.claim(first(source), tmp_path / "spool")
        assert claim is not None
        assert claim.local.read_bytes() == b"content"
        source.end(claim, Ending.ARCHIVE)
        assert source.scan() == []
        with pytest.raises(Refused):
            source.deliver(claim.local, "ack.json")
        source.close()


@pytest.mark.openssh
def test_openssh_with_a_key_protected_by_a_passphrase(sshd, tmp_path):
    key = sshd.login.key_file
    subprocess.run(["ssh-keygen", "-q", "-p", "-N", SECRET, "-f", str(key)], check=True, capture_output=True)
    with session_on(sshd, passphrase=SecretStr(SECRET)) as session:
        assert session.entries("") == []
    for given in (None, SecretStr(SECRET + "!")):
        with session_on(sshd, passphrase=given) as session, pytest.raises(SettingsError, match="passphrase") as caught:
            session.entries("")
        assert SECRET not in str(caught.value)
