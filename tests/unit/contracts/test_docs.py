from pathlib import Path

from gateway.contracts import contracts, docs

PAGE = Path(__file__).parents[3] / "docs" / "contracts.md"


def test_the_page_is_what_the_contracts_say():
    written = PAGE.read_text(encoding="utf-8")
    assert written == docs.markdown(), "write docs/contracts.md anew with gateway.contracts.docs.markdown()"


def test_the_page_names_every_field_and_code():
    page = docs.markdown()
    for one in contracts():
        for name in (*one.fields, *(rule.code for rule in (*one.rules, *one.rows_rules))):
            assert f"| `{name}` |" in page
