import polars as pl
import pytest

from gateway.contracts import contract
from gateway.contracts.barcodes import inferred_type, restored

CATALOG = contract("catalog")


def faults(code, kind=None):
    record = {"sku": "a", "barcode": code, "barcode_type": kind}
    return [(one.code, one.field, one.detail) for one in CATALOG.row_verdict(record)]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("4006381333931", "EAN-13"),
        ("8412345678905", "EAN-13"),
        ("5012345678900", None),
        ("96385074", "EAN-8"),
        ("73513537", None),
        ("036000291452", "UPC-A"),
        ("036000291452", None),
        ("98412345678908", "GTIN-14"),
        ("98412345678908", None),
        ("ABC-12", "CODE39"),
        ("A 12", "CODE128"),
        ("1", "OTHER"),
        ("0000000000000", "OTHER"),
        (None, None),
        ("", ""),
    ],
)
def test_sound_barcodes(code, kind):
    assert faults(code, kind) == []


@pytest.mark.parametrize(
    ("code", "kind", "fault", "detail"),
    [
        (None, "EAN-13", "B-PAIR", "a type without a barcode"),
        ("", "OTHER", "B-PAIR", "a type without a barcode"),
        ("ABC-12", None, "B-PAIR", "without a type it must have 8, 12, 13 or 14 digits and nothing else"),
        ("123456789", "", "B-PAIR", "without a type it must have 8, 12, 13 or 14 digits and nothing else"),
        ("8435000000000", "EAN-13", "SPREADSHEET_DAMAGE", ""),
        ("8712350000000", None, "SPREADSHEET_DAMAGE", ""),
        ("871235100000", "UPC-A", "B-CHECK", "it should be 7"),
        ("871236000000", "UPC-A", "SPREADSHEET_DAMAGE", ""),
        ("98412300000000", "GTIN-14", "SPREADSHEET_DAMAGE", ""),
        ("8712351200001", None, "B-CHECK", "it should be 9"),
        ("2001234000005", None, "B-CHECK", "it should be 0"),
        ("96385075", "EAN-8", "B-CHECK", "it should be 4"),
        ("4006381-333931", "EAN-13", "B-DIGITS", "EAN-13 has 13 digits and nothing else"),
        ("96385074", "EAN-13", "B-DIGITS", "EAN-13 has 13 digits and nothing else"),
        ("4006381333931", "UPC-A", "B-DIGITS", "UPC-A has 12 digits and nothing else"),
        ("36000291453", "EAN-13", "B-DIGITS", "EAN-13 has 13 digits and nothing else"),
        ("0000000000000", "EAN-13", "B-ALLZERO", ""),
        ("00000000", None, "B-ALLZERO", ""),
        ("36000291452", "EAN-13", "B-PAD", "0036000291452"),
        ("036000291452", "EAN-13", "B-PAD", "0036000291452"),
        ("36000291452", "UPC-A", "B-PAD", "036000291452"),
        ("36000291453", "UPC-A", "B-DIGITS", "UPC-A has 12 digits and nothing else"),
        ("6000291452", "UPC-A", "B-DIGITS", "UPC-A has 12 digits and nothing else"),
        ("2012345678900", "EAN-13", "B-RESTR", ""),
        ("0412345678903", None, "B-RESTR", ""),
        ("8.41235E+12", "EAN-13", "SPREADSHEET_DAMAGE", ""),
    ],
)
def test_faulty_barcodes(code, kind, fault, detail):
    found = faults(code, kind)
    assert [(one, text) for one, _, text in found if one == fault] == [(fault, detail)]
    # a number for use inside a company may have a wrong check digit as well: these are two faults
    assert {one for one, *_ in found} - {"B-CHECK", "B-RESTR"} <= {fault}
    # where a barcode stands it is the cell to look at, though its type may be what is missing
    assert {field for _, field, _ in found} == {"barcode"}


def test_what_a_destination_is_given():
    rows = [
        ("EAN-13", "36000291452"),
        ("UPC-A", "36000291452"),
        ("", "036000291452"),
        (None, "96385074"),
        ("OTHER", "36000291452"),
        (None, ""),
    ]
    frame = pl.DataFrame(rows, schema=["barcode_type", "barcode"], orient="row")
    told = frame.select(kind=inferred_type(), code=restored())
    assert told["kind"].to_list() == ["EAN-13", "UPC-A", "UPC-A", "EAN-8", "OTHER", None]
    assert told["code"].to_list() == [
        "0036000291452", "036000291452", "036000291452", "96385074", "36000291452", "",
    ]  # fmt: skip
