from __future__ import annotations

import pytest
from support.fake_rows import issues

from gateway.issues import BY_MAPPING, CATALOGUE
from gateway.reports.causes import MOST_DETAILS, causes


def test_identical_faults_become_one_cause_with_count_range_and_examples():
    frame = issues([(n, "NOT_A_NUMBER", "quantity", f"v{n}", None) for n in range(2, 50_002)])
    (cause,) = causes(frame.iter_slices(777), {"quantity": "Bestand"})
    assert (cause.count, cause.ranges, cause.more, cause.last) == (50_000, [(2, 50_001)], False, 50_001)
    assert cause.message == "quantity (column Bestand) is not a number."
    assert cause.examples == [(n, f"v{n}") for n in range(2, 7)]


def test_few_wordings_are_told_apart_and_many_are_one_cause():
    few = issues([(n, "DEST_REFUSED", None, None, f"reason {n % 3}") for n in range(2, 32)])
    assert [(cause.count, cause.message) for cause in causes([few], {})] == [
        (10, f"The destination refused the row: reason {n}.") for n in range(3)
    ]
    many = issues([(n, "DEST_REFUSED", None, None, f"no offer {n}") for n in range(2, 302)])
    for block in (1, 5, 300):
        (cause,) = causes(many.iter_slices(block), {})
        assert (cause.count, cause.ranges, cause.last) == (300, [(2, 301)], 301)
        assert cause.message == "The destination refused the row: no offer 2; no offer 3; no offer 4; and others."


def test_wordings_seen_before_they_became_too_many_are_counted_once():
    first = [(n, "DEST_REFUSED", None, f"e{n}", f"early {n}") for n in range(2, 2 + MOST_DETAILS)]
    later = [(n, "DEST_REFUSED", None, None, "late") for n in range(50, 60)]
    (cause,) = causes([issues(first), issues(later)], {})
    assert (cause.count, cause.ranges) == (MOST_DETAILS + 10, [(2, 1 + MOST_DETAILS), (50, 59)])
    assert cause.examples[0] == (2, "e2")
    assert cause.message == "The destination refused the row: early 2; early 3; early 4; and others."


def test_of_many_reasons_a_few_are_shown_cut_off_where_they_are_long():
    rows = [(n, "DEST_ONBOARDING", "offer", None, f"{n} {'x' * 500}.") for n in range(2, 40)]
    (cause,) = causes([issues(rows)], {})
    said = "; ".join(f"{n} {'x' * 157}…" for n in (2, 3, 4))
    assert cause.message.endswith(f"it needs onboarding: {said}; and others.")
    assert cause.facts()["message"] == cause.message


def test_many_details_inside_a_sentence_are_left_out_of_it():
    rows = [(n, "SP-DATE", "ends_at", f"v{n}", f"d{n}") for n in range(2, 40)]
    (cause,) = causes([issues(rows)], {})
    assert cause.message == "ends_at is before …"


def test_scattered_rows_are_listed_up_to_a_limit():
    frame = issues([(n, "REQUIRED", "sku", None, None) for n in range(2, 1000, 10)])
    (cause,) = causes(frame.iter_slices(9), {})
    assert cause.ranges == [(n, n) for n in range(2, 62, 10)]
    assert (cause.more, cause.last) == (True, 992)
    assert cause.examples[0] == (2, None)


def test_errors_come_before_warnings_and_frequent_before_rare():
    warnings = issues([(n, "MINIMUM_ABOVE_STOCK", "minimum", None, "1") for n in range(2, 90)], "warning")
    errors = issues(
        [(2, "REQUIRED", "a", None, None), (3, "REQUIRED", "b", None, None), (4, "REQUIRED", "b", None, None)]
    )
    found = causes([warnings, errors], {})
    assert [(cause.severity, cause.field, cause.count) for cause in found] == [
        ("error", "b", 2),
        ("error", "a", 1),
        ("warning", "minimum", 88),
    ]


def test_rows_that_name_each_other_have_one_cause():
    found = issues(
        [(2, "DUPLICATE_KEY", "sku", "A", "also in row 4"), (4, "DUPLICATE_KEY", "sku", "A", "also in row 2")]
    )
    (cause,) = causes([found], {})
    assert (cause.count, cause.message) == (2, "The same key stands in several rows.")


@pytest.mark.parametrize(
    ("code", "field", "details", "message"),
    [
        ("MAP_FRACTION", "rate", ("20", "5"), "rate is written as a fraction of 1 and is taken as percentage points."),
        ("T-FRAC", "tax_rate", ("20", "5"), "tax_rate looks like a fraction, 20 means 20 %."),
        ("C-RATE", "rate", ("2", "5"), "rate looks like a fraction, 20 means 20 %, and less than 1 % is not taken."),
        ("B-PAD", "barcode", ("0012", "0034"), "barcode lost leading zeros; it is taken with them."),
        ("V-BAR", "barcode", ("also in row 4", "also in row 2"), "The barcode … stands at several articles."),
        ("MINIMUM_ABOVE_STOCK", "minimum", ("5 of 3", "6 of 2"), "The minimum to sell is above the stock."),
        ("DISCOUNT_PRICE", "discount_price", ("5 of 3", "6 of 2"), "discount_price is above the price."),
        ("SP-PRICE", "price", ("5 of 3", "6 of 2"), "The promotion's price is above the regular price."),
        ("P-ORDER", "order", ("also in row 3", "also in row 2"), "Two pictures of one product have the same place."),
    ],
)
def test_what_is_told_of_the_rows_own_value_is_no_cause_of_its_own(code, field, details, message):
    (cause,) = causes([issues([(n, code, field, f"v{n}", detail) for n, detail in enumerate(details, 2)])], {})
    assert (cause.count, cause.message) == (2, message)
    assert cause.examples == [(2, "v2"), (3, "v3")]


def test_a_value_that_the_mapping_sets_is_part_of_the_cause_and_the_operators_to_mend():
    value = f"USD{BY_MAPPING}"
    (cause,) = causes([issues([(n, "PRICE_CURRENCY", "currency", value, "EUR") for n in range(2, 90)])], {})
    assert cause.message == f"currency is {value}, the destination takes EUR."
    assert "the operator changes the mapping" in cause.fix
    assert cause.facts()["fix"] == cause.fix


def test_effects_without_a_row_are_counted():
    (cause,) = causes([issues([(None, "ABSENT", None, None, "gone")])], {})
    assert (cause.count, cause.ranges) == (1, [])


def test_effects_of_one_row_that_ended_alike_are_told_apart():
    told = [(2, "SUPERSEDED", family, None, "by a newer file") for family in ("product", "price")]
    refused = [(2, "DEST_REFUSED", field, None, "no such offer") for field in ("offer", "price")]
    found = causes([issues([*told, *refused])], {"price": "Price EUR"})
    assert [cause.message for cause in found] == [
        "offer: The destination refused the row: no such offer.",
        "price (column Price EUR): The destination refused the row: no such offer.",
        "price: A newer value of the key was already sent (by a newer file).",
        "product: A newer value of the key was already sent (by a newer file).",
    ]


def test_what_followed_from_another_effect_is_named_by_what_was_to_be_written_and_comes_last():
    told = [(2, "DEST_AFTER", "price", None, "offer"), (3, "T-RATE", "tax_rate", "19", "in GB")]
    found = causes([issues(told)], {"price": "Price EUR", "tax_rate": "VAT"})
    assert [cause.message for cause in found] == [
        "tax_rate (column VAT) is not a tax rate in force (in GB).",
        "The offer of this article was not confirmed, so its price was not sent.",
    ]


def test_how_an_effect_ended_is_no_problem():
    assert causes([issues([(2, "EFFECT", "offer", None, "applied")])], {}) == []


def test_every_code_of_the_catalogue_makes_a_sentence():
    for code in CATALOGUE.keys() - {"EFFECT"}:
        (cause,) = causes([issues([(2, code, "f", "v", "d")])], {})
        assert cause.message.endswith((".", "…"))
        assert "{" not in cause.message
