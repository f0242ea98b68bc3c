"""Answers put on an SFTP server: whole under their name, whatever is cut, lost or not offered."""

from __future__ import annotations

import pytest
from support.sftp_places import BIG

from gateway.errors import Busy, GatewayError, Unreachable


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
