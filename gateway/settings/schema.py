"""The JSON Schema of gateway.toml, composed from the models that read it; for editors."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from gateway.destinations import destinations
from gateway.settings.model import SOURCE_KINDS, GatewaySettings, RouteSettings

_SECRET = {
    "type": "object",
    "description": "A secret stands by reference: the name of an environment variable, or a file.",
    "properties": {"env": {"type": "string"}, "file": {"type": "string"}},
    "minProperties": 1,
    "maxProperties": 1,
    "additionalProperties": False,
}


def settings_schema() -> dict[str, Any]:
    """Return the schema; destinations and sources that were added are in it."""
    sources = [_section(model, None) for model in SOURCE_KINDS.values()]
    targets = [_section(made.SPEC.settings, name) for name, made in destinations().items()]
    top = _section(GatewaySettings, None)
    tables = {
        "sources": _table("Where files come from.", {"oneOf": sources}),
        "destinations": _table("Where rows go.", {"oneOf": targets}),
        "routes": _table("Which files take which way.", _section(RouteSettings, None)),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **top,
        "title": "gateway.toml",
        "properties": {**top["properties"], **tables},
    }


def _table(description: str, entry: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "description": description, "additionalProperties": entry}


def _section(model: type[BaseModel], kind: str | None) -> dict[str, Any]:
    """One table: definitions put in their places, so that schemas of several models can stand side by side."""
    raw = model.model_json_schema()
    made: dict[str, Any] = _inlined(raw, raw.get("$defs", {}))
    made.pop("$defs", None)
    if kind is not None:
        made["properties"] = {"kind": {"const": kind}, **made["properties"]}
        made["required"] = ["kind", *made.get("required", [])]
    return made


def _inlined(part: Any, known: dict[str, Any]) -> Any:
    if isinstance(part, list):
        return [_inlined(one, known) for one in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        beside = {key: value for key, value in part.items() if key != "$ref"}
        return {**_inlined(known[str(part["$ref"]).rsplit("/", 1)[-1]], known), **_inlined(beside, known)}
    if part.get("format") == "password":
        return dict(_SECRET)
    made = {key: _inlined(value, known) for key, value in part.items()}
    return _without_null(made)


def _without_null(part: dict[str, Any]) -> dict[str, Any]:
    """TOML has no null: leaving a key out is the only way to say it."""
    choices = part.get("anyOf")
    if not isinstance(choices, list) or {"type": "null"} not in choices:
        return part
    rest = [one for one in choices if one != {"type": "null"}]
    beside = {key: value for key, value in part.items() if key != "anyOf" and not (key == "default" and value is None)}
    return {**rest[0], **beside} if len(rest) == 1 else {"anyOf": rest, **beside}
