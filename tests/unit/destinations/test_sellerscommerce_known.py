"""What a store has, as this process remembers it."""

from __future__ import annotations

from pydantic import SecretStr

from gateway.destinations.sellerscommerce import SellersCommerceSettings
from gateway.destinations.sellerscommerce.calls import Calls
from gateway.destinations.sellerscommerce.known import Known
from gateway.transport.http import Response


class Store:
    """A store whose every product has one SKU of its code."""

    def send(self, request):
        code = dict(request.query)["ProductCode"]
        return Response(200, {}, b'[{"SkuCode": "%s", "Price": 5}]' % code.encode())

    def close(self):
        pass


def test_prices_of_products_sent_long_ago_are_forgotten(clock):
    settings = SellersCommerceSettings(
        access_key=SecretStr("k"), shared_secret=SecretStr("s"), price_known_for=60.0, call_interval=0.0
    )
    known = Known(Calls(settings, Store()), settings, clock)
    for number in range(100):
        assert known.prices_of(f"P{number}", 1)["sku"].to_list() == [f"P{number}"]
        clock.advance(10)
    assert len(known._products) <= 7
