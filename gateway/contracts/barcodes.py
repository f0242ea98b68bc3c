"""Rules of barcodes: type and digits go together, check digits fit; what spreadsheets did to them is found.

Source: GS1 General Specifications, 7.9 (check digit) and 1.4 (restricted circulation numbers), verified. The names of
the types are ours: Sage 50 Cloud e-commerce contracts give none.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import polars as pl
from stdnum import ean

from gateway.contracts.fields import Gtin
from gateway.contracts.rules import Record, RowsRule, Rule, also_in_row, given, issues_of, stands
from gateway.model import ROW
from gateway.wording import filled

DIGITS = {"EAN-13": 13, "EAN-8": 8, "UPC-A": 12, "GTIN-14": 14}
"""Types with a check digit, and how many digits they have."""
_SHORTENED = {"EAN-13": (11, 12), "UPC-A": (11,)}
"""Types that often begin with zeros: the lengths a spreadsheet leaves of them."""
_FREE = ("CODE128", "CODE39", "OTHER")
TYPES = (*DIGITS, *_FREE)

_FIELDS = ("barcode", "barcode_type")
_TYPE_OF = {digits: name for name, digits in DIGITS.items()}
_ROUNDED = r"^[0-9]{6,8}0{6}\z"
"""What a spreadsheet writes of a code of 12 to 14 digits it took for a number: six of them are left, or seven."""
_RESTRICTED = r"^(2[0-9]{12}|0[24][0-9]{11})\z"


def inferred_type() -> pl.Expr:
    """Return the type of a sound barcode (String): as given, else from its length; null where there is no barcode."""
    told = pl.when(given("barcode_type")).then("barcode_type")
    length = pl.col("barcode").str.len_chars().cast(pl.Int64)
    return pl.when(given("barcode")).then(pl.coalesce(told, length.replace_strict(_TYPE_OF, default=None)))


def restored() -> pl.Expr:
    """Return the barcode (String) with the leading zeros back that a spreadsheet took from it (B-PAD)."""
    return pl.when(_lost_zeros()).then(_filled_up()).otherwise("barcode")


def _digits() -> pl.Expr:
    return pl.col("barcode").str.contains(r"^[0-9]+\z")


def _length() -> pl.Expr:
    return pl.col("barcode").str.len_chars().cast(pl.Int64)


def _wanted() -> pl.Expr:
    """Digits the type asks for; without a type those of the barcode, where they are of a known length."""
    known = pl.col("barcode_type").replace_strict(DIGITS, default=None, return_dtype=pl.Int64)
    by_length = pl.when(_digits() & _length().is_in(list(_TYPE_OF))).then(_length())
    return pl.when(given("barcode_type")).then(known).otherwise(by_length)


def _zeros() -> pl.Expr:
    return pl.col("barcode").str.contains(r"^0+\z")


def _fits() -> pl.Expr:
    return Gtin.check_digit(pl.col("barcode")) == pl.col("barcode").cast(pl.Int64, strict=False) % 10


def _lost_zeros() -> pl.Expr:
    short = pl.any_horizontal(
        (pl.col("barcode_type") == kind) & _length().is_in(lengths) for kind, lengths in _SHORTENED.items()
    )
    return (short & _digits() & ~_zeros() & _fits()).fill_null(False)


def _filled_up() -> pl.Expr:
    code = pl.col("barcode")
    return pl.when(pl.col("barcode_type") == "UPC-A").then(code.str.zfill(12)).otherwise(code.str.zfill(13))


def _shaped() -> pl.Expr:
    return _digits() & (_length() == _wanted())


def _record(judge: Callable[[str, str], str | None]) -> Callable[[Record], str | None]:
    return lambda record: judge(record.get("barcode") or "", record.get("barcode_type") or "")


def _is_digits(code: str) -> bool:
    return code.isascii() and code.isdigit()


def _wanted_of(code: str, kind: str) -> int | None:
    if kind:
        return DIGITS.get(kind)
    return len(code) if _is_digits(code) and len(code) in _TYPE_OF else None


def _shaped_of(code: str, kind: str) -> bool:
    return _is_digits(code) and len(code) == _wanted_of(code, kind)


def _lost_zeros_of(code: str, kind: str) -> bool:
    short = _is_digits(code) and len(code) in _SHORTENED.get(kind, ())
    return short and code.strip("0") != "" and bool(ean.is_valid(code.zfill(13)))


def _misses() -> pl.Expr:
    """Whether the digits are as many as they should be, and the last one is wrong."""
    return given("barcode") & _shaped() & ~_zeros() & ~_fits()


def _misses_of(code: str, kind: str) -> bool:
    return _shaped_of(code, kind) and code.strip("0") != "" and not ean.is_valid(code)


def _is_rounded(code: str) -> bool:
    return re.match(_ROUNDED.replace(r"\z", r"\Z"), code) is not None


def barcode_rules() -> tuple[Rule, ...]:
    """Return the B-rules over `barcode` and `barcode_type`."""
    checked = (_wrong_check(), _rounded())
    return (_lone_type(), _unknown_type(), _wrong_digits(), _all_zeros(), *checked, _padded(), _restricted())


def _lone_type() -> Rule:
    detail = "a type without a barcode"

    def judge(code: str, kind: str) -> str | None:
        return detail if kind and not code else None

    return Rule("B-PAIR", "barcode", _FIELDS, given("barcode_type") & ~given("barcode"), _record(judge), detail)


def _unknown_type() -> Rule:
    detail = "without a type it must have 8, 12, 13 or 14 digits and nothing else"

    def judge(code: str, kind: str) -> str | None:
        return detail if code and not kind and _wanted_of(code, kind) is None else None

    unknown = given("barcode") & ~given("barcode_type") & _wanted().is_null()
    return Rule("B-PAIR", "barcode", _FIELDS, unknown, _record(judge), detail)


def _wrong_digits() -> Rule:
    def judge(code: str, kind: str) -> str | None:
        if not code or kind not in DIGITS or _shaped_of(code, kind) or _lost_zeros_of(code, kind):
            return None
        return f"{kind} has {DIGITS[kind]} digits and nothing else"

    wrong = given("barcode") & pl.col("barcode_type").is_in(list(DIGITS)) & ~_shaped() & ~_lost_zeros()
    detail = filled("{} has {} digits and nothing else", "barcode_type", _wanted())
    return Rule("B-DIGITS", "barcode", _FIELDS, wrong, _record(judge), detail)


def _all_zeros() -> Rule:
    def judge(code: str, kind: str) -> str | None:
        return "" if _shaped_of(code, kind) and code.strip("0") == "" else None

    return Rule("B-ALLZERO", "barcode", _FIELDS, given("barcode") & _shaped() & _zeros(), _record(judge))


def _wrong_check() -> Rule:
    def judge(code: str, kind: str) -> str | None:
        if not _misses_of(code, kind) or _is_rounded(code):
            return None
        return f"it should be {ean.calc_check_digit(code[:-1])}"

    wrong = _misses() & ~pl.col("barcode").str.contains(_ROUNDED)
    detail = filled("it should be {}", Gtin.check_digit(pl.col("barcode")))
    return Rule("B-CHECK", "barcode", _FIELDS, wrong, _record(judge), detail)


def _rounded() -> Rule:
    """Return the rule against codes whose last digits a spreadsheet lost: another check digit would not mend them."""

    def judge(code: str, kind: str) -> str | None:
        return "" if _misses_of(code, kind) and _is_rounded(code) else None

    lost = _misses() & pl.col("barcode").str.contains(_ROUNDED)
    return Rule("SPREADSHEET_DAMAGE", "barcode", _FIELDS, lost, _record(judge))


def _padded() -> Rule:
    def judge(code: str, kind: str) -> str | None:
        return code.zfill(DIGITS[kind]) if _lost_zeros_of(code, kind) else None

    return Rule("B-PAD", "barcode", _FIELDS, _lost_zeros(), _record(judge), _filled_up())


def _restricted() -> Rule:
    def judge(code: str, kind: str) -> str | None:
        inside = _shaped_of(code, kind) and len(code) == 13 and code.startswith(("2", "02", "04"))
        return "" if inside else None

    inside = _shaped() & pl.col("barcode").str.contains(_RESTRICTED)
    return Rule("B-RESTR", "barcode", _FIELDS, inside, _record(judge))


def one_article(*alike: str) -> RowsRule:
    """Return V-BAR: a barcode stands at one article only; rows that differ in `alike` are not compared.

    Leading zeros make no other number: the UPC-A 036000291452 is the EAN-13 0036000291452 (GS1 General Specifications:
    numbers are compared in a field of 14 digits, filled with zeros; verified). In free codes they count.
    """
    bare = pl.col("barcode").str.strip_chars_start("0")
    code = pl.when(_digits() & ~pl.col("barcode_type").is_in(_FREE).fill_null(False)).then(bare).otherwise("barcode")

    def find(rows: pl.DataFrame) -> pl.DataFrame:
        here = rows.sort(ROW).with_columns(*(pl.col(field).fill_null("") for field in alike), code=code)
        twice = here.filter(pl.col("sku").n_unique().over("code", *alike) > 1)
        detail = also_in_row("code", *alike)
        return issues_of(twice, "V-BAR", "barcode", value=pl.col("barcode"), detail=detail)

    columns, where = (*_FIELDS, "sku", *alike), given("barcode") & stands()
    # alike may be more than what is found: all are looked at by what costs least
    return RowsRule("V-BAR", "barcode", columns, where, find, (bare, *alike), (pl.col("sku"),))
