"""The bodies of the Sellers Commerce twin: what is written, and what is read back.

The Sellers Commerce Open API documentation shows one of them, the shopper (verified, with gaps). The names of all
others are made of its words, of the column tables (`...Id`), and of the read models of another service of the vendor:
assumptions, each of which `names` of the settings overrides.
"""

from __future__ import annotations

from gateway.twin import sellerscommerce_codes as codes
from gateway.twin.sellerscommerce_members import Member, Schema, named

_TEXT, _DATE, _FLAG, _WHOLE = Member("text"), Member("date"), Member("flag"), Member("whole")
_AMOUNT = Member("amount")
_NEEDED, _CODE = Member("text", required=True), Member("code", required=True)
_COUNT = Member("whole", required=True, least=1)
_STAMPS: Schema = {"CreatedDate": _DATE, "ModifiedDate": _DATE}

_SKU, _IN_CATEGORY = codes.INVALID_SKU, codes.CATEGORY_FAILED
_SKU_TEXT, _SKU_AMOUNT = Member("text", code=_SKU), Member("amount", code=_SKU)

OPTION: Schema = {
    "OptionName": Member("text", required=True, code=_SKU),
    "OptionValue": Member("text", required=True, code=_SKU),
    "OptionTypeId": Member("whole", choices=codes.OPTION_TYPES, code=_SKU),
    "Image": _SKU_TEXT,
    "Code": _SKU_TEXT,
}
SKU: Schema = {
    "SKUCode": Member("code", required=True, code=_SKU),
    "UPC": _SKU_TEXT,
    "Price": Member("amount", required=True, code=_SKU),
    "MSRP": _SKU_AMOUNT,
    "MAP": _SKU_AMOUNT,
    "CostPrice": _SKU_AMOUNT,
    "Inventory": Member("whole", code=_SKU),
    "Weight": Member("measure", code=_SKU),
    "IsDefault": Member("flag", code=_SKU),
    "SmallImages": _SKU_TEXT,
    "BigImages": _SKU_TEXT,
    "SKUAdditionalDescription": _SKU_TEXT,
    "SKUAvailableDate": Member("date", code=_SKU),
    "SKUOptions": Member("list", of=OPTION, code=_SKU),
}
PRODUCT_CATEGORY: Schema = {
    "CategoryCode": Member("code", required=True, code=_IN_CATEGORY),
    "CategoryName": Member("text", code=_IN_CATEGORY),
    "ParentCategoryCode": Member("code", code=_IN_CATEGORY),
    "IsBrand": Member("whole", choices=codes.IS_BRAND, code=_IN_CATEGORY),
}
PRODUCT: Schema = {
    "ProductCode": _CODE,
    "ProductName": _NEEDED,
    "Description": _TEXT,
    "TechnicalSpecification": _TEXT,
    "AdditionalInformation": _TEXT,
    "BrandName": _NEEDED,
    "SupplierName": _TEXT,
    "Status": _FLAG,
    "SortOrder": _WHOLE,
    "MSRP": _AMOUNT,
    "MAP": _AMOUNT,
    "CostPrice": _AMOUNT,
    "Width": Member("measure"),
    "Height": Member("measure"),
    "Length": Member("measure"),
    "ThumbnailImage": _TEXT,
    "LargeImage": _TEXT,
    "VideoPath": _TEXT,
    "SizeChart": _TEXT,
    "Categories": Member("list", required=True, of=PRODUCT_CATEGORY, code=_IN_CATEGORY),
    "SKUs": Member("list", required=True, of=SKU, code=_SKU),
}
PRICE: Schema = {
    "ProductCode": Member("code"),
    "SKUCode": _CODE,
    "Price": Member("amount", required=True),
    "MSRP": _AMOUNT,
    "MAP": _AMOUNT,
    "CostPrice": _AMOUNT,
}
INVENTORY: Schema = {
    "ProductCode": Member("code"),
    "SKUCode": _CODE,
    "Inventory": Member("whole", required=True),
    "SKUAvailableDate": _DATE,
}

CATEGORY: Schema = {
    "CategoryCode": _CODE,
    "CategoryName": _NEEDED,
    "ParentCategoryCode": Member("code"),
    "IsBrand": Member("whole", choices=codes.IS_BRAND),
    "Description": _TEXT,
    "Image": _TEXT,
    "SortOrder": _WHOLE,
    "Status": _FLAG,
}
LINK: Schema = {"ProductCode": _CODE, "CategoryCode": _CODE}
DELETION: Schema = {"CategoryCode": _CODE, "ActionId": Member("whole", required=True, choices=codes.ACTIONS)}

SHIPMENT: Schema = {
    "SKUCode": _CODE,
    "Quantity": _COUNT,
    "CarrierId": Member("whole", required=True, choices=codes.CARRIERS),
    "ServiceTypeId": Member("whole", choices=frozenset(codes.SERVICES)),
    "TrackingNumber": _TEXT,
    "ShippedDate": _DATE,
}
SHIPPING: Schema = {"OrderNumber": _NEEDED, "ShippingInformation": Member("list", required=True, of=SHIPMENT)}
PAYMENT: Schema = {
    "OrderNumber": _NEEDED,
    "TransactionNumber": _NEEDED,
    "AuthorizationCode": _NEEDED,
    "PaymentStatusId": Member("whole", choices=frozenset({codes.PRIOR_AUTH_CAPTURE})),
    "PaymentGatewayId": Member("whole", choices=codes.PAYMENT_GATEWAYS),
}
STATUS: Schema = {
    "OrderNumber": _NEEDED,
    "OrderStatusId": Member("whole", required=True, choices=codes.ORDER_STATUS),
    "OrderPostStatus": Member("post_status", required=True),
}
RETURN: Schema = {
    "OrderNumber": _NEEDED,
    "ReturnTypeId": Member("whole", required=True, choices=codes.RETURN_TYPES),
    "ReturnItems": Member("list", required=True, of={"SKUCode": _CODE, "Quantity": _COUNT, "Reason": _TEXT}),
}

ADDRESS: Schema = {
    "AddressName": _NEEDED,
    "AddressLine1": _TEXT,
    "AddressLine2": _TEXT,
    "City": _TEXT,
    "StateCode": _TEXT,
    "CountryCode": _TEXT,
    "ZipCode": _TEXT,
    "Phone": _TEXT,
}
SHOPPER: Schema = {
    "UserName": _NEEDED,
    "FirstName": _TEXT,
    "LastName": _TEXT,
    "Email": _TEXT,
    "DOB": _DATE,
    "Gender": Member("whole", choices=codes.GENDERS),
    "Deleted": _FLAG,
    "ShopperTypeID": _WHOLE,
    "Phone": _TEXT,
    "Address": Member("list", of=ADDRESS),
}
SHOPPER_ADDRESS: Schema = {"UserName": _NEEDED, "Address": Member("list", required=True, of=ADDRESS)}

# ---------------------------------------------------------------- what is read back

SKU_ROW: Schema = {"SKUID": _WHOLE, "SCProductID": _WHOLE, "ProductCode": _TEXT, **SKU, **_STAMPS}
PRODUCT_ROW: Schema = {
    "SCProductID": _WHOLE,
    **PRODUCT,
    "SKUs": Member("list", of=SKU_ROW),
    **_STAMPS,
}
CATEGORY_ROW: Schema = {"CategoryID": _WHOLE, **CATEGORY, **_STAMPS}
BRAND_ROW: Schema = {"BrandName": _TEXT, **named(CATEGORY_ROW, ("CategoryID", "CategoryCode", "Image", "IsBrand"))}
SUPPLIER_ROW: Schema = {"SupplierID": _WHOLE, "SupplierName": _TEXT}
ORDER_ITEM: Schema = {
    "SKUCode": _TEXT,
    "Quantity": _WHOLE,
    "ShippedQuantity": _WHOLE,
    "ReturnedQuantity": _WHOLE,
    "Price": _AMOUNT,
}
ORDER_ROW: Schema = {
    "OrderNumber": _TEXT,
    "OrderStatusId": _WHOLE,
    "UserName": _TEXT,
    "PaymentMethodId": _WHOLE,
    "PaymentStatusId": _WHOLE,
    "PaymentGatewayId": _WHOLE,
    "TransactionNumber": _TEXT,
    "Items": Member("list", of=ORDER_ITEM),
    "ShippingInformation": Member("list", of=SHIPMENT),
    "OrderPlacedDate": _DATE,
    **_STAMPS,
}
SHOPPER_ROW: Schema = {"ShopperID": _WHOLE, **SHOPPER, **_STAMPS}
RETURN_ROW: Schema = {"ReturnNumber": _TEXT, "ReturnStatusId": _WHOLE, **RETURN, **_STAMPS}
EMBELLISHMENT_ROW: Schema = {
    "EmbellishmentID": _WHOLE,
    "EmbellishmentName": _TEXT,
    "DisplayTypeId": _WHOLE,
    "PricingType": _WHOLE,
    "Price": _AMOUNT,
}
