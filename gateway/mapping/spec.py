"""The mapping file's model: what a partner's TOML may say; it reads no file and touches no cell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, PrivateAttr, model_validator

from gateway.formats.layout import CsvLayout, ImageLayout, JsonLayout, Layout, XlsxLayout, XmlLayout
from gateway.mapping.field import Condition, FieldSpec, Misfit, Name, Names, Part, Ref, outside_faults, raise_faults
from gateway.mapping.headers import meant, nearest
from gateway.mapping.patterns import plain


def _short(value: object) -> object:
    return {"column": value} if isinstance(value, str) else value


ATTRIBUTES = "attributes"
ANY = "*"


def joined_names(fields: object) -> object:
    """Return the fields with `attributes.colour` where TOML's dots made a table `attributes` with a key `colour`."""
    if not isinstance(fields, dict) or not isinstance(fields.get(ATTRIBUTES), dict):
        return fields
    inner = {f"{ATTRIBUTES}.{code}": spec for code, spec in fields[ATTRIBUTES].items()}
    return {name: spec for name, spec in fields.items() if name != ATTRIBUTES} | inner


class Filter(Part):
    """Leaves rows out: `skip` where it holds, `keep` where it does not. Rows left out are counted, not faulty."""

    skip: Condition | None = Field(default=None, description="Rows where this holds are left out.")
    keep: Condition | None = Field(default=None, description="Rows where this does not hold are left out.")
    before_fill: bool = Field(default=False, description="Asked before filling down: no row takes a value from them.")

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if (self.skip is None) == (self.keep is None):
            raise_faults(["say exactly one of skip and keep"])
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


class Group(Part):
    """Several rows make one record: rows with equal `by` fields, their `sum` fields added up."""

    by: tuple[Name, ...] = Field(min_length=1, description="Contract fields that rows of one record share.")
    sum: tuple[Name, ...] = Field(default=(), description="Contract fields added up; others come from the first row.")
    keep: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="Only rows whose contract field has one of these values take part."
    )


class Levels(Part):
    """Levels known before, in a CSV file beside the mapping file: UTF-8, header in its first line, 1234.5, iso days."""

    file: Name = Field(description="Path of the CSV file, relative to the mapping file, inside its folder.")
    by: Names = Field(description="Headers of the columns that name the record, in the order of group.by.")
    level: Name = Field(description="Header of the column with the level.")
    day: Name | None = Field(default=None, description="Header of the column with its day: the level is of its end.")
    delimiter: str = Field(default=",", min_length=1, max_length=1, description="Character between its cells.")

    @model_validator(mode="after")
    def _inside(self) -> Self:
        raise_faults(outside_faults(self.file))
        return self


class Movements(Part):
    """Rows are movements: their sum per record, added to a level known before, is the record's level."""

    field: Name = Field(description="Contract field that says how much is moved; it becomes the level.")
    sign: FieldSpec | None = Field(default=None, description="What makes + or - of each row; without it, its own sign.")
    opening: FieldSpec | None = Field(default=None, description="The level before all rows, in the rows themselves.")
    levels: Levels | None = Field(default=None, description="Levels known before, in a CSV file.")
    day: FieldSpec | None = Field(default=None, description="Day of the movement; up to the level's day it is in it.")

    @model_validator(mode="after")
    def _sound(self) -> Self:
        found = []
        if (self.opening is None) == (self.levels is None):
            found.append("say exactly one of opening and levels: a level is never taken to be 0")
        if (self.day is None) != (self.levels is None or self.levels.day is None):
            found.append("day and levels.day belong together: movements up to the level's day are in the level")
        if self.sign is not None and self.sign.words is not None and set(self.sign.words.values()) - {"+", "-"}:
            found.append('sign.words makes "+" or "-" of each kind of movement')
        raise_faults(found)
        return self

    @property
    def specs(self) -> dict[str, FieldSpec]:
        """What is read of each row, by the name of its key."""
        named = {"sign": self.sign, "opening": self.opening, "day": self.day}
        return {name: spec for name, spec in named.items() if spec is not None}


class MappingFile(Part):
    """One partner feed: the layout of the file, and how each contract field is filled."""

    contract: Name = Field(description="Contract the rows must satisfy, like stock.")
    version: Literal[1] = Field(description="Version of this file's own form.")
    format: Layout = Field(description="Layout of the partner's file.")
    fields: Annotated[
        dict[str, Annotated[FieldSpec, BeforeValidator(_short, json_schema_input_type=str | FieldSpec)]],
        BeforeValidator(joined_names),
    ] = Field(min_length=1, description="Contract field = the column's header, or a table of the keys below.")
    filter: tuple[Filter, ...] = Field(default=(), description="Rows left out, tested in this order.")
    fill_down: tuple[Ref, ...] = Field(default=(), description="Columns whose empty cells take the value above.")
    fill_within: tuple[Ref, ...] = Field(
        default=(),
        description="Cells are filled only from rows alike in this column; of several, the first that is not empty.",
    )
    group: Group | None = Field(default=None, description="Several rows make one record.")
    movements: Movements | None = Field(default=None, description="The rows of a record are movements, not levels.")

    _path: Path = PrivateAttr(default=Path("mapping.toml"))
    _tables: dict[str, dict[str, str]] = PrivateAttr(default_factory=dict)
    _levels: dict[tuple[str, ...], tuple[str, str | None]] = PrivateAttr(default_factory=dict)
    _lines: dict[tuple[str, ...], int] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _sound(self) -> Self:
        raise_faults([*_group_faults(self), *_layout_faults(self), *_pattern_faults(self)])
        return self

    @property
    def path(self) -> Path:
        """The file this was loaded from."""
        return self._path

    @property
    def sources(self) -> tuple[Path, ...]:
        """Every file the mapping is made of, for pinning: itself, then its lookup files (kept relative to it)."""
        files = [spec.lookup.file for spec in self.specs.values() if spec.lookup is not None]
        if self.movements is not None and self.movements.levels is not None:
            files.append(self.movements.levels.file)
        return (self._path, *(self._path.parent / name for name in dict.fromkeys(files)))

    def table(self, field: str) -> dict[str, str]:
        """Lookup table of a field as written, whether inline or from its file."""
        name = field if field in self.specs else f"{ATTRIBUTES}.{ANY}"
        return self.specs[name].words or self._tables.get(name, {})

    @property
    def specs(self) -> dict[str, FieldSpec]:
        """Everything that is read of a row: contract fields, and how a movement counts as `@sign` and so on."""
        inner = self.movements.specs if self.movements is not None else {}
        return {**self.fields, **{f"@{name}": spec for name, spec in inner.items()}}

    @property
    def levels(self) -> dict[tuple[str, ...], tuple[str, str | None]]:
        """Levels of `movements.levels`: what names the record -> canonical number, day or None."""
        return self._levels

    def line(self, *keys: str) -> int | None:
        """Line of the mapping file on which a key stands, as far as known."""
        return next((self._lines[keys[:size]] for size in range(len(keys), 0, -1) if keys[:size] in self._lines), None)

    def called(self, key: str) -> str:
        """Name a key for whoever has a file that does not fit it."""
        line = self.line(key)
        return key if line is None else f"{key} (line {line} of {self._path.name})"

    @property
    def agreed(self) -> str:
        """The columns of a file without header by their places, "" where files have one: `1 Stock Code, 4 price`."""
        if not headless(self.format):
            return ""
        named: dict[int, str] = {}
        for test in _column_tests(self):
            for ref in test.refs:
                if isinstance(ref, int):
                    named.setdefault(ref, test.of.column[0] if test.of.column else test.name)
        return ", ".join(f"{place} {named[place]}" for place in sorted(named))

    @property
    def patterns(self) -> tuple[str, ...]:
        """Fields that stand for one field per header their pattern fits."""
        return tuple(name for name in self.fields if name.endswith(f".{ANY}"))

    def names_of(self, ref: Ref) -> tuple[Ref, ...]:
        """Return what a column is read by in fields, conditions and filters: all names it may have, or its position.

        Nothing where none of them names it.
        """
        found: list[Ref] = []
        for test in _column_tests(self):
            if any(_same(one, ref) for one in test.refs):
                found.extend(test.refs if test.aliased else (ref,))
        return tuple(dict.fromkeys(found))

    def wanted(self) -> tuple[str, ...]:
        """Every source column named anywhere in the mapping, each once, in order: element paths for XML and JSON.

        Nothing where a pattern makes every column one that may be wanted.
        """
        names: list[str] = []
        if self.patterns:
            return ()
        for spec in self.specs.values():
            names.extend(_named(spec.column))
            names.extend(ref for ref in spec.refs() if isinstance(ref, str))
            names.extend(_named(spec.when.column) if spec.when is not None else ())
        for rule in self.filter:
            names.extend(_named(rule.condition.column))
        names.extend(ref for ref in (*self.fill_down, *self.fill_within) if isinstance(ref, str))
        return tuple(dict.fromkeys(names))


def _named(names: tuple[str, ...] | None) -> tuple[str, ...]:
    return names or ()


def _group_faults(mapping: MappingFile) -> list[Misfit]:
    group, movements, fields = mapping.group, mapping.movements, mapping.fields
    named: dict[tuple[str, str], tuple[str, ...]] = {}
    found = []
    if group is not None:
        named = {("group", "by"): group.by, ("group", "sum"): group.sum, ("group", "keep"): tuple(group.keep)}
    if movements is not None:
        named["movements", "field"] = (movements.field,)
        levels = movements.levels
        if group is None:
            found.append(Misfit(("movements",), "movements needs [group]: by names what moves"))
        elif movements.field in group.sum:
            said = f"movements sums {movements.field!r} already: take it out of group.sum"
            found.append(Misfit(("group", "sum"), said))
        elif levels is not None and len(levels.by) != len(group.by):
            said = f"movements.levels.by names {len(levels.by)} columns, group.by {len(group.by)} fields"
            found.append(Misfit(("movements", "levels", "by"), said))
    summed = {*(group.sum if group is not None else ()), *((movements.field,) if movements is not None else ())}
    found += [
        Misfit(("fields", name), f"{name} is summed up: negative_as_zero of each row would change its sum")
        for name in sorted(summed)
        if name in fields and fields[name].negative_as_zero
    ]
    found += [
        Misfit(keys, f"{'.'.join(keys)} names {name!r}, which [fields] does not fill: {meant(name, tuple(fields))}")
        for keys, names in named.items()
        for name in names
        if name not in fields
    ]
    return found


def _pattern_faults(mapping: MappingFile) -> list[Misfit]:
    found = []
    for name in mapping.patterns:
        spec = mapping.fields[name]
        headers = spec.column or ()
        if name != f"{ATTRIBUTES}.{ANY}":
            said = f"{name}: only attributes have a pattern: write {ATTRIBUTES}.{ANY!r}"
        elif len(headers) != 1 or headers[0].count(ANY) != 1 or spec.position is not None:
            said = f'{name}: give one column with one * for the code, like column = "Attr *"'
        else:
            continue
        found.append(Misfit(("fields", name), said))
    return found


def headless(layout: CsvLayout | XlsxLayout | XmlLayout | JsonLayout | ImageLayout) -> bool:
    """Whether the file has no header to find columns by."""
    return (isinstance(layout, CsvLayout) and not layout.header) or (
        isinstance(layout, XlsxLayout) and layout.header == "none"
    )


@dataclass(frozen=True, slots=True)
class _Test:
    """One place of the mapping that reads columns: what it is called, and under which keys it stands."""

    name: str
    keys: tuple[str, ...]
    of: Condition | FieldSpec

    @property
    def refs(self) -> tuple[Ref, ...]:
        """The columns it reads; the name beside a position is for people."""
        inner = self.of.refs() if isinstance(self.of, FieldSpec) else ()
        if self.of.position is not None:
            return (self.of.position, *inner)
        return (*(self.of.column or ()), *inner)

    @property
    def aliased(self) -> bool:
        """Whether these are names of one column."""
        return self.of.column is not None and self.of.position is None


def _same(one: Ref, other: Ref) -> bool:
    if isinstance(one, int) or isinstance(other, int):
        return one == other
    return plain(one) == plain(other)


def _column_tests(mapping: MappingFile) -> list[_Test]:
    tests: list[_Test] = []
    for name, spec in mapping.specs.items():
        keys = ("movements", name[1:]) if name.startswith("@") else ("fields", name)
        tests.append(_Test(name, keys, spec))
        if spec.when is not None:
            tests.append(_Test(f"{name}.when", (*keys, "when"), spec.when))
    for place, rule in enumerate(mapping.filter):
        tests.append(_Test(f"filter {place + 1}", ("filter", str(place)), rule.condition))
    return tests


def _layout_faults(mapping: MappingFile) -> list[Misfit]:
    tree, bare = isinstance(mapping.format, XmlLayout | JsonLayout), headless(mapping.format)
    found = []
    filled = (("fill_down", mapping.fill_down), ("fill_within", mapping.fill_within))
    lists = [(test.name, test.keys, test.refs) for test in _column_tests(mapping)]
    for name, keys, refs in (*lists, *((key, (key,), refs) for key, refs in filled)):
        if tree and any(isinstance(ref, int) for ref in refs):
            found.append(Misfit(keys, f"{name}: elements have no position: name the path"))
        if bare and any(isinstance(ref, str) for ref in refs):
            found.append(Misfit(keys, f"{name}: the file has no header: use position"))
        found += [Misfit(keys, f"{name}: {said}") for said in _too_far(mapping.format, refs)]
    for test in _column_tests(mapping):
        if tree and test.of.column is not None and len(test.of.column) > 1:
            said = f"{test.name}: a path has no aliases: use first = [...] for elements of several names"
            found.append(Misfit(test.keys, said))
    if mapping.fill_within and not mapping.fill_down:
        found.append(Misfit(("fill_within",), "fill_within belongs to fill_down"))
    return found or _fill_faults(mapping)


def _too_far(layout: Layout, refs: tuple[Ref, ...]) -> Iterator[str]:
    """Say which positions no file of the layout can have."""
    most = layout.columns if isinstance(layout, CsvLayout) and not layout.header else None
    for ref in refs:
        if most is not None and isinstance(ref, int) and ref > most:
            yield f"there is no column {ref}: format.columns says that the file has {most}"


def _fill_faults(mapping: MappingFile) -> list[Misfit]:
    """Say which columns of `fill_down` are spelled almost like one that the mapping reads.

    One that it reads nowhere may be meant all the same: filled, it shows in the errors file.
    """
    refs = [ref for test in _column_tests(mapping) for ref in test.refs] + [*mapping.fill_within]
    names = tuple(dict.fromkeys(ref for ref in refs if isinstance(ref, str)))
    known = {plain(name) for name in names}
    found = []
    for ref in mapping.fill_down:
        if isinstance(ref, str) and plain(ref) not in known and not _fits_pattern(mapping, ref):
            near = nearest(ref, names)
            if near:
                said = f"fill_down names {ref!r}, which the mapping reads nowhere: did you mean {near!r}?"
                found.append(Misfit(("fill_down",), said))
    return found


def _fits_pattern(mapping: MappingFile, header: str) -> bool:
    """Whether a header may be one of those that a pattern of the mapping finds."""
    patterns = [name for field in mapping.patterns for name in mapping.fields[field].column or ()]
    ends = [pattern.partition(ANY) for pattern in patterns]
    text = plain(header)
    return any(text.startswith(plain(front)) and text.endswith(plain(back)) for front, _, back in ends)
