import json
import tomllib

import jsonschema
import pytest

from gateway.destinations import destinations
from gateway.settings.template import starter


def _validator(call, name):
    schema = json.loads(call("schema", name).stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def _faults(validator, text):
    return [error.message for error in validator.iter_errors(tomllib.loads(text))]


def test_settings_accept_the_starter_and_refuse_mistakes(call):
    validator = _validator(call, "settings")
    good = starter()["gateway.toml"]
    assert _faults(validator, good) == []
    assert _faults(validator, good.replace("mode =", "moode ="))
    assert _faults(validator, good.replace('kind = "local"', 'kind = "locl"'))
    assert _faults(validator, good.replace('format = "csv"', 'format = "cvs"'))


def test_settings_know_every_destination_and_ask_for_secrets_by_reference(call):
    validator = _validator(call, "settings")
    entries = validator.schema["properties"]["destinations"]["additionalProperties"]["oneOf"]
    assert {one["properties"]["kind"]["const"] for one in entries} == set(destinations())
    shop = 'version = 1\n[destinations.shop]\nkind = "mirakl"\nhost = "shop.example.com"\n'
    assert _faults(validator, shop + 'api_key = { env = "KEY" }\n') == []
    assert _faults(validator, shop + 'api_key = "plain"\n')


def test_mapping(call):
    validator = _validator(call, "mapping")
    good = starter()["mappings/example.toml"]
    assert _faults(validator, good) == []
    assert _faults(validator, good.replace("delimiter", "delimeter"))


def test_contract(call):
    validator = _validator(call, "stock")
    assert list(validator.iter_errors({"sku": "A1", "quantity": "5"})) == []
    assert list(validator.iter_errors({"quantity": "5"}))


@pytest.mark.parametrize(("word", "meant"), [("setings", "settings"), ("stok", "stock")])
def test_a_mistyped_name(call, word, meant):
    result = call("schema", word)
    assert result.exit_code == 3
    assert f"did you mean {meant!r}?" in result.stderr
