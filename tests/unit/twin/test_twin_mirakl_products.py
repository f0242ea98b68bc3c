"""Products at the Mirakl twin over HTTP: both stages, their statuses and reports, and what is live afterwards."""

import pytest

from gateway.twin.mirakl_products import valid_reference

IMPORTS = "/api/products/imports"
TITLES = "sku_code;category_code;title;brand;ean;material\n"
EAN = "4006381333931"
OTHER_EAN = "9312432012041"
GOOD = f"P-1;SCARF;Wool scarf;Acme;{EAN};WOOL\n"


def test_an_import_answers_number_and_location(stand):
    shop = stand()
    answer = shop.p41(GOOD)
    assert answer.status_code == 201
    number = answer.json()["import_id"]
    assert type(number) is int
    assert answer.headers["Location"] == f"{shop.twin.url}{IMPORTS}/{number}"
    assert shop.client.get(answer.headers["Location"]).json()["import_id"] == number


def test_statuses_go_through_both_stages(stand):
    shop = stand()
    number = shop.p41(GOOD).json()["import_id"]
    seen, details = [], []
    for seconds in (0, 21, 40, 20, 40, 120, 60):
        shop.later(seconds)
        view = shop.p42(number)
        seen.append((view["import_status"], view["transform_lines_read"], view["has_transformed_file"]))
        details.append(view.get("integration_details", {}).get("products_successfully_synchronized"))
    assert [word for word, _, _ in seen] == [
        "TRANSFORMATION_WAITING",
        "TRANSFORMATION_RUNNING",
        "WAITING",
        "RUNNING",
        "SENT",
        "COMPLETE",
        "COMPLETE",
    ]
    assert [(read, file) for _, read, file in seen] == [(0, False)] * 4 + [(1, True)] * 3
    assert details == [None] * 6 + [1]


def test_a_product_is_live_after_the_second_stage_only(stand):
    shop = stand()
    number = shop.p41(GOOD).json()["import_id"]
    found = lambda: shop.get("/api/products", product_references=f"EAN|{EAN}").json()["products"]  # noqa: E731 - short
    shop.later(121)
    assert shop.p42(number)["import_status"] == "SENT"
    assert found() == []
    assert shop.twin.shelf() == []
    shop.later(120)
    assert [(one["product_id"], one["product_title"], one["category_label"]) for one in found()] == [
        (EAN, "Wool scarf", "Scarves")
    ]
    assert shop.row("P-1")["live"] is True
    assert shop.row("P-1")["offer"] is False
    assert [(change.key, change.action) for change in shop.twin.changes()] == [("P-1", "insert")]


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ("P-2;NOPE;Cap;Acme;;WOOL", "1001|Category NOPE is unknown"),
        ("P-2;APPAREL;Cap;Acme;;WOOL", "1001|Category APPAREL is not a leaf"),
        ("P-2;HAT;;Acme;;WOOL", "1000|Attribute title is required"),
        ("P-2;HAT;Cap;Acme;;", "1000|Attribute material is required"),
        ("P-2;;Cap;Acme;;", "1000|Attribute category_code is required"),
        ("P-2;HAT;Cap;Acme;4006381333930;WOOL", "2019|4006381333930 is not a valid product reference of type EAN"),
        ("P-2;HAT;Cap;Acme;;WOOL|TIN", "2006|Value TIN is not in list materials"),
        (f"P-2;HAT;{'x' * 121};Acme;;WOOL", "2004|Attribute title is longer than 120 characters"),
        ("P-2;HAT;Cap;Acme;;WOOL;more", "1002|The line has 7 columns instead of 6"),
        (";HAT;;Acme;;WOOL", "1000|Attribute sku_code is required,1000|Attribute title is required"),
    ],
)
def test_errors_reject_a_product_in_the_first_stage(stand, row, error):
    shop = stand()
    view = shop.products(GOOD + row + "\n")
    assert (view["import_status"], view["transform_lines_read"]) == ("COMPLETE", 2)
    assert (view["transform_lines_in_success"], view["transform_lines_in_error"]) == (1, 1)
    report = shop.product_report(view["import_id"], "transformation_error_report")
    assert report[0][-3:] == ["line number", "warnings", "errors"]
    assert report[1][-3:] == ["3", "", error]
    assert report[1][: len(row.split(";"))] == row.split(";")
    assert [one["sku"] for one in shop.twin.shelf()] == ["P-1"]
    assert view["integration_details"]["products_successfully_synchronized"] == 1


WIDE = "sku_code;category_code;title;brand;material;color;weight;release_date;image_1;care\n"


@pytest.mark.parametrize(("grade", "live"), [("warning", ["P-1"]), ("error", [])])
def test_a_warning_costs_the_value_an_error_the_product(stand, grade, live):
    shop = stand(attribute_faults=grade)
    row = f"P-1;HAT;Cap;Acme;WOOL;PINK;1.2345;2026-02-30;ftp://x;{'x' * 81}\n"
    view = shop.products(row, WIDE)
    said = [
        "2006|Value PINK is not in list colors",
        "2000|Value ftp://x of attribute image_1 is not a MEDIA",
        f"2004|Attribute care is longer than {80} characters",
        "2000|Value 1.2345 of attribute weight is not a DECIMAL",
        "2000|Value 2026-02-30 of attribute release_date is not a DATE",
    ]
    warnings, errors = shop.product_report(view["import_id"], "transformation_error_report")[1][-2:]
    assert set((warnings or errors).split(",")) == set(said)
    assert (view["transform_lines_with_warning"], view["transform_lines_in_error"]) == (
        (1, 0) if grade == "warning" else (0, 1)
    )
    assert [one["sku"] for one in shop.twin.shelf()] == live
    if live:
        transformed = shop.product_report(view["import_id"], "transformed_file")
        assert transformed[1] == ["P-1", "HAT", "Cap", "Acme", "WOOL", "", "", "", "", ""]


def test_an_image_whose_address_no_reader_takes_is_a_faulty_value(stand):
    shop = stand()
    view = shop.products("P-1;HAT;Cap;Acme;WOOL;http://[x\n", "sku_code;category_code;title;brand;material;image_1\n")
    report = shop.product_report(view["import_id"], "transformation_error_report")
    assert report[1][-2] == "2000|Value http://[x of attribute image_1 is not a MEDIA"
    assert [one["sku"] for one in shop.twin.shelf()] == ["P-1"]


def test_required_attributes_are_inherited_and_others_left_out(stand):
    shop = stand()
    header = "sku_code;category_code;title;brand;thread_count;material\n"
    view = shop.products("S-1;SHEET;Sheet;Acme;;SILK\nS-2;SHEET;Sheet;Acme;400;SILK\n", header)
    report = shop.product_report(view["import_id"], "transformation_error_report")
    assert [line[-1] for line in report[1:]] == ["1000|Attribute thread_count is required"]
    transformed = shop.product_report(view["import_id"], "transformed_file")
    assert transformed[1:] == [["S-2", "SHEET", "Sheet", "Acme", "400", ""]]


@pytest.mark.parametrize(("mapped", "live"), [(False, 0), (True, 1)])
def test_the_shops_own_format_needs_a_mapping(stand, mapped, live):
    shop = stand(operator_mapping=mapped)
    view = shop.products(GOOD, operator_format="false")
    assert len(shop.twin.shelf()) == live
    if not mapped:
        report = shop.product_report(view["import_id"], "transformation_error_report")
        assert report[1][-1].startswith("1004|")


def test_own_format_is_the_default(stand):
    shop = stand()
    number = shop.post_file(IMPORTS, TITLES + GOOD).json()["import_id"]
    shop.later()
    assert shop.p42(number)["transform_lines_in_error"] == 1


@pytest.mark.parametrize("strict", [True, False])
def test_unknown_columns(stand, strict):
    shop = stand(refuse_unknown=strict)
    answer = shop.p41("P-1;SCARF;Scarf;Acme;WOOL;x\nP-2;NOPE;Scarf;Acme;WOOL;y\n", TITLES_AND_SHADE)
    assert answer.status_code == (400 if strict else 201)
    if strict:
        assert answer.json()["message"] == "Unknown column 'shade'"
        assert shop.twin.product_imports() == []
        return
    shop.later()
    number = answer.json()["import_id"]
    assert shop.product_report(number, "transformation_error_report")[0][5] == "shade"
    assert "shade" not in shop.product_report(number, "transformed_file")[0]


TITLES_AND_SHADE = "sku_code;category_code;title;brand;material;shade\n"


def test_a_header_given_twice_rejects_every_line(stand):
    view = (shop := stand()).products(
        "P-1;SCARF;a;b;Acme;WOOL\n", "sku_code;category_code;title;title;brand;material\n"
    )
    report = shop.product_report(view["import_id"], "transformation_error_report")
    assert report[1][-1] == "1002|Column 'title' appears more than once"
    assert not view["has_transformed_file"]


def test_a_comma_is_taken_too(stand):
    shop = stand()
    shop.products("P-1,SCARF,Scarf,Acme,WOOL\n", "sku_code,category_code,title,brand,material\n")
    assert shop.row("P-1")["live"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("sku_code;title\nP-1;Schö\n".encode("latin-1"), "The file is not encoded in UTF-8"),
        (b'sku_code;title\nP-1;"a"b"\n', "The file cannot be read as CSV"),
        (b"", "The file is empty"),
        (b"sku_code;title\n", "The file holds no products"),
    ],
)
def test_a_file_that_cannot_be_read_fails(stand, body, reason):
    shop = stand()
    answer = shop.post_file(IMPORTS, body, operator_format="true")
    assert answer.status_code == 201
    shop.later()
    view = shop.p42(answer.json()["import_id"])
    assert (view["import_status"], view["reason_status"]) == ("FAILED", reason)
    report = shop.get(f"{IMPORTS}/{view['import_id']}/transformation_error_report")
    assert report.status_code == 404
    assert report.json()["message"] == f"Resource not available : report on import id {view['import_id']}"


def test_json_is_no_product_file(stand):
    shop = stand()
    assert shop.client.post(IMPORTS, json={"products": []}).status_code == 415
    assert shop.p41(GOOD, operator_format='"true"').json()["message"] == (
        "Param 'operator_format' is neither true nor false"
    )
    assert shop.p41(GOOD, import_mode="NORMAL").json()["message"] == "Unknown part 'import_mode'"
    assert shop.p41(GOOD, conversion_type="STANDARD").status_code == 400


def test_what_the_operator_turns_down(stand):
    shop = stand(operator_rejects={"P-1": "Brand not sold here"})
    view = shop.products(GOOD + "P-2;HAT;Cap;Acme;;WOOL\n")
    assert view["import_status"] == "COMPLETE"
    assert (view["transform_lines_in_error"], view["has_error_report"], view["has_new_product_report"]) == (
        0,
        True,
        True,
    )
    details = view["integration_details"]
    assert (details["rejected_products"], details["products_successfully_synchronized"]) == (1, 1)
    number = view["import_id"]
    rejected = shop.product_report(number, "error_report")
    assert rejected[0] == ["sku_code", "category_code", "title", "brand", "ean", "material", "errors"]
    assert (rejected[1][0], rejected[1][-1]) == ("P-1", "MCM-04012|Brand not sold here")
    assert [line[0] for line in shop.product_report(number, "new_product_report")[1:]] == ["P-2"]


def test_reports_in_the_operators_own_layout(stand):
    shop = stand(catalog_manager=False, operator_rejects={"P-1": "no"}, custom_error_columns=("Reference", "Grund"))
    number = shop.products(GOOD + "P-2;HAT;Cap;Acme;;WOOL\n")["import_id"]
    assert shop.product_report(number, "error_report") == [["Reference", "Grund"], ["P-1", "MCM-04012|no"]]
    assert shop.product_report(number, "new_product_report") == [["shop_sku", "warning"], ["P-2", ""]]
    modules = shop.get("/api/platform/configuration").json()["modules"]
    assert modules["mirakl_catalog_manager"] is False


def test_faults_of_product_imports(stand):
    shop = stand()
    shop.twin.faults.set({"never_ends": 1, "only": "P41"})
    endless = shop.p41(GOOD).json()["import_id"]
    shop.later(1_000_000)
    assert shop.p42(endless)["import_status"] == "SENT"
    shop.twin.faults.set({"fails": 1})
    failed = shop.products(GOOD)
    assert (failed["import_status"], failed["has_transformation_error_report"]) == ("FAILED", False)
    shop.twin.faults.set({"all_in_error": 1})
    bad = shop.products(GOOD)
    assert (bad["import_status"], bad["transform_lines_in_error"]) == ("COMPLETE", 1)
    shop.twin.faults.set({"rejects": 1})
    rejected = shop.products(GOOD)
    assert rejected["integration_details"]["rejected_products"] == 1
    assert shop.twin.shelf() == []
    shop.twin.faults.set({"unknown_status": 1})
    odd = shop.p41(GOOD).json()["import_id"]
    shop.later(81)
    assert shop.p42(odd)["import_status"] == "PENDING_REVIEW"
    shop.twin.faults.set({"report_missing": 1, "only": "P44"})
    assert shop.get(f"{IMPORTS}/{rejected['import_id']}/error_report").status_code == 404
    assert shop.get(f"{IMPORTS}/{rejected['import_id']}/error_report").status_code == 200


def test_a_product_sent_again_is_counted_once(stand):
    shop = stand()
    first = shop.p41(GOOD).json()["import_id"]
    shop.later(100)
    second = shop.p41(GOOD.replace("Wool", "Silk")).json()["import_id"]
    shop.later()
    counts = [shop.p42(number)["integration_details"] for number in (first, second)]
    assert [count["products_reimported"] for count in counts] == [1, 0]
    assert [count["products_successfully_synchronized"] for count in counts] == [0, 1]
    assert shop.row("P-1")["title"] == "Silk scarf"


def test_products_are_one_by_their_references(stand):
    shop = stand()
    shop.products(GOOD)
    shop.products(f"P-2;SCARF;Same scarf;Acme;{EAN};WOOL\nP-3;SCARF;Other;Acme;{OTHER_EAN};WOOL\n")
    assert shop.row("P-2")["product_sku"] == shop.row("P-1")["product_sku"] != shop.row("P-3")["product_sku"]
    wrong = shop.products(f"P-3;SCARF;Other;Acme;{EAN};WOOL\n")
    assert wrong["integration_details"]["products_with_wrong_identifiers"] == 1
    assert wrong["has_error_report"] is True


def test_the_list_is_oldest_first_in_pages(stand):
    shop = stand()
    numbers = [shop.p41(GOOD).json()["import_id"] for _ in range(12)]
    listed = lambda **query: shop.get(IMPORTS, **query)  # noqa: E731 - one short reading
    first = listed()
    assert [row["import_id"] for row in first.json()["product_import_trackings"]] == numbers[:10]
    assert first.json()["total_count"] == 12
    assert set(first.links) == {"next"}
    newest = listed(order="desc", max=1).json()["product_import_trackings"]
    assert newest[0]["import_id"] == numbers[-1]
    assert listed(sort="lastUpdated").status_code == 400
    assert listed(max=101).status_code == 400
    assert listed(limit=5).status_code == 400


def test_the_list_by_status_and_date(stand):
    shop = stand()
    early = shop.p41(GOOD).json()["import_id"]
    shop.later()
    since = shop.get(f"{IMPORTS}/{early}").json()["date_created"]
    from_date = shop.twin.clock.now().strftime("%Y-%m-%dT%H:%M:%S.000Z")
    late = shop.p41(GOOD).json()["import_id"]
    numbers = lambda **query: [  # noqa: E731 - one short reading
        row["import_id"] for row in shop.get(IMPORTS, **query).json()["product_import_trackings"]
    ]
    assert numbers(status="COMPLETE") == [early]
    assert numbers(last_request_date=since) == [early, late]
    assert numbers(last_request_date=from_date) == [late]
    assert numbers(has_transformed_file="true") == [early]
    assert shop.get(IMPORTS, status="TRANSFORMATION_WAITING").status_code == 400
    assert shop.get(IMPORTS, last_request_date="yesterday").status_code == 400
    assert shop.client.get(f"{IMPORTS}?last_request_date=2026-01-01T00:00:00+01:00").status_code == 400
    assert shop.client.get(f"{IMPORTS}?last_request_date=2026-01-01T00:00:00%2B01:00").status_code == 200


def test_changed_since_counts_every_change(stand):
    shop = stand()
    number = shop.p41(GOOD).json()["import_id"]
    shop.later(245)
    moment = shop.twin.clock.now().strftime("%Y-%m-%dT%H:%M:%S.999Z")
    shop.later(5)
    assert shop.get(IMPORTS, last_request_date=moment).json()["total_count"] == 0
    shop.later(60)
    assert shop.p42(number)["integration_details"]
    assert shop.get(IMPORTS, last_request_date=moment).json()["total_count"] == 1


def test_imports_of_products_survive_a_restart(stand, tmp_path):
    file = tmp_path / "mirakl.json"
    shop = stand(state_file=file)
    done = shop.products(GOOD.replace("scarf", "schärf"))
    waiting = shop.p41("P-2;HAT;Cäp;Acme;;WOOL\n").json()["import_id"]
    shop.close()
    again = stand(state_file=file)
    # The new twin's clock begins at the present again.
    again.later(20_000)
    assert again.p42(done["import_id"]) == done
    assert again.row("P-1")["title"] == "Wool schärf"
    assert again.p42(waiting)["transform_lines_in_success"] == 1
    assert again.row("P-2")["title"] == "Cäp"
    assert again.p41(GOOD).json()["import_id"] > waiting


@pytest.mark.parametrize(
    ("references", "status"),
    [
        ("EAN|1,UPC|2", 200),
        ("SHOP_SKU|1", 400),
        ("SKU|1", 400),
        ("EAN", 400),
        ("", 400),
        (",".join(["EAN|1"] * 101), 400),
    ],
)
def test_references_that_can_be_looked_up(stand, references, status):
    assert stand().get("/api/products", product_references=references).status_code == status


def test_an_import_of_another_shop_is_not_found(stand):
    shop = stand()
    number = shop.p41(GOOD).json()["import_id"]
    assert shop.get(f"{IMPORTS}/{number + 1}").status_code == 404
    assert shop.get(f"{IMPORTS}/{number}/error-report").json() == {"message": "Not Found"}


@pytest.mark.parametrize(
    ("kind", "value", "valid"),
    [
        ("EAN", EAN, True),
        ("EAN", "96385074", True),
        ("EAN", "4006381333932", False),
        ("EAN", "400638133393", False),
        ("EAN", "400638133393x", False),
        ("UPC", "036000291452", True),
        ("UPC", "036000291453", False),
        ("UPC", EAN, False),
    ],
)
def test_check_digits(kind, value, valid):
    assert valid_reference(kind, value) is valid
