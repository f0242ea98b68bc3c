"""A Sellers Commerce stand-in with a destination before it, and rows pushed to it by hand."""

from __future__ import annotations

from pydantic import SecretStr

from gateway.destinations.sellerscommerce import SellersCommerceDestination, SellersCommerceSettings
from gateway.journal import open_journal
from gateway.testing.clock import RealClock
from gateway.testing.drive import FreeBudget
from gateway.transport.http import RetryPolicy, connect
from gateway.twin.sellerscommerce import Account, SellersCommerceTwin, SellersCommerceTwinSettings

CLOCK = RealClock()
KEYS = Account("user-of-the-store", "secret-of-the-store")
SHIRT = {
    "ProductCode": "TS", "ProductName": "Tee", "BrandName": "Acme", "Status": True,
    "Categories": [{"CategoryCode": "ACME", "CategoryName": "Acme", "ParentCategoryCode": None, "IsBrand": 0}],
    "SKUs": [{"SKUCode": f"TS-{n}", "Price": 10 + n, "Inventory": n} for n in range(5)],
}  # fmt: skip


class World:
    """A twin and clients of it; all share one state folder."""

    def __init__(self, folder):
        self.folder = folder
        self.twin = None
        self.given_back = []

    def open(self, products=(SHIRT,), **more):
        self.twin = SellersCommerceTwin(settings=SellersCommerceTwinSettings(accounts=(KEYS,), **more)).start()
        self.given_back.append(self.twin.stop)
        for one in products:
            self.twin.put_product(one)
        return self

    def store(self, **more):
        journal = open_journal(self.folder, CLOCK)
        keys = {"access_key": SecretStr(KEYS.access_key), "shared_secret": SecretStr(KEYS.shared_secret)}
        settings = SellersCommerceSettings(
            **{**keys, "host": self.twin.url, "price_basis": "net", "currency": "USD", "timeout": 2.0, **more}
        )
        made = connect(
            settings.access(), account="store", clock=CLOCK, budget=FreeBudget(), tokens=journal.tokens(),
            policy=RetryPolicy(attempts=1),
        )  # fmt: skip
        self.given_back += [made.close, journal.close]
        return SellersCommerceDestination(settings, transport=made, clock=CLOCK, account="store", name="store")

    @property
    def stock(self):
        return {row["sku"]: row["stock"] for row in self.twin.shelf()}

    @property
    def said(self):
        return [one.call for one in self.twin.calls]


def SHIPMENT(number, **more):  # noqa: N802  a row, made like the constants beside it
    row = {"order_number": number, "sku": "TS-1", "quantity": "2", "carrier": "UPS", "service": "Ground"}
    return {**row, "tracking_number": "1Z999AA10123456784", "shipped_at": "2026-05-02T09:30:00+00:00", **more}


SHOPPER = {
    "user_name": "jane@example.com", "first_name": "Jane", "last_name": "Doe", "gender": "Female",
    "deleted": "false",
    "address_name": "Home", "address_line1": "1 High St", "city": "London", "country": "GB", "zip": "SW1A 1AA",
}  # fmt: skip


def pushed(store, name, rows, **more):
    return {one.row: (str(one.state), one.text) for one in store.pushing.push(name, rows, **more)}
