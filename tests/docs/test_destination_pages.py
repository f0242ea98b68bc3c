"""The pages of destinations name every setting with its default, and none that does not exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.destinations import destinations

PAGES = Path(__file__).parents[2] / "docs" / "destinations"


@pytest.mark.parametrize("name", sorted(destinations()))
def test_a_page_lists_exactly_the_settings(name):
    page = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    table = page.split("| setting | default | meaning |", 1)[1].split("\n\n", 1)[0]
    listed = {word for line in table.splitlines()[2:] for word in re.findall(r"`(\w+)`", line.split("|")[1])}
    assert listed == set(destinations()[name].SPEC.settings.model_fields)


def test_every_page_is_of_a_destination():
    assert {path.stem for path in PAGES.glob("*.md")} - {"README"} == set(destinations())
