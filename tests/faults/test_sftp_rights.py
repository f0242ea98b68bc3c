"""A real OpenSSH server whose folders forbid something: it is said what and where, and everything else goes on."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
import sqlalchemy as sa

from gateway import wiring
from gateway.errors import Refused, Unreachable
from gateway.journal import tables as t
from gateway.model import Ending
from gateway.settings import load_settings
from gateway.sources.handling import Handling
from gateway.sources.sftp import SftpSource
from gateway.testing import texts
from gateway.testing.clock import FakeClock, RealClock
from gateway.testing.memory_source import MemoryLedger
from gateway.testing.openssh import OpenSshServer, find_sshd
from gateway.transport.sftp import SftpSession, SftpSettings

pytestmark = pytest.mark.openssh
GOOD = "sku,quantity\na,1\nb,2\n"
OPEN = 0o777
READ_ONLY = 0o555
SHUT = 0


@pytest.fixture(scope="module")
def sshd():
    """A server for whose login the rights below its folder hold; pytest's own folders can't be reached by others."""
    if find_sshd() is None:
        pytest.skip("no OpenSSH server here: install the package openssh-server")
    home = Path(tempfile.mkdtemp(prefix="gateway-sshd-"))
    home.chmod(0o711)
    with OpenSshServer(home / "sshd", home / "root", RealClock(), bound=True) as server:
        yield server
    _open_all(home)
    shutil.rmtree(home)


@pytest.fixture
def inbox(sshd):
    """The folder that is listed: anybody may do everything in it."""
    _open_all(sshd.root)
    shutil.rmtree(sshd.root)
    made = folder(sshd.root / "in")
    sshd.root.chmod(OPEN)
    return made


def _open_all(root):
    for above, folders, _ in os.walk(root):
        for name in folders:
            (Path(above) / name).chmod(0o700)


def folder(path, mode=OPEN):
    path.mkdir(parents=True)
    path.chmod(mode)
    return path


def put(folder, name, text=GOOD, mode=0o666):
    path = folder / name
    path.unlink(missing_ok=True)  # in a sticky folder not even root may write over another's file
    path.write_text(text, "utf-8")
    path.chmod(mode)
    return path


@pytest.fixture
def make(sshd, inbox):
    made = []

    def build(**changes):
        login = sshd.login
        settings = SftpSettings(
            host=login.host, port=login.port, user=login.user, key_file=login.key_file, known_hosts=login.known_hosts,
            pause=0.0,
        )  # fmt: skip
        clock = FakeClock()
        handling = Handling(**{"settle": 0.0} | changes)
        session = SftpSession(settings, clock)
        made.append(
            SftpSource("shop", session, handling, ledger=MemoryLedger(), clock=clock, folder="in", answers="out")
        )
        return made[-1], clock

    yield build
    for one in made:
        one.close()


def listed(source):
    source.scan()
    return {arrival.path: arrival for arrival in source.scan()}


# ---------------------------------------------------------------- one source


def test_a_folder_that_may_not_be_listed_is_told_and_taken_from_once_it_may(make, inbox, tmp_path):
    source, _ = make()
    put(inbox, "a.csv")
    inbox.chmod(0o311)
    with pytest.raises(Unreachable, match=r'sftp://.*, listing in: .* "Permission denied"') as caught:
        source.scan()
    assert caught.value.fix == "Ask the server's operator for the right to list."
    inbox.chmod(OPEN)
    assert source.claim(listed(source)["a.csv"], tmp_path) is not None


def test_a_folder_inside_that_may_not_be_listed_keeps_nothing_else(make, inbox):
    source, _ = make(recursive=True)
    put(folder(inbox / "shut"), "a.csv")
    put(inbox, "b.csv")
    (inbox / "shut").chmod(SHUT)
    assert set(listed(source)) == {"b.csv"}
    ((path, reason),) = source.refused()
    assert path == "shut"
    assert reason.startswith("sftp://")
    assert 'listing in/shut: the server answers "Permission denied". Ask' in reason
    (inbox / "shut").chmod(OPEN)
    assert set(listed(source)) == {"shut/a.csv", "b.csv"}
    assert source.refused() == []


@pytest.mark.parametrize("claim", ["move", "ledger"])
def test_a_file_that_may_not_be_read_stays_where_it_is_and_keeps_no_other(make, inbox, tmp_path, claim):
    source, clock = make(claim=claim)
    shut = put(inbox, "shut.csv", mode=SHUT)
    put(inbox, "good.csv")
    found = listed(source)
    assert source.claim(found["shut.csv"], tmp_path) is None
    assert source.claim(found["good.csv"], tmp_path) is not None
    assert shut.exists()
    ((path, reason),) = source.unread()
    assert path == "shut.csv"
    assert reason.endswith('downloading in/shut.csv: the server answers "Permission denied".')
    assert source.scan() == []
    shut.chmod(0o666)
    clock.advance(3)
    claimed = source.claim(source.scan()[0], tmp_path)
    assert claimed.local.read_text("utf-8") == GOOD


def test_a_folder_where_nothing_may_be_changed_is_taken_by_ledger_once(make, inbox, tmp_path):
    source, _ = make()
    put(inbox, "a.csv")
    inbox.chmod(READ_ONLY)
    claim = source.claim(listed(source)["a.csv"], tmp_path)
    assert claim.token.startswith("ledger:")
    source.end(claim, Ending.ARCHIVE)
    assert listed(source) == {}
    strict, _ = make(claim="move")
    with pytest.raises(Refused, match="renaming is forbidden") as caught:
        strict.claim(listed(strict)["a.csv"], tmp_path)
    assert 'set claim = "ledger"' in caught.value.fix


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_a_done_marker_that_may_not_be_moved_vouches_for_one_file_only(make, inbox, sshd, tmp_path):
    """A folder where everybody may move what is theirs: the file is the login's, the marker is not."""
    source, _ = make(done_marker=".done")
    inbox.chmod(0o1777)
    shutil.chown(put(inbox, "a.csv"), sshd.user)
    put(inbox, "a.csv.done", "")
    claim = source.claim(listed(source)["a.csv"], tmp_path)
    assert claim.local.read_text("utf-8") == GOOD
    source.end(claim, Ending.ARCHIVE)
    half = put(inbox, "a.csv", "sku,quan")
    source.scan()
    half.write_text("sku,quantity\n", "utf-8")
    assert source.scan() == []  # it grows, whatever the marker of the file before says
    half.write_text(GOOD + "c,3\n", "utf-8")
    claim = source.claim(listed(source)["a.csv"], tmp_path)
    assert claim.local.read_text("utf-8") == GOOD + "c,3\n"


def test_an_archive_that_may_not_be_listed_is_told_for_its_file_alone(make, inbox, tmp_path):
    source, _ = make()
    put(folder(inbox / "archive"), "a.csv", "an older one")
    for name in ("a.csv", "b.csv"):
        put(inbox, name)
    found = listed(source)
    first, second = (source.claim(found[name], tmp_path) for name in ("a.csv", "b.csv"))
    (inbox / "archive").chmod(0o333)
    with pytest.raises(Refused, match=r"listing in/archive: .*Permission denied"):
        source.end(first, Ending.ARCHIVE)
    source.end(second, Ending.ARCHIVE)
    (inbox / "archive").chmod(OPEN)
    source.end(first, Ending.ARCHIVE)
    assert {path.name for path in (inbox / "archive").iterdir()} == {"a.csv", "a-2.csv", "b.csv"}
    assert (inbox / "archive/a.csv").read_text("utf-8") == "an older one"


def test_an_archive_that_is_shut_behind_a_file_keeps_no_other(make, inbox, tmp_path):
    source, _ = make()
    put(inbox, "a.csv")
    source.end(source.claim(listed(source)["a.csv"], tmp_path), Ending.ARCHIVE)
    (inbox / "archive").chmod(SHUT)  # where the file is looked at a little longer
    put(inbox, "b.csv")
    assert set(listed(source)) == {"b.csv"}


# ---------------------------------------------------------------- a gateway on it


@pytest.fixture
def gateway(sshd, inbox, tmp_path):
    """Run a gateway on the server until nothing moves; each call is one after a restart."""
    login = sshd.login
    source = (
        f'[sources.drop]\nkind = "sftp"\npartner = "acme"\nhost = "{login.host}"\nport = {login.port}\n'
        f'user = "{login.user}"\nkey_file = "{login.key_file}"\nknown_hosts = "{login.known_hosts}"\n'
        'folder = "in"\nanswers = "out"\nsettle = 0\n'
    )
    there = '[destinations.there]\nkind = "files"\nfolder = "sent"\nformat = "json"\nfields = ["sku", "quantity"]\n'
    route = texts.route("stock", "there", files="*.csv")
    texts.folders(tmp_path, stock=texts.LEVELS)
    (tmp_path / "sent").mkdir()
    (tmp_path / "gateway.toml").write_text(f"version = 1\n{source}{there}{route}", "utf-8")
    made = []

    def run():
        made.append(wiring.wire(load_settings(tmp_path / "gateway.toml")))
        made[-1].hold()
        made[-1].service.drain()
        return made[-1]

    def again():
        while made:
            made.pop().close()
        return run()

    yield again
    while made:
        made.pop().close()


def taken(made):
    """Paths of the files that were taken, as often as they were."""
    with made.journal.read() as tx:
        return sorted(tx.scalars(sa.select(t.arrival.c.path)))


def troubled(made):
    return {name: said for name, (said, _) in made.operations.sources_in_trouble().items()}


def wait_out(made, table):
    """Let the pause before the next try of what is put off be over."""
    with made.journal.begin() as tx:
        tx.execute(sa.update(table).values(next_at=made.journal.clock.now()))


def test_files_that_can_not_be_archived_are_taken_once_whatever_comes_after(gateway, inbox):
    folder(inbox / "archive", READ_ONLY)
    put(inbox, "a.csv")
    made = gateway()
    assert (
        "a.csv can't be moved to archive. Give the right to create folders and files there." in troubled(made)["drop"]
    )
    put(inbox, "b.csv", GOOD.replace("a,1", "a,7"))
    made = gateway()
    assert taken(made) == ["a.csv", "b.csv"]
    (inbox / "archive").chmod(OPEN)
    wait_out(made, t.arrival)
    made = gateway()
    assert taken(made) == ["a.csv", "b.csv"]
    assert {path.name for path in (inbox / "archive").iterdir()} == {"a.csv", "b.csv"}
    assert troubled(made) == {}


def test_claims_that_may_not_be_listed_keep_no_new_file(gateway, inbox):
    left = folder(inbox / ".claimed")
    put(folder(left / "gateway-0123456789abcdef"), "left.csv")
    left.chmod(0o333)
    put(inbox, "new.csv", GOOD.replace("a,1", "a,7"))
    made = gateway()
    assert taken(made) == ["new.csv"]
    assert 'listing in/.claimed: the server answers "Permission denied". Ask' in troubled(made)["drop"]
    left.chmod(OPEN)
    made = gateway()
    assert taken(made) == ["left.csv", "new.csv"]
    assert troubled(made) == {}


def test_answers_wait_for_the_right_to_put_them(gateway, sshd, inbox, tmp_path):
    out = folder(sshd.root / "out", READ_ONLY)
    put(inbox, "a.csv")
    made = gateway()
    assert taken(made) == ["a.csv"]
    with made.journal.read() as tx:
        said = set(tx.scalars(sa.select(t.answer.c.trouble)))
    assert all('denied". Ask the server' in one for one in said)
    assert any(
        f"uploading out/a.csv.{made.operations.runs()[0].id}.ack.json: the server answers" in one for one in said
    )
    out.chmod(OPEN)
    wait_out(made, t.answer)
    made = gateway()
    kept = {path.name: path.read_bytes() for path in (tmp_path / "outbox/acme").iterdir()}
    assert {path.name: path.read_bytes() for path in out.iterdir()} == kept
    assert taken(made) == ["a.csv"]
