"""What each twin prints is enough: its settings, pasted as they are, send an offer, and its pages show it."""

from __future__ import annotations

import re
import threading
import tomllib

import httpx
import pytest
import sqlalchemy as sa

from gateway import wiring
from gateway.errors import SettingsError
from gateway.journal import tables as t
from gateway.settings import load_settings
from gateway.testing import texts
from gateway.twin.serving import SYSTEMS, serve

CATALOG = texts.mapping(
    "catalog",
    """sku = "sku"
name = "name"
brand = "brand"
category = { constant = "MUG" }
price = "price"
price_basis = { constant = "net" }
tax_rate = { constant = "21" }
quantity = "quantity"
"attributes.material" = { constant = "COTTON" }
""",
)
STOCK = texts.mapping("stock", 'sku = "sku"\nquantity = "quantity"\n')
RANGE = "sku,name,brand,price,quantity\nA1,Mug,House,12.50,7\n"
LEVEL = "sku,quantity\nA1,7\n"
SPEED = 600
"""Faster, and a marketplace's answer that is late by some hundreds of milliseconds looks like one of minutes."""
OFFERS = {"mirakl": ("catalog", CATALOG, RANGE), "sage": ("catalog", CATALOG, RANGE)}
"""Where an article is made by its catalog row; the other two know it and take its level."""
SHOWN = {
    "mirakl": ("shelf", {"sku": "A1", "live": True, "price": "12.5", "quantity": 7, "state": "11"}),
    "sage": ("shop", {"key": "A1", "name": "Mug", "net_price": "12.5", "stock": "7"}),
    "partner_api": ("shelf", {"sku": "A1", "vendor": "v001", "active": True, "price": "10"}),
    "sellerscommerce": ("shelf", {"sku": "A1", "stock": 7}),
}


@pytest.fixture
def served(tmp_path):
    """Run a twin as the command line does; returns its lines once all were said."""
    stop, threads = threading.Event(), []

    def run(system, **more):
        lines, up = [], threading.Event()

        class Stop(threading.Event):
            def wait(self, timeout=None):
                up.set()
                return stop.wait(timeout)

        options = {"state_dir": tmp_path / "twin", "speed": SPEED, "announce": lines.append, "stop": Stop(), **more}
        threads.append(threading.Thread(target=serve, args=(system,), kwargs=options))
        threads[-1].start()
        assert up.wait(10)
        return lines

    yield run
    stop.set()
    for thread in threads:
        thread.join(10)


def section_of(lines):
    at = next(n for n, line in enumerate(lines) if line.startswith("settings for it"))
    return re.findall(r"([A-Z_]+)=(\S+)", lines[at]), "\n".join(line.strip() for line in lines[at + 1 :]) + "\n"


def pages_of(lines):
    at = next(line for line in lines if line.startswith("pages"))
    return re.findall(r"/twin/(\w+)", at)


def url_of(lines):
    return next(word.rstrip(",:") for line in lines for word in line.split() if word.startswith("http://"))


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_settings_a_twin_prints_send_an_offer(served, tmp_path, monkeypatch, system):
    contract, mapping, rows = OFFERS.get(system, ("stock", STOCK, LEVEL))
    lines = served(system, offers={} if system in OFFERS else {"A1": 3})
    secrets, section = section_of(lines)
    for name, word in secrets:
        monkeypatch.setenv(name, word)
    name = re.search(r"\[destinations\.(\w+)\]", section)[1]
    route = texts.route(contract, name)
    (tmp_path / "gateway.toml").write_text(f"version = 1\n{texts.inbox()}{section}{route}", "utf-8")
    texts.folders(tmp_path, **{contract: mapping})
    texts.drop(tmp_path, f"{contract}.csv", rows)
    made = wiring.wire(load_settings(tmp_path / "gateway.toml"))
    made.hold()
    made.service.drain()
    with made.journal.read() as tx:
        (counts,) = tx.scalars(sa.select(t.run.c.counts)).all()
    made.close()
    ended = "accepted" if system == "partner_api" else "applied"  # one product alone: on sale is sent, not its level
    assert counts["states"] == {ended: 1}, [*(tmp_path / "outbox").rglob("*.issues.csv")]
    page, expected = SHOWN[system]
    told = httpx.get(f"{url_of(lines)}/twin/{page}").json()
    row = told[0]
    assert {key: row[key] for key in expected} == expected


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_pages_a_twin_names_are_there_and_say_it_again(served, system):
    lines = served(system)
    about = httpx.get(f"{url_of(lines)}/twin").json()
    assert about["system"] == system
    assert about["settings"] == section_of(lines)[1].rstrip()
    assert about["pages"] == [f"/twin/{name}" for name in pages_of(lines)]
    for name in pages_of(lines):
        assert httpx.get(f"{url_of(lines)}/twin/{name}").status_code == 200, name


@pytest.mark.parametrize(("word", "said"), [("rate", "a rate"), ("amount", "an amount")])
def test_the_sage_twin_says_what_a_bare_discount_is_and_its_settings_fit(served, word, said):
    lines = served("sage", bare_discount=word)
    assert f"a special price's discount without % is {said} to it (--bare-discount)" in lines
    section = tomllib.loads(section_of(lines)[1])["destinations"]["sage"]
    assert section.get("special_price_bare_discount", "rate") == word


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_second_twin_of_a_folder_is_refused(served, tmp_path, system):
    served(system)
    with pytest.raises(SettingsError, match=f"A {system} twin runs in .* already") as caught:
        serve(system, state_dir=tmp_path / "twin")
    assert "name another --dir" in caught.value.fix
