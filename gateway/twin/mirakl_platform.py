"""Answers about the shop, the platform and its offers, with every field the documentation marks as always there."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from gateway.twin.mirakl_settings import MiraklTwinSettings
from gateway.twin.mirakl_state import Offer, Shop

PRICE = 10
"""Every offer costs the same whole amount: this twin is about stock."""
_OPENED = "2024-01-15T09:00:00Z"


def wire_time(moment: datetime) -> str:
    """Dates in answers are UTC with `Z` (Mirakl seller API documentation, general notes; verified)."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def account(shop: Shop, settings: MiraklTwinSettings) -> dict[str, Any]:
    """Answer of A01 (Mirakl seller API documentation, A01; fields verified, values invented)."""
    return {
        "shop_id": shop.shop_id,
        "shop_name": settings.shop_name,
        "shop_state": settings.shop_state,
        "model": "MARKETPLACE",
        "currency_iso_code": settings.currency,
        "channels": ["US"],
        "domains": ["PRODUCT"],
        "offers_count": sum(offer.total > 0 for offer in shop.offers.values()),
        "orders_count": 0,
        "evaluations_count": 0,
        "free_shipping": False,
        "is_professional": True,
        "premium": False,
        "payment_method_mandatory": False,
        "date_created": _OPENED,
        "last_updated_date": _OPENED,
        "billing_info": {"owner": settings.shop_name},
        "contact_informations": _contact(),
        "default_billing_information": _billing(),
        "payment_details": {"paid_balance": 0, "payable_balance": 0, "pending_balance": 0},
        "pro_details": {"corporate_name": settings.shop_name},
        "shipping": {"lead_time_to_ship": 2},
        "shipping_types": ["STD"],
        "shipping_zones": ["DOM"],
        "shippings": [],
        "shop_additional_fields": [],
        "kyc": {"status": "APPROVED"},
    }


def _contact() -> dict[str, Any]:
    return {
        "city": "New York",
        "country": "USA",
        "email": "shop@example.com",
        "lastname": "Doe",
        "street1": "30 Example Street",
    }


def _billing() -> dict[str, Any]:
    return {
        "default_language": "en_US",
        "id": "a83c1170-0000-4000-8000-000000000001",
        "registration_address": {
            "city": "New York",
            "country_iso_code": "USA",
            "street_1": "30 Example Street",
            "zip_code": "NY 10012",
        },
    }


def configuration(settings: MiraklTwinSettings) -> dict[str, Any]:
    """Answer of PC01 (Mirakl seller API documentation, PC01; fields verified, values invented)."""
    return {
        "features": _features(settings),
        "modules": {
            "mirakl_catalog_integrator": True,
            "mirakl_catalog_manager": False,
            "mirakl_catalog_transformer": True,
            "mirakl_platform_services": False,
            "offer_management": True,
            "order_management": True,
            "promotions": False,
            "quotes": False,
            "tax_manager": {"activated": False, "tax_provider": {"avalara": False, "vertex": False}},
        },
        "platform_configuration": {
            "customer_model": {"b2b": False, "b2c": True},
            "enhanced_seller_invoicing": {"enabled": False},
            "platform_model": {"drop_ship": False, "marketplace": True, "one_creditor": False},
        },
        "platform_name": "twin",
        "tenant_name": "twin",
        "timezone": "America/New_York",
    }


def _features(settings: MiraklTwinSettings) -> dict[str, Any]:
    return _off(
        "circular_economy_data_collection competitive_pricing_tool disable_seller_alternative_carrier "
        "kyc_status_per_seller multi_currency multi_payout_psp_per_seller no_reply_needed payment_confirmation "
        "product_data_validation_by_channel"
    ) | {
        "catalog": _catalog(),
        "direct_payment_customer_store": _off("activated refund_cancel_authorized"),
        "dropship": _off("retail_pricing_enabled"),
        "lead_time_to_ship_by_sellers_enabled": "YES",
        "offer_prices_decimals": "2",
        "operator_csv_delimiter": "SEMICOLON" if settings.report_delimiter == ";" else "COMMA",
        "order_conditions": _off(
            "lead_time_to_ship maximum_order_quantity minimum_order_quantity package_order_quantity"
        ),
        "order_tax_mode": "TAX_EXCLUDED",
        "order_workflows": {"order_acceptance": "NOT_AUTOMATIC"}
        | _off(
            "no_customer_payment_confirmation pause_debit_workflow pay_on_due_date pay_on_shipment "
            "sellers_edit_shipping_origin shipping_and_billing_details_before_acceptance"
        ),
        "pricing": {"channel_pricing": "DISABLED"}
        | _off(
            "discount_period_required discount_price_creation_in_the_past_blocked scheduled_pricing volume_discount "
            "volume_pricing"
        ),
        "promotion": _off("cart_promotion_campaign discount_campaign seller_promotion"),
        "returns": {"marketplace": True},
        "shipment": _off("multi_part_item_shipment multi_shipment"),
        "shop_tax_options": {"tax_identification_number": _off("mandatory")},
        "tax_collection": {"activated": "NO"} | _off("product_tax_code_mandatory tax_collection_by_operator"),
        "tax_id_number": _off("mandatory"),
        "warehouses": {"geolocation": False, "restricted_countries": []},
    }


def _catalog() -> dict[str, Any]:
    return _off(
        "allow_shop_contribution_to_all_channels product_acceptance_by_channel product_data_validation_by_channel"
    ) | {
        "exclude_invalid_products": True,
        "list_of_multiple_values_separator": "|",
        "product_import_only_on_leaf": True,
    }


def _off(names: str) -> dict[str, Any]:
    return dict.fromkeys(names.split(), False)


def offer_view(offer: Offer, settings: MiraklTwinSettings, now: datetime) -> dict[str, Any]:
    """One offer as OF21 lists it (Mirakl seller API documentation, OF21; fields verified, values invented)."""
    reasons = [] if offer.total > 0 else ["ZERO_QUANTITY"]
    if settings.shop_state != "OPEN":
        reasons.append("SHOP_NOT_OPEN")
    view: dict[str, Any] = {
        "offer_id": offer.offer_id,
        "shop_sku": offer.sku,
        "active": not reasons,
        "quantity": offer.total,
        "price": PRICE,
        "total_price": PRICE,
        "all_prices": [{"channel_code": None, "price": PRICE, "unit_origin_price": PRICE, "volume_prices": []}],
        "category_code": "GOODS",
        "category_label": "Goods",
        "channels": ["US"],
        "currency_iso_code": settings.currency,
        "description": None,
        "fulfillment": {"center": {"code": "DEFAULT"}},
        "leadtime_to_ship": 2,
        "logistic_class": {"code": "S", "label": "Small"},
        "max_order_quantity": None,
        "min_order_quantity": None,
        "min_quantity_alert": None,
        "min_shipping_price": 0,
        "min_shipping_price_additional": 0,
        "min_shipping_type": "STD",
        "min_shipping_zone": "DOM",
        "package_quantity": None,
        "product_references": [],
        "product_sku": product_sku(offer),
        "product_title": f"Article {offer.sku}",
        "shipping_deadline": wire_time(now + timedelta(days=2)),
        "state_code": "11",
    }
    if reasons:
        view["inactivity_reasons"] = reasons
    if offer.warehouses:
        view["warehouses"] = [{"code": code, "quantity": number} for code, number in sorted(offer.warehouses.items())]
    return view


def product_sku(offer: Offer) -> str:
    """The operator's own number of the product, which is never the seller's sku."""
    return f"MKP{offer.offer_id:012d}"
