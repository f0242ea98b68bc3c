"""gateway.toml: what is good is loaded; everything wrong is told at once with its line and the nearest right word."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.settings_tables import CHAIN, MIRAKL, ROUTE, SHOP, SOURCE

from gateway.errors import SettingsError
from gateway.formats.sections import unknown
from gateway.settings import LocalSettings, SftpSettings, load_settings
from gateway.testing.texts import LEVELS


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
        assert set(loaded.watched) >= {tmp_path / "own.toml", tmp_path / "groups.csv", tmp_path / "key"}
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
        assert "zone: there is no time zone 'Europe/Madird'; did you mean Europe/Madrid?" in text
        assert "sources.acme.settle: found -1, expected greater than or equal to 0" in text
        assert "destinations.shop.formt: unknown setting 'formt'; did you mean 'format'?" in text
        assert "destinations.shop.format: this setting is needed and missing" in text
        assert "routes.stock.files: found no entries, expected at least 1" in text

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
                '5: sources.acme.after: found "shred", expected move:FOLDER, delete or leave',
            ),
            (
                (SOURCE, MIRAKL + 'currency = "Euro"\n'),
                '10: destinations.shop.currency: found "Euro", expected a currency by its three capital letters',
            ),
            (
                (SOURCE, MIRAKL + 'tax_rate = "0,2"\n'),
                '10: destinations.shop.tax_rate: found "0,2", expected a percentage from 0 to 100',
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

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"version = = 1\n", "this is not TOML"),
            (b"version = 1\nversion = 1\n", "this is not TOML"),
            (b"name = '\xff'\n", "not UTF-8"),
        ],
    )
    def test_what_is_not_toml(self, tmp_path, content, said):
        path = tmp_path / "gateway.toml"
        path.write_bytes(content)
        with pytest.raises(SettingsError, match=said):
            load_settings(path)

    @pytest.mark.parametrize(
        ("top", "wanted"), [("", "version: this setting"), ("version = 2", "version: found 2, expected 1")]
    )
    def test_the_version_of_the_form_is_asked_for(self, place, top, wanted):
        assert any(wanted in fault for fault in place.faults(SOURCE, SHOP, ROUTE, top=top))


def test_only_a_name_that_is_near_is_suggested(place):
    (said,) = place.faults(SOURCE, SHOP, ROUTE.replace("stock.toml", "lager_summe.toml"))
    assert said.endswith("unknown mapping in " + f"{place.root / 'mappings'} 'lager_summe.toml'; known: stock.toml")
