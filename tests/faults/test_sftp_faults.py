"""Servers that die, refuse, stall and change their key, and what becomes of files and answers."""

from __future__ import annotations

import logging
import socket
import subprocess
from pathlib import Path

import pytest
from pydantic import SecretStr

from gateway.errors import Busy, GatewayError, HostKeyError, Refused, SettingsError, Unreachable
from gateway.model import Ending
from gateway.sources.handling import Handling
from gateway.sources.sftp import SftpSource
from gateway.testing.clock import FakeClock, RealClock
from gateway.testing.memory_source import MemoryLedger
from gateway.testing.openssh import OpenSshServer, find_sshd, make_key
from gateway.transport.sftp import SftpSession, SftpSettings
from gateway.twin.drop import Account, Drop

SECRET = "hunter2-geheim"
BIG = bytes(range(256)) * 4096  # 1 MiB


class Place:
    """A bundled drop with one account, and sources on it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.root = home / "root"
        self.known = home / "known_hosts"
        self.drop = Drop(home / "state", [Account("shop", self.root, SECRET)], RealClock())
        self.drop.start()
        self.known.write_text(self.drop.known_hosts_line + "\n")
        self.faults = self.drop.faults("shop")
        self.inbox = self.root / "in"
        self.inbox.mkdir()
        self.ledger = MemoryLedger()
        self.clock = FakeClock()
        self.opened: list[SftpSession] = []

    def settings(self, **changes: object) -> SftpSettings:
        given = {
            "host": "127.0.0.1",
            "port": self.drop.port,
            "user": "shop",
            "password": SecretStr(SECRET),
            "known_hosts": self.known,
        }
        return SftpSettings(**(given | changes))  # type: ignore[arg-type]

    def session(self, **changes: object) -> SftpSession:
        session = SftpSession(self.settings(**changes), self.clock)
        self.opened.append(session)
        return session

    def source(self, session: SftpSession | None = None, **changes: object) -> SftpSource:
        handling = Handling(**({"settle": 0.0} | changes))  # type: ignore[arg-type]
        return SftpSource(
            "shop",
            session or self.session(),
            handling,
            ledger=self.ledger,
            clock=self.clock,
            folder="in",
            answers="out",
        )

    def close(self) -> None:
        for session in self.opened:
            session.close()
        self.drop.stop()


@pytest.fixture
def place(tmp_path):
    made = Place(tmp_path)
    yield made
    made.close()


def first(source):
    source.scan()
    return source.scan()[0]


# ---------------------------------------------------------------- files coming in


def test_a_download_cut_in_the_middle_goes_on(place, tmp_path):
    (place.inbox / "big.csv").write_bytes(BIG)
    source = place.source()
    arrival = first(source)
    place.faults.cut_after = 400_000
    claim = source.claim(arrival, tmp_path / "spool")
    assert claim is not None
    assert claim.local.read_bytes() == BIG
    assert place.faults.requests.count("open") == 2
    assert place.clock.slept == [1.0]


def test_a_download_that_stays_cut_leaves_nothing_in_the_spool_and_is_given_back(place, tmp_path):
    (place.inbox / "big.csv").write_bytes(BIG)
    source = place.source(place.session(attempts=1))
    arrival = first(source)
    place.faults.cut_after = 400_000
    with pytest.raises(Unreachable, match="downloading"):
        source.claim(arrival, tmp_path / "spool")
    assert list((tmp_path / "spool").iterdir()) == []
    assert not (place.inbox / "big.csv").exists()
    assert source.scan() == [arrival]  # finds the claim nobody holds and gives it back
    assert (place.inbox / "big.csv").read_bytes() == BIG
    claim = source.claim(arrival, tmp_path / "spool")
    assert claim is not None
    assert claim.local.read_bytes() == BIG


def test_a_file_that_grows_after_a_cut_is_not_pieced_together(place, tmp_path):
    target = place.inbox / "big.csv"
    target.write_bytes(BIG)
    place.clock.sleep = lambda _: target.write_bytes(BIG[::-1] + b"more")  # type: ignore[method-assign]
    session = place.session()
    place.faults.cut_after = 400_000
    with pytest.raises(Busy, match="changed or ended early"):
        session.fetch("in/big.csv", tmp_path / "spool" / "big.csv")
    assert list((tmp_path / "spool").iterdir()) == []


def test_whatever_byte_the_cut_comes_at_the_file_is_whole_or_absent(place, tmp_path):
    content = b"sku,quantity\nA,1\n"
    (place.inbox / "stock.csv").write_bytes(content)
    for most in range(len(content)):
        place.faults.cut_after, place.faults.short_reads = most, 1
        session = place.session(attempts=1)
        with pytest.raises(Unreachable):
            session.fetch("in/stock.csv", tmp_path / "spool" / "stock.csv")
        assert list((tmp_path / "spool").iterdir()) == []
    place.faults.cut_after = None
    session.fetch("in/stock.csv", tmp_path / "spool" / "stock.csv")
    assert (tmp_path / "spool" / "stock.csv").read_bytes() == content


def test_short_answers_to_reads_lose_nothing(place, tmp_path):
    (place.inbox / "big.csv").write_bytes(BIG)
    place.faults.short_reads = 5_000
    place.session().fetch("in/big.csv", tmp_path / "big.csv")
    assert (tmp_path / "big.csv").read_bytes() == BIG


@pytest.mark.parametrize("switch", ["cut_before", "cut_behind"])
def test_a_claim_whose_answer_is_lost_is_looked_up_not_guessed(place, tmp_path, switch):
    (place.inbox / "stock.csv").write_bytes(b"content")
    source = place.source()
    arrival = first(source)
    setattr(place.faults, switch, "rename")
    claim = source.claim(arrival, tmp_path / "spool")
    assert claim is not None
    assert claim.local.read_bytes() == b"content"
    assert place.faults.requests.count("rename") == (2 if switch == "cut_before" else 1)
    source.end(claim, Ending.ARCHIVE)
    assert (place.inbox / "archive" / "stock.csv").read_bytes() == b"content"


def test_a_claim_cut_off_for_good_is_not_lost(place, tmp_path):
    (place.inbox / "stock.csv").write_bytes(b"content")
    source = place.source()
    arrival = first(source)
    place.faults.cut_behind = "rename"
    look = source.session.look

    def still_down(path):
        if ".claimed" in path:
            raise Unreachable("still down")
        return look(path)

    source.session.look = still_down  # type: ignore[method-assign]
    with pytest.raises(Unreachable):
        source.claim(arrival, tmp_path / "spool")
    source.session.look = look  # type: ignore[method-assign]
    assert source.scan() == [arrival]
    assert source.claim(arrival, tmp_path / "spool") is not None


@pytest.mark.parametrize("switch", ["refuse_rename", "read_only"])
def test_a_server_that_only_lets_us_read_is_remembered(place, tmp_path, switch):
    for name in ("a.csv", "b.csv"):
        (place.inbox / name).write_text(name)
    setattr(place.faults, switch, True)
    source = place.source()
    source.scan()
    for arrival in source.scan():
        claim = source.claim(arrival, tmp_path / "spool")
        assert claim is not None
        assert claim.token.startswith("ledger:")
        source.end(claim, Ending.REJECT if arrival.path == "b.csv" else Ending.ARCHIVE)
    assert source.scan() == []
    assert sorted(path.name for path in place.inbox.glob("*.csv")) == ["a.csv", "b.csv"]
    assert place.faults.requests.count("mkdir") <= 2  # tried once, for the first file
    (place.inbox / "a.csv").write_text("a new version")
    assert [arrival.path for arrival in (source.scan(), source.scan())[1]] == ["a.csv"]


def test_claim_move_says_that_renaming_is_forbidden(place, tmp_path):
    (place.inbox / "a.csv").write_text("a")
    place.faults.refuse_rename = True
    source = place.source(claim="move")
    with pytest.raises(Refused, match="renaming is forbidden") as caught:
        source.claim(first(source), tmp_path / "spool")
    assert 'claim = "ledger"' in caught.value.fix
    assert (place.inbox / "a.csv").read_text() == "a"


def test_links_on_the_server_are_refused(place):
    (place.root / "secret").write_text("secret")
    (place.inbox / "link.csv").symlink_to(place.root / "secret")
    source = place.source()
    source.scan()
    assert source.scan() == []
    assert source.refused() == [("link.csv", "it is a link")]


def test_a_missing_folder_is_unreachable_and_says_so(place):
    place.inbox.rmdir()
    with pytest.raises(Unreachable, match="the folder does not exist"):
        place.source().scan()


@pytest.mark.parametrize(
    "setting", [{"folder": "../other"}, {"folder": "in/../../x"}, {"answers": "a\nb"}, {"answers": "."}]
)
def test_folders_that_leave_the_account_are_refused(place, setting):
    with pytest.raises(SettingsError):
        SftpSource("shop", place.session(), Handling(settle=0.0), ledger=place.ledger, clock=place.clock, **setting)


# ---------------------------------------------------------------- answers going out


@pytest.mark.parametrize(
    ("fault", "value"), [("cut_after", 0), ("cut_after", 1), ("cut_after", 500_000), ("cut_before", "posix_rename")]
)
def test_a_server_that_dies_leaves_no_half_answer(place, tmp_path, fault, value):
    (tmp_path / "answer").write_bytes(BIG)
    (place.root / "out").mkdir()
    source = place.source()
    setattr(place.faults, fault, value)
    with pytest.raises(Unreachable):
        source.deliver(tmp_path / "answer", "stock.csv.result.csv")
    assert not (place.root / "out" / "stock.csv.result.csv").exists()
    source.deliver(tmp_path / "answer", "stock.csv.result.csv")
    assert (place.root / "out" / "stock.csv.result.csv").read_bytes() == BIG
    assert [path.name for path in (place.root / "out").iterdir()] == ["stock.csv.result.csv"]


@pytest.mark.parametrize("how", ["upload", "put"])
@pytest.mark.parametrize("most", [0, 20, 500_000])
def test_an_upload_over_a_connection_in_use_begins_again_when_it_is_cut(place, tmp_path, how, most):
    """The second try has the whole file, not what the first one had not read yet."""
    (tmp_path / "answer").write_bytes(BIG)
    (place.root / "out").mkdir()
    session = place.session()
    session.entries("out")
    place.faults.cut_after = most
    getattr(session, how)(tmp_path / "answer", "out/ack.json")
    assert (place.root / "out" / "ack.json").read_bytes() == BIG
    assert [path.name for path in (place.root / "out").iterdir()] == ["ack.json"]


def test_an_answer_whose_last_reply_is_lost_is_whole(place, tmp_path):
    (tmp_path / "answer").write_bytes(BIG)
    source = place.source()
    place.faults.cut_behind = "posix_rename"
    with pytest.raises(Unreachable):
        source.deliver(tmp_path / "answer", "ack.json")
    assert (place.root / "out" / "ack.json").read_bytes() == BIG


def test_answers_replace_the_last_where_posix_rename_is_not_offered(place, tmp_path):
    place.faults.no_posix_rename = True
    source = place.source()
    for content in (b"first", b"second"):
        (tmp_path / "answer").write_bytes(content)
        source.deliver(tmp_path / "answer", "ack.json")
        assert (place.root / "out" / "ack.json").read_bytes() == content
    assert [path.name for path in (place.root / "out").iterdir()] == ["ack.json"]


def test_the_old_answer_comes_back_when_the_new_one_can_not_take_its_name(place, tmp_path):
    place.faults.no_posix_rename = True
    (place.root / "out").mkdir()
    (place.root / "out" / "ack.json").write_bytes(b"old")
    session = place.session()
    with pytest.raises(GatewayError):
        session.replace("out/gone.part", "out/ack.json")
    assert (place.root / "out" / "ack.json").read_bytes() == b"old"


def test_a_size_that_differs_after_the_upload_is_no_answer(place, tmp_path, monkeypatch):
    (tmp_path / "answer").write_bytes(b"content")
    session = place.session()
    monkeypatch.setattr("gateway.transport.sftp_wire.Wire.put_file", lambda self, _, path: _touch(self, path))
    (place.root / "out").mkdir()
    with pytest.raises(Busy, match="sent 7 bytes, found 0 bytes"):
        session.upload(tmp_path / "answer", "out/ack.json")
    assert not (place.root / "out" / "ack.json").exists()


def _touch(wire, path):
    wire.open(path, "w").close()
    return 7


# ---------------------------------------------------------------- connections


def test_a_connection_that_died_while_idle_is_made_again(place):
    source = place.source()
    source.scan()
    place.drop.cut()
    assert source.scan() == []


def test_a_server_that_is_down_is_unreachable_until_it_is_back(place):
    source = place.source()
    source.scan()
    place.drop.stop()
    for _ in range(2):
        with pytest.raises(Unreachable, match="connecting"):
            source.scan()
    place.drop.start()
    assert source.scan() == []


def test_a_listing_that_never_comes_is_given_up(place):
    place.faults.silent = 1.0
    with pytest.raises(Unreachable, match="no answer in time"):
        place.session(list_timeout=0.1).entries("in")


def test_a_server_that_says_nothing_is_given_up(place):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        session = place.session(port=mute.getsockname()[1], connect_timeout=0.2)
        place.known.write_text(f"* {place.drop.known_hosts_line.split(' ', 1)[1]}\n")
        with pytest.raises(Unreachable, match="connecting"):
            session.entries("")


def test_a_changed_host_key_stops_everything_before_the_password(place, tmp_path):
    place.drop.stop()
    place.drop.renew_host_key()
    place.drop.start()
    with pytest.raises(HostKeyError, match="has changed") as caught:
        place.source().scan()
    assert place.faults.requests == []
    place.known.write_text(f"{place.known.read_text()}{caught.value.fix.split(': ', 1)[1]}\n")
    assert place.source().scan() == []  # both keys listed: the change is over


def test_no_secret_in_messages_repr_and_logs(place, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    wrong = place.session(password=SecretStr("wrong-" + SECRET))
    with pytest.raises(Refused, match="logging in") as caught:
        wrong.entries("")
    place.session().entries("")
    shown = "".join([str(caught.value), repr(wrong), repr(wrong.settings), caplog.text, *capfd.readouterr()])
    assert SECRET not in shown
    assert "Traceback" not in shown


def test_settings_without_any_proof_are_refused(place):
    with pytest.raises(SettingsError, match="neither password nor key_file"):
        place.settings(password=None)


def test_a_key_file_that_is_none_is_named(place, tmp_path):
    (tmp_path / "key").write_text("not a key")
    for name, reason in (("key", "SSHException"), ("nowhere", "not found")):
        with pytest.raises(SettingsError, match=reason) as caught:
            place.session(key_file=tmp_path / name).entries("")
        assert str(tmp_path / name) in str(caught.value)


# ---------------------------------------------------------------- a real server


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
