"""Switches of the Mirakl twin that several families share, each tried both ways."""

import orjson
import pytest

PRICES = "/api/offers/pricing/imports"
GOOD = "P-1;SCARF;Scarf;Acme;;WOOL\n"


@pytest.mark.parametrize(("fails", "status"), [(True, "FAILED"), (False, "COMPLETE")])
def test_files_without_lines(stand, fails, status):
    shop = stand({"A": 1}, fail_empty=fails)
    assert shop.products("")["import_status"] == status
    assert shop.offers("sku;price\n")[0]["status"] == status
    assert shop.prices("offer-sku;price\n")[0]["status"] == status


@pytest.mark.parametrize(("accepted", "status"), [(False, "FAILED"), (True, "COMPLETE")])
def test_a_byte_order_mark(stand, accepted, status):
    shop = stand({"A": 1}, accept_bom=accepted)
    assert shop.offers(b"\xef\xbb\xbfsku;price\nA;1\n")[0]["status"] == status
    assert shop.prices(b"\xef\xbb\xbfoffer-sku;price\nA;1\n")[0]["status"] == status


@pytest.mark.parametrize(("in_order", "price"), [(True, "3"), (False, "2")])
def test_imports_one_after_the_other(stand, in_order, price):
    shop = stand({"A": 1}, in_order=in_order)
    shop.twin.faults.set({"late_import": 1, "late_seconds": 50.0})
    for amount in (2, 3):
        shop.pri01(f"offer-sku;price\nA;{amount}\n")
    shop.later(300)
    assert shop.row("A")["price"] == price


@pytest.mark.parametrize(("leaf_only", "live"), [(True, 0), (False, 1)])
def test_products_on_leaves(stand, leaf_only, live):
    shop = stand(leaf_only=leaf_only)
    shop.products(GOOD.replace("SCARF", "ACCESSORIES"))
    assert len(shop.twin.shelf()) == live


@pytest.mark.parametrize(("separator", "errors"), [("|", 0), (",", 1)])
def test_several_values(stand, separator, errors):
    shop = stand(values_separator=separator)
    assert shop.products(GOOD.replace("WOOL", "WOOL|SILK"))["transform_lines_in_error"] == errors


@pytest.mark.parametrize("code", ["2000", "2003"])
def test_the_code_of_faults_without_one(stand, code):
    shop = stand(unclassed_code=code)
    header = "sku_code;category_code;title;brand;material;weight\n"
    number = shop.products("P-1;SCARF;Scarf;Acme;WOOL;heavy\n", header)["import_id"]
    report = shop.product_report(number, "transformation_error_report")
    assert report[1][-2] == f"{code}|Value heavy of attribute weight is not a DECIMAL"


@pytest.mark.parametrize(("counts", "number"), [(True, "3"), (False, "2")])
def test_line_numbers_of_product_reports(stand, counts, number):
    shop = stand(report_counts_header=counts)
    found = shop.products(GOOD + "P-2;NOPE;x;Acme;;WOOL\n")["import_id"]
    assert shop.product_report(found, "transformation_error_report")[1][-3] == number


@pytest.mark.parametrize(("strict", "status"), [(True, 400), (False, 201)])
def test_unknown_names(stand, strict, status):
    shop = stand({"A": 1}, refuse_unknown=strict)
    assert shop.pri01("offer-sku;price;margin\nA;1;2\n").status_code == status
    offer = {"shop_sku": "A", "state_code": "11", "price": 1, "update_delete": "", "discount-price": 1}
    assert shop.client.post("/api/offers", json={"offers": [offer]}).status_code == status
    export = shop.client.post("/api/offers/export/async", json={"sku": "A"})
    assert export.status_code == (400 if strict else 200)


@pytest.mark.parametrize(("over", "status"), [("refuse", 400), ("clamp", 200)])
def test_pages_above_the_maximum(stand, over, status):
    shop = stand({"A": 1}, page_over_maximum=over)
    assert shop.get(PRICES, limit=101).status_code == status
    assert shop.get("/api/products/imports", max=101).status_code == status


@pytest.mark.parametrize("form", ["seconds", "none"])
@pytest.mark.parametrize("code", ["P41", "OF01", "PRI01", "OF04", "P51", "PRI02"])
def test_limits_of_each_family(stand, code, form):
    shop = stand({"A": 1}, limits={code: 900.0}, retry_after=form)
    calls = {
        "P41": lambda: shop.p41(GOOD),
        "OF01": lambda: shop.of01("sku;price\nA;1\n"),
        "PRI01": lambda: shop.pri01("offer-sku;price\nA;1\n"),
        "OF04": lambda: shop.get("/api/offers/imports"),
        "P51": lambda: shop.get("/api/products/imports"),
        "PRI02": lambda: shop.get(PRICES),
    }
    assert calls[code]().status_code in {200, 201}
    early = calls[code]()
    assert early.status_code == 429
    assert ("Retry-After" in early.headers) is (form == "seconds")
    if form == "seconds":
        assert 898 <= int(early.headers["Retry-After"]) <= 900
    shop.later(901)
    assert calls[code]().status_code in {200, 201}


@pytest.mark.parametrize("code", ["P41", "OF01", "PRI01"])
def test_an_import_accepted_although_the_answer_was_lost(stand, code):
    shop = stand({"A": 1})
    send = {"P41": lambda: shop.p41(GOOD), "OF01": lambda: shop.of01("sku;price\nA;1\n")}
    send["PRI01"] = lambda: shop.pri01("offer-sku;price\nA;1\n")
    shop.twin.faults.set({"error_after_post": 1, "only": code})
    assert send[code]().status_code == 500
    counts = {
        "P41": len(shop.twin.product_imports()),
        "OF01": len(shop.twin.offer_imports()),
        "PRI01": len(shop.twin.price_imports()),
    }
    assert counts == {name: int(name == code) for name in counts}


def test_an_older_state_file_is_read(stand, tmp_path):
    file = tmp_path / "mirakl.json"
    offer = {"sku": "A", "offer_id": 5001, "quantity": 3, "warehouses": {}}
    file.write_bytes(orjson.dumps({"offers": [[2110, offer]], "imports": [], "effects": [], "next_offer_id": 5002}))
    shop = stand({"Z": 1}, state_file=file)
    assert shop.twin.offers() == {"A": 3}
    assert (shop.row("A")["price"], shop.row("A")["live"], shop.offer("A")["state_code"]) == ("10", True, "11")
