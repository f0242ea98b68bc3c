"""[web] and a destination's webhook: what is allowed, where secrets stand, what a fault says."""

from __future__ import annotations

import pytest

from gateway.errors import SettingsError
from gateway.settings import load
from gateway.settings.schema import settings_schema
from gateway.testing.hostile import HostileDestination
from gateway.testing.texts import LEVELS

SETTINGS = """version = 1
{web}
[sources.acme]
kind = "local"
folder = "inbox"
[destinations.shop]
kind = "hostile"
log = "log"
{hook}
[routes.stock]
source = "acme"
files = "*.csv"
mapping = "stock.toml"
destination = "shop"
"""
SECRET = "hunter2-do-not-show"


@pytest.fixture
def loaded(tmp_path, monkeypatch):
    """Load settings: `loaded(web, hook)`."""
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings/stock.toml").write_text(LEVELS, "utf-8")
    monkeypatch.setattr(load, "destinations", lambda: {"hostile": HostileDestination})
    monkeypatch.setenv("HOOK", SECRET)

    def read(web="", hook=""):
        path = tmp_path / "gateway.toml"
        path.write_text(SETTINGS.format(web=web, hook=hook), "utf-8")
        return load.load_settings(path)

    return read


def faults(loaded, *parts):
    with pytest.raises(SettingsError) as caught:
        loaded(*parts)
    return [fault.message for fault in caught.value.faults]


def test_without_the_section_there_is_no_receiver(loaded):
    assert loaded().settings.web is None


def test_it_is_for_this_machine_unless_said_otherwise(loaded):
    web = loaded("[web]").settings.web
    assert (web.listen, web.port, web.public, web.max_body) == ("127.0.0.1", 8460, False, 1 << 20)
    assert loaded('[web]\nlisten = "::1"').settings.web.listen == "::1"
    (said,) = faults(loaded, '[web]\nlisten = "0.0.0.0"')
    assert said.startswith("web: 0.0.0.0 can be reached by other machines: say public = true")
    assert loaded('[web]\nlisten = "0.0.0.0"\npublic = true').settings.web.listen == "0.0.0.0"  # noqa: S104  what is tested


@pytest.mark.parametrize("bad", ['listen = "localhost"', "port = 70000", "max_body = 0", "keep_days = 0"])
def test_values_out_of_bounds(loaded, bad):
    (said,) = faults(loaded, f"[web]\n{bad}")
    assert said.startswith(f"web.{bad.split()[0]}: ")


def test_an_unknown_setting_names_the_nearest(loaded):
    (said,) = faults(loaded, "[web]\nprot = 1")
    assert "did you mean 'port'?" in said


def test_the_secret_of_a_hook_stands_by_reference(loaded):
    _, settings = loaded(hook='webhook = { secret = { env = "HOOK" }, header = "X-Api-Key" }').destinations["shop"]
    hook = settings.hook()
    assert hook.header == "X-Api-Key"
    assert hook.admits([SECRET])
    assert SECRET not in repr(settings)


@pytest.mark.parametrize(
    ("hook", "said"),
    [
        ('webhook = { secret = "hunter2-do-not-show" }', "webhook.secret: a secret stands by reference only"),
        ('webhook = { secret = { env = "NOT_SET" } }', "webhook.secret: the environment variable NOT_SET is not set"),
        ('webhook = { header = "X-Api-Key" }', "webhook.secret: this setting is needed and missing"),
        ('webhook = { secret = { env = "HOOK" }, heder = "X" }', "did you mean 'header'?"),
        ('webhook = { secret = { env = "HOOK" }, accept = ["basic"] }', "webhook.accept.0: "),
        ("webhook = 5", "webhook: "),
    ],
)
def test_a_faulty_hook_is_one_fault_without_the_secret(loaded, hook, said):
    (found,) = faults(loaded, "", hook)
    assert said in found
    assert SECRET not in found


def test_the_schema_knows_the_section():
    web = settings_schema()["properties"]["web"]
    assert web["properties"]["public"]["default"] is False
    assert web["additionalProperties"] is False
