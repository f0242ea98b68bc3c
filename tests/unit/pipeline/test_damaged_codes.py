"""A workbook whose codes a spreadsheet read as something else, through to what its rows become."""

import datetime as dt
import io

import openpyxl

MAPPING = 'contract = "stock"\nversion = 1\n[format]\nkind = "xlsx"\n[fields]\nsku = "sku"\nquantity = "quantity"\n'


def test_an_article_whose_code_became_a_date_or_true_is_not_sent(rigs):
    book, out = openpyxl.Workbook(), io.BytesIO()
    for row in (("sku", "quantity"), (dt.date(2026, 1, 5), 1), (True, 2), ("5-1", 3), (105, 4)):
        book.active.append(row)
    book.save(out)
    rig = rigs(MAPPING)
    run = rig.drop("1.xlsx", out.getvalue())
    rig.advance()
    assert rig.states(run) == {"applied": 2, "rejected": 2}
