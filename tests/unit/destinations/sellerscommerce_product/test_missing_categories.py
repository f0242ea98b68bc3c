"""Categories and brands that the store lacks: refused, or made where the route allows it."""

from __future__ import annotations

import json

import polars as pl
import pytest
from support.sellerscommerce_products import KNOWN, PRICED, TEE, TODAY, Shop, faults, may, rows, sent, store

from gateway.model import ROW


def test_missing_categories_refuse_their_rows_unless_they_may_be_made():
    there = Shop(categories=KNOWN[:2], brands=["Acme"])
    records = rows(
        PRICED,
        {**PRICED, "sku": "B", "product_id": "B", "category": "Clothing"},
        {**PRICED, "sku": "C", "product_id": "C", "brand": "Other"},
    )
    told = faults(store(there), records)
    assert [(row, field) for row, field, _ in told] == [(2, "category"), (4, "brand")]
    assert all("create_missing = true in the route's table" in text for _, _, text in told)
    assert faults(store(there), records.with_columns(pl.lit("true").alias("create_missing"))) == []
    assert faults(store(there), records, asked=False) == []


def test_missing_categories_are_made_parents_first_before_their_products():
    there = Shop(categories=KNOWN[:1])
    assert sent(store(there), may(TEE, {**TEE, "sku": "B", "product_id": "B"})) == ["applied"] * 2
    made = [
        {"CategoryCode": "ACME-CLOTHING", "CategoryName": "Clothing", "ParentCategoryCode": "A", "IsBrand": 1},
        {
            "CategoryCode": "ACME-CLOTHING-SHIRTS",
            "CategoryName": "Shirts",
            "ParentCategoryCode": "ACME-CLOTHING",
            "IsBrand": 1,
        },
    ]
    assert [name for name, _ in there.posted] == ["categories", "products", "products"]
    assert there.posted[0][1] == made
    assert there.posted[1][1]["Categories"][1:] == made


def both(allowed, plain):
    """Rows of two routes in one frame, as a lane sends them: the first may have what they need made, the others not."""
    marked = [{**one, "create_missing": "true"} for one in allowed]
    return rows(*marked, *({"create_missing": None, **one} for one in plain))


def of(sku, **more):
    return {**PRICED, "sku": sku, "product_id": sku, **more}


@pytest.mark.parametrize("turned", [False, True])
def test_a_row_may_what_its_own_route_allows(turned):
    there = Shop(categories=KNOWN)
    destination = store(there)
    records = both(
        [of("A", category="Sale"), of("B", category="Garden")],
        [of("C", category="Sale"), of("D"), of("E", brand="Other"), of("F", category="Sale", command="end")],
    )
    records = records.reverse() if turned else records
    reference = destination.gather("product", records)
    found = destination.check("product", records, reference, TODAY)
    assert sorted(found.select(ROW, "field").rows()) == [(4, "category"), (6, "brand")]
    left = records.filter(~pl.col(ROW).is_in(found[ROW].implode()))
    made = [json.loads(one.memo["before"]) for one in destination.encode("product", left, reference)]
    assert sorted(one["CategoryCode"] for one in made[0]) == ["ACME-GARDEN", "ACME-SALE"]
    assert set(sent(destination, left)) == {"applied"}


def test_a_row_that_may_nothing_takes_no_code_from_one_that_may():
    records = both([of("B", category="A B")], [of("A", category="A-B")]).reverse()
    assert [(row, "no category 'A-B'" in text) for row, _, text in faults(store(Shop(categories=KNOWN)), records)] == [
        (3, True)
    ]


def test_what_was_made_meanwhile_is_there_for_rows_that_may_nothing():
    there = Shop(categories=KNOWN)
    destination, plain = store(there), rows(of("C", category="Sale"))
    assert len(faults(destination, plain)) == 1
    sent(destination, may(of("A", category="Sale")))
    there.lists["/api/category/getall"].append(there.posted[0][1][0])
    assert faults(destination, plain) == []


def test_one_row_that_may_is_enough_for_its_product():
    there = Shop(categories=KNOWN)
    records = both([{**PRICED, "category": "Sale"}], [{**PRICED, "sku": "TS-L", "category": None}])
    assert faults(store(there), records) == []
    assert sent(store(there), records) == ["applied", "applied"]
    assert [name for name, _ in there.posted] == ["categories", "products"]


def test_brands_that_are_no_categories_are_judged_by_the_row_too():
    there = Shop(categories=[{"Code": "C", "Name": "Clothing"}], brands=["ACME"])
    records = both([of("A", brand="New", category="Clothing")], [of("B", brand="Other", category="Clothing")])
    ((row, field, text),) = faults(store(there, brand_categories=False), records)
    assert (row, field, "no brand 'Other'" in text) == (3, "brand", True)


def test_what_a_route_allows_is_no_part_of_what_is_compared():
    (made,) = (one for one in store(Shop()).operations if one.name == "product")
    assert "create_missing" in made.context
    assert "create_missing" not in made.fields


def test_a_category_that_can_not_be_made_is_told_with_its_products():
    there = Shop(refuse={"ACME-CLOTHING-SHIRTS": 32, "TS": 31})
    destination = store(there)
    (batch,) = destination.encode("product", may(TEE), destination.gather("product", may(TEE)))
    (outcome,) = destination.submit(batch).outcomes.rows(named=True)
    assert outcome["message"] == (
        "31 CategoryNotExist: m (a category could not be made: 32 ParentCategoryNotExists: m)"
    )


def test_is_brand_turns_round_at_the_edge_only():
    there = Shop()
    sent(store(there, is_brand_inverted=False), may(TEE))
    assert [one["IsBrand"] for one in there.posted[0][1]] == [1, 0, 0]


def test_brands_need_not_be_categories():
    there = Shop(
        categories=[{"Code": "C", "Name": "Clothing"}, {"Code": "S", "Name": "Shirts", "ParentCode": "C"}],
        brands=["ACME"],
    )
    destination = store(there, brand_categories=False)
    assert faults(destination, rows(PRICED)) == []
    sent(destination, rows(PRICED))
    assert [one["CategoryCode"] for one in there.posted[0][1]["Categories"]] == ["C", "S"]


@pytest.mark.parametrize(
    ("category", "code"),
    [
        ("Garten\\Bär", "ACME-GARTEN-BAR"), ("Ελληνικά\\Φυτά", "ACME-ELLINIKA-FYTA"), ("Straße", "ACME-STRASSE"),
        ("T-Shirts & more\\ A/B.", "ACME-T-SHIRTS-MORE-A-B"),
    ],
)  # fmt: skip
def test_codes_are_made_of_letters_that_sound_like_those_of_the_path(category, code):
    there = Shop()
    sent(store(there), may({**TEE, "category": category}))
    assert there.posted[0][1][-1]["CategoryCode"] == code


@pytest.mark.parametrize(
    ("paths", "told"),
    [
        (("Garten\\Bär", "Garten\\Bör", "garten\\bär"), []),
        (("Bär\\Bett", "Bar\\Bett"), [(3, "category", "is that of Acme\\Bär, too")]),
        (("A-B", "A B", "A-B\\C"), [(3, "category", "is that of Acme\\A-B, too")]),
        (("***",), [(2, "category", "no code can be made of its name")]),
    ],
)
def test_categories_are_never_made_with_the_code_of_another(paths, told):
    records = may(*({**PRICED, "sku": f"S{n}", "product_id": f"P{n}", "category": c} for n, c in enumerate(paths)))
    found = faults(store(Shop()), records)
    assert [(row, field) for row, field, _ in found] == [one[:2] for one in told]
    for (_, _, text), (_, _, wanted) in zip(found, told, strict=True):
        assert wanted in text
        assert "`categories`" in text


def test_a_table_parts_categories_whose_codes_would_be_one(tmp_path):
    table = tmp_path / "codes.csv"
    table.write_text("category;code\nBär;BEAR\n***;STARS\n", "utf-8")
    records = may(
        *({**PRICED, "sku": f"S{n}", "product_id": f"P{n}", "category": c} for n, c in enumerate(("Bär", "Bar", "***")))
    )
    there = Shop()
    destination = store(there, categories=table)
    assert faults(destination, records) == []
    sent(destination, records)
    assert [one["CategoryCode"] for one in there.posted[0][1]] == ["ACME", "BEAR", "ACME-BAR", "STARS"]


def test_further_categories_that_can_not_be_made_are_told():
    link = "attributes.categories"
    there = Shop(categories=KNOWN)
    records = both([of("D", **{link: "Sale"})], [{**PRICED, link: "Clothing|Sale"}, of("B", **{link: "Clothing"})])
    ((row, field, text),) = faults(store(there), records)
    assert (row, field, "no category 'Sale'" in text) == (3, link, True)
    assert faults(store(there), records.with_columns(pl.lit("true").alias("create_missing"))) == []
    strange = may({**PRICED, link: "***"})
    assert [one[:2] for one in faults(store(there), strange)] == [(2, link)]
