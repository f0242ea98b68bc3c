"""How one contract field is filled, as a mapping file says it; it reads no file and touches no cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, model_validator
from pydantic_core import PydanticCustomError

from gateway.formats.sections import nul
from gateway.mapping.dates import PatternError, compile_pattern, zone_named
from gateway.mapping.patterns import regex_fault

Name = Annotated[str, Field(min_length=1)]
Position = Annotated[StrictInt, Field(ge=1)]
Ref = Position | Name
NumberFormat = Literal["1234.5", "1234,5", "1,234.5", "1.234,5", "1 234,5", "1 234.5", "1'234.5", "1'234,5"]

_MENDED = ("fractions", "negative_as_zero")
"""Keys by which numbers are taken as others, with a warning."""


@dataclass(frozen=True, slots=True)
class Misfit:
    """A fault of several keys together. `keys`: where in the part it stands."""

    keys: tuple[str, ...]
    message: str


def raise_faults(found: Sequence[str | Misfit]) -> None:
    """Raise the faults found in one part of a mapping as one validation error that keeps them apart."""
    if found:
        text = "; ".join(one if isinstance(one, str) else one.message for one in found)
        raise PydanticCustomError("mapping", "{text}", {"text": text, "faults": found})


def _many(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Names = Annotated[tuple[Name, ...], BeforeValidator(_many, json_schema_input_type=str | list[str]), Field(min_length=1)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_many, json_schema_input_type=str | list[str])]


class Part(BaseModel):
    """Base of the parts of a mapping file."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Condition(Part):
    """One test of one source column, on its trimmed text. Missing is never equal to a text."""

    column: Names | None = Field(default=None, description="Header of the column, or several it may have.")
    position: Position | None = Field(default=None, description="Column by its place, counted from 1.")
    optional: bool = Field(default=False, description="The column may be absent; its cells are then missing.")
    is_: str | None = Field(default=None, alias="is", description="The text is exactly this.")
    is_not: str | None = Field(default=None, description="The text is anything but this.")
    in_: tuple[str, ...] | None = Field(default=None, alias="in", description="The text is one of these.")
    not_in: tuple[str, ...] | None = Field(default=None, description="The text is none of these.")
    matches: str | None = Field(default=None, description="The regular expression is found in the text.")
    empty: bool | None = Field(default=None, description="true: empty or missing; false: neither.")

    @model_validator(mode="after")
    def _sound(self) -> Self:
        found = []
        if self.column is None and self.position is None:
            found.append("say which column is tested: column or position")
        tests = (self.is_, self.is_not, self.in_, self.not_in, self.matches, self.empty)
        if sum(test is not None for test in tests) != 1:
            found.append("say exactly one of is, is_not, in, not_in, matches, empty")
        if self.matches is not None and (fault := regex_fault(self.matches)):
            found.append(f"matches: {fault}")
        raise_faults(found)
        return self

    def text(self) -> str:
        """Say the test in words, for the row report."""
        name = " / ".join(self.column) if self.column is not None else f"column {self.position}"
        if self.empty is not None:
            return f"{name} is {'empty' if self.empty else 'not empty'}"
        if self.matches is not None:
            return f"{name} matches {self.matches}"
        one, several = (self.is_, self.is_not), (self.in_, self.not_in)
        for words, value in zip(("is", "is not"), one, strict=True):
            if value is not None:
                return f"{name} {words} {value or 'empty'}"
        for words, values in zip(("is one of", "is none of"), several, strict=True):
            if values is not None:
                told = ", ".join(value for value in values if value)
                if "" in values:
                    told = f"{told} or empty" if told else "empty"
                return f"{name} {words} {told}"
        raise AssertionError(name)


def outside_faults(file: str) -> list[str]:
    """Return a fault when a file of the mapping would not lie in its folder, or could have no such name."""
    if found := nul(file):
        return [f"lookup file {file!r} has {found}: write its path without"]
    path = Path(file)
    if path.is_absolute() or ".." in path.parts or "\\" in file:
        return [f"lookup file {file!r} must lie in the mapping's folder: write a relative path without .."]
    return []


class Lookup(Part):
    """A table in a CSV file beside the mapping file: UTF-8, header in its first line."""

    file: Name = Field(description="Path of the CSV file, relative to the mapping file, inside its folder.")
    from_: Name = Field(alias="from", description="Header of the column with the partner's values.")
    to: Name = Field(description="Header of the column with our values.")
    delimiter: str = Field(default=",", min_length=1, max_length=1, description="Character between its cells.")

    @model_validator(mode="after")
    def _inside(self) -> Self:
        raise_faults(outside_faults(self.file))
        return self


class FieldSpec(Part):
    """How one contract field is filled: one source, then the transforms in their fixed order."""

    column: Names | None = Field(default=None, description="Header of the column, or several it may have.")
    position: Position | None = Field(default=None, description="Column by its place, counted from 1.")
    constant: str | bool | StrictInt | None = Field(default=None, description="The same canonical text in every row.")
    first: tuple[Ref, ...] | None = Field(default=None, min_length=1, description="First column that is not empty.")
    join: tuple[Ref, ...] | None = Field(default=None, min_length=1, description="Columns joined, empty ones left out.")
    with_: str | None = Field(default=None, alias="with", description='Text between joined parts; default "" for join.')
    function: Name | None = Field(default=None, description="package.module:name, or a gateway.transforms name.")
    columns: tuple[Ref, ...] | None = Field(default=None, min_length=1, description="Columns given to the function.")
    optional: bool = Field(default=False, description="Its columns may be absent; the cells are then missing.")
    trim: bool = Field(default=True, description="Take off space (no-break and zero-width too) at both ends.")
    extract: str | None = Field(default=None, description="Regular expression with one group: the group's text stays.")
    replace: tuple[tuple[str, str], ...] | None = Field(
        default=None, min_length=1, description="Pairs of regular expression and replacement ($1 names a group)."
    )
    split: str | None = Field(default=None, min_length=1, description="Text at which the cell is cut.")
    part: StrictInt | None = Field(default=None, description="Which part stays: from 1, or from -1 for the last.")
    separators: Names | None = Field(
        default=None,
        description="Texts that part the cell: its parts are trimmed and joined by with, empty ones left out.",
    )
    lookup: Lookup | None = Field(default=None, description="Table in a CSV file.")
    words: dict[str, str] | None = Field(default=None, min_length=1, description="Table written here: from = to.")
    else_: Literal["issue", "keep", "empty"] | None = Field(
        default=None, alias="else", description="What becomes of a value that the table does not have; default issue."
    )
    ignore_case: bool = Field(default=False, description="The table is asked without regard to case.")
    number: NumberFormat | None = Field(default=None, description="How numbers are written, by example.")
    currency: Names | None = Field(default=None, description="Currency marks taken off either end, like € or EUR.")
    percent: bool = Field(default=False, description="A percent sign at the end is taken off.")
    chained: Name | None = Field(
        default=None, description="Text between rates that apply one after the other: 10+5 is 14.5."
    )
    date: Name | None = Field(default=None, description="How dates are written, like dd/MM/yyyy HH:mm; or iso.")
    zone: Name | None = Field(default=None, description="Time zone of times written without one, like Europe/Madrid.")
    end_of_day: bool | None = Field(
        default=None, description="A date without a time of day means its last second, 23:59:59 in the zone."
    )
    true: Texts | None = Field(default=None, min_length=1, description="Words for true, whatever their case.")
    false: Texts | None = Field(default=None, min_length=1, description="Words for false, whatever their case.")
    negated: bool = Field(default=False, description="The column says the opposite: its true makes false.")
    factor: StrictInt | str | None = Field(default=None, description='The number is multiplied by it, like "0.01".')
    fractions: bool = Field(
        default=False,
        description="A number between 0 and 1 is a rate written as a fraction: it is taken times 100, with a warning.",
    )
    negative_as_zero: bool = Field(default=False, description="A number below 0 is taken as 0, with a warning.")
    tell: Texts | None = Field(
        default=None, min_length=1, description="Results that are told beside the row, with the cell as it stood."
    )
    default: str | None = Field(default=None, description="Canonical text for an empty or missing cell.")
    when: Condition | None = Field(default=None, description="The field is filled only where this holds.")
    otherwise: str | None = Field(default=None, description="Canonical text where it does not; default missing.")

    @model_validator(mode="after")
    def _sound(self) -> Self:
        raise_faults(self._source_faults() + self._text_faults() + self._value_faults())
        return self

    def _source_faults(self) -> list[str]:
        found = []
        column = self.column is not None or self.position is not None
        kinds = (column, self.constant is not None, self.first, self.join, self.function)
        if sum(bool(kind) for kind in kinds) != 1:
            found.append("say exactly one of column, position, constant, first, join, function")
        if self.position is not None and self.column is not None and len(self.column) > 1:
            found.append("a column by position has one name at most")
        if self.with_ is not None and self.join is None and self.separators is None:
            found.append("with belongs to join or separators")
        if self.separators is not None and self.with_ is None:
            found.append('separators needs with: the text between the parts, like with = "|"')
        if (self.columns is None) != (self.function is None):
            found.append("function and columns belong together")
        if self.otherwise is not None and self.when is None:
            found.append("otherwise belongs to when")
        if self.constant is not None:
            beside = self.model_fields_set - {"constant", "when", "otherwise"}
            found.extend(f"a constant is canonical text: it takes no {name.rstrip('_')}" for name in sorted(beside))
        return found

    def _text_faults(self) -> list[str]:
        found = []
        if self.extract is not None and (fault := regex_fault(self.extract, groups=1)):
            found.append(f"extract: {fault}")
        found.extend(f"replace: {fault}" for pattern, _ in self.replace or () if (fault := regex_fault(pattern)))
        if (self.split is None) != (self.part is None):
            found.append("split and part belong together")
        if self.part == 0:
            found.append("part counts from 1, or from -1 for the last")
        if self.lookup is not None and self.words is not None:
            found.append("say lookup or words, not both")
        table = self.lookup is not None or self.words is not None
        found.extend(
            f"{key} belongs to lookup or words" for key in ("else_", "ignore_case") if self._asks(key) and not table
        )
        return [fault.replace("else_ ", "else ") for fault in found]

    def _asks(self, key: str) -> bool:
        return key in self.model_fields_set

    def _value_faults(self) -> list[str]:
        found = []
        number = any(self._asks(key) for key in ("number", "currency", "percent", "factor", "chained", *_MENDED))
        date = any(self._asks(key) for key in ("date", "zone", "end_of_day"))
        flag = any(self._asks(key) for key in ("true", "false", "negated"))
        if number + date + flag > 1:
            found.append("a field is a number, a date or a flag: keep the keys of one of them")
        if self.factor is not None and self.fractions:
            found.append("say factor (of every number) or fractions (of those between 0 and 1), not both")
        if self.chained is not None and self.fractions:
            found.append("fractions can't be told from rates in a chain: say chained or fractions, not both")
        if (self.true is None) != (self.false is None):
            found.append("true and false belong together")
        elif self.true is not None and self.false is not None:
            both = {word.casefold() for word in self.true} & {word.casefold() for word in self.false}
            found.extend(f"{word!r} can't mean both true and false" for word in sorted(both))
        found.extend(
            f"currency mark {mark!r} can't hold digits, signs or number marks"
            for mark in self.currency or ()
            if set(mark) & set("0123456789.,'\u2019+-%")
        )
        if self.factor is not None and not _usable_factor(self.factor):
            found.append(f'factor {self.factor!r} is not a number other than 0: write it like "0.01"')
        if self.zone is not None and zone_named(self.zone) is None:
            found.append(f"there is no time zone {self.zone!r}: write one like Europe/Madrid or UTC")
        if self.date is not None:
            try:
                compile_pattern(self.date)
            except PatternError as error:
                found.append(f"date: {error}")
        return found

    def refs(self) -> tuple[Ref, ...]:
        """Source columns other than `column` and `position`."""
        return self.first or self.join or self.columns or ()

    @property
    def number_asked(self) -> bool:
        """Whether the field is read as a number whatever the contract says."""
        return (
            self.number is not None
            or self.currency is not None
            or self.percent
            or self.factor is not None
            or self.chained is not None
            or self.fractions
            or self.negative_as_zero
        )

    @property
    def fixed(self) -> str | None:
        """The constant as canonical text; None where there is none."""
        if isinstance(self.constant, bool):
            return "true" if self.constant else "false"
        return None if self.constant is None else str(self.constant)


def _usable_factor(factor: int | str) -> bool:
    try:
        value = Decimal(factor)
    except InvalidOperation:
        return False
    return value.is_finite() and value != 0
