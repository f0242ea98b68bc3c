"""Values of secrets, in the place of their reference too."""

from __future__ import annotations

import pytest
from support.settings_kinds import KINDS, target
from support.settings_tables import SECRET


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
