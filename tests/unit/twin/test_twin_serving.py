"""Twins as the command line runs them."""

import json
import threading
import time

import httpx
import pytest

from gateway.errors import SettingsError
from gateway.twin.serving import serve


@pytest.fixture
def run(tmp_path):
    """Serve in a thread until told to stop; returns the line announced."""
    stops = []

    def begin(system, **more):
        stop, up, lines = threading.Event(), threading.Event(), []

        def announce(line):
            lines.append(line)
            up.set()

        options = {"state_dir": tmp_path / "state", "announce": announce, "stop": stop, **more}
        thread = threading.Thread(target=serve, args=(system,), kwargs=options)
        thread.start()
        stops.append((stop, thread))
        assert up.wait(10)
        return lines[0], stop, thread

    yield begin
    for stop, thread in stops:
        stop.set()
        thread.join(10)


def test_mirakl_with_its_state(run, tmp_path):
    line, stop, thread = run("mirakl", speed=300, offers={"A": 3})
    assert line.endswith("clock factor 300")
    url = line.split()[3].rstrip(",")
    assert httpx.get(f"{url}/twin").json()["speed"] == 300.0
    assert httpx.post(f"{url}/twin/drift", json={"sku": "A", "quantity": 1}).json()["quantity"] == 2
    stop.set()
    thread.join(10)
    assert json.loads((tmp_path / "state" / "mirakl.json").read_text())["offers"][0][1]["quantity"] == 2


def test_sage_with_its_folders(run, tmp_path):
    line, stop, thread = run("sage", speed=300)
    inbox = tmp_path / "state" / "sage-in"
    assert str(inbox) in line
    assert json.loads((inbox / "twin.json").read_text())["system"] == "sage"
    stop.set()
    thread.join(10)
    assert list(inbox.iterdir()) == []


def test_sage_refuses_what_is_about_articles_it_does_not_have(run, tmp_path):
    run("sage", speed=300)
    inbox, results = tmp_path / "state" / "sage-in", tmp_path / "state" / "sage-results"
    level = {"productId": "nobody", "stock": 1, "timestamp": "2026-11-22T09:30:00Z"}
    (inbox / ".begun").write_text(json.dumps([level]))
    (inbox / ".begun").rename(inbox / "twin_productstocks_0123456789abcdef_0001.json")
    until = time.monotonic() + 10
    while not (found := list(results.glob("*.json"))) and time.monotonic() < until:
        time.sleep(0.02)
    assert "V-REF: there is no such product" in found[0].read_text()


def test_the_partner_api_with_its_files(run, tmp_path):
    line, stop, thread = run("partner_api", speed=300, offers={"A": 3, "B": 0})
    url, sftp = line.split()[3].rstrip(","), line.split()[6].rstrip(",")
    about = httpx.get(f"{url}/twin").json()
    assert (about["speed"], f"{about['sftp']['host']}:{about['sftp']['port']}") == (300.0, sftp)
    host, port = sftp.split(":")
    assert f"[{host}]:{port} " in (tmp_path / "state" / "partner_api" / "known_hosts").read_text()
    rows = httpx.get(f"{url}/twin/shelf").json()
    assert [(row["vendor"], row["sku"], row["active"]) for row in rows[:2]] == [
        ("v001", "A", True),
        ("v001", "B", False),
    ]
    assert {row["price"] for row in rows} == {"10"}
    stop.set()
    thread.join(10)
    assert (tmp_path / "state" / "partner_api.json").exists()


def test_a_mirakl_shop_sells_in_the_currency_it_is_started_with(run):
    line, stop, thread = run("mirakl", speed=300, offers={"A": 3}, currency="EUR")
    url = line.split()[3].rstrip(",")
    assert httpx.get(f"{url}/api/account", headers={"Authorization": "twin-key"}).json()["currency_iso_code"] == "EUR"
    stop.set()
    thread.join(10)


def test_an_unknown_system_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"'mirakel'.*mirakl, .*sage"):
        serve("mirakel", state_dir=tmp_path)


def test_sellerscommerce_with_its_state(run, tmp_path):
    line, stop, thread = run("sellerscommerce", speed=300, offers={"A": 3})
    assert line.startswith("sellerscommerce twin at http://127.0.0.1:")
    url = line.split()[3].rstrip(",")
    assert httpx.get(f"{url}/twin").json()["speed"] == 300.0
    assert httpx.post(f"{url}/twin/drift", json={"sku": "A", "quantity": 1}).json()["quantity"] == 2
    stop.set()
    thread.join(10)
    again, _, _ = run("sellerscommerce", offers={"A": 9})
    rows = httpx.get(f"{again.split()[3].rstrip(',')}/twin/shelf").json()
    assert [(row["sku"], row["stock"]) for row in rows] == [("A", 2)]
