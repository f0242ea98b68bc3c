"""Secrets stand by reference, and are never shown."""

from __future__ import annotations

import pytest
from support.settings_tables import ROUTE, SECRET, SHOP, SOURCE

from gateway.errors import SettingsError


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

    def test_none_is_read_where_nobody_is_called(self, place, monkeypatch, tmp_path):
        monkeypatch.delenv("SHOP_KEY", raising=False)
        for reference in ('{ env = "SHOP_KEY" }', '{ file = "shop.key" }'):
            loaded = place.load(SOURCE, self.MIRAKL.format(reference), ROUTE, secrets=False)
            assert "SHOP_KEY" not in loaded.destinations["shop"][1].api_key.get_secret_value()
            assert set(loaded.watched) == {tmp_path / "gateway.toml", tmp_path / "mappings/stock.toml"}

    def test_two_keys_of_one_shop_are_two_accounts_where_none_is_read(self, place):
        keys = (self.MIRAKL.format(f'{{ env = "{name}_KEY" }}') for name in ("A", "B"))
        first, second = (f'{key}price_basis = "{basis}"\n' for key, basis in zip(keys, ("net", "gross"), strict=True))
        second = second.replace("destinations.shop", 'destinations."my other shop"')
        loaded = place.load(SOURCE, first, second, ROUTE, secrets=False)
        assert sorted(loaded.destinations) == ["my other shop", "shop"]

    def test_a_secret_in_the_file_itself_is_told_where_none_is_read(self, place):
        with pytest.raises(SettingsError) as caught:
            place.load(SOURCE, self.MIRAKL.format(f'"{SECRET}"'), ROUTE, secrets=False)
        assert "stands by reference only" in str(caught.value)
        assert SECRET not in str(caught.value)

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
