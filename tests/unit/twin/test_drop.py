"""The bundled drop behaves as a real server does, judged by plain paramiko."""

from __future__ import annotations

from pathlib import Path

import paramiko
import pytest

from gateway.errors import Unreachable
from gateway.testing.clock import FakeClock
from gateway.twin.drop import Account, Drop


@pytest.fixture
def drop(tmp_path):
    key = paramiko.ECDSAKey.generate()
    accounts = [
        Account("ana", tmp_path / "ana", password="secret of ana"),
        Account("ben", tmp_path / "ben", keys=(f"{key.get_name()} {key.get_base64()} ben@laptop",)),
    ]
    with Drop(tmp_path / "state", accounts, FakeClock()) as server:
        server.ben_key = key  # type: ignore[attr-defined]
        yield server


@pytest.fixture
def login(drop):
    opened = []

    def connect(user="ana", password="secret of ana", key=None):
        transport = paramiko.Transport((drop.host, drop.port))
        opened.append(transport)
        transport.connect(username=user, password=None if key else password, pkey=key)
        return paramiko.SFTPClient.from_transport(transport)

    yield connect
    for transport in opened:
        transport.close()


def write(client, path, content):
    with client.open(path, "wb") as file:
        file.write(content)


def test_accounts_see_only_their_own_root(drop, login, tmp_path):
    ana, ben = login(), login("ben", key=drop.ben_key)
    write(ana, "stock.csv", b"of ana")
    write(ben, "/stock.csv", b"of ben")
    assert (tmp_path / "ana" / "stock.csv").read_bytes() == b"of ana"
    assert (tmp_path / "ben" / "stock.csv").read_bytes() == b"of ben"
    assert ana.listdir("/../..") == ["stock.csv"]
    assert ana.normalize("a/../../b") == "/b"


def test_links_lead_nowhere_outside(login, tmp_path):
    (tmp_path / "secret").write_text("secret")
    ana = login()
    (tmp_path / "ana" / "link").symlink_to(tmp_path / "secret")
    (tmp_path / "ana" / "folder").symlink_to(tmp_path)
    for call in (lambda: ana.open("link"), lambda: ana.stat("link"), lambda: ana.open("folder/secret")):
        with pytest.raises(PermissionError):
            call()
    with pytest.raises(PermissionError):
        ana.listdir("folder/ben")
    assert ana.lstat("link").st_mode & 0o170000 == 0o120000


@pytest.mark.parametrize(("user", "password"), [("ana", "wrong"), ("ben", "secret of ana"), ("nobody", "")])
def test_wrong_logins_are_refused(login, user, password):
    with pytest.raises(paramiko.AuthenticationException):
        login(user, password)
    with pytest.raises(paramiko.AuthenticationException):
        login(user, key=paramiko.ECDSAKey.generate())


def test_the_host_key_stays_over_restarts_until_it_is_renewed(drop, tmp_path):
    first = drop.known_hosts_line
    assert first.startswith(f"[127.0.0.1]:{drop.port} ecdsa-sha2-nistp256 ")
    drop.stop()
    drop.stop()
    again = Drop(tmp_path / "state", [], FakeClock(), port=drop.port)
    assert again.known_hosts_line == first
    again.renew_host_key()
    assert again.known_hosts_line != first


def test_a_taken_port_is_told(drop, tmp_path):
    with pytest.raises(Unreachable, match=f"can't listen on 127.0.0.1:{drop.port}"):
        Drop(tmp_path / "other", [], FakeClock(), port=drop.port).start()


def test_a_rename_never_replaces_but_a_posix_rename_does(login):
    ana = login()
    write(ana, "a", b"a")
    write(ana, "b", b"b")
    with pytest.raises(OSError, match="Failure"):
        ana.rename("a", "b")
    ana.posix_rename("a", "b")
    assert ana.open("b").read() == b"a"
    with pytest.raises(FileNotFoundError):
        ana.rename("a", "c")


def test_switches(drop, login):
    ana = login()
    write(ana, "a", b"a")
    faults = drop.faults("ana")
    faults.no_posix_rename = True
    with pytest.raises(OSError, match="unsupported"):
        ana.posix_rename("a", "b")
    faults.refuse_rename = True
    with pytest.raises(PermissionError):
        ana.rename("a", "b")
    faults.read_only = True
    for call in (lambda: write(ana, "c", b""), lambda: ana.remove("a"), lambda: ana.mkdir("d"), lambda: ana.rmdir("d")):
        with pytest.raises(PermissionError):
            call()
    assert ana.listdir() == ["a"]
    assert drop.faults("ben").read_only is False


def test_slow_writes_take_the_clock_s_time(drop, login):
    drop.faults("ana").slow_write = 5.0
    write(login(), "a", b"x" * 40_000)
    assert drop._clock.slept == [5.0, 5.0]


def test_the_connection_goes_after_so_many_bytes_and_then_holds(drop, login, tmp_path):
    drop.faults("ana").cut_after = 40_000
    with pytest.raises((paramiko.SSHException, EOFError, OSError)):
        write(login(), "a", b"x" * 100_000)
    assert (tmp_path / "ana" / "a").stat().st_size == 40_000
    write(login(), "a", b"x" * 100_000)
    assert (tmp_path / "ana" / "a").stat().st_size == 100_000


@pytest.mark.parametrize(("switch", "moved"), [("cut_before", False), ("cut_behind", True)])
def test_the_connection_goes_around_a_request(drop, login, tmp_path, switch, moved):
    ana = login()
    write(ana, "a", b"a")
    setattr(drop.faults("ana"), switch, "rename")
    with pytest.raises((paramiko.SSHException, EOFError, OSError)):
        ana.rename("a", "b")
    assert Path(tmp_path / "ana" / "b").exists() is moved
    assert "rename" in drop.faults("ana").requests


def test_a_login_starts_in_its_home(tmp_path):
    account = Account("ana", tmp_path / "ana", password="x", home="/far/home")
    with Drop(tmp_path / "state", [account], FakeClock()) as drop:
        transport = paramiko.Transport((drop.host, drop.port))
        transport.connect(username="ana", password="x")
        client = paramiko.SFTPClient.from_transport(transport)
        write(client, "a", b"a")
        assert client.normalize(".") == "/far/home"
        assert (tmp_path / "ana" / "far" / "home" / "a").read_bytes() == b"a"
        assert client.listdir("/") == ["far"]
        transport.close()


def test_a_full_disk_takes_nothing_until_there_is_room(drop, login):
    drop.faults("ana").full = True
    with pytest.raises(OSError, match="Failure"):
        write(login(), "a", b"x")
    drop.faults("ana").full = False
    write(login(), "a", b"x")


def test_no_secret_shows(drop):
    assert "secret of ana" not in repr(drop._accounts)
