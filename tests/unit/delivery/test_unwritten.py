"""Answers that can't be written: the run ends, the lane goes on, and what is missing is told."""

import errno

import pytest
import xlsxwriter
from structlog.testing import capture_logs
from xlsxwriter.exceptions import FileCreateError

from gateway.delivery.unwritten import mends_itself
from gateway.errors import FileError
from gateway.reports.delimited import ResultWriter
from gateway.reports.errors_csv import CsvErrorsWriter
from gateway.reports.page import PageWriter

FAULTY = "sku,quantity\na,1\nb,x\n"


def broken(monkeypatch, writer, error, times=1000):
    left = [times]
    whole = writer.write

    def write(self, summary, rows, out):
        if left[0]:
            left[0] -= 1
            raise error
        return whole(self, summary, rows, out)

    monkeypatch.setattr(writer, "write", write)


def text_of(rig, name):
    (found,) = (rig.folder / "outbox" / "acme").glob(name)
    return found.read_text("utf-8-sig")


def faults(rig, run):
    return [event.text for event in rig.operations.events(run) if event.kind == "fault"]


def test_failed_rows_are_listed_where_their_own_format_fails(bulk, monkeypatch):
    broken(monkeypatch, CsvErrorsWriter, IndexError("list index out of range"))
    rig = bulk()
    with capture_logs() as logs:
        run = rig.drop("stock.csv", FAULTY)
        rig.advance()
    assert rig.states(run) == {"applied": 1, "rejected": 1}
    row = rig.operations.run(run)
    assert (row.state, row.counts["errors"], row.counts["listed"]) == ("settled", "errors.csv", "errors.csv")
    listed = text_of(rig, "stock.csv.*.errors.csv").splitlines()
    assert listed[0] == "error_run,error_row,error_code,error_field,error_message,sku,quantity"
    assert listed[1].startswith(f"{run},3,MAP_NUMBER,quantity,")
    (note,) = row.notes
    assert "errors.csv lists them" in note
    for kind in ("summary.json", "report.html"):
        assert note.partition(":")[0] in text_of(rig, f"stock.csv.*.{kind}")
    assert "in your own file" in text_of(rig, "stock.csv.*.report.html")
    assert faults(rig, run) == ["errors.csv can't be written (IndexError: list index out of range)."]
    (line,) = logs
    assert (line["kind"], line["exc_info"]) == ("errors.csv", True)


@pytest.mark.parametrize("writer", [PageWriter, ResultWriter])
def test_an_answer_that_fails_is_left_out_and_the_lane_goes_on(bulk, monkeypatch, writer):
    broken(monkeypatch, writer, KeyError("colour"))
    rig = bulk()
    run = rig.drop("stock.csv", FAULTY)
    rig.advance()
    rig.clock.advance(10)
    after = rig.drop("later.csv", "sku,quantity\na,2\n")
    rig.advance()
    assert [rig.operations.run(one).state for one in (run, after)] == ["settled", "settled"]
    assert rig.states(after) == {"applied": 1}
    kind = writer.kind
    assert not list((rig.folder / "outbox" / "acme").glob(f"*.{kind}"))
    assert f"{kind} could not be written" in text_of(rig, "stock.csv.*.summary.json")
    assert len(faults(rig, run)) == 1


def test_answers_come_together_or_not_at_all(bulk, monkeypatch):
    broken(monkeypatch, PageWriter, OSError(errno.ENOSPC, "No space left on device"), times=1)
    rig = bulk()
    run = rig.drop("stock.csv", FAULTY)
    rig.advance()
    folder = rig.folder / "outbox" / "acme"
    assert {path.name.split(run)[-1] for path in folder.iterdir()} == {".ack.json"}
    rig.clock.sleep(60)
    rig.advance()
    assert rig.operations.run(run).state == "settled"
    assert rig.answers() == {"ack.json", "result.csv", "issues.csv", "errors.csv", "report.html", "summary.json"}
    assert not list(folder.glob(".*"))


def test_a_full_disk_is_waited_for(bulk, monkeypatch):
    broken(monkeypatch, PageWriter, OSError(errno.ENOSPC, "No space left on device"), times=1)
    rig = bulk()
    run = rig.drop("stock.csv", FAULTY)
    at = rig.advance()
    assert at is not None
    assert rig.operations.run(run).state == "waiting"
    rig.clock.advance((at - rig.clock.now()).total_seconds())
    rig.advance()
    row = rig.operations.run(run)
    assert (row.state, row.notes, faults(rig, run)) == ("settled", [], [])
    assert "report.html" in {name.split(".", 1)[-1] for name in rig.answers()} | rig.answers()


def test_a_run_that_cannot_be_ended_holds_up_no_other(bulk, monkeypatch):
    rig = bulk()
    run = rig.drop("stock.csv", FAULTY)
    whole = rig.settler.rows

    def rows(row):
        if row.id == run:
            raise ValueError("a fault")
        return whole(row)

    monkeypatch.setattr(rig.settler, "rows", rows)
    with capture_logs() as logs:
        rig.advance(2)
    rig.clock.advance(10)
    after = rig.drop("later.csv", "sku,quantity\nc,2\n")
    rig.advance(2)
    assert [rig.operations.run(one).state for one in (run, after)] == ["waiting", "settled"]
    assert faults(rig, run) == ["It can't be ended (ValueError: a fault)."]
    assert {(line["event"], line["exc_info"]) for line in logs} == {("a run can't be ended", True)}
    monkeypatch.undo()
    rig.advance()
    assert rig.operations.run(run).state == "settled"


def test_a_file_that_was_acknowledged_is_not_refused_for_what_comes_after(bulk, monkeypatch):
    rig = bulk()
    monkeypatch.setattr(rig.settler, "finish", lambda _: 1 / 0)
    run = rig.drop("stock.csv", "sku,quantity\n,x\n")  # nothing is to be sent: it would end at once
    assert rig.ack("stock.csv")["taken"] is True
    assert rig.operations.run(run).state == "waiting"
    monkeypatch.undo()
    rig.advance()
    assert rig.operations.run(run).state == "settled"
    assert rig.endings() == {"stock.csv": "archive"}


@pytest.mark.parametrize(
    ("error", "mends"),
    [
        (OSError(errno.ENOSPC, "full"), True),
        (OSError("of no number: polars gives none"), True),
        (PermissionError(errno.EACCES, "no"), True),
        (OSError(errno.ENAMETOOLONG, "long"), False),
        (FileNotFoundError(errno.ENOENT, "gone"), False),
        (IndexError("list index out of range"), False),
        (FileError("FILE_FORMAT", "unreadable"), False),
    ],
)
def test_only_what_another_try_can_mend_is_tried_again(error, mends):
    assert mends_itself(error) is mends


def test_writers_of_workbooks_wrap_the_errors_of_the_disk(tmp_path):
    book = xlsxwriter.Workbook(str(tmp_path))  # a folder stands there
    with pytest.raises(FileCreateError) as caught:
        book.close()
    assert mends_itself(caught.value)
