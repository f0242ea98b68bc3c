"""Updates of assortments at the Partner API twin: verdicts, jobs, logs, and reads."""

import httpx
import pytest

from gateway.twin.partner import Item, Vendor

NOT_FOUND = "Product not found in the catalog of the vendor"


def test_a_job_is_queued_runs_and_ends(stand):
    shop = stand()
    said = shop.c1({"sku": "MILK", "price": 2.35, "quantity": 7}).json()
    assert said["job_status"] == "QUEUED"
    words = [shop.c6(said["job_id"]).json()]
    for seconds in (21, 40):
        shop.later(seconds)
        words.append(shop.c6(said["job_id"]).json())
    assert [word["job_status"] for word in words] == ["QUEUED", "IN_PROGRESS", "COMPLETED"]
    assert "download_url" not in words[1]
    assert words[2]["platform_vendor_id"] == "v001"
    assert shop.log(said["job_id"]) == [["sku", "state", "errors"], ["MILK", "SUCCESS", "null"]]
    assert (shop.item("MILK").price, shop.item("MILK").quantity) == ("2.35", 7)
    assert shop.item("MILK", "v002").price == "2.50"


def test_nothing_changes_before_the_end_and_the_storefront_may_lag(stand):
    shop = stand(storefront_seconds=1800.0)
    shop.c1({"sku": "MILK", "price": 2})
    shop.later(61)
    assert shop.item("MILK").price == "2.50"
    assert shop.twin.jobs()[0].state == "COMPLETED"
    shop.later(1800)
    assert shop.item("MILK").price == "2"
    effect = shop.twin.effects("MILK")[0]
    assert (effect.field, effect.value, effect.before, effect.vendor_id) == ("price", "2", "2.50", "v001")


def test_a_completed_job_holds_refused_rows(stand):
    shop = stand(active_or_quantity=True, one_identifier=True)
    log = shop.update(
        {"sku": "MILK", "price": 2},
        {"sku": "NOPE", "price": 2},
        {"sku": "milk", "price": 2},
        {"barcode": "999", "price": 2},
        {"sku": "EGGS", "price": 0},
        {"sku": "BREAD"},
        {"sku": "BREAD", "active": True, "quantity": 4},
    )
    assert log["MILK"] == "null"
    assert [log[sku] for sku in ("NOPE", "milk", "999")] == [NOT_FOUND] * 3
    assert log["EGGS"] == "price 0 must be greater than 0"
    assert shop.twin.jobs()[0].state == "COMPLETED"
    rows = {row.error for row in shop.twin.jobs()[0].rows if row.sku == "BREAD"}
    assert rows == {"Nothing to update", "Use either active or quantity"}
    answer = shop.update({"sku": "MILK", "barcode": "4006381333931", "price": 1}, {"sku": "EGGS", "quantity": -1})
    assert answer == {"MILK": "Use either sku or barcode", "EGGS": "quantity -1 is out of range"}


@pytest.mark.parametrize(("price", "kept"), [("4.5555", "4.555"), ("4.9999", "4.999"), ("3", "3"), ("2.350", "2.35")])
def test_three_decimals_are_kept_and_the_rest_is_cut(stand, price, kept):
    shop = stand()
    shop.c1(text=f'{{"products": [{{"sku": "MILK", "price": {price}}}]}}')
    shop.later()
    assert shop.item("MILK").price == kept


@pytest.mark.parametrize(
    ("sent", "active"),
    [
        ({"active": False, "quantity": 99}, False),
        ({"active": False}, False),
        ({"active": True}, True),
        ({"active": True, "quantity": 6}, True),
        ({"active": True, "quantity": 5}, False),
        ({"quantity": 6}, True),
        ({"quantity": 5}, False),
        ({"quantity": 0}, False),
    ],
)
def test_availability_with_a_buffer_of_five(stand, sent, active):
    shop = stand(vendors=(Vendor("v001", sales_buffer=5),))
    shop.update(*({"sku": sku} | sent for sku in ("MILK", "EGGS")))
    assert [shop.item(sku).active for sku in ("MILK", "EGGS")] == [active, active]


def test_equality_with_the_buffer_is_a_switch(stand):
    shop = stand(vendors=(Vendor("v001", sales_buffer=5),), buffer_is_inactive=False)
    shop.update({"sku": "MILK", "quantity": 5}, {"sku": "BREAD", "quantity": 4})
    assert (shop.item("MILK").active, shop.item("BREAD").active) == (True, False)


def test_a_single_quantity_never_deactivates(stand):
    shop, other = stand(), stand(single_quantity_keeps_active=False)
    for one in (shop, other):
        assert one.update({"sku": "MILK", "quantity": 0}) == {"MILK": "null"}
    assert shop.item("MILK").active is True
    assert other.item("MILK").active is False
    shop.update({"sku": "EGGS", "quantity": 3})
    assert shop.item("EGGS").active is True


@pytest.mark.parametrize(
    ("products", "message"),
    [
        ("[]", "products must be a list that is not empty"),
        ("{}", "products must be a list that is not empty"),
        ('["MILK"]', "products[0] must be an object"),
        ('[{"price": 1}]', "products[0] must have a sku or a barcode"),
        ('[{"sku": 5, "price": 1}]', "products[0].sku must be a string"),
        ('[{"barcode": "12A", "price": 1}]', "products[0].barcode must hold at most 14 digits"),
        ('[{"barcode": "123456789012345", "price": 1}]', "products[0].barcode must hold at most 14 digits"),
        ('[{"sku": "MILK", "quantity": 1.0}]', "products[0].quantity must be an integer"),
        ('[{"sku": "MILK", "quantity": "1"}]', "products[0].quantity must be an integer"),
        ('[{"sku": "MILK", "quantity": true}]', "products[0].quantity must be an integer"),
        ('[{"sku": "MILK", "price": "1"}]', "products[0].price must be a number"),
        ('[{"sku": "MILK", "price": null}]', "products[0].price must be a number"),
        ('[{"sku": "MILK", "active": 1}]', "products[0].active must be a boolean"),
        ('[{"sku": "MILK", "max_sales_quantity": 1}]', "Unknown field 'max_sales_quantity' in products[0]"),
    ],
)
def test_one_faulty_product_refuses_the_whole_call(calm, products, message):
    listed = products if products[0] != "[" or products == "[]" else f'[{{"sku": "BREAD", "price": 1}}, {products[1:]}'
    answer = calm.c1(text=f'{{"products": {listed}}}')
    assert answer.status_code == 400
    assert answer.json()["message"].replace("[1]", "[0]") == message
    assert calm.twin.jobs() == []


def test_more_switches_of_calls(stand):
    shop = stand(refuse_unknown=False, bad_price="call", max_products=2, max_quantity_name="max_sales_quantity")
    assert shop.c1({"sku": "MILK", "price": 0}).status_code == 400
    assert shop.c1(*[{"sku": f"S{number}", "price": 1} for number in range(3)]).status_code == 413
    assert shop.update({"sku": "MILK", "max_sales_quantity": 4, "shelf": "A"}) == {"MILK": "null"}
    assert shop.item("MILK").maximum == 4


def test_a_barcode_finds_its_product_whatever_its_zeros(stand):
    shop = stand()
    assert shop.update({"barcode": "04006381333931", "price": 2}) == {"MILK": "null"}
    assert shop.item("MILK").price == "2"


def test_a_product_given_twice(stand):
    last, error = stand(), stand(duplicates="error")
    for shop in (last, error):
        shop.update({"sku": "MILK", "price": 1}, {"sku": "MILK", "price": 2})
    assert last.item("MILK").price == "2"
    assert error.item("MILK").price == "2.50"
    assert [row.error for row in error.twin.jobs()[0].rows] == ["Product is given more than once"] * 2


def test_one_product_may_be_done_at_once(stand):
    shop = stand(single_answer="done")
    answer = shop.c1({"sku": "MILK", "price": 2})
    assert (answer.status_code, shop.item("MILK").price, shop.twin.jobs()) == (200, "2", [])
    assert shop.c1({"sku": "NOPE", "price": 2}).json() == {"message": NOT_FOUND}
    assert shop.c1({"sku": "MILK", "price": 2}, {"sku": "EGGS", "price": 2}).status_code == 202


# ---------------------------------------------------------------- several jobs of a vendor


def send_two(shop):
    shop.c1({"sku": "MILK", "price": 1})
    shop.later(5)
    return shop.c1({"sku": "MILK", "price": 2})


def test_a_later_job_overtakes_and_the_older_value_stays(stand):
    shop = stand()
    send_two(shop)
    shop.later()
    assert shop.item("MILK").price == "1"
    assert [effect.value for effect in shop.twin.effects("MILK")] == ["2", "1"]
    assert len(shop.twin.violations("overlap")) == 1


def test_jobs_may_queue_or_be_refused(stand):
    queue, refuse = stand(overlap="queue"), stand(overlap="refuse")
    send_two(queue)
    assert send_two(refuse).status_code == 409
    queue.later(61)
    assert queue.item("MILK").price == "1"
    queue.later(61)
    assert queue.item("MILK").price == "2"
    refuse.later()
    assert refuse.c1({"sku": "MILK", "price": 2}).status_code == 202


def test_vendors_and_jobs_one_after_the_other_don_t_meet(stand):
    shop = stand()
    shop.c1({"sku": "MILK", "price": 1})
    shop.c1({"sku": "MILK", "price": 2}, vendor="STORE-002")
    shop.later()
    shop.c1({"sku": "MILK", "price": 3})
    assert shop.twin.violations() == []
    assert shop.item("MILK", "v002").price == "2"


# ---------------------------------------------------------------- results


def test_jobs_go_wrong_on_demand(stand):
    shop = stand()
    for fault in ("fails", "never_ends", "late_job", "refuses"):
        shop.twin.faults.set({fault: 1})
        shop.c1({"sku": "MILK", "price": 1}, {"sku": "EGGS", "price": 1})
        shop.later(10_000)
    assert [job.state for job in shop.twin.jobs()] == ["FAILED", "", "COMPLETED", "COMPLETED"]
    assert all(row.error for row in shop.twin.jobs()[3].rows)
    assert "download_url" not in shop.c6(shop.twin.jobs()[0].job_id).json()
    assert shop.c6(shop.twin.jobs()[1].job_id).json()["job_status"] == "IN_PROGRESS"


def test_a_late_job(stand):
    shop = stand()
    shop.twin.faults.set({"late_job": 1, "late_seconds": 1000.0})
    shop.c1({"sku": "MILK", "price": 1})
    shop.later(1059)
    assert shop.twin.jobs()[0].state == ""
    shop.later(2)
    assert shop.twin.jobs()[0].state == "COMPLETED"


def test_logs_plain_compressed_short_and_missing(stand):
    shop = stand(no_error="", log_words=("ok", "ko"))
    assert shop.update({"sku": "MILK", "price": 1}, {"sku": "NOPE", "price": 1}) == {"MILK": "", "NOPE": NOT_FOUND}
    shop.twin.faults.set({"gzipped": 1})
    job = shop.c1({"sku": "MILK", "price": 1}).json()["job_id"]
    shop.later()
    raw = shop.client.get(shop.c6(job).json()["download_url"])
    assert raw.content[:2] == b"\x1f\x8b"
    assert "content-encoding" not in raw.headers
    assert shop.log(job)[1] == ["MILK", "ok", ""]
    shop.twin.faults.set({"log_short": 1})
    assert list(shop.update({"sku": "MILK", "price": 1}, {"sku": "EGGS", "price": 1})) == ["MILK"]
    shop.twin.faults.set({"log_missing": 1})
    job = shop.c1({"sku": "MILK", "price": 1}).json()["job_id"]
    shop.later()
    assert shop.client.get(shop.c6(job).json()["download_url"]).status_code == 404


def test_a_download_here_needs_the_token(stand):
    shop = stand()
    job = shop.c1({"sku": "MILK", "price": 1}).json()["job_id"]
    shop.later()
    url = shop.c6(job).json()["download_url"]
    assert url.startswith(shop.twin.url)
    assert httpx.get(url).status_code == 401


def test_a_signed_download_is_elsewhere_and_refuses_tokens(stand):
    shop = stand(downloads="signed")
    job = shop.c1({"sku": "MILK", "price": 1}).json()["job_id"]
    shop.later()
    url = shop.c6(job).json()["download_url"]
    assert not url.startswith(shop.twin.url)
    assert httpx.get(url).text.splitlines()[1] == "MILK,SUCCESS,null"
    assert shop.client.get(url).status_code == 400
    assert len(shop.twin.violations("token")) == 1
    assert httpx.get(url.replace("X-Signature=", "X-Signature=0")).status_code == 403
    shop.later(3700)
    assert httpx.get(url).status_code == 403
    fresh = shop.c6(job).json()["download_url"]
    assert httpx.get(fresh).status_code == 200
    assert httpx.get(fresh.replace("/partner-jobs/", "/partner-jobs/x")).status_code == 403


def test_the_status_call_may_know_creations_only_or_fail(stand):
    shop, strict = stand(), stand(polls="creation", status_name="status")
    shop.twin.faults.set({"status_missing": 1})
    job = shop.c1({"sku": "MILK", "price": 1}).json()["job_id"]
    assert shop.c6(job).status_code == 404
    assert shop.c6(job).status_code == 200
    assert strict.c6(strict.c1({"sku": "MILK", "price": 1}).json()["job_id"]).status_code == 404
    assert shop.c6("nothing").status_code == 404


# ---------------------------------------------------------------- reads


def skus(answer):
    return [product["sku"] for product in answer.json()["products"]]


def test_pages_by_page_and_never_by_page_number(stand):
    shop = stand(items=[Item(f"S{number}", f"Thing {number}", "1") for number in range(7)])
    first = shop.get("/vendors/v001/catalog", page_size=3)
    assert {name: first.json()[name] for name in ("page_number", "page_size", "total_pages")} == {
        "page_number": 1, "page_size": 3, "total_pages": 3,
    }  # fmt: skip
    assert skus(shop.get("/vendors/v001/catalog", page_size=3, page=3)) == ["S6"]
    assert skus(shop.get("/vendors/v001/catalog", page_size=3, page=9)) == []
    assert skus(shop.get("/vendors/v001/catalog", page_size=3, page_number=2)) == skus(first)
    assert shop.get("/vendors/v001/catalog", page_size=501).status_code == 400
    assert shop.get("/vendors/v001/catalog", page=0).status_code == 400


def test_what_a_read_shows(stand):
    shop = stand()
    row = shop.get("/vendors/v001/catalog").json()["products"][0]
    assert row == {
        "sku": "MILK", "barcodes": ["04006381333931"], "title": {"en_GB": "Milk 1 l"}, "price": 2.5, "active": True,
    }  # fmt: skip
    plain = stand(barcode_field="barcode", title_map=False, barcode_digits=0)
    row = plain.get("/vendors/v001/catalog").json()["products"][0]
    assert (row["barcode"], row["title"]) == ("4006381333931", "Milk 1 l")


def test_reads_are_searched(stand):
    shop = stand()
    path = "/vendors/v001/catalog"
    assert skus(shop.get(path, is_active="false")) == ["EGGS"]
    assert skus(shop.get(path, query_term="milk 1")) == ["MILK"]
    assert skus(shop.get(path, category_global_ids="dairy,other")) == ["MILK"]
    assert shop.get(path, is_active="no").status_code == 400


def test_an_export_is_a_job_with_a_quoted_table(stand, base):
    shop = stand(export_bom=True, barcode_separator=";", items=[Item("A", "x", "1.5", barcodes=("1", "22"), maximum=3)])
    job = shop.client.post(f"{base}/vendors/v001/catalog/export").json()
    assert job["job_status"] == "QUEUED"
    shop.later()
    url = shop.c6(job["job_id"]).json()["download_url"]
    assert shop.client.get(url).content.startswith(b'\xef\xbb\xbf"sku","barcode","price","active"')
    assert shop.table(url)[1] == ["A", "00000000000001;00000000000022", "1.5", "true", "3"]


def test_categories(stand):
    shop = stand()
    every, leaves = (
        shop.get("/vendors/v001/categories", only_leaves=flag).json()["categories"] for flag in ("false", "true")
    )
    assert [one["name"]["en_GB"] for one in every] == ["Dairy", "Milk", "Bakery"]
    assert [one["name"]["en_GB"] for one in leaves] == ["Milk", "Bakery"]


def test_outlets(stand, base):
    shop = stand()
    path = f"{base}/vendors/v001/status"
    assert shop.client.get(path).json() == {"status": "OPEN"}
    closed = {"status": "CLOSED_UNTIL", "closed_until": "2030-01-01T00:00:00Z", "reason": "OTHER"}
    assert shop.client.put(path, json=closed).status_code == 200
    assert shop.client.get(path).json() == closed
    assert shop.get("/vendors/v002/status").json() == {"status": "OPEN"}
    for bad in ({"status": "SHUT"}, {"status": "CLOSED_UNTIL"}, {"status": "OPEN", "reason": "NONE"}):
        assert shop.client.put(path, json=bad).status_code == 400
    assert stand(status_answer="empty").client.put(path, json={"status": "OPEN"}).status_code == 204


# ---------------------------------------------------------------- creation

NEW = {"sku": "NEW", "title": {"en_GB": "New"}, "price": 2.5, "barcodes": ["12"]}
LEAF = "0b1d7a52-63a5-4b55-9a33-000000000002"


def create(shop, base, *products, vendors=("v001",)):
    return shop.client.post(f"{base}/catalog", json={"vendors": list(vendors), "products": list(products)})


def test_creation_is_off_unless_the_account_may(stand, base):
    assert create(stand(), base, NEW).status_code == 501


def test_creation_with_feedback_per_item_and_duplicates(stand, base):
    shop = stand(create_products=True)
    bad = {"sku": "BAD", "title": "x", "price": 0, "categories": ["?"], "barcode": "x"}
    twice = NEW | {"sku": "MILK", "categories": [LEAF]}
    said = create(shop, base, NEW | {"categories": [LEAF]}, bad, twice, vendors=["*"])
    assert said.status_code == 202
    assert said.json()["duplicated_products"] == ["v001:MILK", "v002:MILK"]
    shop.later()
    result = shop.c6(said.json()["job_id"]).json()["result"]
    assert [(one["sku"], one["status"]) for one in result["item_level_feedback"]] == [
        ("NEW", "SUCCESS"), ("BAD", "REJECTED"), ("MILK", "SUCCESS"),
    ]  # fmt: skip
    reasons = result["item_level_feedback"][1]["rejection_reasons"]
    assert {one["rejected_data"] for one in reasons} == {"title", "categories", "price", "barcodes"}
    assert result["duplicated_products"] == ["v001:MILK", "v002:MILK"]
    assert [shop.item("NEW", vendor).price for vendor in ("v001", "v002")] == ["2.5", "2.5"]
    assert shop.item("MILK").price == "2.50"


def test_faulty_creations(stand, base):
    shop = stand(create_products=True)
    assert create(shop, base, NEW, vendors=["nobody"]).status_code == 400
    assert create(shop, base).status_code == 400
    assert create(shop, base, {"title": {}}).status_code == 400
    assert create(shop, base, NEW | {"colour": "red"}).status_code == 400
