"""Tables of TOML files as models read them: what is wrong with one, in words, with the nearest right key."""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from gateway.errors import Fault

MOST = 1e9
"""No number a person writes may be greater: as seconds it is 31 years, and clocks and sockets take it."""
_ENDING = ".toml"
_FEW = 8
"""Words that are listed although the nearest was found."""
_PERCENTAGE = "^(0|100|"
_FORMS = {
    "^[A-Z]{3}$": "a currency by its three capital letters, like EUR",
    "^(move:.+|delete|leave)$": "move:FOLDER, delete or leave",
    "^[A-Za-z0-9-]{1,40}$": "at most 40 letters, digits and hyphens",
    "^[A-Za-z0-9-]+$": "letters, digits and hyphens",
    "^/": "a path that begins with a slash",
    "^/[^/]": "a path that begins with one slash",
}
"""What regular expressions of settings ask for."""
_OF_WORDS_AND_NUMBERS = frozenset(
    {"literal_error", "greater_than", "greater_than_equal", "less_than", "less_than_equal", "bool_type", "int_type"}
)
"""Complaints of pydantic that say what is expected in place of a short value."""
_EXPECTED = {
    "float_parsing": "a number, without quotes and without a unit",
    "float_type": "a number, without quotes and without a unit",
    "int_parsing": "a whole number, without quotes and without a unit",
    "int_from_float": "a whole number",
    "bool_parsing": "true or false, without quotes",
    "string_type": "a text in quotes",
    "path_type": "a path in quotes",
    "tuple_type": "a list, in square brackets",
    "list_type": "a list, in square brackets",
    "dict_type": "a table, in curly brackets or under a heading of its own",
    "model_type": "a table, in curly brackets or under a heading of its own",
    "model_attributes_type": "a table, in curly brackets or under a heading of its own",
}
"""What is expected where pydantic speaks of types of Python."""
_SHOULD = "Input should be "
_BARE = "a name with signs other than A-Z, a-z, 0-9, _ and - stands in quotes"
_HINTS = {
    "Invalid value": "; expected a text in quotes, a number, true or false, a list or a table",
    "Illegal character '\\n'": (
        "; a text in quotes ends in its own line: look there for a closing quote that is missing"
    ),
    "Unescaped '\\'": "; put a text with backslashes into single quotes, like 'C:\\stock'",
    "Invalid initial character for a key part": f"; a table in curly brackets stands in one line, and {_BARE}",
    "Expected ']' at the end of a table": f"; {_BARE}",
    "Cannot overwrite a value": "; the key stands twice",
}
"""What to look for, by how tomllib begins what it says."""
_TWICE = re.compile(r"Cannot declare \((.*?)\) twice")
_NAME = re.compile(r"'([^']*)'")
_SHOWN = 60


def unknown(word: str, known: Iterable[str], what: str) -> str:
    """Say that a word is unknown, with the nearest right one, and all there are where they are few or none is near.

    An ending of files is not compared.
    """
    names = sorted(known)
    bare = {name.removesuffix(_ENDING): name for name in names}
    near = difflib.get_close_matches(word.removesuffix(_ENDING), bare, 1, cutoff=0.5)
    hint = f"did you mean {bare[near[0]]!r}? " if near else ""
    told = "" if near and len(names) > _FEW else f"known: {', '.join(names) or 'none'}"
    return f"unknown {what} {word!r}; {hint}{told}".rstrip()


def of_words(said: Mapping[str, str]) -> ValidationError:
    """Return what a validator of a table raises where some of its words are wrong: each has its own place.

    `said`: what is wrong, by the word.
    """
    found = [
        InitErrorDetails(type=PydanticCustomError("word", "{said}", {"said": text}), loc=(word,), input=word)
        for word, text in said.items()
    ]
    return ValidationError.from_exception_data("table", found)


def complaint(model: type[BaseModel], details: Mapping[str, Any]) -> str:
    """Say what pydantic found (an entry of `ValidationError.errors`) wrong with a table of the model.

    What was found is told of words and numbers where it has an `input`, which is the caller's to leave out.
    """
    loc = details["loc"]
    if details["type"] == "extra_forbidden":
        return unknown(str(loc[-1]), known_keys(model, loc[:-1]), "setting")
    if details["type"] == "missing":
        return "this setting is needed and missing"
    if details["type"] == "finite_number":
        return f"expected a number of at most {MOST:,.0f}, neither inf nor nan"
    if details["type"] == "string_pattern_mismatch":
        found = _shown(details["input"]) if "input" in details else ""
        return f"{found}expected {_form(str(details['ctx']['pattern']))}"
    if details["type"] == "too_short" and isinstance(details.get("input"), list):
        least = details["ctx"]["min_length"]
        return f"found {details['ctx']['actual_length'] or 'no'} entries, expected at least {least}"
    if details["type"] in _EXPECTED:
        found = _shown(details["input"]) if "input" in details else ""
        return f"{found}expected {_EXPECTED[details['type']]}"
    message = str(details["msg"]).removeprefix("Value error, ")
    if details["type"] in _OF_WORDS_AND_NUMBERS and isinstance(details.get("input"), (str, int, float)):
        found = json.dumps(details["input"], ensure_ascii=False)
        return f"found {found:.{_SHOWN}}, expected {message.removeprefix(_SHOULD)}"
    return message[:1].lower() + message[1:]


def _shown(value: Any) -> str:
    """Say what was found, as it stands in the file; of what has parts, only what it is."""
    if isinstance(value, (str, int, float)):
        return f"found {json.dumps(value, ensure_ascii=False):.{_SHOWN}}, "
    kinds = ((Mapping, "a table"), (list, "a list"))
    return next((f"found {kind}, " for one, kind in kinds if isinstance(value, one)), "")


def no_toml(error: Exception | str) -> str:
    """Say why a text is not TOML. What stands there is not shown: it may be a secret."""
    said = str(error)
    if (twice := _TWICE.match(said)) is not None:
        said = f"the table [{'.'.join(_NAME.findall(twice[1]))}] stands twice{said[twice.end() :]}"
    hint = next((hint for begins, hint in _HINTS.items() if said.startswith(begins)), "")
    return f"this is not TOML: {said}{hint}"


def toml_fault(path: str, error: ValueError) -> Fault:
    """Return what is wrong with a file that is not TOML, with its line as far as known."""
    said, _, place = str(error).partition(" (at line ")
    line = place.split(",")[0]
    return Fault(f"{path}:{line}" if line.isdecimal() else path, no_toml(said))


def _form(pattern: str) -> str:
    """Return what a regular expression asks for, in words where they are known."""
    if pattern.startswith(_PERCENTAGE):
        return 'a percentage from 0 to 100 without needless zeros, like "20" or "5.5"'
    return _FORMS.get(pattern, f"a text of the form {pattern}")


def known_keys(model: type[BaseModel], loc: Iterable[Any]) -> list[str]:
    """Return the keys known at a place inside a model, whatever tables by name and lists lie on the way."""
    here: Any = model
    for part in loc:
        here = _inside(here, part)
    found = section_of(here)
    return [] if found is None else [info.alias or name for name, info in found.model_fields.items()]


def section_of(annotation: Any) -> type[BaseModel] | None:
    """Return the model of a table that is or may be given."""
    for one in _choices(annotation):
        if isinstance(one, type) and issubclass(one, BaseModel):
            return one
    return None


def mistyped(model: type[BaseModel], data: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield where a table has a text, or a flag, for a number or a flag, with what is expected: TOML has them all."""
    for name in model.model_fields.keys() & data.keys():
        annotation, value = model.model_fields[name].annotation, data[name]
        inner = section_of(annotation)
        if inner is not None and isinstance(value, Mapping):
            yield from (((name, *place), said) for place, said in mistyped(inner, value))
            continue
        kinds = set(_choices(annotation))
        kinds |= {type(word) for one in kinds if get_origin(one) is Literal for word in get_args(one)}
        if bool in kinds and str not in kinds and isinstance(value, (str, int)) and not isinstance(value, bool):
            yield (name,), f"{_shown(value)}expected {_EXPECTED['bool_parsing']}"
        elif kinds & {int, float} and not kinds & {bool, str} and isinstance(value, (bool, str)):
            word = "float_parsing" if float in kinds else "int_parsing"
            yield (name,), f"{_shown(value)}expected {_EXPECTED[word]}"


def entries_of(annotation: Any) -> type[BaseModel] | None:
    """Return the model of the entries where tables by name, or a list of tables, are or may be given."""
    inner = (_inside(one, "") for one in _choices(annotation) if get_origin(one) in {dict, Mapping, list, tuple})
    return next((found for found in map(section_of, inner) if found is not None), None)


def _choices(annotation: Any) -> list[Any]:
    if get_origin(annotation) is Annotated:
        return _choices(get_args(annotation)[0])
    if get_origin(annotation) in {Union, UnionType}:
        return [inner for one in get_args(annotation) for inner in _choices(one)]
    return [annotation]


def _inside(annotation: Any, part: Any) -> Any:
    for one in _choices(annotation):
        if isinstance(one, type) and issubclass(one, BaseModel):
            named = [info for name, info in one.model_fields.items() if str(part) in {name, info.alias}]
            return named[0].annotation if named else None
        if get_origin(one) in {dict, Mapping}:
            return get_args(one)[1]
        if get_origin(one) in {list, tuple}:
            return get_args(one)[0]
    return None


def unfit(value: Any, keys: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield keys of numbers that are none, endless or absurdly great, and of texts with a NUL character.

    Each with what was found and what to write instead. Such a value passes many a model, and breaks whatever waits so
    long, or opens a file of that name. A text is not shown: it may be a secret, pasted into the wrong place.
    """
    if isinstance(value, float):
        if not math.isfinite(value) or abs(value) > MOST:
            yield keys, f"found {value:g}, expected a number of at most {MOST:,.0f}"
    elif isinstance(value, str):
        if found := nul(value):
            yield keys, f"found {found}, expected a text without it"
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from unfit(getattr(value, name), (*keys, name))
    elif isinstance(value, Mapping):
        for name, one in value.items():
            yield from unfit(one, (*keys, str(name)))
    elif isinstance(value, list | tuple):
        for number, one in enumerate(value):
            yield from unfit(one, (*keys, str(number)))


def nul(text: str) -> str:
    """Say where a text has a NUL character, which no path of a file can have; empty where there is none."""
    place = text.find("\0")
    return "" if place < 0 else f"a NUL character at place {place + 1}"
