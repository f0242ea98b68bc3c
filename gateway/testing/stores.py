"""Two stores of a chain at the Partner API's stand-in, and the settings and mappings of a gateway before them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.testing.texts import mapping
from gateway.twin.partner import Chain, Item, PartnerTwin, PartnerTwinSettings, Token, Vendor

TOKEN = "portal-token-51aa"  # noqa: S105  of a stand-in
CHAIN = Chain("c-1", (Vendor("v1"), Vendor("v2")), (Token("all", TOKEN),))
OFFERS = mapping(
    "promotion",
    """sku = "sku"
promotion_id = "campaign"
campaign = "campaign"
price = "price"
price_basis = { constant = "gross" }
buy_quantity = "buy"
get_quantity = "get"
starts_at = { constant = "2026-01-01T00:00:00Z" }
ends_at = { constant = "2031-01-01T00:00:00Z" }
vendor_ids = "store"
status = { column = "status", default = "active" }
""",
)
OFFERS_HEAD = "sku,campaign,price,buy,get,store,status\n"
"""Columns OFFERS reads."""


def platform(*, chain: Chain = CHAIN, **options: Any) -> PartnerTwin:
    """Return a stand-in whose stores sell A and B, and which works jobs off at once; `options`: of its settings."""
    at_once = {
        "queued_seconds": 0.0, "running_seconds": 0.05, "promotion_queued_seconds": 0.0, "calls_per_window": 0,
        "promotion_all_or_nothing": False,
    }  # fmt: skip
    goods = [Item(sku, price="5", active=True) for sku in "AB"]
    return PartnerTwin(goods, settings=PartnerTwinSettings(chains=(chain,), **{**at_once, **options}))


def account(name: str, host: str, *, stores: Sequence[str] = ("v1", "v2"), more: str = "", keys: str = "") -> str:
    """Return the settings of a destination that writes stores by calls; its token is the environment's PORTAL.

    `more`: further lines; `keys`: lines of profile keys, besides those that let it call as often as it likes.
    """
    vendors = ", ".join(f"{store} = {{}}" for store in stores)
    return f"""[destinations.{name}]
kind = "partner_api"
brand = "foodpanda"
channel = "rest"
host = "{host}"
chain_id = "c-1"
tokens = {{ all = {{ env = "PORTAL" }} }}
vendors = {{ {vendors} }}
price_basis = "gross"
currency = "EUR"
archive = "sent"
{more}[destinations.{name}.keys]
rest.limits.requests_per_minute = 600000
{keys}"""


OFTEN = 'jobs.poll_after_s = [0.05]\navailability.single_product = "as_is"\n'
"""Keys: jobs are asked about at once, and calls with one product are like others."""
