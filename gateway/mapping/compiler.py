"""A mapping and the headers of one file to the applier of that file: every name is looked up here and only once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

import polars as pl

from gateway.errors import Fault, SettingsError
from gateway.mapping.applier import Applier, RowFilter
from gateway.mapping.damaged import Damaged
from gateway.mapping.dates import ISO, compile_pattern
from gateway.mapping.field import Condition, FieldSpec, Ref
from gateway.mapping.fill import FillDown
from gateway.mapping.functions import FunctionError, find_function
from gateway.mapping.headers import Headers
from gateway.mapping.moments import Days, Instants
from gateway.mapping.movements import DAY, KNOWN_SCHEMA, OPENING, Movements
from gateway.mapping.numbers import PLAIN, Factor, Number
from gateway.mapping.plan import Plan, Test
from gateway.mapping.rates import Chained
from gateway.mapping.remarks import Remarks
from gateway.mapping.sources import Column, First, Function, Join, Source
from gateway.mapping.spec import ANY, Filter, MappingFile
from gateway.mapping.spec import Movements as MovementsSpec
from gateway.mapping.steps import Extract, Flags, Parts, Replace, Split, Step, Words, compared
from gateway.model import KEY_SEPARATOR, FieldTraits, Table

_WORDS_SHOWN = 8
_ANY_ZONE = "UTC"
"""For a mapping whose times of day nobody asks for."""


class _Compiler:
    def __init__(self, mapping: MappingFile, headers: Headers, traits: FieldTraits, zone: str | None) -> None:
        self._mapping, self._headers, self._traits, self._zone = mapping, headers, traits, zone
        self.faults: list[Fault] = []

    def fields(self) -> Iterator[tuple[str, FieldSpec]]:
        """Every field to fill, those of a pattern one by one; what the mapping names itself is not the pattern's."""
        for name, spec in self._mapping.specs.items():
            if name not in self._mapping.patterns or spec.column is None:
                yield name, spec
                continue
            found = self._headers.fitting(spec.column[0], wanted_by=name, optional=spec.optional)
            for code, header in found.items():
                field = name.removesuffix(ANY) + code
                if field not in self._mapping.fields:
                    yield field, spec.model_copy(update={"column": (header,)})

    def plan(self, name: str, spec: FieldSpec) -> Plan:
        return Plan(
            field=name,
            source=self._source(name, spec) if spec.constant is None else None,
            constant=spec.fixed,
            trim=spec.trim,
            text_steps=self._text_steps(name, spec),
            value_steps=self._value_steps(name, spec),
            default=spec.default,
            test=None if spec.when is None else self.test(spec.when, f"the condition of {name}"),
            otherwise=spec.otherwise,
            remarks=_remarks(spec),
        )

    def column(self, ref: Ref, wanted_by: str, *, optional: bool) -> int | None:
        names, position = ((), ref) if isinstance(ref, int) else ((ref,), None)
        return self._headers.find(names, position, wanted_by=wanted_by, optional=optional)

    def listed(self, key: str, refs: Sequence[Ref], *, needed: bool) -> tuple[int, ...]:
        """Return the columns of a list of the mapping, whichever of its names each has in this file.

        `needed`: each must be there; else only those that no field, condition or filter names: they say it themselves.
        """
        wanted_by, found = self._mapping.called(key), []
        for ref in refs:
            read = self._mapping.names_of(ref)
            names, position = ((), ref) if isinstance(ref, int) else (tuple(map(str, read)) or (ref,), None)
            found.append(self._headers.find(names, position, wanted_by=wanted_by, optional=bool(read) and not needed))
        return tuple(dict.fromkeys(index for index in found if index is not None))

    def _source(self, name: str, spec: FieldSpec) -> Source | None:
        if spec.column is not None or spec.position is not None:
            found = self._headers.find(spec.column or (), spec.position, wanted_by=name, optional=spec.optional)
            return None if found is None else Column(found)
        places = [self.column(ref, name, optional=spec.optional) for ref in spec.refs()]
        indices = tuple(place for place in places if place is not None)
        if not indices:
            return None
        if spec.first is not None:
            return First(indices)
        if spec.join is not None:
            return Join(indices, spec.with_ or "")
        return self._function(name, spec, indices, whole=len(indices) == len(places))

    def _function(self, name: str, spec: FieldSpec, indices: tuple[int, ...], *, whole: bool) -> Source | None:
        if not whole:  # a function counts on every one of its columns
            return None
        try:
            return Function(indices, find_function(spec.function or ""))
        except FunctionError as error:
            self._fault(name, "function", str(error))
            return None

    def _fault(self, name: str, key: str, message: str) -> None:
        line = self._mapping.line("fields", name, key)
        where = f"{self._mapping.path}:{line}" if line is not None else str(self._mapping.path)
        self.faults.append(Fault(where, f"{name}: {message}"))

    def _text_steps(self, name: str, spec: FieldSpec) -> tuple[Step, ...]:
        steps: list[Step] = []
        if spec.extract is not None:
            steps.append(Extract(spec.extract))
        if spec.replace is not None:
            steps.append(Replace(spec.replace))
        if spec.split is not None and spec.part is not None:
            steps.append(Split(spec.split, spec.part))
        if spec.separators is not None:
            steps.append(Parts(spec.separators, spec.with_ or ""))
        if spec.lookup is not None or spec.words is not None:
            table = self._mapping.table(name)
            shown = ", ".join(list(table)[:_WORDS_SHOWN]) + (", ..." if len(table) > _WORDS_SHOWN else "")
            keys = {compared(key, ignore_case=spec.ignore_case): text for key, text in table.items()}
            title = f"{spec.lookup.file} ({shown})" if spec.lookup is not None else shown
            mark = (spec.with_ or None) if spec.separators is not None else None
            steps.append(Words(keys, title, spec.else_ or "issue", spec.ignore_case, mark))
        return tuple(steps)

    def _value_steps(self, name: str, spec: FieldSpec) -> tuple[Step, ...]:
        traits = self._traits
        if spec.number_asked or (name in traits.numeric and spec.date is None and spec.true is None):
            plain = Number(spec.number or PLAIN, spec.currency or (), spec.percent)
            number = plain if spec.chained is None else Chained(spec.chained, plain)
            return (number,) if spec.factor is None else (number, Factor(Decimal(spec.factor)))
        if spec.true is not None and spec.false is not None:
            return (Flags(spec.true, spec.false, spec.negated),)
        if spec.constant is not None:
            return ()
        if name in traits.days:
            return (Days(spec.date or ISO),)
        if spec.date is not None or spec.zone is not None or spec.end_of_day is not None or name in traits.instants:
            return (self._instants(name, spec),)
        return (Flags(("true",), ("false",), spec.negated),) if name in traits.flags or spec.negated else ()

    def _instants(self, name: str, spec: FieldSpec) -> Step:
        zone = spec.zone or self._zone
        if zone is None and spec.date is not None and not compile_pattern(spec.date).offset:
            hint = 'name the zone its times are written in, like zone = "Europe/Madrid"'
            self._fault(name, "date", f"the pattern {spec.date!r} has no offset: {hint}")
        ends = name in self._traits.day_ends if spec.end_of_day is None else spec.end_of_day
        return Instants(spec.date or ISO, zone, end_of_day=ends)

    def test(self, condition: Condition, wanted_by: str) -> Test:
        index = self._headers.find(
            condition.column or (), condition.position, wanted_by=wanted_by, optional=condition.optional
        )
        single = condition.is_ if condition.is_ is not None else condition.is_not
        several = condition.in_ if condition.in_ is not None else condition.not_in
        negated = condition.is_not is not None or condition.not_in is not None or condition.empty is False
        return Test(index, (single,) if single is not None else several, condition.matches, negated)

    def row_filter(self, rule: Filter) -> RowFilter:
        test = self.test(rule.condition, f"the filter '{rule.text()}'")
        return RowFilter(test, skips=rule.skip is not None, text=rule.text(), early=rule.before_fill)


def _remarks(spec: FieldSpec) -> Remarks | None:
    found = Remarks(spec.fractions, spec.negative_as_zero, spec.tell or ())
    return None if found == Remarks() else found


def _may_break(field: str, lined: frozenset[str]) -> bool:
    """Whether the text of a field may have line breaks; a name that ends in ANY stands for all it begins."""
    begun = tuple(name.removesuffix(ANY) for name in lined if name.endswith(ANY))
    return field in lined or field.startswith(begun)


def compile_mapping(
    mapping: MappingFile,
    headers: Sequence[str],
    traits: FieldTraits,
    *,
    zone: str | None = None,
    again: Callable[[], Iterable[Table]] | None = None,
) -> Applier:
    """Compile a mapping for one file. `zone` is the default for times written without one.

    Fields whose `traits` are numeric, instants, days or flags are read as such where the mapping declares no form:
    numbers like 1234.5, ISO dates, true and false. In instants of `day_ends` a date without a time of day means the end
    of that day. Line breaks of `lined` fields become LF. What a spreadsheet made a date, a time or true and false of
    is no cell for a field of `codes`, whatever the mapping's steps; a date or a time is told of in an `undated` one.
    `again` reads the file's tables once more; a mapping with movements needs it to sum them up first. Raises FileError
    FILE_COLUMN_MISSING or FILE_COLUMN_TWICE, and SettingsError when a naive date pattern of an instant has no zone or a
    function can't be found.
    """
    traits = replace(traits, numeric=traits.numeric | {OPENING}, days=traits.days | {DAY})
    if mapping.movements is None:
        return _compiled(mapping, headers, traits, zone, None)
    if again is None:
        raise ValueError("a mapping with movements reads the file twice: say how")
    movements = _movements(mapping, mapping.movements, headers)
    first = _compiled(mapping, headers, traits, zone, None)  # its own one: filling down remembers rows
    totals = movements.totals(movements.counted(first.apply(table)) for table in again())
    return _compiled(mapping, headers, traits, zone, (movements, totals))


def compile_filling(mapping: MappingFile, headers: Sequence[str], traits: FieldTraits) -> Applier:
    """Return what `compile_mapping` does, for nothing but filling cells down: no zone and no reading before it."""
    return _compiled(mapping, headers, traits, _ANY_ZONE, None)


def _compiled(
    mapping: MappingFile,
    headers: Sequence[str],
    traits: FieldTraits,
    zone: str | None,
    levels: tuple[Movements, pl.DataFrame] | None,
) -> Applier:
    found = Headers(headers, pictures=mapping.format.kind == "image", agreed=mapping.agreed)
    compiler = _Compiler(mapping, found, traits, zone)
    plans = tuple(compiler.plan(name, spec) for name, spec in compiler.fields())
    filters = tuple(compiler.row_filter(rule) for rule in mapping.filter)
    filled = compiler.listed("fill_down", mapping.fill_down, needed=False)
    within = compiler.listed("fill_within", mapping.fill_within, needed=True)
    if compiler.faults:
        raise SettingsError(compiler.faults, fix="Mend the mapping and send the file again.")
    found.verify()
    lined = tuple(plan.field for plan in plans if _may_break(plan.field, traits.lined))
    damaged = Damaged(plans, traits, filled=filled) if mapping.format.kind == "xlsx" else None
    return Applier(found, plans, filters, FillDown(filled, within), levels, lined, damaged)


def _movements(mapping: MappingFile, spec: MovementsSpec, headers: Sequence[str]) -> Movements:
    by = mapping.group.by if mapping.group is not None else ()
    known = None
    if spec.levels is not None:
        rows = [(KEY_SEPARATOR.join(names), *level) for names, level in mapping.levels.items()]
        known = pl.DataFrame(rows, schema=KNOWN_SCHEMA, orient="row")
    names = {f"@{name}": _told(one, headers) for name, one in spec.specs.items()}
    source = spec.levels.file if spec.levels is not None else f"column {names[OPENING]}"
    return Movements(by, spec.field, known, source, names)


def _told(spec: FieldSpec, headers: Sequence[str]) -> str:
    """Name a partner knows a source column by."""
    named = next(iter([*(spec.column or ()), *(str(ref) for ref in spec.refs())]), None)
    if named is not None or spec.position is None:
        return named or "the mapping"
    return (headers[spec.position - 1] if spec.position <= len(headers) else "") or f"column {spec.position}"
