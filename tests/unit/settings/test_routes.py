"""Routes: their mappings, owners and sets, and what they allow."""

from __future__ import annotations

import pytest
from support.settings_tables import CHAIN, ROUTE, SHOP, SOURCE

from gateway.errors import SettingsError
from gateway.testing.texts import LEVELS


class TestMappings:
    def test_a_field_the_contract_does_not_have(self, place, tmp_path):
        place.mapping("stock.toml", LEVELS.replace("quantity = ", "quantiti = "))
        found = "\n".join(place.faults(SOURCE, SHOP, ROUTE))
        mapping = tmp_path / "mappings/stock.toml"
        assert f"{mapping}:9: the contract stock has no field 'quantiti'; did you mean 'quantity'?" in found
        assert f"{mapping}: the contract stock needs 'quantity', which nothing fills" in found

    def test_a_free_field_under_nearly_its_prefix(self, place):
        place.mapping("stock.toml", LEVELS.replace("quantity = ", '"attribute.material" = "M"\nquantity = ').replace(
            '"stock"', '"catalog"', 1))  # fmt: skip
        found = "\n".join(place.faults(SOURCE, SHOP, ROUTE))
        assert "no field 'attribute.material'; did you mean 'attributes.material'?" in found

    def test_a_contract_that_does_not_exist(self, place):
        place.mapping("stock.toml", LEVELS.replace('"stock"', '"stok"'))
        assert any("stok" in fault for fault in place.faults(SOURCE, SHOP, ROUTE))

    def test_faults_of_a_mapping_stand_beside_those_of_the_settings_once(self, place, tmp_path):
        place.mapping("stock.toml", LEVELS.replace('"csv"', '"csw"').replace("delimiter", "delimeter"))
        other = ROUTE.replace("routes.stock", "routes.other")
        found = place.faults(SOURCE + "settle = -1\n", SHOP, ROUTE, other)
        assert any("settle" in fault for fault in found)
        of_mapping = [fault for fault in found if str(tmp_path / "mappings/stock.toml") in fault]
        assert of_mapping
        assert len(of_mapping) == len(set(of_mapping))

    def test_a_destination_that_does_not_take_the_contract(self, place):
        shop = SHOP + 'contract = "stok"\n'
        found = place.faults(SOURCE, shop, ROUTE)
        assert any("does not take stock" in fault or "stok" in fault for fault in found), found


class TestOwners:
    TWO = SOURCE + SOURCE.replace("acme", "bolt").replace("inbox", "bolt") + SHOP + ROUTE
    SECOND = ROUTE.replace("routes.stock", "routes.bolt").replace('"acme"', '"bolt"')

    def test_owners_of_one_account_and_family_need_keys(self, place):
        (found,) = place.faults(self.TWO, self.SECOND)
        assert found.startswith("21: routes.bolt: writes stock of shop like route 'stock' of another owner")
        assert "`keys` prefix" in found

    @pytest.mark.parametrize(("a", "b", "good"), [("A-", "B-", True), ("A-", "A-", False), ("A", "AB", False)])
    def test_prefixes_must_tell_keys_apart(self, place, a, b, good):
        parts = (self.TWO + f'keys = "{a}"\n', self.SECOND + f'keys = "{b}"\n')
        if good:
            assert {name for route in place.load(*parts).routes.values() for name in route.lanes} == {
                "shop/stock/acme", "shop/stock/bolt",
            }  # fmt: skip
        else:
            assert len(place.faults(*parts)) == 1

    def test_one_prefix_alone_is_not_enough(self, place):
        assert len(place.faults(self.TWO + 'keys = "A-"\n', self.SECOND)) == 1

    def test_one_owner_is_one_lane(self, place):
        loaded = place.load(self.TWO + 'owner = "us"\n', self.SECOND + 'owner = "us"\n')
        assert {name for route in loaded.routes.values() for name in route.lanes} == {"shop/stock/us"}


class TestSets:
    @pytest.mark.parametrize("record", ["stock/item", "item"])
    def test_documents_that_are_their_only_record_can_not_stand_together(self, place, record):
        start, end = LEVELS.index("[format]"), LEVELS.index("[fields]")
        layout = f'[format]\nkind = "xml"\nrecord = "{record}"\n'
        place.mapping("stock.toml", LEVELS[:start] + layout + LEVELS[end:])
        parts = (SOURCE, SHOP, ROUTE + "set = { quiet = 5 }\n")
        if "/" in record:
            rules = place.load(*parts).routes["stock"].route.set
            assert rules is not None
            assert (rules.quiet, rules.wait) == (5.0, 86400.0)
        else:
            said = "16: routes.stock.set: the record 'item' is the document itself: no files stand together"
            assert place.faults(*parts) == [said]


def test_an_effect_that_needs_a_price_basis_says_so(place):
    (place.root / "key").write_text("k")
    fields = '[fields]\nprice = "price"\nprice_basis = { constant = "net" }'
    place.mapping("stock.toml", LEVELS.replace('"stock"', '"catalog"', 1).replace("[fields]", fields))
    (said,) = place.faults(SOURCE, CHAIN, ROUTE, 'effects = ["price"]\n')
    assert "unknown effect of catalog at shop 'price'; known: stock; " in said
    assert said.endswith("; price is one once destinations.shop says its price_basis: net or gross")
    (said,) = place.faults(SOURCE, CHAIN, ROUTE, 'effects = ["image"]\n')
    assert "price_basis" not in said
    loaded = place.load(SOURCE, CHAIN + 'price_basis = "net"\n', ROUTE, 'effects = ["price"]\n')
    assert [one.family for one in loaded.routes["stock"].operations] == ["price"]


def test_a_table_that_makes_what_the_contract_does_not_know_is_a_fault_of_the_mapping(place):
    made = '[fields]\ncommand = { column = "c", words = { weg = "stop", neu = "upsert", leer = "" } }'
    place.mapping("stock.toml", LEVELS.replace("[fields]", made))
    (said,) = place.faults(SOURCE, SHOP, ROUTE)
    assert said.endswith("stock.toml:8: 'weg': command is not one of upsert, end: stop")
    (place.root / "mappings" / "moves.csv").write_text("from,to\nweg,ende\nneu,upsert\n")
    made = '[fields]\ncommand = { column = "c", lookup = { file = "moves.csv", from = "from", to = "to" } }'
    place.mapping("stock.toml", LEVELS.replace("[fields]", made))
    (said,) = place.faults(SOURCE, SHOP, ROUTE)
    assert said.endswith("stock.toml:8: 'weg': command is not one of upsert, end: ende")


@pytest.mark.parametrize("key", ["default", "otherwise"])
def test_a_text_for_empty_cells_that_no_row_could_have_is_a_fault_of_the_mapping(place, key):
    when = ', when = { column = "w", is = "x" }' if key == "otherwise" else ""
    wrong = LEVELS.replace('quantity = "quantity"', f'quantity = {{ column = "q", {key} = "some"{when} }}')
    place.mapping("stock.toml", wrong)
    (said,) = place.faults(SOURCE, SHOP, ROUTE)
    assert "stock.toml:9: quantity " in said
    assert said.endswith("some")
    place.mapping("stock.toml", wrong.replace('"some"', '"0"'))
    assert place.load(SOURCE, SHOP, ROUTE).routes["stock"]


def test_a_constant_no_row_could_have_is_a_fault_of_the_mapping(place):
    place.mapping("stock.toml", LEVELS.replace("[fields]", '[fields]\ncommand = { constant = "stop" }'))
    with pytest.raises(SettingsError, match=r"stock\.toml:\d+: command .*stop"):
        place.load(SOURCE, SHOP, ROUTE)


STORE = """
[destinations.shop]
kind = "sellerscommerce"
access_key = { file = "key" }
shared_secret = { file = "key" }
price_basis = "net"
"""
CREATES = "create_missing = true\n"


class TestWhatRoutesAllow:
    @pytest.fixture(autouse=True)
    def _files(self, place):
        (place.root / "key").write_text("k")
        place.mapping("goods.toml", LEVELS.replace('"stock"', '"catalog"', 1))

    def test_a_route_allows_by_itself(self, place):
        goods = ROUTE.replace("stock.toml", "goods.toml").replace("[routes.stock]", "[routes.goods]")
        plain = goods.replace("[routes.goods]", "[routes.plain]").replace("*.csv", "*.txt")
        loaded = place.load(SOURCE, STORE, goods + CREATES, plain)
        assert {name: set(one.route.permits) for name, one in loaded.routes.items()} == {
            "goods": {"create_missing"}, "plain": set(),
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("shop", "route", "line", "said"),
        [
            (SHOP, ROUTE, 16, "stock (effects: stock)"),
            (None, ROUTE, 17, "stock (effects: stock); it does for rows of catalog (effect product)"),
            (
                None, ROUTE.replace("stock.toml", "goods.toml") + 'effects = ["price", "stock"]\n', 18,
                "catalog (effects: stock, price); it does for rows of catalog (effect product)",
            ),
        ],
    )  # fmt: skip
    def test_where_nothing_is_made_it_is_a_fault(self, place, shop, route, line, said):
        said = f"{line}: routes.stock.create_missing: shop makes nothing for rows of {said}; take this line out"
        assert place.faults(SOURCE, shop or STORE, route + CREATES) == [said]

    def test_the_setting_of_old_files_says_where_it_stands_now_beside_all_other_faults(self, place):
        store = STORE + 'create_categories = true\npage_size = "many"\n'
        moved, size, no = place.faults(SOURCE, store, ROUTE + "create_missing = 1.5\n")
        assert moved.startswith("11: destinations.shop.create_categories: each route says this by itself: ")
        assert "create_missing = true" in moved
        assert size.startswith("12: destinations.shop.page_size: ")
        assert no.startswith("19: routes.stock.create_missing: ")

    def test_no_mapping_says_what_a_route_allows(self, place):
        place.mapping("goods.toml", (place.root / "mappings/goods.toml").read_text() + 'create_missing = "may"\n')
        (said,) = place.faults(SOURCE, STORE, ROUTE.replace("stock.toml", "goods.toml"))
        assert said.endswith("goods.toml:10: no file says 'create_missing': the route does, by create_missing = true "
                             "in its table")  # fmt: skip
