"""Error reports by position, whatever delimiter, header and line count they have."""

from __future__ import annotations

import pytest

from gateway.destinations.mirakl.report import ReportLine, outcomes, read
from gateway.model import OUTCOME_SCHEMA


def test_a_report_is_read_by_position():
    header = b'"line";"reason";"offer-sku";"quantity";"warehouse-code";"update-delete"\n'
    body = header + b'"3";"Offer ""A;1"" unknown";"A;1";"5";"W";"update"\n'
    assert read(body) == [ReportLine(3, 'Offer "A;1" unknown', ("A;1", "5", "W", "update"))]


@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_delimiter_header_and_mark_are_found(delimiter, header, bom):
    lines = ["2;No such offer;A;1;;update", "", "4;Too large;B;2;W;update"]
    text = "\r\n".join((["n;why;offer-sku;quantity;warehouse-code;update-delete"] if header else []) + lines)
    found = read(bom + text.replace(";", delimiter).encode())
    assert [(one.line, one.reason, one.cells[0]) for one in found] == [(2, "No such offer", "A"), (4, "Too large", "B")]


def test_broken_reports_do_not_break_us():
    assert read(b"") == []
    assert read(b"line;reason\n") == []
    assert read(b"h;r\nx;why;A\n5\n") == [ReportLine(None, "why", ("A",)), ReportLine(5, "no reason given", ())]
    assert read(b"h;r\n2;caf\xe9;A\n")[0].reason == "caf\ufffd"
    assert len(read(b"h;r\n2;" + b"x" * 5000 + b";A\n")[0].reason) == 500


def test_a_report_with_a_cell_that_never_ends_says_nothing():
    assert read(b'h;r\n2;"why;A\n' + b"3;why;B\n" * 20_000) is None


def line(number, sku="A", warehouse="", reason="why"):
    return ReportLine(number, reason, (sku, "1", warehouse, "update"))


def made(lines, records=5, counts_header=True, key="sku,warehouse"):
    return (
        outcomes(lines, records=records, counts_header=counts_header, key=key).select("line", "key", "message").rows()
    )


def test_outcomes_name_line_and_key():
    frame = outcomes([line(2), line(6, "B", "W")], records=5, counts_header=True, key="sku,warehouse")
    assert frame.schema == OUTCOME_SCHEMA
    assert frame.rows() == [
        (2, "A\x1f", "refused", "DEST_REFUSED", "why", None),
        (6, "B\x1fW", "refused", "DEST_REFUSED", "why", None),
    ]


def test_reasons_of_one_line_are_joined():
    assert made([line(2, reason="a"), line(2, reason="b"), line(2, reason="a")]) == [(2, "A\x1f", "a; b")]


def test_keys_of_sku_alone_or_of_others():
    assert made([line(2)], key="sku") == [(2, "A", "why")]
    assert made([line(2)], key="") == [(2, None, "why")]
    assert made([ReportLine(2, "why", ())]) == [(2, None, "why")]


def test_a_report_that_proves_another_count_is_shifted():
    assert made([line(1), line(5, "E")]) == [(2, "A\x1f", "why"), (6, "E\x1f", "why")]
    assert made([line(2), line(6, "E")], counts_header=False) == [(1, "A\x1f", "why"), (5, "E\x1f", "why")]


def test_a_line_outside_of_the_file_leaves_the_key_alone():
    assert made([line(9, "Z")]) == [(None, "Z\x1f", "why")]
    assert made([line(1), line(6, "E")]) == [(None, "A\x1f", "why"), (6, "E\x1f", "why")]
