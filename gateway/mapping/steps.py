"""What happens to the text of one field: steps from column to column; a step knows no source and no contract."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import polars as pl

from gateway.distinct import Distinct, looked_up
from gateway.formats.blanks import WHITE
from gateway.model import Kind
from gateway.wording import filled

_CUT = "\x1f"
"""Unit separator: stands in no text a partner means."""
_RETURN = "\r"

BLAME_SCHEMA: dict[str, type[pl.DataType]] = {"code": pl.String, "detail": pl.String}


class Step(Protocol):
    """One transform of a String column. `kinds` (UInt8, values of Kind) is None where every cell is text."""

    def run(self, texts: pl.Series, kinds: pl.Series | None) -> pl.Series:
        """Return the changed texts in place; null exactly where a present text can't be read. Missing stays missing."""
        ...

    def blame(self, texts: pl.Series, kinds: pl.Series | None) -> pl.DataFrame:
        """Return `code` and `detail` per text, for texts that `run` made null."""
        ...


def blame(size: int, code: str, detail: str) -> pl.DataFrame:
    """Return the same code and detail for every one of `size` texts."""
    return pl.DataFrame({"code": [code] * size, "detail": [detail] * size}, schema=BLAME_SCHEMA)


def choose(where: pl.Series, this: pl.Series, that: pl.Series) -> pl.Series:
    """Take `this` where the mask is true, else `that`; a null in the mask counts as false."""
    where = where.fill_null(False)
    if where.all():
        return this
    return this.zip_with(where, that) if where.any() else that


def present(texts: pl.Series) -> pl.Series:
    """Mask of cells that are neither empty nor missing."""
    return (texts != "").fill_null(False)


def lines_by_feeds(frame: pl.DataFrame, fields: Sequence[str]) -> pl.DataFrame:
    """Return the frame with LF in place of each CR LF, and of each CR, in the texts of these fields.

    Where no text has a CR, which is nearly always so, that is all that is looked for.
    """
    if not fields:
        return frame
    some = frame.select(pl.col(fields).str.contains(_RETURN, literal=True).any()).row(0)
    broken = [field for field, found in zip(fields, some, strict=True) if found]
    if not broken:
        return frame
    texts = pl.col(broken).str.replace_all(f"{_RETURN}\n", "\n", literal=True)
    return frame.with_columns(texts.str.replace_all(_RETURN, "\n", literal=True))


@dataclass(frozen=True, slots=True)
class Extract:
    """Keeps the one group of a regular expression; an empty cell stays empty."""

    pattern: str

    def run(self, texts: pl.Series, kinds: pl.Series | None) -> pl.Series:  # noqa: ARG002  text steps know no kinds
        """Return the group's text; null where a text that is not empty does not match."""
        return choose(present(texts), texts.str.extract(self.pattern, 1), texts)

    def blame(self, texts: pl.Series, kinds: pl.Series | None) -> pl.DataFrame:  # noqa: ARG002  likewise
        """Name the agreed form."""
        return blame(texts.len(), "MAP_EXTRACT", self.pattern)


@dataclass(frozen=True, slots=True)
class Replace:
    """Replaces what regular expressions find, one pair after the other; it can't fail."""

    pairs: tuple[tuple[str, str], ...]

    def run(self, texts: pl.Series, kinds: pl.Series | None) -> pl.Series:  # noqa: ARG002  text steps know no kinds
        """Return the texts after all replacements."""
        for pattern, text in self.pairs:
            texts = texts.str.replace_all(pattern, text)
        return texts

    def blame(self, texts: pl.Series, kinds: pl.Series | None) -> pl.DataFrame:  # noqa: ARG002  likewise
        """Blame nothing: no text fails."""
        return blame(texts.len(), "MAP_EXTRACT", "")


@dataclass(frozen=True, slots=True)
class Split:
    """Keeps one part of a text cut at a literal mark; an empty cell stays empty."""

    mark: str
    part: int

    def run(self, texts: pl.Series, kinds: pl.Series | None) -> pl.Series:  # noqa: ARG002  text steps know no kinds
        """Return the part; null where a text that is not empty has no such part."""
        place = self.part - 1 if self.part > 0 else self.part
        return choose(present(texts), texts.str.split(self.mark).list.get(place, null_on_oob=True), texts)

    def blame(self, texts: pl.Series, kinds: pl.Series | None) -> pl.DataFrame:  # noqa: ARG002  likewise
        """Name the part that was looked for."""
        part = "1 from the end" if self.part == -1 else f"{-self.part} from the end" if self.part < 0 else self.part
        return blame(texts.len(), "MAP_SPLIT", f"{part}, cut at {self.mark!r}")


@dataclass(frozen=True, slots=True)
class Parts:
    """Cuts a text at any of several literal marks and joins its parts by one; empty parts are left out."""

    marks: tuple[str, ...]
    mark: str

    def run(self, texts: pl.Series, kinds: pl.Series | None) -> pl.Series:  # noqa: ARG002  text steps know no kinds
        """Return the joined texts; it can't fail."""
        longest_first = sorted(self.marks, key=len, reverse=True)
        cut = texts.str.replace_all("|".join(re.escape(mark) for mark in longest_first), _CUT)
        part = pl.element().str.strip_chars(WHITE)
        return cut.str.split(_CUT).list.eval(part.filter(part != "")).list.join(self.mark)

    def blame(self, texts: pl.Series, kinds: pl.Series | None) -> pl.DataFrame:  # noqa: ARG002  likewise
        """Blame nothing: no text fails."""
        return blame(texts.len(), "MAP_SPLIT", "")


def _compared(texts: pl.Series, *, ignore_case: bool) -> pl.Series:
    normal = texts.str.normalize("NFC")
    return normal.str.to_lowercase() if ignore_case else normal


def compared(text: str, *, ignore_case: bool) -> str:
    """Form in which a table's entries are asked for: NFC, lower case if case does not matter."""
    normal = unicodedata.normalize("NFC", text)
    return normal.lower() if ignore_case else normal


@dataclass(frozen=True, slots=True)
class Words:
    """Replaces texts by a table. `name` names the table to a partner; empty stays empty unless listed.

    `mark`: the texts are lists whose parts it joins. A list that is not listed as a whole is asked for part by part;
    parts that become empty are left out.
    """

    table: Mapping[str, str]
    name: str
    otherwise: Literal["issue", "keep", "empty"]
    ignore_case: bool
    mark: str | None = None

    def run(self, texts: pl.Series, kinds: pl.Series | None) -> pl.Series:  # noqa: ARG002  text steps know no kinds
        """Return the table's texts; null where a text that is not empty is not listed and that is an issue."""
        # Nearly always every text is listed just as it stands; only else are texts made comparable.
        found = self._entries(texts)
        if found.null_count() == texts.null_count():
            return found
        places = (found.is_null() & texts.is_not_null()).arg_true()
        return found.scatter(places, Distinct().change(texts.gather(places), self._asked))

    def _entries(self, texts: pl.Series) -> pl.Series:
        return looked_up(texts, list(self.table), pl.Series(list(self.table.values()), dtype=pl.String))

    def _asked(self, texts: pl.Series) -> pl.Series:
        found = self._found(texts)
        if self.mark is not None:
            return choose(found.is_not_null(), found, self._joined(texts))
        listed = found.is_not_null() | ~present(texts)
        found = choose(found.is_not_null(), found, choose(~present(texts), texts, found))
        if self.otherwise == "issue":
            return found
        return choose(
            listed, found, texts if self.otherwise == "keep" else pl.Series([""]).new_from_index(0, len(texts))
        )

    def _found(self, texts: pl.Series) -> pl.Series:
        return self._entries(_compared(texts, ignore_case=self.ignore_case))

    def _parted(self, texts: pl.Series) -> pl.DataFrame:
        """Return `at` (place in `texts`), `part`, and `now`: what the table makes of each, null for an issue."""
        lists = texts.str.split(self.mark or "").alias("part")
        parts = pl.DataFrame([lists]).with_row_index("at").explode("part")
        alone = Words(self.table, self.name, self.otherwise, self.ignore_case)
        return parts.with_columns(alone.run(parts["part"], None).alias("now"))

    def _joined(self, texts: pl.Series) -> pl.Series:
        """Return lists with their parts replaced; null where one of them is an issue."""
        now = pl.col("now")
        told = self._parted(texts).group_by("at", maintain_order=True).agg(
            lost=(now.is_null() & pl.col("part").is_not_null()).any(),
            whole=now.filter(now != "").str.join(self.mark or ""),
        )  # fmt: skip
        return told.select(pl.when(~pl.col("lost")).then("whole")).to_series().alias(texts.name)

    def blame(self, texts: pl.Series, kinds: pl.Series | None) -> pl.DataFrame:  # noqa: ARG002  likewise
        """Name the table; of lists the parts that are not in it, too."""
        if self.mark is None:
            return blame(texts.len(), "MAP_LOOKUP", self.name)
        lost = pl.col("part").filter(pl.col("now").is_null()).unique(maintain_order=True)
        told = self._parted(texts).group_by("at", maintain_order=True).agg(lost=lost, several=pl.len() > 1)
        missing = filled("{}, which lacks {}", pl.lit(self.name), pl.col("lost").list.join(", "))
        detail = pl.when("several").then(missing).otherwise(pl.lit(self.name))
        return told.select(pl.lit("MAP_LOOKUP").alias("code"), detail.alias("detail"))


@dataclass(frozen=True, slots=True)
class Flags:
    """Reads words for true and false, whatever their case; typed booleans are true and false already.

    `negated`: the column says the opposite of the field.
    """

    true: tuple[str, ...]
    false: tuple[str, ...]
    negated: bool = False

    def run(self, texts: pl.Series, kinds: pl.Series | None) -> pl.Series:
        """Return "true", "false", or null where a text that is not empty is no such word."""
        read = self._words(texts)
        if kinds is not None:
            read = choose((kinds == Kind.BOOLEAN) & texts.is_in(["true", "false"]), texts, read)
        return read.replace({"true": "false", "false": "true"}) if self.negated else read

    def _words(self, texts: pl.Series) -> pl.Series:
        table = {compared(word, ignore_case=True): "true" for word in self.true}
        table |= {compared(word, ignore_case=True): "false" for word in self.false}
        return Words(table, "", "issue", ignore_case=True).run(texts, None)

    def blame(self, texts: pl.Series, kinds: pl.Series | None) -> pl.DataFrame:  # noqa: ARG002  words are text
        """Name the agreed words."""
        words = f"{', '.join(self.true)} (true) and {', '.join(self.false)} (false)"
        return blame(texts.len(), "MAP_BOOLEAN", words)
