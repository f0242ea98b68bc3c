"""Prose is true: written pages are up to date, and nothing is named that does not exist."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pages
import pytest
from pages import BLOCKS, DOCS, LAYOUTS, PAGES, ROOT, documents

from gateway.cli.group import COMMANDS
from gateway.cli.session import Exit
from gateway.destinations import destinations
from gateway.issues import CATALOGUE
from gateway.routes import DeltaRules, GuardLimits, Policy, SetRules
from gateway.settings.model import SOURCE_KINDS, GatewaySettings, RouteSettings

ANEW = "write it anew: python tests/docs/pages.py"
TOUR = [path for path in documents() if path.name != "cli.md"]
"""Pages written by hand, or by the program from something else than its help."""


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def code_of(path: Path) -> list[str]:
    """Code spans and lines of code blocks."""
    text = path.read_text("utf-8")
    blocks = re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)
    prose = re.sub(r"```\w*\n.*?```", "", text, flags=re.DOTALL)
    spans = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose)]
    return spans + [line for block in blocks for line in block.splitlines()]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_pages_of_the_program_are_up_to_date(page):
    assert page.read_text("utf-8") == PAGES[page](), ANEW


@pytest.mark.parametrize("page", BLOCKS, ids=name_of)
def test_tables_of_the_program_are_up_to_date(page):
    text = page.read_text("utf-8")
    assert pages.with_blocks(text, BLOCKS[page]) == text, ANEW


@pytest.mark.parametrize("page", TOUR, ids=name_of)
def test_commands_named_exist(page):
    named = {word for code in code_of(page) for word in re.findall(r"(?:^|/|\s|\()gateway ([a-z]+)", code)}
    assert named - COMMANDS.keys() == set()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_documented(command):
    assert f"\n## gateway {command}\n" in (DOCS / "cli.md").read_text("utf-8")


@pytest.mark.parametrize("page", TOUR, ids=name_of)
def test_issue_codes_named_exist(page):
    starts = "|".join(sorted({code.split("_")[0] for code in CATALOGUE if "_" in code}))
    named = {word for code in code_of(page) for word in re.findall(rf"\b(?:{starts})_[A-Z_]*[A-Z]\b", code)}
    assert named - CATALOGUE.keys() == set()


@pytest.mark.parametrize("page", documents(), ids=name_of)
def test_links_lead_somewhere(page):
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", TOUR, ids=name_of)
def test_files_named_exist(page):
    place = re.compile(r"(?:gateway|tests|docs|samples|mappings|bench)/[\w./-]*\w/?")
    made = {line.strip().rstrip("/") for line in (ROOT / ".gitignore").read_text("utf-8").splitlines()}
    named = {code for code in code_of(page) if place.fullmatch(code)} - made
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", TOUR, ids=name_of)
def test_make_targets_named_exist(page):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {word for code in code_of(page) for word in re.findall(r"^make ([a-z]+)$", code)}
    assert named - targets == set()


@pytest.mark.parametrize("page", TOUR, ids=name_of)
def test_settings_in_examples_exist(page):
    for block in re.findall(r"```toml\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
        found = tomllib.loads(block)
        if "contract" not in found:  # a mapping: its own tests load it
            assert strange_settings(found) == []


def strange_settings(found):
    """Keys that no model knows, with the table they stand in."""
    strange = [key for key in found if key not in {*GatewaySettings.model_fields, "sources", "destinations", "routes"}]
    for table in found.get("sources", {}).values():
        strange += table.keys() - SOURCE_KINDS[table["kind"]].model_fields.keys()
    for table in found.get("destinations", {}).values():
        strange += table.keys() - {"kind"} - destinations()[table["kind"]].SPEC.settings.model_fields.keys()
    for table in found.get("routes", {}).values():
        strange += table.keys() - RouteSettings.model_fields.keys()
        for name, model in (("policy", Policy), ("guard", GuardLimits), ("delta", DeltaRules), ("set", SetRules)):
            strange += table.get(name, {}).keys() - model.model_fields.keys()
    return strange


def test_strange_settings_are_found():
    assert strange_settings({"sources": {"a": {"kind": "local", "foldr": "in"}}}) == ["foldr"]
    assert strange_settings({"routes": {"a": {"guard": {"of": True}}}}) == ["of"]


def test_every_setting_is_described():
    rules = [Policy, SetRules, GuardLimits, DeltaRules]
    inner = [model for _, _, model in pages.nested()]
    models = [GatewaySettings, RouteSettings, *rules, *SOURCE_KINDS.values(), *LAYOUTS, *inner]
    undescribed = [
        f"{model.__name__}.{name}"
        for model in models
        for name, field in model.model_fields.items()
        if not field.description and name != "kind"
    ]
    assert undescribed == []


def test_tables_inside_destinations_are_described_key_by_key():
    text = (DOCS / "settings.md").read_text("utf-8")
    assert ("partner_api", "vendors") in {(kind, key) for kind, key, _ in pages.nested()}
    for kind, key, model in pages.nested():
        part = text.split(f'### `{key}` of `kind = "{kind}"`', 1)[1].split("\n#", 1)[0]
        assert set(re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE)) == set(model.model_fields)


def test_environment_variables_are_listed():
    source = "\n".join(path.read_text("utf-8") for path in (ROOT / "gateway").rglob("*.py"))
    used = set(re.findall(r"\bGATEWAY_[A-Z_]+\b", source))
    table = (ROOT / "README.md").read_text("utf-8").split("| Environment variable | Says |", 1)[1].split("\n\n", 1)[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == used


def test_exit_codes_in_prose_exist():
    for page in TOUR:
        named = re.findall(r"[Ee]xit code (\d+)", page.read_text("utf-8"))
        assert {int(code) for code in named} - {int(code) for code in Exit} == set(), page
