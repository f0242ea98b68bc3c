"""Numbers of Sellers Commerce: response codes, and the values its columns take.

Source: Sellers Commerce Open API documentation, response code table and column tables; every number and name verified
there. Code 23 is missing in the table, as are service types 12 and 33 and carrier 9.
"""

from __future__ import annotations

from collections.abc import Mapping

PROCESSED = 20
PROVIDER_UNKNOWN, USER_UNKNOWN, ORDER_UNKNOWN, SKU_NOT_IN_ORDER = 21, 22, 24, 25
TOO_MANY, PAYMENT_EXISTS, CAPTURED, FAILED, INVALID = 26, 27, 28, 29, 30
CATEGORY_UNKNOWN, PARENT_UNKNOWN, EXISTS, INVALID_SKU, BRAND_UNKNOWN, CATEGORY_FAILED = 31, 32, 33, 34, 35, 36

CODES: Mapping[int, tuple[str, str, int]] = {
    PROCESSED: ("Processed", "Processed Successfully", 200),
    PROVIDER_UNKNOWN: ("ProviderNotExists", "Provider Does Not Exist", 404),
    USER_UNKNOWN: ("UserNotExists", "User Does Not Exist", 404),
    ORDER_UNKNOWN: ("OrderNotExist", "Order Does Not Exist", 404),
    SKU_NOT_IN_ORDER: ("SkuNotExist", "The order has no item with this SKU Code", 404),
    TOO_MANY: ("InvalidQty", "Shipment quantity is more than quantity to be shipped", 406),
    PAYMENT_EXISTS: ("PaymenExist", "Payment data already exist for this order", 406),
    CAPTURED: ("AlreadyCaptured", "Order already captured", 406),
    FAILED: ("ProcessFailed", "Process failed due to internal errors", 406),
    INVALID: ("InvalidData", "Invalid data provided", 406),
    CATEGORY_UNKNOWN: ("CategoryNotExist", "Category does not exist", 406),
    PARENT_UNKNOWN: ("ParentCategoryNotExists", "Parent Category does not exist", 406),
    EXISTS: ("Exists", "Already exists for current request", 406),
    INVALID_SKU: ("InvalidSku", "Invalid SKU Data Provided", 406),
    BRAND_UNKNOWN: ("BrandNotExists", "Brand and first level category do not match, or the brand does not exist", 406),
    CATEGORY_FAILED: ("InsertCategoryFailed", "Category insertion for this product has failed", 406),
}
"""Code -> name (misspelt as there), message and HTTP status. "Texts may change, numbers stay" (verified)."""

PLACED, PARTIALLY_SHIPPED, SHIPPED, COMPLETED, PROCESSING = 3, 8, 9, 10, 35
ORDER_STATUS = frozenset({*range(1, 11), 35, 36, 37, 38})
DEAD_ORDERS = frozenset({1, 2, 5, 36})
"""Carts, cancelled and rejected orders."""

_UPS, _USPS, _FEDEX, _TIERED = 1, 2, 8, 10
CARRIERS = frozenset({*range(1, 9), 10})
SERVICES: Mapping[int, int] = (
    dict.fromkeys(range(1, 12), _UPS)
    | dict.fromkeys(range(13, 18), _USPS)
    | dict.fromkeys(range(18, 33), _FEDEX)
    | dict.fromkeys(range(34, 37), _TIERED)
)
"""ServiceTypeId -> CarrierId."""

AUTHORIZE_AND_CAPTURE, AUTHORIZE_ONLY, PRIOR_AUTH_CAPTURE = 74, 75, 86
PAYMENT_STATUS = frozenset({AUTHORIZE_AND_CAPTURE, AUTHORIZE_ONLY, PRIOR_AUTH_CAPTURE})
PAYMENT_GATEWAYS = frozenset({25, 26, 27, 28, 29, 73, 96, 206, 220, 221, 229})
PAYMENT_METHODS = frozenset({30, 31, 32, 33, 90, 91, 224})
GENDERS = frozenset({1, 2})
IS_BRAND = frozenset({0, 1})
OPTION_TYPES = frozenset({46, 47})
REMOVE_CATEGORY, REMOVE_FROM_PARENT = 1, 2
ACTIONS = frozenset({REMOVE_CATEGORY, REMOVE_FROM_PARENT})
RETURN_INITIATED = 97
RETURN_TYPES = frozenset({102, 103})


class DataError(Exception):
    """What was sent is refused with a response code. `why` is for the twin's own record: the answer does not say it."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code
        self.why = why
