"""What pydantic finds wrong with a mapping, in words of ours: found, expected, nearest right word."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gateway.formats.layout import CsvLayout, ImageLayout, JsonLayout, XlsxLayout, XmlLayout
from gateway.mapping.field import Condition, FieldSpec, Lookup, Misfit
from gateway.mapping.headers import meant, nearest
from gateway.mapping.spec import ATTRIBUTES, Filter, Group, Levels, MappingFile, Movements

Keys = tuple[str | int, ...]

_LAYOUTS: dict[str, type[BaseModel]] = {
    "csv": CsvLayout, "xlsx": XlsxLayout, "xml": XmlLayout, "json": JsonLayout, "image": ImageLayout
}  # fmt: skip
_ABOVE = (("contract",), ("version",))
"""Keys that belong to no table."""
_UNION_TAGS = frozenset({"int", "str", "bool", "constrained-int", "constrained-str"})
_EXPECTED = {
    "string_type": "a text in quotes",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "bool_parsing": "true or false, without quotes",
    "tuple_type": 'a list like ["a", "b"]',
    "dict_type": 'a table like { column = "..." }',
    "model_type": 'a table like { column = "..." }',
    "model_attributes_type": "a table",
    "too_short": "at least one entry",
    "string_too_short": "a text that is not empty",
}


def keys_of(model: type[BaseModel]) -> tuple[str, ...]:
    """Return the keys of a part of the mapping as they are written."""
    return tuple(field.alias or name for name, field in model.model_fields.items())


def worded(error: ValidationError) -> Iterator[tuple[Keys, str]]:
    """Yield each fault with the keys under which it stands."""
    values: dict[Keys, tuple[object, list[str]]] = {}
    for details in error.errors(include_url=False):
        keys = _keys(details["loc"])
        told = list(_told(details, keys))
        if told:
            yield from told
        else:  # one value that fits no member of a union is one fault
            values.setdefault(keys, (details["input"], []))[1].append(_expected(details))
    for keys, (found, expected) in values.items():
        name = ".".join(str(key) for key in keys) or "the mapping"
        shown = str(found).lower() if isinstance(found, bool) else repr(found)
        yield keys, f"{name}: found {shown}, expected {' or '.join(dict.fromkeys(expected))}"


def _keys(loc: Keys) -> Keys:
    """Path of a fault without tags that no key of the file spells."""
    if len(loc) > 1 and loc[0] == "format" and loc[1] in _LAYOUTS:
        loc = (loc[0], *loc[2:])
    return loc[:-1] if len(loc) > 2 and loc[-1] in _UNION_TAGS and loc[-2] != "fields" else loc


_PLACES = {
    ("filter", "tuple_type"): "tables under a heading in double brackets, [[filter]]",
    ("fields", "dict_type"): "a table under a heading in single brackets, [fields]",
    ("words", "dict_type"): 'a table like { "from" = "to" }',
    ("when", "model_type"): 'a table like { column = "...", is = "..." }',
}
"""What is expected of a key by its own name."""


def _expected(details: ErrorDetails) -> str:
    own = _PLACES.get((str(details["loc"][-1]), details["type"]))
    if own is not None:
        return own
    if details["type"] == "model_type" and details["loc"][:-1] == ("fields",):
        return 'the header in quotes, or a table like { column = "..." }'
    if details["type"] == "tuple_type" and details["loc"][-1] in {"column", "currency", "true", "false"}:
        return "a text in quotes, or a list of them"
    if details["type"] == "string_too_long" and details["loc"][-1] == "delimiter":
        return 'one character; a tab is written "\\t"'
    known = _EXPECTED.get(details["type"])
    if known is not None:
        return known
    message = details["msg"].removeprefix("Input should be ")
    return message[:1].lower() + message[1:]


def _known_keys(loc: Keys) -> tuple[str, ...]:
    """Keys that may stand where a fault's key stands."""
    match loc[:-1]:
        case ("fields", _):
            return keys_of(FieldSpec)
        case ("movements",):
            return keys_of(Movements)
        case ("movements", "levels"):
            return keys_of(Levels)
        case ("movements", _):
            return keys_of(FieldSpec)
        case ("fields" | "movements", _, "lookup"):
            return keys_of(Lookup)
        case ("fields" | "movements", _, "when") | ("filter", _, "skip" | "keep"):
            return keys_of(Condition)
        case ("filter", _):
            return keys_of(Filter)
        case ("group",):
            return keys_of(Group)
        case ("format", str(kind)):
            return keys_of(_LAYOUTS[kind])
        case _:
            return keys_of(MappingFile)


def _attribute(keys: Keys, known: tuple[str, ...]) -> str:
    """Say which free attribute a key under a field of nearly that name means; "" where it means none."""
    if len(keys) != 3 or keys[0] != "fields" or nearest(str(keys[-1]), known) is not None:
        return ""
    return f"did you mean the field {ATTRIBUTES}.{keys[2]}?" if nearest(str(keys[1]), [ATTRIBUTES]) else ""


def _told(details: ErrorDetails, keys: Keys) -> Iterator[tuple[Keys, str]]:
    where = ".".join(str(key) for key in keys[:-1])
    inside = f" in {where}" if where else ""
    match details["type"]:
        case "mapping":
            name = ".".join(str(key) for key in keys)
            for one in details["ctx"]["faults"]:
                inner, message = (one.keys, one.message) if isinstance(one, Misfit) else ((), one)
                yield (*keys, *inner), f"{name}: {message}" if name else message
        case "extra_forbidden":
            known = _known_keys(details["loc"])
            said = _attribute(keys, known) or meant(str(keys[-1]), known)
            yield keys, f"unknown key {str(keys[-1])!r}{inside}: {said}"
        case "missing":
            above = ": it stands above the first heading in brackets" if keys in _ABOVE else ""
            yield keys[:-1], f"the key {str(keys[-1])!r} is missing{inside}{above}"
        case "union_tag_not_found":
            yield keys, f"the key 'kind' is missing in format: it is one of {', '.join(_LAYOUTS)}"
        case "union_tag_invalid":
            tag = str(details["ctx"]["tag"])
            yield (*keys, "kind"), f"there is no format of kind {tag!r}: {meant(tag, tuple(_LAYOUTS))}"
