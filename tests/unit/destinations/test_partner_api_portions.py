"""Large files of promotions: what is decided portion by portion must make the calls that the whole file means."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa

from gateway import wiring
from gateway.delta import part_of
from gateway.journal import tables as t
from gateway.settings import load_settings
from gateway.testing import texts
from gateway.testing.stores import OFFERS, OFTEN, TOKEN, account, platform
from gateway.twin.partner import Item

MAPPING = (
    OFFERS.replace('"csv"\ndelimiter = ","\nencoding = "utf-8"', '"json"\nrecord = ""')
    .replace('{ constant = "2031-01-01T00:00:00Z" }', '"until"')
    .replace('status = { column = "status", default = "active" }', 'command = "command"')
)
ROUTE = texts.route("promotion", "panda", files="promotion*.json")
GOODS = [f"N{n}" for n in range(9)]


def row(sku, until="2031", name="Week", **more):
    given = {"sku": sku, "campaign": name, "price": "3", "until": f"{until}-01-01T00:00:00Z"}
    return dict.fromkeys(("buy", "get", "store", "command"), "") | given | more


@pytest.fixture
def drop(tmp_path, monkeypatch, request):
    """Drop files of such rows at once into a gateway that looks at one row at a time; gives rows per state of each."""
    monkeypatch.setenv("PORTAL", TOKEN)
    monkeypatch.setattr("gateway.readers.json.BLOCK", 1)
    monkeypatch.setattr("gateway.delta.PART_ROWS", 1)
    with platform(absent_skus=request.param) as twin:
        for vendor in ("v1", "v2"):
            twin.put(vendor, [Item(sku, price="5", active=True) for sku in GOODS])

        def run(*files, more=""):
            parts = [texts.inbox(), account("panda", twin.url, keys=OFTEN, more=more), ROUTE]
            (tmp_path / "gateway.toml").write_text("version = 1\n" + "".join(parts), "utf-8")
            texts.folders(tmp_path, promotion=MAPPING)
            made = wiring.wire(load_settings(tmp_path / "gateway.toml"))
            made.hold()
            with made.journal.read() as tx:
                before = tx.scalar(sa.select(sa.func.count()).select_from(t.run))
            for number, rows in enumerate(files, before):
                texts.drop(tmp_path, f"promotion{number}.json", json.dumps(rows))
            made.service.drain()
            with made.journal.read() as tx:
                counts = tx.scalars(sa.select(t.run.c.counts).order_by(t.run.c.id)).all()[before:]
            made.close()
            return [one["states"] for one in counts]

        run.twin = twin
        yield run


def on(twin, vendor="v1"):
    """What runs there: last year and article."""
    found = [one for one in twin.promotions() if one.active]
    return sorted((f"{one.end:%Y}", sku) for one in found for sku, e in one.entries.get(vendor, {}).items() if e.active)


@pytest.mark.parametrize("drop", ["kept", "removed"], indirect=True)
def test_all_products_of_one_promotion_stand_in_it(drop):
    assert drop([row(sku) for sku in GOODS]) == [{"applied": 9}]
    assert on(drop.twin) == [("2031", sku) for sku in GOODS]
    assert drop([row(sku, command="end") for sku in GOODS[:4]]) == [{"applied": 4}]
    assert on(drop.twin) == [("2031", sku) for sku in GOODS[4:]]


@pytest.mark.parametrize("drop", ["removed"], indirect=True)
def test_so_do_those_of_several_files(drop):
    assert drop([row(sku) for sku in GOODS[:5]], [row(sku) for sku in GOODS[5:]]) == [{"applied": 5}, {"applied": 4}]
    assert on(drop.twin) == [("2031", sku) for sku in GOODS]


@pytest.mark.parametrize("drop", ["kept"], indirect=True)
@pytest.mark.parametrize("turned", [False, True])
def test_other_dates_of_what_the_file_ends_elsewhere_begin(drop, turned):
    assert drop([row(sku) for sku in GOODS]) == [{"applied": 9}]
    rows = [row("N0", command="end"), *[row(sku, name="Other", until="2032") for sku in GOODS[1:8]], row("N0", "2033")]
    assert drop(rows[::-1] if turned else rows) == [{"applied": 9}]
    weekly, other = [("2031", sku) for sku in GOODS[1:]], [("2032", sku) for sku in GOODS[1:8]]
    assert on(drop.twin) == [*weekly, *other, ("2033", "N0")]


@pytest.mark.parametrize("drop", ["removed"], indirect=True)
def test_each_store_has_its_own_where_stores_have_promotions_of_their_own(drop, monkeypatch):
    cut = []

    def counted(parts, of=None):
        if of is not None:
            cut.append(parts)
        return part_of(parts, of)

    monkeypatch.setattr("gateway.delta.part_of", counted)
    apart = "promotions_per_vendor = true\n"
    assert drop([row(sku) for sku in GOODS], more=apart) == [{"applied": 9}]
    assert [on(drop.twin, vendor) for vendor in ("v1", "v2")] == [[("2031", sku) for sku in GOODS]] * 2
    assert drop([row(sku, store="v2", command="end") for sku in GOODS[:4]], more=apart) == [{"applied": 4}]
    assert [on(drop.twin, vendor) for vendor in ("v1", "v2")] == [
        [("2031", sku) for sku in GOODS], [("2031", sku) for sku in GOODS[4:]]
    ]  # fmt: skip
    assert set(cut) == {2}, "a part is of whole stores"
