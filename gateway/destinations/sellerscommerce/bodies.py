"""Bodies as data: which members an object has and what fills them; rows to JSON text in columns.

Names and shapes stand in a file, since none is documented: a file of one's own replaces whole tables.
"""

from __future__ import annotations

import functools
import json
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Literal, Self

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gateway.contracts.rules import given
from gateway.destinations import _json
from gateway.destinations.sellerscommerce import enums
from gateway.errors import Fault, SettingsError
from gateway.formats.sections import complaint, unknown

NUMBER = r"^(0|[1-9][0-9]*)(\.[0-9]+)?$"
INTEGER = r"^-?(0|[1-9][0-9]*)$"
FLAG = r"^(true|false)$"
_SHAPES = {"number": NUMBER, "integer": INTEGER, "flag": FLAG}
_NAME = r"^[A-Za-z_][A-Za-z0-9_]*$"


class Member(BaseModel):
    """One member of an object and what fills it."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    name: str = Field(pattern=_NAME)
    source: str = Field(default="", alias="from")
    type: Literal["text", "number", "integer", "flag", "enum", "list", "object"] = "text"
    enum: str = ""
    required: bool = False
    default: str | int | float | bool | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.type == "enum") != (self.enum != ""):
            raise ValueError(f"{self.name}: an enum is named where the type is enum, and nowhere else")
        if self.enum and self.enum not in enums.enumerations():
            raise ValueError(f"{self.name}: there is no enum {self.enum!r}; known: {', '.join(enums.enumerations())}")
        if self.source == "" and self.default is None:
            raise ValueError(f"{self.name}: nothing fills it; write from or default")
        return self

    @property
    def shape(self) -> str | None:
        """Regular expression of what the source must look like; None for texts and what comes ready."""
        return _SHAPES.get(self.type)

    def strange(self) -> pl.Expr:
        """Return whether the source is given and can't be what the member is."""
        if self.enum:
            return given(self.source) & _ids(self.source, self.enum).is_null()
        return given(self.source) & ~pl.col(self.source).str.contains(self.shape or "")

    def text(self, inverted: bool) -> pl.Expr:  # noqa: FBT001  whether IsBrand is
        """Return the member's JSON text; null leaves it out."""
        default = pl.lit(None, pl.String)
        if self.default is not None:
            default = pl.lit(self._constant(self.default, inverted=inverted))
        if self.source == "":
            return default
        column = pl.col(self.source)
        if self.enum:
            return pl.coalesce(_ids(self.source, self.enum, inverted=inverted), default)
        if self.type == "text":
            return pl.coalesce(_json.quoted(pl.when(given(self.source)).then(column)), default)
        sound = pl.lit(value=True) if self.shape is None else column.str.contains(self.shape)
        return pl.coalesce(pl.when(given(self.source) & sound).then(column), default)

    def _constant(self, value: str | float | bool, *, inverted: bool) -> str:  # noqa: FBT001  JSON's own values
        if not self.enum:
            return json.dumps(value, ensure_ascii=False)
        number = enums.id_of(self.enum, str(value))
        return str(_turned(number, inverted=inverted) if self.enum == "IsBrand" else number)


class Body(BaseModel):
    """One object.

    `group`: source by which rows of a file go together, `items`: the table of what each of them is. `many`: a call by
    hand takes a list of them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    members: tuple[Member, ...] = Field(min_length=1)
    group: str = ""
    items: str = ""
    many: bool = False

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        names = [one.name for one in self.members]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"the members {', '.join(twice)} stand twice")
        return self

    @property
    def sources(self) -> tuple[str, ...]:
        """What fills the members."""
        return tuple(dict.fromkeys(one.source for one in self.members if one.source))

    def required(self) -> tuple[Member, ...]:
        """Return the members a row must fill."""
        return tuple(one for one in self.members if one.required and one.default is None)

    def render(self, rows: pl.DataFrame, *, inverted: bool = True) -> pl.Series:
        """Return one JSON object per row; sources that are no column are not given."""
        missing = [pl.lit(None, pl.String).alias(name) for name in self.sources if name not in rows.columns]
        full = rows.with_columns(missing)
        return _json.objects(full, [(one.name, one.text(inverted)) for one in self.members])


Bodies = Mapping[str, Body]


def load(path: Path | None) -> Bodies:
    """Return the shipped bodies, tables of the file in place of those of their name. Raises SettingsError."""
    shipped = _shipped()
    if path is None:
        return shipped
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([Fault(str(path), f"the bodies can't be read: {error}")]) from error
    own = _read(text, str(path))
    strange = sorted(own.keys() - shipped.keys())
    if strange:
        raise SettingsError([Fault(str(path), unknown(name, shipped, "body"), (name,)) for name in strange])
    return {**shipped, **own}


@functools.cache
def _shipped() -> Bodies:
    text = resources.files(__package__).joinpath("bodies.toml").read_text("utf-8")
    return _read(text, "bodies.toml")


def _read(text: str, place: str) -> Bodies:
    try:
        tables = tomllib.loads(text)
    except ValueError as error:
        raise SettingsError([Fault(place, f"this is not TOML: {error}")]) from error
    faults: list[Fault] = []
    made: dict[str, Body] = {}
    for name, table in tables.items():
        try:
            made[name] = Body.model_validate(table)
        except ValidationError as error:
            for one in error.errors(include_url=False, include_input=False):
                keys = (name, *(str(part) for part in one["loc"]))
                faults.append(Fault(place, complaint(Body, one), keys))
    if faults:
        raise SettingsError(faults)
    return made


def array(items: Sequence[str]) -> str:
    """Return objects as a JSON array with one object per line: how batches are cut into single calls again."""
    return "[\n" + ",\n".join(items) + "\n]" if items else "[]"


def lines(body: bytes) -> list[str]:
    """Return the objects of such an array."""
    text = body.decode()
    return [] if text == "[]" else text.removeprefix("[\n").removesuffix("\n]").split(",\n")


def _ids(source: str, enum: str, *, inverted: bool = True) -> pl.Expr:
    """Return the id as text of names and ids; null for anything else."""
    plain = pl.col(source).str.to_lowercase().str.replace_all(r"[^0-9a-z]+", "")
    known = {word: _turned(n, inverted=inverted) if enum == "IsBrand" else n for word, n in enums.words(enum).items()}
    return plain.replace_strict(known, default=None, return_dtype=pl.Int64).cast(pl.String)


def _turned(number: int, *, inverted: bool) -> int:
    return enums.is_brand(number == enums.id_of("IsBrand", "Yes"), inverted=inverted)
