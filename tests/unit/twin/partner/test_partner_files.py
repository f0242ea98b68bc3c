"""Files at the Partner API twin: names, layouts, timing and what the portal says, over SFTP."""

import pytest

from gateway.twin.partner import Item, Vendor

PRODUCTS = "catalog/products_v001.csv"
PROMO = "promotions/promo_v001.csv"
PROMO_HEADER = (
    "barcode,sku,campaign_name,reason,start_date,end_date,promotion_type,promotion_sub_type,discount_usage_limit,"
    "bundle_details,bundle_discount,discounted_price,max_no_of_orders,campaign_status\n"
)
WINDOW = "2020-03-16 00:00:00,2099-03-22 23:59:59"
DEAL = f",MILK,Week 12,competitiveness,{WINDOW},strikethrough,,,,,1.99,,1\n"


def faults(upload):
    return [(fault.line, fault.sku, fault.vendor_id, fault.message) for fault in upload.faults]


def refusal(upload):
    assert upload.state == "FAILED"
    return upload.faults[0].message


# ---------------------------------------------------------------- picking up


def test_a_file_is_picked_up_worked_through_and_listed(stand):
    shop = stand(sftp=True)
    shop.put(PRODUCTS, "sku,price,quantity\nMILK,2.3555,40\nNOPE,1,\n")
    assert shop.sftp().listdir("catalog") == ["products_v001.csv"]
    upload = shop.taken()
    assert (upload.state, upload.vendor_id, upload.feed) == ("PROCESSING", "v001", "catalog")
    assert shop.sftp().listdir("catalog") == []
    assert shop.item("MILK").price == "2.50"
    shop.later(1800)
    upload = shop.twin.uploads()[0]
    assert (upload.state, upload.rows, upload.taken) == ("COMPLETED_WITH_ERRORS", 2, 1)
    assert faults(upload) == [(3, "NOPE", "v001", "Product not found in the catalog of the vendor")]
    assert (shop.item("MILK").price, shop.item("MILK").quantity) == ("2.355", 40)
    page = shop.client.get("/twin/files").json()[0]
    assert (page["name"], page["state"]) == ("products_v001.csv", "COMPLETED_WITH_ERRORS")
    assert shop.client.get(f"/twin/files/{page['file_id']}").text.startswith("sku,price,quantity\n")
    assert shop.client.get(f"/twin/files/{page['file_id']}/errors").text.splitlines()[1].startswith("3,NOPE,v001,")
    assert shop.client.get("/twin/files/none").status_code == 404


def test_a_wrong_name_is_never_picked_up(stand):
    shop = stand(sftp=True)
    names = ["products.csv", "products_v9.csv", "Products_v001.csv", "products_v001_2.csv", "p1_v001.csv"]
    for name in [*names, "products_v001.CSV"]:
        shop.put(f"catalog/{name}", "sku,price\nMILK,1\n")
    shop.twin.step()
    shop.later(10_000)
    shop.twin.step()
    assert shop.twin.uploads() == []
    assert set(shop.sftp().listdir("catalog")) == {*names, "products_v001.CSV"}
    assert {each.place for each in shop.twin.violations("file_name")} == set(names)


def test_the_partner_s_own_vendor_id_and_numbered_prefixes(stand):
    shop = stand(sftp=True, numbered_prefixes=True)
    assert shop.file("catalog/products2_STORE-001.csv", "sku,price\nMILK,1\n").state == "COMPLETED"
    assert shop.item("MILK").price == "1"


def test_a_file_outside_of_the_folders(stand):
    shop = stand(sftp=True)
    shop.put("products_v001.csv", "sku,price\nMILK,1\n")
    shop.twin.step()
    assert [each.place for each in shop.twin.violations("folder")] == ["products_v001.csv"]


def test_a_login_starts_in_its_home_and_folders_have_their_own_case(stand):
    folders = {"catalog": "Catalog", "promotions": "Promotions", "assortment": "Assortment"}
    shop = stand(sftp=True, folders=folders, create_folders=False)
    client = shop.sftp()
    assert client.normalize(".") == "/vendor-automation-sftp-storage-live-xx-1/home/XX_YY_twin"
    assert client.listdir() == []
    client.mkdir("Catalog")
    for path in ("catalog/products_v001.csv", "/Catalog/products_v001.csv"):
        with pytest.raises(FileNotFoundError):
            client.open(path, "wb")
    assert shop.file("Catalog/products_v001.csv", "sku,price\nMILK,1\n").state == "COMPLETED"


def test_temporary_names_are_left_alone_and_a_file_must_lie_still(stand):
    shop = stand(sftp=True)
    client = shop.sftp()
    with client.open("catalog/products_v001.csv.part", "wb") as file:
        file.write(b"sku,price\n")
    with client.open("catalog/products_v001.csv", "wb") as file:
        file.write(b"sku,price\n")
        file.flush()
        shop.twin.step()
        shop.later(29)
        shop.twin.step()
        file.write(b"MILK,1\n")
        file.flush()
        shop.twin.step()
        shop.later(29)
        shop.twin.step()
        assert shop.twin.uploads() == []
    shop.later(31)
    shop.twin.step()
    assert [upload.size for upload in shop.twin.uploads()] == [17]
    assert client.listdir("catalog") == ["products_v001.csv.part"]


def test_a_second_version_within_five_minutes_is_lost(stand):
    shop = stand(sftp=True)
    shop.put(PRODUCTS, "sku,price\nMILK,1\n")
    shop.taken()
    shop.put(PRODUCTS, "sku,price\nMILK,2\n")
    assert "too soon" in refusal(shop.taken())
    shop.later(200)
    shop.put(PRODUCTS, "sku,price\nMILK,3\n")
    assert shop.taken().state == "PROCESSING"
    shop.later(2000)
    assert shop.item("MILK").price == "3"
    assert len(shop.twin.violations("too_soon")) == 1


def test_a_second_version_may_wait_instead(stand):
    shop = stand(sftp=True, too_soon="waits")
    shop.put(PRODUCTS, "sku,price\nMILK,1\n")
    shop.taken()
    shop.put(PRODUCTS, "sku,price\nMILK,2\n")
    shop.taken(0)
    shop.later(300)
    shop.twin.step()
    assert len(shop.twin.uploads()) == 2


def test_a_version_that_was_not_yet_picked_up_is_overwritten(stand):
    shop = stand(sftp=True)
    shop.put(PRODUCTS, "sku,price\nMILK,1\n")
    shop.twin.step()
    shop.put(PRODUCTS, "sku,price\nMILK,2\n")
    shop.twin.step()
    assert len(shop.twin.violations("overwritten")) == 1
    shop.taken()
    shop.later(2000)
    assert shop.item("MILK").price == "2"


def test_files_may_stay(stand):
    shop = stand(sftp=True, vanishes=False)
    shop.file(PRODUCTS, "sku,price\nMILK,1\n")
    shop.later(10_000)
    shop.twin.step()
    assert len(shop.twin.uploads()) == 1
    assert shop.sftp().listdir("catalog") == ["products_v001.csv"]


def test_the_portal_pauses_a_feed(stand):
    shop = stand(sftp=True)
    assert shop.client.post("/twin/pause", json={"feed": "catalog", "paused": True}).status_code == 200
    shop.put(PRODUCTS, "sku,price\nMILK,1\n")
    shop.twin.step()
    shop.later(1000)
    shop.twin.step()
    assert shop.twin.uploads() == []
    shop.client.post("/twin/pause", json={"feed": "catalog", "paused": False})
    shop.twin.step()
    assert len(shop.twin.uploads()) == 1
    assert shop.client.post("/twin/pause", json={"feed": "menu", "paused": True}).status_code == 400


def test_files_go_wrong_on_demand(stand):
    shop = stand(sftp=True, min_interval_seconds=0.0)
    shop.twin.faults.set({"file_fails": 1})
    assert refusal(shop.file(PRODUCTS, "sku,price\nMILK,1\n")) == "The file could not be processed"
    shop.twin.faults.set({"file_lost": 1})
    shop.put(PRODUCTS, "sku,price\nMILK,1\n")
    shop.taken(0)
    assert shop.sftp().listdir("catalog") == []
    shop.twin.faults.set({"file_at_once": 1})
    shop.put(PRODUCTS, "sku,price\nMILK,1\n")
    shop.twin.step()
    assert len(shop.twin.uploads()) == 2
    shop.twin.faults.set({"file_stuck": 1})
    shop.put(PRODUCTS, "sku,price\nMILK,1\n")
    shop.taken(0)
    assert shop.sftp().listdir("catalog") == ["products_v001.csv"]


def test_the_server_goes_wrong_on_demand(stand):
    shop = stand(sftp=True)
    switches = shop.twin.drop.faults("XX_YY_twin")
    switches.full = True
    with pytest.raises(OSError, match="Failure"):
        shop.put(PRODUCTS, "sku,price\nMILK,1\n")
    switches.full = False
    switches.refuse_rename = True
    with pytest.raises(PermissionError):
        shop.put(PRODUCTS, "sku,price\nMILK,1\n")


def test_the_server_is_disturbed_by_a_page(stand):
    shop = stand(sftp=True)
    before = shop.twin.drop.known_hosts_line
    told = {"user": "XX_YY_twin", "cut_after": 5, "slow_write": 0.5, "renew_host_key": True}
    assert shop.client.post("/twin/sftp", json=told).status_code == 200
    assert (shop.twin.drop.faults("XX_YY_twin").cut_after, shop.twin.drop.faults("XX_YY_twin").slow_write) == (5, 0.5)
    assert shop.twin.drop.known_hosts_line != before
    for bad in ({"user": "x"}, {"user": "XX_YY_twin", "lock": 1}, {"user": "XX_YY_twin", "full": "yes"}):
        assert shop.client.post("/twin/sftp", json=bad).status_code == 400


# ---------------------------------------------------------------- tables


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "The file is empty"),
        ("sku,price\n", "The file has no rows"),
        ("sku;price\nMILK;1\n", "The columns are not divided by commas"),
        ("\ufeffsku,price\nMILK,1\n", "Column '\ufeffsku' is not known"),
        ("SKU,price\nMILK,1\n", "Column 'SKU' is not known"),
        ("sku,sku\nMILK,1\n", "Column 'sku' appears more than once"),
        ("sku,name\nMILK,1\n", "Column 'name' is not known"),
        ("price\n1\n", "Column 'sku' or 'barcode' is missing"),
        ("sku,vendors\nMILK,all\n", "Column 'vendors' is not known"),
        ('sku,price\n"MILK,1\n', "The file is no CSV: unexpected end of data"),
        (b"sku,price\nM\xfcLK,1\n", "The file is not UTF-8"),
        ("sku,price\nA,1\nB,1\nC,1\n", "The file has 4 rows with its header, at most 3 are allowed"),
    ],
)
def test_files_that_are_refused_as_a_whole(calm, text, message):
    assert refusal(calm.file(PRODUCTS, text)) == message


def test_rows_that_are_refused(stand):
    shop = stand(sftp=True)
    rows = [
        "MILK,,0,,,", "MILK,,-1,,,", "MILK,,1e3,,,", "MILK,,1,yes,,", "MILK,,1,,1.5,", "MILK,,1,,,x", ",,1,,,",
        ",12A,1,,,", "MILK,,,,,", "MILK,1", "EGGS,,3.50,1,,2",
    ]  # fmt: skip
    upload = shop.file(PRODUCTS, "sku,barcode,price,active,quantity,maximum_sales_quantity\n" + "\n".join(rows) + "\n")
    assert (upload.state, upload.rows, upload.taken) == ("COMPLETED_WITH_ERRORS", 11, 1)
    assert sorted(fault[0] for fault in faults(upload)) == list(range(2, 12))
    assert (shop.item("EGGS").price, shop.item("EGGS").active, shop.item("EGGS").maximum) == ("3.5", True, 2)
    assert shop.item("MILK").price == "2.50"


def test_switches_of_the_dialect(stand):
    shop = stand(sftp=True, accept_bom=True, unknown_columns="ignore", min_interval_seconds=0.0)
    assert shop.file(PRODUCTS, "\ufeffsku,name,price\r\nMILK,x,1\r\n").state == "COMPLETED"
    strict = stand(sftp=True, needs_final_newline=True)
    assert refusal(strict.file(PRODUCTS, "sku,price\nMILK,1")) == "The file has no newline at its end"


def test_a_quantity_in_a_file_deactivates_even_alone(stand):
    shop = stand(sftp=True)
    shop.file(PRODUCTS, "sku,quantity\nMILK,0\n")
    assert shop.item("MILK").active is False


# ---------------------------------------------------------------- many vendors


def test_a_file_for_many_vendors(stand):
    shop = stand(sftp=True, layout="multi", vendors=(Vendor("v1"), Vendor("v2"), Vendor("v3", "S3")))
    rows = 'MILK,1,all,v2\nEGGS,2,"v1, S3",\nBREAD,3,v1,v2\nBREAD,3,nobody,\nBREAD,3,,\n'
    upload = shop.file("catalog/products.csv", "sku,price,vendors,exclude\n" + rows)
    assert [shop.item("MILK", vendor).price for vendor in ("v1", "v2", "v3")] == ["1", "2.50", "1"]
    assert [shop.item("EGGS", vendor).price for vendor in ("v1", "v2", "v3")] == ["2", "3.99", "2"]
    assert [fault[3] for fault in faults(upload)] == [
        "exclude is only allowed where vendors is all", "Vendor 'nobody' is not known", "vendors is required",
    ]  # fmt: skip


def test_promotions_for_many_vendors_name_the_same_ones(stand):
    shop = stand(sftp=True, layout="multi", min_interval_seconds=0.0)
    header = PROMO_HEADER.replace("\n", ",vendors,exclude\n")
    both, other = (DEAL.replace("\n", f",{who}\n") for who in ("all,", "v001,"))
    upload = shop.file("promotions/promo.csv", header + both + other)
    assert {fault[3] for fault in faults(upload)} == {"All rows of a file must name the same vendors"}
    assert shop.file("promotions/promo.csv", header + both).state == "COMPLETED"
    assert [shop.row("MILK", vendor)["promotion"] for vendor in ("v001", "v002")] == ["1.99", "1.99"]


def test_a_name_with_a_vendor_is_wrong_for_many(stand):
    shop = stand(sftp=True, layout="multi")
    shop.put(PRODUCTS, "sku,price,vendors\nMILK,1,all\n")
    shop.twin.step()
    assert len(shop.twin.violations("file_name")) == 1


# ---------------------------------------------------------------- single files

SINGLE = "assortment/assortment_v001.csv"


@pytest.mark.parametrize(
    ("variant", "regular", "lower"),
    [
        ("price+discounted_price", "price", "discounted_price"),
        ("original_price+discounted_price", "original_price", "discounted_price"),
        ("original_price+price", "original_price", "price"),
    ],
)
def test_a_single_file_with_each_pair_of_prices(stand, variant, regular, lower):
    shop = stand(sftp=True, layout="single", price_variant=variant, min_interval_seconds=0.0)
    header = f"barcode,sku,{regular},active,reason,start_date,end_date,campaign_status,{lower},max_no_of_orders\n"
    row = f",MILK,3.10,1,competitiveness,{WINDOW},1,2.20,\n"
    assert shop.file(SINGLE, f"{header}{row},BREAD,1.90,0,,,,,,\n").state == "COMPLETED"
    assert (shop.item("MILK").price, shop.row("MILK")["promotion"]) == ("3.1", "2.2")
    assert (shop.item("BREAD").price, shop.item("BREAD").active) == ("1.9", False)
    assert len(shop.twin.promotions()) == 1
    assert shop.file(SINGLE, header + row.replace(",1,2.20", ",0,2.20")).state == "COMPLETED"
    assert shop.row("MILK")["promotion"] is None


def test_a_single_file_is_limited(stand):
    shop = stand(sftp=True, layout="single", items=[Item("A", "x", "1")], max_rows={"assortment": 2})
    assert "at most 2" in refusal(shop.file(SINGLE, "sku,price\nA,1\nA,2\n"))
