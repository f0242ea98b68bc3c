"""Writes what a chain of stores exports for quick-commerce platforms into `erp/`, in the columns these platforms name.

A row is for the stores it lists, or for `all` of them. `mappings/chain_*.toml` read them.
"""  # noqa: INP001  a script beside its data, not a package

from __future__ import annotations

from make_forms import csv_bytes, write
from stdnum import ean


def barcode(number: int) -> str:
    """A sound EAN-13."""
    body = f"8881234{number:05d}"
    return body + ean.calc_check_digit(body)


def catalog() -> None:
    """Prices with three decimals, caps per order; a damaged barcode, a price of nothing, a store nobody knows."""
    header = ("sku", "barcode", "name", "category", "price", "active", "maximum_sales_quantity", "vendors")
    rows = [
        ["MM-MILK-1L", barcode(1), "Fresh milk, 1 l", "Dairy", "3.450", "true", "6", "all"],
        ["MM-EGGS-12", barcode(2), "Eggs, dozen", "Dairy", "4.90", "true", "", "v001"],
        ["MM-BREAD-WW", barcode(3), "Wholemeal bread", "Bakery", "2.855", "false", "", "v001,v002"],
        ["MM-RICE-5K", barcode(4)[:-1], "Jasmine rice, 5 kg", "Pantry", "14.20", "true", "2", "all"],
        ["MM-BAG", "", "Carrier bag", "", "0.00", "true", "", "all"],
        ["MM-OIL-1L", barcode(5), "Peanut oil, 1 l", "Pantry", "6.75", "true", "", "v001,v009"],
    ]
    write("erp/chain_catalog.csv", csv_bytes([header, *rows], encoding="utf-8"))


def stock() -> None:
    """Levels: of one product per store, one that is no whole number, a product that a store does not list."""
    rows = [
        ["MM-MILK-1L", "40", "all"],
        ["MM-EGGS-12", "0", "v001"],
        ["MM-EGGS-12", "24", "v002"],
        ["MM-BREAD-WW", "12.5", "v002"],
        ["MM-SALT-1K", "7", "v001,v002"],
        ["MM-RICE-5K", "1204", "v002"],
    ]
    write("erp/chain_stock.csv", csv_bytes([("sku", "quantity", "vendors"), *rows], encoding="utf-8"))


def promotions() -> None:
    """Prices for a week and a bundle; a bundle at half price, stores left out, and a campaign that has ended."""
    header = (
        "barcode", "sku", "campaign_name", "reason", "start_date", "end_date", "promotion_type", "promotion_sub_type",
        "discount_usage_limit", "bundle_details", "bundle_discount", "discounted_price", "max_no_of_orders",
        "campaign_status", "vendors", "exclude",
    )  # fmt: skip
    week = ("2026-11-27 00:00:00", "2026-12-03 23:59:59")
    price, bundle = ("strikethrough", ""), ("same_item_bundle", "free_item")
    rows = [
        ["", "MM-MILK-1L", "Week 48", "competitiveness", *week, *price, "", "", "", "2.95", "", "1", "all", ""],
        ["", "MM-EGGS-12", "Week 48", "expiring soon", *week, *price, "0", "", "", "3.90", "200", "1", "v001", ""],
        ["", "MM-BREAD-WW", "Three for two", "overstock", *week, *bundle, "", "B2G1", "", "", "", "1", "all", ""],
        ["", "MM-RICE-5K", "Half off", "overstock", *week, "same_item_bundle", "percentage_value_off", "", "B1G1", "50",
         "", "", "1", "all", ""],
        ["", "MM-OIL-1L", "Week 48", "competitiveness", *week, *price, "", "", "", "5.95", "", "1", "all", "v002"],
        ["", "MM-SALT-1K", "Week 47", "competitiveness", "2026-11-20 00:00:00", "2026-11-26 23:59:59", *price, "", "",
         "", "0.95", "", "0", "all", ""],
    ]  # fmt: skip
    write("erp/chain_promotions.csv", csv_bytes([header, *rows], encoding="utf-8"))


def main() -> None:
    """Write the feeds of the chain."""
    catalog()
    stock()
    promotions()


if __name__ == "__main__":
    main()
