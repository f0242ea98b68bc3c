"""An SFTP server that misbehaves while files are taken: half files, lost replies, links, dead connections."""

from __future__ import annotations

import logging
import socket

import pytest
from pydantic import SecretStr
from support.sftp_places import BIG, SECRET, first

from gateway.errors import Busy, HostKeyError, Refused, SettingsError, Unreachable
from gateway.model import Ending
from gateway.sources.handling import Handling
from gateway.sources.sftp import SftpSource

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
    said = [str(caught.value), repr(wrong), repr(wrong.settings), *capfd.readouterr()]
    assert SECRET not in "".join([*said, caplog.text])
    # a server that is being closed has troubles of its own
    ours = [record for record in caplog.records if not record.name.startswith("gateway.twin")]
    assert "Traceback" not in "".join([*said, *(logging.Formatter().format(record) for record in ours)])


def test_settings_without_any_proof_are_refused(place):
    with pytest.raises(SettingsError, match="neither password nor key_file"):
        place.settings(password=None)


def test_a_key_file_that_is_none_is_named(place, tmp_path):
    (tmp_path / "key").write_text("not a key")
    for name, reason in (("key", "SSHException"), ("nowhere", "not found")):
        with pytest.raises(SettingsError, match=reason) as caught:
            place.session(key_file=tmp_path / name).entries("")
        assert str(tmp_path / name) in str(caught.value)
