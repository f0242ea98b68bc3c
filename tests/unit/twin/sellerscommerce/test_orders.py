"""Orders, returns and shoppers."""

import pytest

SHIP, PAY, STATUS, RETURN = (
    "order/shippinginformation",
    "order/paymentinformation",
    "order/updateorderstatus",
    "return/return",
)


@pytest.fixture
def sold(stocked):
    """Start a twin with one order, 100045, of two of TS-1."""

    def start(items=None, status=3, payment=75, **settings):
        one = stocked(**settings)
        one.twin.place_order(items or {"TS-1": 2}, number="100045", status=status, payment=payment)
        return one

    return start


def shipment(sku="TS-1", quantity=2, **changes):
    return {"SKUCode": sku, "Quantity": quantity, "CarrierId": 1, "ServiceTypeId": 1} | changes


def shipping(*shipments, number="100045"):
    return {"OrderNumber": number, "ShippingInformation": list(shipments)}


def payment(**changes):
    return {"OrderNumber": "100045", "TransactionNumber": "T-1", "AuthorizationCode": "A-1"} | changes


def order(shop):
    return shop.get("order/get/100045").json()["Results"]


def test_an_order_as_it_is_read(sold):
    one = sold()
    row = order(one)
    assert (row["OrderStatusId"], row["PaymentStatusId"], row["UserName"]) == (3, 75, "jane@example.com")
    assert row["Items"] == [
        {"SKUCode": "TS-1", "Quantity": 2, "ShippedQuantity": 0, "ReturnedQuantity": 0, "Price": 19.99}
    ]
    assert one.rows("order/getorders") == one.rows("order/getall") == [row]
    answer = one.get("order/get/9")
    assert (answer.status_code, answer.json()) == (
        404,
        {"Results": "OrderNotExist", "ResponseMessage": "Order Does Not Exist", "StatusCode": 24},
    )


def test_shipping_all_and_then_once_more(sold):
    one = sold()
    assert one.code(SHIP, shipping(shipment(TrackingNumber="1Z", ShippedDate="2024-05-02T09:30:00+02:00"))) == 20
    row = order(one)
    assert (row["OrderStatusId"], row["Items"][0]["ShippedQuantity"]) == (9, 2)
    assert row["ShippingInformation"][0]["ShippedDate"] == "2024-05-02T07:30:00.0000000+00:00"
    assert one.code(SHIP, shipping(shipment(quantity=1))) == 26
    assert order(one) == row


def test_shipping_a_part(sold):
    one = sold()
    assert one.code(SHIP, shipping(shipment(quantity=1))) == 20
    assert order(one)["OrderStatusId"] == 8
    assert one.code(SHIP, shipping(shipment(quantity=1))) == 20
    assert order(one)["OrderStatusId"] == 9


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (shipping(shipment(), number="9"), 24),
        (shipping(shipment("NO")), 25),
        (shipping(shipment(quantity=3)), 26),
        (shipping(shipment(quantity=2), shipment(quantity=1)), 26),
        (shipping(shipment(quantity=0)), 30),
        (shipping(), 30),
        (shipping(shipment(CarrierId=9)), 30),
        (shipping(shipment(CarrierId=2)), 30),
        (shipping(shipment(CarrierId=3)), 30),
        (shipping(shipment(ServiceTypeId=12)), 30),
        (shipping(shipment(ServiceTypeId=None)), 30),
        (shipping({"SKUCode": "TS-1", "Quantity": 2}), 30),
    ],
)
def test_shipments_that_are_refused(sold, body, code):
    one = sold()
    before = order(one)
    assert one.code(SHIP, body) == code
    assert order(one) == before
    assert one.twin.effects("100045") == []


@pytest.mark.parametrize(("carrier", "service"), [(1, 11), (2, 17), (8, 18), (10, 36), (7, None), (3, None)])
def test_services_of_carriers(sold, carrier, service):
    assert sold().code(SHIP, shipping(shipment(CarrierId=carrier, ServiceTypeId=service))) == 20


def test_one_call_names_every_open_item(sold):
    items = {"TS-1": 1, "TS-2": 1}
    one, lax = sold(items), sold(items, ship_whole_order=False)
    assert one.code(SHIP, shipping(shipment(quantity=1))) == 30
    assert lax.code(SHIP, shipping(shipment(quantity=1))) == 20
    assert one.code(SHIP, shipping(shipment(quantity=1), shipment("TS-2", 1))) == 20
    assert lax.code(SHIP, shipping(shipment("TS-2", 1))) == 20
    assert order(one)["OrderStatusId"] == order(lax)["OrderStatusId"] == 9


@pytest.mark.parametrize("status", [1, 2, 5, 36])
def test_dead_orders_are_not_shipped(sold, status):
    assert sold(status=status).code(SHIP, shipping(shipment())) == 30


def test_capturing_once(sold):
    one = sold()
    assert one.code(PAY, payment(AuthorizationCode=None)) == 30
    assert one.code(PAY, payment(TransactionNumber="")) == 30
    assert one.code(PAY, payment(PaymentStatusId=75)) == 30
    assert one.code(PAY, payment(PaymentGatewayId=1)) == 30
    assert one.code(PAY, payment(OrderNumber="9")) == 24
    assert one.code(PAY, payment(PaymentStatusId=86, PaymentGatewayId=221)) == 20
    row = order(one)
    assert (row["PaymentStatusId"], row["PaymentGatewayId"], row["TransactionNumber"]) == (86, 221, "T-1")
    assert one.code(PAY, payment()) == 27
    assert one.code(PAY, payment(TransactionNumber="T-2")) == 28
    assert [effect.part for effect in one.twin.effects("100045")] == ["captured"]


def test_an_order_that_was_captured_when_placed(sold):
    assert sold(payment=74).code(PAY, payment()) == 28


def test_from_placed_to_processing_only(sold):
    one = sold()
    wanted = {"OrderNumber": "100045", "OrderStatusId": 35, "OrderPostStatus": True}
    assert one.code(STATUS, {"OrderNumber": "100045", "OrderStatusId": 35}) == 30
    assert one.code(STATUS, wanted | {"OrderStatusId": 9}) == 30
    assert one.code(STATUS, wanted | {"OrderStatusId": 11}) == 30
    assert one.code(STATUS, wanted | {"OrderNumber": "9"}) == 24
    assert one.code(STATUS, wanted) == 20
    assert order(one)["OrderStatusId"] == 35
    assert one.code(STATUS, wanted) == 33
    assert sold(status=9).code(STATUS, wanted) == 30


@pytest.mark.parametrize(("switch", "flag", "text"), [("both", 20, 20), ("boolean", 20, 30), ("text", 30, 20)])
def test_the_type_of_the_post_status(sold, switch, flag, text):
    wanted = {"OrderNumber": "100045", "OrderStatusId": 35}
    assert sold(post_status=switch).code(STATUS, wanted | {"OrderPostStatus": False}) == flag
    assert sold(post_status=switch).code(STATUS, wanted | {"OrderPostStatus": "Yes"}) == text
    assert sold(post_status=switch).code(STATUS, wanted | {"OrderPostStatus": 1}) == 30


def test_returns(sold):
    one = sold()
    item = {"SKUCode": "TS-1", "Quantity": 1, "Reason": "Wrong size"}
    wanted = {"OrderNumber": "100045", "ReturnTypeId": 103, "ReturnItems": [item]}
    assert one.code(RETURN, wanted) == 26
    assert one.code(SHIP, shipping(shipment())) == 20
    assert one.code(RETURN, wanted | {"ReturnTypeId": 101}) == 30
    assert one.code(RETURN, wanted | {"ReturnItems": [item | {"SKUCode": "NO"}]}) == 25
    assert one.code(RETURN, wanted | {"OrderNumber": "9"}) == 24
    assert one.rows("return/getall") == []
    assert [one.code(RETURN, wanted) for _ in range(3)] == [20, 20, 26]
    first, second = one.rows("return/getall")
    assert (first["ReturnStatusId"], first["ReturnItems"]) == (97, [item])
    assert one.get(f"return/get/{second['ReturnNumber']}").json()["Results"] == second
    assert one.get("return/get/100045").json()["StatusCode"] == 24


@pytest.mark.parametrize("switch", ["order", "both"])
def test_a_return_by_its_order_when_told(sold, switch):
    one = sold(returns_by=switch)
    assert one.code(SHIP, shipping(shipment())) == 20
    item = {"SKUCode": "TS-1", "Quantity": 2}
    assert one.code(RETURN, {"OrderNumber": "100045", "ReturnTypeId": 102, "ReturnItems": [item]}) == 20
    assert one.get("return/get/100045").json()["Results"]["ReturnTypeId"] == 102


def test_shoppers(shop):
    one = shop()
    jane = {
        "UserName": "jane@example.com",
        "FirstName": "Jane",
        "LastName": "Doe",
        "DOB": "1990-01-31T00:00:00+00:00",
        "Gender": 2,
        "ShopperTypeID": 11,
        "Address": [{"AddressName": "Home", "City": "London", "CountryCode": "GB"}],
    }
    assert one.code("shopper/shoppers", jane) == 30
    assert one.code("shopper/shoppers", [jane | {"Gender": 3}]) == 30
    assert one.code("shopper/shoppers", [jane | {"UserName": None}]) == 30
    assert one.code("shopper/shoppers", [jane, {"UserName": "joe"}]) == 20
    row = one.get("shopper/get/jane%40example.com").json()["Results"]
    assert (row["DOB"], row["Deleted"]) == ("1990-01-31T00:00:00.0000000+00:00", False)
    assert one.get("shopper/get/nobody").json()["StatusCode"] == 22
    more = [{"AddressName": "Home", "ZipCode": "SW1"}, {"AddressName": "Work"}]
    assert one.code("shopper/shopperaddress", {"UserName": "jane@example.com", "Address": more}) == 20
    assert one.code("shopper/shopperaddress", {"UserName": "nobody", "Address": more}) == 22
    assert one.code("shopper/shopperaddress", {"UserName": "joe", "Address": []}) == 30
    home, work = one.get("shopper/get/jane%40example.com").json()["Results"]["Address"]
    assert (home["City"], home["ZipCode"], work["AddressName"]) == ("London", "SW1", "Work")
    assert one.code("shopper/shoppers", [{"UserName": "jane@example.com", "LastName": "Roe"}]) == 20
    row = one.get("shopper/get/jane%40example.com").json()["Results"]
    assert (row["FirstName"], row["LastName"], len(row["Address"])) == ("Jane", "Roe", 2)
    assert len(one.rows("shopper/getall")) == 2


def test_shoppers_lose_what_an_update_leaves_out_when_told(shop):
    one = shop(absent_kept=False)
    assert one.code("shopper/shoppers", [{"UserName": "joe", "FirstName": "Joe"}]) == 20
    assert one.code("shopper/shoppers", [{"UserName": "joe", "LastName": "Roe"}]) == 20
    row = one.get("shopper/get/joe").json()["Results"]
    assert (row["FirstName"], row["LastName"], row["Deleted"], row["Address"]) == (None, "Roe", False, [])
