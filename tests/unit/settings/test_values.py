"""Values of settings: numbers, forms, columns and profiles are judged where they stand."""

from __future__ import annotations

import re
from typing import get_args

import pytest
from pydantic import BaseModel
from support.settings_kinds import FAR, KINDS, TABLES, target

from gateway.destinations import destinations
from gateway.errors import SettingsError
from gateway.formats.sections import section_of
from gateway.settings import LocalSettings, RouteSettings, SftpSettings, WebSettings, load_settings

OVER_SFTP = (
    'brand = "foodpanda"\nchannel = "sftp"\nvendors = { v1 = {} }\nsftp_user = "u"\nsftp_known_hosts = "h"\n'
    'sftp_password = { env = "SECRET" }\nprice_basis = "net"\n'
)


# ---------------------------------------------------------------- numbers


def test_a_version_is_a_number_and_a_byte_order_mark_is_no_fault(tmp_path):
    file = tmp_path / "gateway.toml"
    file.write_bytes(b"\xef\xbb\xbfversion = true\r\n")
    with pytest.raises(SettingsError) as raised:
        load_settings(file)
    found = [(fault.where, fault.message) for fault in raised.value.faults if fault.message.startswith("version")]
    assert found == [(f"{file}:1", "version: found true, expected a whole number, without quotes and without a unit")]


@pytest.mark.parametrize(
    ("table", "line", "said"),
    [
        ("sources.acme", 'every = "1"', 'every: found "1", expected a number, without quotes and without a unit'),
        ("sources.acme", "settle = true", "settle: found true, expected a number, without quotes and without a unit"),
        ("routes.stock", 'guard = { ended_share = "0.1" }', 'guard.ended_share: found "0.1", expected a number, with'),
        ("routes.stock", 'guard = { off = "yes" }', 'guard.off: found "yes", expected true or false, without quotes'),
        ("web", 'port = "8460"', 'port: found "8460", expected a whole number, without quotes and without a unit'),
    ],
)
def test_a_value_of_another_type_is_told(faults, table, line, said):
    (found,) = faults({table: f"{TABLES.get(table, '')}{line}\n"})
    assert f"{table}.{said}" in found


def floats(model: type[BaseModel], prefix: str = "") -> list[str]:
    """Names of a model's numbers, those of tables inside it too."""
    found = []
    for name, info in model.model_fields.items():
        inner = section_of(info.annotation)
        if inner is not None:
            found += floats(inner, f"{prefix}{name}.")
        elif float in {info.annotation, *get_args(info.annotation)}:
            found.append(prefix + name)
    return found


NUMBERS = [
    *(("sources.acme", TABLES["sources.acme"], name) for name in floats(LocalSettings)),
    *(("sources.far", FAR["sources.far"], name) for name in floats(SftpSettings)),
    *(("routes.stock", TABLES["routes.stock"], name) for name in floats(RouteSettings)),
    *(("web", "", name) for name in floats(WebSettings)),
    *(
        ("destinations.there", target(kind)["destinations.there"], name)
        for kind, made in destinations().items()
        for name in floats(made.SPEC.settings)
    ),
]


@pytest.mark.parametrize(("table", "body", "name"), NUMBERS, ids=lambda one: one if "\n" not in one else "")
def test_every_number_is_one_that_can_be_waited_or_counted(faults, table, body, name):
    beside = "set.quiet = 5\n" if name == "set.wait" else ""
    for value in ("inf", "-inf", "nan", "1e300", "-1"):
        found = faults({table: f"{body}{beside}{name} = {value}\n"})
        assert any(f"{table}.{name}: " in fault and re.match(r"(last|[0-9]+): ", fault) for fault in found), (
            value,
            found,
        )


def test_all_kinds_were_looked_at():
    assert set(KINDS) == set(destinations())
    assert len(NUMBERS) > 50
    assert {name for _, _, name in NUMBERS} >= {"timeout", "deadline", "guard.window", "set.quiet", "read_timeout"}


def test_what_is_expected_stands_in_the_message(faults):
    (found,) = faults(target("mirakl", "timeout = inf\n"))
    assert found == "last: destinations.there.timeout: found inf, expected a number of at most 1,000,000,000"


@pytest.mark.parametrize("key", ["rest.auth.safety_margin_s", "jobs.give_up_s", "confirm.window_s.catalog"])
@pytest.mark.parametrize("value", ["inf", "nan", "1e300", "-1"])
def test_numbers_of_profiles_too(faults, tmp_path, key, value):
    *tables, name = key.split(".")
    (found,) = faults(target("partner_api", f"keys.{key} = {value}\n"))
    assert found.startswith(f"last: destinations.there.keys.{key}: ")
    (tmp_path / "own.toml").write_text(f"# ours\n[{'.'.join(tables)}]\n{name} = {value}\n", "utf-8")
    (found,) = faults(target("partner_api", 'profile = "own.toml"\n'))
    assert found.startswith(f"own.toml:3: {key}: ")
    (found,) = faults(target("partner_api", "keys.jobs.poll_after_s = [60.0, inf]\n"))
    assert found.startswith("last: destinations.there.keys.jobs.poll_after_s")


# ---------------------------------------------------------------- zones, forms, columns, paths

ZONE = "there is no time zone 'Mars/X'"


@pytest.mark.parametrize(
    ("more", "place", "told"),
    [
        ('timezone = "Mars/X"\n', "timezone", ZONE),
        ('vendors.v2 = { timezone = "Mars/X" }\n', "vendors.v2.timezone", ZONE),
        ('keys.promo.timezone = "Mars/X"\n', "keys.promo.timezone", f"{ZONE}; expected vendor_local, UTC, or a name"),
        ('keys.promo.date_format = "%Q%"\n', "keys.promo.date_format", "'%Q%' is no form of dates; expected one"),
        ('keys.promo.date_format = "%H:%M"\n', "keys.promo.date_format", "year, month and day can be read"),
        ('keys.promo.date_format = "%Y-%m-%d %I:%M"\n', "keys.promo.date_format", "is no form of dates"),
        (
            'keys.jobs.poll_path = "v2/{job_id}"\n',
            "keys.jobs.poll_path",
            "begins with / and has {chain_id} and {job_id}",
        ),
        ('keys.jobs.poll_path = "/v2/{chain}/{job_id}"\n', "keys.jobs.poll_path", "{chain_id} and {job_id}"),
        ('keys.limit = "x"\n', "keys.limit", "unknown setting 'limit'; known: availability, brand"),
        ("keys.rest.limit = {}\n", "keys.rest.limit", "unknown setting 'limit'; did you mean 'limits'?"),
        (
            "vendors.v2 = { salesbuffer = 3 }\n",
            "vendors.v2.salesbuffer",
            "did you mean 'sales_buffer'? known: id, sales",
        ),
        ("vendors.v2 = { colour = 3 }\n", "vendors.v2.colour", "known: id, sales_buffer, timezone"),
        (
            'tokens.catalogue = { env = "SECRET" }\n',
            "tokens.catalogue",
            "use of a token 'catalogue'; did you mean 'catalog'?",
        ),
        (
            'tokens.alll = { env = "SECRET" }\n',
            "tokens.alll",
            "did you mean 'all'? known: all, catalog, orders, promotions",
        ),
    ],
)
def test_a_fault_stands_at_its_key_with_what_is_expected(faults, more, place, told):
    body = KINDS["partner_api"].replace("vendors = { v1 = {} }", "vendors.v1 = {}")
    (found,) = faults(target("partner_api", more, body))
    assert found.startswith(f"last: destinations.there.{place}: ")
    assert told in found


@pytest.mark.parametrize("form", ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%d.%m.%Y %H:%M", "%d/%m/%y"])
def test_forms_that_can_be_read_from_again_are_taken(faults, form):
    assert faults(target("partner_api", f'keys.promo.date_format = "{form}"\n')) == []


@pytest.mark.parametrize(
    ("more", "key", "told"),
    [
        (
            'keys.sftp.catalog_columns = ["price"]\n',
            "catalog_columns",
            "lacks sku, active, quantity; expected at least",
        ),
        (
            'keys.rest.fields.identifier = "barcode"\nkeys.sftp.catalog_columns = ["sku"]\n',
            "catalog_columns",
            "lacks barc",
        ),
        (
            'keys.sftp.catalog_columns = ["sku", "price", "active", "quantity", "maximum_sales"]\n',
            "catalog_columns",
            "unknown column 'maximum_sales'; did you mean 'maximum_sales_quantity'?",
        ),
        ('keys.sftp.promotion_columns = ["sku"]\n', "promotion_columns", "lacks campaign_name"),
        (
            'sftp_layout = "single"\nkeys.sftp.price_variant = "original_price+price"\n',
            "single_columns",
            "lacks original_p",
        ),
        (
            'keys.sftp.catalog_columns = ["sku", "price", "active", "quantity", "sku"]\n',
            "catalog_columns",
            "names sku more",
        ),
        (
            'sftp_layout = "multi"\nkeys.sftp.catalog_columns = ["sku", "price", "active", "quantity"]\n',
            "catalog_columns",
            "lacks vendors",
        ),
    ],
)
def test_files_have_the_columns_they_can_not_do_without(faults, more, key, told):
    found = faults(target("partner_api", more, OVER_SFTP))
    assert len(found) == 1
    assert f"destinations.there.keys.sftp.{key}: " in found[0] or "destinations.there.keys.sftp" in found[0]
    assert told in found[0]


def test_quantities_need_no_column_where_none_are_sent(faults):
    more = 'keys.features.quantity_updates = false\nkeys.sftp.catalog_columns = ["sku", "price", "active"]\n'
    assert faults(target("partner_api", more, OVER_SFTP)) == []


def test_a_profile_of_ones_own_is_judged_by_file_and_line(faults, tmp_path):
    own = target("partner_api", 'profile = "own.toml"\n')
    assert faults(own) == ["own.toml: the profile can't be read: No such file or directory"]
    (tmp_path / "own.toml").write_text("limit = 1\n", "utf-8")
    (found,) = faults(own)
    assert found.startswith("own.toml:1: limit: unknown setting 'limit'; known: availability, brand, confirm")
    (tmp_path / "own.toml").write_text('[promo]\ndate_format = "%Q%"\ntimezone = "Mars/X"\n', "utf-8")
    zone, form = faults(own)
    assert form.startswith("own.toml:2: promo.date_format: '%Q%' is no form of dates")
    assert zone.startswith(f"own.toml:3: promo.timezone: {ZONE}")
    both = target("partner_api", 'profile = "own.toml"\nkeys.promo.timezone = "Moon/Y"\n')
    places = [fault.split(": ")[0] for fault in faults(both)]
    assert places == ["last", "own.toml:2"]


def test_faults_of_a_destination_without_a_route_are_told_beside_all_others(faults):
    tables = target("partner_api", 'keys.promo.timezone = "Mars/X"\n')
    found = faults({"sources.acme": 'kind = "local"\nfolder = "inbox"\nsettle = -1\n', **tables})
    assert [fault.split(": ")[1] for fault in found] == [
        "sources.acme.settle",
        "destinations.there.keys.promo.timezone",
    ]


# ---------------------------------------------------------------- files they name, and what goes together


NUL = "found a NUL character at place 2, expected a text without it"


@pytest.mark.parametrize(
    ("table", "line", "key"),
    [
        ("sources.acme", 'folder = "a\\u0000b"', "folder"),
        ("sources.acme", 'answers = "a\\u0000b"', "answers"),
        ("sources.acme", 'partner = "a\\u0000b"', "partner"),
        ("routes.stock", 'files = "*\\u0000.csv"', "files"),
        ("routes.stock", 'owner = "a\\u0000b"', "owner"),
    ],
)
def test_a_text_with_a_nul_character_is_told_with_its_place(faults, table, line, key):
    kept = (one for one in TABLES[table].splitlines() if not one.startswith(f"{key} "))
    found = faults({table: "\n".join([*kept, line, ""])})
    assert [one.partition(": ")[2] for one in found if "NUL" in one] == [f"{table}.{key}: {NUL}"]


@pytest.mark.parametrize("key", ["state", "outbox", "mappings"])
def test_folders_of_the_gateway_have_no_nul_character(faults, tmp_path, key):
    faults({})
    path = tmp_path / "gateway.toml"
    path.write_text(f'{key} = "a\\u0000b"\n{path.read_text("utf-8")}', "utf-8")
    with pytest.raises(SettingsError) as caught:
        load_settings(path)
    assert f"{path}:1: {key}: {NUL}" in [str(fault) for fault in caught.value.faults]


def test_files_and_names_of_destinations_have_no_nul_character(faults):
    (found,) = faults(target("mirakl", 'categories = "a\\u0000b"\n'))
    assert found == f"last: destinations.there.categories: {NUL}"
    (found,) = faults({'destinations."a\\u0000b"': f'kind = "mirakl"\n{KINDS["mirakl"]}'})
    assert "destinations: the name 'a\\x00b' has a NUL character at place 2, expected a name without it" in found


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('every = "1s"', 'every: found "1s", expected a number, without quotes and without a unit'),
        ("partner = 7", "partner: found 7, expected a text in quotes"),
        ("partner = []", "partner: found a list, expected a text in quotes"),
    ],
)
def test_a_value_of_another_kind_is_told_with_what_was_found(tmp_path, line, told):
    path = tmp_path / "gateway.toml"
    rest = "" if line.startswith("partner") else 'partner = "a"\n'
    path.write_text(f'version = 1\n[sources.inbox]\nkind = "local"\nfolder = "in"\n{rest}{line}\n', "utf-8")
    with pytest.raises(SettingsError) as error:
        load_settings(path)
    assert f"sources.inbox.{told}" in str(error.value)


def test_a_word_without_quotes_is_told_with_what_may_stand_there_and_not_shown(tmp_path):
    path = tmp_path / "gateway.toml"
    path.write_text("version = 1\nzone = madrid\n", "utf-8")
    with pytest.raises(SettingsError, match=r"gateway\.toml:2: ") as error:
        load_settings(path)
    assert "expected a text in quotes, a number, true or false, a list or a table" in str(error.value)
    assert "madrid" not in str(error.value)
