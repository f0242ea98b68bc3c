"""The toy pull source: the promises of a Source, and a pulled document on its whole way to a destination."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta

import pytest

from gateway.destinations.files import FilesDestination, FilesSettings
from gateway.dispatch.local import LocalDispatcher
from gateway.errors import Refused, Throttled, Unreachable
from gateway.journal import open_journal, runs
from gateway.model import Arrival, Ending, Source
from gateway.service import Service
from gateway.testing.clock import FakeClock
from gateway.testing.hostile import HostileDestination, HostileSettings, effects_per_key, final_state
from gateway.testing.memory_source import MemoryLedger
from gateway.testing.pull import MemoryUpstream, PullSource
from gateway.testing.rig import Rig

AT = datetime(2026, 11, 20, 8, tzinfo=UTC)


@pytest.fixture
def upstream():
    return MemoryUpstream()


@pytest.fixture
def ledger():
    return MemoryLedger()


@pytest.fixture
def spool(tmp_path):
    folder = tmp_path / "spool"
    folder.mkdir()
    return folder


@pytest.fixture
def pull(upstream, ledger):
    return PullSource("orders", "shop-1", upstream, ledger=ledger)


def throttled(upstream, identity, version):
    raise Throttled("not now", after=1)


def put(upstream, count):
    for number in range(count):
        upstream.put(f"O-{number}", b'{"n": %d}' % number, AT + timedelta(minutes=number))


def test_it_is_a_source(pull):
    assert isinstance(pull, Source)


class TestListing:
    def test_all_pages_oldest_first(self, pull, upstream):
        put(upstream, 5)
        found = pull.scan()
        assert [arrival.path for arrival in found] == [f"shop-1/O-{n}.v1.json" for n in range(5)]
        assert found[0] == Arrival("orders", "shop-1/O-0.v1.json", 8, AT)

    def test_a_new_version_is_another_arrival(self, pull, upstream, spool):
        put(upstream, 1)
        (first,) = pull.scan()
        claim = pull.claim(first, spool)
        upstream.put("O-0", b'{"n": "newer"}', AT)
        (second,) = pull.scan()
        assert second.path == "shop-1/O-0.v2.json"
        assert claim is not None
        assert claim.local.read_bytes() == b'{"n": 0}'

    def test_ids_that_lead_elsewhere_are_refused_and_said(self, pull, upstream):
        for identity in ("../../etc/passwd", "a\nb", ".hidden", ""):
            upstream.put(identity, b"{}", AT)
        upstream.put("fine", b"{}", AT)
        assert [arrival.path for arrival in pull.scan()] == ["shop-1/fine.v1.json"]
        assert len(pull.refused()) == 4

    def test_an_upstream_that_is_down(self, pull, upstream):
        upstream.down = True
        for call in (pull.scan, pull.probe):
            with pytest.raises(Unreachable):
                call()

    def test_probe_says_what_is_there(self, pull, upstream):
        put(upstream, 1)
        assert pull.probe() == "shop-1: 1 documents on the first page"


class TestClaiming:
    def test_the_bytes_are_in_the_spool_and_nothing_else_is_visible(self, pull, upstream, spool):
        put(upstream, 1)
        claim = pull.claim(pull.scan()[0], spool)
        assert claim is not None
        assert claim.local.read_bytes() == b'{"n": 0}'
        assert sorted(path.suffixes for path in spool.iterdir()) == [[".claim", ".json"], [".json"]]
        assert upstream.acknowledged == []

    def test_exactly_one_of_many_workers_wins(self, upstream, ledger, spool):
        put(upstream, 1)
        workers = [PullSource("orders", "shop-1", upstream, ledger=ledger) for _ in range(8)]
        (arrival,) = workers[0].scan()
        gate, won = threading.Barrier(8), []

        def work(source):
            gate.wait()
            won.append(source.claim(arrival, spool))

        threads = [threading.Thread(target=work, args=(source,)) for source in workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len([claim for claim in won if claim is not None]) == 1
        assert len(list(spool.iterdir())) == 2

    def test_what_was_taken_is_not_listed_again(self, pull, upstream, spool):
        put(upstream, 2)
        pull.claim(pull.scan()[0], spool)
        assert [arrival.path for arrival in pull.scan()] == ["shop-1/O-1.v1.json"]

    def test_a_document_replaced_since_the_listing_is_left_to_the_next_one(self, pull, upstream, spool):
        put(upstream, 1)
        (arrival,) = pull.scan()
        upstream.put("O-0", b"{}", AT)
        assert pull.claim(arrival, spool) is None
        assert list(spool.iterdir()) == []

    def test_a_cut_in_the_middle_leaves_nothing_taken(self, pull, upstream, spool):
        put(upstream, 1)
        (arrival,) = pull.scan()
        upstream.down = True
        with pytest.raises(Unreachable):
            pull.claim(arrival, spool)
        upstream.down = False
        assert list(spool.iterdir()) == []
        assert pull.scan() == [arrival]

    def test_a_limit_in_the_middle_leaves_nothing_taken(self, pull, upstream, spool, monkeypatch):
        put(upstream, 1)
        (arrival,) = pull.scan()
        with monkeypatch.context() as limited:
            limited.setattr(MemoryUpstream, "document", throttled)
            with pytest.raises(Throttled):
                pull.claim(arrival, spool)
        assert list(spool.iterdir()) == []
        assert pull.scan() == [arrival]

    def test_another_accounts_arrival_is_refused(self, pull, spool):
        with pytest.raises(Refused, match="no document of the account shop-1"):
            pull.claim(Arrival("orders", "shop-2/O-1.v1.json", 2, AT), spool)


class TestEnding:
    @pytest.mark.parametrize(("ending", "accepted"), [(Ending.ARCHIVE, True), (Ending.REJECT, False)])
    def test_the_upstream_hears_of_it_only_at_the_end_and_once(self, pull, upstream, spool, ending, accepted):
        put(upstream, 1)
        claim = pull.claim(pull.scan()[0], spool)
        assert upstream.acknowledged == []
        pull.end(claim, ending)
        pull.end(claim, ending)
        assert upstream.acknowledged == [("O-0", 1, accepted)]
        assert pull.scan() == []

    def test_a_released_document_is_listed_again(self, pull, upstream, spool):
        put(upstream, 1)
        (arrival,) = pull.scan()
        claim = pull.claim(arrival, spool)
        pull.end(claim, Ending.RELEASE)
        pull.end(claim, Ending.RELEASE)
        assert upstream.acknowledged == []
        assert pull.scan() == [arrival]
        assert list(spool.iterdir()) == []

    def test_an_acknowledgement_that_can_not_be_given_is_given_later(self, pull, upstream, spool):
        put(upstream, 1)
        claim = pull.claim(pull.scan()[0], spool)
        upstream.down = True
        with pytest.raises(Unreachable):
            pull.end(claim, Ending.ARCHIVE)
        upstream.down = False
        pull.end(claim, Ending.ARCHIVE)
        assert upstream.acknowledged == [("O-0", 1, True)]


class TestRecovery:
    def again(self, upstream, ledger):
        return PullSource("orders", "shop-1", upstream, ledger=ledger)

    def test_what_a_crash_left_is_found_by_the_next_process_once(self, pull, upstream, ledger, spool):
        put(upstream, 1)
        claim = pull.claim(pull.scan()[0], spool)
        later = self.again(upstream, ledger)
        assert later.recover(spool) == [claim]
        assert later.recover(spool) == []
        later.end(claim, Ending.ARCHIVE)
        assert upstream.acknowledged == [("O-0", 1, True)]

    def test_what_is_held_is_not_left_behind(self, pull, upstream, spool):
        put(upstream, 1)
        pull.claim(pull.scan()[0], spool)
        assert pull.recover(spool) == []

    def test_bytes_that_had_not_arrived_are_pulled_again(self, pull, upstream, ledger, spool):
        put(upstream, 1)
        claim = pull.claim(pull.scan()[0], spool)
        claim.local.unlink()
        (found,) = self.again(upstream, ledger).recover(spool)
        assert found.local.read_bytes() == b'{"n": 0}'

    def test_what_a_cut_kept_from_being_found_is_found_next_time(self, pull, upstream, ledger, spool):
        put(upstream, 2)
        first, second = (pull.claim(arrival, spool) for arrival in pull.scan())
        second.local.unlink()
        later = self.again(upstream, ledger)
        upstream.down = True
        with pytest.raises(Unreachable):
            later.recover(spool)
        upstream.down = False
        assert {claim.token for claim in later.recover(spool)} == {first.token, second.token}

    def test_a_document_that_went_meanwhile_is_let_go(self, pull, upstream, ledger, spool):
        put(upstream, 1)
        claim = pull.claim(pull.scan()[0], spool)
        claim.local.unlink()
        upstream.put("O-0", b"{}", AT)
        later = self.again(upstream, ledger)
        assert later.recover(spool) == []
        assert list(spool.iterdir()) == []
        assert [arrival.path for arrival in later.scan()] == ["shop-1/O-0.v2.json"]

    def test_the_journals_ledger_remembers_across_processes(self, upstream, spool, tmp_path):
        put(upstream, 1)
        for expected in (1, 0):
            journal = open_journal(tmp_path / "state", FakeClock())
            source = self.again(upstream, journal.ledger())
            claims = [source.claim(arrival, spool) for arrival in source.scan()]
            assert len(claims) == expected
            journal.close()


# ---------------------------------------------------------------- the whole way

MAPPING = """contract = "stock"
version = 1
[format]
kind = "json"
record = "lines"
[fields]
sku = "article"
quantity = "left"
warehouse = { column = "place", optional = true }
"""


def levels(*lines):
    return json.dumps(
        {"levels": "2026", "lines": [dict(zip(("article", "left"), line, strict=True)) for line in lines]}
    )


def service(rig, source):
    return Service(
        journal=rig.journal, spool=rig.spool, outbox=rig.outbox, intake=rig.intake, delivery=rig.delivery,
        dispatcher=LocalDispatcher(rig.clock, list), sources={"drop": source}, scan_every={"drop": 1.0},
        clock=rig.clock,
    )  # fmt: skip


def test_pulled_documents_take_effect_and_are_acknowledged_when_they_have(tmp_path, upstream):
    clock = FakeClock()
    log = tmp_path / "effects.jsonl"
    there = HostileDestination(HostileSettings(log=log), clock=clock, account="there", name="there")
    rig = Rig(tmp_path / "gateway", there, clock, mapping=MAPPING)
    source = PullSource("drop", "shop-1", upstream, ledger=rig.journal.ledger())
    upstream.put("L-1", levels(("a", 1), ("b", 0), ("c", "many")).encode(), AT)
    upstream.put("L-2", levels(("a", 7)).encode(), AT + timedelta(hours=1))
    upstream.put("L-3", b"no json", AT + timedelta(hours=2))
    work = service(rig, source)
    work.recover()
    work.sweep()
    assert upstream.acknowledged == [("L-3", 1, False)]
    rig.advance(2)
    work.sweep()
    assert sorted(upstream.acknowledged) == [("L-1", 1, True), ("L-2", 1, True), ("L-3", 1, False)]
    assert {key.rstrip("\x1f"): row["quantity"] for key, row in final_state(log).items()} == {"a": "7", "b": "0"}
    assert set(effects_per_key(log).values()) == {1}
    assert list(rig.spool.claims.iterdir()) == []
    found = {row.file: row.counts.get("states") for row in rig.operations.runs()}
    assert found == {
        "L-1.v1.json": {"rejected": 1, "applied": 1, "superseded": 1}, "L-2.v1.json": {"applied": 1},
        "L-3.v1.json": None,
    }  # fmt: skip
    rig.close()


def test_a_pulled_document_is_written_to_a_partners_folder(tmp_path, upstream):
    clock = FakeClock()
    (tmp_path / "partner").mkdir()
    settings = FilesSettings(folder=tmp_path / "partner", format="csv", fields=("sku", "quantity"))
    there = FilesDestination(settings, clock=clock, account="there", name="there")
    rig = Rig(tmp_path / "gateway", there, clock, mapping=MAPPING)
    source = PullSource("drop", "shop-1", upstream, ledger=rig.journal.ledger())
    upstream.put("L-1", levels(("a", 1), ("b", 0)).encode(), AT)
    service(rig, source).drain()
    (written,) = (tmp_path / "partner").iterdir()
    assert written.read_text("utf-8").splitlines()[1:] == ["a,1", "b,0"]
    assert upstream.acknowledged == [("L-1", 1, True)]
    with rig.journal.read() as tx:
        assert [row.state for row in runs.arrivals(tx, "ended")] == ["ended"]
    rig.close()
