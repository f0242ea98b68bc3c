"""Writes the samples of the autumn range beside it: catalog, stock and promotion of three partners, in three formats.

Run by `python samples/make.py`. Each catalog has faulty rows among the good ones; the shop knows none of the articles
before. `expected.toml` says how each file ends.
"""  # noqa: INP001  a script beside its data, not a package

from __future__ import annotations

import io
import struct
import zlib
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from make_forms import csv_bytes, workbook, write, zipped
from stdnum import ean

COLOURS = (("BLK", "Black", "Schwarz", "negro"), ("RED", "Red", "Rot", "rojo"), ("GRN", "Green", "Grün", "verde"))


def barcode(prefix: str, number: int) -> str:
    """A sound EAN-13."""
    body = f"{prefix}{number:0{12 - len(prefix)}d}"
    return body + ean.calc_check_digit(body)


# ---------------------------------------------------------------- Norfolk Outdoor: CSV, UK

RANGE_HEADER = (
    "SKU", "Style", "Title", "Description", "Brand", "Department", "EAN", "Price EUR", "VAT", "Size", "Colour",
    "Fabric", "Stock", "Weight kg", "Image 1", "Image 2", "Lead days", "Launched", "On sale",
)  # fmt: skip
RANGE = (
    ("6001", "Happisburgh lambswool scarf", "Clothing > Scarves", "Wool", "24.99", ("",)),
    ("6002", "Walsingham bobble hat", "Clothing > Hats", "Wool", "18.50", ("",)),
    ("6003", "Wells organic T-shirt", "Clothing > T-shirts", "Cotton", "21.00", ("S", "M", "L")),
)
BLURB = 'Made in Norfolk.\nWash at 30 °C, dry flat; "soft as a Sunday".\nFor walks along the coast, and the pub after.'


def range_rows() -> list[list[str]]:
    """Every size and colour of a style is a row; texts have commas, quotes and line breaks."""
    rows = []
    for style, title, department, fabric, price, sizes in RANGE:
        for short, colour, *_ in COLOURS:
            for size in sizes:
                sku = "-".join(part for part in (f"NF-{style}", size, short) if part)
                code = barcode("5012345", len(rows) + 100)
                rows.append([
                    sku, f"00{style}", title, BLURB, "Norfolk Outdoor", department, code, price,
                    "20%", size or "OS", colour, fabric, str(4 + len(rows) * 3), "0.180",
                    f"https://img.norfolk.example/{sku}_1.jpg", f"https://img.norfolk.example/{sku}_2.jpg", "2",
                    "01/09/2026", "Yes",
                ])  # fmt: skip
    return rows


def norfolk() -> None:
    """Catalog, stock and promotion of the range; in the catalog one fault per bad row."""
    rows = range_rows()
    skus = [row[0] for row in rows]
    bad = [list(row) for row in rows[:6]]
    for place, (column, cell) in enumerate(
        (
            ("EAN", "5012345001009"),
            ("EAN", "8.41235E+12"),
            ("Price EUR", "call us"),
            ("VAT", "0.2"),
            ("Title", ""),
            ("Department", "Clothing > Gloves"),
        )
    ):
        bad[place][0] = f"NF-609{place}"
        bad[place][1] = f"00609{place}"
        bad[place][6] = barcode("5012345", 900 + place)
        bad[place][RANGE_HEADER.index(column)] = cell
    write("norfolk/range_2026-10-01.csv", csv_bytes([RANGE_HEADER, *rows, *bad], encoding="utf-8-sig"))
    stock = [
        [row[0], row[1], row[2], row[9], row[10], str(9 + n), "each", "01/10/2026 17:45"] for n, row in enumerate(rows)
    ]
    header = ("SKU", "Product Code", "Description", "Size", "Colour", "Qty Available", "Unit", "Last Counted")
    write("norfolk/stock_2026-10-01.csv", csv_bytes([header, *stock], encoding="utf-8-sig"))
    header = ("SKU", "Style", "Was EUR", "Now EUR", "From", "To", "Campaign", "Action")
    offers = [
        [sku, row[1], row[7], f"{float(row[7]) * 0.8:.2f}", "01/10/2026", "31/01/2030", "Autumn walks", ""]
        for sku, row in zip(skus[:6], rows, strict=False)
    ]
    faulty = [
        [skus[6], "006003", "21.00", "25.00", "01/10/2026", "31/01/2030", "Autumn walks", ""],
        [skus[7], "006003", "21.00", "19.00", "31/01/2030", "01/10/2026", "Autumn walks", ""],
    ]
    write("norfolk/offers_2026-10-01.csv", csv_bytes([header, *offers, *faulty], encoding="utf-8"))
    ended = [[*offers[0][:7], "end"], *offers[1:6]]
    write("norfolk/offers_2026-10-08.csv", csv_bytes([header, *ended], encoding="utf-8"))
    write("norfolk/bad/range_no_price.csv", csv_bytes([RANGE_HEADER[:7], *(r[:7] for r in rows[:3])], encoding="utf-8"))


def pictures() -> None:
    """Two pictures of the scarf and one of a file that only calls itself one."""
    members = {f"NF-6001-BLK_{n}.png": picture(40 * n) for n in (1, 2)}
    write("norfolk/pictures_2026-10-01.zip", zipped({**members, "NF-6001-RED_1.png": b"not a picture at all"}))


def picture(shade: int) -> bytes:
    """A grey picture of 8 by 8 dots."""
    rows = b"".join(b"\0" + bytes([shade + 8 * n] * 8) for n in range(8))
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows, 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


# ---------------------------------------------------------------- Lumen Home: XLSX, Germany

WARES = (
    ("8101", "Tasse »Hanse«", "Wohnen/Tassen", 12.9, ""),
    ("8102", "Tasse »Alster«", "Wohnen/Tassen", 14.5, ""),
    ("8201", "Spannbettlaken Perkal", "Schlafen/Laken", 39.95, 200),
)


def lumen() -> None:
    """Workbooks with typed numbers, dates and percentages."""
    write("lumen/Sortiment_2026-10.xlsx", assortment())
    write("lumen/Sortimentsbestand_2026-10.xlsx", assortment_stock())
    write("lumen/Aktionen_2026-10.xlsx", promotions())
    write("lumen/bad/Aktionen_leer.xlsx", promotions(empty=True))


def articles() -> list[tuple[str, str, str, str, float, object]]:
    """Number, group, name, colour, price and thread count of every article."""
    return [
        (f"LH-{number}-{short}", f"LH-{number}", name, german, price, threads)
        for number, name, _, price, threads in WARES
        for short, _, german, _ in COLOURS
    ]


def assortment() -> bytes:
    """The catalog: prices as numbers, tax as percentage cells, dates as dates; three faulty rows."""
    out = io.BytesIO()
    with workbook(out) as book:
        sheet = book.add_worksheet("Sortiment")
        percent, day = book.add_format({"num_format": "0 %"}), book.add_format({"num_format": "dd.mm.yyyy"})
        for column, name in enumerate((
            "Artikelnr.", "Modell", "Bezeichnung", "Beschreibung", "Marke", "Warengruppe", "EAN", "Preis brutto",
            "MwSt", "Farbe", "Fadendichte", "Bestand", "Bild", "Eingeführt am", "Auslaufend",
        )):  # fmt: skip
            sheet.write_string(0, column, name)
        groups = {f"LH-{number}": group for number, _, group, *_ in WARES}
        for row, (sku, model, name, colour, price, threads) in enumerate(articles(), start=1):
            texts = (sku, model, name, f"{name}.\nSpülmaschinenfest und schön.", "Lumen Home", groups[model])
            for column, text in enumerate(texts):
                sheet.write_string(row, column, text)
            sheet.write_string(row, 6, barcode("4006381", row))
            sheet.write_number(row, 7, price)
            sheet.write_number(row, 8, 0.19, percent)
            sheet.write_string(row, 9, colour)
            if isinstance(threads, int):
                sheet.write_number(row, 10, threads)
            sheet.write_number(row, 11, 3 + row)
            sheet.write_string(row, 12, f"https://bilder.lumen.example/{sku}.jpg")
            sheet.write_datetime(row, 13, datetime(2026, 9, 1, tzinfo=UTC).replace(tzinfo=None), day)
            sheet.write_boolean(row, 14, boolean=False)
        last = len(articles())
        faults = (("LH-8901", 7, "auf Anfrage"), ("LH-8902", 9, "Flieder"), ("LH-8903", 6, "4006381333932"))
        for row, (sku, column, text) in enumerate(faults, start=last + 1):
            cells = [sku, sku, "Tasse", "Tasse", "Lumen Home", "Wohnen/Tassen", barcode("4006381", 800 + row), 9.9,
                     0.19, "Rot", "", 5, "", None, False]  # fmt: skip
            cells[column] = text
            for place, cell in enumerate(cells):
                if cell not in {None, ""}:
                    sheet.write(row, place, cell, percent if place == 8 else None)
    return out.getvalue()


def assortment_stock() -> bytes:
    """Levels of the same articles."""
    out = io.BytesIO()
    with workbook(out) as book:
        sheet = book.add_worksheet("Bestand")
        for column, name in enumerate(("Artikelnr.", "Modell", "Farbe", "Menge")):
            sheet.write_string(0, column, name)
        for row, (sku, model, _, colour, *_) in enumerate(articles(), start=1):
            for column, text in enumerate((sku, model, colour)):
                sheet.write_string(row, column, text)
            sheet.write_number(row, 3, 20 + row)
    return out.getvalue()


def promotions(*, empty: bool = False) -> bytes:
    """Discounts in per cent with typed dates; one row with a discount of 120 %."""
    out = io.BytesIO()
    with workbook(out) as book:
        sheet = book.add_worksheet("Aktionen")
        day = book.add_format({"num_format": "dd.mm.yyyy"})
        for column, name in enumerate(("Artikelnr.", "Modell", "Rabatt %", "von", "bis", "Aktion")):
            sheet.write_string(0, column, name)
        rows = (
            [] if empty else [(sku, model, 15) for sku, model, *_ in articles()[:6]] + [("LH-8201-RED", "LH-8201", 120)]
        )
        for row, (sku, model, rate) in enumerate(rows, start=1):
            sheet.write_string(row, 0, sku)
            sheet.write_string(row, 1, model)
            sheet.write_number(row, 2, rate)
            sheet.write_datetime(row, 3, datetime(2026, 10, 1, tzinfo=UTC).replace(tzinfo=None), day)
            sheet.write_datetime(row, 4, datetime(2030, 1, 31, tzinfo=UTC).replace(tzinfo=None), day)
            sheet.write_string(row, 5, "Herbstwochen")
    return out.getvalue()


# ---------------------------------------------------------------- Ibérica Calzado: XML, Spain

SHIRTS = (("0091001", "Camiseta «Jaca»", "24,95"), ("0091002", "Camiseta «Ordesa»", "1.024,50"))


def iberica() -> None:
    """XML: the variants of an article are elements inside it; decimal comma; the end of a promotion is a day."""
    write("iberica/catalogo_2026-10.xml", catalog().encode())
    stock = "".join(
        f'  <linea ref="{sku}" modelo="{model}" talla="{size}" color="{colour}"><unidades>{n + 6}</unidades></linea>\n'
        for n, (sku, model, size, colour) in enumerate(variants())
    )
    write("iberica/catalogo_stock_2026-10.xml", _document("existencias", stock).encode())
    lines = [
        f'  <oferta ref="{sku}" modelo="{model}">\n    <antes>{before}</antes>\n    <ahora>{now}</ahora>\n'
        f"    <desde>01-10-2026</desde>\n    <hasta>31-01-2030</hasta>\n  </oferta>\n"
        for (sku, model, *_), (before, now) in zip(
            variants(), [("24,95", "19,95")] * 4 + [("1.024,50", "999,00")] * 3 + [("1.024,50", "gratis")], strict=True
        )
    ]
    write("iberica/ofertas_2026-10.xml", _document("ofertas", "".join(lines)).encode())
    cut = _document("ofertas", "".join(lines)).encode()
    write("iberica/bad/ofertas_cortado.xml", cut[: len(cut) // 2])


def variants() -> list[tuple[str, str, str, str]]:
    """Article, model, size and colour of each variant."""
    return [
        (f"{model}-{size}-{short}", model, size, spanish)
        for model, *_ in SHIRTS
        for size in ("M", "L")
        for short, _, _, spanish in COLOURS[:2]
    ]


def catalog() -> str:
    """Two articles of four variants, one article with a tax rate nobody knows and one without a name."""
    items = []
    for number, (model, name, price) in enumerate(SHIRTS):
        parts = "".join(
            f'    <variante ref="{sku}" talla="{size}" color="{colour}" ean="{barcode("8412345", 10 * number + n)}" '
            f'stock="{n + 2}"/>\n'
            for n, (sku, of, size, colour) in enumerate(variants())
            if of == model
        )
        items.append(_article(model, name, price, "21", parts))
    one = f'    <variante ref="0091009-M-RED" talla="M" color="rojo" ean="{barcode("8412345", 77)}" stock="1"/>\n'
    items.append(_article("0091009", "", "9,95", "21", one))
    two = f'    <variante ref="0091008-M-RED" talla="M" color="rojo" ean="{barcode("8412345", 78)}" stock="1"/>\n'
    items.append(_article("0091008", "Camiseta sin IVA", "9,95", "", two))
    return _document("catalogo", "".join(items))


def _article(model: str, name: str, price: str, tax: str, parts: str) -> str:
    return (
        f'  <articulo modelo="{model}">\n    <nombre>{escape(name)}</nombre>\n    <familia>Ropa</familia>\n'
        f"    <subfamilia>Camisetas</subfamilia>\n    <marca>Ibérica</marca>\n    <pvp>{price}</pvp>\n"
        f"    <iva>{tax}</iva>\n    <material>algodón</material>\n{parts}  </articulo>\n"
    )


def _document(root: str, items: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} fecha="2026-10-01">\n{items}</{root}>\n'


def main() -> None:
    """Write every sample of the range."""
    norfolk()
    pictures()
    lumen()
    iberica()
