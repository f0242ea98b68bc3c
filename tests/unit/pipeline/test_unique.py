"""Rows of one file that a destination could only hold as one value, and those that only look like it."""

import polars as pl
import pytest

from gateway.model import PriceTerms, Requirement
from gateway.pipeline import across
from gateway.testing.clock import FakeClock
from gateway.testing.hostile import Further, HostileDestination, HostileSettings, read_log
from gateway.testing.rig import Rig
from gateway.testing.texts import mapping

STOCK = mapping(
    "stock",
    """sku = "sku"
quantity = "level"
warehouse = { column = "place", optional = true }
vendor_ids = { column = "branch", optional = true }
""",
)
PRICES = mapping(
    "price",
    """sku = "sku"
price = "price"
price_basis = { constant = "gross" }
""",
)
PROMOTIONS = mapping(
    "promotion",
    """promotion_id = { column = "id", optional = true }
sku = "sku"
price = "price"
price_basis = { constant = "gross" }
starts_at = "starts"
ends_at = "ends"
""",
)
GROSS = PriceTerms("gross", 2, "EUR")
PROMOTE = Further(
    name="promote", family="price", contract="promotion", key=("sku",), fields=("sku",), wanted="promotion",
    prices=PriceTerms("gross", 2, "EUR", None, ("price", "amount")),
)  # fmt: skip
LEVELS = Further(name="levels", family="levels", contract="stock", key=("sku",), fields=("sku", "quantity"))
BRANCHES = LEVELS.model_copy(update={"each": "vendor_ids", "every": ("K", "B")})


@pytest.fixture(params=[1 << 20, 0], ids=["in memory", "on the disk"], autouse=True)
def held(request, monkeypatch):
    """Hashes of a small file stay in memory, those of a large one do not: rules across rows say the same."""
    monkeypatch.setattr(across, "_HELD", request.param)


@pytest.fixture
def shop(tmp_path):
    made = []

    def make(further, *, contract, mapping, more=(), **settings):
        clock = FakeClock()
        told = HostileSettings(log=tmp_path / "effects.jsonl", contract=contract, further=further, **settings)
        rig = Rig(
            tmp_path / "gateway", HostileDestination(told, clock=clock, account="there", name="there"), clock,
            mapping=mapping, more=more,
        )  # fmt: skip
        made.append(rig)
        return rig

    yield make
    for rig in made:
        rig.close()


def told(rig, run):
    return rig.results(run).select("@row", "state", "code", "detail").rows()


def sent(rig, *names):
    log = read_log(rig.destination._settings.log)
    return sorted(tuple(one[name] for name in names) for entry in log for one in entry.get("effects", ()))


class TestPromotionsThatAreShownAsPrices:
    @pytest.fixture
    def rig(self, shop):
        rig = shop(
            (PROMOTE,), contract="price", mapping=PRICES, more=(PROMOTIONS,), fields=("sku", "price"), wanted="base",
            prices=GROSS,
        )  # fmt: skip
        rig.drop("price.csv", "sku,price\na,10\n")
        rig.advance()
        return rig

    def test_two_of_one_article_in_one_file_both_count(self, rig):
        rows = [
            "BF,a,8,2026-11-20T00:00:00Z,2026-11-30T23:59:59Z",
            "XM,a,7,2026-12-20T00:00:00Z,2026-12-26T23:59:59Z",
        ]
        run = rig.drop("promotion.csv", "\n".join(["id,sku,price,starts,ends", *rows, ""]))
        rig.advance()
        assert [state for _, state, *_ in told(rig, run)] == ["applied", "scheduled"]
        assert sent(rig, "sku", "price") == [("a", "10"), ("a", "8")]

    def test_the_same_promotion_twice_is_one_too_many(self, rig):
        row = "BF,a,8,2026-11-20T00:00:00Z,2026-11-30T23:59:59Z"
        run = rig.drop("promotion.csv", f"id,sku,price,starts,ends\n{row}\n{row}\n")
        assert [code for *_, code, _ in told(rig, run)] == ["DUPLICATE_KEY", "DUPLICATE_KEY"]


class TestOneLevelPerArticle:
    """A destination that knows articles, not places."""

    @pytest.fixture
    def rig(self, shop):
        return shop((LEVELS,), contract="price", mapping=STOCK)

    def test_two_places_of_one_article_are_one_too_many(self, rig):
        run = rig.drop("stock.csv", "sku,level,place\na,1,N\nb,2,N\na,3,S\n")
        assert told(rig, run) == [
            (2, "rejected", "DEST_ONE_PER_KEY", "row 4"),
            (3, "pending", None, None),
            (4, "rejected", "DEST_ONE_PER_KEY", "row 2"),
        ]

    def test_a_row_that_is_rejected_itself_takes_no_good_one_down(self, rig):
        run = rig.drop("stock.csv", "sku,level,place\na,lots,N\na,3,S\n")
        assert [(row, state, code) for row, state, code, _ in told(rig, run)] == [
            (2, "rejected", "MAP_NUMBER"),
            (3, "pending", None),
        ]

    def test_nor_do_rows_that_are_rejected_because_they_stand_twice(self, rig):
        run = rig.drop("stock.csv", "sku,level,place\na,1,N\na,2,N\na,3,S\n")
        assert [(row, state, code) for row, state, code, _ in told(rig, run)] == [
            (2, "rejected", "DUPLICATE_KEY"),
            (3, "rejected", "DUPLICATE_KEY"),
            (4, "pending", None),
        ]

    def test_rows_that_are_summed_are_one(self, shop):
        group = '[group]\nby = ["sku"]\nsum = ["quantity"]\n'
        rig = shop((LEVELS,), contract="price", mapping=STOCK + group)
        run = rig.drop("stock.csv", "sku,level,place\na,1,N\na,3,S\n")
        rig.advance()
        assert rig.states(run) == {"applied": 2}
        assert sent(rig, "sku", "quantity") == [("a", "4")]


def test_what_several_effects_need_of_a_row_is_said_once(shop):
    foreign = Requirement("KEY_FOREIGN", "sku", ("sku",), ~pl.col("sku").str.starts_with("X-"), "X-")
    limit = Requirement("DEST_LIMIT", "sku", ("sku",), pl.col("sku") == "a", "no a")
    both = LEVELS.model_copy(update={"requires": (foreign, limit)})
    further = both.model_copy(update={"name": "whole", "family": "whole", "when": ("quantity",)})
    rig = shop((both, further), contract="price", mapping=STOCK)
    run = rig.drop("stock.csv", "sku,level\na,1\nX-b,2\n")
    assert rig.results(run).select("@row", "code", "faults").rows() == [(2, "KEY_FOREIGN", 2), (3, None, 0)]


class TestOneRowPerBranch:
    """Effects per item of a list: rows of one article may be for different branches."""

    @pytest.fixture
    def rig(self, shop):
        return shop((BRANCHES,), contract="price", mapping=STOCK)

    def test_each_branch_gets_its_own_level(self, rig):
        run = rig.drop("stock.csv", "sku,level,branch\na,1,K\na,2,B\nb,3,K|B\n")
        rig.advance()
        assert rig.states(run) == {"applied": 3}
        levels = [("a", "B", "2"), ("a", "K", "1"), ("b", "B", "3"), ("b", "K", "3")]
        assert sent(rig, "sku", "@each", "quantity") == levels

    def test_only_the_branch_that_is_newer_is_sent_again(self, rig):
        rig.drop("stock1.csv", "sku,level,branch\na,1,K\na,2,B\n")
        rig.advance()
        rig.clock.advance(5)
        run = rig.drop("stock2.csv", "sku,level,branch\na,1,K\na,9,B\n")
        rig.advance()
        assert [state for _, state, *_ in told(rig, run)] == ["unchanged", "applied"]
        assert sent(rig, "@each", "quantity") == [("B", "2"), ("B", "9"), ("K", "1")]

    def test_two_rows_for_one_branch_name_it(self, rig):
        run = rig.drop("stock.csv", "sku,level,branch\na,1,K|B\nb,5,K\na,2,B\na,4,B\n")
        assert told(rig, run) == [
            (2, "rejected", "DUPLICATE_KEY", "also in row 4 and in 1 more for B"),
            (3, "pending", None, None),
            (4, "rejected", "DUPLICATE_KEY", "also in row 2 and in 1 more for B"),
            (5, "rejected", "DUPLICATE_KEY", "also in row 2 and in 1 more for B"),
        ]

    def test_a_row_without_a_branch_is_for_every_one(self, rig):
        run = rig.drop("stock.csv", "sku,level,branch\na,1,\na,2,B\n")
        assert [detail for *_, detail in told(rig, run)] == ["also in row 3 for B", "also in row 2 for B"]

    def test_places_of_one_article_and_branch_are_one_too_many(self, rig):
        run = rig.drop("stock.csv", "sku,level,place,branch\na,1,N,K\na,2,S,B\na,3,S,K\n")
        assert told(rig, run) == [
            (2, "rejected", "DEST_ONE_PER_KEY", "row 4"),
            (3, "pending", None, None),
            (4, "rejected", "DEST_ONE_PER_KEY", "row 2"),
        ]

    def test_rows_are_summed_per_branch(self, shop):
        group = '[group]\nby = ["sku"]\nsum = ["quantity"]\n'
        rig = shop((BRANCHES,), contract="price", mapping=STOCK + group)
        run = rig.drop("stock.csv", "sku,level,place,branch\na,1,N,K\na,2,S,K\na,3,N,B\n")
        rig.advance()
        assert rig.states(run) == {"applied": 3}
        assert sent(rig, "@each", "quantity") == [("B", "3"), ("K", "3")]
        run = rig.drop("stock2.csv", "sku,level,place,branch\na,1,N,K\na,1,N,K\na,3,N,B\n")
        assert [code for *_, code, _ in told(rig, run)][:2] == ["DUPLICATE_KEY", "DUPLICATE_KEY"]

    def test_where_something_is_written_once_per_article_its_rows_are_too_many(self, shop):
        whole = LEVELS.model_copy(update={"name": "whole", "family": "whole"})
        rig = shop((BRANCHES, whole), contract="price", mapping=STOCK)
        run = rig.drop("stock.csv", "sku,level,branch\na,1,K\na,2,B\n")
        assert [code for *_, code, _ in told(rig, run)] == ["DUPLICATE_KEY", "DUPLICATE_KEY"]

    def test_a_row_whose_branch_is_not_known_concerns_no_other(self, shop):
        words = STOCK.replace('"branch",', '"branch", words = { Kiel = "K", Bonn = "B" },')
        rig = shop((BRANCHES,), contract="price", mapping=words)
        run = rig.drop("stock.csv", "sku,level,branch\na,1,Kiel\na,2,Aachen\n")
        assert [code for *_, code, _ in told(rig, run)] == [None, "MAP_LOOKUP"]
