"""Files that belong together because they come together: pictures too."""

from __future__ import annotations

import base64
import csv
import zipfile
from datetime import timedelta
from io import BytesIO

import orjson
import polars as pl
import sqlalchemy as sa
from support.file_sets import ONE, QUIET, TWO, answer
from support.picture_files import WITH_CONTENT
from support.pictures import JPEG

from gateway.journal import tables as t
from gateway.model import KEY
from gateway.routes import SetRules


class TestQuietTime:
    def test_all_that_lies_there_makes_one_run_once_it_is_quiet(self, rigs):
        rig = rigs(QUIET)
        rig.drop("b.csv", TWO)
        rig.clock.advance(29)
        assert rig.drop("a.csv", ONE) == ""
        rig.clock.advance(29)
        assert rig.take() == ""
        rig.clock.advance(1)
        run = rig.take()
        rig.advance()
        assert rig.operations.run(run).file == "a.csv+1"
        assert rig.states(run) == {"applied": 3}
        assert rig.endings() == {"a.csv": "archive", "b.csv": "archive"}
        assert [one["name"] for one in rig.ack("a.csv+1")["files"]] == ["a.csv", "b.csv"]
        assert "nothing new came for 30 seconds" in rig.ack("b.csv")["message"]

    def test_one_file_alone_keeps_its_name(self, rigs):
        rig = rigs(QUIET)
        rig.drop("a.csv", ONE)
        rig.clock.advance(30)
        run = rig.take()
        assert rig.operations.run(run).file == "a.csv"

    def test_a_file_still_growing_is_waited_for_but_not_for_ever(self, rigs):
        rig = rigs(SetRules(quiet=30, wait=600))
        rig.drop("a.csv", ONE)
        rig.clock.advance(60)
        assert rig.intake.sets.due({"drop": ["in/b.csv"]}) == []
        assert len(rig.intake.sets.due({"other": ["b.csv"]})) == 1
        rig.clock.advance(540)
        assert len(rig.intake.sets.due({"drop": ["in/b.csv"]})) == 1

    def test_a_file_that_comes_again_takes_the_place_of_its_elder(self, rigs):
        rig = rigs(QUIET)
        rig.drop("a.csv", ONE)
        rig.clock.advance(10)
        rig.drop("a.csv", ONE.replace("a,1", "a,9"))
        with rig.journal.read() as tx:
            elder, younger = tx.execute(sa.select(t.arrival).order_by(t.arrival.c.id)).fetchall()
        assert (elder.ending, younger.ending) == ("archive", None)
        rig.clock.advance(30)
        run = rig.take()
        rig.advance()
        assert rig.states(run) == {"applied": 2}
        said = [orjson.loads(p.read_bytes()) for p in (rig.folder / "outbox/acme").glob("a.csv.*.ack.json")]
        assert [one["code"] for one in said if not one["taken"]] == ["FILE_REPLACED"]

    def test_when_the_next_is_quiet(self, rigs):
        rig = rigs(QUIET)
        assert rig.intake.sets.next_quiet() is None
        rig.drop("a.csv", ONE)
        assert rig.intake.sets.next_quiet() == rig.clock.now() + timedelta(seconds=30)


class TestPictures:
    def test_pictures_dropped_together_are_one_run(self, rigs):
        rig = rigs(QUIET, mapping=WITH_CONTENT)
        names = ["A_1.jpg", "A 2_1.jpg", "B_1.png"]
        for name in names:
            rig.drop(name, JPEG)
        rig.clock.advance(30)
        run = rig.take()
        rig.advance()
        results = rig.results(run)
        assert results["state"].to_list() == ["applied", "applied", "rejected"]
        assert results.row(2, named=True)["code"] == "ROW_PICTURE"
        errors = answer(rig, "A 2_1.jpg+2", "errors.csv").read_text("utf-8-sig").splitlines()
        assert next(iter(csv.DictReader(errors)))["name"] == "B_1.png"
        assert set(rig.endings().values()) == {"archive"}

    def test_the_same_pictures_under_other_names_are_others(self, rigs):
        rig = rigs(QUIET, mapping=WITH_CONTENT)
        made = []
        for names in (("A_1.jpg", "B_1.jpg"), ("A_1.jpg", "C_1.jpg"), ("A_1.jpg", "C_1.jpg")):
            for name in names:
                rig.drop(name, JPEG)
            rig.clock.advance(30)
            made.append(rig.take())
            rig.advance()
            rig.clock.advance(60)
        assert sorted(rig.results(made[1])[KEY].str.strip_chars("\x1f")) == ["A", "C"]
        assert made[2] == ""

    def test_a_zip_of_pictures_is_one_run_without_any_set(self, rigs):
        rig = rigs(None, mapping=WITH_CONTENT)
        zipped = BytesIO()
        with zipfile.ZipFile(zipped, "w") as archive:
            for name in ("x/A_1.jpg", "B_1.jpg", "y/C_7.jpg"):
                archive.writestr(name, JPEG)
        run = rig.drop("pictures.zip", zipped.getvalue())
        rig.advance()
        assert rig.states(run) == {"applied": 3}
        assert sorted(rig.results(run)[KEY].str.strip_chars("\x1f")) == ["A", "B", "C"]
        rig.clock.advance(60)
        assert rig.drop("others.zip", zipped.getvalue()) == ""

    def test_one_picture_and_what_is_none(self, rigs):
        rig = rigs(None, mapping=WITH_CONTENT)
        run = rig.drop("A_1.jpg", JPEG)
        rig.drop("B_1.jpg", b"sku,quantity\n")
        rig.advance()
        assert rig.states(run) == {"applied": 1}
        assert (rig.ack("B_1.jpg")["code"], rig.endings()["B_1.jpg"]) == ("FILE_FORMAT", "reject")
        assert "agreed is a picture" in rig.ack("B_1.jpg")["message"]

    def test_the_bytes_reach_the_contract_as_base64(self, rigs):
        rig = rigs(None, mapping=WITH_CONTENT)
        run = rig.drop("A_1.jpg", JPEG)
        frame = pl.concat(list(rig.spool.run(run).blocks()))
        assert base64.b64decode(frame["product_id"][0]) == JPEG
