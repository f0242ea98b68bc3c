"""Decisions keep their form: numbered without a gap, one page each, the same four parts, a status."""

from __future__ import annotations

import re

import pytest
from pages import DOCS

PAGES = sorted((DOCS / "decisions").glob("*.md"))
PARTS = ["Context", "Choice", "Rejected", "Consequences"]
MOST_LINES = 60


def test_numbers_have_no_gap():
    assert [int(path.name[:4]) for path in PAGES] == list(range(1, len(PAGES) + 1))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_keeps_the_form(path):
    text = path.read_text("utf-8")
    assert re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", path.name)
    assert text.startswith(f"# {int(path.name[:4])}. ")
    assert re.search(r"^Status: (accepted|superseded by decision \d+)$", text, re.MULTILINE)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == PARTS
    assert len(text.splitlines()) <= MOST_LINES


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_other_decisions_named_exist(path):
    named = {int(number) for number in re.findall(r"decision (\d+)", path.read_text("utf-8"))}
    assert named <= set(range(1, len(PAGES) + 1))
