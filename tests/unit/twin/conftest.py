"""Twins over HTTP, closed at the end of a test."""

import csv
import io

import httpx
import pytest

from gateway.twin.mirakl import MiraklTwin, MiraklTwinSettings

TITLES = "sku_code;category_code;title;brand;ean;material\n"


class Stand:
    """A Mirakl twin without limits, a client with its key, and the calls tests make most."""

    def __init__(self, offers=None, state_file=None, **settings):
        settings.setdefault("limits", {})
        self.twin = MiraklTwin(offers, settings=MiraklTwinSettings(**settings), state_file=state_file).start()
        self.client = httpx.Client(base_url=self.twin.url, headers={"Authorization": "twin-key"}, timeout=5)

    def close(self):
        self.client.close()
        self.twin.stop()

    def get(self, path, **query):
        return self.client.get(path, params=query)

    def post_file(self, path, text, **parts):
        body = text if isinstance(text, bytes) else text.encode()
        return self.client.post(path, files={"file": ("feed.csv", body, "text/csv")}, data=parts)

    def later(self, seconds=10_000.0):
        self.twin.clock.advance(seconds)

    # ------------------------------------------------------------ products

    def p41(self, rows, header=TITLES, **parts):
        return self.post_file("/api/products/imports", header + rows, **({"operator_format": "true"} | parts))

    def products(self, rows, header=TITLES, **parts):
        """Send products and let both stages end; returns the answer of P42."""
        number = self.p41(rows, header, **parts).json()["import_id"]
        self.later()
        return self.p42(number)

    def p42(self, number):
        return self.get(f"/api/products/imports/{number}").json()

    def product_report(self, number, name):
        return self.table(f"/api/products/imports/{number}/{name}")

    # ------------------------------------------------------------ offers and prices

    def of01(self, text, import_mode="NORMAL", **parts):
        return self.post_file("/api/offers/imports", text, import_mode=import_mode, **parts)

    def offers(self, text, **parts):
        """Send offers and let it end; returns the answer of OF02 and the rows of OF03."""
        number = self.of01(text, **parts).json()["import_id"]
        self.later()
        found = self.get(f"/api/offers/imports/{number}").json()
        report = self.table(f"/api/offers/imports/{number}/error_report") if found["has_error_report"] else []
        return found, report

    def pri01(self, text):
        return self.post_file("/api/offers/pricing/imports", text)

    def prices(self, text):
        """Send prices and let it end; returns the row of PRI02 and the rows of PRI03."""
        found = self.pri01(text).json()["import_id"]
        self.later()
        row = self.get("/api/offers/pricing/imports", import_id=found).json()["data"][0]
        report = self.table(f"/api/offers/pricing/imports/{found}/error_report") if row["has_error_report"] else []
        return row, report

    def offer(self, sku):
        return self.get("/api/offers", sku=sku).json()["offers"][0]

    def row(self, sku):
        return next(row for row in self.twin.shelf() if row["sku"] == sku)

    def table(self, path, delimiter=";"):
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return list(csv.reader(io.StringIO(answer.text), delimiter=delimiter))


@pytest.fixture
def stand():
    """Start twins; all of them are closed at the end."""
    opened = []

    def start(offers=None, **settings):
        opened.append(Stand(offers, **settings))
        return opened[-1]

    yield start
    for one in opened:
        one.close()
