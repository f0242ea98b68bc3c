"""Reading a mapping file and its lookups, with every fault of both at once, each with its line."""

from __future__ import annotations

import csv
import functools
import io
import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import ValidationError

from gateway.errors import Fault, SettingsError
from gateway.formats.sections import toml_fault
from gateway.mapping.faults import worded
from gateway.mapping.field import FieldSpec, Lookup
from gateway.mapping.functions import FunctionError, find_function
from gateway.mapping.headers import nearest
from gateway.mapping.lines import key_lines
from gateway.mapping.numbers import Number
from gateway.mapping.patterns import plain
from gateway.mapping.spec import ATTRIBUTES, Levels, MappingFile, joined_names
from gateway.mapping.steps import compared

_DAY = re.compile(r"[1-9][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")
_FIX = "Mend the mapping; `gateway schema mapping` prints its form."


class _Faults:
    """Collects faults and knows on which line each key stands."""

    def __init__(self, path: Path, lines: dict[tuple[str, ...], int]) -> None:
        self.found: list[Fault] = []
        self._path, self._lines = path, lines

    def add(self, keys: Sequence[str | int], message: str) -> None:
        path = tuple(str(key) for key in keys)
        line = next((self._lines[path[:size]] for size in range(len(path), 0, -1) if path[:size] in self._lines), None)
        where = f"{self._path}:{line}" if line is not None else str(self._path)
        self.found.append(Fault(where, message))


def load_mapping(path: Path) -> MappingFile:
    """Read a mapping and the lookup files it names (relative to it, so a copied folder loads as well).

    Raises SettingsError with every fault found in them, where = `file:line`.
    """
    told = _toml(path)
    faults = _Faults(path, told.lines)
    for keys, message in told.faults:
        faults.add(keys, message)
    tables = _tables(path, told.specs, faults)
    levels = _levels(path, told.mapping, faults) if told.mapping is not None else {}
    if faults.found or told.mapping is None:
        raise SettingsError(sorted(set(faults.found), key=_place), fix=_FIX)
    mapping = told.mapping.model_copy()
    mapping._path, mapping._tables, mapping._lines = path, tables, told.lines  # noqa: SLF001  set by its only maker
    mapping._levels = levels  # noqa: SLF001  likewise
    return mapping


def check_fields(mapping: MappingFile, known: Iterable[str]) -> None:
    """Raise SettingsError for every field the mapping fills and its contract, with the `known` ones, does not have."""
    names = tuple(known)
    faults = []
    for name in mapping.fields:
        if name not in names and not name.startswith(f"{ATTRIBUTES}."):
            line = mapping.line("fields", name)
            where = f"{mapping.path}:{line}" if line is not None else str(mapping.path)
            near = nearest(name, names)
            meant = f"did you mean {near!r}?" if near else f"its fields are {', '.join(names)}"
            faults.append(Fault(where, f"the contract {mapping.contract!r} has no field {name!r}: {meant}"))
    if faults:
        raise SettingsError(faults, fix=_FIX)


def schema() -> dict[str, Any]:
    """Return the JSON Schema of mapping files, for editors."""
    made = MappingFile.model_json_schema(by_alias=True, mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "mapping", **made}


def _joined(keys: tuple[str, ...]) -> tuple[str, ...]:
    """Keys of a line as the model has them: an attribute and its code are one name."""
    if keys[:2] == ("fields", ATTRIBUTES) and len(keys) > 2:
        return ("fields", f"{ATTRIBUTES}.{keys[2]}", *keys[3:])
    return keys


def _place(fault: Fault) -> tuple[str, int, str]:
    file, _, line = fault.where.rpartition(":")
    return (file, int(line), fault.message) if line.isdecimal() else (fault.where, 0, fault.message)


@dataclass(frozen=True, slots=True)
class _Told:
    """What the text of a mapping says by itself, whatever the files beside it are."""

    lines: dict[tuple[str, ...], int]
    mapping: MappingFile | None
    faults: tuple[tuple[tuple[str | int, ...], str], ...]
    specs: tuple[tuple[tuple[str, str], str, FieldSpec], ...]


@functools.lru_cache(maxsize=64)
def _told(text: str) -> _Told:
    """Return what a text says. A mapping is read again for every file, mostly as it was."""
    raw = tomllib.loads(text)
    lines = {_joined(keys): line for keys, line in key_lines(text).items()}
    mapping, faults = None, []
    try:
        mapping = MappingFile.model_validate(raw)
    except ValidationError as error:
        faults = [(tuple(keys), message) for keys, message in worded(error)]
    return _Told(lines, mapping, tuple(faults), tuple(_specs(raw)))


def _toml(path: Path) -> _Told:
    try:
        return _told(path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n"))
    except OSError as error:
        message = f"the mapping can't be read ({error.strerror or type(error).__name__})"
        raise SettingsError([Fault(str(path), message)], fix="Check the path and its permissions.") from error
    except UnicodeDecodeError as error:
        message = f"the mapping is not UTF-8 (byte {error.start + 1})"
        raise SettingsError([Fault(str(path), message)], fix="Save it as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([toml_fault(str(path), error)], fix="Mend the line.") from error


# ---------------------------------------------------------------- lookup files and functions


def _specs(raw: dict[str, Any]) -> Iterator[tuple[tuple[str, str], str, FieldSpec]]:
    """Everything that is read of a row and sound in itself, whatever else is wrong: its keys, its name, itself."""
    parts = {"fields": joined_names(raw.get("fields")), "movements": raw.get("movements")}
    for part, values in parts.items():
        for name, value in values.items() if isinstance(values, dict) else ():
            if part == "movements" and name not in {"sign", "opening", "day"}:
                continue
            try:
                spec = FieldSpec.model_validate({"column": value} if isinstance(value, str) else value)
            except ValidationError:
                continue
            yield (part, name), name if part == "fields" else f"@{name}", spec


def _tables(
    path: Path, specs: Iterable[tuple[tuple[str, str], str, FieldSpec]], faults: _Faults
) -> dict[str, dict[str, str]]:
    tables: dict[str, dict[str, str]] = {}
    for keys, name, spec in specs:
        if spec.lookup is not None:
            tables[name] = _table(path, keys, spec.lookup, faults, ignore_case=spec.ignore_case)
        if spec.words is not None:
            _folded(keys, spec.words, faults, ignore_case=spec.ignore_case)
        if spec.function is not None:
            try:
                find_function(spec.function)
            except FunctionError as error:
                faults.add((*keys, "function"), f"{keys[1]}: {error}")
    return tables


def _folded(keys: tuple[str, str], words: dict[str, str], faults: _Faults, *, ignore_case: bool) -> None:
    seen: dict[str, str] = {}
    for word, text in words.items():
        known = seen.setdefault(compared(word, ignore_case=ignore_case), text)
        if known != text:
            faults.add((*keys, "words"), f"{keys[1]}: {word!r} becomes both {known!r} and {text!r}")


def _table(path: Path, keys: tuple[str, str], lookup: Lookup, faults: _Faults, *, ignore_case: bool) -> dict[str, str]:
    file = path.parent / lookup.file
    wanted = (lookup.from_, lookup.to)
    table: dict[str, str] = {}
    seen: dict[str, str] = {}
    for line, (word, text) in _rows(file, lookup, wanted, (*keys, "lookup"), faults):
        known = seen.setdefault(compared(word, ignore_case=ignore_case), text)
        if known != text:
            faults.found.append(Fault(f"{file}:{line}", f"{word!r} becomes both {known!r} and {text!r}"))
        table[word] = text
    return table


def _levels(path: Path, mapping: MappingFile, faults: _Faults) -> dict[tuple[str, ...], tuple[str, str | None]]:
    """Read the known levels: what names the record -> canonical number, day or None."""
    movements = mapping.movements
    if movements is None or movements.levels is None:
        return {}
    levels = movements.levels
    file = path.parent / levels.file
    wanted = (*levels.by, levels.level, *([levels.day] if levels.day is not None else []))
    rows = _rows(file, levels, wanted, ("movements", "levels"), faults)
    numbers = Number().read(pl.Series([cells[len(levels.by)] for _, cells in rows], dtype=pl.String))
    found: dict[tuple[str, ...], tuple[str, str | None]] = {}
    for (line, cells), number in zip(rows, numbers, strict=True):
        where, names = f"{file}:{line}", cells[: len(levels.by)]
        day = cells[-1] if levels.day is not None else None
        if number is None or number == "":
            shown = cells[len(levels.by)]
            faults.found.append(
                Fault(where, f"the level {shown!r} is no number: write it like 1234.5, 0 for none left")
            )
        elif day is not None and _DAY.fullmatch(day) is None:
            faults.found.append(Fault(where, f"the day {day!r} of the level is none: write it like 2026-09-14"))
        elif names in found:
            faults.found.append(Fault(where, f"the level of {' / '.join(names)!r} stands twice: keep the newest"))
        else:
            found[names] = (number, day)
    return found


def _rows(
    file: Path, part: Lookup | Levels, wanted: tuple[str, ...], keys: tuple[str, ...], faults: _Faults
) -> list[tuple[int, tuple[str, ...]]]:
    """Return line and trimmed cells, in the order of `wanted`, of every row of a CSV file beside the mapping."""
    name = keys[1]
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        faults.add(keys, f"{name}: the lookup file {part.file!r} can't be read ({error.strerror or error})")
        return []
    except UnicodeDecodeError:
        faults.add(keys, f"{name}: the lookup file {part.file!r} is not UTF-8: save it as UTF-8")
        return []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=part.delimiter, strict=True)
    try:
        rows = [(reader.line_num, row) for row in reader if any(row)]
    except csv.Error as error:
        faults.found.append(Fault(f"{file}:{reader.line_num}", f"the lookup file is not CSV: {error}"))
        return []
    header = rows[0][1] if rows else []
    places = _places(header, wanted, part.file, keys, faults)
    found = []
    for line, row in rows[1:] if len(places) == len(wanted) else ():
        if len(row) <= max(places):
            faults.found.append(Fault(f"{file}:{line}", f"the line has {len(row)} cells; {max(places) + 1} are wanted"))
            continue
        found.append((line, tuple(row[place].strip() for place in places)))
    return found


def _places(header: list[str], wanted: tuple[str, ...], file: str, keys: tuple[str, ...], faults: _Faults) -> list[int]:
    """Return where the wanted headers stand; fewer than wanted where one is absent, which is a fault."""
    places = []
    for name in wanted:
        place = next((place for place, text in enumerate(header) if plain(text) == plain(name)), None)
        if place is not None:
            places.append(place)
            continue
        near = nearest(name, header)
        meant = f"did you mean {near!r}?" if near else f"it has {', '.join(header) or 'no header'}"
        faults.add(keys, f"{keys[1]}: {file!r} has no column {name!r}: {meant}")
    return places
