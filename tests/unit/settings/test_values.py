"""Values that would pass and fail later are refused when the settings are loaded, with line and what is expected."""

from __future__ import annotations

import re
from typing import get_args

import pytest
from pydantic import BaseModel

from gateway.destinations import destinations
from gateway.errors import SettingsError
from gateway.formats.sections import section_of
from gateway.settings import LocalSettings, RouteSettings, SftpSettings, WebSettings, load_settings
from gateway.testing.texts import LEVELS

SECRET = "hunter2-do-not-show"
TABLES = {
    "sources.acme": 'kind = "local"\nfolder = "inbox"\n',
    "destinations.files": 'kind = "files"\nfolder = "sent"\nformat = "json"\n',
    "routes.stock": 'source = "acme"\nfiles = "*.csv"\nmapping = "stock.toml"\ndestination = "files"\n',
}
FAR = {"sources.far": 'kind = "sftp"\nhost = "h"\nuser = "u"\nkey_file = "k"\nknown_hosts = "h"\n'}
LEFT = 'after = "leave"\nclaim = "move"\n'
KINDS = {
    "mirakl": 'host = "x.mirakl.net"\napi_key = { env = "SECRET" }\n',
    "sage": 'outbox = "out"\nprofile = "p"\n',
    "sellerscommerce": 'access_key = { env = "SECRET" }\nshared_secret = { env = "SECRET" }\nprice_basis = "net"\n',
    "partner_api": (
        'brand = "foodpanda"\nchannel = "rest"\nchain_id = "c"\n'
        'vendors = { v1 = {} }\ntokens.all = { env = "SECRET" }\n'
    ),
    "files": 'folder = "sent"\nformat = "json"\n',
}
OVER_SFTP = (
    'brand = "foodpanda"\nchannel = "sftp"\nvendors = { v1 = {} }\nsftp_user = "u"\nsftp_known_hosts = "h"\n'
    'sftp_password = { env = "SECRET" }\nprice_basis = "net"\n'
)


@pytest.fixture
def faults(tmp_path, monkeypatch):
    """Return a function that loads tables: faults as `line: message` ("last" for the last line), others by file."""
    monkeypatch.setenv("SECRET", SECRET)
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "stock.toml").write_text(LEVELS, "utf-8")

    def load(tables):
        path = tmp_path / "gateway.toml"
        text = "version = 1\n" + "".join(f"\n[{name}]\n{body}" for name, body in (TABLES | tables).items())
        path.write_text(text, "utf-8")
        found = []
        try:
            load_settings(path)
        except SettingsError as error:
            found = [str(fault) for fault in error.faults]
        assert SECRET not in "\n".join(found)
        last = f"{path}:{text.count(chr(10))}:"
        return [fault.replace(last, "last:").replace(f"{path}:", "").replace(f"{tmp_path}/", "") for fault in found]

    return load


def target(kind, more="", body=None):
    return {"destinations.there": f'kind = "{kind}"\n{KINDS[kind] if body is None else body}{more}'}


# ---------------------------------------------------------------- numbers


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


# ---------------------------------------------------------------- secrets


@pytest.mark.parametrize(("content", "told"), [("a\nb", "2 lines"), ("a\r\nb\r\nc", "3 lines"), ("a\tb", "place 2")])
@pytest.mark.parametrize("how", ["env", "file"])
def test_a_secret_is_one_line(faults, tmp_path, monkeypatch, content, told, how):
    monkeypatch.setenv("TWO", content)
    (tmp_path / "two").write_bytes(f"{content}\n".encode())
    reference = '{ env = "TWO" }' if how == "env" else '{ file = "two" }'
    place = "the environment variable TWO" if how == "env" else "the secret's file two"
    rest = KINDS["partner_api"]
    cases = {
        "destinations.there.webhook_secret": target("partner_api", f"webhook_secret = {reference}\n", rest),
        "destinations.there.tokens.catalog": target("partner_api", f"tokens.catalog = {reference}\n", rest),
        "destinations.there.api_key": target("mirakl", "", f'host = "x.mirakl.net"\napi_key = {reference}\n'),
        "sources.far.password": {
            "sources.far": f'kind = "sftp"\nhost = "h"\nuser = "u"\nknown_hosts = "h"\npassword = {reference}\n'
        },
    }
    for key, tables in cases.items():
        (found,) = faults(tables)
        assert found.split(":", 1)[1] == f" {key}: {place} holds {found.split('holds ')[1]}"
        assert told in found
        assert found.endswith("expected the secret alone, in one line")
        assert content not in found


def test_a_line_end_behind_the_secret_of_a_file_is_none_of_it(faults, tmp_path):
    (tmp_path / "one").write_text(f"{SECRET}\n", "utf-8")
    assert faults(target("mirakl", "", 'host = "x.mirakl.net"\napi_key = { file = "one" }\n')) == []


@pytest.mark.parametrize("form", ["env", "file"])
@pytest.mark.parametrize(
    "secret",
    [
        SECRET,
        "9f86d081884c7d659a2feaa0c55ad015",
        "AKIAIOSFODNN7EXAMPLE",
        "ab/cd+ef==",
        "TOKEN",
        "x" * 5000,
        "a\\u0000b",
    ],
)
def test_a_secret_in_the_place_of_its_reference_is_not_repeated(faults, form, secret):
    (found,) = faults(target("mirakl", "", f'host = "x.mirakl.net"\napi_key = {{ {form} = "{secret}" }}\n'))
    assert found.startswith("last: destinations.there.api_key: ")
    assert secret not in found
    assert "is not shown, as it may be the secret itself" in found


@pytest.mark.parametrize(
    ("reference", "shown"),
    [
        ('{ env = "SHOP_API_KEY" }', "the environment variable SHOP_API_KEY is not set"),
        ('{ file = "shop.key" }', "the secret's file can't be read: shop.key: No such file"),
        ('{ file = "mappings/key" }', "the secret's file can't be read: mappings/key: No such file"),
    ],
)
def test_a_name_is_shown(faults, monkeypatch, reference, shown):
    monkeypatch.delenv("SHOP_API_KEY", raising=False)
    (found,) = faults(target("mirakl", "", f'host = "x.mirakl.net"\napi_key = {reference}\n'))
    assert shown in found


def test_bodies_of_ones_own_are_judged_by_file_and_line(faults, tmp_path):
    text = '# ours\n[stock]\nmembers = [\n  { name = "S", from = "sku" },\n  { name = "Q", from = "quantty" },\n]\n'
    (tmp_path / "own.toml").write_text(text, "utf-8")
    lacking, strange = faults(target("sellerscommerce", 'bodies = "own.toml"\n'))
    assert lacking == "own.toml:3: stock.members: no member is from quantity; expected one each"
    assert strange.startswith("own.toml:3: stock.members.1.from: unknown source 'quantty'; did you mean 'quantity'?")
    (tmp_path / "own.toml").write_text(text.replace("name", "nam", 1).replace("quantty", "quantity"), "utf-8")
    found = faults(target("sellerscommerce", 'bodies = "own.toml"\n'))
    assert (
        "own.toml:3: stock.members.0.nam: unknown setting 'nam'; did you mean 'name'?" in found[-1].split(" known")[0]
    )


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


@pytest.mark.parametrize("kind", ["mirakl", "partner_api", "sellerscommerce"])
@pytest.mark.parametrize(("content", "told"), [(None, "No such file"), ("none", "no certificate in PEM form")])
def test_an_authority_that_is_none(faults, tmp_path, kind, content, told):
    if content is not None:
        (tmp_path / "own.pem").write_text(content, "utf-8")
    (found,) = faults(target(kind, 'ca_file = "own.pem"\n'))
    assert found.startswith("last: destinations.there.ca_file: the certificate authority file own.pem can't be used: ")
    assert told in found


@pytest.mark.parametrize("kind", ["partner_api", "sellerscommerce"])
def test_a_table_of_categories_that_is_none(faults, tmp_path, kind):
    (found,) = faults(target(kind, 'categories = "own.csv"\n'))
    assert found.startswith("last: destinations.there.categories: the table of categories own.csv can't be read")
    (tmp_path / "own.csv").write_text("category;code\nA;1\nB\n", "utf-8")
    (found,) = faults(target(kind, 'categories = "own.csv"\n'))
    assert found == "own.csv:3: write two cells, category and code, neither of them empty"


@pytest.mark.parametrize(
    ("more", "key"),
    [('after = "move:../x"\n', "after"), ('done_marker = "done"\n', "done_marker"), (LEFT, "claim")],
)
def test_what_is_said_of_files_goes_together(faults, more, key):
    (found,) = faults({"sources.far": FAR["sources.far"] + more})
    assert f"sources.far.{key}: found " in found
    assert ", expected " in found


def test_everything_of_one_table_is_told_at_once_each_fault_once(faults, monkeypatch):
    monkeypatch.setenv("TWO", "a\nb")
    more = (
        'timeout = inf\nwebhook_secret = { env = "TWO" }\ntokens.catalogue = { env = "SECRET" }\n'
        'tokens.status = { env = "TWO" }\nvendors.v2 = { salesbuffer = 1 }\ncurrency = "euro"\n'
    )
    body = KINDS["partner_api"].replace("vendors = { v1 = {} }", "vendors.v1 = {}")
    found = [
        fault.split(": ")[1].removeprefix("destinations.there.") for fault in faults(target("partner_api", more, body))
    ]
    assert sorted(found) == [
        "currency", "timeout", "tokens.catalogue", "tokens.status", "vendors.v2.salesbuffer", "webhook_secret",
    ]  # fmt: skip
    nan = faults(target("mirakl", "timeout = nan\n"))
    assert nan == ["last: destinations.there.timeout: found nan, expected a number of at most 1,000,000,000"]
    assert faults(target("mirakl", 'timeout = "inf"\n')) == [nan[0].replace("nan", "inf")]


# ---------------------------------------------------------------- what can't be meant


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("", "it is empty"),
        ("/etc/*", "without folders"),
        ("in/stock*.csv", "without folders"),
        ("stock_[.csv", "never closed"),
        ("stock_[0-9].csv[!", "never closed"),
        ("*.part", "still being written"),
        (".stock*", "still being written"),
        ("a\\tb.csv", "control characters"),
    ],
)
def test_a_pattern_that_fits_no_file_is_a_fault(faults, pattern, why):
    body = f'source = "acme"\nfiles = ["*.csv", "{pattern}"]\nmapping = "stock.toml"\ndestination = "files"\n'
    (found,) = faults({"routes.stock": body})
    assert "routes.stock.files: " in found
    assert why in found


@pytest.mark.parametrize(
    "pattern", ["stock_[0-9].csv", "[[]a].csv", "[]]*.csv", "[!]a]*", "*", "Stock 1.CSV", "a].csv"]
)
def test_patterns_that_fit_files_are_well(faults, pattern):
    body = f'source = "acme"\nfiles = "{pattern}"\nmapping = "stock.toml"\ndestination = "files"\n'
    assert faults({"routes.stock": body}) == []


MIRAKL = 'kind = "mirakl"\nhost = "x.mirakl.net"\napi_key = { env = "SECRET" }\n'
CHAIN = f'kind = "partner_api"\n{KINDS["partner_api"]}'
SELLERS = f'kind = "sellerscommerce"\n{KINDS["sellerscommerce"]}'.replace('price_basis = "net"\n', "")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (MIRAKL, MIRAKL, True),
        (f"{MIRAKL}shop_id = 1\n", f"{MIRAKL}shop_id = 1\n", True),
        (f"{MIRAKL}shop_id = 1\n", f"{MIRAKL}shop_id = 2\n", False),
        (MIRAKL, MIRAKL.replace("x.", "y."), False),
        (SELLERS, SELLERS, True),
        (CHAIN, CHAIN, True),
        (CHAIN, CHAIN.replace("v1", "v2"), False),
    ],
)
def test_an_account_has_one_price_basis(faults, one, other, same):
    def tables(basis):
        return {
            "destinations.there": f'{one}price_basis = "net"\n',
            "destinations.again": f'{other}price_basis = "{basis}"\n',
        }

    found = faults(tables("gross"))
    assert [("destinations.again.price_basis: gross, but 'there'" in fault) for fault in found] == [True] * same
    assert faults(tables("net")) == []
