"""Files that settings name, and what goes together."""

from __future__ import annotations

import pytest
from support.settings_kinds import FAR, KINDS, target
from support.settings_tables import SECRET

LEFT = 'after = "leave"\nclaim = "move"\n'


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
    assert faults(target("mirakl", 'timeout = "inf"\n')) == [
        'last: destinations.there.timeout: found "inf", expected a number, without quotes and without a unit'
    ]


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


@pytest.mark.parametrize(
    ("kind", "table", "lines", "wrong"),
    [
        (
            *("mirakl", "product_columns"),
            ('name = "title"', 'skuu = "x"', 'brand = "b"', 'brnd = "y"'),
            {1: "unknown contract field 'skuu'; did you mean 'sku'?", 3: "unknown contract field 'brnd'; did you mean"},
        ),
        ("mirakl", "product_id_types", ('EAN-8 = "EAN"', 'EAN13 = "EAN"'), {1: "unknown barcode type of the contract"}),
        (
            *("partner_api", "vendors"),
            ("s1 = {}", '"s 2" = {}', 's3 = { id = "s1" }'),
            {1: "the vendor id 's 2' must be letters, digits and dashes"},
        ),
        ("partner_api", "vendors", ("s1 = {}", "s2 = {}", 's3 = { id = "s1" }'), {2: "two vendors have the id 's1'"}),
        (
            *("partner_api", "tokens"),
            ('catalog = { env = "SECRET" }', 'promotions = { env = "SPACED" }'),
            {1: "the token promotions must be one word of printable characters, without Bearer before it"},
        ),
    ],
)
def test_a_faulty_word_of_a_table_is_told_with_its_own_line(faults, tmp_path, monkeypatch, kind, table, lines, wrong):
    monkeypatch.setenv("SPACED", f"Bearer {SECRET}")
    name = f"destinations.there.{table}"
    body = "\n".join(line for line in KINDS[kind].splitlines() if not line.startswith((f"{table} ", f"{table}.")))
    found = faults({"destinations.there": f'kind = "{kind}"\n{body}\n', name: "\n".join(lines) + "\n"})
    text = (tmp_path / "gateway.toml").read_text("utf-8").splitlines()
    first = text.index(f"[{name}]") + 2
    last = len(text)
    places = ["last" if first + place == last else str(first + place) for place in wrong]
    words = [lines[place].split(" =")[0].strip('"') for place in wrong]
    assert len(found) == len(wrong)
    for one, place, word, said in zip(found, places, words, wrong.values(), strict=True):
        assert one.startswith(f"{place}: {name}.{word}: {said}")
