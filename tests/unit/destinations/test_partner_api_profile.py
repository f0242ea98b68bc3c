"""Profiles: the page lists exactly their keys, every assumption has one, and shipped ones can be read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.destinations.partner_api import profile
from gateway.destinations.partner_api.profile import Profile

PAGE = Path(__file__).parents[3] / "docs" / "destinations" / "partner_api.md"
ASSUMPTIONS = {f"A-{number:02}" for number in range(1, 22)}


def listed():
    table = PAGE.read_text("utf-8").split("| key | default | basis | meaning |", 1)[1].split("\n\n", 1)[0]
    rows = (line.strip("|").split(" | ") for line in table.splitlines()[2:])
    return {key.strip(" `"): (default.strip(), basis.strip()) for key, default, basis, *_ in rows}


def shown(default):
    if isinstance(default, tuple):
        return ", ".join(shown(one) for one in default)
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, float):
        return f"`{default:g}`"
    return f"`{default}`".replace("|", "&#124;") if default != "" else "empty"


def test_the_page_lists_exactly_the_keys_with_their_defaults():
    assert listed() == {key: (shown(default), basis) for key, default, basis, _ in profile.register()}


def test_every_assumption_is_a_key():
    found = {basis for _, _, basis, _ in profile.register() if basis.startswith("A-")}
    assert found == ASSUMPTIONS


def test_every_key_says_what_it_is_and_how_sure_it_is():
    for key, _, basis, meaning in profile.register():
        assert meaning.endswith("."), key
        assert re.fullmatch(r"verified|live-reported|inferred|assumption|A-\d\d", basis), key


@pytest.mark.parametrize("brand", profile.brands())
def test_shipped_profiles_are_sound(brand):
    found = profile.load(brand, None, {})
    assert found.brand == brand
    assert found.rest.base_url == f"https://{brand}.partner.deliveryhero.io"


def test_hosts_of_files_are_shipped_only_where_they_are_known():
    known = {brand for brand in profile.brands() if profile.load(brand, None, {}).sftp.host}
    assert known == {"foodpanda", "hungerstation", "pedidosya", "talabat"}


def test_a_key_of_a_table_replaces_only_itself():
    found = profile.load("foodpanda", None, {"confirm": {"window_s": {"catalog": 5}}})
    assert (found.confirm.window_s.catalog, found.confirm.window_s.promotions) == (5.0, 3000.0)
    assert found.model_copy(update={"confirm": Profile().confirm}) == profile.load("foodpanda", None, {})
