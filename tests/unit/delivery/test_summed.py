"""Rows that are summed to one record."""

import polars as pl

from gateway.testing.texts import mapping

SUMMED = mapping(
    "stock",
    """sku = "sku"
quantity = "quantity"
warehouse = "warehouse"
[group]
by = ["sku"]
sum = ["quantity"]
""",
)


def test_warehouses_are_summed_and_every_row_keeps_its_state(bulk):
    mapping = SUMMED + 'keep = { warehouse = ["MAD", "BCN"] }' + "\n"
    rig = bulk(mapping=mapping)
    content = "sku,quantity,warehouse\na,1,MAD\na,2,BCN\nb,5,MAD\na,9,XXX\n"
    run = rig.drop("1.csv", content)
    rig.advance()
    assert rig.results(run)["state"].to_list() == ["applied", "applied", "applied", "skipped"]
    segments = pl.concat([pl.read_parquet(p) for p in rig.spool.segments.glob("*.parquet")])
    assert dict(segments.select("@key", "measure").rows()) == {"a\x1f": "3", "b\x1f": "5"}


def test_a_summed_record_with_a_faulty_row_is_not_sent_in_part(bulk):
    mapping = SUMMED
    rig = bulk(mapping=mapping)
    run = rig.drop("1.csv", "sku,quantity,warehouse\na,1,MAD\na,x,BCN\nb,5,MAD\n")
    rig.advance()
    assert rig.results(run)["code"].to_list() == ["GROUP_REJECTED", "MAP_NUMBER", None]
    assert rig.states(run) == {"rejected": 2, "applied": 1}


def test_one_line_twice_is_not_added_up(bulk):
    mapping = SUMMED
    rig = bulk(mapping=mapping)
    run = rig.drop("1.csv", "sku,quantity,warehouse\na,1,MAD\na,1,MAD\na,5,BCN\nb,5,MAD\nb,6,BCN\n")
    rig.advance()
    assert rig.results(run)["code"].to_list() == ["DUPLICATE_KEY", "DUPLICATE_KEY", "GROUP_REJECTED", None, None]
