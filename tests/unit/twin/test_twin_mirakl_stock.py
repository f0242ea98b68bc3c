"""What stock imports do inside the Mirakl twin: progress, verdicts, reports, the audit, and what survives a restart."""

import csv
import io
from collections import Counter

import pytest

from gateway.errors import SettingsError
from gateway.twin.clock import TwinClock
from gateway.twin.faults import MiraklFaults
from gateway.twin.mirakl import MiraklTwin
from gateway.twin.mirakl_market import ODD_STATUS, Market
from gateway.twin.mirakl_settings import MiraklTwinSettings
from gateway.twin.mirakl_stock import BadFileError

SHOP = 2110
HEADER = "offer-sku;quantity;warehouse-code;update-delete\n"


class Stall:
    """A market with its clock and faults at hand."""

    def __init__(self, offers=None, state_file=None, **settings):
        self.settings = MiraklTwinSettings(**settings)
        self.clock = TwinClock()
        self.faults = MiraklFaults()
        self.market = Market(self.settings, self.clock, self.faults, state_file)
        self.market.put_many(SHOP, {"A": 1, "B": 2, "C": 3} if offers is None else offers)

    def send(self, rows, header=HEADER):
        return self.market.accept(SHOP, (header + rows).encode())

    def run(self, rows, header=HEADER):
        """Send and let it end; returns its status with the report's rows."""
        item = self.send(rows, header)
        self.clock.advance(60)
        return self.look(item)

    def look(self, item):
        found = self.market.find(SHOP, item.import_id)
        report = self.market.report(found)
        rows = [] if report is None else list(csv.reader(io.StringIO(report.decode()), delimiter=";"))[1:]
        return self.market.status(found), rows

    def stock(self):
        return {offer.sku: offer.total for offer in self.market.offers(SHOP)}


def test_an_import_waits_runs_and_ends():
    stall = Stall()
    item = stall.send("A;9;;\n")
    words = [stall.look(item)[0]["status"]]
    for seconds in (21, 40):
        stall.clock.advance(seconds)
        words.append(stall.look(item)[0]["status"])
    assert words == ["WAITING", "RUNNING", "COMPLETE"]
    status, report = stall.look(item)
    assert (status["lines_in_success"], status["lines_in_error"], status["has_error_report"]) == (1, 0, False)
    assert report == []
    assert stall.stock() == {"A": 9, "B": 2, "C": 3}


def test_nothing_changes_before_the_end():
    stall = Stall()
    stall.send("A;9;;\n")
    stall.clock.advance(59)
    assert stall.stock()["A"] == 1
    assert stall.market.effects() == []
    stall.clock.advance(1)
    assert stall.stock()["A"] == 9


def test_good_lines_take_effect_and_bad_ones_are_reported():
    stall = Stall()
    status, report = stall.run("A;9;;update\nNOPE;1;;\nB;0;;\nC;-1;;\n")
    assert status["status"] == "COMPLETE"
    assert (status["lines_in_success"], status["lines_in_error"], status["has_error_report"]) == (2, 2, True)
    assert [row[0] for row in report] == ["3", "5"]
    assert [row[2:] for row in report] == [["NOPE", "1", "", ""], ["C", "-1", "", ""]]
    assert stall.stock() == {"A": 9, "B": 0, "C": 3}
    assert Counter(effect.sku for effect in stall.market.effects()) == {"A": 1, "B": 1}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("A;;;", "quantity is required"),
        ("A;1.5;;", "quantity '1.5' is not a positive integer"),
        ("A;+1;;", "quantity '+1' is not a positive integer"),
        ("A; 1;;", "quantity ' 1' is not a positive integer"),
        ("A;\u0661;;", "quantity '\u0661' is not a positive integer"),
        ("A;1e3;;", "quantity '1e3' is not a positive integer"),
        ("A;2147483648;;", "quantity '2147483648' is too large"),
        (f"A;{'9' * 5000};;", f"quantity '{'9' * 5000}' is too large"),
        (";1;;", "offer-sku is required"),
        ("A;1;;remove", "update-delete 'remove' is not allowed"),
        ("A;1;;UPDATE", "update-delete 'UPDATE' is not allowed"),
        ("A;1", "The line has 2 columns instead of 4"),
        ("A;1;;;x", "The line has 5 columns instead of 4"),
        ("a;1;;", "Offer with sku 'a' does not exist"),
    ],
)
def test_reasons(row, reason):
    stall = Stall()
    status, report = stall.run(row + "\n")
    assert (status["status"], status["lines_in_error"]) == ("COMPLETE", 1)
    assert report[0][1] == reason
    assert stall.market.effects() == []


def test_the_largest_quantity_and_leading_zeros_pass():
    stall = Stall()
    stall.run("A;2147483647;;\nB;0007;;\n")
    assert stall.stock() == {"A": 2147483647, "B": 7, "C": 3}


@pytest.mark.parametrize(("create", "stock"), [(False, {"A": 1}), (True, {"A": 1, "NEW": 4})])
def test_unknown_offers(create, stock):
    stall = Stall({"A": 1}, create_unknown=create)
    stall.run("NEW;4;;\n")
    assert stall.stock() == stock


@pytest.mark.parametrize(("required", "stock"), [(True, 5), (False, 7)])
def test_lines_of_one_offer_stand_together(required, stock):
    stall = Stall(require_adjacent=required)
    _, report = stall.run("A;5;;\nB;6;;\nA;7;;\n")
    assert [row[0] for row in report] == (["4"] if required else [])
    assert stall.stock()["A"] == stock


@pytest.mark.parametrize(("whole", "lines", "stock"), [(True, ["2", "3"], 1), (False, ["3"], 4)])
def test_one_bad_line_puts_its_offer_into_the_report(whole, lines, stock):
    stall = Stall(report_whole_offer=whole)
    status, report = stall.run("A;4;N;\nA;x;S;\nB;9;;\n")
    assert [row[0] for row in report] == lines
    assert status["lines_in_error"] == len(lines)
    assert stall.stock() == {"A": stock, "B": 9, "C": 3}


@pytest.mark.parametrize(("counts", "first"), [(True, "2"), (False, "1")])
def test_line_numbers_of_the_report(counts, first):
    _, report = Stall(report_counts_header=counts).run("NOPE;4;;\n")
    assert report[0][0] == first


def test_line_numbers_count_records_and_blank_lines():
    _, report = Stall().run('"A\nB";1;;\n\nNOPE;4;;\n')
    assert [row[0] for row in report] == ["2", "4"]
    assert report[0][2] == "A\nB"


def test_the_report_can_be_sent_again_and_has_settable_names():
    stall = Stall(report_delimiter=",", report_headers=("Zeile", "Grund"))
    item = stall.send("NOPE;4;;\n")
    stall.clock.advance(60)
    raw = stall.market.report(stall.market.find(SHOP, item.import_id)).decode()
    assert raw.splitlines()[0] == '"Zeile","Grund","offer-sku","quantity","warehouse-code","update-delete"'


def test_quantities_per_warehouse():
    stall = Stall(warehouses=frozenset({"N", "S"}))
    _, report = stall.run("A;4;N;\nA;5;S;\nB;1;X;\n")
    assert stall.stock()["A"] == 9
    assert report[0][1] == "Warehouse 'X' does not exist"
    stall.run("A;0;N;\n")
    assert stall.stock()["A"] == 5
    stall.run("A;;S;delete\n")
    assert stall.market.offers(SHOP)[0].warehouses == {"N": 0}
    stall.run("A;;N;delete\n")
    assert stall.stock()["A"] == 0


def test_any_warehouse_is_known_unless_listed():
    stall = Stall()
    stall.run("B;1;X;\n")
    assert stall.market.offers(SHOP)[1].warehouses == {"X": 1}


@pytest.mark.parametrize(("clears", "total"), [(True, 7), (False, 4)])
def test_a_global_quantity_beside_warehouses(clears, total):
    stall = Stall(global_clears_warehouses=clears)
    stall.run("A;4;N;\n")
    stall.run("A;7;;\n")
    assert stall.stock()["A"] == total


@pytest.mark.parametrize("rows", ["A;4;N;\nA;5;N;\n", "A;4;;\nA;5;;\n", "A;4;;\nA;5;N;\n"])
def test_two_values_for_one_place(rows):
    assert len(Stall().run(rows)[1]) == 2
    lenient = Stall(one_value_per_place=False)
    assert lenient.run(rows)[1] == []
    assert lenient.stock()["A"] == 5


@pytest.mark.parametrize(("zeroes", "stock", "bad"), [(True, 0, 0), (False, 1, 1)])
def test_delete_without_warehouse(zeroes, stock, bad):
    stall = Stall(delete_zeroes=zeroes)
    status, _ = stall.run("A;;;delete\n")
    assert (stall.stock()["A"], status["lines_in_error"]) == (stock, bad)


@pytest.mark.parametrize(("needs", "bad"), [(False, 0), (True, 1)])
def test_delete_without_quantity(needs, bad):
    status, _ = Stall(delete_needs_quantity=needs).run("A;;;delete\n")
    assert status["lines_in_error"] == bad


@pytest.mark.parametrize(("fails", "word"), [(True, "FAILED"), (False, "COMPLETE")])
def test_a_file_without_lines(fails, word):
    status, report = Stall(fail_empty=fails).run("")
    assert (status["status"], status["has_error_report"], report) == (word, False, [])


def test_columns_may_come_in_any_order_and_the_last_two_may_lack():
    stall = Stall()
    stall.run("7;A\n", header="quantity;offer-sku\n")
    assert stall.stock()["A"] == 7


def test_a_broken_quote_fails_the_import_without_a_report():
    stall = Stall()
    status, report = stall.run('A;1;;\n"B;2;;\n')
    assert (status["status"], status["has_error_report"], report) == ("FAILED", False, [])
    assert "lines_in_success" not in status
    assert stall.market.effects() == []


def test_a_file_with_a_wrong_header_is_no_import():
    stall = Stall()
    with pytest.raises(BadFileError, match="sku"):
        stall.send("A;1\n", header="sku;quantity\n")
    assert stall.market.imports() == []


def test_every_line_in_error_is_still_complete():
    stall = Stall()
    stall.faults.all_in_error = 1
    status, report = stall.run("A;1;;\nB;2;;\n")
    assert (status["status"], status["lines_in_success"], status["lines_in_error"]) == ("COMPLETE", 0, 2)
    assert len(report) == 2
    assert stall.run("A;9;;\n")[0]["lines_in_success"] == 1


def test_a_failed_import_has_no_report():
    stall = Stall()
    stall.faults.fails = 1
    status, report = stall.run("A;9;;\n")
    assert (status["status"], report, stall.stock()["A"]) == ("FAILED", [], 1)


def test_an_import_that_never_ends():
    stall = Stall()
    stall.faults.never_ends = 1
    item = stall.send("A;9;;\n")
    stall.clock.advance(10_000_000)
    assert stall.look(item)[0]["status"] == "RUNNING"
    assert stall.stock()["A"] == 1


def test_a_status_of_no_list():
    stall = Stall()
    stall.faults.unknown_status = 1
    item = stall.send("A;9;;\n")
    stall.clock.advance(30)
    assert stall.look(item)[0]["status"] == ODD_STATUS
    stall.clock.advance(30)
    assert stall.look(item)[0]["status"] == "COMPLETE"


def test_a_report_that_is_missing_for_a_while():
    stall = Stall()
    stall.faults.report_missing = 1
    item = stall.send("NOPE;9;;\n")
    stall.clock.advance(60)
    status, report = stall.look(item)
    assert (status["has_error_report"], report) == (True, [])
    assert len(stall.look(item)[1]) == 1


@pytest.mark.parametrize(("in_order", "stock"), [(False, 5), (True, 6)])
def test_a_late_import_overtakes_unless_order_is_kept(in_order, stock):
    stall = Stall(in_order=in_order)
    stall.faults.late_import = 1
    stall.send("A;5;;\n")
    stall.clock.advance(60)
    stall.send("A;6;;\n")
    stall.clock.advance(5000)
    assert stall.stock()["A"] == stock
    assert [effect.quantity for effect in stall.market.effects()] == ([5, 6] if in_order else [6, 5])


def test_the_audit_names_import_line_and_old_value():
    stall = Stall()
    first = stall.send("B;7;;\nA;8;;\n")
    stall.clock.advance(60)
    effects = stall.market.effects()
    assert [(e.import_id, e.line, e.sku, e.command, e.quantity, e.before) for e in effects] == [
        (first.import_id, 2, "B", "update", 7, 2),
        (first.import_id, 3, "A", "update", 8, 1),
    ]
    assert effects[0].at == first.ends_at


def test_sales_move_the_stock_without_an_import():
    stall = Stall()
    assert stall.market.sell(SHOP, "C", 2) == 1
    assert stall.market.sell(SHOP, "C", 5) == 0
    assert stall.market.sell(SHOP, "C", -4) == 4
    stall.run("A;4;N;\nA;5;S;\n")
    assert stall.market.sell(SHOP, "A", 1, "S") == 8
    with pytest.raises(SettingsError, match="NOPE"):
        stall.market.sell(SHOP, "NOPE", 1)
    assert {effect.sku for effect in stall.market.effects()} == {"A"}


def test_the_state_outlives_the_twin(tmp_path):
    file = tmp_path / "mirakl.json"
    stall = Stall(state_file=file)
    done, bad = stall.send("A;7;N;\nNOPE;1;;\n"), stall.send("NOPE;1;;\n")
    stall.clock.advance(60)
    stall.look(bad)
    open_one = stall.send("C;8;;\n")
    later = Stall({}, state_file=file)
    assert later.stock() == {"A": 7, "B": 2, "C": 3}
    assert later.market.effects() == stall.market.effects()
    assert later.look(done) == stall.look(done)
    later.clock.advance(120)
    assert later.look(open_one)[0]["status"] == "COMPLETE"
    assert later.stock()["C"] == 8
    assert list(tmp_path.iterdir()) == [file]


def test_offers_given_to_a_twin_do_not_replace_saved_ones(tmp_path):
    file = tmp_path / "mirakl.json"
    MiraklTwin({"A": 1}, state_file=file).drift("A", 1)
    assert MiraklTwin({"A": 1}, state_file=file).offers() == {"A": 0}


def test_the_twin_shows_its_shop():
    twin = MiraklTwin({"A": 1})
    twin.put_offer("W", 0, warehouses={"N": 2})
    assert twin.offers() == {"A": 1, "W": 2}
    assert twin.offer("W").warehouses == {"N": 2}
    twin.offer("W").warehouses.clear()
    assert twin.offers()["W"] == 2
    assert twin.effects("A") == []
    with pytest.raises(KeyError):
        twin.offer("NOPE")


def test_a_large_file_is_judged_in_reasonable_time():
    stall = Stall({f"S{n}": 0 for n in range(20_000)})
    status, _ = stall.run("".join(f"S{n};{n};;\n" for n in range(20_000)))
    assert status["lines_in_success"] == 20_000
    assert len(stall.market.effects()) == 20_000
