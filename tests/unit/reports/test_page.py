from __future__ import annotations

import re
from datetime import timedelta

import pytest
from lxml import html
from support.fake_rows import START, FakeRows, issues, results, summary

from gateway.formats.layout import CsvLayout
from gateway.model import STATES
from gateway.reports.page import PageWriter, next_steps

LAYOUT = CsvLayout(kind="csv", delimiter=";", encoding="utf-8")


def page(tmp_path, facts, found=None):
    rows = FakeRows(results([]), found if found is not None else issues([]), format=LAYOUT, block=9_999)
    out = tmp_path / "report.html"
    assert PageWriter().write(facts, rows, out)
    return html.document_fromstring(out.read_bytes())


def text(node):
    return re.sub(r"\s+", " ", node.text_content())


def test_verdict_balance_and_tone(tmp_path):
    shown = page(tmp_path, summary({"applied": 999_999, "rejected": 1}, verdict="Nearly all.", blank=4))
    assert text(shown.find(".//h1")) == "Nearly all."
    rows = [[text(cell).strip() for cell in row] for row in shown.findall(".//table//tr")]
    assert rows[1][:3] == ["applied", "999,999", "> 99.9 %"]
    assert rows[2][:3] == ["rejected", "1", "< 0.1 %"]
    assert rows[3] == ["records read", "1,000,000", "", "4 blank rows counted apart"]
    widths = [float(re.search(r"[\d.]+", bar.get("style"))[0]) for bar in shown.find_class("bar")[0]]
    assert sum(widths) == pytest.approx(100, abs=0.01)
    assert "var(--bad)" in shown.find(".//header").get("style")


@pytest.mark.parametrize(("state", "tone"), [("applied", "good"), ("pending", "wait"), ("refused", "bad")])
def test_the_tone_follows_the_gravest_state(tmp_path, state, tone):
    assert f"--{tone})" in page(tmp_path, summary({"applied": 2, state: 3})).find(".//header").get("style")


def test_a_run_that_does_not_balance_says_so(tmp_path):
    assert "do not add up" in text(page(tmp_path, summary({"applied": 2}, rows=3)))
    assert "do not add up" not in text(page(tmp_path, summary({"applied": 2})))


def test_no_rows_is_a_valid_page(tmp_path):
    shown = page(tmp_path, summary({}, tickets=[], ended_at=None))
    assert "The file has no rows." in text(shown)
    assert "still running" in text(shown)


def test_many_identical_faults_take_one_entry(tmp_path):
    found = issues([(n, "REQUIRED", "sku", None, None) for n in range(2, 50_002)])
    (cause,) = page(tmp_path, summary({"rejected": 50_000}), found).find_class("cause")
    assert "50,000 errors" in text(cause)
    assert "sku is missing." in text(cause)
    assert "rows 2 to 50,001" in text(cause)


def test_what_partners_write_is_never_markup(tmp_path):
    evil = "<script>alert(1)</script>"
    found = issues([(2, "NOT_LISTED", evil, evil, evil)])
    shown = page(tmp_path, summary({"rejected": 1}, file_name=evil, notes=[evil], verdict=evil), found)
    assert shown.findall(".//script") == []
    assert text(shown).count(evil) >= 5


def test_the_page_needs_nothing_from_elsewhere(tmp_path):
    shown = page(tmp_path, summary({"applied": 1}))
    assert not shown.xpath("//link | //script | //img | //@src")
    assert all(not link.get("href").startswith(("http", "/")) for link in shown.findall(".//a"))


def test_links_name_the_answers_that_exist(tmp_path):
    facts = summary({"rejected": 1}, file_name="a b#.csv")
    shown = page(tmp_path, facts, issues([(2, "REQUIRED", "sku", None, None)]))
    links = {link.text: link.get("href") for link in shown.findall(".//a")}
    assert list(links) == ["result.csv", "issues.csv", "errors.csv", "summary.json"]
    assert links["errors.csv"] == f"a%20b%23.csv.{facts.run}.errors.csv"
    good = page(tmp_path, summary({"applied": 1}))
    assert [link.text for link in good.findall(".//a")] == ["result.csv", "summary.json"]


def test_long_lists_are_cut_with_a_count(tmp_path):
    mended = [(n, f"R{n}") for n in range(2, 80)]
    shown = text(page(tmp_path, summary({"applied": 1}, tickets=[f"t{n}" for n in range(70)], first_run_rows=mended)))
    assert "t49 and 20 more" in shown
    assert "row 17: applied by run R17" in shown
    assert "and 28 more" in shown


def test_each_state_that_needs_somebody_has_a_next_step():
    for state in STATES:
        steps = next_steps(summary({state: 1}, finish_expected=START + timedelta(hours=1)))
        done = state in {"applied", "unchanged", "superseded", "skipped"}
        assert (steps == ["Nothing: this file is done."]) is done
    assert (
        "2026-11-22 10:30:00 UTC" in next_steps(summary({"pending": 1}, finish_expected=START + timedelta(hours=1)))[0]
    )
