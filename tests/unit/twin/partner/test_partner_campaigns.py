"""Promotion files at the Partner API twin: campaigns by rows."""

import pytest

from gateway.twin.partner import Vendor

PROMO = "promotions/promo_v001.csv"
PROMO_HEADER = (
    "barcode,sku,campaign_name,reason,start_date,end_date,promotion_type,promotion_sub_type,discount_usage_limit,"
    "bundle_details,bundle_discount,discounted_price,max_no_of_orders,campaign_status\n"
)
WINDOW = "2020-03-16 00:00:00,2099-03-22 23:59:59"
DEAL = f",MILK,Week 12,competitiveness,{WINDOW},strikethrough,,,,,1.99,,1\n"


def faults(upload):
    return [(fault.line, fault.sku, fault.vendor_id, fault.message) for fault in upload.faults]


def test_a_campaign_begins_and_ends_by_the_same_row(stand):
    shop = stand(sftp=True, min_interval_seconds=0.0)
    assert shop.file(PROMO, PROMO_HEADER + DEAL).state == "COMPLETED"
    assert (shop.row("MILK")["promotion"], shop.row("MILK")["promotion_name"]) == ("1.99", "Week 12")
    ended = DEAL.replace(",1\n", ",0\n")
    other = shop.file(PROMO, PROMO_HEADER + ended.replace("1.99", "1.98"))
    assert faults(other)[0][3] == "The row differs from the one that began the campaign in discounted_price"
    assert shop.row("MILK")["promotion"] == "1.99"
    assert shop.file(PROMO, PROMO_HEADER + ended).state == "COMPLETED"
    assert shop.row("MILK")["promotion"] is None
    again = shop.file(PROMO, PROMO_HEADER + ended)
    assert faults(again)[0][3] == "There is no such campaign to end"


def test_dates_are_the_store_s_and_may_lack_a_time(stand):
    vendors = (Vendor("v001", timezone="Asia/Karachi"),)
    rows = PROMO_HEADER + DEAL.replace(WINDOW, "2020-03-16,2099-03-22")
    local, utc = (stand(sftp=True, vendors=vendors, promotion_times=zone) for zone in ("vendor", "utc"))
    for shop, hour in ((local, 19), (utc, 0)):
        shop.file(PROMO, rows)
        assert shop.twin.promotions()[0].end.hour == hour
    strict = stand(sftp=True, date_only="refuse")
    assert "is no date like" in faults(strict.file(PROMO, rows))[0][3]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("MILK", ""), "Either sku or barcode is required"),
        ((",MILK", "123,MILK"), "Either sku or barcode is required"),
        (("Week 12", ""), "campaign_name is required"),
        (("competitiveness", ""), "reason '' is not allowed"),
        (("2020-03-16 00:00:00", "16.03.2020"), "start_date '16.03.2020' is no date like 2026-03-16 00:00:00"),
        (("2020-03-16", "2020-02-30"), "start_date '2020-02-30 00:00:00' does not exist"),
        (("2099", "2019"), "end_date must be after start_date"),
        (("2099", "2021"), "end_date is in the past"),
        (("strikethrough", "basket"), "promotion_type 'basket' is not allowed"),
        (("1.99", "0"), "discounted_price must be greater than 0"),
        (("1.99", ""), "discounted_price must be greater than 0"),
        (("1.99", "1.999"), "discounted_price has more than 2 decimals"),
        (("1.99", "2.5"), "discounted_price must be lower than the price"),
        (("MILK", "EGGS"), "Product not found or not active in the catalog of the vendor"),
        (("1.99,,1", "1.99,0,1"), "max_no_of_orders '0' must be at least 1"),
        (("1.99,,1", "1.99,,2"), "campaign_status '2' is neither 1 nor 0"),
        (("strikethrough,,,", "strikethrough,,,B2G1"), "bundle_details and bundle_discount belong to bundles only"),
    ],
)
def test_faulty_campaigns(calm, change, message):
    upload = calm.file(PROMO, PROMO_HEADER + DEAL.replace(*change))
    assert [fault[3] for fault in faults(upload)] == [message]
    assert calm.twin.promotions() == []


@pytest.mark.parametrize(
    ("terms", "shown"),
    [
        ("free_item,,B2G1,", "B2G1"),
        ("percentage_value_off,,B1G1,50", "B1G1 -50%"),
        ("absolute_value_off,,B1G1,0.5", "B1G1 -0.5"),
        ("free_item,,B2G1,5", "bundle_discount does not fit promotion_sub_type 'free_item'"),
        ("percentage_value_off,,B1G1,", "bundle_discount does not fit promotion_sub_type 'percentage_value_off'"),
        ("percentage_value_off,,B1G1,101", "bundle_discount '101' is out of range"),
        ("free_item,,2+1,", "bundle_details '2+1' is not of the form B2G1"),
        (",,B2G1,", "promotion_sub_type '' is not allowed"),
    ],
)
def test_bundles(stand, terms, shown):
    shop = stand(sftp=True)
    row = f",MILK,Week 12,any reason,{WINDOW},same_item_bundle,{terms},,,1\n"
    upload = shop.file(PROMO, PROMO_HEADER + row)
    assert (shop.row("MILK")["promotion"] or faults(upload)[0][3]) == shown


def test_a_campaign_by_barcode(stand):
    shop = stand(sftp=True, min_interval_seconds=0.0)
    row = DEAL.replace(",MILK", "04006381333931,")
    shop.file(PROMO, PROMO_HEADER + row)
    assert shop.row("MILK")["promotion"] == "1.99"
    shop.file(PROMO, PROMO_HEADER + row.replace(",1\n", ",0\n"))
    assert shop.row("MILK")["promotion"] is None


def test_what_came_by_call_is_not_changed_by_file(stand):
    shop = stand(sftp=True)
    terms = {"start_time": "2020-03-16T00:00:00Z", "end_time": "2099-03-22T23:59:59Z"}
    listed = [{"discount_subtype": "FINAL_PRICE", "discount_value": 1.5, "sku": ["MILK"]}]
    shop.promote(
        vendors=["v001"], type="STRIKETHROUGH", reason="TRADING", display_name={"en_GB": "Week 12"}, conditions=terms,
        discount=listed,
    )  # fmt: skip
    assert faults(shop.file(PROMO, PROMO_HEADER + DEAL))[0][3] == "The promotion was created by API"
