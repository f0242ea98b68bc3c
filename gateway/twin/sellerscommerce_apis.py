"""The calls of the Sellers Commerce twin: path below /api, verb, parameters and body of each.

Source: Sellers Commerce Open API documentation, endpoint list: paths and parameters verified, verbs inferred from its
action table (POST creates, GET retrieves, DELETE deletes) and from the descriptions.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.twin import sellerscommerce_bodies as bodies
from gateway.twin.sellerscommerce_members import Schema
from gateway.twin.sellerscommerce_settings import Shape

ODATA = ("$filter", "$orderby", "$top", "$skip")


@dataclass(frozen=True, slots=True, eq=False)
class Api:
    """One call. `argument`: its path ends with a value. `odata`: it takes the parameters of ODATA.

    With `body` it takes one of that kind, in `shape`. `forbidden`: undocumented or dangerous, no client should call it;
    the twin answers and keeps it in mind.
    """

    name: str
    method: str = "GET"
    argument: bool = False
    query: tuple[str, ...] = ()
    odata: bool = False
    body: Schema | None = None
    shape: Shape = "single"
    forbidden: bool = False

    @property
    def key(self) -> str:
        """Its name without case, as faults and paths are compared."""
        return self.name.lower()

    @property
    def writes(self) -> bool:
        """Whether it changes anything."""
        return self.method != "GET"


TOKEN = Api("token", "POST")
"""The token endpoint, the only one that is not below /api."""

PRODUCTS = Api("product/getall", odata=True)
ALL_PRODUCTS = Api("product/getallproducts", odata=True)
SKUS = Api("product/getallproductskus", query=("top", "skip", "SCproductID", "ProductCode"))
PRODUCT = Api("product/get", argument=True)
PUT_PRODUCT = Api("product/products", "POST", body=bodies.PRODUCT)
PUT_PRICES = Api("product/updateskuprice", "POST", body=bodies.PRICE, shape="list")
PUT_INVENTORY = Api("product/updateskuinventory", "POST", body=bodies.INVENTORY, shape="list")
SUPPLIERS = Api("product/getallsuppliers")

CATEGORIES = Api("category/getall", odata=True)
CATEGORY = Api("category/get", argument=True)
CATEGORY_PRODUCTS = Api("category/categoryproducts", argument=True)
PUT_CATEGORIES = Api("category/categories", "POST", body=bodies.CATEGORY, shape="list")
DELETE_CATEGORY = Api("category/category", "DELETE", body=bodies.DELETION)
PUT_LINKS = Api("category/productcategory", "POST", body=bodies.LINK, shape="list")
BRANDS = Api("category/getallbrands")

ORDERS = Api("order/getall", odata=True)
ALL_ORDERS = Api("order/getorders")
ORDER = Api("order/get", argument=True)
SHIP = Api("order/shippinginformation", "POST", body=bodies.SHIPPING)
PAY = Api("order/paymentinformation", "POST", body=bodies.PAYMENT)
SET_STATUS = Api("order/updateorderstatus", "POST", body=bodies.STATUS)

SHOPPERS = Api("shopper/getall", odata=True)
SHOPPER = Api("shopper/get", argument=True)
PUT_SHOPPERS = Api("shopper/shoppers", "POST", body=bodies.SHOPPER, shape="list")
PUT_ADDRESS = Api("shopper/shopperaddress", "POST", body=bodies.SHOPPER_ADDRESS)

RETURNS = Api("return/getall", odata=True)
RETURN = Api("return/get", argument=True)
PUT_RETURN = Api("return/return", "POST", body=bodies.RETURN)

EMBELLISHMENTS = Api("embellishments/getall")
PRODUCT_EMBELLISHMENTS = Api("embellishments/getproductembellishment", query=("productCode",))

FORBIDDEN = tuple(
    Api(name, "*", forbidden=True)
    for name in (
        "product/getproducts",
        "order/OrderSamplePost",
        "PortalAdmin/Admins",
        "PortalAdmin/Admin",
        "PortalAdmin/IsEmailOrUserNameExists",
        "PortalAdmin/GetUserByID",
        "PortalAdmin/AllRoles",
        "PortalAdmin/RaiseRequest",
        "PortalAdmin/RemoveAdmin",
        "PortalAdmin/SendExportEmail",
        "PortalAdmin/RedirectURL",
        "PortalLogin/Login",
        "PortalLogin/ForgotPassword",
        "PortalLogin/ChangeForgotPassword",
        "PortalLogin/ResetPassword",
        "PortalLogin/UpdatePasswordResetHistory",
        "PortalLogin/ValiadateStoreSSO",
        "PortalLogin/ClosureFormSSO",
        "PortalLogin/UpdateClientFeedBack",
        "PortalLogin/UpdateClosureForm",
    )
)
"""Calls without documentation, and those of the portal that close stores and remove administrators."""
