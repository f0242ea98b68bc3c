"""A gateway on an exchange folder of Sage 50, whose other side takes each file at once and answers when told to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.destinations.sage import SageDestination, SageSettings
from gateway.testing.clock import FakeClock
from gateway.testing.rig import Rig
from gateway.testing.texts import mapping

ARTICLE = """sku = "sku"
product_id = { column = "product", optional = true }
variant1_type = { column = "type", optional = true }
variant1_value = { column = "size", optional = true }
"""
CATALOG = mapping(
    "catalog",
    ARTICLE
    + """name = { constant = "A thing" }
price = "price"
price_basis = { constant = "net" }
tax_rate = { constant = "20" }
currency = { constant = "GBP" }
valid_from = { column = "from", optional = true }
related_skus = { column = "related", separators = [","], with = "|", optional = true }
command = { column = "command", optional = true }
""",
)
PROMOTIONS = mapping(
    "promotion",
    """promotion_id = { column = "id", optional = true }
sku = { column = "sku", optional = true }
product_id = { column = "product", optional = true }
brand = { column = "brand", optional = true }
price = { column = "price", optional = true }
percentage = { column = "percentage", optional = true }
price_basis = { column = "basis", optional = true }
tax_rate = { constant = "20" }
currency = { constant = "GBP" }
regular_price = { column = "regular", optional = true }
ends_at = { constant = "2027-01-01T00:00:00Z" }
command = { column = "command", optional = true }
""",
)
STOCK = mapping("stock", f'{ARTICLE}quantity = "level"\n')
PICTURES = mapping(
    "picture", 'sku = "sku"\nproduct_id = { column = "product", optional = true }\npicture = "picture"\n'
)


class Shop:
    """Catalogs, promotions, stock and pictures go to one exchange folder; `settings` are the destination's."""

    def __init__(
        self,
        folder: Path,
        *,
        catalog: str = CATALOG,
        promotions: str = PROMOTIONS,
        route: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        self.clock = FakeClock()
        self.out, self.results = folder / "out", folder / "in"
        for one in (self.out, self.results):
            one.mkdir()
        made = SageSettings(
            **{"results": self.results, "look_interval": 1, **settings}, outbox=self.out, profile="acme"
        )
        destination = SageDestination(made, clock=self.clock, account="there", name="there")
        self.rig = Rig(
            folder / "gateway",
            destination,
            self.clock,
            mapping=catalog,
            more=(promotions, STOCK, PICTURES),
            **(route or {}),
        )

    def put(self, name: str, text: str) -> str:
        """Drop a file and let it go out; returns its run."""
        return self.rig.put(name, text, times=2)

    def take(self, state: str = "accepted") -> dict[str, list[dict[str, Any]]]:
        """Take what lies in the outbox and answer it; returns the records of each scope."""
        found: dict[str, list[dict[str, Any]]] = {}
        for path in sorted(self.out.glob("*.json")):
            content = json.loads(path.read_bytes())
            records = content["items"] if isinstance(content, dict) else content
            found.setdefault(path.name.split("_")[1], []).extend(records)
            rows = [{"originatorIdentifier": _key(one), "state": state} for one in records]
            (self.results / path.name).write_text(json.dumps(rows), "utf-8")
            path.unlink()
        self.clock.advance(2)
        self.rig.advance(3)
        return found


def _key(record: Mapping[str, Any]) -> str:
    article = record.get("id", record.get("productId"))
    if "discount" not in record or "id" in record:
        name = "/".join([article, *(record[one] for one in ("variant1Value", "variant2Value") if one in record)])
        return f"{name}#{record['order']}" if "order" in record else name
    parts = ("productId", "brand", "category", "customerId", "dateFrom", "dateTo", "", "", "", "")
    return "/".join(str(record.get(name, "")) for name in parts)
