"""Offers as they are read: OF21, OF22, and the shop's shelf for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from starlette.responses import Response

from gateway.twin import mirakl_apis as apis
from gateway.twin.answering import json_answer, number
from gateway.twin.mirakl_dates import read_moment, wire_time
from gateway.twin.mirakl_http import Ask, RefusalError
from gateway.twin.mirakl_market import Market
from gateway.twin.mirakl_paging import link_header, page
from gateway.twin.mirakl_reference import LOGISTIC_CLASSES
from gateway.twin.mirakl_settings import MiraklTwinSettings
from gateway.twin.mirakl_state import Offer, Price, Product

DEFAULT_LEAD_TIME = 2
_QUANTITIES: Mapping[str, str] = {
    "max_order_quantity": "max-order-quantity",
    "min_order_quantity": "min-order-quantity",
    "min_quantity_alert": "min-quantity-alert",
    "package_quantity": "package-quantity",
}
_SHIPPING: Mapping[str, object] = {
    "min_shipping_price": 0,
    "min_shipping_price_additional": 0,
    "min_shipping_type": "STD",
    "min_shipping_zone": "DOM",
}


def discounted(price: Price, now: datetime) -> bool:
    """Whether its discount holds now (OF21 `price`; verified)."""
    start, end = read_moment(price.discount_start), read_moment(price.discount_end)
    in_time = (start is None or start <= now) and (end is None or now <= end)
    return bool(price.discount_price) and in_time


def present(price: Price, now: datetime) -> str:
    """What it is now: the discount while that holds, else the price itself."""
    return price.discount_price if discounted(price, now) else price.price


def inactivity(offer: Offer, product: Product, settings: MiraklTwinSettings, now: datetime) -> list[str]:
    """Why an offer is not on sale; empty when it is (OF21 `inactivity_reasons`; the words verified)."""
    reasons = []
    if not product.live:
        reasons.append("PRODUCT_STATUS_PENDING")
    if offer.total <= 0:
        reasons.append("ZERO_QUANTITY")
    if offer.price is None:
        reasons.append("NO_ACTIVE_PRICE")
    start, end = (read_moment(offer.fields.get(f"available-{side}-date", "")) for side in ("start", "end"))
    if (start is not None and now < start) or (end is not None and now > end):
        reasons.append("NOT_IN_AVAILABILITY_PERIOD")
    if settings.shop_state != "OPEN":
        reasons.append("SHOP_NOT_OPEN")
    return reasons


def shelf_row(offer: Offer | None, product: Product, sku: str, settings: MiraklTwinSettings, now: datetime) -> Any:
    """What stands in the shop of one article: offer and product in one row; no offer has no price and no stock."""
    price = offer.price if offer is not None else None
    return {
        "sku": sku,
        "product_sku": product.product_sku,
        "title": product.title,
        "category": product.category,
        "live": product.live,
        "offer": offer is not None,
        "active": offer is not None and not inactivity(offer, product, settings, now),
        "price": price.price if price else None,
        "discount_price": (price.discount_price or None) if price else None,
        "discount_from": (price.discount_start or None) if price else None,
        "discount_to": (price.discount_end or None) if price else None,
        "quantity": offer.total if offer is not None else None,
        "state": (offer.state or None) if offer is not None else None,
    }


class OfferViews:
    """Answers OF21 and OF22, and shows the shelf."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._settings = market.settings

    def handlers(self) -> dict[apis.Api, Callable[[Ask], Response]]:
        """What answers which call."""
        return {apis.OF21: self._of21, apis.OF22: self._of22}

    def shelf(self, shop_id: int) -> list[dict[str, Any]]:
        """Every article of a shop, by sku: its offer, or its product where no offer is of it."""
        with self._market.lock:
            self._market.settle()
            now, shop, products = (
                self._market.clock.now(),
                self._market.state.shops[shop_id],
                self._market.state.products,
            )
            offered = {offer.product_sku for offer in shop.offers.values()}
            pairs: list[tuple[str, Offer | None, str]] = [
                (offer.sku, offer, offer.product_sku) for offer in shop.offers.values()
            ]
            pairs += [(sku, None, product) for sku, product in shop.products.items() if product not in offered]
            rows = [shelf_row(offer, products[own], sku, self._settings, now) for sku, offer, own in pairs]
        return sorted(rows, key=lambda row: str(row["sku"]))

    def _of21(self, ask: Ask) -> Response:
        """Offers of the shop, active or not (OF21: total_count counts both; verified)."""
        place = page(ask.request, self._settings, ("totalPrice", "price", "productTitle"))
        states = ask.query.get("offer_state_codes")
        wanted = None if states is None else set(states.split(","))
        with self._market.lock:
            self._market.settle()
            now, products = self._market.clock.now(), self._market.state.products
            found = [
                offer
                for offer in self._market.state.shops[ask.shop_id].offers.values()
                if ask.query.get("sku", offer.sku) == offer.sku
                and ask.query.get("product_id", offer.product_sku) == offer.product_sku
                and (wanted is None or offer.state in wanted)
                and not (ask.flag("favorite") and not offer.fields.get("favorite-rank"))
            ]

            def rank(offer: Offer) -> tuple[str, Decimal, int]:
                title = products[offer.product_sku].title if place.sort == "productTitle" else ""
                amount = present(offer.price, now) if offer.price is not None else "0"
                return title, Decimal(amount), offer.offer_id

            found.sort(key=rank, reverse=place.descending)
            views = [self._view(offer, ask, now) for offer in place.of(found)]
        content = {"offers": views, "total_count": len(found)}
        return json_answer(content, headers=link_header(ask.request, place, len(found)))

    def _of22(self, ask: Ask) -> Response:
        wanted = ask.request.path_params["offer"]
        with self._market.lock:
            self._market.settle()
            offers = self._market.state.shops[ask.shop_id].offers.values()
            offer = next((offer for offer in offers if offer.offer_id == wanted), None)
            if offer is None:
                raise RefusalError(404, f"Offer with id {wanted} does not exist")
            return json_answer(self._view(offer, ask, self._market.clock.now()))

    def _view(self, offer: Offer, ask: Ask, now: datetime) -> dict[str, Any]:
        """One offer (OF21; fields verified, values of shipping invented)."""
        product, fields = self._market.state.products[offer.product_sku], offer.fields
        reasons = inactivity(offer, product, self._settings, now)
        path = self._settings.catalog.path(product.category)
        klass = fields.get("logistic-class", "S")
        channel = ask.query.get("pricing_channel_code")
        shown = next((price for price in offer.prices if channel in price.channels), offer.price)
        view: dict[str, Any] = {
            "offer_id": offer.offer_id,
            "shop_sku": offer.sku,
            "active": not reasons,
            "quantity": offer.total,
            "all_prices": [_price(price, now) for price in offer.prices if price.kind == "PRICE"],
            "category_code": product.category,
            "category_label": path[0].label if path else product.category,
            "channels": ["US"],
            "currency_iso_code": self._settings.currency,
            "description": fields.get("description"),
            "fulfillment": {"center": {"code": "DEFAULT"}},
            "leadtime_to_ship": max(1, int(fields.get("leadtime-to-ship", DEFAULT_LEAD_TIME))),
            "logistic_class": {"code": klass, "label": dict(LOGISTIC_CLASSES).get(klass, klass)},
            "product_references": [
                {"reference_type": kind, "reference": value} for kind, value in sorted(product.references.items())
            ],
            "product_sku": product.product_sku,
            "product_title": product.title,
            "shipping_deadline": wire_time(now + timedelta(days=DEFAULT_LEAD_TIME)),
            "state_code": offer.state,
        }
        if shown is not None:
            amount = number(present(shown, now))
            view |= {"price": amount, "total_price": amount, "applicable_pricing": _price(shown, now)}
        view |= dict(_SHIPPING) | {name: _whole(fields.get(column)) for name, column in _QUANTITIES.items()}
        view |= _optional(offer)
        if reasons:
            view["inactivity_reasons"] = reasons
        return view


def _optional(offer: Offer) -> dict[str, Any]:
    """Fields that are left out where there is nothing to say."""
    names = {
        "available_start_date": "available-start-date",
        "available_end_date": "available-end-date",
        "internal_description": "internal-description",
        "price_additional_info": "price-additional-info",
        "product_tax_code": "product-tax-code",
    }
    view: dict[str, Any] = {name: offer.fields[column] for name, column in names.items() if column in offer.fields}
    if "favorite-rank" in offer.fields:
        view["favorite_rank"] = int(offer.fields["favorite-rank"])
    if "allow-quote-requests" in offer.fields:
        view["allow_quote_requests"] = offer.fields["allow-quote-requests"] == "true"
    if offer.warehouses:
        view["warehouses"] = [{"code": code, "quantity": stock} for code, stock in sorted(offer.warehouses.items())]
    return view


def _price(price: Price, now: datetime) -> dict[str, Any]:
    view: dict[str, Any] = {
        "channel_code": price.channels[0] if len(price.channels) == 1 else None,
        "price": number(present(price, now)),
        "unit_origin_price": number(price.price),
        "unit_discount_price": number(price.discount_price),
        "discount_start_date": price.discount_start or None,
        "discount_end_date": price.discount_end or None,
        "volume_prices": _volume(price, now),
    }
    if not price.default:
        view["context"] = {
            "channel_codes": list(price.channels),
            "start_date": price.start or None,
            "end_date": price.end or None,
            "customer_organization_ids": list(price.organizations),
            "customer_group_ids": list(price.groups),
        }
    return view


def _volume(price: Price, now: datetime) -> list[dict[str, Any]]:
    """At least the price of one piece (OF21 `volume_prices`; verified)."""
    origin = {1: price.price} | ranges(price.price_ranges)
    discount = ({1: price.discount_price} if price.discount_price else {}) | ranges(price.discount_ranges)
    active, rows = discounted(price, now), []
    for threshold in sorted(origin | discount):
        full = origin[max(step for step in origin if step <= threshold)]
        steps = [step for step in discount if step <= threshold]
        less = discount[max(steps)] if steps else ""
        rows.append(
            {
                "quantity_threshold": threshold,
                "price": number(less if less and active else full),
                "unit_origin_price": number(full),
                "unit_discount_price": number(less),
            }
        )
    return rows


def ranges(text: str) -> dict[int, str]:
    """Prices by quantity: `5|109.20,10|108.736` (OF01; verified)."""
    pairs = (part.split("|", 1) for part in text.split(",")) if text else ()
    return {int(threshold): amount for threshold, amount in pairs}


def _whole(text: str | None) -> int | None:
    return None if text is None else int(text)
