"""Files that count their parts make one run, in every format."""

from __future__ import annotations

import csv
import json
from io import BytesIO

import orjson
import pytest
import sqlalchemy as sa
import xlsxwriter
from lxml import etree
from support.file_sets import ONE, PARTS, THREE, TWO, answer

from gateway.errors import WillNeverWork
from gateway.journal import runs
from gateway.journal import tables as t
from gateway.model import KEY, LINE, ROW
from gateway.pipeline.sets import waiting_sets
from gateway.routes import SetRules
from gateway.testing.rig import MAPPING


def drop_parts(rig, *contents, name="stock", of=None, suffix=".csv"):
    run = ""
    for number, content in enumerate(contents, 1):
        run = rig.drop(f"{name}_part{number}of{of or len(contents)}{suffix}", content)
        rig.clock.advance(1)
    return run


class TestCountedParts:
    def test_make_one_run_in_their_order_and_end_together(self, rigs):
        rig = rigs()
        assert rig.drop("stock_part3of3.csv", THREE) == ""
        assert rig.drop("stock_part1of3.csv", ONE) == ""
        run = rig.drop("stock_part2of3.csv", TWO)
        assert set(rig.endings().values()) == {None}
        rig.advance()
        row = rig.operations.run(run)
        assert (row.file, row.rows, row.state, row.size) == ("stock.csv", 5, "settled", len(ONE + TWO + THREE))
        results = rig.results(run)
        assert results[ROW].to_list() == [2, 3, 5, 7, 8]
        assert results[LINE].to_list() == [2, 3, 5, 7, 8]
        assert results[KEY].str.strip_chars("\x1f").to_list() == ["a", "b", "c", "d", "e"]
        assert results["state"].to_list() == ["applied", "applied", "applied", "rejected", "applied"]
        assert rig.endings() == dict.fromkeys([f"stock_part{n}of3.csv" for n in (1, 2, 3)], "archive")

    def test_every_part_is_answered_at_once_and_the_run_names_the_rows_of_each(self, rigs):
        rig = rigs()
        drop_parts(rig, ONE, of=3)
        told = rig.ack("stock_part1of3.csv")
        assert (told["taken"], told["set"]["name"], told["set"]["part"], told["set"]["of"]) == (True, "stock.csv", 1, 3)
        assert told["set"]["missing"] == [2, 3]
        assert "waits for parts 2, 3" in told["message"]
        rig.drop("stock_part2of3.csv", TWO)
        run = rig.drop("stock_part3of3.csv", THREE)
        assert "all parts are here" in rig.ack("stock_part3of3.csv")["message"]
        told = rig.ack("stock.csv")
        assert told["run"] == run
        assert told["files"] == [
            {"name": "stock_part1of3.csv", "first_row": 2, "last_row": 3},
            {"name": "stock_part2of3.csv", "first_row": 5, "last_row": 5},
            {"name": "stock_part3of3.csv", "first_row": 7, "last_row": 8},
        ]
        notes = rig.operations.run(run).notes
        assert "Row 5 came from stock_part2of3.csv." in notes
        assert "Rows 7 to 8 came from stock_part3of3.csv." in notes

    def test_the_errors_file_comes_back_by_itself(self, rigs):
        rig = rigs()
        first = drop_parts(rig, ONE, TWO, THREE)
        rig.advance()
        errors = answer(rig, "stock.csv", "errors.csv")
        assert [row["sku"] for row in csv.DictReader(errors.read_text("utf-8").splitlines())] == ["d"]
        rig.clock.advance(60)
        run = rig.drop(errors.name, errors.read_text("utf-8").replace(",x", ",4"))
        rig.advance()
        assert rig.states(run) == {"applied": 1}
        assert rig.operations.summary(first).first_run_rows == [(7, run)]

    def test_damaged_records_are_given_back_as_they_stood(self, rigs):
        rig = rigs()
        drop_parts(rig, "sku,quantity\na,1", 'sku,quantity\nb,2,3\n\nc,"4\n', "sku,quantity\nd,5,6\n")
        rig.advance()
        lines = answer(rig, "stock.csv", "errors.csv").read_text("utf-8").splitlines()
        assert [line.split('",', 1)[-1].split(".,")[-1] for line in lines[1:]] == ["b,2,3", 'c,"4', "d,5,6"]

    def test_other_headers_refuse_the_set_with_the_reason(self, rigs):
        rig = rigs()
        drop_parts(rig, ONE, "sku;amount\nc;3\n".replace(";", ","))
        told = rig.ack("stock.csv")
        assert (told["taken"], told["code"]) == (False, "FILE_HEADER")
        assert "stock_part2of2.csv: " in told["message"]
        assert "column 2 is 'amount', in stock_part1of2.csv it is 'quantity'" in told["message"]
        assert set(rig.endings().values()) == {"reject"}

    @pytest.mark.parametrize("bad", ["", "%PDF-1.7"])
    def test_one_unusable_part_refuses_the_set_and_is_named(self, rigs, bad):
        rig = rigs()
        drop_parts(rig, ONE, bad)
        assert rig.ack("stock.csv")["message"].startswith("stock_part2of2.csv: ")
        assert set(rig.endings().values()) == {"reject"}

    def test_a_set_that_is_not_whole_in_time_is_refused_naming_what_lacks(self, rigs):
        rig = rigs(SetRules(parts=PARTS.parts, wait=3600))
        drop_parts(rig, ONE, TWO, of=4)
        rig.clock.advance(3590)
        rig.take()
        assert set(rig.endings().values()) == {None}
        rig.clock.advance(10)
        rig.take()
        assert set(rig.endings().values()) == {"reject"}
        for name in ("stock_part1of4.csv", "stock_part2of4.csv"):
            told = rig.ack(name)
            assert (told["taken"], told["code"]) == (False, "FILE_SET_INCOMPLETE")
            assert "parts 3, 4 of 4 of stock.csv did not come in time" in told["message"]
        assert rig.operations.runs() == []
        run = drop_parts(rig, ONE, TWO, name="stock")
        assert run

    def test_the_same_set_again_is_a_duplicate_whatever_its_names(self, rigs):
        rig = rigs()
        first = drop_parts(rig, ONE, TWO)
        rig.advance()
        assert drop_parts(rig, ONE, TWO, name="other") == ""
        told = rig.ack("other.csv")
        assert told["code"] == "FILE_DUPLICATE"
        assert first in told["message"]
        assert set(rig.endings().values()) == {"archive"}
        assert drop_parts(rig, TWO, ONE, name="third") != ""

    def test_a_part_that_comes_twice_is_a_duplicate_and_the_set_goes_on(self, rigs):
        rig = rigs()
        rig.drop("stock_part1of2.csv", ONE)
        rig.clock.advance(1)
        rig.drop("stock_part01of2.csv", ONE)
        assert rig.ack("stock_part01of2.csv")["code"] == "FILE_DUPLICATE"
        assert rig.drop("stock_part2of2.csv", TWO) != ""
        rig.advance()
        assert set(rig.endings().values()) == {"archive"}

    def test_parts_of_two_exports_are_never_put_together(self, rigs):
        rig = rigs()
        drop_parts(rig, ONE, TWO, of=3)
        rig.clock.advance(60)
        rig.drop("stock_part01of3.csv", ONE.replace("a,1", "a,9"))
        for name in ("stock_part1of3.csv", "stock_part2of3.csv"):
            assert "the set begins anew" in rig.ack(name)["message"]
        assert rig.endings()["stock_part2of3.csv"] == "reject"
        assert rig.drop("stock_part03of3.csv", THREE) == ""
        run = rig.drop("stock_part02of3.csv", TWO)
        rig.advance()
        assert rig.results(run).height == 5

    def test_sets_wait_side_by_side_and_block_nothing(self, rigs):
        rig = rigs()
        rig.drop("a_part1of2.csv", ONE)
        rig.drop("b_part1of2.csv", ONE)
        rig.drop("b_part1of3.csv", ONE)
        alone = rig.drop("single.csv", "sku,quantity\nz,1\n")
        rig.advance()
        assert rig.states(alone) == {"applied": 1}
        assert rig.drop("b_part2of2.csv", TWO) != ""
        with rig.journal.read() as tx:
            told = [(one.name, one.of, have, lacks) for one, have, lacks in waiting_sets(tx)]
        assert told == [("a.csv", 2, 1, "part 2"), ("b.csv", 3, 1, "parts 2, 3")]

    def test_a_number_that_can_not_be_is_refused_by_itself(self, rigs):
        rig = rigs()
        rig.drop("stock_part4of3.csv", ONE)
        assert rig.ack("stock_part4of3.csv")["code"] == "FILE_SET_PART"
        assert rig.endings() == {"stock_part4of3.csv": "reject"}

    def test_a_full_set_is_one_full_file(self, rigs):
        rig = rigs(mode="full", absent="zero", guard={"off": True})
        drop_parts(rig, ONE, TWO)
        rig.advance()
        rig.clock.advance(60)
        run = drop_parts(rig, ONE, "sku,quantity\ne,5\n")
        rig.advance()
        assert rig.states(run)["applied"] >= 1
        assert rig.operations.run(run).counts["derived"] == {"applied": 1}

    def test_a_key_in_two_parts_is_found(self, rigs):
        rig = rigs()
        run = drop_parts(rig, ONE, "sku,quantity\na,7\n")
        assert rig.results(run)["detail"].to_list() == ["also in row 5", None, "also in row 2"]

    def test_a_trouble_of_ours_is_answered_and_ends_all(self, rigs, monkeypatch):
        rig = rigs()
        rig.drop("stock_part1of2.csv", ONE)
        with monkeypatch.context() as broken:
            broken.setattr(rig.intake, "_read", lambda *_: (_ for _ in ()).throw(WillNeverWork("No lookup.")))
            with pytest.raises(WillNeverWork):
                rig.drop("stock_part2of2.csv", TWO)
        (one,) = rig.intake.sets.due({})
        rig.intake.sets.give_up(one, WillNeverWork("No lookup."))
        assert set(rig.endings().values()) == {"reject"}
        assert rig.intake.sets.due({}) == []
        assert [row.state for row in rig.operations.runs()] == ["rejected"]


class TestOtherFormats:
    def test_workbooks(self, rigs):
        def book(rows):
            out = BytesIO()
            with xlsxwriter.Workbook(out) as made:
                sheet = made.add_worksheet("Stock")
                for number, row in enumerate([("sku", "quantity"), *rows]):
                    sheet.write_row(number, 0, row)
            return out.getvalue()

        kind = '[format]\nkind = "xlsx"\n[fields]'
        rig = rigs(mapping=MAPPING.replace(MAPPING[MAPPING.index("[format]") : MAPPING.index("sku =")], f"{kind}\n"))
        run = drop_parts(rig, book([("a", 1), ("b", "x")]), book([("c", 3)]), suffix=".xlsx")
        rig.advance()
        assert rig.results(run).select(ROW, "state").rows() == [(2, "applied"), (3, "rejected"), (5, "applied")]
        assert answer(rig, "stock.xlsx", "errors.xlsx").stat().st_size

    def test_documents(self, rigs):
        kind = '[format]\nkind = "xml"\nrecord = "stock/items/item"\n[fields]'
        rig = rigs(mapping=MAPPING.replace(MAPPING[MAPPING.index("[format]") : MAPPING.index("sku =")], f"{kind}\n"))

        def document(*rows):
            items = "".join(f"<item><sku>{sku}</sku><quantity>{q}</quantity></item>" for sku, q in rows)
            return f'<?xml version="1.0"?><stock at="x"><head/><items>{items}</items></stock>'

        run = drop_parts(rig, document(("a", 1), ("b", "x")), document(("c", 3)), document(("d", "y")), suffix=".xml")
        rig.advance()
        assert rig.results(run)["state"].to_list() == ["applied", "rejected", "applied", "rejected"]
        errors = answer(rig, "stock.xml", "errors.xml")
        root = etree.parse(str(errors)).getroot()
        assert root.attrib == {"at": "x"}
        assert len(root.findall("head")) == 1
        assert [sku.text for sku in root.iterfind("items/item/sku")] == ["b", "d"]
        rig.clock.advance(60)
        again = rig.drop(errors.name, errors.read_bytes().replace(b">x<", b">2<").replace(b">y<", b">4<"))
        rig.advance()
        assert rig.states(again) == {"applied": 2}

    def test_json(self, rigs):
        kind = '[format]\nkind = "json"\n[fields]'
        rig = rigs(mapping=MAPPING.replace(MAPPING[MAPPING.index("[format]") : MAPPING.index("sku =")], f"{kind}\n"))
        parts = [[{"sku": "a", "quantity": 1}], [{"quantity": "x", "sku": "b", "more": 1}]]
        run = drop_parts(rig, *map(json.dumps, parts), suffix=".json")
        rig.advance()
        assert rig.results(run)["state"].to_list() == ["applied", "rejected"]
        assert orjson.loads(answer(rig, "stock.json", "errors.json").read_bytes())[0]["sku"] == "b"


def test_runs_of_a_set_are_entered_for_its_first_file(rigs):
    rig = rigs()
    run = drop_parts(rig, ONE, TWO)
    with rig.journal.read() as tx:
        row = runs.get_run(tx, run)
        assert row is not None
        (first, second) = tx.execute(sa.select(t.arrival).order_by(t.arrival.c.id)).fetchall()
        assert rig.intake.sets.fellows(tx, first.id, "stock") == [first.id, second.id]
    assert row.arrival == first.id
