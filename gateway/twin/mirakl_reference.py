"""What a seller may look up: conditions, channels, shipping, reasons, custom fields, and the catalog's model.

Source: Mirakl seller API documentation, the page of each code; fields verified, values invented.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from gateway.twin import mirakl_apis as apis
from gateway.twin.answering import json_answer
from gateway.twin.mirakl_catalog import Attribute, Category
from gateway.twin.mirakl_csv import write
from gateway.twin.mirakl_http import Ask, RefusalError, csv_answer
from gateway.twin.mirakl_market import Market
from gateway.twin.mirakl_platform import account, configuration

STATES: tuple[tuple[str, str, bool], ...] = (
    ("11", "New", True),
    ("10", "Refurbished", True),
    ("4", "Used - Acceptable Condition", True),
    ("1", "Used - Like New", False),
)
"""Conditions: code, label, active. A file has the code, never the label (live-reported)."""
CHANNELS: tuple[tuple[str, str], ...] = (("CA", "Website CA"), ("US", "Website US"))
LOGISTIC_CLASSES: tuple[tuple[str, str], ...] = (("S", "Small"), ("M", "Medium"), ("L", "Large"))
ACTIVE_STATES = frozenset(code for code, _, active in STATES if active)
CHANNEL_CODES = frozenset(code for code, _ in CHANNELS)
CLASS_CODES = frozenset(code for code, _ in LOGISTIC_CLASSES)

_ENTITIES = frozenset({"OFFER", "SHOP", "ORDER", "ORDER_LINE"})
_CSV_HEADER = (
    *("code", "label", "label[en]", "hierarchy-code", "description", "description[en]", "example"),
    *("requirement-level", "type", "type-parameter", "variant", "default-value", "transformations", "validations"),
    *("roles", "type-parameters", "channels", "locale"),
)


class ReferenceDesk:
    """Answers what is looked up about the shop, the platform and the catalog."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._settings = market.settings

    def handlers(self) -> dict[apis.Api, Callable[[Ask], Response]]:
        """What answers which call."""
        return {
            apis.A01: lambda ask: json_answer(account(self._market.shop(ask.shop_id), self._settings)),
            apis.V01: lambda _ask: Response(status_code=200),
            apis.PC01: lambda _ask: json_answer(configuration(self._settings)),
            apis.AF01: self._af01,
            apis.OF61: _of61,
            apis.CH11: lambda _ask: json_answer({"channels": _labelled(CHANNELS)}),
            apis.SH31: lambda _ask: json_answer({"logistic_classes": _labelled(LOGISTIC_CLASSES)}),
            apis.SH12: lambda _ask: json_answer({"shipping_types": _shipping_types()}),
            apis.SH21: lambda _ask: json_answer({"carriers": _carriers()}),
            apis.RE01: lambda _ask: json_answer({"reasons": (found := _reasons()), "total_count": len(found)}),
            apis.H11: self._h11,
            apis.PM11: self._pm11,
            apis.VL11: self._vl11,
        }

    def _af01(self, ask: Ask) -> Response:
        wanted = set(ask.query.get("entities", ",".join(sorted(_ENTITIES))).split(","))
        if wanted - _ENTITIES:
            raise RefusalError(400, f"Param 'entities' does not take '{min(wanted - _ENTITIES)}'")
        fields = [
            {"code": code, "label": code, "entity": "OFFER", "type": kind, "required": False, "editable": True}
            for code, kind in self._settings.custom_fields
        ]
        shown = fields if "OFFER" in wanted else []
        return json_answer({"additional_fields": shown, "total_count": len(shown)})

    def _nodes(self, ask: Ask) -> list[Category]:
        code = ask.query.get("hierarchy", "")
        if code and not self._settings.catalog.path(code):
            raise RefusalError(404, f"Hierarchy with code '{code}' does not exist")
        text = ask.query.get("max_level")
        if text is not None and not (text.isascii() and text.isdigit() and len(text) < 10):
            raise RefusalError(400, "Param 'max_level' is not a number")
        return list(self._settings.catalog.below(code, None if text is None else int(text)))

    def _h11(self, ask: Ask) -> Response:
        catalog = self._settings.catalog
        nodes = [
            {
                "code": node.code,
                "label": node.label,
                "label_translations": _translations(node.label),
                "level": len(catalog.path(node.code)),
                "parent_code": node.parent,
            }
            for node in self._nodes(ask)
        ]
        return json_answer({"hierarchies": nodes})

    def _pm11(self, ask: Ask) -> Response:
        """Attributes of parents and children of the category asked for (PM11; verified); JSON or CSV by `Accept`."""
        code = ask.query.get("hierarchy", "")
        nodes = {"", *(node.code for node in self._nodes(ask)), *(n.code for n in self._settings.catalog.path(code))}
        everything = ask.flag("all_operator_attributes")
        found = [
            attribute
            for attribute in self._settings.catalog.attributes
            if (everything or attribute.category in nodes) and (attribute.role or not ask.flag("with_roles"))
        ]
        if "text/csv" in ask.request.headers.get("accept", ""):
            return csv_answer(write([_CSV_HEADER, *map(_attribute_cells, found)]), "attributes.csv")
        return json_answer({"attributes": [_attribute(attribute) for attribute in found]})

    def _vl11(self, ask: Ask) -> Response:
        """One list, or all of them: several GB at one operator (live-reported)."""
        code = ask.query.get("code")
        lists = [one for one in self._settings.catalog.lists if code in {None, one.code}]
        if not lists:
            raise RefusalError(404, f"Values list with code '{code}' does not exist")
        return json_answer({"values_lists": [_coded(one.code, one.label, one.values) for one in lists]})


def _of61(ask: Ask) -> Response:
    active = ask.flag("active")
    states = [{"code": code, "label": label} for code, label, on in STATES if active in {None, on}]
    return json_answer({"offer_states": states, "total_count": len(states)})


def _labelled(pairs: tuple[tuple[str, str], ...]) -> list[dict[str, str]]:
    return [{"code": code, "label": label, "description": label} for code, label in pairs]


def _shipping_types() -> list[dict[str, Any]]:
    flags = {"click_and_collect": False, "delivery_by_operator": False, "ignore_lead_time_to_ship": False}
    standard = {"code": "STD", "label": "Standard", "description": "Standard Delivery", "mandatory_tracking": True}
    express = {"code": "EXP", "label": "Express", "description": "Express Delivery", "mandatory_tracking": True}
    return [flags | standard, flags | express]


def _carriers() -> list[dict[str, str]]:
    """Sorted by label (SH21; verified); `{trackingId}` stands for the number."""
    names = (("DHL", "DHL"), ("FED", "Fed Ex"), ("UPS", "UPS"))
    address = "https://carrier.example.com/track?number={trackingId}"
    return [{"code": code, "label": label, "standard_code": code, "tracking_url": address} for code, label in names]


def _reasons() -> list[dict[str, Any]]:
    """Sorted by type (RE01; verified)."""
    rows = (
        ("34", "CANCELATION", "Cancelled by the client prior to shipping", True),
        ("1", "INCIDENT_OPEN", "Item not received", False),
        ("15", "REFUND", "Out of stock", True),
    )
    return [{"code": code, "type": kind, "label": label, "is_shop_right": right} for code, kind, label, right in rows]


def _translations(text: str) -> list[dict[str, str]]:
    return [{"locale": "en", "value": text}]


def _coded(code: str, label: str, values: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    rows = [{"code": one, "label": text, "label_translations": _translations(text)} for one, text in values]
    return {"code": code, "label": label, "label_translations": _translations(label), "values": rows}


def _parameters(attribute: Attribute) -> list[tuple[str, str]]:
    if attribute.values:
        return [("LIST_CODE", attribute.values)]
    if attribute.kind == "DECIMAL":
        return [("PRECISION", str(attribute.precision))]
    return [("FORMAT", "yyyy-MM-dd")] if attribute.kind == "DATE" else []


def _validations(attribute: Attribute) -> str:
    rules = [f"MAX_LENGTH|{attribute.max_length}"] if attribute.max_length is not None else []
    return ",".join([*rules, *([attribute.reference] if attribute.reference else [])])


def _attribute(attribute: Attribute) -> dict[str, Any]:
    parameters = [{"name": name, "value": value} for name, value in _parameters(attribute)]
    return {
        "code": attribute.code,
        "label": attribute.label,
        "label_translations": _translations(attribute.label),
        "description": attribute.label,
        "description_translations": _translations(attribute.label),
        "hierarchy_code": attribute.category,
        "required": attribute.requirement == "REQUIRED",
        "requirement_level": attribute.requirement,
        "roles": [{"type": attribute.role, "parameters": []}] if attribute.role else [],
        "type": attribute.kind,
        "type_parameter": attribute.values or None,
        "type_parameters": parameters,
        "unique_code": attribute.code,
        "validations": _validations(attribute) or None,
        "transformations": None,
        "variant": attribute.variant,
        "channels": [],
    }


def _attribute_cells(attribute: Attribute) -> list[str]:
    label, parameters = attribute.label, ",".join("|".join(pair) for pair in _parameters(attribute))
    start = [attribute.code, label, label, attribute.category, label, label, "", attribute.requirement, attribute.kind]
    middle = [attribute.values, "true" if attribute.variant else "false", "", "", _validations(attribute)]
    return [*start, *middle, attribute.role, parameters, "", ""]
