"""Writes one feed per contract and format into `generic/`: CSV as in the UK, XML as in Spain, workbooks as in the US.

They are what a partner without a layout of its own is asked for; `mappings/generic_*.toml` read them.
"""  # noqa: INP001  a script beside its data, not a package

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from make_forms import csv_bytes, workbook, write
from stdnum import ean

GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
SIZES = ("S", "M", "L")
Cell = str | int | float | bool | datetime


def barcode(number: int) -> str:
    """A sound EAN-13."""
    body = f"5012345{number:05d}"
    return body + ean.calc_check_digit(body)


def picture(shade: int) -> str:
    """A picture of one dot, as base64."""
    return base64.b64encode(GIF[:13] + bytes([shade, shade, shade]) + GIF[16:]).decode()


def day(number: int, *, month: int = 11) -> datetime:
    """A day of autumn 2026."""
    return datetime(2026, month, number, tzinfo=UTC).replace(tzinfo=None)


# ---------------------------------------------------------------- the rows, format for format


def csv_feed(name: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """CSV as in the United Kingdom: commas, UTF-8, thousands comma, day before month."""
    write(f"generic/{name}.csv", csv_bytes([header, *rows], encoding="utf-8-sig"))


def xml_feed(name: str, element: str, rows: Sequence[Mapping[str, str]]) -> None:
    """XML as in Spain: decimal comma, day before month, S and N."""
    items = []
    for row in rows:
        inner = "".join(f"  <{key}>{escape(text)}</{key}>\n" for key, text in row.items())
        items.append(f" <{element}>\n{inner} </{element}>\n")
    body = "".join(items)
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<{element}s>\n{body}</{element}s>\n'
    write(f"generic/{name}.xml", text.encode())


def xlsx_feed(name: str, header: Sequence[str], rows: Sequence[Sequence[Cell | None]]) -> None:
    """A workbook as in the United States: typed numbers, dates, true and false; codes as text."""
    out = io.BytesIO()
    with workbook(out) as book:
        sheet = book.add_worksheet("Feed")
        date_format = book.add_format({"num_format": "mm/dd/yyyy"})
        for column, text in enumerate(header):
            sheet.write_string(0, column, text)
        for place, row in enumerate(rows, start=1):
            for column, value in enumerate(row):
                match value:
                    case None:
                        continue
                    case bool():
                        sheet.write_boolean(place, column, value)
                    case str():
                        sheet.write_string(place, column, value)
                    case datetime():
                        sheet.write_datetime(place, column, value, date_format)
                    case _:
                        sheet.write_number(place, column, value)
    write(f"generic/{name}.xlsx", out.getvalue())


def catalog() -> None:
    """A shirt in three sizes, a book, a bag; in each file one row is faulty."""
    header = ("SKU", "Parent SKU", "Product Name", "Description", "Barcode", "Brand", "Category", "Price", "Price Type",
              "VAT Rate", "Discount", "On Sale", "Added", "Size", "Stock", "Unit", "Image 1", "Image 2",
              "Related", "attr:material", "attr:care")  # fmt: skip
    rows = [
        [f"GX-100-{size}", "GX-100", "Oxford shirt", "Button-down collar, long sleeve.", barcode(100 + place), "Wexham",
         "Clothing / Shirts", "1,049.00" if size == "L" else "49.00", "inc VAT", "20%", "10+5", "Yes", "01/09/2026",
         size, str(4 * place), "each", f"https://img.example.com/gx100-{size}.jpg", "https://img.example.com/gx100.jpg",
         "GX-200; GX-300", "cotton", "40 °C"]
        for place, size in enumerate(SIZES)
    ]  # fmt: skip
    rows.append(["GX-200", "", "Pattern book", "", barcode(200), "Wexham", "Books", "12.99", "ex VAT", "0%", "", "No",
                 "15/10/2026", "", "0", "each", "", "", "", "", ""])  # fmt: skip
    rows.append([*rows[-1][:4], barcode(201)[:-1] + str((int(barcode(201)[-1]) + 1) % 10), *rows[-1][5:]])
    rows[-1][0] = "GX-201"
    csv_feed("catalog", header, rows)
    header = ("SKU", "Style", "Title", "GTIN", "Brand", "Category", "Price", "Discontinued", "Launched", "Color", "Qty")
    cells: list[list[Cell | None]] = [
        ["UX-1-RED", "UX-1", "Canvas tote", barcode(310), "Wexham", "Bags>Totes", 1034.5, False, day(1), "Red", 12],
        ["UX-1-BLU", "UX-1", "Canvas tote", None, "Wexham", "Bags>Totes", 34.5, False, day(1), "Blue", 0],
        ["UX-2", None, "Tote strap", None, "Wexham", "Bags", 8, True, day(2, month=10), None, None],
        ["UX-3", None, "Zipper pouch", None, "Wexham", "Bags", "ask", False, day(3), None, 4],
    ]
    xlsx_feed("catalog", header, cells)
    items = [
        {"referencia": "EX-10", "nombre": "Jarra de barro", "familia": "Hogar", "subfamilia": "Cocina",
         "pvp": "1.012,40", "iva": "21", "baja": "N", "alta": "03-11-2026", "existencias": "7", "ean": barcode(410)},
        {"referencia": "EX-11", "nombre": "Plato hondo", "familia": "Hogar", "subfamilia": "",
         "pvp": "6,05", "iva": "21", "baja": "S", "alta": "03-11-2026", "existencias": "0", "ean": barcode(411)},
        {"referencia": "EX-12", "nombre": "Mantel", "familia": "Hogar", "subfamilia": "Mesa",
         "pvp": "24,20", "iva": "21", "baja": "quizás", "alta": "03-11-2026", "existencias": "3", "ean": barcode(412)},
    ]  # fmt: skip
    xml_feed("catalog", "articulo", items)


def stock() -> None:
    """Levels: a zero, a thousand, a fraction of what has fractions, a word instead of a number."""
    header = ("SKU", "Location", "Qty", "Unit", "Counted At")
    rows = [
        ["GX-100-S", "MAIN", "1,204", "each", "14/09/2026 18:05"],
        ["GX-100-M", "MAIN", "0", "each", "14/09/2026 18:05"],
        ["GX-400", "MAIN", "12.5", "metres", "14/09/2026 18:06"],
        ["GX-401", "MAIN", "plenty", "each", "14/09/2026 18:06"],
    ]
    csv_feed("stock", header, rows)
    cells: list[list[Cell | None]] = [
        ["UX-1-RED", 1204, day(14, month=9)],
        ["UX-1-BLU", 0, day(14, month=9)],
        ["UX-2", -3, None],
    ]
    xlsx_feed("stock", ("SKU", "On Hand", "As Of"), cells)
    items = [
        {"referencia": "EX-10", "almacen": "01", "existencias": "1.204,000", "unidad": "uds"},
        {"referencia": "EX-10", "almacen": "02", "existencias": "3,000", "unidad": "uds"},
        {"referencia": "EX-11", "almacen": "01", "existencias": "0", "unidad": "uds"},
        {"referencia": "EX-12", "almacen": "01", "existencias": "1,2,3", "unidad": "uds"},
    ]
    xml_feed("stock", "existencia", items)


def promotion() -> None:
    """A final price, a percentage, an amount and a bundle; windows that end with a day."""
    header = ("Promotion", "SKU", "Brand", "Type", "Now", "Percent Off", "Money Off", "Buy", "Get", "Was", "From", "To",
              "Campaign", "Active")  # fmt: skip
    rows = [
        ["BF26-1", "GX-100-S", "", "Price", "39.00", "", "", "", "", "49.00", "27/11/2026", "30/11/2026",
         "Black Friday", "Yes"],
        ["BF26-2", "", "Wexham", "Percentage", "", "15%", "", "", "", "", "27/11/2026", "30/11/2026",
         "Black Friday", "Yes"],
        ["BF26-3", "GX-200", "", "Amount", "", "", "2.00", "", "", "12.99", "27/11/2026", "", "Black Friday", "No"],
        ["BF26-4", "GX-300", "", "Bundle", "", "", "", "2", "1", "", "27/11/2026", "30/11/2026",
         "Three for two", "Yes"],
        ["BF26-5", "GX-400", "", "Price", "59.00", "", "", "", "", "49.00", "27/11/2026", "30/11/2026",
         "Black Friday", "Yes"],
    ]  # fmt: skip
    csv_feed("promotion", header, rows)
    header = ("SKU", "Sale Price", "Regular Price", "Start", "End", "Max Per Customer")
    cells: list[list[Cell | None]] = [
        ["UX-1-RED", 29.99, 34.5, day(27), day(30), 2],
        ["UX-1-BLU", 29.99, 34.5, day(27), day(30), None],
        ["UX-2", 6, 8, day(30), day(27), None],
    ]
    xlsx_feed("promotion", header, cells)
    items = [
        {"referencia": "EX-10", "descuento": "12,5 %", "desde": "27-11-2026", "hasta": "30-11-2026", "cantidad": "2"},
        {"referencia": "EX-11", "descuento": "5 %", "desde": "27-11-2026", "hasta": "", "cantidad": ""},
        {"referencia": "EX-12", "descuento": "120 %", "desde": "27-11-2026", "hasta": "30-11-2026", "cantidad": ""},
    ]
    xml_feed("promotion", "oferta", items)


def price() -> None:
    """Prices with and without tax, a discount for a time, one that is no discount."""
    header = ("SKU", "Price", "Price Type", "VAT Rate", "Currency", "Offer Price", "Offer From", "Offer To")
    rows = [
        ["GX-100-S", "£1,049.00", "inc VAT", "20%", "GBP", "£739.00", "27/11/2026", "30/11/2026"],
        ["GX-100-M", "£49.00", "inc VAT", "20%", "GBP", "", "", ""],
        ["GX-200", "£12.99", "ex VAT", "0%", "GBP", "£14.99", "27/11/2026", "30/11/2026"],
        ["GX-400", "£5.00", "", "20%", "GBP", "", "", ""],
    ]
    csv_feed("price", header, rows)
    cells: list[list[Cell | None]] = [["UX-1-RED", 1034.5], ["UX-1-BLU", 34.5], ["UX-2", None]]
    xlsx_feed("price", ("SKU", "List Price"), cells)
    items = [
        {"referencia": "EX-10", "pvp": "1.012,40 €", "oferta": "899,00 €", "hasta": "30-11-2026"},
        {"referencia": "EX-11", "pvp": "6,05 €", "oferta": "", "hasta": ""},
        {"referencia": "EX-12", "pvp": "24.20 $", "oferta": "", "hasta": ""},
    ]
    xml_feed("price", "precio", items)


def pictures() -> None:
    """Pictures as base64, with and without the prefix of a data address; a file name instead of a picture."""
    rows = [
        ["GX-100-S", "1", "Front", picture(10)],
        ["GX-100-S", "2", "Back", f"data:image/gif;base64,{picture(20)}"],
        ["GX-100-M", "1", "Front", picture(30)],
        ["GX-200", "1", "Cover", "gx200.jpg"],
    ]
    csv_feed("picture", ("SKU", "Order", "Description", "Picture"), rows)
    cells: list[list[Cell | None]] = [
        ["UX-1-RED", 1, picture(40)],
        ["UX-1-BLU", 1, picture(50)],
        ["UX-2", 1.5, picture(60)],
    ]
    xlsx_feed("picture", ("SKU", "Position", "Data"), cells)
    items = [
        {"referencia": "EX-10", "orden": "1", "imagen": "\n   ".join((picture(70)[:40], picture(70)[40:]))},
        {"referencia": "EX-11", "orden": "1", "imagen": picture(80)[:-3]},
    ]
    xml_feed("picture", "foto", items)


def main() -> None:
    """Write every generic feed."""
    catalog()
    stock()
    promotion()
    price()
    pictures()


if __name__ == "__main__":
    main()
