"""What could not be read is compared with nothing: its row is told of that, and no other row on account of it."""

import polars as pl
import pytest

from gateway.pipeline import across
from gateway.testing.clock import FakeClock
from gateway.testing.hostile import HostileDestination, HostileSettings
from gateway.testing.rig import Rig
from gateway.testing.texts import mapping

PROMOTIONS = mapping(
    "promotion",
    """promotion_id = "id"
sku = "sku"
percentage = "off"
starts_at = { column = "from", optional = true }
ends_at = "to"
""",
)
CATALOG = mapping(
    "catalog",
    """sku = "sku"
product_id = "product"
name = "name"
tax_rate = "tax"
variant1_type = { column = "kind", words = { Size = "Size" } }
variant1_value = { column = "size", words = { S = "S", M = "M" } }
variant2_type = "kind2"
variant2_value = "colour"
""",
)
LATE, EARLY = "2030-01-05T00:00:00Z", "2030-01-01T00:00:00Z"


@pytest.fixture(params=[1 << 20, 0], ids=["in memory", "on the disk"])
def route(request, tmp_path, monkeypatch):
    monkeypatch.setattr(across, "_HELD", request.param)
    made = []

    def make(text, contract):
        clock = FakeClock()
        told = HostileSettings(log=tmp_path / "effects.jsonl", contract=contract, fields=("sku",), drifts=True)
        there = HostileDestination(told, clock=clock, account="there", name="there")
        made.append(Rig(tmp_path / "gateway", there, clock, mapping=text))
        return made[-1]

    yield make
    for rig in made:
        rig.close()


def told(rig, *lines):
    run = rig.drop("file.csv", "\n".join([*lines, ""]))
    issues = pl.concat(list(rig.settler.rows(rig.operations.run(run)).issues()))
    return issues.sort("@row", maintain_order=True).select("@row", "code").rows()


@pytest.fixture
def promotions(route):
    return route(PROMOTIONS, "promotion")


@pytest.fixture
def catalog(route):
    return route(CATALOG, "catalog")


def test_promotions_whose_dates_could_not_be_read_are_none_twice(promotions):
    rows = (f"BF,a,10,soon,{LATE}", f"BF,a,20,later,{LATE}", f"BF,a,20,,{LATE}")
    assert told(promotions, "id,sku,off,from,to", *rows) == [(2, "MAP_DATE"), (3, "MAP_DATE")]


def test_nor_do_they_overlap_with_others(promotions):
    rows = (f"BF,a,10,{EARLY},at last", "XM,a,10,2031-02-02T00:00:00Z,2031-03-03T00:00:00Z")
    assert told(promotions, "id,sku,off,from,to", *rows) == [(2, "MAP_DATE")]


def test_what_was_read_is_compared_all_the_same(promotions):
    rows = (f"BF,a,ten,{EARLY},{LATE}", f"BF,a,20,{EARLY},{LATE}", f"BF,a,20,soon,{LATE}")
    twice = "DUPLICATE_KEY"
    assert told(promotions, "id,sku,off,from,to", *rows) == [
        (2, "MAP_NUMBER"), (2, twice), (3, twice), (4, "MAP_DATE"),
    ]  # fmt: skip


HEAD = "sku,product,name,tax,kind,size,kind2,colour"


def test_variants_that_could_not_be_read_are_not_the_same(catalog):
    rows = ("a,p,N,20,Size,tiny,Color,red", "b,p,N,20,Size,huge,Color,red")
    assert told(catalog, HEAD, *rows) == [(2, "MAP_LOOKUP"), (3, "MAP_LOOKUP")]


def test_nor_are_their_types_other_types(catalog):
    rows = ("a,p,N,20,Size,S,,", "b,p,N,20,Sise,S,Color,red")
    assert told(catalog, HEAD, *rows) == [(3, "MAP_LOOKUP")]


def test_a_row_one_of_whose_cells_could_not_be_read_is_compared_by_the_others(catalog):
    rows = ("a,p,N,20,Size,S,,", "b,p,M,much,Size,M,,", "c,p,N,20,,,,")
    assert told(catalog, HEAD, *rows) == [
        (3, "MAP_NUMBER"), (3, "V-PARENT"), (4, "V-MIX-CATALOG"),
    ]  # fmt: skip


def test_a_variant_whose_value_could_not_be_read_is_one_beside_rows_without(catalog):
    rows = ("a,p,N,20,Size,tiny,,", "b,p,N,20,,,,")
    assert told(catalog, HEAD, *rows) == [(2, "MAP_LOOKUP"), (3, "V-MIX-CATALOG")]


@pytest.mark.parametrize(("broken", "code"), [("BF,a,10,5,x", "ROW_TOO_LONG"), ("BF,a,10", "ROW_TOO_SHORT")])
def test_a_broken_record_is_nobodys_other_value(promotions, broken, code):
    rows = (broken, f"BF,a,10,{EARLY},{LATE}", broken, f"XM,b,10,{EARLY},{LATE}")
    broken_rows = [row for row, text in enumerate(rows, 2) if text == broken]
    rows = tuple(f"{text},{LATE}" if code == "ROW_TOO_LONG" and text == broken else text for text in rows)
    assert told(promotions, "id,sku,off,from,to", *rows) == [(row, code) for row in broken_rows]


def test_a_broken_variant_is_none_of_its_product(catalog):
    rows = ("a,p,N,20,Size,S,,", "b,p,M,7,Kind,S,,,surplus", "a,p,N,20,Size,S,,,surplus")
    assert told(catalog, HEAD, *rows) == [(3, "ROW_TOO_LONG"), (4, "ROW_TOO_LONG")]
