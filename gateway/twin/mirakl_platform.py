"""Answers about the shop and the platform, with every field the documentation marks as always there."""

from __future__ import annotations

from typing import Any

from gateway.twin.mirakl_settings import MiraklTwinSettings
from gateway.twin.mirakl_state import Shop

_OPENED = "2024-01-15T09:00:00Z"


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
            "mirakl_catalog_manager": settings.catalog_manager,
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
        "timezone": settings.timezone,
    }


def _features(settings: MiraklTwinSettings) -> dict[str, Any]:
    return _off(
        "circular_economy_data_collection competitive_pricing_tool disable_seller_alternative_carrier "
        "kyc_status_per_seller multi_currency multi_payout_psp_per_seller no_reply_needed payment_confirmation "
        "product_data_validation_by_channel"
    ) | {
        "catalog": _catalog(settings),
        "direct_payment_customer_store": _off("activated refund_cancel_authorized"),
        "dropship": {"retail_pricing_enabled": "retail_pricing" in settings.features},
        "lead_time_to_ship_by_sellers_enabled": "YES",
        "offer_prices_decimals": str(settings.price_decimals),
        "operator_csv_delimiter": "SEMICOLON" if settings.report_delimiter == ";" else "COMMA",
        "order_conditions": {"lead_time_to_ship": False}
        | _on("maximum_order_quantity minimum_order_quantity package_order_quantity", settings),
        "order_tax_mode": "TAX_EXCLUDED",
        "order_workflows": {"order_acceptance": "NOT_AUTOMATIC"}
        | _off(
            "no_customer_payment_confirmation pause_debit_workflow pay_on_due_date pay_on_shipment "
            "sellers_edit_shipping_origin shipping_and_billing_details_before_acceptance"
        ),
        "pricing": _pricing(settings),
        "promotion": _off("cart_promotion_campaign discount_campaign seller_promotion"),
        "returns": {"marketplace": True},
        "shipment": _off("multi_part_item_shipment multi_shipment"),
        "shop_tax_options": {"tax_identification_number": _off("mandatory")},
        "tax_collection": {"activated": "NO", "tax_collection_by_operator": False}
        | _on("product_tax_code_mandatory", settings),
        "tax_id_number": _off("mandatory"),
        "warehouses": {"geolocation": False, "restricted_countries": []},
    }


def _catalog(settings: MiraklTwinSettings) -> dict[str, Any]:
    return _off(
        "allow_shop_contribution_to_all_channels product_acceptance_by_channel product_data_validation_by_channel"
    ) | {
        "exclude_invalid_products": True,
        "list_of_multiple_values_separator": settings.values_separator,
        "product_import_only_on_leaf": settings.leaf_only,
    }


def _off(names: str) -> dict[str, Any]:
    return dict.fromkeys(names.split(), False)


def _on(names: str, settings: MiraklTwinSettings) -> dict[str, Any]:
    return {name: name in settings.features for name in names.split()}


def _pricing(settings: MiraklTwinSettings) -> dict[str, Any]:
    return _on("discount_period_required scheduled_pricing volume_discount volume_pricing", settings) | {
        "channel_pricing": "MULTI" if "channel_pricing" in settings.features else "DISABLED",
        "discount_price_creation_in_the_past_blocked": "discount_in_past_blocked" in settings.features,
    }
