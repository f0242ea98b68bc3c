"""Numbers as partners write them to canonical decimal text; a value with two readings is never guessed.

Canonical: optional "-", digits without leading zeros, and where needed "." and decimals without trailing zeros.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Context, Decimal
from functools import cached_property
from typing import TypeVar

import polars as pl

from gateway.mapping.steps import blame, choose, present
from gateway.model import Kind
from gateway.wording import filled

PLAIN = "1234.5"
_SPACES = " \u00a0\u2009\u202f"
_SIGN = "[+\\-\u2212]"
_SIMPLE = "^(?:-?[1-9][0-9]*|0)?$"
_TWO_READINGS = "^[1-9][0-9]{0,2}[.,][0-9]{3}$"
_DECIMAL_DIGITS = 38
_INT128_DIGITS = 38
_LOOKED_AT = 20
"""Texts of a column by which its unit is guessed; a wrong guess costs time only."""
_FEW = 4096
"""Texts of an unusual form up to which they are taken apart at once: what they could have in common costs more."""

_Texts = TypeVar("_Texts", pl.Series, pl.Expr)


def _marks(example: str) -> tuple[str, str]:
    """Grouping marks (possibly none) and the decimal mark of an example like 1.234,5."""
    grouping = example[1] if example[1] != "2" else ""
    return {" ": _SPACES, "'": "'\u2019"}.get(grouping, grouping), example[-2]


def _first(texts: pl.Series) -> list[str]:
    """Texts at the head of a column that are neither empty nor missing."""
    return [text for text in texts.head(_LOOKED_AT).to_list() if text]


def _canonical(frame: pl.DataFrame) -> pl.Series:
    """Canonical text of unsigned `digits` with "." and any zeros, and of whether they are `negative`."""
    # step by step: what each is made of is worked out once, and there is little to plan
    whole, short, full = pl.col("whole"), pl.col("short"), pl.col("full")
    frame = frame.with_columns_seq(whole=pl.col("digits").str.strip_chars_start("0"))
    decimals = whole.str.contains(".", literal=True)
    bare = pl.when(decimals).then(whole.str.strip_chars_end("0").str.strip_chars_end(".")).otherwise(whole)
    frame = frame.with_columns_seq(short=bare)
    none = (short == "") | short.str.starts_with(".")
    frame = frame.with_columns_seq(full=pl.when(none).then(pl.lit("0") + short).otherwise(short))
    minus = pl.col("negative") & (full != "0")
    return frame.select_seq(pl.when(minus).then(pl.lit("-") + full).otherwise(full)).to_series()


def _rest(
    texts: pl.Series,
    good: pl.Series,
    read: Callable[[pl.Series], pl.Series] | None,
    others: Callable[[pl.Series], pl.Series],
) -> pl.Series:
    """Apply `read` (None: nothing to do) and, where the mask is false, `others`; missing stays.

    `read` takes any text, and what it makes of those where the mask is false is thrown away.
    """
    if good.all():
        return texts if read is None else read(texts)
    bad = (~good).arg_true()
    if bad.len() == texts.len():
        return others(texts)
    whole = texts.clone() if read is None else read(texts)  # scatter changes the column it is called on
    return whole.scatter(bad, others(texts.gather(bad)))


def _only(texts: pl.Series, good: pl.Series) -> pl.Series:
    """Texts where the mask is true, null elsewhere."""
    return choose(good, texts, pl.Series([None], dtype=pl.String).new_from_index(0, texts.len()))


@dataclass(frozen=True)
class Number:
    """Reads numbers written as in `example`. `currency`: marks taken off either end; `percent`: also a percent sign."""

    example: str = PLAIN
    currency: tuple[str, ...] = ()
    percent: bool = False

    @property
    def _body(self) -> str:
        grouping, decimal = _marks(self.example)
        body = f"[0-9]+(?:[{decimal}][0-9]+)?|[{decimal}][0-9]+"
        if grouping:
            body += f"|[1-9][0-9]{{0,2}}(?:[{grouping}][0-9]{{3}})+(?:[{decimal}][0-9]+)?"
        return f"(?:{body})"

    @cached_property
    def _pattern(self) -> str:
        body = self._body
        marks = [re.escape(mark) for mark in self.currency]
        units = marks + (["%"] if self.percent else [])
        forms = [f"{_SIGN}?{body}", f"{body}[-\u2212]"]
        if units:
            after = f"[{_SPACES}]?(?:{'|'.join(units)})"
            forms += [f"{_SIGN}?{body}{after}", f"{body}[-\u2212]{after}"]
        if marks:
            before = f"(?:{'|'.join(marks)})[{_SPACES}]?"
            forms += [f"{_SIGN}?{before}{body}", f"{before}{_SIGN}{body}", f"{before}{body}[-\u2212]"]
        return f"^(?:{'|'.join(forms)})$"

    @property
    def _around(self) -> str:
        return "".join(self.currency) + "%+-\u2212" + _SPACES

    def run(self, texts: pl.Series, kinds: pl.Series | None) -> pl.Series:
        """Return canonical numbers; null where a text that is not empty is none as agreed."""
        read = self.read(texts)
        if kinds is None:
            return read
        return choose(kinds == Kind.NUMBER, Number().read(texts), read)

    def read(self, texts: pl.Series) -> pl.Series:
        """Read cells of text."""
        # Most columns hold numbers of one form: canonical whole ones, or decimals with the same mark behind them. What
        # has another form is taken apart, in the end text by text.
        if self.whole(texts):
            return _rest(texts, texts.str.contains(_SIMPLE), None, self._unusual)
        unit = self._unit(_first(texts))
        return _rest(texts, texts.str.contains(self._usual(unit)), lambda some: self._bare(some, unit), self._unusual)

    @staticmethod
    def whole(texts: pl.Series) -> bool:
        """Guess from the first texts whether most are canonical whole numbers already."""
        first = _first(texts)
        return not first or any(text.isdigit() for text in first)

    def _usual(self, unit: str) -> str:
        """Pattern of decimals that need no more than other marks, and of empty text."""
        grouping, decimal = _marks(self.example)
        whole = "0|[1-9][0-9]*" + (f"|[1-9][0-9]{{0,2}}(?:[{grouping}][0-9]{{3}})+" if grouping else "")
        return f"^(?:(?:{whole})[{decimal}][0-9]+{re.escape(unit)})?$"

    def _bare(self, texts: pl.Series, unit: str) -> pl.Series:
        text = pl.col(texts.name)
        digits = self._pointed(text.str.strip_suffix(unit) if unit else text)
        return texts.to_frame().select(digits.str.strip_chars_end("0").str.strip_chars_end(".")).to_series()

    def _unusual(self, texts: pl.Series) -> pl.Series:
        return self._taken_apart(texts) if texts.len() < _FEW else self._signed(texts)

    def _signed(self, texts: pl.Series) -> pl.Series:
        good = texts.str.contains(f"^-?{self._body}$")
        return _rest(texts, good, lambda some: self._by_decimals(_only(some, good)), self._with_unit)

    def _with_unit(self, texts: pl.Series) -> pl.Series:
        # Where a column has a mark behind its numbers it is nearly always the same one: without it they are read at
        # once, unless they are few different ones.
        unit = self._unit(_first(texts))
        if not unit:
            return self._taken_apart(texts)
        bare = texts.str.strip_suffix(unit)
        good = texts.str.ends_with(unit) & bare.str.contains(f"^-?{self._body}$")
        return _rest(texts, good, lambda _: self._by_decimals(_only(bare, good)), self._taken_apart)

    def _unit(self, first: list[str]) -> str:
        """Mark at the end of the first of these texts that has one, with the space before it; "" where none has."""
        units = [*self.currency, *(["%"] if self.percent else [])]
        ends = [space + unit for space in (*_SPACES, "") for unit in units]
        return next((end for text in first for end in ends if text.endswith(end)), "")

    def _pointed(self, texts: _Texts) -> _Texts:
        """Texts without grouping marks, with a dot before decimals."""
        grouping, decimal = _marks(self.example)
        for mark in grouping:
            texts = texts.str.replace_all(mark, "", literal=True)
        return texts if decimal == "." else texts.str.replace(decimal, ".", literal=True)

    def _by_decimals(self, texts: pl.Series) -> pl.Series:
        digits = self._pointed(texts)
        places = (digits.str.len_bytes() - digits.str.find(".", literal=True) - 1).max()
        scale = places if isinstance(places, int) else 0
        if scale > _DECIMAL_DIGITS // 2:
            return self._taken_apart(texts)
        # Exact: no text has more decimals than the scale, and one with too many digits becomes null.
        read = digits.cast(pl.Decimal(_DECIMAL_DIGITS, scale), strict=False).cast(pl.String)
        if scale:
            read = read.str.strip_chars_end("0").str.strip_chars_end(".")
        if not read.null_count():
            return read
        lost = read.is_null() & texts.is_not_null()
        return read.scatter(lost.arg_true(), self._taken_apart(texts.filter(lost)))

    def _taken_apart(self, texts: pl.Series) -> pl.Series:
        good = texts.str.contains(self._pattern)
        if not good.any():
            return pl.Series([None], dtype=pl.String).new_from_index(0, texts.len())
        text = pl.col("text")
        parts = texts.to_frame("text").select_seq(
            digits=self._pointed(text.str.strip_chars(self._around)), negative=text.str.contains("[-\u2212]")
        )
        return _only(_canonical(parts), good)

    def blame(self, texts: pl.Series, kinds: pl.Series | None) -> pl.DataFrame:
        """Tell a value with two readings from one with none as agreed."""
        example = self.example + "".join(f" or with {mark}" for mark in self.currency)
        bare = pl.col("text").str.strip_chars(self._around)
        typed = pl.col("kind") == Kind.NUMBER
        readings = filled(
            "{} or {}; agreed is {}",
            bare.str.replace("[.,]", ""),
            bare.str.replace("[.,]", "."),
            pl.lit(example),
        )
        two = bare.str.contains(_TWO_READINGS) & ~typed
        kind = kinds if kinds is not None else pl.Series([int(Kind.TEXT)], dtype=pl.UInt8).new_from_index(0, len(texts))
        return pl.DataFrame([texts.alias("text"), kind.alias("kind")]).select(
            code=pl.when(two).then(pl.lit("MAP_NUMBER_TWO_READINGS")).otherwise(pl.lit("MAP_NUMBER")),
            detail=pl.when(two).then(readings).otherwise(pl.lit(f"like {example}")),
        )


@dataclass(frozen=True, slots=True)
class Factor:
    """Multiplies canonical numbers exactly; nothing is rounded."""

    factor: Decimal

    def run(self, texts: pl.Series, kinds: pl.Series | None) -> pl.Series:  # noqa: ARG002  the text is canonical
        """Return canonical products; empty stays empty."""
        sign, digits, exponent = self.factor.normalize(Context(prec=200)).as_tuple()
        power = int(exponent)
        whole = int("".join(map(str, digits))) * 10 ** max(power, 0)
        scale, filled = max(-power, 0), present(texts)
        parts = texts.str.strip_chars_start("-").str.splitn(".", 2).struct
        front, back = parts.field("field_0"), parts.field("field_1").fill_null("")
        decimals = back.str.len_chars().max()
        decimals = decimals if isinstance(decimals, int) else 0
        unscaled = front + back.str.pad_end(decimals, "0")
        longest = unscaled.str.len_chars().max()
        if isinstance(longest, int) and longest + len(str(whole)) >= _INT128_DIGITS:
            return self._slowly(texts)
        frame = pl.DataFrame([unscaled.alias("digits"), texts.str.starts_with("-").alias("negative")])
        product = (pl.col("digits").cast(pl.Int128, strict=False) * pl.lit(whole, dtype=pl.Int128)).cast(pl.String)
        padded = product.str.zfill(decimals + scale + 1)
        point = padded.str.len_chars() - (decimals + scale)
        dotted = padded.str.slice(0, point) + pl.lit(".") + padded.str.slice(point)
        flipped = pl.col("negative") != pl.lit(bool(sign))
        return choose(filled, _canonical(frame.select(digits=dotted, negative=flipped)), texts)

    def _slowly(self, texts: pl.Series) -> pl.Series:
        # Numbers of more than some 30 digits: exact all the same, one distinct value at a time.
        context, distinct = Context(prec=1000), texts.filter(present(texts)).unique()
        products = [f"{context.multiply(Decimal(text), self.factor):f}" for text in distinct]
        canonical = Number().read(pl.Series(products, dtype=pl.String))
        return texts.replace(distinct, canonical)

    def blame(self, texts: pl.Series, kinds: pl.Series | None) -> pl.DataFrame:  # noqa: ARG002  likewise
        """Name the factor; only a number too large for any use gets here."""
        return blame(texts.len(), "MAP_NUMBER", f"times {self.factor}")
