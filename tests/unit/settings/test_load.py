"""gateway.toml: everything wrong at once, each with its line and the nearest right word; secrets never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import SettingsError
from gateway.formats.sections import unknown
from gateway.settings import LocalSettings, SftpSettings, load_settings
from gateway.testing.texts import LEVELS

SOURCE = """
[sources.acme]
kind = "local"
folder = "inbox"
"""
SHOP = """
[destinations.shop]
kind = "files"
folder = "sent"
format = "json"
"""
MIRAKL = """
[destinations.shop]
kind = "mirakl"
host = "shop.example.com"
api_key = { file = "mappings/stock.toml" }
"""
CHAIN = """
[destinations.shop]
kind = "partner_api"
brand = "foodpanda"
channel = "rest"
chain_id = "c-1"
tokens = { all = { file = "key" } }
vendors = { v1 = {} }
archive = "sent"
"""
ROUTE = """
[routes.stock]
source = "acme"
files = "*.csv"
mapping = "stock.toml"
destination = "shop"
"""
SECRET = "hunter2-do-not-show"


class Place:
    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "mappings").mkdir()
        self.mapping("stock.toml", LEVELS)

    def mapping(self, name: str, text: str) -> None:
        (self.root / "mappings" / name).write_text(text, "utf-8")

    def load(self, *parts: str, top: str = "version = 1"):
        path = self.root / "gateway.toml"
        path.write_text(top + "".join(parts), "utf-8")
        return load_settings(path)

    def faults(self, *parts: str, top: str = "version = 1") -> list[str]:
        """Faults as `line: message`, where the place is the settings file."""
        with pytest.raises(SettingsError) as caught:
            self.load(*parts, top=top)
        assert SECRET not in str(caught.value)
        prefix = f"{self.root / 'gateway.toml'}"
        return [str(fault).removeprefix(prefix).removeprefix(":").strip() for fault in caught.value.faults]


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


class TestGood:
    def test_names_stand_for_what_they_name(self, place):
        loaded = place.load(SOURCE, SHOP, ROUTE)
        route = loaded.routes["stock"]
        assert route.lanes == ("shop/stock/acme",)
        assert (route.route.partner, route.route.owner, route.route.contract) == ("acme", "acme", "stock")
        assert route.route.files == ("*.csv",)
        assert loaded.destinations["shop"][0] == "files"

    def test_paths_are_relative_to_the_file_wherever_it_is_read_from(self, place, monkeypatch, tmp_path):
        monkeypatch.chdir("/")
        sftp = """
[sources.far]
kind = "sftp"
host = "h"
user = "u"
key_file = "keys/id"
known_hosts = "keys/known"
"""
        loaded = place.load(SOURCE, sftp, SHOP, ROUTE, top='version = 1\nstate = "var/state"')
        acme, far = loaded.sources["acme"], loaded.sources["far"]
        assert isinstance(acme, LocalSettings)
        assert isinstance(far, SftpSettings)
        assert [loaded.settings.state, loaded.settings.outbox, loaded.settings.mappings, acme.folder] == [
            tmp_path / "var/state", tmp_path / "outbox", tmp_path / "mappings", tmp_path / "inbox",
        ]  # fmt: skip
        assert (far.key_file, far.known_hosts) == (tmp_path / "keys/id", tmp_path / "keys/known")
        assert loaded.destinations["shop"][1].folder == tmp_path / "sent"

    def test_absolute_paths_stay(self, place):
        assert place.load(SOURCE, SHOP, ROUTE, top='version = 1\nstate = "/var/state"').settings.state == Path(
            "/var/state"
        )

    def test_what_must_be_watched_for_changes_is_named(self, place, tmp_path):
        loaded = place.load(SOURCE, SHOP, ROUTE)
        assert set(loaded.watched) == {tmp_path / "gateway.toml", tmp_path / "mappings/stock.toml"}

    def test_files_that_destinations_are_read_from_are_watched_too(self, place, tmp_path):
        (tmp_path / "key").write_text("secret", "utf-8")
        (tmp_path / "own.toml").write_text('promo.locale = "en_GB"\n', "utf-8")
        (tmp_path / "groups.csv").write_text("category;code\nA;1\n", "utf-8")
        more = 'profile = "own.toml"\ncategories = "groups.csv"\n'
        loaded = place.load(SOURCE, CHAIN + more, ROUTE)
        assert set(loaded.watched) >= {tmp_path / "own.toml", tmp_path / "groups.csv"}
        assert {path for path in loaded.watched if path.is_dir()} == set()

    def test_answers_go_back_where_the_source_has_a_folder_for_them(self, place):
        assert place.load(SOURCE, SHOP, ROUTE).routes["stock"].route.answers is False
        assert place.load(SOURCE + 'answers = "out"\n', SHOP, ROUTE).routes["stock"].route.answers is True


class TestFaults:
    def test_all_at_once_each_with_its_line(self, place):
        found = place.faults(
            '\nstat = "x"\nworkers = 0\nzone = "Europe/Madird"',  # lines 2 to 4
            SOURCE + "settle = -1\n",  # 5 to 8
            SHOP.replace("format", "formt"),  # 9 to 13, then from 15
            ROUTE.replace('"*.csv"', "[]"),
        )
        lines = [int(fault.split(":")[0]) for fault in found]
        assert sorted(lines) == [2, 3, 4, 8, 10, 13, 17]
        text = "\n".join(found)
        assert "stat: unknown table or setting 'stat'; did you mean 'state'?" in text
        assert "workers: found 0, expected greater than or equal to 1" in text
        assert "zone: there is no time zone 'Europe/Madird'; write it like Europe/Madrid" in text
        assert "sources.acme.settle: found -1, expected greater than or equal to 0" in text
        assert "destinations.shop.formt: unknown setting 'formt'; did you mean 'format'?" in text
        assert "destinations.shop.format: this setting is needed and missing" in text
        assert "routes.stock.files: tuple should have at least 1 item" in text

    def test_what_is_wrong_with_a_mapping_is_told_once_for_all_its_routes(self, place):
        place.mapping("stock.toml", LEVELS.replace("quantity", "quantiti"))
        again = "".join(ROUTE.replace("[routes.stock]", f"[routes.{name}]") for name in ("stock", "more", "most"))
        found = place.faults(SOURCE, SHOP, again)
        assert len([fault for fault in found if "has no field 'quantiti'" in fault]) == 1
        assert len([fault for fault in found if "which nothing fills" in fault]) == 1

    def test_of_many_known_words_only_the_nearest_is_told(self):
        known = [f"word_{n}" for n in range(70)]
        assert unknown("wrd_7", known, "setting") == "unknown setting 'wrd_7'; did you mean 'word_7'?"
        assert unknown("else", known, "setting").endswith("known: " + ", ".join(sorted(known)))

    def test_nothing_was_started(self, place):
        with pytest.raises(SettingsError) as caught:
            place.load()
        assert caught.value.fix == "Nothing was started."

    @pytest.mark.parametrize(
        ("parts", "wanted"),
        [
            (
                (SOURCE.replace("local", "locl"), SHOP, ROUTE),
                "3: sources.acme.kind: unknown kind of source 'locl'; did you mean 'local'? known: local, sftp",
            ),
            (
                (SOURCE, SHOP.replace("files", "file"), ROUTE),
                "7: destinations.shop.kind: unknown kind of destination 'file'; did you mean 'files'?",
            ),
            (
                (SOURCE, SHOP, ROUTE.replace('"acme"', '"acne"')),
                "12: routes.stock.source: unknown source 'acne'; did you mean 'acme'? known: acme",
            ),
            (
                (SOURCE, SHOP, ROUTE.replace('"shop"', '"ship"')),
                "15: routes.stock.destination: unknown destination 'ship'; did you mean 'shop'? known: shop",
            ),
            ((SOURCE, SHOP, ROUTE.replace("stock.toml", "stok.toml")), "'stok.toml'; did you mean 'stock.toml'?"),
            (
                (SOURCE, SHOP, ROUTE + "policy = { reject_abov = 1 }\n"),
                "16: routes.stock.policy.reject_abov: unknown setting 'reject_abov'; did you mean 'reject_above'?",
            ),
            (
                (SOURCE, SHOP, ROUTE + 'absent = "zero"\n'),
                '16: routes.stock.absent: absent means something only with mode = "full"',
            ),
            ((SOURCE, SHOP, ROUTE + "set = {}\n"), "16: routes.stock.set: say either parts or quiet"),
            (
                (SOURCE, SHOP, ROUTE + "set = { quiet = 5, parts = 'x' }\n"),
                "16: routes.stock.set: say either parts or quiet",
            ),
            (
                (SOURCE, SHOP, ROUTE + "set = { parts = '(?P<set>.+)_(?P<part>[0-9]+)' }\n"),
                "16: routes.stock.set: parts lacks the groups (?P<of>...)",
            ),
            (
                (SOURCE, SHOP, ROUTE + "set = { parts = '(?P<set>' }\n"),
                "16: routes.stock.set: parts is not a regular expression: missing ), unterminated subpattern",
            ),
            (
                (SOURCE, SHOP, ROUTE + "set = { quiet = 0 }\n"),
                "16: routes.stock.set.quiet: found 0, expected greater than 0",
            ),
            (
                (SOURCE, SHOP, ROUTE + 'mode = "brutto"\n'),
                "16: routes.stock.mode: found \"brutto\", expected 'delta' or 'full'",
            ),
            ((SOURCE, SHOP), "routes: there is no route: nothing would ever be taken"),
            (("\nroutes = 5", SOURCE, SHOP), "2: routes: write one table per entry, like [routes.acme]"),
            (
                (SOURCE + 'after = "shred"\n', SHOP, ROUTE),
                "5: sources.acme.after: expected move:FOLDER, delete or leave",
            ),
            (
                (SOURCE, MIRAKL + 'currency = "Euro"\n'),
                "10: destinations.shop.currency: expected a currency by its three capital letters, like EUR",
            ),
            (
                (SOURCE, MIRAKL + 'tax_rate = "0,2"\n'),
                '10: destinations.shop.tax_rate: expected a percentage from 0 to 100 without needless zeros, like "20"',
            ),
            (
                (SOURCE, SHOP, ROUTE.replace("stock.toml", "stokc.toml")),
                "did you mean 'stock.toml'? known: stock.toml",
            ),
        ],
    )
    def test_name_the_place_and_the_nearest_right_word(self, place, parts, wanted):
        found = place.faults(*parts)
        assert any(wanted in fault for fault in found), found

    def test_a_fault_of_a_source_is_not_told_again_of_its_routes(self, place):
        found = place.faults(SOURCE.replace("folder", "foldr"), SHOP, ROUTE)
        assert {fault.split(":")[1].strip().split(".")[0] for fault in found} == {"sources"}

    def test_a_file_that_is_not_there(self, tmp_path):
        with pytest.raises(SettingsError, match=r"none\.toml: the file does not exist.*--config.*gateway init"):
            load_settings(tmp_path / "none.toml")

    def test_a_folder_in_place_of_the_file(self, tmp_path):
        with pytest.raises(SettingsError, match="the file can't be read: Is a directory"):
            load_settings(tmp_path)

    @pytest.mark.parametrize("content", [b"version = = 1\n", b"version = 1\nversion = 1\n", b"name = '\xff'\n"])
    def test_what_is_not_toml(self, tmp_path, content):
        path = tmp_path / "gateway.toml"
        path.write_bytes(content)
        with pytest.raises(SettingsError, match="this is not TOML"):
            load_settings(path)

    @pytest.mark.parametrize(
        ("top", "wanted"), [("", "version: this setting"), ("version = 2", "version: found 2, expected 1")]
    )
    def test_the_version_of_the_form_is_asked_for(self, place, top, wanted):
        assert any(wanted in fault for fault in place.faults(SOURCE, SHOP, ROUTE, top=top))


class TestMappings:
    def test_a_field_the_contract_does_not_have(self, place, tmp_path):
        place.mapping("stock.toml", LEVELS.replace("quantity = ", "quantiti = "))
        found = "\n".join(place.faults(SOURCE, SHOP, ROUTE))
        mapping = tmp_path / "mappings/stock.toml"
        assert f"{mapping}:9: the contract stock has no field 'quantiti'; did you mean 'quantity'?" in found
        assert f"{mapping}: the contract stock needs 'quantity', which nothing fills" in found

    def test_a_contract_that_does_not_exist(self, place):
        place.mapping("stock.toml", LEVELS.replace('"stock"', '"stok"'))
        assert any("stok" in fault for fault in place.faults(SOURCE, SHOP, ROUTE))

    def test_faults_of_a_mapping_stand_beside_those_of_the_settings_once(self, place, tmp_path):
        place.mapping("stock.toml", LEVELS.replace('"csv"', '"csw"').replace("delimiter", "delimeter"))
        other = ROUTE.replace("routes.stock", "routes.other")
        found = place.faults(SOURCE + "settle = -1\n", SHOP, ROUTE, other)
        assert any("settle" in fault for fault in found)
        of_mapping = [fault for fault in found if str(tmp_path / "mappings/stock.toml") in fault]
        assert of_mapping
        assert len(of_mapping) == len(set(of_mapping))

    def test_a_destination_that_does_not_take_the_contract(self, place):
        shop = SHOP + 'contract = "stok"\n'
        found = place.faults(SOURCE, shop, ROUTE)
        assert any("does not take stock" in fault or "stok" in fault for fault in found), found


class TestOwners:
    TWO = SOURCE + SOURCE.replace("acme", "bolt").replace("inbox", "bolt") + SHOP + ROUTE
    SECOND = ROUTE.replace("routes.stock", "routes.bolt").replace('"acme"', '"bolt"')

    def test_owners_of_one_account_and_family_need_keys(self, place):
        (found,) = place.faults(self.TWO, self.SECOND)
        assert found.startswith("21: routes.bolt: writes stock of shop like route 'stock' of another owner")
        assert "`keys` prefix" in found

    @pytest.mark.parametrize(("a", "b", "good"), [("A-", "B-", True), ("A-", "A-", False), ("A", "AB", False)])
    def test_prefixes_must_tell_keys_apart(self, place, a, b, good):
        parts = (self.TWO + f'keys = "{a}"\n', self.SECOND + f'keys = "{b}"\n')
        if good:
            assert {name for route in place.load(*parts).routes.values() for name in route.lanes} == {
                "shop/stock/acme", "shop/stock/bolt",
            }  # fmt: skip
        else:
            assert len(place.faults(*parts)) == 1

    def test_one_prefix_alone_is_not_enough(self, place):
        assert len(place.faults(self.TWO + 'keys = "A-"\n', self.SECOND)) == 1

    def test_one_owner_is_one_lane(self, place):
        loaded = place.load(self.TWO + 'owner = "us"\n', self.SECOND + 'owner = "us"\n')
        assert {name for route in loaded.routes.values() for name in route.lanes} == {"shop/stock/us"}


class TestSecrets:
    MIRAKL = '\n[destinations.shop]\nkind = "mirakl"\nhost = "https://x.mirakl.net"\napi_key = {}\n'

    def test_come_from_the_environment_or_a_file(self, place, monkeypatch, tmp_path):
        monkeypatch.setenv("SHOP_KEY", SECRET)
        (tmp_path / "shop.key").write_text(f"{SECRET}\n", "utf-8")
        for reference in ('{ env = "SHOP_KEY" }', '{ file = "shop.key" }'):
            loaded = place.load(SOURCE, self.MIRAKL.format(reference), ROUTE)
            assert loaded.destinations["shop"][1].api_key.get_secret_value() == SECRET
            assert SECRET not in repr(loaded)
            assert SECRET not in str(loaded.destinations["shop"][1].model_dump())

    @pytest.mark.parametrize(
        "written", [f'"{SECRET}"', f'{{ value = "{SECRET}" }}', f'["{SECRET}"]', '{ env = "A", file = "b" }', "{}"]
    )
    def test_never_stand_in_the_file_itself(self, place, written):
        found = place.faults(SOURCE, self.MIRAKL.replace("{}", written), ROUTE)
        assert found == [
            '9: destinations.shop.api_key: a secret stands by reference only: { env = "NAME" } or { file = "path" }'
        ]

    def test_a_variable_that_is_not_set(self, place, monkeypatch):
        monkeypatch.delenv("SHOP_KEY", raising=False)
        found = place.faults(SOURCE, self.MIRAKL.format('{ env = "SHOP_KEY" }'), ROUTE)
        assert found == ["9: destinations.shop.api_key: the environment variable SHOP_KEY is not set"]

    @pytest.mark.parametrize(
        ("content", "wanted"),
        [(None, "can't be read"), (b"\n", "is empty"), (SECRET.encode() + b"\xff", "is not UTF-8 text")],
    )
    def test_a_file_that_holds_none(self, place, tmp_path, content, wanted):
        if content is not None:
            (tmp_path / "shop.key").write_bytes(content)
        (found,) = place.faults(SOURCE, self.MIRAKL.format('{ file = "shop.key" }'), ROUTE)
        assert found.startswith("9: destinations.shop.api_key: the secret's file")
        assert wanted in found
        assert str(tmp_path / "shop.key") in found

    def test_a_secret_that_is_refused_is_not_repeated(self, place, monkeypatch):
        monkeypatch.setenv("SHOP_KEY", f"Bearer {SECRET}")
        (found,) = place.faults(SOURCE, self.MIRAKL.format('{ env = "SHOP_KEY" }'), ROUTE)
        assert "without Bearer before it" in found

    CHAIN = (
        '\n[destinations.shop]\nkind = "partner_api"\nbrand = "foodpanda"\nchannel = "rest"\nchain_id = "c"\n'
        "vendors = { V1 = {} }\ntokens = { catalog = TOKEN }\n"
    )

    def test_several_secrets_stand_in_a_table_by_name(self, place, monkeypatch):
        monkeypatch.setenv("CHAIN_KEY", SECRET)
        loaded = place.load(SOURCE, self.CHAIN.replace("TOKEN", '{ env = "CHAIN_KEY" }'), ROUTE)
        _, settings = loaded.destinations["shop"]
        assert settings.tokens["catalog"].get_secret_value() == SECRET
        assert SECRET not in repr(settings)

    def test_a_table_of_secrets_holds_references_only(self, place):
        found = place.faults(SOURCE, self.CHAIN.replace("TOKEN", f'"{SECRET}"'), ROUTE)
        told = 'a secret stands by reference only: { env = "NAME" } or { file = "path" }'
        assert found == [f"12: destinations.shop.tokens.catalog: {told}"]

    @pytest.mark.parametrize("written", ["", 'password = { env = "PW" }\nkey_file = "id"\n'])
    def test_an_account_needs_a_password_or_a_key(self, place, monkeypatch, written):
        monkeypatch.setenv("PW", SECRET)
        sftp = f'\n[sources.far]\nkind = "sftp"\nhost = "h"\nuser = "u"\nknown_hosts = "k"\n{written}'
        found = place.faults(SOURCE, sftp, SHOP, ROUTE)
        assert found == ["6: sources.far: give either a password or a key_file"]


class TestSets:
    @pytest.mark.parametrize("record", ["stock/item", "item"])
    def test_documents_that_are_their_only_record_can_not_stand_together(self, place, record):
        start, end = LEVELS.index("[format]"), LEVELS.index("[fields]")
        layout = f'[format]\nkind = "xml"\nrecord = "{record}"\n'
        place.mapping("stock.toml", LEVELS[:start] + layout + LEVELS[end:])
        parts = (SOURCE, SHOP, ROUTE + "set = { quiet = 5 }\n")
        if "/" in record:
            rules = place.load(*parts).routes["stock"].route.set
            assert rules is not None
            assert (rules.quiet, rules.wait) == (5.0, 86400.0)
        else:
            said = "16: routes.stock.set: the record 'item' is the document itself: no files stand together"
            assert place.faults(*parts) == [said]


def test_an_effect_that_needs_a_price_basis_says_so(place):
    (place.root / "key").write_text("k")
    fields = '[fields]\nprice = "price"\nprice_basis = { constant = "net" }'
    place.mapping("stock.toml", LEVELS.replace('"stock"', '"catalog"', 1).replace("[fields]", fields))
    (said,) = place.faults(SOURCE, CHAIN, ROUTE, 'effects = ["price"]\n')
    assert "unknown effect of catalog at shop 'price'; known: stock; " in said
    assert said.endswith("; price is one once destinations.shop says its price_basis: net or gross")
    (said,) = place.faults(SOURCE, CHAIN, ROUTE, 'effects = ["image"]\n')
    assert "price_basis" not in said
    loaded = place.load(SOURCE, CHAIN + 'price_basis = "net"\n', ROUTE, 'effects = ["price"]\n')
    assert [one.family for one in loaded.routes["stock"].operations] == ["price"]


def test_only_a_name_that_is_near_is_suggested(place):
    (said,) = place.faults(SOURCE, SHOP, ROUTE.replace("stock.toml", "lager_summe.toml"))
    assert said.endswith("unknown mapping in " + f"{place.root / 'mappings'} 'lager_summe.toml'; known: stock.toml")


def test_a_table_that_makes_what_the_contract_does_not_know_is_a_fault_of_the_mapping(place):
    made = '[fields]\ncommand = { column = "c", words = { weg = "stop", neu = "upsert", leer = "" } }'
    place.mapping("stock.toml", LEVELS.replace("[fields]", made))
    (said,) = place.faults(SOURCE, SHOP, ROUTE)
    assert said.endswith("stock.toml:8: 'weg': command is not one of upsert, end: stop")
    (place.root / "mappings" / "moves.csv").write_text("from,to\nweg,ende\nneu,upsert\n")
    made = '[fields]\ncommand = { column = "c", lookup = { file = "moves.csv", from = "from", to = "to" } }'
    place.mapping("stock.toml", LEVELS.replace("[fields]", made))
    (said,) = place.faults(SOURCE, SHOP, ROUTE)
    assert said.endswith("stock.toml:8: 'weg': command is not one of upsert, end: ende")


@pytest.mark.parametrize("key", ["default", "otherwise"])
def test_a_text_for_empty_cells_that_no_row_could_have_is_a_fault_of_the_mapping(place, key):
    when = ', when = { column = "w", is = "x" }' if key == "otherwise" else ""
    wrong = LEVELS.replace('quantity = "quantity"', f'quantity = {{ column = "q", {key} = "some"{when} }}')
    place.mapping("stock.toml", wrong)
    (said,) = place.faults(SOURCE, SHOP, ROUTE)
    assert "stock.toml:9: quantity " in said
    assert said.endswith("some")
    place.mapping("stock.toml", wrong.replace('"some"', '"0"'))
    assert place.load(SOURCE, SHOP, ROUTE).routes["stock"]


def test_a_constant_no_row_could_have_is_a_fault_of_the_mapping(place):
    place.mapping("stock.toml", LEVELS.replace("[fields]", '[fields]\ncommand = { constant = "stop" }'))
    with pytest.raises(SettingsError, match=r"stock\.toml:\d+: command .*stop"):
        place.load(SOURCE, SHOP, ROUTE)


STORE = """
[destinations.shop]
kind = "sellerscommerce"
access_key = { file = "key" }
shared_secret = { file = "key" }
price_basis = "net"
"""
CREATES = "create_missing = true\n"


class TestWhatRoutesAllow:
    @pytest.fixture(autouse=True)
    def _files(self, place):
        (place.root / "key").write_text("k")
        place.mapping("goods.toml", LEVELS.replace('"stock"', '"catalog"', 1))

    def test_a_route_allows_by_itself(self, place):
        goods = ROUTE.replace("stock.toml", "goods.toml").replace("[routes.stock]", "[routes.goods]")
        plain = goods.replace("[routes.goods]", "[routes.plain]").replace("*.csv", "*.txt")
        loaded = place.load(SOURCE, STORE, goods + CREATES, plain)
        assert {name: set(one.route.permits) for name, one in loaded.routes.items()} == {
            "goods": {"create_missing"}, "plain": set(),
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("shop", "route", "line", "said"),
        [
            (SHOP, ROUTE, 16, "stock (effects: stock)"),
            (None, ROUTE, 17, "stock (effects: stock); it does for rows of catalog (effect product)"),
            (
                None, ROUTE.replace("stock.toml", "goods.toml") + 'effects = ["price", "stock"]\n', 18,
                "catalog (effects: stock, price); it does for rows of catalog (effect product)",
            ),
        ],
    )  # fmt: skip
    def test_where_nothing_is_made_it_is_a_fault(self, place, shop, route, line, said):
        said = f"{line}: routes.stock.create_missing: shop makes nothing for rows of {said}; take this line out"
        assert place.faults(SOURCE, shop or STORE, route + CREATES) == [said]

    def test_the_setting_of_old_files_says_where_it_stands_now_beside_all_other_faults(self, place):
        store = STORE + 'create_categories = true\npage_size = "many"\n'
        moved, size, no = place.faults(SOURCE, store, ROUTE + "create_missing = 1.5\n")
        assert moved.startswith("11: destinations.shop.create_categories: each route says this by itself: ")
        assert "create_missing = true" in moved
        assert size.startswith("12: destinations.shop.page_size: ")
        assert no.startswith("19: routes.stock.create_missing: ")

    def test_no_mapping_says_what_a_route_allows(self, place):
        place.mapping("goods.toml", (place.root / "mappings/goods.toml").read_text() + 'create_missing = "may"\n')
        (said,) = place.faults(SOURCE, STORE, ROUTE.replace("stock.toml", "goods.toml"))
        assert said.endswith("goods.toml:10: no file says 'create_missing': the route does, by create_missing = true "
                             "in its table")  # fmt: skip
