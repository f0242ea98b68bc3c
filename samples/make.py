"""Writes the sample files beside it; the same bytes every time, so that a change of the samples shows as a change.

Run it as `python samples/make.py`. Three partners, each with good files (two contents per route, so that a route can be
fed again and again) and bad ones of every kind. `expected.toml` says how each file ends.
"""  # noqa: INP001  a script beside its data, not a package

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import make_catalog
from make_forms import ZIP_TIME, compound, csv_bytes, workbook, write, zipped


def sold_out(place: int, turn: int) -> bool:
    """Every ninth article is sold out in both turns, one more in the second.

    More of them would add up, demo after demo, until the guard holds a file that zeroes too many within an hour.
    """
    return place % 9 == 4 or (turn == 2 and place == 17)


# ---------------------------------------------------------------- Norfolk Outdoor, United Kingdom

NORFOLK_HEADER = ("SKU", "Product Code", "Description", "Size", "Colour", "Qty Available", "Unit", "Last Counted")
NORFOLK_RANGE = (
    ("1001", "Saxham fleece, zip neck", ("S", "M", "L", "XL"), (("NVY", "Navy"), ("OLV", "Olive"), ("RED", "Red"))),
    ("1002", "Burnham waterproof jacket", ("S", "M", "L", "XL"), (("BLK", "Black"), ("TAN", "Tan"))),
    ("1003", 'Holt walking trousers, "Regular"', ("30", "32", "34", "36"), (("KHK", "Khaki"), ("GRY", "Grey"))),
    ("1004", "Cromer sock, merino, pair", ("4-7", "8-11"), (("GRY", "Grey"), ("PUR", "Purple"))),
    ("1005", "Blakeney sun hat", ("S/M", "L/XL"), (("SND", "Sand"), ("WHT", "White"))),
)
NORFOLK_SINGLE = (
    ("2001", "Tent peg, steel, 18 cm"),
    ("2002", "Guy line, 4 m"),
    ("2003", "Enamel mug"),
    ("2004", "Camping lantern, LED"),
    ("2005", "Map case, A4"),
    ("2006", "Whistle"),
)


def norfolk_rows(turn: int) -> list[list[str]]:
    """Rows of one export; `turn` moves the quantities."""
    rows: list[list[str]] = []
    when = f"{13 + turn:02d}/09/2026 17:45"
    for code, text, sizes, colours in NORFOLK_RANGE:
        for short, colour in colours:
            for size in sizes:
                sku = f"NF-{code}-{size.replace('/', '')}-{short}"
                rows.append([sku, f"00{code}", text, size.replace("/", "-"), colour, "", "each", when])
    rows += [[f"NF-{code}", f"00{code}", text, "", "", "", "each", when] for code, text in NORFOLK_SINGLE]
    for place, row in enumerate(rows):
        count = 0 if sold_out(place, turn) else 1 + (place * 37 + turn * 17 + 11) % 60
        row[5] = str(count)
    rows[-6][5] = "1,250" if turn == 1 else "1,180"  # tent pegs are counted by the thousand
    return rows


def norfolk() -> None:
    """UK: CSV with commas in UTF-8, a typed workbook for accessories; thousands comma, day before month."""
    first, second = norfolk_rows(1), norfolk_rows(2)
    when = first[0][7]
    # Rows a partner would get wrong: one fault each, and two colours the shop does not sell yet.
    first.insert(9, ["NF-1001-XS-NVY", "001001", "Saxham fleece, zip neck", "XS", "Navy", "-2", "each", when])
    first.insert(20, ["NF-1002-XS-BLK", "001002", "Burnham waterproof jacket", "XS", "Black", "n/a", "each", when])
    first.insert(30, ["", "001003", "Holt walking trousers", "38", "Khaki", "4", "each", when])
    first.append(["NF-2006", "002006", "Whistle", "", "", "9", "each", when])
    first.append(["XX-2007", "002007", "Compass", "", "", "3", "each", when])
    first += [[f"NF-30{n}", f"0030{n}", "Hammock, new this week", "", "", str(n), "each", when] for n in ("07", "12")]
    write("norfolk/stock_2026-09-14.csv", csv_bytes([NORFOLK_HEADER, *first], encoding="utf-8-sig"))
    packed = gzip.compress(csv_bytes([NORFOLK_HEADER, *second], encoding="utf-8-sig"), mtime=0)
    write("norfolk/stock_2026-09-15.csv.gz", packed)
    for turn, day in ((1, "14"), (2, "15")):
        write(f"norfolk/weekly_2026-09-{day}.xlsx", norfolk_workbook(turn))
    norfolk_bad(first)


def norfolk_workbook(turn: int) -> bytes:
    """Typed cells: numbers, dates, true and false; codes as text. In turn 1 four rows are faulty."""
    out = io.BytesIO()
    with workbook(out) as book:
        sheet = book.add_worksheet("Accessories")
        day, code = book.add_format({"num_format": "dd/mm/yyyy"}), book.add_format({"num_format": "000000"})
        for column, name in enumerate(("SKU", "Product Code", "Qty Available", "Discontinued", "Counted On")):
            sheet.write_string(0, column, name)
        for row in range(1, 31):
            sheet.write_string(row, 0, f"NF-4{row:03d}")
            sheet.write_string(row, 1, f"00{4000 + row}")
            sheet.write_number(row, 2, 0 if sold_out(row, turn) else 1 + (row * 29 + turn * 13) % 82)
            sheet.write_boolean(row, 3, row == 30)
            sheet.write_datetime(row, 4, datetime(2026, 9, 12 + turn, tzinfo=UTC).replace(tzinfo=None), day)
        if turn == 1:
            sheet.write_number(4, 1, 4004, code)  # shows 004004, holds 4004
            sheet.write_formula(7, 2, "=C2/0", None, "#DIV/0!")
            sheet.write_string(11, 2, "about 20")
            sheet.write_number(15, 2, 2.5)
        book.add_worksheet("Notes").hide()
    return out.getvalue()


def norfolk_bad(rows: Sequence[Sequence[str]]) -> None:
    """Bad CSV files, and names and archives that are not taken."""
    plain = csv_bytes([NORFOLK_HEADER, *rows[:6]], encoding="utf-8")
    write("norfolk/bad/stock_header_only.csv", csv_bytes([NORFOLK_HEADER], encoding="utf-8"))
    write(
        "norfolk/bad/stock_other_columns.csv", b"Item,Title,On Hand\r\nNF-1001,Saxham fleece,4\r\nNF-1002,Jacket,7\r\n"
    )
    quoted = [",".join(f'"{cell}"' if "," in cell else cell for cell in row) for row in open_quote_rows()]
    quoted[4] = quoted[4].replace("Mending kit", '"Mending kit', 1)
    write("norfolk/bad/stock_open_quote.csv", ("\r\n".join([",".join(NORFOLK_HEADER), *quoted]) + "\r\n").encode())
    broken = [[*row[:5], "unknown", *row[6:]] for row in rows[:20]]
    write("norfolk/bad/stock_every_row_bad.csv", csv_bytes([NORFOLK_HEADER, *broken], encoding="utf-8"))
    write("norfolk/bad/prices_autumn.csv", b"SKU,Price\r\nNF-2003,7.50\r\n")
    line = ",".join(rows[0][:5]) + ",7,each,13/09/2026 17:45\r\n"
    write("norfolk/bad/stock_bomb.csv.zip", zipped({"stock_bomb.csv": line.encode() * 40_000}))
    write("norfolk/bad/stock_two_files.csv.zip", zipped({"stock_1.csv": plain, "stock_2.csv": plain}))
    macro = io.BytesIO(norfolk_workbook(2))
    with zipfile.ZipFile(macro, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            zipfile.ZipInfo("xl/vbaProject.bin", ZIP_TIME), b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)
        )
    write("norfolk/bad/weekly_macros.xlsm", macro.getvalue())
    locked = compound(("EncryptionInfo", b"\x04\x00\x04\x00" + bytes(60)), ("EncryptedPackage", bytes(range(256)) * 2))
    write("norfolk/bad/weekly_password.xlsx", locked)
    write("norfolk/bad/weekly_old_excel.xls", compound(("Workbook", b"\x09\x08\x10\x00\x00\x06\x05\x00" + bytes(504))))


def open_quote_rows() -> list[list[str]]:
    """Rows with articles of their own: those around the open quote must take effect."""
    names = ("Boot laces", "Dubbin, 100 ml", "Gaiters", "Insoles", "Mending kit", "Seam sealer", "Tow rope", "Wax")
    day = "13/09/2026 17:45"
    return [
        [f"NF-50{n:02d}", f"0050{n:02d}", name, "", "", str(3 * n), "each", day]
        for n, name in enumerate(names, start=1)
    ]


# ---------------------------------------------------------------- Ibérica Calzado, Spain

IBERICA_HEADER = ("Artículo", "Modelo", "Descripción", "Talla", "Almacén", "Existencias", "Actualizado")
IBERICA_MODELS = (
    ("0084510", "Alpargata «Peñíscola»", ("36", "37", "38", "39", "40")),
    ("0084522", "Sandalia niña", ("28", "29", "30", "31")),
    ("0084537", "Zapato señora, piel", ("36", "37", "38", "39")),
    ("0084544", "Bota montaña", ("41", "42", "43", "44")),
)


def iberica_rows(turn: int) -> list[list[str]]:
    """Rows of one export: each size in two warehouses."""
    rows = []
    for model, text, sizes in IBERICA_MODELS:
        for size in sizes:
            for store in ("Zaragoza", "Valencia"):
                place = len(rows)
                count = 0 if sold_out(place, turn) else 1 + (place * 41 + turn * 19 + 5) % 56
                moment = f"{13 + turn:02d}/09/2026 {7 + place % 12:02d}:{place % 60:02d}"
                rows.append([f"{model}-{size}", model, text, size, store, str(count), moment])
    rows[0][5] = "1.204" if turn == 1 else "1.312"
    rows[6][5] = "24,000"
    return rows


def iberica() -> None:
    """Spain: CSV with semicolons in cp1252, decimal comma, thousands dot; and XML in a namespace."""
    first, second = iberica_rows(1), iberica_rows(2)
    first.insert(5, ["0084510-41", "0084510", "Alpargata «Peñíscola»", "41", "Sevilla", "3", first[0][6]])
    first.insert(12, ["0084522-32", "0084522", "Sandalia niña", "32", "Valencia", "1.5", first[0][6]])
    first.insert(20, ["0084537-40", "0084537", "Zapato señora, piel", "40", "Valencia", "2", "31/02/2026 08:00"])
    first.append(["0099999-40", "0099999", "Modelo nuevo", "40", "Valencia", "6", first[0][6]])
    for day, rows in (("14", first), ("15", second)):
        body = csv_bytes([IBERICA_HEADER, *rows], encoding="cp1252", delimiter=";")
        write(f"iberica/existencias_2026-09-{day}.csv", body)
    for turn, day in ((1, "14"), (2, "15")):
        write(f"iberica/inventario_2026-09-{day}.xml", iberica_xml(turn).encode("iso-8859-1"))
    iberica_bad(second)


def iberica_xml(turn: int) -> str:
    """A document with a default namespace, an attribute for the code, an empty and an absent element."""
    items = []
    for n in range(1, 25):
        count = 0 if sold_out(n, turn) else 1 + (n * 23 + turn * 31) % 48
        stock = f"    <stock>{count}</stock>\n"
        if turn == 1 and n == 11:
            stock = "    <stock></stock>\n"
        if turn == 1 and n == 17:
            stock = ""
        name = "Plantilla niño" if n % 2 else "Cordón señora"
        items.append(
            f'  <articulo codigo="0071{n:03d}">\n    <nombre>{name} &amp; más</nombre>\n{stock}'
            f"    <baja>{'sí' if n == 24 else 'no'}</baja>\n  </articulo>\n"
        )
    if turn == 1:
        items.append('  <articulo codigo="0079001">\n    <stock>8</stock>\n    <baja>quizá</baja>\n  </articulo>\n')
    return (
        '<?xml version="1.0" encoding="ISO-8859-1"?>\n<inventario xmlns="urn:iberica:inventario:2" '
        f'fecha="2026-09-{13 + turn}">\n <articulos>\n{"".join(items)} </articulos>\n</inventario>\n'
    )


def iberica_bad(rows: Sequence[Sequence[str]]) -> None:
    """Bad files of the Spanish partner."""
    write("iberica/bad/existencias_vacio.csv", b"")
    write("iberica/bad/existencias_con_comas.csv", csv_bytes([IBERICA_HEADER, *rows[:5]], encoding="cp1252"))
    utf16 = csv_bytes([IBERICA_HEADER, *rows[:5]], encoding="utf-16", delimiter=";")
    write("iberica/bad/existencias_utf16.csv", utf16)
    whole = iberica_xml(2).encode("iso-8859-1")
    write("iberica/bad/inventario_cortado.xml", whole[: len(whole) * 3 // 5])
    doctype = b'<!DOCTYPE inventario [<!ENTITY todo SYSTEM "file:///etc/passwd">]>\n<inventario'
    entity = whole.replace(b"<inventario", doctype, 1).replace(b"<nombre>", b"<nombre>&todo;", 1)
    write("iberica/bad/inventario_entidad.xml", entity)


# ---------------------------------------------------------------- Lumen Home, Germany


def lumen() -> None:
    """Germany: a workbook made for people (titles, two header rows, merged cells), and XML with warehouses inside."""
    write("lumen/Lagerbestand_KW38.xlsx", lumen_workbook(range(1, 21), turn=1, faults=True))
    write("lumen/Lagerbestand_KW39.xlsx", lumen_workbook(range(1, 19), turn=2, faults=False))
    for turn, week in ((1, "38"), (2, "39")):
        write(f"lumen/bestand_KW{week}.xml", lumen_xml(turn).encode())
    write("lumen/bad/Lagerbestand_Entwurf.xlsx", lumen_workbook(range(31, 41), turn=1, faults=True, drafts=True))


def lumen_workbook(articles: Iterable[int], *, turn: int, faults: bool, drafts: bool = False) -> bytes:
    """Each article stands in two or three warehouses; its number is written once, in a merged cell."""
    out = io.BytesIO()
    with workbook(out) as book:
        sheet = book.add_worksheet("Bestand")
        bold = book.add_format({"bold": True, "align": "center"})
        sheet.merge_range("A1:E1", "Lumen Home GmbH - Lagerbestand", bold)
        sheet.write_string("A2", f"Stand: {13 + turn}.09.2026")
        sheet.merge_range("A4:B4", "Artikel", bold)
        sheet.merge_range("C4:D4", "Bestand", bold)
        sheet.merge_range("E4:E5", "Einheit", bold)
        for column, name in enumerate(("Artikelnr.", "Bezeichnung", "Lager", "Menge")):
            sheet.write_string(4, column, name, bold)
        row = 5
        for n in articles:
            stores = ("Hamburg", "Köln", "Sperrlager") if n % 5 == 0 else ("Hamburg", "Köln")
            for column, text in enumerate((f"LH-6{n:03d}", f"Leuchte Modell {n}")):
                sheet.merge_range(row, column, row + len(stores) - 1, column, text)
            for store in stores:
                count = 0 if n % 6 == 0 else 1 + (n * 17 + turn * 7 + len(store)) % 39
                sheet.write_string(row, 2, store)
                if drafts and n % 3:
                    sheet.write_string(row, 3, "folgt")
                else:
                    sheet.write_number(row, 3, count)
                sheet.write_string(row, 4, "Stk")
                row += 1
        if faults:
            for column, text in enumerate(("LH-6999", "Leuchte ohne Zahl", "Köln", "?", "Stk")):
                sheet.write_string(row, column, text)
            row += 1
        sheet.write_string(row, 0, "Summe")
        sheet.write_formula(row, 3, f"=SUM(D6:D{row})", None, "0")
    return out.getvalue()


def lumen_xml(turn: int) -> str:
    """Warehouses as elements inside the article."""
    items = []
    for n in range(1, 31):
        stores = ("Hamburg", "Köln", "Sperrlager") if n % 4 == 0 else ("Hamburg", "Köln")
        counts = [(store, 0 if n % 7 == 0 else 1 + (n * 13 + turn * 5 + len(store)) % 29) for store in stores]
        parts = "".join(f'    <l:ort name="{store}"><l:menge>{count}</l:menge></l:ort>\n' for store, count in counts)
        if turn == 1 and n == 9:
            parts = parts.replace("<l:menge>", "<l:menge>ca. ", 1)
        items.append(f'  <l:artikel nr="LH-7{n:03d}">\n    <l:einheit>Stk</l:einheit>\n{parts}  </l:artikel>\n')
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<l:bestand xmlns:l="urn:lumen:lager:1" '
        f'stand="2026-09-{13 + turn}">\n{"".join(items)}</l:bestand>\n'
    )


# ---------------------------------------------------------------- the shop


def shop() -> None:
    """What the marketplace sells before the first file comes: most sample articles, a few left out on purpose."""
    skus = [row[0] for row in norfolk_rows(1)]
    skus += [f"NF-4{n:03d}" for n in range(1, 31)]
    skus += [row[0] for row in open_quote_rows()]
    skus += [row[0] for row in iberica_rows(1)]
    skus += [f"0071{n:03d}" for n in range(1, 25) if n != 5]
    skus += [f"LH-6{n:03d}" for n in range(1, 21) if n != 13]
    lines = [f"{sku},{(place * 7) % 20}" for place, sku in enumerate(dict.fromkeys(skus))]
    write("shop.csv", ("\n".join(["sku,quantity", *lines]) + "\n").encode())
    ranged = [row[0] for row in make_catalog.range_rows()] + [row[0] for row in make_catalog.articles()]
    ranged += [row[0] for row in make_catalog.variants()]
    write("stores.csv", ("\n".join(["sku,quantity", *(f"{sku},0" for sku in ranged)]) + "\n").encode())


def main() -> None:
    """Write every sample."""
    norfolk()
    iberica()
    lumen()
    shop()
    make_catalog.main()


if __name__ == "__main__":
    main()
