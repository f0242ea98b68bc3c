"""Files that come again: the same bytes, and answers of ours that a partner mended."""

from __future__ import annotations

import gzip
from dataclasses import replace

import orjson
import pytest
from support.picture_files import IMAGES
from support.pictures import PNG
from support.stock_rows import GOOD

from gateway.errors import WillNeverWork
from gateway.journal import runs
from gateway.model import KEY
from gateway.testing.rig import MAPPING


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
        (ack,) = (
            orjson.loads(path.read_bytes()) for path in (rig.folder / "outbox/acme").glob(f"{errors.name}.*.ack.json")
        )
        assert first not in str({**ack, "file": None})
        assert "none of this partner's" in ack["notes"][0]
        (again,) = (row.id for row in rig.operations.runs() if row.file == errors.name)
        assert rig.operations.summary(again).linked_run is None
