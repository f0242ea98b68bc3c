"""Bytes that came before: a duplicate, a file like any other, or one that another mapping reads."""

from __future__ import annotations

import pytest

GOOD = "sku,quantity\na,1\nb,0\n"


class TestSameBytesByAnotherMapping:
    """The rows that failed go; those that took effect and say the same stay as they are, whatever was sold since."""

    FILE = 'sku,quantity\na,1\nb,"2,0"\nc,3\n'

    def mended(self, rig):
        path = rig.folder / "mapping.toml"
        text = path.read_text("utf-8")
        assert 'quantity = "quantity"' in text
        path.write_text(text.replace('quantity = "quantity"', 'quantity = { column = "quantity", number = "1.234,5" }'))

    def first(self, rig):
        run = rig.drop("1.csv", self.FILE)
        rig.advance()
        rig.clock.advance(60)
        assert rig.states(run) == {"applied": 2, "rejected": 1}
        return run

    def test_the_failed_rows_go_and_the_others_are_not_sent_again(self, rigs):
        rig = rigs()
        before = self.first(rig)
        self.mended(rig)
        run = rig.drop("1.csv", self.FILE)
        rig.advance()
        assert rig.results(run)["state"].to_list() == ["unchanged", "applied", "unchanged"]
        (note,) = rig.operations.run(run).notes
        assert note == (
            f"The file came before, as run {before}, and was read by another mapping or contract then. "
            "2 of its rows took effect as they are and are not sent again."
        )
        assert [call.records for call in rig.operations.calls(run)] == [1]

    def test_rows_that_say_something_else_now_go_too(self, rigs):
        rig = rigs()
        self.first(rig)
        self.mended(rig)
        path = rig.folder / "mapping.toml"
        other = 'sku = { column = "sku", replace = [["^", "x"]] }'
        path.write_text(path.read_text("utf-8").replace('sku = "sku"', other))
        run = rig.drop("1.csv", self.FILE)
        rig.advance()
        assert rig.states(run) == {"applied": 3}

    def test_without_a_change_it_is_a_duplicate_that_says_how_to_go_on(self, rigs):
        rig = rigs()
        before = self.first(rig)
        assert rig.drop("2.csv", self.FILE) == ""
        told = rig.ack("2.csv")
        assert told["code"] == "FILE_DUPLICATE"
        answer = f"1.csv.{before}.errors.csv"
        assert told["fix"] == (
            f"Its faulty rows (1) go again mended, by {answer}, or by this file once its mapping is mended."
        )

    def test_once_no_row_is_left_it_is_a_duplicate_again(self, rigs):
        rig = rigs()
        self.first(rig)
        self.mended(rig)
        rig.drop("1.csv", self.FILE)
        rig.advance()
        rig.clock.advance(60)
        assert rig.drop("1.csv", self.FILE) == ""

    def test_rows_that_came_back_mended_stay_as_they_are(self, rigs):
        rig = rigs()
        self.first(rig)
        (errors,) = (rig.folder / "outbox/acme").glob("*.errors.csv")
        rig.drop(errors.name, errors.read_text("utf-8-sig").replace('"2,0"', "7"))
        rig.advance()
        rig.clock.advance(60)
        assert rig.drop("1.csv", self.FILE) == ""
        rig.clock.advance(60)
        self.mended(rig)
        assert rig.drop("1.csv", self.FILE) == ""
        rig.clock.advance(60)
        rig.drop("other.csv", GOOD)
        rig.advance()
        rig.clock.advance(60)
        run = rig.drop("1.csv", self.FILE)
        rig.advance()
        assert rig.operations.run(run).notes == []  # another file came in between: it is a file like any other

    def test_of_several_failed_rows_those_that_did_not_come_back_mended_go(self, rigs):
        rig = rigs()
        content = self.FILE + 'd,"4,0"\n'
        rig.drop("1.csv", content)
        rig.advance()
        rig.clock.advance(60)
        (errors,) = (rig.folder / "outbox/acme").glob("*.errors.csv")
        rig.drop(errors.name, errors.read_text("utf-8-sig").replace('"2,0"', "7"))
        rig.advance()
        rig.clock.advance(60)
        self.mended(rig)
        run = rig.drop("1.csv", content)
        rig.advance()
        assert rig.results(run)["state"].to_list() == ["unchanged", "superseded", "unchanged", "applied"]

    def test_a_full_file_ends_no_row_that_is_left_out(self, rigs):
        rig = rigs(mode="full", absent="zero", guard={"off": True})
        self.first(rig)
        self.mended(rig)
        run = rig.drop("1.csv", self.FILE)
        rig.advance()
        assert rig.states(run) == {"unchanged": 2, "applied": 1}
        assert rig.settler.rows(rig.operations.run(run)).states.derived == {}

    def test_taking_it_up_again_after_a_crash_leaves_the_same_rows_out(self, rigs, monkeypatch):
        rig = rigs()
        self.first(rig)
        self.mended(rig)
        with monkeypatch.context() as crash:
            crash.setattr(rig.intake, "_taken", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                rig.drop("1.csv", self.FILE)
        rig.take()
        rig.advance()
        run = rig.operations.runs(1)[0].id
        assert rig.states(run) == {"unchanged": 2, "applied": 1}
