"""Profiles: the page lists exactly their keys, every assumption has one, and shipped ones can be read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.destinations.partner_api import brands, profile
from gateway.destinations.partner_api.profile import Profile

PAGE = Path(__file__).parents[3] / "docs" / "destinations" / "partner_api.md"
LIMITS, SFTP, PROMO = "rest.limits", "sftp", "promo"
ASSUMPTIONS = {
    "A-01": {"rest.base_url": ""},  # each shipped brand names its own, by the pattern
    "A-02": {"sftp.host": ""},
    "A-03": {"sftp.host_key": "pinned"},
    "A-04": {"rest.fields.max_sales_quantity_name": "maximum_sales_quantity"},
    "A-05": {"availability.sales_buffer": 0},
    "A-06": {
        f"{LIMITS}.max_products": 500, f"{LIMITS}.max_body_kib": 4096, f"{LIMITS}.floor_products": 25,
        f"{LIMITS}.requests_per_minute": 45.0, f"{LIMITS}.budget": "egress",
    },
    "A-07": {"in_flight_jobs_per_vendor": 1},
    "A-08": {"jobs.poll_path": "/v2/chains/{chain_id}/catalog/jobs/{job_id}"},
    "A-09": {"features.promo_types": ("STRIKETHROUGH", "SAME_ITEM_BUNDLE")},
    "A-10": {
        f"{SFTP}.remote_dir.catalog": "catalog", f"{SFTP}.remote_dir.promotions": "promotions",
        f"{SFTP}.remote_dir.assortment": "assortment", f"{SFTP}.create_missing": False,
    },
    "A-11": {f"{PROMO}.split_strategy": "off"},
    "A-12": {"csv.delimiter": ",", "csv.bom": False, "csv.newline": "lf"},
    "A-13": {f"{PROMO}.timezone": "vendor_local"},
    "A-14": {f"{PROMO}.change_strategy": "end_and_new"},
    "A-15": {f"{SFTP}.max_rows.single": 20_000, f"{SFTP}.warn_mb": 50.0},
    "A-16": {"confirm.window_s.catalog": 1800.0, "confirm.window_s.promotions": 3000.0},
    "A-17": {"duplicates": "error", f"{SFTP}.rows_per_vendor": False},
    "A-18": {f"{SFTP}.atomic_rename": "auto"},
    "A-19": {"orders.list_path": "/v2/chains/{chain_id}/vendors/{vendor_id}/orders"},
    "A-20": {"webhook.header": "Authorization", "webhook.accept": ("exact", "bearer")},
    "A-21": {
        "errors.members": ("message", "error", "errors", "detail"),
        "errors.fields": ("field", "path", "property", "param"),
    },
}  # fmt: skip
"""What nobody could verify, by number: the keys it stands under, and what is taken to be so."""


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


def test_every_assumption_stands_under_its_keys_with_what_is_taken_to_be_so():
    found: dict[str, dict[str, object]] = {}
    for key, default, basis, _ in profile.register():
        if basis.startswith("A-"):
            found.setdefault(basis, {})[key] = default
    assert found == ASSUMPTIONS


def test_every_key_says_what_it_is_and_how_sure_it_is():
    for key, _, basis, meaning in profile.register():
        assert meaning.endswith("."), key
        assert re.fullmatch(r"verified|live-reported|inferred|assumption|A-\d\d", basis), key


@pytest.mark.parametrize("brand", brands.brands())
def test_shipped_profiles_are_sound(brand):
    found = brands.load(brand, None, {})
    assert found.brand == brand
    assert found.rest.base_url == f"https://{brand}.partner.deliveryhero.io"


def test_hosts_of_files_are_shipped_only_where_they_are_known():
    known = {brand for brand in brands.brands() if brands.load(brand, None, {}).sftp.host}
    assert known == {"foodpanda", "hungerstation", "pedidosya", "talabat"}


def test_a_key_of_a_table_replaces_only_itself():
    found = brands.load("foodpanda", None, {"confirm": {"window_s": {"catalog": 5}}})
    assert (found.confirm.window_s.catalog, found.confirm.window_s.promotions) == (5.0, 3000.0)
    assert found.model_copy(update={"confirm": Profile().confirm}) == brands.load("foodpanda", None, {})
