"""Tokens over their real end while a gateway runs, with a second process beside it; nothing of them is shown."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
import threading
from urllib.parse import parse_qs

import pytest

from gateway.testing import texts
from gateway.twin.sellerscommerce import Account, SellersCommerceTwin, SellersCommerceTwinSettings

KEYS = Account("clock-user-5e1d", "clock-secret-5e1d")
SPEED = 1800.0
"""An access token lives two seconds, a refresh token eight."""


class Watched:
    """A store that remembers what its token endpoint was asked and gave."""

    def __init__(self, twin):
        self.twin = twin
        self.asked: list[tuple[str, bool]] = []
        self.given: list[str] = []
        grant = twin.tokens.grant

        def watched(body, kind):
            asked = parse_qs(body.decode())["grant_type"][0]
            try:
                pair = grant(body, kind)
            except Exception:
                self.asked.append((asked, False))
                raise
            self.asked.append((asked, True))
            self.given += [pair["access_token"], pair["refresh_token"]]
            return pair

        twin.tokens.grant = watched

    def secrets(self):
        return [KEYS.access_key, KEYS.shared_secret, *self.given]


@pytest.fixture
def store(add, monkeypatch):
    with SellersCommerceTwin(settings=SellersCommerceTwinSettings(accounts=(KEYS,)), speed=SPEED) as twin:
        for number in range(14):
            twin.put_sku(f"A{number}", stock=1, price="5")
        add(
            texts.store("store", twin.url, pace="stock_batch_size = 1\ncall_interval = 180\n"),
            texts.route("store_stock", "store", source="inbox", files="level*.csv", by="example"),
        )
        monkeypatch.setenv("SC_USER", KEYS.access_key)
        monkeypatch.setenv("SC_SECRET", KEYS.shared_secret)
        monkeypatch.setenv("GATEWAY_DEBUG", "1")
        yield Watched(twin)


def level(place, rows):
    lines = "".join(f"A{n};{10 + n};\n" for n in range(rows))
    (place / "inbox" / f"level_{rows}.csv").write_text("Article;Stock;Warehouse\n" + lines, "utf-8")


def assert_nowhere(place, secrets, said):
    """No secret in what was said, nor in any file; access and refresh tokens stand in the journal by design."""
    files = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    journal = [content for path, content in files.items() if path.name.startswith("journal.sqlite")]
    for secret in secrets:
        word = secret.encode()
        assert word not in said
        found = [path.name for path, content in files.items() if word in content]
        assert all(name.startswith("journal.sqlite") for name in found), (secret, found)
    assert not any(key.encode() in content for content in journal for key in (KEYS.access_key, KEYS.shared_secret))


@pytest.mark.slow
def test_tokens_end_while_a_run_and_another_process_call(place, call, store):
    level(place, 14)
    beside: list[subprocess.CompletedProcess] = []

    def pull():
        for number in range(2):
            command = [sys.executable, "-m", "gateway", "pull", "brands", "--out", f"brands{number}.csv", "--json"]
            beside.append(subprocess.run(command, cwd=place, capture_output=True, check=False))

    other = threading.Thread(target=pull)
    other.start()
    result = call("run", "--once")
    other.join()
    assert result.exit_code == 0, result.output
    assert [one.returncode for one in beside] == [0, 0], beside
    assert {str(row["stock"]) for row in store.twin.shelf()} == {str(10 + n) for n in range(14)}
    # The calls take longer than an access token lives; the keys were shown once, no renewal was in vain.
    assert store.asked[0] == ("password", True)
    assert len(store.asked) >= 3
    assert set(store.asked[1:]) == {("refresh_token", True)}
    statuses = {one.status for one in store.twin.calls}
    assert statuses <= {200, 401}
    said = result.output.encode() + b"".join(one.stdout + one.stderr for one in beside)
    for command in (("status", "--json"), ("doctor", "--json"), ("show", run_of(place), "--json")):
        said += call(*command).output.encode()
    assert_nowhere(place, store.secrets(), said)


def run_of(place):
    return next((place / "outbox" / "acme").glob("level_*.ack.json")).name.split(".")[2]


def test_the_end_of_the_chain_between_two_runs_opens_a_new_one(place, call, store):
    level(place, 1)
    assert call("run", "--once").exit_code == 0
    store.twin.clock.advance(14_400)
    level(place, 2)
    result = call("run", "--once")
    assert result.exit_code == 0, result.output
    end = store.asked.index(("refresh_token", False))
    assert store.asked[end + 1] == ("password", True)
    assert store.asked.count(("password", True)) == 2
    assert store.asked.count(("refresh_token", False)) == 1
    assert_nowhere(place, store.secrets(), result.output.encode())


def test_keys_that_are_refused_are_not_repeated_anywhere(place, call, store, monkeypatch):
    monkeypatch.setenv("SC_SECRET", "clock-secret-wrong")
    level(place, 1)
    result = call("run", "--once", "--wait", "1")
    assert result.exit_code == 4
    said = result.output.encode() + call("status", "--json").output.encode() + call("doctor").output.encode()
    assert b"The keys are not accepted" in said
    assert_nowhere(place, [*store.secrets(), "clock-secret-wrong"], said)


def test_what_holds_tokens_is_for_its_owner_only(place, call, store):
    level(place, 1)
    assert call("run", "--once").exit_code == 0
    (journal,) = (place / "state").glob("journal.sqlite")
    assert stat.S_IMODE(journal.stat().st_mode) == 0o600
    assert json.loads(call("status", "--json").stdout)["runs"]
