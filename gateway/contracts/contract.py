"""A contract: a record of vocabulary fields with its rules; it knows no destination and no file format."""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

import polars as pl
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from gateway.contracts.fields import VOCABULARY, Code, CodeList, Day, FieldType, Flag, Gtin, Html, Instant, Number, Text
from gateway.contracts.rules import Record, RowsRule, Rule
from gateway.issues import CATALOGUE
from gateway.model import KEY, KEY_SEPARATOR, FieldTraits
from gateway.wording import filled


class RecordModel(BaseModel):
    """Base of a contract's model: every field `name: Annotated[python type, vocabulary type]`, or that `| None`."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class ContractField:
    """One field of a contract as the rest of the gateway sees it."""

    name: str
    type: FieldType
    required: bool
    help: str
    example: str


class Found(NamedTuple):
    """One fault of one record: the columns of an issue frame without the place."""

    code: str
    field: str
    value: str | None
    detail: str


def _no_rules(_now: datetime) -> tuple[Rule, ...]:
    return ()


@dataclass(frozen=True)
class Contract:
    """A named, versioned contract. Raises TypeError or ValueError at once when its declaration does not hold together.

    `key`: fields that name a record. `group`: field by which rows belong together, if any. `required_unless`: fields
    that must be given except in rows whose other field has the word: field -> (other field, word); `one_of_unless`:
    the same for fields of which one must be given; `required_with`: fields that must be given where one of others is
    (unless `command` is `end`); the rules say all this too. `dated_rules`: rules that depend on the time of the check.
    `day_ends`: points in time that a date without a time of day names by its last second.
    `undated`: texts that are hardly ever dates, so that a date in a workbook is told of.
    `permits`: flags that a row has from its route and from no file, each with its meaning: `true` or not given. They
    are no fields: no mapping fills them, and no file of ours has them.
    `open_prefix`: names that begin so are fields too, any number of them, of the type `open_type`; none is required.
    """

    name: str
    version: int
    title: str
    model: type[RecordModel]
    key: tuple[str, ...]
    group: str | None = None
    rules: tuple[Rule, ...] = ()
    rows_rules: tuple[RowsRule, ...] = ()
    dated_rules: Callable[[datetime], tuple[Rule, ...]] = _no_rules
    required_unless: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    one_of_unless: Mapping[tuple[str, ...], tuple[str, str]] = field(default_factory=dict)
    required_with: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    day_ends: frozenset[str] = frozenset()
    undated: frozenset[str] = frozenset()
    permits: Mapping[str, str] = field(default_factory=dict)
    open_prefix: str | None = None
    open_type: FieldType | None = None
    open_help: str = ""
    fields: Mapping[str, ContractField] = field(init=False)

    def __post_init__(self) -> None:
        declared = {name: _declared(self.model, name, info) for name, info in self.model.model_fields.items()}
        object.__setattr__(self, "fields", types.MappingProxyType(declared))
        named = {*self.key, *self.required_unless, *(other for other, _ in self.required_unless.values())}
        named |= {column for rule in self.rules for column in (*rule.columns, rule.field)}
        named |= {column for rule in self.rows_rules for column in (*rule.columns, rule.by)} - {KEY}
        named |= {self.group} if self.group is not None else set()
        named |= {one for group, (other, _) in self.one_of_unless.items() for one in (*group, other)}
        named |= {one for needed, others in self.required_with.items() for one in (needed, *others)}
        if strange := sorted(named - declared.keys()):
            raise ValueError(f"Contract {self.name} names fields its model does not have: {', '.join(strange)}.")
        if both := sorted(name for name in self.permits if self.has(name)):
            raise ValueError(f"Contract {self.name} has fields that are permits too: {', '.join(both)}.")
        codes = {rule.code for rule in self.rules} | {rule.code for rule in self.rows_rules}
        if strange := sorted(codes - CATALOGUE.keys()):
            raise ValueError(f"Contract {self.name} uses codes the catalogue does not have: {', '.join(strange)}.")
        if (self.open_prefix is None) is not (self.open_type is None):
            raise ValueError(f"Contract {self.name} needs a prefix and a type for its open fields, or neither.")

    def _names(self, *kinds: type[FieldType]) -> frozenset[str]:
        return frozenset(name for name, one in self.fields.items() if isinstance(one.type, kinds))

    @property
    def required(self) -> frozenset[str]:
        """Fields every row must give."""
        return frozenset(name for name, one in self.fields.items() if one.required)

    @property
    def numeric(self) -> frozenset[str]:
        """Fields whose canonical text is a number."""
        return self._names(Number)

    @property
    def instants(self) -> frozenset[str]:
        """Fields whose canonical text is a UTC time."""
        return self._names(Instant)

    @property
    def days(self) -> frozenset[str]:
        """Fields whose canonical text is a day."""
        return self._names(Day)

    @property
    def flags(self) -> frozenset[str]:
        """Fields whose canonical text is true or false."""
        return self._names(Flag)

    @property
    def codes(self) -> frozenset[str]:
        """Fields whose canonical text is a code, or a list of codes."""
        return self._names(Code) | self._names(CodeList) | self._names(Gtin)

    @property
    def lined(self) -> frozenset[str]:
        """Fields whose text may have line breaks; the prefix with `*` behind it stands for all open fields."""
        kinds = {name: one.type for name, one in self.fields.items()}
        if self.open_type is not None:
            kinds[f"{self.open_prefix}*"] = self.open_type
        return frozenset(name for name, kind in kinds.items() if isinstance(kind, Html | Text) and kind.lines)

    @property
    def traits(self) -> FieldTraits:
        """What a mapping must know of the fields."""
        return FieldTraits(
            numeric=self.numeric, instants=self.instants, days=self.days, flags=self.flags, day_ends=self.day_ends,
            lined=self.lined, codes=self.codes, undated=self.undated,
        )  # fmt: skip

    def has(self, name: str) -> bool:
        """Whether `name` is a field: a declared one, or an open one (the prefix and at least one character)."""
        return name in self.fields or self._is_open(name)

    def _is_open(self, name: str) -> bool:
        return self.open_prefix is not None and name.startswith(self.open_prefix) and name != self.open_prefix

    def of(self, columns: Collection[str]) -> tuple[ContractField, ...]:
        """Return the declared fields, then the open fields among `columns` in their order."""
        if self.open_type is None:
            return tuple(self.fields.values())
        kind, more = self.open_type, [name for name in columns if name not in self.fields and self._is_open(name)]
        return (*self.fields.values(), *(ContractField(name, kind, False, self.open_help, "") for name in more))

    def unfilled(self, filled: Collection[str]) -> tuple[str, ...]:
        """Return the fields without which no row can be good when only `filled` fields are ever given.

        Of several fields of which one must be given, the first stands for all.
        """
        excused = {name for name, (other, _word) in self.required_unless.items() if other in filled}
        needed = self.required | (self.required_unless.keys() - excused)
        needed |= {one for one, others in self.required_with.items() if any(other in filled for other in others)}
        needed |= {
            group[0]
            for group, (other, _word) in self.one_of_unless.items()
            if other not in filled and not any(one in filled for one in group)
        }
        return tuple(name for name in self.fields if name in needed and name not in filled)

    def rules_at(self, now: datetime | None) -> tuple[Rule, ...]:
        """Return the row rules; those that depend on the time only when a time is given."""
        return self.rules if now is None else (*self.rules, *self.dated_rules(now))

    def complete(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the frame with every contract column, absent ones as null String; other columns are kept.

        Raises TypeError for a contract column that is not text: records are judged as canonical text only.
        """
        schema = frame.schema
        absent = [name for name in self.fields if schema.get(name, pl.Null) == pl.Null]
        present = [one.name for one in self.of(frame.columns)]
        absent += [name for name in present if name not in self.fields and schema[name] == pl.Null]
        typed = [name for name in present if schema.get(name, pl.String) not in {pl.String, pl.Null}]
        if typed:
            raise TypeError(f"Contract {self.name} judges text columns; not text: {', '.join(typed)}.")
        return frame.with_columns(pl.lit(None, pl.String).alias(name) for name in absent)

    def typed(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the frame with its contract columns as typed values; faulty and not given cells become null."""
        present = [one for one in self.of(frame.columns) if one.name in frame.columns]
        return frame.with_columns(one.type.typed(pl.col(one.name)).alias(one.name) for one in present)

    def key_expr(self, present: Collection[str] | None = None) -> pl.Expr:
        """Return the record key as `@key`; missing and empty are alike in it.

        `present`: names of the columns the frame has, when some key columns may be absent.
        """
        there = [name for name in self.key if present is None or name in present]
        form = KEY_SEPARATOR.join("{}" if name in there else "" for name in self.key)  # absent: like missing
        return filled(form, *(pl.col(name).fill_null("") for name in there)).alias(KEY)

    def row_verdict(self, record: Record, *, now: datetime | None = None) -> list[Found]:
        """Judge one record by the pydantic model and the rules' own functions: the reference for the columns."""
        fields = {one.name: one for one in self.of(record)}
        kept = {
            name: text
            for name, text in record.items()
            if name not in fields or (text is not None and (text != "" or fields[name].required))
        }
        found = [Found("NOT_BLANK", name, "", "") for name in kept if kept[name] == "" and fields[name].required]
        told = {name: text for name, text in kept.items() if text != ""}
        try:
            self.model.model_validate({name: text for name, text in told.items() if not self._is_open(name)})
        except ValidationError as trouble:
            blank = {one.field for one in found}
            found += [one for one in map(_found, trouble.errors()) if one.field not in blank]
        for name in filter(self._is_open, told):
            try:
                fields[name].type.read(str(told[name]))
            except PydanticCustomError as fault:
                found.append(Found(fault.type, name, told[name], (fault.context or {})["detail"]))
        faulty = {one.field for one in found}
        for rule in self.rules_at(now):
            detail = None if faulty.intersection(rule.columns) else rule.explain(record)
            if detail is not None:
                found.append(Found(rule.code, rule.field, record.get(rule.field), detail))
        return found

    def values(self, record: Record) -> Mapping[str, object]:
        """Return the typed values of a sound record by field, None where not given. Raises ValidationError."""
        given = {name: text for name, text in record.items() if text not in {None, ""}}
        declared = {name: text for name, text in given.items() if not self._is_open(name)}
        values = dict(self.model.model_validate(declared))
        more = [one for one in self.of(record) if one.name not in self.fields]
        return values | {one.name: one.type.read(str(given[one.name])) if one.name in given else None for one in more}

    def json_schema(self) -> dict[str, Any]:
        """Return the JSON schema of one record in canonical text."""
        schema = self.model.model_json_schema()
        for name, one in self.fields.items():
            if not one.required:
                # missing and empty are both "not given"; what an absent field means is no default of ours
                shown = {key: text for key, text in schema["properties"][name].items() if key != "default"}
                schema["properties"][name] = {**shown, "anyOf": [one.type.schema(), {"enum": ["", None]}]}
        if self.open_type is not None:
            shown = {"anyOf": [self.open_type.schema(), {"enum": ["", None]}], "description": self.open_help}
            schema["patternProperties"] = {f"^{re.escape(str(self.open_prefix))}.": shown}
        schema["allOf"] = [
            {
                "anyOf": [
                    *(_holds(name, self.fields[name].type.schema()) for name in group),
                    _holds(other, {"const": word}),
                ]
            }
            for group, (other, word) in [
                *(((name,), unless) for name, unless in self.required_unless.items()),
                *self.one_of_unless.items(),
            ]
        ]
        schema["allOf"] += [
            {
                "anyOf": [
                    _holds(needed, self.fields[needed].type.schema()),
                    {"not": _holds(other, _SOMETHING)},
                    _holds("command", {"const": "end"}),
                ]
            }
            for needed, others in self.required_with.items()
            for other in others
        ]
        return {**schema, "title": self.title, "$id": f"urn:gateway:contract:{self.name}:{self.version}"}

    def template(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return a header row of field names and one example row."""
        return tuple(self.fields), tuple(one.example for one in self.fields.values())


_SOMETHING = {"type": "string", "minLength": 1}


def _holds(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"required": [name], "properties": {name: dict(schema)}}


def _found(error: Any) -> Found:
    name = str(error["loc"][0])
    if error["type"] == "missing":
        return Found("REQUIRED", name, None, "")
    return Found(error["type"], name, error["input"], error.get("ctx", {}).get("detail", ""))


def _declared(model: type[RecordModel], name: str, info: FieldInfo) -> ContractField:
    annotation, metadata = info.annotation, list(info.metadata)
    if get_origin(annotation) in {Union, types.UnionType}:
        inner = [part for part in get_args(annotation) if part is not type(None)]
        if len(inner) == 1 and get_origin(inner[0]) is Annotated:
            annotation, *metadata = get_args(inner[0])
    found = [one for one in metadata if type(one) in VOCABULARY]
    if len(found) != 1 or len(metadata) != 1 or annotation is not found[0].python:
        words = ", ".join(one.word for one in VOCABULARY)
        raise TypeError(
            f"{model.__name__}.{name} is declared as {info.annotation!r} {metadata!r}: a contract field is "
            f"Annotated[<its Python type>, <one of {words}>], alone or with | None."
        )
    examples = info.examples or [""]
    return ContractField(name, found[0], info.is_required(), info.description or "", str(examples[0]))
