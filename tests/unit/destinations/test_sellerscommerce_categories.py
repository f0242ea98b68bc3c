"""Sellers Commerce: categories as they are when they are made, and those that the table names."""

from __future__ import annotations

import json
import unicodedata
from datetime import date

import polars as pl
import pytest
from pydantic import SecretStr

from gateway.destinations.sellerscommerce import SellersCommerceDestination, SellersCommerceSettings
from gateway.errors import OutcomeUnknown, Unreachable
from gateway.model import KEY, LINE, ROW
from gateway.testing.clock import FakeClock
from gateway.testing.drive import states
from gateway.transport.http import Response

TODAY = date(2026, 11, 22)


def category(code, name, parent=None):
    return {"CategoryCode": code, "CategoryName": name, "ParentCategoryCode": parent, "IsBrand": 1}


ACME = category("A", "Acme")


class Shop:
    """A store that keeps the categories it is sent; one that lags lists them never. `refuse`: codes it refuses."""

    def __init__(self, *categories, lags=False, refuse=()):
        self.categories = {one["CategoryCode"]: one for one in categories}
        self.lags = lags
        self.refuse = {*refuse}
        self.log = []
        self.fail = []

    def send(self, request):
        name = request.path.rsplit("/", 1)[1]
        if request.method == "GET":
            if request.path == "/api/category/getall":
                self.log.append("read")
            found = [*self.categories.values()] if request.path == "/api/category/getall" else []
            return Response(200, {}, json.dumps({"Results": found, "StatusCode": 20}).encode())
        if self.fail:
            raise self.fail.pop()
        body = json.loads(request.body)
        if name == "categories":
            self.log.append([one["CategoryCode"] for one in body])
            if self.refuse & {one["CategoryCode"] for one in body}:
                return Response(406, {}, b'{"StatusCode": 30, "ResponseMessage": "no"}')
            if not self.lags:
                self.categories |= {one["CategoryCode"]: one for one in body}
        else:
            self.log.append(body["ProductCode"])
        return Response(200, {}, b'{"Results": "ok", "StatusCode": 20}')

    def close(self):
        pass

    @property
    def names(self):
        return {code: one["CategoryName"] for code, one in self.categories.items()}


def store(shop, clock=None, **more):
    keys = {"access_key": SecretStr("key"), "shared_secret": SecretStr("secret")}
    chosen = SellersCommerceSettings(**{**keys, "product_prices": "never", **more})
    return SellersCommerceDestination(chosen, transport=shop, clock=clock or FakeClock(), account="s", name="sc")


def rows(**products):
    """Return a row per product: its code and its category."""
    made = pl.DataFrame({"sku": list(products), "category": list(products.values())}).with_columns(
        pl.lit("Acme").alias("brand"),
        pl.lit("true").alias("create_missing"),
        pl.lit(None, pl.String).alias("command"),
        pl.col("sku").alias("name"),
        pl.col("sku").alias(KEY),
        pl.int_range(pl.len(), dtype=pl.UInt32).alias("effect"),
        pl.int_range(2, pl.len() + 2).alias(ROW),
    )
    return made.with_columns(pl.col(ROW).alias(LINE))


def sound(destination, records):
    reference = destination.gather("product", records)
    assert destination.check("product", records, reference, TODAY).height == 0
    return reference


def encoded(destination, records, reference=None):
    return list(destination.encode("product", records, reference or sound(destination, records)))


def told(destination, batches, records):
    found = {}
    for batch in batches:
        found |= states(batch, records, destination.submit(batch))
    return found


class TestCodesOfOthers:
    """Portions of one consignment, and files of several partners, are encoded before any of them was sent."""

    @pytest.mark.parametrize("lags", [False, True])
    def test_a_category_never_takes_the_code_of_one_that_was_made_meanwhile(self, lags):
        shop = Shop(ACME, lags=lags)
        destination = store(shop)
        first, second = rows(P1="A B", P2="Fine"), rows(P3="A-B", P4="A-B\\Below", P5="A B", P6="Other")
        both = (
            encoded(destination, first),
            encoded(destination, second.slice(0, 2)),
            encoded(destination, second.slice(2)),
        )
        assert told(destination, both[0], first) == {"P1": "applied", "P2": "applied"}
        assert told(destination, both[1], second) == {"P3": "refused", "P4": "refused"}
        assert told(destination, both[2], second) == {"P5": "applied", "P6": "applied"}
        made = [one for one in shop.log if isinstance(one, list)]
        assert made == [["ACME-A-B", "ACME-FINE"], ["ACME-OTHER"]]
        assert not {"P3", "P4"} & {one for one in shop.log if isinstance(one, str)}

    def test_its_rows_say_whose_code_it_is_and_what_to_do(self):
        shop = Shop(ACME)
        destination = store(shop)
        records = rows(P1="A-B")
        (batch,) = encoded(destination, records)
        shop.categories["ACME-A-B"] = category("ACME-A-B", "Old", "A")
        (outcome,) = destination.submit(batch).outcomes.rows(named=True)
        assert "ACME-A-B of its category 'A-B' belongs to 'Old' in the store by now" in outcome["message"]
        assert "`categories`" in outcome["message"]
        assert shop.names["ACME-A-B"] == "Old"

    def test_one_of_the_same_name_elsewhere_is_another_one(self):
        shop = Shop(ACME, category("B", "Other"))
        destination = store(shop)
        (batch,) = encoded(destination, rows(P1="Sale"))
        shop.categories["ACME-SALE"] = category("ACME-SALE", "Sale", "B")
        assert told(destination, [batch], rows(P1="Sale")) == {"P1": "refused"}

    def test_what_other_products_need_is_made_all_the_same(self):
        shop = Shop(ACME)
        destination = store(shop)
        records = rows(P1="Shelf\\A-B", P2="Shelf\\Fine")
        (batch,) = encoded(destination, records)
        shop.categories["ACME-SHELF-A-B"] = category("ACME-SHELF-A-B", "Old")
        assert told(destination, [batch], records) == {"P1": "refused", "P2": "applied"}
        assert ["ACME-SHELF", "ACME-SHELF-FINE"] in shop.log


class TestWhatIsThere:
    def test_is_not_made_again(self):
        shop = Shop(ACME)
        destination = store(shop)
        first, second = rows(P1="Sale"), rows(P2="SALE")
        batches = [*encoded(destination, first), *encoded(destination, second)]
        before = len(shop.log)
        assert told(destination, batches[:1], first) == {"P1": "applied"}
        assert told(destination, batches[1:], second) == {"P2": "applied"}
        # what this process made itself it need not look up
        assert shop.log[before:] == ["read", ["ACME-SALE"], "P1", "P2"]

    def test_is_looked_up_again_once_that_is_long_ago(self):
        shop, clock = Shop(ACME), FakeClock()
        destination = store(shop, clock, known_for=60)
        batches = [*encoded(destination, rows(P1="Sale")), *encoded(destination, rows(P2="Sale"))]
        destination.submit(batches[0])
        del shop.categories["ACME-SALE"]
        clock.advance(61)
        destination.submit(batches[1])
        assert shop.log[-2:] == [["ACME-SALE"], "P2"]

    def test_what_was_refused_is_not_taken_for_made(self):
        shop = Shop(ACME, refuse=("ACME-SALE",))
        destination = store(shop)
        batches = [*encoded(destination, rows(P1="Sale")), *encoded(destination, rows(P2="Sale"))]
        for batch in batches:
            destination.submit(batch)
        assert [one for one in shop.log if isinstance(one, list)] == [["ACME-SALE"]] * 2

    def test_nothing_is_read_where_nothing_is_missing(self):
        shop = Shop(ACME, category("S", "Sale", "A"))
        destination = store(shop)
        (batch,) = encoded(destination, rows(P1="Sale"))
        before = len(shop.log)
        destination.submit(batch)
        assert shop.log[before:] == ["P1"]

    def test_a_batch_that_goes_on_makes_what_it_began_to_make(self):
        shop = Shop(ACME)
        destination = store(shop)
        (batch,) = encoded(destination, rows(P1="Sale"))
        shop.fail.append(Unreachable("gone"))
        with pytest.raises(Unreachable):
            destination.submit(batch)
        shop.fail.append(OutcomeUnknown("lost"))
        with pytest.raises(OutcomeUnknown):
            destination.submit(batch)
        assert told(destination, [batch], rows(P1="Sale")) == {"P1": "applied"}
        assert shop.log.count("read") == 2  # gathered, and once for the batch
        other = store(shop)  # after a restart nothing is remembered
        assert told(other, [batch], rows(P1="Sale")) == {"P1": "applied"}
        assert shop.log.count(["ACME-SALE"]) == 1


class TestTheTable:
    @pytest.fixture
    def table(self, tmp_path):
        def write(*lines):
            path = tmp_path / "codes.csv"
            path.write_text("\n".join(("category;code", *lines)) + "\n", "utf-8")
            return path

        return write

    def chain(self, destination, records):
        (batch,) = encoded(destination, records)
        ((product, _),) = [(json.loads(line), 0) for line in batch.body.decode().split("\n")[1:-1]]
        made = [one["CategoryCode"] for one in json.loads(batch.memo.get("before", "[]"))]
        return [one["CategoryCode"] for one in product["Categories"]], made

    KNOWN = (ACME, category("T", "T-Shirts", "A"), category("B", "Other"), category("O", "Tees", "B"))

    @pytest.mark.parametrize(
        ("lines", "path", "way", "made"),
        [
            (["Tees;T"], "Tees", ["A", "T"], []),
            (["Clothing\\Tees;T"], "Clothing\\Tees", ["A", "T"], []),
            (["Tees;T"], "Tees\\Long", ["A", "T", "ACME-T-SHIRTS-LONG"], ["ACME-T-SHIRTS-LONG"]),
            (["Tees;O"], "T-Shirts", ["A", "T"], []),
        ],
    )
    def test_names_categories_that_the_store_has_under_another_name(self, table, lines, path, way, made):
        destination = store(Shop(*self.KNOWN), categories=table(*lines))
        assert self.chain(destination, rows(P1=path)) == (way, made)

    def test_names_the_brand_too(self, table):
        house = Shop(category("H", "Acme Inc."), category("HS", "Sale", "H"))
        destination = store(house, categories=table("Acme;H"))
        assert self.chain(destination, rows(P1="Sale")) == (["H", "HS"], [])

    def test_two_names_of_one_category_are_one(self, table):
        destination = store(Shop(*self.KNOWN), categories=table("Tees;T"))
        records = rows(P1="Tees\\Long", P2="T-shirts\\long")
        (batch,) = encoded(destination, records)
        assert [one["CategoryCode"] for one in json.loads(batch.memo["before"])] == ["ACME-T-SHIRTS-LONG"]

    def test_does_not_put_a_product_below_another_brand(self, table):
        destination = store(Shop(*self.KNOWN), categories=table("Tees;O"))
        records = rows(P1="Tees")
        (said,) = destination.check("product", records, destination.gather("product", records), TODAY)["detail"]
        assert "its code O belongs to another category of the store, 'Tees'" in said

    def test_counts_the_levels_of_the_store(self, table):
        deep = [category(f"L{n}", f"l{n}", f"L{n - 1}" if n else "A") for n in range(4)]
        destination = store(Shop(ACME, *deep), categories=table("Deep;L3"), category_depth=5)
        assert self.chain(destination, rows(P1="Deep"))[0] == ["A", "L0", "L1", "L2", "L3"]
        records = rows(P1="Deep\\More")
        (said,) = destination.check("product", records, destination.gather("product", records), TODAY)["detail"]
        assert said == "more than 5 levels of categories"


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_are_one_however_their_accents_are_written(form):
    shop = Shop(category("C", "CAFÉ"), category("C-B", unicodedata.normalize("NFD", "bébé"), "C"))
    destination = store(shop)
    brand = pl.lit(unicodedata.normalize(form, "Café")).alias("brand")
    records = rows(P1=unicodedata.normalize(form, "Bébé")).with_columns(brand)
    (batch,) = encoded(destination, records)
    assert "before" not in batch.memo


@pytest.mark.parametrize(
    ("brand", "said"),
    [("***", "***: no code can be made of its name"), ("A Cme", "its code A-CME belongs to another category")],
)
def test_a_brand_that_can_not_be_made_is_told_of_the_brand(brand, said):
    destination = store(Shop(category("A-CME", "Other")))
    records = rows(P1="Sale", P2="Sale").with_columns(brand=pl.Series([brand, "Σίγμα"]))
    found = destination.check("product", records, destination.gather("product", records), TODAY)
    assert found.select(ROW, "field", "value").rows() == [(2, "brand", brand)]
    assert said in found["detail"][0]
