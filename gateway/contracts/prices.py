"""Prices in the form a destination takes: judged at intake, converted before they are compared; exact, half up.

Amounts are whole numbers of millionths while they are worked on (Int128), so nothing is rounded but the result:
gross = net * (1 + rate / 100), net = gross / (1 + rate / 100).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import polars as pl

from gateway.contracts.amounts import PRICED
from gateway.contracts.fields.trade import currencies
from gateway.contracts.rules import given, issues_of, stands
from gateway.model import ROW, PriceTerms, no_issues
from gateway.wording import filled

LARGEST = "99999999.99"
"""No amount is above it, converted or not (8 digits and 2 decimals, as ledgers have them)."""

_SHIFT = 6
_MILLION = 10**_SHIFT
_AMOUNT = r"^(0|[1-9][0-9]{0,7})(\.[0-9]{1,6})?\z"
_RATE = r"^(0|100|[1-9][0-9]?(\.[0-9]{1,4})?)\z"
_FRACTION = r"^0\.[0-9]{1,4}\z"
"""What is likely a rate of 20 % written as 0.2: nothing is worked out with it."""
_FACTOR, _AMOUNT_OF, _RESULT = "@factor", "@amount ", "@result "
"""Columns worked out once: what net is multiplied by, and per field the amount given and the one it becomes."""
_ASIDE = ("price_basis", "tax_rate", "currency", "command")


@dataclass(frozen=True, slots=True)
class _Test:
    code: str
    field: str
    where: pl.Expr
    detail: pl.Expr


def price_issues(frame: pl.DataFrame, terms: PriceTerms) -> pl.DataFrame:
    """Return what keeps amounts of the rows from being given in `terms` (ISSUE_SCHEMA, in row order).

    `frame`: `@row`, `@line` and contract columns (String, canonical text); absent ones are missing cells. Cells that
    are no sound amount, rate, basis or currency are left to the contract, as is the missing basis of `PRICED` fields.
    Rows that give no amount have nothing to convert, nor have those that end their record, unless the terms hold
    `of_ended`. A rate between 0 and 1 was likely meant as a fraction: where amounts would be converted by it, that is
    an error (T-FRAC-STRICT). Rounding is told (PRICE_ROUNDED) where it changes the price people pay: converted back,
    the rounded amount is not the one given, to as many decimals.
    """
    fields = tuple(field for field in terms.fields if field in frame.columns)
    if not fields or frame.is_empty():
        return no_issues()
    full = _worked(_completed(frame), fields, terms)
    tests = [*_row_tests(fields, terms), *(test for field in fields for test in _field_tests(field, terms))]
    masks = full.lazy().select(test.where.fill_null(False).alias(str(n)) for n, test in enumerate(tests)).collect()
    found = []
    for place, test in enumerate(tests):
        if masks[str(place)].any():
            rows = full.filter(masks[str(place)])
            found.append(issues_of(rows, test.code, test.field, value=pl.col(test.field), detail=test.detail))
    return pl.concat(found).sort(ROW, maintain_order=True) if found else no_issues()


def converted(frame: pl.DataFrame, terms: PriceTerms) -> pl.DataFrame:
    """Return the frame, same columns and rows, with its amounts in the basis and decimals of `terms`.

    Where an amount is given, columns `price_basis`, `tax_rate` and `currency` that the frame has say what now holds.
    An amount that can't be worked out or is too large becomes null. Rows that end their record stay as they are, unless
    the terms hold `of_ended`.
    """
    fields = tuple(field for field in terms.fields if field in frame.columns)
    if not fields or frame.is_empty():
        return frame
    full = _worked(_completed(frame), fields, terms)
    amounts = []
    for field in fields:
        result = pl.col(_RESULT + field)
        fits = pl.when(result <= _whole(_limit(terms))).then(_text(result, terms))
        amounts.append(pl.when(_spoken(terms) & given(field)).then(fits).otherwise(field).alias(field))
    here = _spoken(terms) & pl.any_horizontal(given(field) for field in fields)
    said = {"price_basis": pl.lit(terms.basis), "tax_rate": _rate_text(terms), "currency": _currency(terms)}
    aside = [pl.when(here).then(text).otherwise(name).alias(name) for name, text in said.items()]
    return full.with_columns(*amounts, *aside).select(frame.columns)


def _completed(frame: pl.DataFrame) -> pl.DataFrame:
    absent = [name for name in _ASIDE if name not in frame.columns]
    return frame.with_columns(pl.lit(None, pl.String).alias(name) for name in absent)


def _worked(full: pl.DataFrame, fields: tuple[str, ...], terms: PriceTerms) -> pl.DataFrame:
    amounts = (_millionths(field).alias(_AMOUNT_OF + field) for field in fields)
    results = (_result(_AMOUNT_OF + field, terms).alias(_RESULT + field) for field in fields)
    return full.with_columns(_factor(terms).alias(_FACTOR), *amounts).with_columns(*results)


# ---------------------------------------------------------------- what the row and the terms say


def _spoken(terms: PriceTerms) -> pl.Expr:
    """Return whether the terms concern the amounts of the row."""
    return pl.lit(value=True) if terms.of_ended else stands()


def _whole(value: int) -> pl.Expr:
    return pl.lit(value, pl.Int128)


def _limit(terms: PriceTerms) -> int:
    return int(Decimal(LARGEST).scaleb(terms.decimals))


def _rate_text(terms: PriceTerms) -> pl.Expr:
    return pl.when(given("tax_rate")).then("tax_rate").otherwise(pl.lit(terms.tax_rate, pl.String))


def _currency(terms: PriceTerms) -> pl.Expr:
    return pl.when(given("currency")).then("currency").otherwise(pl.lit(terms.currency, pl.String))


def _other_basis(terms: PriceTerms) -> pl.Expr:
    return pl.col("price_basis") == ("gross" if terms.basis == "net" else "net")


def _millionths(field: str) -> pl.Expr:
    """Return the amount in millionths (Int128); null where it is not sound."""
    cell = pl.when(pl.col(field).str.contains(_AMOUNT)).then(field)
    return cell.cast(pl.Decimal(38, _SHIFT)).to_physical().cast(pl.Int128)


def _factor(terms: PriceTerms) -> pl.Expr:
    """Return what net is multiplied by to give gross, in millionths (Int128); null without a sound rate."""
    text = _rate_text(terms)
    rate = pl.when(text.str.contains(_RATE)).then(text).cast(pl.Decimal(38, 4))
    return rate.to_physical().cast(pl.Int128) + _whole(_MILLION)


def _half_up(above: pl.Expr, below: pl.Expr) -> pl.Expr:
    return (above * _whole(2) + below) // (below * _whole(2))


def _result(amount_of: str, terms: PriceTerms) -> pl.Expr:
    """Return the amount in the terms' basis, in their smallest unit (Int128); null where it can't be worked out."""
    amount, factor, unit = pl.col(amount_of), pl.col(_FACTOR), _whole(10**terms.decimals)
    as_is = _half_up(amount * unit, _whole(_MILLION))
    if terms.basis == "gross":
        other = _half_up(amount * factor * unit, _whole(_MILLION**2))
    else:
        other = _half_up(amount * unit, factor)
    nothing = pl.when(amount == _whole(0)).then(_whole(0))  # nothing is nothing at any rate
    told = pl.when(pl.col("price_basis") == terms.basis).then(as_is).when(_other_basis(terms)).then(other)
    return pl.coalesce(nothing, told)


def _comes_back(field: str, terms: PriceTerms) -> pl.Expr:
    """Return whether the amount given is what the result stands for in the row's own basis, to as many decimals."""
    result, factor, unit = pl.col(_RESULT + field), pl.col(_FACTOR), _whole(10**terms.decimals)
    given_decimals = pl.col(field).str.extract(r"\.([0-9]+)\z").str.len_bytes().fill_null(0).cast(pl.Int64)
    shown = pl.max_horizontal(given_decimals, pl.lit(terms.decimals))
    finest = shown.replace_strict({n: 10**n for n in range(_SHIFT + 1)}, return_dtype=pl.Int128, default=None)
    if terms.basis == "gross":
        back = _half_up(result * _whole(_MILLION) * finest, factor * unit)
    else:
        back = _half_up(result * factor * finest, _whole(_MILLION) * unit)
    own = pl.when(_other_basis(terms)).then(back).otherwise(result * (finest // unit))
    return own * (_whole(_MILLION) // finest) == pl.col(_AMOUNT_OF + field)


def _text(units: pl.Expr, terms: PriceTerms) -> pl.Expr:
    """Return canonical text of an amount in smallest units."""
    unit = _whole(10**terms.decimals)
    whole = (units // unit).cast(pl.String)
    if terms.decimals == 0:
        return whole
    rest = (units % unit).cast(pl.String).str.zfill(terms.decimals).str.strip_chars_end("0")
    return pl.when(rest == "").then(whole).otherwise(pl.concat_str(whole, pl.lit("."), rest))


# ---------------------------------------------------------------- what is wrong


def _row_tests(fields: tuple[str, ...], terms: PriceTerms) -> list[_Test]:
    """Test what a row says once for all its amounts."""
    here = _spoken(terms) & pl.any_horizontal(given(field) for field in fields)
    pieces = (pl.when(given(field)).then(pl.lit(field)) for field in fields)
    names = pl.concat_str(pieces, separator=", ", ignore_nulls=True)
    foreign = pl.col("currency").is_in(currencies()) & (pl.col("currency") != pl.lit(terms.currency, pl.String))
    fraction = _rate_text(terms).str.contains(_FRACTION)
    told = given("tax_rate") if terms.tax_rate is None else pl.lit(True)
    some = pl.any_horizontal((pl.col(_AMOUNT_OF + field) != _whole(0)).fill_null(False) for field in fields)
    turned = here & _other_basis(terms) & some
    # of rows that stand the contract asks for the basis of its prices, and one issue is enough
    told_already = stands() & pl.any_horizontal(pl.lit(False), *(given(field) for field in PRICED if field in fields))
    first = pl.coalesce(*(pl.when(given(field)).then(pl.lit(field)) for field in fields), pl.lit(None, pl.String))
    tests = [
        _Test("TAX_RATE_MISSING", "tax_rate", turned & ~told, pl.col("price_basis")),
        _Test("T-FRAC-STRICT", "tax_rate", turned & fraction, pl.col("price_basis")),
        _Test("PRICE_BASIS", "price_basis", here & ~given("price_basis") & ~told_already, first),
    ]
    if terms.currency is None:
        return [_Test("PRICE_CURRENCY_MISSING", "currency", here & ~given("currency"), names), *tests]
    return [_Test("PRICE_CURRENCY", "currency", here & foreign, pl.lit(terms.currency)), *tests]


def _field_tests(field: str, terms: PriceTerms) -> list[_Test]:
    """Test one amount: lost by rounding, beyond what fits, changed by rounding."""
    result, amount = pl.col(_RESULT + field), pl.col(_AMOUNT_OF + field)
    lost = (result == _whole(0)) & (amount > _whole(0))
    large = result > _whole(_limit(terms))
    changed = ~_comes_back(field, terms) & ~lost & ~large
    shown = filled("{} {}", _text(result, terms), pl.lit(terms.basis))
    most = f"{LARGEST}, the most an amount may be {terms.basis}"
    return [
        _Test("PRICE_ZERO", field, _spoken(terms) & lost, pl.lit(f"{terms.decimals} decimals, {terms.basis}")),
        _Test("TOO_LARGE", field, _spoken(terms) & large, pl.lit(most)),
        _Test("PRICE_ROUNDED", field, _spoken(terms) & changed, shown),
    ]
