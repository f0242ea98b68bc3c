"""What a newcomer must know of a Mirakl twin to connect to it: key, shop, currency, codes, and a settings section."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gateway.twin.mirakl_catalog import BRAND_ROLE, CATEGORY_ROLE, DESCRIPTION_ROLE, SKU_ROLE, TITLE_ROLE, Attribute
from gateway.twin.mirakl_reference import STATES
from gateway.twin.mirakl_settings import MiraklTwinSettings

_COLUMNS = {
    "sku": SKU_ROLE,
    "category": CATEGORY_ROLE,
    "name": TITLE_ROLE,
    "brand": BRAND_ROLE,
    "long_description": DESCRIPTION_ROLE,
    "product_id": "VARIANT_GROUP_CODE",
    "barcode": "UNIQUE_IDENTIFIER",
    "short_description": "",
}
"""Fields of a gateway's catalog and the role of the attribute each of them fills; "" where there is none."""


PAGES: Mapping[str, str] = {
    "shelf": "products, offers, prices and discounts, one row per article",
    "offers": "stock of each offer, by warehouse",
    "changes": "what imports changed of products, offers and prices",
    "effects": "what imports changed of stock",
    "calls": "",
    "faults": "",
}
"""Pages that show something, and what where its name does not tell: GET /twin/NAME."""


def facts(settings: MiraklTwinSettings) -> dict[str, object]:
    """Return the codes the twin takes, for machines."""
    catalog = settings.catalog
    return {
        "shop": settings.keys[0].shops[0],
        "currency": settings.currency,
        "offer_states": {code: label for code, label, active in STATES if active},
        "categories": {node.code: _path(settings, node.code) for node in catalog.categories if catalog.leaf(node.code)},
        "attributes": {one.code: one.requirement for one in catalog.attributes if one.requirement != "DISABLED"},
        "values": {one.code: sorted(one.codes) for one in catalog.lists},
        "pages": [f"/twin/{name}" for name in PAGES],
    }


def guide(settings: MiraklTwinSettings) -> list[str]:
    """Return the same in lines for people."""
    catalog = settings.catalog
    key = settings.keys[0]
    leaves = [node.code for node in catalog.categories if catalog.leaf(node.code)]
    lists = "; ".join(f"{one.code}: {', '.join(code for code, _ in one.values)}" for one in catalog.lists)
    return [
        f"API key {key.key}, shop {key.shops[0]} ({settings.shop_name}), which sells in {settings.currency}",
        f"pages: /twin (all this for machines), {', '.join(map(_page, PAGES))}",
        f"categories that take products: {', '.join(f'{code} ({_path(settings, code)})' for code in leaves)}",
        *_attributes(catalog.attributes, {node.code: node.label for node in catalog.categories}),
        f"values: {lists}",
        f"offer states: {', '.join(f'{code} ({label})' for code, label, active in STATES if active)}",
    ]


def _page(name: str) -> str:
    return f"/twin/{name} ({PAGES[name]})" if PAGES[name] else f"/twin/{name}"


def _path(settings: MiraklTwinSettings, code: str) -> str:
    return "\\".join(node.label for node in reversed(settings.catalog.path(code)))


def _attributes(attributes: Iterable[Attribute], labels: dict[str, str]) -> list[str]:
    """Return one line per node of the tree that has attributes; * where one is required."""
    found: dict[str, list[str]] = {}
    for one in attributes:
        if one.requirement != "DISABLED":
            star = "*" if one.requirement == "REQUIRED" else ""
            found.setdefault(one.category, []).append(f"{one.code}{star}{f' ({one.values})' if one.values else ''}")
    return [
        f"attributes of {'every product (* required)' if not node else labels[node]}: {', '.join(codes)}"
        for node, codes in found.items()
    ]


def section(settings: MiraklTwinSettings, url: str) -> list[str]:
    """Return a settings section that fits a twin at `url`, by lines; the key is the environment's TWIN_KEY."""
    roles = {one.role: one.code for one in settings.catalog.attributes if one.role}
    columns = ", ".join(f'{field} = "{roles.get(role, "")}"' for field, role in _COLUMNS.items())
    images = ", ".join(f'"{one.code}"' for one in settings.catalog.attributes if one.kind == "MEDIA")
    variants = ", ".join(f'{one.label} = "{one.code}"' for one in settings.catalog.attributes if one.variant)
    return [
        "[destinations.shop]",
        'kind = "mirakl"',
        f'host = "{url}"',
        f"shop_id = {settings.keys[0].shops[0]}",
        'api_key = { env = "TWIN_KEY" }',
        f'currency = "{settings.currency}"',
        'price_basis = "net"  # or "gross"',
        f'condition = "{next(code for code, _, active in STATES if active)}"  # of offers whose row says none',
        f"product_columns = {{ {columns} }}",
        f"image_columns = [{images}]",
        f"variant_columns = {{ {variants} }}",
    ]
