"""Reading a mapping file and its lookups, with every fault of both at once, each with its line."""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gateway.errors import Fault, SettingsError
from gateway.mapping.faults import worded
from gateway.mapping.field import FieldSpec, Lookup
from gateway.mapping.functions import FunctionError, find_function
from gateway.mapping.headers import nearest
from gateway.mapping.lines import key_lines
from gateway.mapping.patterns import plain
from gateway.mapping.spec import ATTRIBUTES, MappingFile, joined_names
from gateway.mapping.steps import compared

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
    text, raw = _toml(path)
    lines = {_joined(keys): line for keys, line in key_lines(text).items()}
    faults = _Faults(path, lines)
    mapping = None
    try:
        mapping = MappingFile.model_validate(raw)
    except ValidationError as error:
        for keys, message in worded(error):
            faults.add(keys, message)
    tables = _tables(path, raw, faults)
    if faults.found or mapping is None:
        raise SettingsError(sorted(set(faults.found), key=_place), fix=_FIX)
    mapping._path, mapping._tables, mapping._lines = path, tables, lines  # noqa: SLF001  set by its only maker
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


def _toml(path: Path) -> tuple[str, dict[str, Any]]:
    try:
        text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
        return text, tomllib.loads(text)
    except OSError as error:
        message = f"the mapping can't be read ({error.strerror or type(error).__name__})"
        raise SettingsError([Fault(str(path), message)], fix="Check the path and its permissions.") from error
    except UnicodeDecodeError as error:
        message = f"the mapping is not UTF-8 (byte {error.start + 1})"
        raise SettingsError([Fault(str(path), message)], fix="Save it as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        said, _, place = str(error).partition(" (at line ")
        line = place.split(",")[0]
        where = f"{path}:{line}" if line.isdecimal() else str(path)
        raise SettingsError([Fault(where, f"this is not TOML: {said}")], fix="Mend the line.") from error


# ---------------------------------------------------------------- lookup files and functions


def _tables(path: Path, raw: dict[str, Any], faults: _Faults) -> dict[str, dict[str, str]]:
    """Read the lookups of every field that is sound in itself, whatever else is wrong with the file."""
    tables: dict[str, dict[str, str]] = {}
    fields = joined_names(raw.get("fields"))
    for name, value in fields.items() if isinstance(fields, dict) else ():
        try:
            spec = FieldSpec.model_validate({"column": value} if isinstance(value, str) else value)
        except ValidationError:
            continue
        if spec.lookup is not None:
            tables[name] = _table(path, name, spec.lookup, faults, ignore_case=spec.ignore_case)
        if spec.words is not None:
            _folded(name, spec.words, faults, ignore_case=spec.ignore_case)
        if spec.function is not None:
            try:
                find_function(spec.function)
            except FunctionError as error:
                faults.add(("fields", name, "function"), f"{name}: {error}")
    return tables


def _folded(name: str, words: dict[str, str], faults: _Faults, *, ignore_case: bool) -> None:
    seen: dict[str, str] = {}
    for word, text in words.items():
        known = seen.setdefault(compared(word, ignore_case=ignore_case), text)
        if known != text:
            faults.add(("fields", name, "words"), f"{name}: {word!r} becomes both {known!r} and {text!r}")


def _table(path: Path, name: str, lookup: Lookup, faults: _Faults, *, ignore_case: bool) -> dict[str, str]:
    keys = ("fields", name, "lookup")
    file = path.parent / lookup.file
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        faults.add(keys, f"{name}: the lookup file {lookup.file!r} can't be read ({error.strerror or error})")
        return {}
    except UnicodeDecodeError:
        faults.add(keys, f"{name}: the lookup file {lookup.file!r} is not UTF-8: save it as UTF-8")
        return {}
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=lookup.delimiter, strict=True)
    try:
        rows = [(reader.line_num, row) for row in reader if any(row)]
    except csv.Error as error:
        faults.found.append(Fault(f"{file}:{reader.line_num}", f"the lookup file is not CSV: {error}"))
        return {}
    header = rows[0][1] if rows else []
    places = [_header_place(header, wanted) for wanted in (lookup.from_, lookup.to)]
    for wanted, place in zip((lookup.from_, lookup.to), places, strict=True):
        if place is None:
            near = nearest(wanted, header)
            meant = f"did you mean {near!r}?" if near else f"it has {', '.join(header) or 'no header'}"
            faults.add(keys, f"{name}: {lookup.file!r} has no column {wanted!r}: {meant}")
    if places[0] is None or places[1] is None:
        return {}
    return _rows(file, rows[1:], (places[0], places[1]), faults, ignore_case=ignore_case)


def _header_place(header: list[str], wanted: str) -> int | None:
    return next((place for place, name in enumerate(header) if plain(name) == plain(wanted)), None)


def _rows(
    file: Path, rows: list[tuple[int, list[str]]], places: tuple[int, int], faults: _Faults, *, ignore_case: bool
) -> dict[str, str]:
    table: dict[str, str] = {}
    seen: dict[str, str] = {}
    for line, row in rows:
        if len(row) <= max(places):
            faults.found.append(Fault(f"{file}:{line}", f"the line has {len(row)} cells; {max(places) + 1} are wanted"))
            continue
        word, text = row[places[0]].strip(), row[places[1]].strip()
        known = seen.setdefault(compared(word, ignore_case=ignore_case), text)
        if known != text:
            faults.found.append(Fault(f"{file}:{line}", f"{word!r} becomes both {known!r} and {text!r}"))
        table[word] = text
    return table
