"""Offers at the Mirakl twin over HTTP: what a file does to the shop, line by line, and how it is answered for."""

import pytest

IMPORTS = "/api/offers/imports"
EAN = "4006381333931"
HEADER = "sku;product-id;product-id-type;price;quantity;state\n"
NEW = f"A-1;{EAN};EAN;49.90;5;11\n"


@pytest.fixture
def shop(stand):
    """A shop whose operator sells one product, and another that is not live."""

    def start(**settings):
        one = stand(**settings)
        one.twin.put_product("P-1", "Scarf", category="SCARF", references={"EAN": EAN})
        one.twin.put_product("P-2", "Hat", category="HAT", references={"EAN": "96385074"}, live=False)
        return one

    return start


def test_an_import_answers_number_and_location(shop):
    one = shop()
    answer = one.of01(HEADER + NEW)
    assert answer.status_code == 201
    number = answer.json()["import_id"]
    assert set(answer.json()) == {"import_id"}
    assert answer.headers["Location"] == f"{one.twin.url}{IMPORTS}/{number}"
    view = one.client.get(answer.headers["Location"]).json()
    assert (view["status"], view["lines_read"], view["reason_status"]) == ("WAITING", 0, None)
    one.later(21)
    assert one.get(f"{IMPORTS}/{number}").json()["status"] == "RUNNING"
    assert one.twin.offers() == {}
    one.later(40)
    view = one.get(f"{IMPORTS}/{number}").json()
    assert (view["status"], view["mode"], view["offer_inserted"], view["lines_in_success"]) == (
        "COMPLETE",
        "NORMAL",
        1,
        1,
    )
    assert one.twin.offers() == {"A-1": 5}


def test_parts_that_must_be_right(shop):
    one = shop()
    missing = one.post_file(IMPORTS, HEADER + NEW)
    assert (missing.status_code, missing.json()["message"]) == (400, "Param 'import_mode' is required")
    assert one.of01(HEADER + NEW, import_mode='"NORMAL"').status_code == 400
    assert one.of01(HEADER + NEW, import_mode="PARTIAL_UPDATE").status_code == 400
    assert one.of01(HEADER + NEW, with_products="yes").status_code == 400
    assert one.of01(HEADER + NEW, conversion_type="STANDARD").json()["message"] == "Unknown part 'conversion_type'"
    assert one.client.post(IMPORTS, json={"offers": []}).status_code == 415
    assert one.twin.offer_imports() == []


@pytest.mark.parametrize("strict", [True, False])
def test_unknown_columns(shop, strict):
    one = shop(refuse_unknown=strict)
    answer = one.of01(HEADER.replace("state", "state;currency") + NEW.replace(";11", ";11;USD"))
    assert answer.status_code == (400 if strict else 201)
    if strict:
        assert answer.json()["message"] == "Unknown column 'currency'"
    else:
        one.later()
        assert one.twin.offers() == {"A-1": 5}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("A-9;0000000000017;EAN;49.90;5;11", "The product does not exist"),
        ("A-9;96385074;EAN;49.90;5;11", "The product does not exist"),
        (f"A-9;{EAN};EAN;49.90;5;New", "The state 'New' of the product is unknown"),
        (f"A-9;{EAN};EAN;49.90;5;1", "The state '1' of the product is unknown"),
        (f"A-9;{EAN};EAN;49.90;5;", "The state is mandatory"),
        (f"A-9;{EAN};EAN;;5;11", "The price is mandatory"),
        (f"A-9;{EAN};EAN;49.90;;11", "The quantity is mandatory"),
        (f"A-9;{EAN};EAN;49,90;5;11", "price '49,90' is not a valid price"),
        (f"A-9;{EAN};EAN;0;5;11", "price '0' is not a valid price"),
        (f"A-9;{EAN};EAN;49.901;5;11", "price '49.901' has more than 2 decimals"),
        (f"A-9;{EAN};EAN;49.90;-1;11", "quantity '-1' is not a positive integer"),
        (f"A-9;{EAN};EAN;49.90;2147483648;11", "quantity '2147483648' is too large"),
        (f"A-9;{EAN};GTIN;49.90;5;11", "The product-id-type 'GTIN' does not exist"),
        (f"A-9;{EAN};;49.90;5;11", "product-id and product-id-type are given together"),
        ("A-9;;;49.90;5;11", "The product-id is mandatory"),
        (f";{EAN};EAN;49.90;5;11", "The sku is mandatory"),
        (f"A-9;{EAN};EAN;49.90", "The line has 4 columns instead of 6"),
    ],
)
def test_lines_in_error(shop, line, message):
    one = shop()
    view, report = one.offers(HEADER + NEW + line + "\n")
    assert (view["status"], view["lines_read"], view["lines_in_success"], view["lines_in_error"]) == (
        "COMPLETE",
        2,
        1,
        1,
    )
    columns = HEADER.strip().split(";")
    assert report[0] == [*columns, "error-line", "error-message"]
    cells = line.split(";")
    assert report[1] == [*cells, *[""] * (len(columns) - len(cells)), "3", message]
    assert one.twin.offers() == {"A-1": 5}


def test_products_are_named_in_several_ways(shop):
    one = shop()
    number = one.row("P-1")["product_sku"]
    view, _ = one.offers(f"{HEADER}A-1;{number};SKU;1;1;11\nA-2;P-1;SHOP_SKU;1;1;10\nA-3;{EAN};EAN;1;1;4\n")
    assert view["offer_inserted"] == 3
    assert {row["product_sku"] for row in one.twin.shelf() if row["offer"]} == {number}


@pytest.mark.parametrize(("needs_live", "taken"), [(True, 0), (False, 1)])
def test_offers_of_a_product_that_is_not_live(shop, needs_live, taken):
    one = shop(offer_needs_live_product=needs_live)
    view, _ = one.offers(f"{HEADER}A-1;96385074;EAN;1;1;11\n")
    assert view["offer_inserted"] == taken
    if taken:
        assert one.offer("A-1")["inactivity_reasons"] == ["PRODUCT_STATUS_PENDING"]


def test_the_product_of_an_offer_stays(shop):
    one = shop(offer_needs_live_product=False)
    one.offers(HEADER + NEW)
    _, report = one.offers(f"{HEADER}A-1;96385074;EAN;1;1;11\n")
    assert report[1][-1] == "The product differs from the one of the existing offer"


def test_absent_columns_stay_as_they_are(shop):
    one = shop()
    wide = HEADER.replace("state", "state;description;discount-price;discount-end-date;leadtime-to-ship")
    one.offers(wide + NEW.replace(";11", ";11;Soft;39.90;2099-01-01T00:00:00Z;3"))
    view, _ = one.offers("sku;quantity\nA-1;8\n")
    assert (view["offer_updated"], view["offer_inserted"]) == (1, 0)
    offer = one.offer("A-1")
    assert (offer["quantity"], offer["description"], offer["leadtime_to_ship"]) == (8, "Soft", 3)
    prices = offer["all_prices"][0]
    assert (prices["unit_origin_price"], prices["unit_discount_price"], prices["discount_end_date"]) == (
        49.9,
        39.9,
        "2099-01-01T00:00:00Z",
    )


@pytest.mark.parametrize(("clears", "left"), [(True, (None, None)), (False, ("Soft", 39.9))])
def test_empty_cells(shop, clears, left):
    one = shop(empty_clears=clears)
    wide = HEADER.replace("state", "state;description;discount-price;discount-end-date")
    one.offers(wide + NEW.replace(";11", ";11;Soft;39.90;2099-01-01"))
    one.offers("sku;description;discount-price\nA-1;;\n")
    offer = one.offer("A-1")
    assert (offer["description"], offer["all_prices"][0]["unit_discount_price"]) == left


def test_a_price_cannot_be_cleared(shop):
    one = shop()
    one.offers(HEADER + NEW)
    _, report = one.offers("sku;price\nA-1;\n")
    assert report[1][-1] == "The price is mandatory"


@pytest.mark.parametrize(("required", "status"), [(("sku",), "COMPLETE"), (("sku", "price", "state"), "FAILED")])
def test_columns_an_operator_wants(shop, required, status):
    one = shop(offer_columns_required=required)
    one.twin.put_offer("A-1", 3)
    view, _ = one.offers("sku;quantity\nA-1;8\n")
    assert view["status"] == status
    assert view["reason_status"] == (None if status == "COMPLETE" else "Column 'price' is required")


@pytest.mark.parametrize(("which", "lines"), [("all", ["2", "3"]), ("later", ["3"])])
def test_a_sku_given_twice(shop, which, lines):
    _, report = shop(duplicate_sku=which).offers(HEADER + NEW + NEW)
    assert [(row[-2], row[-1]) for row in report[1:]] == [(n, "The sku 'A-1' is duplicated in the file") for n in lines]


@pytest.mark.parametrize("word", ["delete", "DELETE"])
def test_deleting(shop, word):
    one = shop()
    one.offers(HEADER + NEW)
    view, report = one.offers(f"sku;update-delete\nA-1;{word}\nB-1;{word}\nC-1;erase\n")
    assert (view["offer_deleted"], view["lines_in_error"]) == (1, 2)
    assert [row[-1] for row in report[1:]] == ["The offer 'B-1' does not exist", "update-delete 'erase' is not allowed"]
    assert one.twin.offers() == {}


@pytest.mark.parametrize(("spares", "left"), [(True, {"A": 1, "B": 2}), (False, {"A": 1})])
def test_replace_deletes_what_is_left_out(stand, spares, left):
    one = stand({"A": 1, "B": 2, "C": 3}, replace_spares_faulty=spares)
    view, report = one.offers("sku;quantity\nA;1\nB;x\n", import_mode="REPLACE")
    assert (view["mode"], view["offer_deleted"], view["offer_updated"]) == ("REPLACE", 3 - len(left), 1)
    assert one.twin.offers() == left
    _, report = one.offers("sku;update-delete\nA;delete\n", import_mode="REPLACE")
    assert report[1][-1] == "update-delete is not allowed in this mode"


DISCOUNT = "sku;price;discount-price;discount-start-date;discount-end-date\n"


@pytest.mark.parametrize(
    ("cells", "message", "features"),
    [
        ("10;10;;", "The discount price must be lower than the price", ()),
        ("9;9.50;;", "The discount price must be lower than the price", ()),
        ("10;0;;", "discount-price '0' is not a valid price", ()),
        ("10;8;soon;", "discount start date 'soon' is not a date", ()),
        ("10;8;2026-11-20T00:00:00;", "discount start date '2026-11-20T00:00:00' is not a date", ()),
        ("10;8;2027-01-02;2027-01-01", "The discount end date must be after its start date", ()),
        ("10;;2027-01-01;2027-01-02", "discount-price is required where a discount has dates", ()),
        ("10;8;;", "The discount dates are required", ("discount_period_required",)),
        ("10;8;;2020-01-01", "The end date of the discount is in the past", ("discount_in_past_blocked",)),
    ],
)
def test_discounts_in_error(stand, cells, message, features):
    one = stand({"A": 1}, features=frozenset(features))
    _, report = one.offers(f"{DISCOUNT}A;{cells}\n")
    assert report[1][-1] == message


@pytest.mark.parametrize(
    ("dates", "start", "end"),
    [
        ("inclusive", "2027-11-20T05:00:00Z", "2027-11-29T04:59:59Z"),
        ("midnight", "2027-11-20T05:00:00Z", "2027-11-28T05:00:00Z"),
        ("refuse", None, None),
    ],
)
def test_dates_without_time(stand, dates, start, end):
    one = stand({"A": 1}, dates_only=dates)
    view, _ = one.offers(f"{DISCOUNT}A;10;8;2027-11-20;2027-11-28\n")
    assert view["lines_in_error"] == (0 if start else 1)
    row = one.row("A")
    assert (row["discount_from"], row["discount_to"]) == (start, end)


def test_dates_in_the_form_of_the_official_sample(stand):
    one = stand({"A": 1})
    one.offers(f"{DISCOUNT}A;10;8;2017-02-20T10:45:53+01;2017-04-30T10:45:53+01:00\n")
    assert one.row("A")["discount_from"] == "2017-02-20T09:45:53Z"


@pytest.mark.parametrize(("comma", "errors"), [(False, 1), (True, 0)])
def test_decimal_commas(stand, comma, errors):
    one = stand({"A": 1}, decimal_comma=comma)
    view, _ = one.offers("sku;price\nA;12,50\n")
    assert view["lines_in_error"] == errors
    assert one.row("A")["price"] == ("12.50" if comma else "10")


@pytest.mark.parametrize(("mandatory", "errors"), [(False, 0), (True, 1)])
def test_logistic_classes(shop, mandatory, errors):
    one = shop(logistic_class_mandatory=mandatory)
    view, _ = one.offers(HEADER + NEW)
    assert view["lines_in_error"] == errors
    wide = HEADER.replace("state", "state;logistic-class")
    _, report = one.offers(f"{wide}B-1;{EAN};EAN;1;1;11;Medium\nC-1;{EAN};EAN;1;1;11;M\n")
    assert [row[-1] for row in report[1:]] == ["The logistic class 'Medium' does not exist"]
    assert one.offer("C-1")["logistic_class"] == {"code": "M", "label": "Medium"}


@pytest.mark.parametrize(("active", "errors"), [(False, 1), (True, 0)])
def test_columns_of_features(stand, active, errors):
    names = {"volume_pricing", "volume_discount", "minimum_order_quantity"} if active else set()
    one = stand({"A": 1}, features=frozenset(names))
    row = "sku;price;price-ranges;discount-price;discount-ranges;min-order-quantity\nA;20;5|18,10|15;17;5|14;2\n"
    view, report = one.offers(row)
    assert view["lines_in_error"] == errors
    if active:
        steps = one.offer("A")["all_prices"][0]["volume_prices"]
        assert [(step["quantity_threshold"], step["unit_origin_price"]) for step in steps] == [
            (1, 20),
            (5, 18),
            (10, 15),
        ]
        assert steps[1]["price"] == 14
        _, report = one.offers("sku;price-ranges\nA;10|15,5|18\n")
        assert report[1][-1] == "price-ranges '10|15,5|18' is not a list of quantities and prices"
    else:
        assert report[1][-1] == "price-ranges is not allowed"


def test_prices_of_channels(stand):
    one = stand({"A": 1}, features=frozenset({"channel_pricing"}))
    one.offers("sku;price[channel=US];discount-price[channel=US]\nA;12;9\n")
    offer = one.get("/api/offers", sku="A", pricing_channel_code="US").json()["offers"][0]
    assert offer["applicable_pricing"]["price"] == 9
    assert offer["all_prices"][1]["context"]["channel_codes"] == ["US"]
    assert one.offer("A")["price"] == 10
    assert one.of01("sku;price[channel=FR]\nA;12\n").status_code == 400
    assert stand({"A": 1}).of01("sku;price[channel=US]\nA;12\n").status_code == 400


def test_custom_fields(stand):
    one = stand({"A": 1, "B": 1})
    _, report = one.offers("sku;gift-wrap;ecotax\nA;true;0.50\nB;yes;1\n")
    assert [row[-1] for row in report[1:]] == ["gift-wrap 'yes' is neither true nor false"]


def test_warehouses_stay_unless_a_quantity_is_given(stand):
    one = stand()
    one.twin.put_offer("A", 0, warehouses={"N": 2, "S": 3})
    one.offers("sku;price\nA;12\n")
    assert one.twin.offer("A").warehouses == {"N": 2, "S": 3}
    one.offers("sku;quantity\nA;9\n")
    assert (one.twin.offer("A").warehouses, one.twin.offers()) == ({}, {"A": 9})


@pytest.mark.parametrize(("columns", "first"), [("sent", ["sku", "quantity"]), ("standard", ["sku", "product-id"])])
def test_columns_of_the_report(stand, columns, first):
    _, report = stand({"A": 1}, offer_report_columns=columns).offers("sku;quantity\nA;x\n")
    assert report[0][:2] == first
    assert dict(zip(report[0], report[1], strict=True))["quantity"] == "x"
    assert report[0][-2:] == ["error-line", "error-message"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("sku;description\nA;Schö\n".encode("latin-1"), "The file is not encoded in UTF-8"),
        (b'sku;description\nA;"a"b"\n', "The file cannot be read as CSV"),
        (b"sku;sku\nA;A\n", "Column 'sku' appears more than once"),
        (b"price\n1\n", "Column 'sku' is required"),
        (b"sku;price\n", "The file holds no offers"),
    ],
)
def test_a_file_that_cannot_be_read_fails_without_report(stand, body, reason):
    view, report = stand({"A": 1}).offers(body)
    assert (view["status"], view["reason_status"], view["has_error_report"]) == ("FAILED", reason, False)
    assert report == []


def test_faults_of_imports(stand):
    one = stand({"A": 1})
    text = "sku;quantity\nA;{}\n"
    one.twin.faults.set({"all_in_error": 1, "only": "OF01"})
    view, report = one.offers(text.format(2))
    assert (view["status"], view["lines_in_error"], len(report)) == ("COMPLETE", 1, 2)
    one.twin.faults.set({"fails": 1})
    view, _ = one.offers(text.format(3))
    assert (view["status"], view["has_error_report"], view["reason_status"] != "") == ("FAILED", False, True)
    one.twin.faults.set({"unknown_status": 1})
    odd = one.of01(text.format(4)).json()["import_id"]
    one.later(30)
    assert one.get(f"{IMPORTS}/{odd}").json()["status"] == "PENDING_REVIEW"
    one.twin.faults.set({"never_ends": 1})
    endless = one.of01(text.format(5)).json()["import_id"]
    one.later(1_000_000)
    assert one.get(f"{IMPORTS}/{endless}").json()["status"] == "RUNNING"
    assert one.twin.offers() == {"A": 4}


def test_offers_survive_a_restart(stand, tmp_path):
    file = tmp_path / "mirakl.json"
    one = stand({"A": 1}, state_file=file)
    one.offers("sku;price;discount-price;description\nA;12.50;9;Soft\n")
    before = one.row("A"), one.twin.changes()
    one.close()
    again = stand({"A": 1}, state_file=file)
    assert (again.row("A"), again.twin.changes()) == before
    assert again.offer("A")["description"] == "Soft"
