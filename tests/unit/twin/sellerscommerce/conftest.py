"""Sellers Commerce twins over HTTP, closed at the end of a test."""

import copy
import ssl

import httpx
import pytest

from gateway.twin.sellerscommerce import SellersCommerceTwin, SellersCommerceTwinSettings

LOGIN = {"grant_type": "password", "username": "twin-access-key", "password": "twin-shared-secret"}
BRAND = {"CategoryCode": "ACME", "CategoryName": "Acme", "ParentCategoryCode": None, "IsBrand": 0}
SHIRTS = {"CategoryCode": "SHIRTS", "CategoryName": "Shirts", "ParentCategoryCode": "ACME", "IsBrand": 1}


class Shop:
    """A twin, a client that is logged in, and the calls tests make most."""

    def __init__(self, state_file=None, speed=1.0, **settings):
        self.twin = SellersCommerceTwin(
            settings=SellersCommerceTwinSettings(**settings), state_file=state_file, speed=speed
        ).start()
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        # A context without certificates: reading them takes longer than a test.
        plain = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.client = httpx.Client(base_url=self.twin.url, headers=headers, timeout=5, verify=plain)
        self.pair = {}
        self.logged_in = settings.get("token_encoding", "form") == "form"
        if self.logged_in:
            self.log_in()

    def close(self):
        self.client.close()
        self.twin.stop()

    def token(self, **given):
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.client.post("/token", data=given, headers=form)

    def log_in(self):
        self.pair = self.token(**LOGIN).json()
        self.client.headers["Authorization"] = f"bearer {self.pair['access_token']}"

    def refresh(self):
        return self.token(grant_type="refresh_token", refresh_token=self.pair["refresh_token"])

    def get(self, path, **query):
        return self.client.get(f"/api/{path}", params=query)

    def rows(self, path, **query):
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()["Results"]

    def post(self, path, body):
        return self.client.post(f"/api/{path}", json=body)

    def code(self, path, body):
        """Send a body; returns its response code, after a look at the HTTP status that belongs to it."""
        answer = self.post(path, body)
        code = answer.json()["StatusCode"]
        assert answer.status_code == (200 if code == 20 else 404 if code < 26 else 406)
        return code

    def product(self, **changes):
        return {
            "ProductCode": "TS",
            "ProductName": "T-shirt",
            "BrandName": "Acme",
            "Categories": copy.deepcopy([BRAND, SHIRTS]),
            "SKUs": [{"SKUCode": "TS-1", "Price": 19.99, "Inventory": 14}],
        } | changes

    def sku(self, code, **changes):
        return {"SKUCode": code, "Price": 5} | changes


@pytest.fixture
def shop():
    """Start twins; all of them are closed at the end."""
    opened = []

    def start(**settings):
        opened.append(Shop(**settings))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


@pytest.fixture(scope="module")
def empty():
    """One twin for all tests of a module, which must leave it empty."""
    one = Shop()
    yield one
    one.close()


@pytest.fixture
def stocked(shop):
    """Start a twin that has one product of one SKU."""

    def start(**settings):
        one = shop(**settings)
        assert one.code("product/products", one.product()) == 20
        return one

    return start
