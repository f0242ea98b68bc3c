"""Every endpoint the client knows: its verb, its path, how it is paged, and what it is used for.

Source: Sellers Commerce Open API documentation, list of methods (paths and purposes verified; verbs are told from the
purposes: assumption). Portals, administration and methods without documentation are not here: nothing can call them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method. `path`: with `{key}` where a code stands in it. `use`: where people see what it does."""

    method: Literal["GET", "POST", "DELETE"]
    path: str
    use: str
    paging: Literal["odata", "plain", "none"] = "none"
    parameter: str = ""
    """Name of the query parameter that takes the key, where the path does not."""
    key: str = ""
    """What the key is, where there is one."""

    def at(self, key: str | None) -> str:
        """Return the path with the key in it."""
        return self.path.replace("{key}", quote(key or "", safe=""))


def _pull(name: str) -> str:
    return f"`gateway pull {name}`"


READS: Mapping[str, Endpoint] = {
    "products": Endpoint("GET", "/api/product/getall", _pull("products"), "odata"),
    "all-products": Endpoint("GET", "/api/product/getallproducts", _pull("all-products"), "odata"),
    "skus": Endpoint(
        "GET", "/api/product/getallproductskus", "which SKUs are new; `gateway reconcile`; `gateway pull skus`",
        "plain", parameter="ProductCode", key="product code",
    ),
    "product": Endpoint("GET", "/api/product/get/{key}", _pull("product --key CODE"), key="product code"),
    "suppliers": Endpoint("GET", "/api/product/getallsuppliers", _pull("suppliers")),
    "categories": Endpoint("GET", "/api/category/getall", "which categories are missing; `gateway pull categories`",
                           "odata"),
    "category": Endpoint("GET", "/api/category/get/{key}", _pull("category --key CODE"), key="category code"),
    "category-products": Endpoint(
        "GET", "/api/category/categoryproducts/{key}", _pull("category-products --key CODE"), key="category code"
    ),
    "brands": Endpoint("GET", "/api/category/getallbrands", "which brands are missing; `gateway pull brands`"),
    "orders": Endpoint("GET", "/api/order/getall", _pull("orders"), "odata"),
    "all-orders": Endpoint("GET", "/api/order/getorders", _pull("all-orders")),
    "order": Endpoint("GET", "/api/order/get/{key}", _pull("order --key NUMBER"), key="order number"),
    "shoppers": Endpoint("GET", "/api/shopper/getall", _pull("shoppers"), "odata"),
    "shopper": Endpoint("GET", "/api/shopper/get/{key}", _pull("shopper --key NAME"), key="user name"),
    "returns": Endpoint("GET", "/api/return/getall", _pull("returns"), "odata"),
    "return": Endpoint("GET", "/api/return/get/{key}", _pull("return --key NUMBER"), key="return number"),
    "embellishments": Endpoint("GET", "/api/embellishments/getall", _pull("embellishments")),
    "product-embellishments": Endpoint(
        "GET", "/api/embellishments/getproductembellishment", _pull("product-embellishments --key CODE"),
        parameter="productCode", key="product code",
    ),
}  # fmt: skip
"""What can be read, by the name `gateway pull` knows it under."""

WRITES: Mapping[str, Endpoint] = {
    "product": Endpoint("POST", "/api/product/products", "family `product` of catalogs"),
    "price": Endpoint("POST", "/api/product/updateskuprice", "family `price` of catalogs, prices and promotions"),
    "stock": Endpoint("POST", "/api/product/updateskuinventory", "family `stock` of catalogs and stock"),
    "category": Endpoint("POST", "/api/category/categories",
                         "missing categories of catalogs whose route says `create_missing`; `gateway push categories`"),
    "link": Endpoint("POST", "/api/category/productcategory",
                     "links of catalogs, see `category_links`; `gateway push links`"),
    "category-delete": Endpoint("DELETE", "/api/category/category", "`gateway push category-deletes --delete`"),
    "shipment": Endpoint("POST", "/api/order/shippinginformation", "`gateway push shipments`"),
    "payment": Endpoint("POST", "/api/order/paymentinformation", "`gateway push payments`"),
    "order-status": Endpoint("POST", "/api/order/updateorderstatus", "`gateway push order-statuses`"),
    "shopper": Endpoint("POST", "/api/shopper/shoppers", "`gateway push shoppers`"),
    "address": Endpoint("POST", "/api/shopper/shopperaddress", "`gateway push addresses`"),
    "return": Endpoint("POST", "/api/return/return", "`gateway push returns`"),
}  # fmt: skip
"""What can be written."""
