from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest
from pydantic_core import PydanticCustomError

from gateway.contracts import contracts
from gateway.contracts.fields import (
    VOCABULARY,
    AddressList,
    Base64,
    Category,
    Choice,
    Code,
    CodeList,
    Currency,
    Day,
    Flag,
    Gtin,
    Html,
    Instant,
    Money,
    Quantity,
    Rate,
    Text,
)
from gateway.issues import CATALOGUE

SOUND = [
    (Text(10), "a", "a"),
    (Text(10), "é 👍", "é 👍"),
    (Text(10), " a ", " a "),
    (Text(10, lines=True), "a\nb\tc", "a\nb\tc"),
    (Text(10, allowed="A-Z$"), "A$", "A$"),
    (Code(10), "00012", "00012"),
    (Code(10), "A B", "A B"),
    (Code(10), "a+b", "a+b"),
    (Code(10), "ñandú", "ñandú"),
    (Code(10), "1E5", "1E5"),
    (CodeList(20), "V1", "V1"),
    (CodeList(20), "V1|V2|Ñ 3", "V1|V2|Ñ 3"),
    (Quantity(), "0", Decimal(0)),
    (Quantity(), "1.5", Decimal("1.5")),
    (Quantity(), "0.001", Decimal("0.001")),
    (Quantity(), "999999999", Decimal(999999999)),
    (Quantity(low=Decimal(-5)), "-3.25", Decimal("-3.25")),
    (Quantity(low=Decimal(-5)), "-0.5", Decimal("-0.5")),
    (Quantity(decimals=0), "12", Decimal(12)),
    (Money(), "19.9", Decimal("19.9")),
    (Money(), "99999999.99", Decimal("99999999.99")),
    (Rate(), "100", Decimal(100)),
    (Rate(), "5.2", Decimal("5.2")),
    (Flag(), "true", True),
    (Flag(), "false", False),
    (Choice(("upsert", "end")), "end", "end"),
    (Day(), "2024-02-29", date(2024, 2, 29)),
    (Day(), "2000-02-29", date(2000, 2, 29)),
    (Day(), "0001-01-01", date(1, 1, 1)),
    (Day(), "9999-12-31", date(9999, 12, 31)),
    (Instant(), "2026-11-22T09:30:00Z", datetime(2026, 11, 22, 9, 30, tzinfo=UTC)),
    (Instant(), "2026-12-31T23:59:59Z", datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)),
    *((Gtin(), code, code) for code in ("4006381333931", "8412345678905", "5012345678900", "96385074", "73513537")),
    *((Gtin(), code, code) for code in ("036000291452", "98412345678908")),
    (Currency(), "EUR", "EUR"),
    (Category(30), r"Ropa\Camisas & más", r"Ropa\Camisas & más"),
    (Category(30), "Clothing", "Clothing"),
    (Html(90), "<p>Plain:\n<b>5 < 6</b></p>", "<p>Plain:\n<b>5 < 6</b></p>"),
    (Html(90), "a description of scripts", "a description of scripts"),
    (Html(90), '<a href="https://a/?on=1">content=</a>', '<a href="https://a/?on=1">content=</a>'),
    (AddressList(90), "https://a.example/1.jpg", "https://a.example/1.jpg"),
    (AddressList(90), "http://a:8080/x?y=1&z=%7C#f|https://b/ñ", "http://a:8080/x?y=1&z=%7C#f|https://b/ñ"),
    (Base64(9), "QQ==", b"A"),
    (Base64(9), "QUI=", b"AB"),
    (Base64(9), "+/+/QUJD", b"\xfb\xff\xbfABC"),
    (Base64(9), "QUFBQUFBQUFB", b"A" * 9),
]

FAULTY = [
    (Text(3), "abcd", "TOO_LONG", "3 characters"),
    (Text(3), "éééé", "TOO_LONG", "3 characters"),
    (Text(9), "  ", "NOT_BLANK", "only spaces"),
    (Text(9), "\u00a0\u2003", "NOT_BLANK", "only spaces"),
    (Text(9), "a\x00b", "CHARACTERS", "control characters"),
    (Text(9), "a\nb", "CHARACTERS", "control characters"),
    (Text(9, lines=True), "a\x0bb", "CHARACTERS", "control characters"),
    (Text(9, allowed="A-Z$"), "Ab", "CHARACTERS", "only A-Z$"),
    (Code(9), " a", "CHARACTERS", "a space before or after it"),
    (Code(9), "a\u00a0", "CHARACTERS", "a space before or after it"),
    (Code(9), "a\n", "CHARACTERS", "control or invisible characters"),
    (Code(9), "a\u200bb", "CHARACTERS", "control or invisible characters"),
    (Code(9), "a\x1fb", "CHARACTERS", "control or invisible characters"),
    (Code(9, spaces=False), "a b", "CHARACTERS", "spaces"),
    (Code(12), "8.41235E+12", "SPREADSHEET_DAMAGE", ""),
    (Code(12), "8,41235e+12", "SPREADSHEET_DAMAGE", ""),
    (Code(12), "#N/A", "SPREADSHEET_DAMAGE", ""),
    (Code(12), "#NAME?", "SPREADSHEET_DAMAGE", ""),
    (Code(12), "#¡REF!", "SPREADSHEET_DAMAGE", ""),
    (Code(12), "#¿NOMBRE?", "SPREADSHEET_DAMAGE", ""),
    (Code(3), "abcd", "TOO_LONG", "3 characters"),
    (CodeList(9), "a||b", "CHARACTERS", "an empty entry, or a space around an entry"),
    (CodeList(9), "|a", "CHARACTERS", "an empty entry, or a space around an entry"),
    (CodeList(9), "a |b", "CHARACTERS", "an empty entry, or a space around an entry"),
    (CodeList(9), "a|b|a", "LISTED_TWICE", ""),
    (CodeList(3), "a|bc", "TOO_LONG", "3 characters"),
    *((Quantity(), text, "NOT_A_NUMBER", "") for text in ("x", "1,5", "1_000", " 5", "5 ", "1e3", "+1", ".5", "1.")),
    *((Quantity(), text, "NOT_A_NUMBER", "") for text in ("٣", "NaN", "inf", "0x1", "1\n", "--1", "-")),
    *((Quantity(), text, "NOT_PLAIN", "no spare zeros, like 7 or 1.5") for text in ("01", "1.50", "0.0", "-0", "-0.0")),
    (Quantity(), "1.0005", "DECIMALS", "3"),
    (Quantity(decimals=0), "1.5", "NOT_WHOLE", ""),
    (Quantity(), "-1", "TOO_SMALL", "0"),
    (Quantity(), "1000000000", "TOO_LARGE", "999999999"),
    (Quantity(), "9" * 60, "TOO_LARGE", "999999999"),
    (Quantity(), "-" + "9" * 60, "TOO_SMALL", "0"),
    (Quantity(low=Decimal("0.001")), "0", "TOO_SMALL", "0.001"),
    (Money(), "100000000", "TOO_LARGE", "99999999.99"),
    (Money(), "1.999", "DECIMALS", "2"),
    (Rate(), "100.0001", "TOO_LARGE", "100"),
    *((Flag(), text, "NOT_A_FLAG", "") for text in ("True", "1", "yes", " true", "true\n")),
    (Choice(("upsert", "end")), "END", "NOT_LISTED", "upsert, end"),
    *((Day(), text, "NOT_A_DAY", "") for text in ("2026-02-29", "1900-02-29", "2026-04-31", "0000-01-01", "2026-2-28")),
    *(
        (Day(), text, "NOT_A_DAY", "")
        for text in ("20260228", "2026-02-28\n", " 2026-02-28", "2026-13-01", "2026-00-01")
    ),
    *((Instant(), f"2026-11-22T{time}", "NOT_A_TIME", "") for time in ("24:00:00Z", "23:59:60Z", "9:30:00Z", "09:30Z")),
    *((Instant(), text, "NOT_A_TIME", "") for text in ("2026-02-30T00:00:00Z", "2026-11-22", "2026-11-22T09:30:00")),
    *((Instant(), f"2026-11-22{rest}", "NOT_A_TIME", "") for rest in (" 09:30:00Z", "T09:30:00+00:00", "T09:30:00.0Z")),
    (Gtin(), "8435000000000", "NOT_A_GTIN", "the check digit should be 2"),
    (Gtin(), "2001234000005", "NOT_A_GTIN", "the check digit should be 0"),
    (Gtin(), "0000000000000", "NOT_A_GTIN", "all zeros"),
    (Gtin(), "123456789", "NOT_A_GTIN", "8, 12, 13 or 14 digits"),
    (Gtin(), "4006381-33931", "NOT_A_GTIN", "only digits"),
    (Gtin(), "8.41235E+12", "SPREADSHEET_DAMAGE", ""),
    *((Currency(), text, "NOT_A_CURRENCY", "") for text in ("eur", "EURO", "€", "XXX", "DEM", "EUR\n")),
    *(
        (Category(9), text, "CHARACTERS", "an empty part, or a space around a part")
        for text in ("\\a", "a\\", "a\\\\b", "a \\b", " a")
    ),
    (Category(9), "a\nb", "CHARACTERS", "control or invisible characters"),
    (Category(3), "a\\bc", "TOO_LONG", "3 characters"),
    (Html(9), " \n ", "NOT_BLANK", "only spaces"),
    (Html(9), "a\x0bb", "CHARACTERS", "control characters"),
    (Html(99), "a<SCRIPT src=x>", "HTML_ACTIVE", "a script element"),
    (Html(99), "a<script>x()</script>", "HTML_ACTIVE", "a script element"),
    (Html(99), "<img src=x\nonError =x()>", "HTML_ACTIVE", "an event handler"),
    (Html(99), "<a href='javascript:x()'>", "HTML_ACTIVE", "a javascript: address"),
    (Html(3), "éééé", "TOO_LONG", "3 characters"),
    *(
        (AddressList(99), text, "NOT_AN_ADDRESS", "http:// or https:// and a host")
        for text in (
            "a.jpg",
            "ftp://a/b",
            "https://",
            "//a/b",
            "https://a/b|",
            "https://a/b||https://a/c",
            "https://a/<b>",
        )
    ),
    (AddressList(99), "https://a/b c", "NOT_AN_ADDRESS", "a space inside"),
    (AddressList(99), "https://a/b\n", "CHARACTERS", "control or invisible characters"),
    (AddressList(99), "https://a/b|https://a/b", "LISTED_TWICE", ""),
    (AddressList(9), "https://a/b", "TOO_LONG", "9 characters"),
    (Base64(9), "data:image/png;base64,QQ==", "NOT_BASE64", "it still has its data: prefix"),
    (Base64(9), "https://a/b.jpg", "NOT_BASE64", "it is a web address, not the picture itself"),
    (Base64(9), "TS-100_1.jpg", "NOT_BASE64", "it is a file name, not the picture itself"),
    (Base64(9), "QQ==\n", "NOT_BASE64", "other characters than A-Z, a-z, 0-9, + and /"),
    (Base64(9), "Q Q=", "NOT_BASE64", "other characters than A-Z, a-z, 0-9, + and /"),
    (Base64(9), "Q=QQ", "NOT_BASE64", "padding in the middle"),
    (Base64(9), "Q===", "NOT_BASE64", "padding in the middle"),
    (Base64(9), "QUI", "NOT_BASE64", "it is cut off: the length is no multiple of 4"),
    (Base64(9), "QR==", "NOT_BASE64", "it ends in bits that mean nothing"),
    (Base64(9), "QUJ=", "NOT_BASE64", "it ends in bits that mean nothing"),
    (Base64(8), "QUFBQUFBQUFB", "TOO_LARGE_FILE", "8 bytes"),
]


def column_verdict(kind, text):
    code, detail = kind.fault(pl.col("x"))
    plain = kind.plain(pl.col("x")) & (pl.col("x") == pl.col("x"))
    row = pl.DataFrame({"x": [text]}).select(plain.alias("plain"), code.alias("code"), detail.alias("detail")).row(0)
    assert not (row[0] and row[1] is not None), "a plain cell has no fault"
    return row[1:]


@pytest.mark.parametrize(("kind", "text", "value"), SOUND)
def test_sound_text_has_one_value_on_both_sides(kind, text, value):
    assert column_verdict(kind, text) == (None, None)
    assert kind.read(text) == value
    assert pl.DataFrame({"x": [text]}).select(kind.typed(pl.col("x"))).item() == value


@pytest.mark.parametrize(("kind", "text", "code", "detail"), FAULTY)
def test_faulty_text_has_one_fault_on_both_sides(kind, text, code, detail):
    assert column_verdict(kind, text) == (code, detail)
    with pytest.raises(PydanticCustomError) as caught:
        kind.read(text)
    assert caught.value.type == code
    assert caught.value.context == {"detail": detail}
    assert code in CATALOGUE


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        (Text(9), pl.String),
        (Quantity(), pl.Decimal(38, 3)),
        (Quantity(decimals=0), pl.Int64()),
        (Flag(), pl.Boolean()),
        (Day(), pl.Date()),
        (Instant(), pl.Datetime("us", "UTC")),
        (Choice(("a",)), pl.String()),
        (Gtin(), pl.String()),
        (CodeList(9), pl.String()),
        (Currency(), pl.String()),
        (Html(9), pl.String()),
        (Base64(9), pl.Binary()),
    ],
)
def test_typed_columns_hold_null_where_nothing_is_given(kind, dtype):
    typed = pl.DataFrame({"x": [None, ""]}, schema={"x": pl.String}).select(kind.typed(pl.col("x"))).to_series()
    assert typed.dtype == dtype
    assert typed.to_list() == [None, None]


def test_every_word_of_the_vocabulary_is_tried_here():
    assert {type(kind) for kind, *_ in SOUND} == {type(kind) for kind, *_ in FAULTY} == set(VOCABULARY)


def test_bounds_beyond_fifteen_digits_are_refused():
    with pytest.raises(ValueError, match="15 decimals"):
        Quantity(high=Decimal(10) ** 16)


def test_an_instant_is_written_as_it_is_read():
    moment = datetime(2026, 1, 2, 3, 4, 5, 999, tzinfo=UTC)
    assert Instant.text(moment) == "2026-01-02T03:04:05Z"
    assert Instant().read(Instant.text(datetime(900, 1, 1, tzinfo=UTC))).year == 900


def test_every_contract_is_built_from_the_vocabulary():
    for one in contracts():
        assert {type(field.type) for field in one.fields.values()} <= set(VOCABULARY)


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        (Text(max_length=40), ["größe", "Camión — 5 €", "日本"]),
        (Html(max_length=40), ["<p>größe\n5 €</p>", "línea"]),
        (Code(max_length=40), ["REF 0001", "A-1 B/2"]),
        (Category(max_length=40), ["Iluminación\\Lámparas de pie", "Light"]),
    ],
)
def test_ordinary_texts_cost_the_cheap_test_only(kind, texts):
    assert pl.DataFrame({"x": texts}).select(kind.plain(pl.col("x"))).to_series().all()


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        (Text(max_length=40), [" a", "\u00a0a", "a\tb", "a\x85", ""]),
        (Html(max_length=40), ["\na", "a\x00", "x onclick = y"]),
        (Code(max_length=40), ["a ", " a", "a  b", "1E+5", "#N/A", "#1", "a\u00ad"]),
        (Code(max_length=40, spaces=False), ["a b"]),
        (Category(max_length=40), ["a\\", "a \\b", "\\a", "a\\\\b", "a\u00adb"]),
    ],
)
def test_doubtful_texts_do_not_pass_the_cheap_test(kind, texts):
    assert not pl.DataFrame({"x": texts}).select(kind.plain(pl.col("x"))).to_series().any()
