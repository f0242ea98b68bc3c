"""What intake makes of files: taken, refused, passed over; and how the file ends at its source."""

from __future__ import annotations

import gzip
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO

import orjson
import polars as pl
import pytest
import sqlalchemy as sa

from gateway.errors import WillNeverWork
from gateway.journal import runs
from gateway.journal import tables as t
from gateway.model import KEY, ROW
from gateway.testing.bulk import BulkDestination, BulkSettings
from gateway.testing.clock import FakeClock
from gateway.testing.rig import MAPPING, Rig
from gateway.testing.texts import mapping as mapping_of

HEADER = "sku,quantity\n"
GOOD = "sku,quantity\na,1\nb,0\n"
PNG = b"\x89PNG\r\n\x1a\n body IEND\xaeB`\x82"
IMAGES = """contract = "stock"
version = 1
[format]
kind = "image"
[fields]
sku = { column = "stem", extract = "^(.+)_[0-9]+$" }
quantity = "size"
"""
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


class TestDuplicates:
    def test_the_same_bytes_at_another_name_end_in_the_rejected_folder_without_a_run(self, rigs):
        rig = rigs()
        first = rig.drop("1.csv", GOOD)
        rig.clock.advance(60)
        assert rig.drop("2.csv", GOOD) == ""
        told = rig.ack("2.csv")
        assert (told["code"], told["taken"]) == ("FILE_DUPLICATE", False)
        assert first in told["message"]

    def test_bytes_that_were_refused_may_come_again(self, rigs):
        rig = rigs()
        rig.drop("1.csv", "nothing\n1\n")
        rig.clock.advance(60)
        run = rig.drop("2.csv", "nothing\n1\n")
        assert run != ""
        assert rig.ack("2.csv")["code"] != "FILE_DUPLICATE"

    def test_bytes_none_of_whose_rows_took_effect_may_come_again(self, rigs):
        rig = rigs()
        rig.drop("1.csv", "sku,quantity\na,x\n")
        rig.advance()
        rig.clock.advance(60)
        run = rig.drop("2.csv", "sku,quantity\na,x\n")
        assert run != ""
        assert rig.states(run) == {"rejected": 1}

    def test_bytes_of_a_cancelled_run_may_come_again(self, rigs):
        rig = rigs()
        first = rig.drop("1.csv", GOOD)
        rig.operations.cancel(first)
        rig.advance()
        rig.clock.advance(60)
        run = rig.drop("1.csv", GOOD)
        rig.advance()
        assert rig.states(run) == {"applied": 2}

    def test_a_picture_under_another_name_is_another_one_and_under_its_own_the_same(self, rigs):
        rig = rigs(IMAGES)
        made = []
        for name in ("a_1.png", "b_1.png", "b_1.png"):
            made.append(rig.drop(name, PNG))
            rig.advance()
            rig.clock.advance(60)
        assert [rig.results(run)[KEY].to_list() for run in made[:2]] == [["a\x1f"], ["b\x1f"]]
        assert made[2] == ""
        acks = [orjson.loads(path.read_bytes()) for path in (rig.folder / "outbox/acme").glob("b_1.png.*.ack.json")]
        assert sorted(told.get("code", "") for told in acks) == ["", "FILE_DUPLICATE"]

    def test_a_picture_whose_name_was_wrong_goes_under_the_right_one(self, rigs):
        rig = rigs(IMAGES)
        rig.drop("a1.png", PNG)
        rig.advance()
        rig.clock.advance(60)
        run = rig.drop("a_1.png", PNG)
        rig.advance()
        assert rig.states(run) == {"applied": 1}


class TestSeveralRoutes:
    def two(self, rig, mapping, **route):
        """Give the rig's source a second route with another mapping."""
        (first,) = rig.intake._routes("drop")
        path = rig.folder / "other.toml"
        path.write_text(mapping, "utf-8")
        other = replace(first, route=first.route.model_copy(update={"name": "other", **route}), mapping=path)
        rig.intake._routes = lambda _: [first, other]

    def found(self, rig):
        return {row.route: row.state for row in rig.operations.runs()}

    def test_a_file_goes_through_all_of_them(self, rigs):
        rig = rigs()
        self.two(rig, MAPPING)
        rig.drop("1.csv", GOOD)
        rig.advance(2)
        assert self.found(rig) == {"stock": "settled", "other": "settled"}
        assert rig.endings() == {"1.csv": "archive"}

    def test_its_answers_say_which_route_they_are_of(self, rigs):
        rig = rigs()
        self.two(rig, MAPPING)
        rig.drop("1.csv", HEADER + "a,1\nb,x\n")
        rig.advance(2)
        runs_of = {row.route: row.id for row in rig.operations.runs()}
        names = {path.name for path in (rig.folder / "outbox/acme").iterdir()}
        for route, run in runs_of.items():
            kinds = ("ack.json", "result.csv", "errors.csv", "issues.csv", "summary.json", "report.html")
            assert {f"1.csv.{route}.{run}.{kind}" for kind in kinds} <= names
            page = (rig.folder / "outbox/acme" / f"1.csv.{route}.{run}.report.html").read_text("utf-8")
            assert f"1.csv · through {route} to there" in page
            assert f'href="1.csv.{route}.{run}.result.csv"' in page
        assert len(names) == 12
        rig.clock.advance(60)
        (errors,) = (rig.folder / "outbox/acme").glob("1.csv.other.*.errors.csv")
        rig.drop(errors.name, errors.read_text("utf-8").replace(",x\n", ",7\n"))
        rig.advance(2)
        assert {row.route for row in rig.operations.runs() if row.file == errors.name} == {"other"}

    def test_a_file_refused_by_several_is_answered_for_each(self, rigs):
        rig = rigs()
        self.two(rig, MAPPING)
        rig.drop("1.csv", "")
        names = {path.name.rsplit(".", 3)[0] for path in (rig.folder / "outbox/acme").iterdir()}
        assert names == {"1.csv.stock", "1.csv.other"}

    def test_a_file_one_route_can_not_use_is_archived_when_another_took_it(self, rigs):
        rig = rigs()
        self.two(rig, MAPPING.replace('sku = "sku"', 'sku = "Artikel"'))
        rig.drop("1.csv", GOOD)
        rig.advance()
        assert self.found(rig) == {"stock": "settled", "other": "rejected"}
        assert rig.endings() == {"1.csv": "archive"}
        acks = [orjson.loads(p.read_bytes())["taken"] for p in (rig.folder / "outbox/acme").glob("*.ack.json")]
        assert sorted(acks) == [False, True]

    def test_it_is_not_archived_before_the_last_run_has_ended(self, rigs):
        rig = rigs()
        self.two(rig, MAPPING.replace('sku = "sku"', 'sku = "Artikel"'))
        rig.drop("1.csv", GOOD)
        assert rig.endings() == {"1.csv": None}

    def test_a_file_no_route_can_use_is_rejected(self, rigs):
        rig = rigs()
        self.two(rig, MAPPING.replace('sku = "sku"', 'sku = "Artikel"'))
        rig.drop("1.csv", "Something,else\n1,2\n")
        assert self.found(rig) == {"stock": "rejected", "other": "rejected"}
        assert rig.endings() == {"1.csv": "reject"}

    def test_a_name_that_fits_one_route_goes_through_that_one(self, rigs):
        rig = rigs()
        self.two(rig, MAPPING, files=("weekly*.csv",))
        rig.drop("1.csv", GOOD)
        assert self.found(rig) == {"stock": "waiting"}

    def test_a_duplicate_on_both_routes_has_two_answers(self, rigs):
        rig = rigs()
        self.two(rig, MAPPING)
        rig.drop("1.csv", GOOD)
        rig.clock.advance(60)
        rig.drop("2.csv", GOOD)
        assert len(list((rig.folder / "outbox/acme").glob("2.csv.*.ack.json"))) == 2


class TestFixedFiles:
    def test_rows_dropped_back_are_linked_to_their_first_run(self, rigs):
        rig = rigs()
        first = rig.drop("1.csv", "sku,quantity\na,1\nb,x\nc,y\n")
        rig.advance()
        (errors,) = (rig.folder / "outbox/acme").glob("*.errors.csv")
        rig.clock.advance(60)
        run = rig.drop(errors.name, errors.read_text("utf-8").replace(",x\n", ",7\n"))
        rig.advance()
        assert rig.states(run) == {"applied": 1, "rejected": 1}
        assert rig.operations.run(run).first_run == first
        assert rig.operations.summary(first).first_run_rows == [(3, run)]

    @pytest.mark.parametrize("packed", [False, True])
    @pytest.mark.parametrize(("place", "files"), [(0, "*"), (1, "*"), (1, "other*")])
    def test_a_renamed_errors_file_goes_to_the_route_that_wrote_it_alone(self, rigs, place, files, packed):
        rig = rigs()
        first = rig.drop("1.csv", "sku,quantity\na,1\nb,x\n")
        rig.advance()
        (errors,) = (rig.folder / "outbox/acme").glob("*.errors.csv")
        (one,) = rig.intake._routes("drop")
        one = replace(one, route=one.route.model_copy(update={"files": ("*",) if files == "*" else ("1*",)}))
        other = replace(one, route=one.route.model_copy(update={"name": "other", "files": (files,)}))
        setups = [one, other] if place else [other, one]
        rig.intake._routes = lambda _: setups
        rig.clock.advance(60)
        name = f"other-mended.csv{'.gz' if packed else ''}"
        content = errors.read_text("utf-8").replace(",x\n", ",7\n").encode()
        rig.drop(name, gzip.compress(content) if packed else content)
        rig.advance()
        found = {row.route: row for row in rig.operations.runs() if row.file == name}
        assert found["stock"].first_run == first
        assert found["stock"].state == "settled"
        assert "other" not in found
        acks = (rig.folder / "outbox/acme").glob(f"{name}.*.ack.json")
        assert [p.name.split(".")[-3] for p in acks] == [found["stock"].id]
        assert rig.endings()[name] == "archive"
        assert rig.operations.summary(first).first_run_rows == [(3, found["stock"].id)]

    @pytest.mark.parametrize("packed", [False, True])
    @pytest.mark.parametrize("place", [0, 1])
    def test_a_route_of_another_layout_says_nothing_of_it(self, rigs, place, packed):
        rig = rigs()
        rig.drop("1.csv", "sku,quantity\na,1\nb,x\n")
        rig.advance()
        (errors,) = (rig.folder / "outbox/acme").glob("*.errors.csv")
        (one,) = rig.intake._routes("drop")
        path = rig.folder / "another.toml"
        path.write_text(MAPPING.replace('quantity = "quantity"', 'quantity = "Bestand"'), "utf-8")
        route = one.route.model_copy(update={"name": "other", "mapping": path.name})
        other = replace(one, route=route, mapping=path)
        setups = [one, other] if place else [other, one]
        rig.intake._routes = lambda _: setups
        rig.clock.advance(60)
        name = f"mended.csv{'.gz' if packed else ''}"
        content = errors.read_text("utf-8").replace(",x\n", ",7\n").encode()
        rig.drop(name, gzip.compress(content) if packed else content)
        rig.advance()
        found = {row.route: row for row in rig.operations.runs() if row.file == name}
        assert found["stock"].state == "settled"
        assert "other" not in found
        assert len(list((rig.folder / "outbox/acme").glob(f"{name}.*.ack.json"))) == 1
        assert rig.endings()[name] == "archive"

    def test_what_was_passed_on_halfway_is_passed_on_after_a_crash(self, rigs, monkeypatch):
        rig = rigs()
        rig.drop("1.csv", "sku,quantity\nb,x\n")
        rig.advance()
        (errors,) = (rig.folder / "outbox/acme").glob("*.errors.csv")
        (one,) = rig.intake._routes("drop")
        other = replace(one, route=one.route.model_copy(update={"name": "other"}))
        rig.intake._routes = lambda _: [other, one]
        rig.clock.advance(60)
        with monkeypatch.context() as broken:
            broken.setattr(rig.intake, "_pass_on", lambda *_: (_ for _ in ()).throw(WillNeverWork("killed")))
            with pytest.raises(WillNeverWork):
                rig.drop("mended.csv.gz", gzip.compress(errors.read_bytes().replace(b",x\n", b",7\n")))
        rig.take()
        rig.advance()
        states = {row.route: (row.state, row.rows) for row in rig.operations.runs() if row.file == "mended.csv.gz"}
        assert states == {"stock": ("settled", 1)}

    def test_a_run_id_typed_by_hand_does_not_touch_another_partner(self, rigs):
        rig = rigs()
        first = rig.drop("1.csv", "sku,quantity\nb,x\n")
        rig.advance()
        (errors,) = (rig.folder / "outbox/acme").glob("*.errors.csv")
        with rig.journal.begin() as tx:
            runs.set_run(tx, first, partner="bolt")
        rig.clock.advance(60)
        rig.drop(errors.name, errors.read_text("utf-8").replace(",x\n", ",7\n"))
        rig.advance()
        assert rig.operations.summary(first).first_run_rows == []


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
