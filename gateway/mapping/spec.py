"""The mapping file's model: what a partner's TOML may say; it reads no file and touches no cell."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, StrictInt, model_validator
from pydantic_core import PydanticCustomError

from gateway.formats.layout import CsvLayout, JsonLayout, Layout, XlsxLayout, XmlLayout
from gateway.mapping.dates import PatternError, compile_pattern, zone_named
from gateway.mapping.patterns import regex_fault

Name = Annotated[str, Field(min_length=1)]
Position = Annotated[StrictInt, Field(ge=1)]
Ref = Position | Name
NumberFormat = Literal["1234.5", "1234,5", "1,234.5", "1.234,5", "1 234,5", "1 234.5", "1'234.5", "1'234,5"]


def _faults(found: list[str]) -> None:
    if found:
        raise PydanticCustomError("mapping", "{text}", {"text": "; ".join(found), "faults": found})


def _many(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Names = Annotated[tuple[Name, ...], BeforeValidator(_many, json_schema_input_type=str | list[str]), Field(min_length=1)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_many, json_schema_input_type=str | list[str])]


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Condition(_Spec):
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
        _faults(found)
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
                return f"{name} {words} {value}"
        for words, values in zip(("is one of", "is none of"), several, strict=True):
            if values is not None:
                return f"{name} {words} {', '.join(values)}"
        raise AssertionError(name)


class Lookup(_Spec):
    """A table in a CSV file beside the mapping file: UTF-8, header in its first line."""

    file: Name = Field(description="Path of the CSV file, relative to the mapping file, inside its folder.")
    from_: Name = Field(alias="from", description="Header of the column with the partner's values.")
    to: Name = Field(description="Header of the column with our values.")
    delimiter: str = Field(default=",", min_length=1, max_length=1, description="Character between its cells.")

    @model_validator(mode="after")
    def _inside(self) -> Self:
        path = Path(self.file)
        if path.is_absolute() or ".." in path.parts or "\\" in self.file:
            _faults([f"lookup file {self.file!r} must lie in the mapping's folder: write a relative path without .."])
        return self


class FieldSpec(_Spec):
    """How one contract field is filled: one source, then the transforms in their fixed order."""

    column: Names | None = Field(default=None, description="Header of the column, or several it may have.")
    position: Position | None = Field(default=None, description="Column by its place, counted from 1.")
    constant: str | bool | StrictInt | None = Field(default=None, description="The same canonical text in every row.")
    first: tuple[Ref, ...] | None = Field(default=None, min_length=1, description="First column that is not empty.")
    join: tuple[Ref, ...] | None = Field(default=None, min_length=1, description="Columns joined, empty ones left out.")
    with_: str | None = Field(default=None, alias="with", description='Text between joined parts; default "".')
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
    lookup: Lookup | None = Field(default=None, description="Table in a CSV file.")
    words: dict[str, str] | None = Field(default=None, min_length=1, description="Table written here: from = to.")
    else_: Literal["issue", "keep", "empty"] | None = Field(
        default=None, alias="else", description="What becomes of a value that the table does not have; default issue."
    )
    ignore_case: bool = Field(default=False, description="The table is asked without regard to case.")
    number: NumberFormat | None = Field(default=None, description="How numbers are written, by example.")
    currency: Names | None = Field(default=None, description="Currency marks taken off either end, like € or EUR.")
    percent: bool = Field(default=False, description="A percent sign at the end is taken off.")
    date: Name | None = Field(default=None, description="How dates are written, like dd/MM/yyyy HH:mm; or iso.")
    zone: Name | None = Field(default=None, description="Time zone of times written without one, like Europe/Madrid.")
    true: Texts | None = Field(default=None, min_length=1, description="Words for true, whatever their case.")
    false: Texts | None = Field(default=None, min_length=1, description="Words for false, whatever their case.")
    factor: StrictInt | str | None = Field(default=None, description='The number is multiplied by it, like "0.01".')
    default: str | None = Field(default=None, description="Canonical text for an empty or missing cell.")
    when: Condition | None = Field(default=None, description="The field is filled only where this holds.")
    otherwise: str | None = Field(default=None, description="Canonical text where it does not; default missing.")

    @model_validator(mode="after")
    def _sound(self) -> Self:
        _faults(self._source_faults() + self._text_faults() + self._value_faults())
        return self

    def _source_faults(self) -> list[str]:
        found = []
        column = self.column is not None or self.position is not None
        kinds = (column, self.constant is not None, self.first, self.join, self.function)
        if sum(bool(kind) for kind in kinds) != 1:
            found.append("say exactly one of column, position, constant, first, join, function")
        if self.position is not None and self.column is not None and len(self.column) > 1:
            found.append("a column by position has one name at most")
        if self.with_ is not None and self.join is None:
            found.append("with belongs to join")
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
        number = any(self._asks(key) for key in ("number", "currency", "percent", "factor"))
        date, flag = self._asks("date") or self._asks("zone"), self._asks("true") or self._asks("false")
        if number + date + flag > 1:
            found.append("a field is a number, a date or a flag: keep the keys of one of them")
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
        return self.number is not None or self.currency is not None or self.percent or self.factor is not None


def _usable_factor(factor: int | str) -> bool:
    try:
        value = Decimal(factor)
    except InvalidOperation:
        return False
    return value.is_finite() and value != 0


def _short(value: object) -> object:
    return {"column": value} if isinstance(value, str) else value


class Filter(_Spec):
    """Leaves rows out: `skip` where it holds, `keep` where it does not. Rows left out are counted, not faulty."""

    skip: Condition | None = Field(default=None, description="Rows where this holds are left out.")
    keep: Condition | None = Field(default=None, description="Rows where this does not hold are left out.")

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if (self.skip is None) == (self.keep is None):
            _faults(["say exactly one of skip and keep"])
        return self

    @property
    def condition(self) -> Condition:
        """The test, whichever way it is used."""
        condition = self.skip or self.keep
        if condition is None:
            raise AssertionError
        return condition

    def text(self) -> str:
        """Say the filter in words, for the row report."""
        return f"{'skip' if self.skip is not None else 'keep only'} rows where {self.condition.text()}"


class Group(_Spec):
    """Several rows make one record: rows with equal `by` fields, their `sum` fields added up."""

    by: tuple[Name, ...] = Field(min_length=1, description="Contract fields that rows of one record share.")
    sum: tuple[Name, ...] = Field(default=(), description="Contract fields added up; others come from the first row.")
    keep: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="Only rows whose contract field has one of these values take part."
    )


class MappingFile(_Spec):
    """One partner feed: the layout of the file, and how each contract field is filled."""

    contract: Name = Field(description="Contract the rows must satisfy, like stock.")
    version: Literal[1] = Field(description="Version of this file's own form.")
    format: Layout = Field(description="Layout of the partner's file.")
    fields: dict[str, Annotated[FieldSpec, BeforeValidator(_short, json_schema_input_type=str | FieldSpec)]] = Field(
        min_length=1, description="Contract field = the column's header, or a table of the keys below."
    )
    filter: tuple[Filter, ...] = Field(default=(), description="Rows left out, tested in this order.")
    fill_down: tuple[Ref, ...] = Field(default=(), description="Columns whose empty cells take the value above.")
    group: Group | None = Field(default=None, description="Several rows make one record.")

    _path: Path = PrivateAttr(default=Path("mapping.toml"))
    _tables: dict[str, dict[str, str]] = PrivateAttr(default_factory=dict)
    _lines: dict[tuple[str, ...], int] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _sound(self) -> Self:
        _faults(_group_faults(self.group, self.fields) + _layout_faults(self))
        return self

    @property
    def path(self) -> Path:
        """The file this was loaded from."""
        return self._path

    @property
    def sources(self) -> tuple[Path, ...]:
        """Every file the mapping is made of, for pinning: itself, then its lookup files (kept relative to it)."""
        files = [spec.lookup.file for spec in self.fields.values() if spec.lookup is not None]
        return (self._path, *(self._path.parent / name for name in dict.fromkeys(files)))

    def table(self, field: str) -> dict[str, str]:
        """Lookup table of a field as written, whether inline or from its file."""
        return self.fields[field].words or self._tables.get(field, {})

    def line(self, *keys: str) -> int | None:
        """Line of the mapping file on which a key stands, as far as known."""
        return next((self._lines[keys[:size]] for size in range(len(keys), 0, -1) if keys[:size] in self._lines), None)

    def wanted(self) -> tuple[str, ...]:
        """Every source column named anywhere in the mapping, each once, in order: element paths for XML and JSON."""
        names: list[str] = []
        for spec in self.fields.values():
            names.extend(_named(spec.column))
            names.extend(ref for ref in spec.refs() if isinstance(ref, str))
            names.extend(_named(spec.when.column) if spec.when is not None else ())
        for rule in self.filter:
            names.extend(_named(rule.condition.column))
        names.extend(ref for ref in self.fill_down if isinstance(ref, str))
        return tuple(dict.fromkeys(names))


def _named(names: tuple[str, ...] | None) -> tuple[str, ...]:
    return names or ()


def _group_faults(group: Group | None, fields: dict[str, FieldSpec]) -> list[str]:
    if group is None:
        return []
    named = {"by": group.by, "sum": group.sum, "keep": tuple(group.keep)}
    return [
        f"group.{key} names {name!r}, which [fields] does not fill"
        for key, names in named.items()
        for name in names
        if name not in fields
    ]


def headless(layout: CsvLayout | XlsxLayout | XmlLayout | JsonLayout) -> bool:
    """Whether the file has no header to find columns by."""
    return (isinstance(layout, CsvLayout) and not layout.header) or (
        isinstance(layout, XlsxLayout) and layout.header == "none"
    )


def _column_tests(mapping: MappingFile) -> list[tuple[str, Condition | FieldSpec]]:
    tests: list[tuple[str, Condition | FieldSpec]] = []
    for name, spec in mapping.fields.items():
        tests.append((name, spec))
        if spec.when is not None:
            tests.append((f"{name}.when", spec.when))
    return tests + [(f"filter {place}", rule.condition) for place, rule in enumerate(mapping.filter, 1)]


def _layout_faults(mapping: MappingFile) -> list[str]:
    tree = isinstance(mapping.format, XmlLayout | JsonLayout)
    bare = headless(mapping.format)
    found = []
    for name, test in _column_tests(mapping):
        refs: tuple[Any, ...] = test.refs() if isinstance(test, FieldSpec) else ()
        by_place = test.position is not None or any(isinstance(ref, int) for ref in refs)
        by_name = (test.column is not None and test.position is None) or any(isinstance(ref, str) for ref in refs)
        if tree and by_place:
            found.append(f"{name}: elements have no position: name the path")
        if tree and test.column is not None and len(test.column) > 1:
            found.append(f"{name}: a path has no aliases: use first = [...] for elements of several names")
        if bare and by_name:
            found.append(f"{name}: the file has no header: use position")
    if bare and any(isinstance(ref, str) for ref in mapping.fill_down):
        found.append("fill_down: the file has no header: use positions")
    if tree and any(isinstance(ref, int) for ref in mapping.fill_down):
        found.append("fill_down: elements have no position: name the path")
    return found
