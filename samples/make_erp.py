"""Writes exports as ERP systems and web shops make them beside it, in `erp/`: the samples of the shipped mappings.

Run by `python samples/make_erp.py`, the same bytes every time. Each has good rows and, where it shows something, a
faulty one. The generic feeds, one per contract and format, are written by `make_generic.py`.
"""  # noqa: INP001  a script beside its data, not a package

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from xml.sax.saxutils import escape

import make_chain
import make_generic
from make_forms import csv_bytes, workbook, write
from stdnum import ean


def barcode(prefix: str, number: int) -> str:
    """A sound EAN-13."""
    body = f"{prefix}{number:0{12 - len(prefix)}d}"
    return body + ean.calc_check_digit(body)


# ---------------------------------------------------------------- Sage 50 UK: records without a header

UK_PRODUCTS = (
    # code, description, tax code, price, unit, category, department, supplier's part
    ("FEN-LAN-01", "Storm lantern, brass, 25 cm", "T1", "34.50", "each", "12", "3", "SL-25B"),
    ("FEN-LAN-02", "Storm lantern, tin, 25 cm", "T1", "19.95", "each", "12", "3", "SL-25T"),
    ("FEN-OIL-05", "Lamp oil, 5 litre", "1", "12.00", "can", "14", "3", "LO-5000"),
    ("FEN-ROP-10", "Hemp rope, 10 mm, by the metre", "T1", "1.85", "metre", "21", "4", "HR10"),
    ("FEN-BOO-01", 'Guide "Walking the Fens"', "T0", "9.99", "each", "30", "5", "978-WF"),
    ("FEN-SEA-01", "Child car seat, group 2", "T5", "64.00", "each", "31", "5", ""),
    ("FEN-CAN-12", "Beeswax candles, box of 12", "", "8.40", "box", "14", "3", "BW12"),
    ("FEN-REP-00", "Repairs, by the hour", "T9", "28.00", "hour", "40", "9", ""),
)


def sage50_uk() -> None:
    """Product records and stock transactions: columns by place, T-codes, movements instead of levels."""
    rows = [
        [
            code, text, tax, price, f"{float(price) * 0.55:.2f}", unit, "A-" + department, "4000", category,
            barcode("5012345", 7000 + place) if unit != "hour" else "", department, "FEN001", part, "5.00",
            "", "0.45", "01/09/2026", "10.00",
        ]
        for place, (code, text, tax, price, unit, category, department, part) in enumerate(UK_PRODUCTS)
    ]  # fmt: skip
    imported = list(rows[1])
    imported[0], imported[2], imported[9] = "FEN-IMP-01", "T4", barcode("5012345", 7090)
    damaged = list(rows[0])
    damaged[0], damaged[9] = "FEN-LAN-03", barcode("5012345", 7091)[:-1] + "x"
    write("erp/sage50_uk_products.csv", csv_bytes([*rows, imported, damaged], encoding="cp1252"))
    moves = (
        ("GI", "FEN-LAN-01", "15/09/2026", "PO1182", "Delivery", "24.00"),
        ("GO", "FEN-LAN-01", "15/09/2026", "SO5511", "Web order", "3.00"),
        ("GO", "FEN-LAN-01", "16/09/2026", "SO5519", "Web order", "5.00"),
        ("GO", "FEN-OIL-05", "14/09/2026", "SO5502", "Counted already", "2.00"),
        ("AO", "FEN-OIL-05", "16/09/2026", "STK09", "Leaking cans", "4.00"),
        ("GO", "FEN-ROP-10", "15/09/2026", "SO5512", "Web order", "1,250.50"),
        ("GI", "FEN-ROP-10", "16/09/2026", "PO1183", "Delivery", "1,500.00"),
        ("GO", "FEN-CAN-12", "16/09/2026", "SO5520", "Last boxes", "6.00"),
        ("GI", "FEN-NEW-01", "16/09/2026", "PO1184", "Nobody counted it yet", "40.00"),
        ("MI", "FEN-LAN-02", "16/09/2026", "JOB77", "Made in-house", "2.00"),
        ("ZZ", "FEN-SEA-01", "16/09/2026", "", "Unknown kind", "1.00"),
        ("GI", "FEN-SEA-01", "16/09/2026", "PO1185", "Delivery", "6.00"),
        ("GO", "FEN-BOO-01", "16/09/2026", "SO5521", "More than there were", "9.00"),
        ("GO", "FEN-SEA-01", "16/09/2026", "SO5522", "How many?", ""),
    )
    body = csv_bytes([[*move, "0.00", "0.00"] for move in moves], encoding="cp1252")
    write("erp/sage50_uk_transactions.csv", body)


# ---------------------------------------------------------------- Sage 50 Spain


def page(number: int, rows: Iterable[Sequence[str]]) -> str:
    """One page of a report: a heading, then a section per row."""
    names = ("articulo", "nombre", "talla", "color", "unidades", "precio", "total")
    heading = (("Titulo", "Valoración de stock"), ("Empresa", "01 Botas del Norte, S.L."), ("Ejercicio", "2026"))

    def section(kind: str, columns: Iterable[tuple[str, str]]) -> str:
        inner = "".join(f'     <COLUMN NAME="{name}">{escape(text)}</COLUMN>\n' for name, text in columns)
        return f'   <SECTION NAME="{kind}">\n    <COLUMNS>\n{inner}    </COLUMNS>\n   </SECTION>\n'

    details = "".join(section("Detail", zip(names, row, strict=True)) for row in rows)
    return f' <PAGE NUMBER="{number}">\n  <SECTIONS>\n{section("Header", heading)}{details}  </SECTIONS>\n </PAGE>\n'


def sage50_es_valuation() -> None:
    """Stock valuation: a row with an empty article is one more size or colour of the article above."""
    first = (
        ("BN-1001", "Bota de monte", "40", "marrón", "12,000", "64,50", "774,00"),
        ("", "", "41", "marrón", "7,000", "", "451,50"),
        ("", "", "42", "marrón", "0,000", "", "0,00"),
        ("BN-1002", "Plantilla de fieltro", "", "", "1.204,000", "3,20", "3.852,80"),
        ("BN-1003", "Botín", "38", "negro", "3,000", "49,90", "149,70"),
    )
    second = (
        ("", "", "39", "negro", "5,000", "", "249,50"),
        ("", "", "39", "burdeos", "-1,000", "52,00", "-52,00"),
        ("BN-1004", "Cordón encerado, metro", "", "", "86,500", "0,45", "38,93"),
    )
    body = "".join(page(number, rows) for number, rows in enumerate((first, second), start=1))
    text = f'<?xml version="1.0" encoding="ISO-8859-15"?>\n<PAGES>\n{body}</PAGES>\n'
    write("erp/sage50_es_valoracion.xml", text.encode("iso-8859-15"))


def sage50_es_tables() -> None:
    """Articles and offers as CSV with semicolons, stock per warehouse as a workbook."""
    header = ("CODIGO", "NOMBRE", "NOMBRE2", "FAMILIA", "SUBFAMILIA", "MARCA", "TIPO_IVA", "PVP", "IVA_INC", "BAJA",
              "INTERNET", "FECHAALTA", "DTO1", "DTO2", "DTO3")  # fmt: skip
    rows = [
        ("00170", "Queso manchego curado", "Curado 6 meses, pieza de 1 kg", "ALI", "QUESO", "La Solana", "02", "18,90",
         "N", "N", "S", "12-03-2024", "10,00", "5,00", "0,00"),
        ("00171", "Queso de oveja tierno", "", "ALI", "QUESO", "La Solana", "02", "14,50", "N", "N", "S", "12-03-2024",
         "0,00", "0,00", "0,00"),
        ("00204", "Aceite de oliva virgen extra, 5 l", "", "ALI", "", "Sierra Alta", "03", "1.034,00", "N", "N", "S",
         "01-10-2025", "", "", ""),
        ("00310", "Sartén de hierro, 28 cm", "", "MEN", "COCINA", "Forja & Hijos", "01", "42,35", "S", "N", "S",
         "15-06-2023", "12,50", "", ""),
        ("00311", "Sartén de hierro, 32 cm", "", "MEN", "COCINA", "Forja & Hijos", "01", "48,40", "S", "S", "N",
         "15-06-2023", "", "", ""),
        ("00312", "Cuchillo jamonero", "", "MEN", "MESA", "Forja & Hijos", "09", "31,00", "N", "N", "S", "15-06-2023",
         "", "", ""),
    ]  # fmt: skip
    write("erp/sage50_es_articulos.csv", csv_bytes([header, *rows], encoding="cp1252", delimiter=";"))
    header = ("ARTICULO", "FECHA_IN", "FECHA_FIN", "PVP", "DESCUENTO", "DESDE", "HASTA", "TARIFA", "CLIENTE", "MONEDA")
    rows = [
        ("00170", "27-11-2026", "30-11-2026", "0,00", "15,00", "0,00", "0,00", "01", "", "EUR"),
        ("00171", "27-11-2026", "", "12,90", "0,00", "2,00", "10,00", "01", "", "EUR"),
        ("00310", "01-12-2026", "24-12-2026", "0,00", "7,50", "0,00", "0,00", "01", "C0042", "EUR"),
        ("00204", "01-12-2026", "31-12-2026", "990,00", "0,00", "0,00", "0,00", "02", "", "EUR"),
        ("00312", "24-12-2026", "01-12-2026", "0,00", "20,00", "0,00", "0,00", "01", "", "EUR"),
    ]
    write("erp/sage50_es_ofertas.csv", csv_bytes([header, *rows], encoding="cp1252", delimiter=";"))
    write("erp/sage50_es_stocks.xlsx", stocks())


def stocks() -> bytes:
    """Stock per company, warehouse, size and colour; warehouse 09 is for repairs."""
    header = ("Empresa", "Almacen", "Articulo", "Talla", "Color", "Inicial", "Entradas", "Salidas", "Final", "Ult_act")
    rows = (
        ("01", "00", "00170", "", "", 40, 12, 31, 21, 16),
        ("01", "01", "00170", "", "", 6, 0, 6, 0, 16),
        ("01", "00", "00310", "", "", 3, 0, 3, 0, 15),
        ("01", "00", "BN-1001", "40", "MAR", 12, 10, 4, 18, 16),
        ("01", "01", "BN-1001", "40", "MAR", 2, 0, 0, 2, 16),
        ("01", "09", "BN-1001", "40", "MAR", 5, 0, 0, 5, 16),
        ("01", "00", "BN-1001", "41", "MAR", 4, 0, 1, 3.5, 16),
        ("02", "00", "00170", "", "", 900, 0, 0, 900, 16),
    )
    out = io.BytesIO()
    with workbook(out) as book:
        sheet = book.add_worksheet("Stocks2")
        day = book.add_format({"num_format": "dd/mm/yyyy"})
        for column, name in enumerate(header):
            sheet.write_string(0, column, name)
        for row, cells in enumerate(rows, start=1):
            for column, value in enumerate(cells[:-1]):
                if isinstance(value, str):
                    sheet.write_string(row, column, value)
                else:
                    sheet.write_number(row, column, value)
            sheet.write_datetime(row, 9, datetime(2026, 9, cells[-1], tzinfo=UTC).replace(tzinfo=None), day)
    return out.getvalue()


# ---------------------------------------------------------------- web shops


def shopify() -> None:
    """Products as Shopify-like shops export them: what variants share stands in a product's first row only; US."""
    header = ("Handle", "Title", "Body (HTML)", "Vendor", "Product Category", "Published", "Option1 Name",
              "Option1 Value", "Option2 Name", "Option2 Value", "Variant SKU", "Variant Grams",
              "Variant Inventory Qty", "Variant Price", "Variant Barcode", "Image Src", "Status")  # fmt: skip
    tee = "https://cdn.harborline.example/tee"
    rows = [
        ("harbor-tee", "Harbor Tee", "<p>Garment-dyed cotton, boxy fit.</p>", "Harborline",
         "Apparel & Accessories > Clothing > Shirts & Tops", "TRUE", "Size", "S", "Color", "Navy", "HL-TEE-S-NVY",
         "180", "14", "1,028.00", "'" + barcode("084123", 101), f"{tee}-navy.jpg", "active"),
        ("harbor-tee", "", "", "", "", "", "", "M", "", "Navy", "HL-TEE-M-NVY", "190", "0", "28.00",
         "'" + barcode("084123", 102), "", ""),
        ("harbor-tee", "", "", "", "", "", "", "L", "", "Navy", "HL-TEE-L-NVY", "200", "9", "28.00",
         "'" + barcode("084123", 103), "", ""),
        ("harbor-tee", "", "", "", "", "", "", "", "", "", "", "", "", "", "", f"{tee}-back.jpg", ""),
        ("dock-mug", "Dock Mug", "<p>Holds 12 oz.</p>", "", "Home & Garden > Kitchen & Dining", "TRUE", "Title",
         "Default Title", "", "", "HL-MUG-12", "410", "120", "16.50", "'" + barcode("084123", 201),
         "https://cdn.harborline.example/mug.jpg", "active"),
        ("pier-cap", "Pier Cap", "", "Harborline", "Apparel & Accessories > Hats", "FALSE", "Color", "Sand", "", "",
         "HL-CAP-SND", "90", "-2", "24.00", "'" + barcode("084123", 301), "", "draft"),
        ("buoy-pin", "Buoy Pin", "", "Harborline", "Apparel & Accessories > Jewelry", "TRUE", "Title",
         "Default Title", "", "", "HL-PIN-01", "20", "4", "9.00", "'" + barcode("084123", 401), "", "archived"),
    ]  # fmt: skip
    write("erp/shopify_products.csv", csv_bytes([header, *rows], encoding="utf-8"))


def woocommerce() -> None:
    """Products as WooCommerce-like shops export them: variations name their parent, which has no stock; Spain."""
    header = ("ID", "Type", "SKU", "GTIN, UPC, EAN, or ISBN", "Name", "Published", "Short description", "Tax class",
              "In stock?", "Stock", "Regular price", "Categories", "Images", "Parent", "Attribute 1 name",
              "Attribute 1 value(s)", "Attribute 2 name", "Attribute 2 value(s)")  # fmt: skip
    shop = "https://lana.example/img"
    rows = [
        ("11", "variable", "LN-JER", "", "Jersey «Pirineo»", "1", "Lana merina.", "", "1", "", "",
         "Ropa > Jerséis, Novedades", f"{shop}/jersey.jpg, {shop}/jersey-2.jpg", "", "Talla", "S, M", "Color",
         "Gris, Verde"),
        ("12", "simple", "LN-GOR", barcode("8412345", 812), "Gorro de lana", "1", "", "", "1", "8", "24,95",
         "Ropa > Gorros", f"{shop}/gorro.jpg", "", "", "", "", ""),
        ("21", "variation", "LN-JER-S-GR", barcode("8412345", 821), "", "1", "", "parent", "1", "3", "89,00", "", "",
         "LN-JER", "Talla", "S", "Color", "Gris"),
        ("22", "variation", "LN-JER-M-GR", barcode("8412345", 822), "", "1", "", "", "0", "0", "89,00", "", "",
         "LN-JER", "Talla", "M", "Color", "Gris"),
        ("23", "variation", "LN-JER-M-VE", barcode("8412345", 823), "", "0", "", "", "1", "1", "94,50",
         "", f"{shop}/jersey-verde.jpg", "LN-JER", "Talla", "M", "Color", "Verde"),
        ("30", "simple", "LN-LIB", barcode("9788412", 30), "Libro «Tejer en casa»", "1", "", "superreducido", "1",
         "40", "18,00", "Libros", "", "", "", "", "", ""),
    ]  # fmt: skip
    write("erp/woocommerce_products.csv", csv_bytes([header, *rows], encoding="utf-8-sig"))


def main() -> None:
    """Write every sample of ERP systems, shops and chains of stores, and the generic ones."""
    sage50_uk()
    sage50_es_valuation()
    sage50_es_tables()
    shopify()
    woocommerce()
    make_chain.main()
    make_generic.main()


if __name__ == "__main__":
    main()
