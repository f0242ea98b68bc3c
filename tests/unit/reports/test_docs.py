from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from support.fake_rows import START, summary

from gateway.formats.layout import ERROR_NAMESPACE, OUR_COLUMNS, CsvLayout, JsonLayout, XlsxLayout, XmlLayout
from gateway.model import STATES
from gateway.reports import ACK_KIND, PROGRESS_KIND, correction_kind, write_ack, write_progress, write_refusal, writers
from gateway.reports.answers import summary_facts, write_waiting
from gateway.reports.delimited import ISSUE_COLUMNS, RESULT_COLUMNS
from gateway.reports.errors_xlsx import MOST_COMMENTS
from gateway.reports.page import MEANING
from gateway.reports.stream import SHOWN_FAULTS

DOCS = (Path(__file__).parents[3] / "docs" / "reports.md").read_text(encoding="utf-8")
LAYOUTS = (
    CsvLayout(kind="csv", delimiter=";", encoding="utf-8"),
    XlsxLayout(kind="xlsx"),
    XmlLayout(kind="xml", record="a/b"),
    JsonLayout(kind="json"),
)


def tables(heading):
    """The tables under a heading: for each, the names in code of its first column."""
    section = re.split(r"^#+ ", DOCS.split(f"# {heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    blocks = re.findall(r"(?:^\|.*\n)+", section, flags=re.MULTILINE)
    return [re.findall(r"^\| `([^`]+)` \|", block, flags=re.MULTILINE) for block in blocks]


def test_every_kind_of_answer_is_listed():
    kinds = {writer.kind for layout in LAYOUTS for writer in writers(layout)}
    kinds |= {ACK_KIND, PROGRESS_KIND, correction_kind(1).replace("1", "N")}
    assert set(tables("The answers")[0]) == kinds


def test_every_state_is_explained_in_the_words_of_the_page():
    assert tables("What became of a row") == [[str(state) for state in STATES]]
    for state, meaning in MEANING.items():
        assert f"| `{state}` | {meaning} |" in DOCS


@pytest.mark.parametrize(
    ("heading", "columns"),
    [
        ("result.csv", RESULT_COLUMNS),
        ("issues.csv", ISSUE_COLUMNS),
        ("The errors file: mend it and drop it back", OUR_COLUMNS),
        ("summary.json", tuple(summary_facts(summary({})))),
    ],
)
def test_columns_and_keys_are_listed_in_order(heading, columns):
    assert tables(heading) == [list(columns)]


def test_the_keys_of_ack_and_progress_are_listed_in_order(tmp_path):
    out = tmp_path / "x.json"
    write_ack(
        out, run="", partner="", route="", file_name="", size=0, sha256="", received_at=START, rows=0,
        calls_expected=0, finish_expected=None, files=[{"name": ""}],
    )  # fmt: skip
    taken = list(json.loads(out.read_bytes()))
    write_waiting(
        out, partner="", route="", file_name="", size=0, received_at=START, name=None, part=None, of=None, missing=(),
        until=START, message="",
    )  # fmt: skip
    waiting = list(json.loads(out.read_bytes()))
    write_refusal(out, file_name="", size=0, sha256="", at=START, code="", message="", fix="")
    assert tables("ack.json") == [taken, waiting, list(json.loads(out.read_bytes()))]
    write_progress(out, run="", at=START, states={}, open_tickets=[], finish_expected=None)
    assert tables("progress.json") == [list(json.loads(out.read_bytes()))]


def test_numbers_and_names_in_the_prose_are_the_programs():
    assert f"(the first {MOST_COMMENTS:,};" in DOCS
    assert SHOWN_FAULTS == 5
    assert "at most five faults" in DOCS
    assert f"`{ERROR_NAMESPACE}`" in DOCS
