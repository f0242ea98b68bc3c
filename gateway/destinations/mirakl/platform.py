"""What a platform and a shop say of themselves (PC01, A01); pure.

Source: Mirakl seller API documentation, PC01 and A01 (fields verified). PC01 may be read by shop administrators only:
what is not known is not checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gateway.destinations.mirakl.calls import Json, text

_CONDITIONS = {
    "minimum_order_quantity": "min-order-quantity",
    "maximum_order_quantity": "max-order-quantity",
    "package_order_quantity": "package-quantity",
}


@dataclass(frozen=True, slots=True)
class Platform:
    """What the configuration says; None or False where it says nothing or could not be read."""

    known: bool = False
    price_decimals: int | None = None
    discount_period_required: bool = False
    discount_in_past_blocked: bool = False
    customers_have_prices: bool = False
    timezone: str | None = None
    unusable: frozenset[str] = frozenset()
    """Offer columns that belong to what is not activated."""


def platform(answer: Json) -> Platform:
    """Read PC01; customers of organizations may have prices of their own."""
    features = _inside(answer, "features")
    pricing = _inside(features, "pricing")
    model = _inside(_inside(answer, "platform_configuration"), "customer_model")
    decimals = text(features.get("offer_prices_decimals"))
    return Platform(
        known=True,
        price_decimals=int(decimals) if decimals is not None and decimals.isdecimal() else None,
        discount_period_required=pricing.get("discount_period_required") is True,
        discount_in_past_blocked=pricing.get("discount_price_creation_in_the_past_blocked") is True,
        customers_have_prices=model.get("b2b") is True,
        timezone=text(answer.get("timezone")),
        unusable=frozenset(_unusable(features)),
    )


def _unusable(features: Mapping[str, object]) -> Iterator[str]:
    conditions = _inside(features, "order_conditions")
    for name, column in _CONDITIONS.items():
        if conditions.get(name) is False:
            yield column
    if text(features.get("lead_time_to_ship_by_sellers_enabled")) == "NO":
        yield "leadtime-to-ship"


@dataclass(frozen=True, slots=True)
class Account:
    """What A01 says of the shop."""

    shop_id: str | None
    name: str
    state: str | None
    currency: str | None


def account(answer: Json) -> Account:
    """Read A01; the state stands under another name on some platforms."""
    return Account(
        shop_id=text(answer.get("shop_id")),
        name=text(answer.get("shop_name")) or "without a name",
        state=text(answer.get("shop_state", answer.get("state"))),
        currency=text(answer.get("currency_iso_code")),
    )


def _inside(answer: Mapping[str, object], name: str) -> Mapping[str, object]:
    found = answer.get(name)
    return found if isinstance(found, Mapping) else {}
