"""Sellers Commerce on the command line: files in, lists out, tables by hand, what the store has beside what we know."""

from __future__ import annotations

import csv
import json
from contextlib import closing
from pathlib import Path

import pytest

from gateway import delta
from gateway.cli import pull
from gateway.clock import SystemClock
from gateway.journal import open_journal, runs
from gateway.testing import texts


@pytest.fixture
def twin(add, store):
    store.put_sku("A3", stock=1, price="5")
    add(
        texts.store("store", store.url),
        texts.route("store_stock", "store", source="inbox", files="level*.csv", by="example"),
        texts.route("store_prices", "store", source="inbox", files="price*.csv", by="prices"),
        prices=texts.PRICES,
    )
    return store


def shelf(twin, what):
    return {row["sku"]: str(row[what]) for row in twin.shelf()}


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def taken(place, call, name, text, code=0):
    (place / "inbox" / name).write_text(text, "utf-8")
    result = call("run", "--once")
    assert result.exit_code == code, result.output
    return result


def test_what_differs_is_told_and_sent_again(place, call, twin):
    stock = "Article;Stock;Warehouse\n" + "".join(f"A{n};{10 + n};\n" for n in range(4))
    taken(place, call, "level_1.csv", stock)
    taken(place, call, "price_1.csv", "Article;Price\nA0;7.50\nA1;8\n")
    assert call("reconcile", "store_stock").exit_code == 0
    twin.drift("A1", 4)
    twin.put_sku("A0", stock=10, price="99")
    told = call("reconcile", "store_stock", "--json")
    assert twin.calls[-1].call == "product/getallproductskus"
    assert told.exit_code == 1
    assert json.loads(told.stdout)["families"]["stock"] == {
        "known": 4, "different": 1, "under_way": 0, "runs": [], "without_row": 0,
    }  # fmt: skip
    (one,) = rows(place / "store_stock.diff.csv")
    assert (one["family"], one["sku"], one["ours"], one["theirs"]) == ("stock", "A1", "11", "7")
    for route in ("store_stock", "store_prices"):
        told = call("reconcile", route, "--resend")
        assert told.exit_code == 0, told.output
        assert "sent again as" in told.stdout
    call("run", "--once")
    assert shelf(twin, "stock")["A1"] == "11"
    assert shelf(twin, "price")["A0"] == "7.5"
    for route in ("store_stock", "store_prices"):
        assert "0 of" in call("reconcile", route).stdout


def test_a_price_for_some_vendors_changes_the_store_only_where_that_is_meant(place, call, twin):
    mapping = place / "mappings/prices.toml"
    mapping.write_text(texts.PRICES + 'vendor_ids = "Stores"\n', "utf-8")
    taken(place, call, "price_1.csv", "Article;Price;Stores\nA0;7;\nA1;7;Berlin\n", code=1)
    assert shelf(twin, "price") == {"A0": "7", "A1": "5", "A2": "5", "A3": "5"}
    settings = place / "gateway.toml"
    settings.write_text(settings.read_text("utf-8").replace('"USD"', '"USD"\nvendors = "warn"'), "utf-8")
    taken(place, call, "price_2.csv", "Article;Price;Stores\nA1;8;Berlin\n")
    assert shelf(twin, "price")["A1"] == "8"
    (result,) = (place / "outbox").rglob("price_2.csv*result.csv")
    (one,) = rows(result)
    assert one["status" if "status" in one else "state"] == "applied"
    assert "vendor_ids is not sent" in result.read_text("utf-8")


def test_the_generic_feeds_make_a_shop(place, call, twin):
    root = Path(__file__).parents[3]
    text = (place / "gateway.toml").read_text("utf-8").replace('"USD"', '"GBP"')
    for name in ("catalog", "price", "stock"):
        (place / "mappings" / f"{name}.toml").write_bytes((root / f"mappings/generic_{name}_csv.toml").read_bytes())
        text += texts.route(name, "store", source="inbox", files=f"{name}.csv")
        text += "create_missing = true\n" if name == "catalog" else ""
    (place / "gateway.toml").write_text(text.replace("[routes.stock]", "[routes.old]", 1), "utf-8")
    for name in ("catalog", "price", "stock"):
        (place / "inbox" / f"{name}.csv").write_bytes((root / f"samples/generic/{name}.csv").read_bytes())
        call("run", "--once")
    (report,) = (place / "outbox" / "acme").glob("catalog.csv.*.result.csv")
    assert {one["key"]: one["state"] for one in rows(report) if one["state"] != "applied"} == {"GX-201": "rejected"}
    told = {row["sku"]: row for row in twin.shelf()}
    assert told["GX-100-S"]["product_code"] == "GX-100"
    assert told["GX-100-S"]["category"] == r"Wexham\Clothing\Shirts"
    assert told["GX-200"]["category"] == r"Wexham\Books"
    assert {call("reconcile", name).exit_code for name in ("catalog", "price", "stock")} == {0}


CATALOG = texts.mapping(
    "catalog",
    """sku = "Article"
name = "Name"
brand = { constant = "House" }
price = "Price"
price_basis = { constant = "net" }
discount = "Discount"
""",
    delimiter=";",
)


def test_a_lasting_discount_is_sent_as_price_or_its_row_is_told(place, call, add, twin):
    add(f"{texts.route('goods', 'store', source='inbox')}create_missing = true\n", goods=CATALOG)
    lines = ("A0;Tee;20;12.5", "N1;New;8;50", "A1;Bag;;10", "A2;Cap;7;")
    taken(place, call, "goods_1.csv", "Article;Name;Price;Discount\n" + "\n".join(lines) + "\n")
    assert shelf(twin, "price") == {"A0": "17.5", "A1": "5", "A2": "7", "A3": "5", "N1": "4"}
    told = {one["key"]: (one["state"], one["code"]) for one in rows(*(place / "outbox/acme").glob("*.result.csv"))}
    assert told == {
        "A0": ("applied", ""), "N1": ("applied", ""), "A1": ("applied", "DEST_NOT_SENT"), "A2": ("applied", ""),
    }  # fmt: skip
    (issue,) = (one for one in rows(*(place / "outbox/acme").glob("*.issues.csv")) if one["code"] == "DEST_NOT_SENT")
    assert "the row gives none" in issue["message"]
    taken(place, call, "price_1.csv", "Article;Price\nA0;10\n")
    assert shelf(twin, "price")["A0"] == "8.75"


MADE = CATALOG.replace('discount = "Discount"', 'category = "Category"')
TWO_ROUTES = (
    f"{texts.route('goods', 'store', source='inbox')}create_missing = true\n",
    texts.route("rest", "store", source="inbox", by="goods"),
)


def results(place, name):
    """States by key of every run of a file, in their order."""
    found = sorted((place / "outbox/acme").glob(f"{name}.*.result.csv"))
    return [{one["key"]: one["state"] for one in rows(path)} for path in found]


def run_of(place, name):
    (path,) = (place / "outbox/acme").glob(f"{name}.*.ack.json")
    return path.name.removeprefix(f"{name}.").split(".")[0]


def test_two_routes_of_one_lane_each_make_what_they_may(place, call, add, twin):
    add(*TWO_ROUTES, goods=MADE)
    head = "Article;Name;Price;Category\n"
    taken(place, call, "goods_1.csv", head + "N0;Zero;5;Shoes\n")
    assert call("pause", "store").exit_code == 0
    (place / "inbox/rest_1.csv").write_text(head + "N2;Two;5;Tools\nN3;Three;5;Garden\nN4;Four;5;Shoes\n", "utf-8")
    (place / "inbox/goods_2.csv").write_text(head + "N1;One;5;Tools\n", "utf-8")
    call("run", "--once")
    assert call("resume", "store").exit_code == 0
    assert call("run", "--once").exit_code == 1
    with closing(open_journal(place / "state", SystemClock())) as journal, journal.read() as tx:
        waited = [runs.consignments_of(tx, run_of(place, name)) for name in ("rest_1.csv", "goods_2.csv")]
    products = [{one.id for one in found if "/product/" in one.lane} for found in waited]
    assert products[0] == products[1]
    assert len(products[0]) == 1  # both were decided together
    assert results(place, "goods_2.csv") == [{"N1": "applied"}]
    assert results(place, "rest_1.csv") == [{"N2": "refused", "N3": "refused", "N4": "applied"}]
    assert {row["sku"]: row["category"] for row in twin.shelf() if row["sku"].startswith("N")} == {
        "N0": r"House\Shoes", "N1": r"House\Tools", "N4": r"House\Shoes",
    }  # fmt: skip
    (told,) = (place / "outbox/acme").glob("rest_1.csv.*.result.csv")
    said = {one["key"]: one["message"] for one in rows(told)}
    assert "the store has no category 'Garden'" in said["N3"]
    assert "create_missing = true in the route's table of gateway.toml" in said["N3"]

    assert call("retry", run_of(place, "rest_1.csv")).exit_code == 0
    assert call("run", "--once").exit_code == 1
    assert results(place, "rest_1.csv")[-1] == {"N2": "applied", "N3": "refused"}  # what its run was not allowed

    settings = place / "gateway.toml"
    text = settings.read_text("utf-8")
    settings.write_text(text.replace('"rest*.csv"', '"rest*.csv"\ncreate_missing = true'), "utf-8")
    taken(place, call, "rest_2.csv", head + "N3;Three;5;Garden\nN4;Four;5;Shoes\n")
    assert results(place, "rest_2.csv") == [{"N3": "applied", "N4": "unchanged"}]


def test_no_product_of_a_large_file_gets_into_the_category_of_another(place, call, add, twin, monkeypatch):
    monkeypatch.setattr(delta, "PART_ROWS", 3)  # each part is decided before anything of the others was sent
    add(*TWO_ROUTES, goods=MADE)
    wanted = {f"{word}{n}": name for word, name in (("N", "A B"), ("M", "A-B"), ("O", "Other")) for n in range(6)}
    call("pause", "store")
    for number, words in enumerate(("NO", "M")):
        lines = [f"{key};{key};5;{name}\n" for key, name in wanted.items() if key[0] in words]
        (place / f"inbox/goods_{number}.csv").write_text("Article;Name;Price;Category\n" + "".join(lines), "utf-8")
    call("run", "--once")
    call("resume", "store")
    assert call("run", "--once").exit_code == 1
    ended = {key: state for n in range(2) for key, state in results(place, f"goods_{n}.csv")[0].items()}
    there = {row["sku"]: row["category"] for row in twin.shelf() if row["sku"] in wanted}
    assert there == {key: f"House\\{wanted[key]}" for key, state in ended.items() if state == "applied"}
    assert {ended[f"O{n}"] for n in range(6)} == {"applied"}
    assert len({wanted[key] for key in there}) == 2  # one of the two that would have one code was made


def test_routes_that_can_be_compared_are_shown(place, call, twin):
    assert call("reconcile").stdout.split() == ["store_stock", "store_prices"]
    wrong = call("reconcile", "stock")
    assert wrong.exit_code == 3
    assert "does not say what it has" in wrong.stderr


def test_lists_are_written_as_tables_and_as_documents(place, call, twin):
    told = call("pull", "skus", "--out", "skus.json", "--json")
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout) == {"list": "skus", "entries": 4, "file": "skus.json"}
    assert len(json.loads((place / "skus.json").read_text())["entries"]) == 4
    twin.place_order({"A1": 2}, number="=1+1")
    assert call("pull", "orders", "--where", "OrderPlacedDate ge 2020-01-01", "--sort", "-OrderNumber").exit_code == 0
    (order,) = rows(place / "orders.csv")
    assert (order["OrderNumber"], order["OrderStatusId"], order["OrderStatusId name"]) == ("'=1+1", "3", "Placed")
    assert json.loads(order["Items"])[0]["SKUCode"] == "A1"


@pytest.mark.parametrize(("name", "entries"), [("brands", 1), ("suppliers", 1), ("embellishments", 2)])
def test_reference_lists_are_pulled_by_their_names(place, call, twin, name, entries):
    told = call("pull", name, "--json")
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout) == {"list": name, "entries": entries, "file": f"{name}.csv"}
    assert (place / f"{name}.csv").is_file()


def test_a_category_is_deleted_with_the_flag_and_an_action_only(place, call, twin):
    names = set(twin.records("categories"))
    code = max(names, key=lambda one: twin.records("categories")[one]["ParentCategoryCode"] is not None)
    (place / "gone.csv").write_text(f"category_code,action\n{code},Remove Category and Mapping\n")
    (place / "bare.csv").write_text(f"category_code,action\n{code},\n")
    assert call("push", "category-deletes", "gone.csv").exit_code == 3
    assert call("push", "category-deletes", "bare.csv", "--delete").exit_code == 1
    assert set(twin.records("categories")) == names
    assert call("push", "category-deletes", "gone.csv", "--delete").exit_code == 0
    assert set(twin.records("categories")) == names - {code}


def test_what_can_be_pulled_and_pushed_is_shown(place, call, twin):
    assert "  embellishments" in call("pull").stdout
    assert "  shipments: order_number, sku" in call("push").stdout
    assert json.loads(call("pull", "--json").stdout)["erp"] == []


def test_tables_are_pushed_with_a_verdict_per_row(place, call, twin):
    number = twin.place_order({"A1": 2})
    (place / "ship.csv").write_text(
        f"order_number,sku,quantity,carrier,service\n{number},A1,2,UPS,Ground\nnone,A1,1,UPS,Ground\n"
    )
    told = call("push", "shipments", "ship.csv", "--destination", "store")
    assert told.exit_code == 1, told.output
    assert told.stdout.startswith("1 applied, 1 refused")
    assert [(one["row"], one["state"]) for one in rows(place / "ship.csv.result.csv")] == [
        ("1", "applied"),
        ("2", "refused"),
    ]


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (("pull", "colours"), 3, "no list"),
        (("pull", "brands", "--destination", "none"), 3, "no destination 'none'"),
        (("pull", "brands", "--destination", "erp"), 3, "nothing to be asked for"),
        (("push", "shipments", "bad.csv"), 2, "row 1 has 1 cells"),
        (("push", "shipments", "empty.csv"), 2, "empty.csv is empty; expected a header with names of columns"),
        (("push", "shipments", "blank.csv"), 2, "blank.csv is empty; expected"),
        (("push", "links", "bare.csv"), 2, "has a header and no rows; expected"),
        (("push", "order-statuses", "twice.csv"), 2, "has the column 'order_number' more than once"),
        (("push", "links", "bytes.csv"), 2, "is no CSV file"),
        (("push", "links", "strange.csv"), 3, "no column 'colour'"),
    ],
)
def test_what_is_wrong_is_told(place, call, twin, args, code, told):
    (place / "bad.csv").write_text("order_number,sku\n1\n")
    (place / "empty.csv").write_text("")
    (place / "blank.csv").write_text("\n\n")
    (place / "bare.csv").write_text("product_code,category_code\n")
    (place / "twice.csv").write_text("order_number,order_number,order_status\n1,2,35\n")
    (place / "bytes.csv").write_bytes(b"product_code\n\xff\n")
    (place / "strange.csv").write_text("colour\nred\n")
    result = call(*args)
    assert result.exit_code == code
    assert told in result.stderr


def test_a_row_ends_at_its_line_end_alone(place):
    """Other signs that end lines somewhere come along when texts are pasted into a table."""
    (place / "table.csv").write_text('code,name\nA,one\u2028two\x85three\nB,"four\nfive"\n', "utf-8")
    assert pull._rows(place / "table.csv") == [
        {"code": "A", "name": "one\u2028two\x85three"},
        {"code": "B", "name": "four\nfive"},
    ]


@pytest.mark.parametrize(
    "args",
    [
        ("pull", "brands", "--out", "missing/x.csv"),
        ("push", "links", "good.csv", "--out", "missing/x.csv"),
        ("reconcile", "store_stock", "--resend", "--out", "missing/x.csv"),
    ],
)
def test_where_nothing_can_be_written_nothing_is_asked_or_sent(place, call, twin, args):
    (place / "good.csv").write_text("product_code,category_code\nA1,B\n")
    before = len(twin.calls)
    result = call(*args)
    assert result.exit_code == 3
    assert "missing/x.csv can't be written: the folder missing does not exist." in result.stderr
    (place / "missing").write_text("a file")
    assert "missing/x.csv can't be written: missing is no folder." in call(*args).stderr
    assert len(twin.calls) == before


def test_a_store_that_is_not_there_is_unreachable(place, call, twin):
    twin.stop()
    assert call("pull", "brands").exit_code == 4


VARIED = MADE.replace('category = "Category"', 'product_id = "Product"\navailable = "Available"').replace(
    'kind = "csv"\ndelimiter = ";"\nencoding = "utf-8"', 'kind = "json"\nrecord = ""'
)


def test_rows_of_one_product_of_a_large_file_are_looked_at_together(place, call, add, twin, monkeypatch):
    """A product is switched off where all its SKUs are: however far apart their rows stand."""
    monkeypatch.setattr("gateway.readers.json.BLOCK", 1)
    monkeypatch.setattr(delta, "PART_ROWS", 1)
    add(f"{texts.route('goods', 'store', source='inbox', files='goods*.json')}create_missing = true\n", goods=VARIED)

    def said(**available):
        found = {f"{code}{size}": (code, here) for size in "SML" for code, here in available.items()}
        return json.dumps([
            {"Article": sku, "Name": code, "Price": "5", "Product": code, "Available": here}
            for sku, (code, here) in found.items()
        ])  # fmt: skip

    taken(place, call, "goods_1.json", said(P="true", Q="true"))
    taken(place, call, "goods_2.json", said(P="false", Q="true"))
    assert set(results(place, "goods_2.json")[0].values()) <= {"applied", "unchanged"}
    there = {row["sku"]: row["active"] for row in twin.shelf() if row["sku"][0] in "PQ"}
    assert there == {f"{code}{size}": code == "Q" for code in "PQ" for size in "SML"}
