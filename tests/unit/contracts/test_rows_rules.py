import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.contracts import contract, contracts
from gateway.model import ISSUE_SCHEMA, LINE, ROW

STOCK = contract("stock")


def found(code, *records, agreed=STOCK):
    rule = next(one for one in agreed.rows_rules if one is code or one.code == code)
    frame = agreed.complete(pl.DataFrame(records, infer_schema_length=None))
    places = pl.int_range(2, len(records) + 2)
    frame = frame.select(places.alias(ROW), places.alias(LINE), agreed.key_expr(), *agreed.fields)
    concerned = rule.concerned(frame)
    assert concerned.columns == [ROW, LINE, *rule.columns]
    # the order in which a partition comes must not matter
    issues = rule.find(concerned.reverse())
    assert issues.schema == pl.Schema(ISSUE_SCHEMA)
    assert issues.equals(rule.find(concerned))
    return issues.select(ROW, "value", "detail").rows()


def test_all_rows_of_a_key_are_duplicates_and_name_another():
    records = [{"sku": sku, "warehouse": place} for sku, place in [("a", "W"), ("b", "W"), ("a", "V"), ("a", "W")]]
    assert found("DUPLICATE_KEY", *records) == [(2, "a / W", "also in row 5"), (5, "a / W", "also in row 2")]


def test_more_than_two_rows_of_a_key_are_counted():
    records = [{"sku": "a"}] * 4
    details = [detail for _, _, detail in found("DUPLICATE_KEY", *records)]
    assert details == ["also in row 3 and in 2 more", *["also in row 2 and in 2 more"] * 3]


def test_missing_and_empty_warehouse_are_one_key():
    records = [{"sku": "a", "warehouse": None}, {"sku": "a", "warehouse": ""}]
    assert found("DUPLICATE_KEY", *records) == [(2, "a", "also in row 3"), (3, "a", "also in row 2")]


@pytest.mark.parametrize("sku", [None, ""])
def test_rows_without_a_key_are_no_duplicates(sku):
    assert found("DUPLICATE_KEY", {"sku": sku, "warehouse": "W"}, {"sku": sku, "warehouse": "W"}) == []


def piece(product, first=None, second=None):
    values = {"variant1_value": first and "v", "variant2_value": second and "w"}
    return {"sku": "s", "product_id": product, "variant1_type": first, "variant2_type": second, **values}


def test_types_in_another_order_are_told_to_every_row_of_the_product():
    assert found(
        "V-CONS",
        piece("p", "Size", "Color"),
        piece("p", "Size", "Color"),
        piece("q", "Size"),
        piece("p", "Color", "Size"),
        piece("q", "Size", ""),
    ) == [
        (2, "Size", "Size, Color here, Color, Size in row 5"),
        (3, "Size", "Size, Color here, Color, Size in row 5"),
        (5, "Color", "Color, Size here, Size, Color in row 2"),
    ]


@pytest.mark.parametrize(
    "records",
    [
        (piece("p", "Size"), piece("q", "Color")),
        (piece("", "Size"), piece("", "Color")),
        (piece(None, "Size"), piece(None, "Color")),
        (piece("p", "Size"), piece("p")),
        (piece("p", "Size"), {**piece("p", "Color"), "variant1_value": ""}),
        (piece("p", "Size"), piece("p", None, "Size")),  # V-ORDER
        (piece("p", "Size", "Color"), piece("p", "Size", "size")),  # V-DIST
    ],
)
def test_types_are_not_compared_across_products_nor_with_rows_at_fault_or_without_variants(records):
    assert found("V-CONS", *records) == []


def test_rows_without_variants_beside_rows_with_them():
    records = (piece("p"), piece("p", "Size"), piece("q"), piece("p", "", ""), piece("r", "Size"), piece("p", "Size"))
    assert found("V-MIX", *records) == [
        (2, None, "none here, some in row 3"),
        (5, None, "none here, some in row 3"),
    ]


@pytest.mark.parametrize("agreed", contracts(), ids=lambda one: one.name)
def test_rules_answer_an_empty_part(agreed):
    frame = agreed.complete(pl.DataFrame(schema={ROW: pl.Int64, LINE: pl.Int64, "sku": pl.String}))
    frame = frame.with_columns(agreed.key_expr())
    for one in agreed.rows_rules:
        found = one.find(one.concerned(frame))
        assert found.is_empty()
        assert found.schema == pl.Schema(ISSUE_SCHEMA)


@pytest.mark.parametrize("agreed", contracts(), ids=lambda one: one.name)
@settings(max_examples=20, deadline=None)
@given(data=st.data(), parts=st.integers(2, 5))
def test_parts_by_hash_say_what_the_whole_says(agreed, data, parts):
    few = st.sampled_from([None, "", "a", "b"])
    times = st.sampled_from([None, "2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z", "2026-11-03T00:00:00Z"])
    fields = {name: times if name.endswith("_at") else few for name in agreed.fields}
    records = data.draw(st.lists(st.fixed_dictionaries(fields), max_size=25))
    frame = pl.DataFrame(records, schema=dict.fromkeys(agreed.fields, pl.String))
    places = pl.int_range(2, len(records) + 2, dtype=pl.Int64)
    frame = frame.with_columns(places.alias(ROW), places.alias(LINE), agreed.key_expr())
    for one in agreed.rows_rules:
        whole = one.find(one.concerned(frame))
        here = [frame.filter(pl.col(one.by).hash(seed=5) % parts == part) for part in range(parts)]
        pieces = [one.find(one.concerned(part)) for part in here if part.height]
        if pieces:
            assert pl.concat(pieces).sort(ROW, maintain_order=True).equals(whole)
        asked = frame.select(ROW, alike=one.alike_hash(), differ=one.differ_hash()).drop_nulls("alike")
        suspects = one.suspects(asked)
        assert set(whole[ROW]) <= set(suspects)
        told = one.find(one.concerned(frame.filter(pl.col(ROW).is_in(suspects.implode()))))
        assert told.equals(whole)


CATALOG, PROMOTION, PICTURE = (contract(name) for name in ("catalog", "promotion", "picture"))


def article(sku, product="p", first=None, second=None, **more):
    types = {"variant1_type": first and "Size", "variant2_type": second and "Color"}
    return {"sku": sku, "product_id": product, **types, "variant1_value": first, "variant2_value": second, **more}


def test_one_variant_under_several_articles():
    rows = (article("a", first="XL"), article("b", first="L"), article("c", first="XL"), article("d", first="XL"))
    assert found("V-KEY", *rows, agreed=CATALOG) == [
        (2, "p", "also in row 4 and in 1 more"),
        (4, "p", "also in row 2 and in 1 more"),
        (5, "p", "also in row 2 and in 1 more"),
    ]


@pytest.mark.parametrize(
    "rows",
    [
        (article("a", first="XL"), article("a", first="XL")),
        (article("a", first="XL"), article("b", first="XL", command="end")),
        (article("a", first="XL"), article("b", "q", first="XL")),
        (article("a"), article("b")),
        (article("a", "", first="XL"), article("b", "", first="XL")),
        (article("a", first="XL", second=""), article("b", first="XL", second="Blue")),
    ],
)
def test_articles_that_are_different_variants_or_one_article(rows):
    assert found("V-KEY", *rows, agreed=CATALOG) == []


def test_a_catalog_row_without_variants_beside_rows_with_them_is_an_error():
    rows = (article("a"), article("b", first="XL"))
    assert found("V-MIX-CATALOG", *rows, agreed=CATALOG) == [(2, None, "none here, some in row 3")]


def test_what_variants_of_a_product_share_is_told_once_per_field():
    rows = (
        article("a", name="Shirt", brand="Acme"),
        article("b", name="Shirt", brand=""),
        article("c", name="T-shirt", brand="ACME"),
        article("d", name="Shirt L", brand="Acme"),
        article("e", "q", name="Hat"),
    )
    assert found("V-PARENT", *rows, agreed=CATALOG) == [(4, "T-shirt", "Shirt in row 2"), (4, "ACME", "Acme in row 2")]


def test_a_barcode_at_several_articles():
    rows = (
        article("a", barcode="96385074"),
        article("b", barcode="73513537"),
        article("c", barcode="96385074"),
        article("d", barcode=""),
        article("e", barcode=""),
        article("f", barcode="96385074", condition="used"),
        article("g", barcode="96385074", command="end"),
    )
    assert found("V-BAR", *rows, agreed=CATALOG) == [(2, "96385074", "also in row 4"), (4, "96385074", "also in row 2")]


def test_leading_zeros_make_no_other_barcode_but_in_free_codes():
    rows = (
        article("a", barcode="036000291452"),
        article("b", barcode="0036000291452", barcode_type="EAN-13"),
        article("c", barcode="36000291452", barcode_type="UPC-A"),
        article("d", barcode="007", barcode_type="CODE39"),
        article("e", barcode="07", barcode_type="CODE39"),
        article("f", barcode="007", barcode_type="OTHER"),
    )
    assert found("V-BAR", *rows, agreed=CATALOG) == [
        (2, "036000291452", "also in row 3 and in 1 more"),
        (3, "0036000291452", "also in row 2 and in 1 more"),
        (4, "36000291452", "also in row 2 and in 1 more"),
        (5, "007", "also in row 7"),
        (7, "007", "also in row 5"),
    ]


def picture(sku, order, product="p", **more):
    return {"sku": sku, "order": order, "product_id": product, **more}


def test_two_pictures_of_a_product_in_one_place():
    rows = (picture("a", "1"), picture("b", "1"), picture("b", "2"), picture("c", "1", "q"), picture("d", "1", ""))
    assert found("P-ORDER", *rows, agreed=PICTURE) == [(2, "1", "also in row 3"), (3, "1", "also in row 2")]


def test_a_place_that_stands_twice_at_one_article_is_one_key():
    rows = (picture("a", "1"), picture("a", "1"), picture("a", "2"))
    assert found("P-ORDER", *rows, agreed=PICTURE) == []
    assert found("DUPLICATE_KEY", *rows, agreed=PICTURE) == [
        (2, "a / 1", "also in row 3"),
        (3, "a / 1", "also in row 2"),
    ]


def promotion(start, end, sku="a", **more):
    days = [None if day is None else f"2026-11-{day:02d}T00:00:00Z" for day in (start, end)]
    return {"sku": sku, "starts_at": days[0], "ends_at": days[1], **more}


def overlapping(*rows, by="sku"):
    one = next(one for one in PROMOTION.rows_rules if one.code == "SP-OVERLAP" and one.by == by)
    return [(row, detail) for row, _, detail in found(one, *rows, agreed=PROMOTION)]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ((promotion(1, 5), promotion(6, 9)), []),
        ((promotion(1, 5), promotion(5, 9)), [(3, "also in row 2")]),
        ((promotion(5, 9), promotion(1, 5)), [(2, "also in row 3")]),
        ((promotion(1, None), promotion(20, 25)), [(3, "also in row 2")]),
        ((promotion(None, 3), promotion(2, 25), promotion(4, 5)), [(3, "also in row 2"), (4, "also in row 3")]),
        ((promotion(1, 20), promotion(2, 3), promotion(10, 12)), [(3, "also in row 2"), (4, "also in row 2")]),
        ((promotion(1, 5), promotion(1, 5, "b")), []),
        ((promotion(1, 5), promotion(1, 5, customer_id="c")), []),
        ((promotion(1, 5), promotion(1, 5, quantity_from="10")), []),
        ((promotion(1, 5), promotion(1, 5, status="inactive")), []),
        ((promotion(1, 5), promotion(1, 5, command="end")), []),
        ((promotion(1, 5), promotion(4, 2)), []),
        ((promotion(1, 5), promotion(1, 5)), []),
        ((promotion(1, 5, promotion_id="x"), promotion(1, 5, promotion_id="y")), [(3, "also in row 2")]),
        ((promotion(1, 5), promotion(None, None), promotion(7, None)), []),  # REQUIRED_ONE
    ],
)
def test_promotions_of_the_same_things_at_the_same_time(rows, told):
    assert overlapping(*rows) == told


def test_promotions_of_a_brand_overlap_too_but_not_with_those_of_an_article():
    rows = (promotion(1, 5, "", brand="Acme"), promotion(2, 6, None, brand="Acme"), promotion(1, 9, brand="Acme"))
    assert overlapping(*rows, by="brand") == [(3, "also in row 2")]
    assert overlapping(*rows) == []


def test_rows_alike_but_for_what_must_differ_are_not_looked_at():
    rule = next(one for one in CATALOG.rows_rules if one.code == "V-PARENT")
    brands = [("p", "Acme"), ("p", "Acme"), ("q", "Acme"), ("r", "Acme"), ("r", "Other"), (None, "x"), (None, "y")]
    frame = CATALOG.complete(pl.DataFrame(brands, schema={"product_id": pl.String, "brand": pl.String}, orient="row"))
    hashes = frame.with_row_index(ROW).select(ROW, alike=rule.alike_hash(), differ=rule.differ_hash())
    assert rule.suspects(hashes.drop_nulls("alike")).sort().to_list() == [3, 4]


def test_the_key_of_a_promotion_is_shown_without_its_gaps():
    rows = (promotion(1, 5, brand="Acme"), promotion(1, 5, brand="Acme"))
    assert found("DUPLICATE_KEY", *rows, agreed=PROMOTION)[0] == (
        2,
        "a / Acme / 2026-11-01T00:00:00Z / 2026-11-05T00:00:00Z",
        "also in row 3",
    )
