"""Every noun of the model is in the glossary, once."""

from __future__ import annotations

import ast
import re

from pages import DOCS, ROOT

TEXT = (DOCS / "glossary.md").read_text("utf-8")
ENTRIES = re.findall(r"^- (.+(?:\n  .+)*)", TEXT, re.MULTILINE)
TERMS = [term for entry in ENTRIES for term in re.findall(r"\*\*([^*]+)\*\*", entry)]
WORDS = (
    "Route", "Arrival", "Claim", "Run", "Table", "Draft", "Records", "Issue", "Effect", "Lane", "Owner", "Family",
    "Consignment", "Batch", "Ticket", "Receipt", "Slot", "Budget", "Baseline", "Segment", "Guard", "Delta", "Hold",
    "release", "Spool", "Journal", "Outbox", "Answer", "Twin",
)  # fmt: skip


def test_every_class_of_the_model_is_explained():
    parts = [ast.parse(part.read_text("utf-8")) for part in (ROOT / "gateway" / "model").glob("*.py")]
    classes = {node.name for tree in parts for node in tree.body if isinstance(node, ast.ClassDef)}
    assert classes - set(TERMS) == set()
    assert len(classes) > 30


def test_the_words_of_the_house_are_explained():
    assert [word for word in WORDS if word not in TERMS] == []


def test_a_word_has_one_meaning():
    assert [term for term in set(TERMS) if TERMS.count(term) > 1] == []


def test_entries_are_short():
    for entry in ENTRIES:
        assert entry.startswith("**"), entry
        assert len(entry.splitlines()) <= 3, entry
