"""Files on their way in: empty and packed ones, policies, what goes wrong, and what a crash interrupts."""

from __future__ import annotations

import gzip
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO

import polars as pl
import pytest
import sqlalchemy as sa
from support.stock_rows import GOOD, HEADER

from gateway.errors import WillNeverWork
from gateway.journal import runs
from gateway.journal import tables as t
from gateway.model import LINE, ROW
from gateway.testing.bulk import BulkDestination, BulkSettings
from gateway.testing.clock import FakeClock
from gateway.testing.rig import MAPPING, Rig
from gateway.testing.texts import mapping as mapping_of

STAMPED = MAPPING + 'timestamp = { column = "at", optional = true, date = "yyyy-MM-dd HH:mm", zone = "UTC" }\n'


def spooled(rig, run):
    return pl.concat(list(rig.spool.run(run).blocks()))


class TestEmptyFiles:
    """`empty` says what a file without rows means."""

    @pytest.mark.parametrize("content", ["", HEADER, HEADER + "\n\n,\n"])
    @pytest.mark.parametrize(("empty", "ending"), [("reject", "reject"), ("ignore", "archive")])
    def test_rejected_or_ignored_it_is_answered_and_ends_nothing(self, rigs, content, empty, ending):
        rig = rigs(empty=empty, mode="full", absent="end")
        rig.drop("1.csv", GOOD)
        rig.advance()
        calls = rig.destination.calls
        rig.clock.advance(60)
        run = rig.drop("2.csv", content)
        rig.advance()
        assert rig.operations.run(run).state == "rejected"
        assert rig.endings()["2.csv"] == ending
        assert rig.destination.calls == calls
        told = rig.ack("2.csv")
        assert told["taken"] is False
        assert told["code"] == ("FILE_NO_ROWS" if content else "FILE_EMPTY")

    def test_no_change_makes_a_run_of_nothing(self, rigs):
        rig = rigs(empty="no_change", mode="full", absent="end")
        rig.drop("1.csv", GOOD)
        rig.advance()
        calls = rig.destination.calls
        rig.clock.advance(60)
        run = rig.drop("2.csv", HEADER)
        rig.advance()
        row = rig.operations.run(run)
        assert (row.state, row.rows, row.counts["states"]) == ("settled", 0, {})
        assert rig.endings()["2.csv"] == "archive"
        assert rig.destination.calls == calls
        assert rig.ack("2.csv")["taken"] is True

    def test_rows_that_are_all_skipped_are_rows(self, rigs):
        rig = rigs(
            mapping=MAPPING.replace("[fields]", '[[filter]]\nskip = { column = "quantity", is = "1" }\n[fields]')
        )
        run = rig.drop("1.csv", "sku,quantity\na,1\n")
        rig.advance()
        assert rig.states(run) == {"skipped": 1}
        assert rig.endings() == {"1.csv": "archive"}


class TestPackedFiles:
    def test_gzip_and_zip_with_one_member(self, rigs):
        rig = rigs()
        zipped = BytesIO()
        with zipfile.ZipFile(zipped, "w") as archive:
            archive.writestr("folder/any name.csv", GOOD.replace("a,1", "a,2"))
        first = rig.drop("1.csv.gz", gzip.compress(GOOD.encode()))
        rig.clock.advance(60)
        second = rig.drop("2.csv.zip", zipped.getvalue())
        rig.advance()
        assert rig.states(first) == {"superseded": 2}
        assert rig.states(second) == {"applied": 2}
        assert rig.operations.run(first).file == "1.csv.gz"

    def test_two_members_are_refused_as_a_whole(self, rigs):
        zipped = BytesIO()
        with zipfile.ZipFile(zipped, "w") as archive:
            archive.writestr("a.csv", GOOD)
            archive.writestr("b.csv", GOOD)
        rig = rigs()
        rig.drop("1.zip", zipped.getvalue())
        assert rig.ack("1.zip")["code"] == "FILE_ARCHIVE"
        assert rig.endings() == {"1.zip": "reject"}

    def test_half_a_gzip_is_refused(self, rigs):
        rig = rigs()
        rig.drop("1.csv.gz", gzip.compress(GOOD.encode() * 1000)[:-20])
        assert rig.ack("1.csv.gz")["taken"] is False
        assert rig.endings() == {"1.csv.gz": "reject"}

    def test_an_empty_gzip_is_an_empty_file(self, rigs):
        rig = rigs()
        rig.drop("1.csv.gz", gzip.compress(b""))
        assert rig.ack("1.csv.gz")["code"] == "FILE_EMPTY"


class TestPolicies:
    BAD = "sku,quantity,product\na,1,P\nb,x,P\nc,3,Q\nd,y,R\ne,5,\n"

    @pytest.mark.parametrize(
        ("policy", "states", "ending"),
        [
            ({}, ["applied", "rejected", "applied", "rejected", "applied"], "archive"),
            ({"rows": "groups"}, ["rejected", "rejected", "applied", "rejected", "applied"], "archive"),
            ({"rows": "all"}, ["rejected"] * 5, "archive"),
            ({"reject_above": 1}, ["rejected"] * 5, "reject"),
            ({"reject_above": 2}, ["applied", "rejected", "applied", "rejected", "applied"], "archive"),
            ({"reject_share": 0.39}, ["rejected"] * 5, "reject"),
            ({"reject_share": 0.4}, ["applied", "rejected", "applied", "rejected", "applied"], "archive"),
        ],
    )
    def test_decide_what_of_a_file_with_bad_rows_is_sent(self, rigs, policy, states, ending):
        rig = rigs(policy=policy)
        run = rig.drop("1.csv", self.BAD)
        rig.advance()
        assert rig.results(run)["state"].to_list() == states
        assert rig.endings() == {"1.csv": ending}
        assert (rig.destination.calls > 0) == ("applied" in states)

    def test_over_the_limit_every_row_has_its_own_fault_and_the_run_says_why(self, rigs):
        rig = rigs(policy={"reject_above": 1})
        run = rig.drop("1.csv", self.BAD)
        assert rig.results(run)["code"].to_list() == ["POLICY", "MAP_NUMBER", "POLICY", "MAP_NUMBER", "POLICY"]
        assert rig.operations.run(run).notes == ["Nothing was sent: 2 rows are faulty, the limit is 1."]

    def test_a_file_over_the_limit_may_come_again(self, rigs):
        rig = rigs(policy={"reject_above": 1})
        rig.drop("1.csv", self.BAD)
        rig.clock.advance(60)
        run = rig.drop("2.csv", self.BAD.replace("y,R", "4,R"))
        rig.advance()
        assert rig.states(run) == {"applied": 4, "rejected": 1}

    def test_groups_reach_across_blocks_of_a_file(self, rigs):
        rows = [f"k{n},{n},G{n % 40_000}" for n in range(80_000)]
        rows[-1] = "k79999,x,G39999"
        rig = rigs(policy={"rows": "groups"})
        run = rig.drop("1.csv", "sku,quantity,product\n" + "\n".join(rows) + "\n")
        results = rig.results(run).filter(pl.col("state") == "rejected")
        assert results.select(ROW, "code").rows() == [(40_001, "GROUP_REJECTED"), (80_001, "MAP_NUMBER")]
        assert results["detail"].to_list()[0] == "row 80001"


class TestAcrossRows:
    def test_one_key_in_two_rows_rejects_both_and_each_names_the_other(self, rigs):
        rig = rigs()
        run = rig.drop("1.csv", "sku,quantity\na,1\nb,2\na,3\n")
        rig.advance()
        results = rig.results(run)
        assert results["state"].to_list() == ["rejected", "applied", "rejected"]
        assert results["code"].to_list() == ["DUPLICATE_KEY", None, "DUPLICATE_KEY"]
        assert results["detail"].to_list() == ["also in row 4", None, "also in row 2"]

    def test_a_faulty_row_is_a_second_row_of_its_key_too(self, rigs):
        rig = rigs()
        run = rig.drop("1.csv", "sku,quantity\na,1\na,x\n")
        assert rig.results(run)["code"].to_list() == ["DUPLICATE_KEY", "MAP_NUMBER"]

    def test_a_skipped_row_is_no_second_row_of_its_key(self, rigs):
        rig = rigs(
            mapping=MAPPING.replace("[fields]", '[[filter]]\nskip = { column = "quantity", is = "9" }\n[fields]')
        )
        run = rig.drop("1.csv", "sku,quantity\na,1\na,9\n")
        rig.advance()
        assert rig.results(run)["state"].to_list() == ["applied", "skipped"]


class TestWhatTheDestinationSays:
    def test_is_not_asked_of_a_record_that_is_broken_as_a_whole(self, rigs, monkeypatch):
        def complain(_, operation, records, reference, today):
            said = {"code": "DEST_LIMIT", "field": "sku", "value": None, "detail": operation}
            return records.select(ROW, LINE, *(pl.lit(text, pl.String).alias(name) for name, text in said.items()))

        monkeypatch.setattr(BulkDestination, "check", complain)
        rig = rigs()
        run = rig.drop("1.csv", "sku,quantity\na,1,surplus\nb,two\nc,3\n")
        told = rig.spool.run(run).issue_block(0).select(ROW, "code").rows()
        assert sorted(told) == [
            (2, "ROW_TOO_LONG"), (3, "DEST_LIMIT"), (3, "MAP_NUMBER"), (4, "DEST_LIMIT"),
        ]  # fmt: skip


class TestTheTimeOfARow:
    def test_is_the_files_own_time_never_now(self, rigs):
        rig = rigs(mapping=STAMPED, fields=("sku", "quantity", "timestamp"))
        stamp = datetime(2026, 11, 20, 6, 5, 4, 999_999, tzinfo=UTC)
        run = rig.drop("1.csv", "sku,quantity,at\na,1,\nb,2,2026-11-19 10:00\n", mtime=stamp)
        assert spooled(rig, run)["timestamp"].to_list() == ["2026-11-20T06:05:04Z", "2026-11-19T10:00:00Z"]

    def test_stands_in_without_a_column_for_it(self, rigs):
        rig = rigs()
        run = rig.drop("1.csv", GOOD, mtime=datetime(2026, 11, 20, tzinfo=UTC))
        assert set(spooled(rig, run)["timestamp"]) == {"2026-11-20T00:00:00Z"}

    def test_a_newer_file_of_equal_values_is_unchanged_all_the_same(self, rigs):
        rig = rigs(mapping=STAMPED, fields=("sku", "quantity", "timestamp"))
        rig.drop("1.csv", GOOD)
        rig.advance()
        rig.clock.advance(3600)
        run = rig.drop("2.csv", GOOD + "c,1\n")
        rig.advance()
        assert rig.states(run) == {"unchanged": 2, "applied": 1}


class TestWhatTheRouteAllows:
    @pytest.mark.parametrize(
        ("contract", "route", "carried"),
        [("catalog", {"create_missing": True}, ["true", "true"]), ("catalog", {}, None),
         ("stock", {"create_missing": True}, None)],
    )  # fmt: skip
    def test_is_carried_by_every_row_whatever_the_file_says(self, tmp_path, contract, route, carried):
        settings = BulkSettings(contract=contract, fields=("sku",))
        there = BulkDestination(settings, clock=FakeClock(), account="there", name="there")
        text = mapping_of(contract, 'sku = "sku"\ncreate_missing = "quantity"\n')
        rig = Rig(tmp_path, there, FakeClock(), mapping=text, **route)
        try:
            found = spooled(rig, rig.drop("1.csv", GOOD))
        finally:
            rig.close()
        assert found["sku"].to_list() == ["a", "b"]
        assert found.to_dict(as_series=False).get("create_missing") == carried


class TestTrouble:
    def test_a_trouble_of_ours_is_answered_and_leaves_no_run_half_read(self, rigs):
        rig = rigs()
        read = rig.intake._read

        def broken(path, layout):
            del path, layout
            raise WillNeverWork("The lookup table can't be read.", fix="Nothing to do.")

        rig.intake._read = broken
        with pytest.raises(WillNeverWork):
            rig.drop("1.csv", GOOD)
        with rig.journal.read() as tx:
            (row,) = runs.arrivals(tx, "claimed")
        rig.intake.trouble(row, WillNeverWork("The lookup table can't be read."))
        (run,) = rig.operations.runs()
        assert (run.state, run.notes) == ("rejected", ["The lookup table can't be read."])
        assert rig.ack("1.csv")["code"] == "FILE_TROUBLE"
        assert rig.endings() == {"1.csv": "reject"}
        rig.intake._read = read
        rig.clock.advance(60)
        again = rig.drop("2.csv", GOOD)
        rig.advance()
        assert rig.states(again) == {"applied": 2}


class TestInterruptions:
    """What a crash between two steps left is done anew and gives the same."""

    def test_a_file_taken_twice_is_one_run(self, rigs):
        rig = rigs()
        run = rig.drop("1.csv", GOOD)
        with rig.journal.begin() as tx:
            tx.execute(sa.update(t.arrival).values(state="claimed"))
        (rig.folder / "outbox/acme").joinpath(f"1.csv.{run}.ack.json").unlink()
        rig.take()
        rig.advance()
        assert [row.id for row in rig.operations.runs()] == [run]
        assert rig.ack("1.csv")["taken"] is True
        assert rig.states(run) == {"applied": 2}

    def test_a_run_that_settled_before_its_acknowledgement_gets_it(self, rigs):
        rig = rigs()
        run = rig.drop("1.csv", GOOD)
        rig.advance()
        with rig.journal.begin() as tx:
            tx.execute(sa.update(t.arrival).values(state="claimed"))
        (rig.folder / "outbox/acme").joinpath(f"1.csv.{run}.ack.json").unlink()
        rig.take()
        assert rig.ack("1.csv")["taken"] is True
        assert rig.endings() == {"1.csv": "archive"}

    def test_a_refusal_without_a_run_keeps_its_name(self, rigs):
        rig = rigs()
        rig.intake._routes = lambda _: []
        rig.drop("1.csv", GOOD)
        with rig.journal.begin() as tx:
            tx.execute(sa.update(t.arrival).values(state="claimed"))
        rig.clock.advance(60)
        rig.take()
        assert rig.ack("1.csv")["code"] == "FILE_ROUTE"

    def test_half_read_rows_are_read_again(self, rigs):
        rig = rigs()
        run = rig.drop("1.csv", GOOD)
        with rig.journal.begin() as tx:
            tx.execute(sa.update(t.arrival).values(state="claimed"))
            runs.set_run(tx, run, state="reading", rows=0)
        rig.clock.advance(timedelta(hours=1).total_seconds())
        rig.take()
        rig.advance()
        assert rig.states(run) == {"applied": 2}
        assert spooled(rig, run).height == 2

    @pytest.mark.parametrize("again", ["take", "settle_arrivals"])
    def test_a_run_that_no_lane_has_is_ended_all_the_same(self, rigs, monkeypatch, again):
        rig = rigs()
        (setup,) = rig.intake._routes("drop")
        rig.intake._routes = lambda _: [replace(setup, legs=())]
        intake = rig.intake
        interrupted = {"take": (intake._answers, "acknowledge"), "settle_arrivals": (intake, "settle_arrival")}[again]

        def kill(*_):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(*interrupted, kill)
            if again == "settle_arrivals":
                patch.setattr(rig.settler, "finish", lambda _: [])
            with pytest.raises(KeyboardInterrupt):
                rig.drop("1.csv", GOOD)
        if again == "take":
            rig.take()
        rig.intake.settle_arrivals()
        assert [run.state for run in rig.operations.runs()] == ["settled"]
        assert rig.endings() == {"1.csv": "archive"}
