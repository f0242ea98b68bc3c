"""Products of a Sellers Commerce store: a shop that answers, and rows of the catalog."""

from __future__ import annotations

import json
from datetime import date

import polars as pl
from pydantic import SecretStr

from gateway.destinations.sellerscommerce import SellersCommerceDestination, SellersCommerceSettings
from gateway.model import KEY, LINE, ROW, Reference
from gateway.testing.clock import FakeClock
from gateway.testing.drive import states
from gateway.transport.http import Response

TODAY = date(2026, 11, 22)
TEE = {"sku": "TS-XL", "product_id": "TS", "name": "Tee", "brand": "Acme", "category": "Clothing\\Shirts"}
PRICED = {**TEE, "price": "5"}


def ok(results="Processed"):
    body = {"Results": results, "ResponseMessage": "Processed Successfully", "StatusCode": 20}
    return Response(200, {}, json.dumps(body, default=float).encode())


class Shop:
    """A store with lists to read and answers by code of product or category."""

    def __init__(self, skus=(), categories=(), brands=(), refuse=()):
        self.lists = {
            "/api/product/getallproductskus": [*skus], "/api/category/getall": [*categories],
            "/api/category/getallbrands": [{"BrandName": one} for one in brands],
        }  # fmt: skip
        self.refuse = dict(refuse)
        self.seen = []
        self.fail = None
        self.meanwhile = list[object]().append

    def send(self, request):
        self.seen.append(request)
        if request.method == "GET":
            found = self.lists[request.path]
            code = dict(request.query).get("ProductCode")
            return ok([one for one in found if code is None or one["ProductCode"] == code])
        if self.fail is not None:
            raise self.fail
        self.meanwhile(request)
        content = json.loads(request.body)
        for one in content if isinstance(content, list) else [content]:
            code = self.refuse.get(one.get("CategoryCode", one.get("ProductCode", "")))
            if code is not None:
                return Response(
                    406, {}, json.dumps({"Results": "X", "ResponseMessage": "m", "StatusCode": code}).encode()
                )
        return ok()

    def close(self):
        pass

    @property
    def posted(self):
        return [(one.path.rsplit("/", 1)[1], json.loads(one.body)) for one in self.seen if one.method == "POST"]


def store(transport, **more):
    keys = {"access_key": SecretStr("key"), "shared_secret": SecretStr("secret")}
    chosen = SellersCommerceSettings(**{**keys, "price_basis": "net", "currency": "USD", **more})
    return SellersCommerceDestination(chosen, transport=transport, clock=FakeClock(), account="s", name="sc")


def rows(*cells):
    names = list(dict.fromkeys(name for one in cells for name in one))
    frame = pl.DataFrame(
        [[one.get(name) for name in names] for one in cells], schema=dict.fromkeys(names, pl.String), orient="row"
    )
    frame = frame.with_columns(pl.col("sku").alias(KEY), pl.int_range(pl.len(), dtype=pl.UInt32).alias("effect"))
    frame = frame.with_columns(pl.int_range(2, pl.len() + 2).alias(ROW), pl.int_range(2, pl.len() + 2).alias(LINE))
    return frame if "command" in names else frame.with_columns(pl.lit(None, pl.String).alias("command"))


def may(*cells):
    """Rows of a route that lets what they need be made."""
    return rows(*({**one, "create_missing": "true"} for one in cells))


def sent(destination, records):
    reference, told = destination.gather("product", records), {}
    for batch in destination.encode("product", records, reference):
        told |= states(batch, records, destination.submit(batch))
    return [told[key] for key in records[KEY]]


def faults(destination, records, *, asked=True):
    reference = destination.gather("product", records) if asked else Reference()
    found = destination.check("product", records, reference, TODAY)
    return found.select(ROW, "field", "detail").rows()


KNOWN = [
    {"CategoryCode": "A", "CategoryName": "ACME", "ParentCategoryCode": None, "IsBrand": 0},
    {"CategoryCode": "A-C", "CategoryName": "clothing", "ParentCategoryCode": "A", "IsBrand": 1},
    {"CategoryCode": "A-C-S", "CategoryName": "Shirts", "ParentCategoryCode": "A-C", "IsBrand": 1},
]
