"""What is said of effects when calls are formed, and by the other side, in the words the partner knows."""

import polars as pl
import pytest
from support.promoted_prices import PROMOTIONS

from gateway.cli.verdicts import said_of
from gateway.delivery.effects import EXTRA_SCHEMA
from gateway.delivery.setup import Pinned
from gateway.delivery.worded import Worded
from gateway.model import LINE, ROW
from gateway.reports.causes import causes
from gateway.testing.hostile import Further, HostileDestination, HostileSettings, Step
from gateway.testing.texts import mapping

AS_DAYS = 'date = "dd/MM/yyyy", zone = "Europe/Madrid"'
DAYS = PROMOTIONS.replace('"starts"', f'"starts", {AS_DAYS}').replace('"ends"', f'"ends", {AS_DAYS}')
HEAD = "id,sku,price,starts,ends"


@pytest.mark.parametrize(
    ("text", "zone", "window", "other", "said"),
    [
        (DAYS, None, "01/11/2026,20/12/2026", "01/11/2026,10/12/2026", "01/11/2026 to 20/12/2026"),
        (DAYS, None, "01/11/2026,", "01/11/2026,10/12/2026", "01/11/2026 to (no date)"),
        (PROMOTIONS, "Europe/Madrid", "2026-11-01,2026-12-20", "2026-11-01,2026-12-10", "2026-11-01 to 2026-12-20"),
        (
            *(PROMOTIONS, "Europe/Madrid", "2026-11-01 08:00,2026-12-20 22:00", "2026-11-01,2026-12-10"),
            "2026-11-01 08:00:00+01:00 to 2026-12-20 22:00:00+01:00",
        ),
    ],
)
def test_dates_of_a_promotion_that_is_known_are_told_as_the_file_writes_dates(shop, text, zone, window, other, said):
    here = shop(route={"zone": zone, "more": (text,)})
    here.prices(("a", 20))
    here.promotions(("X", "a", 15, window), columns=HEAD)
    run = here.promotions(("X", "a", 12, other), columns=HEAD)
    assert here.told(run) == [("refused", "PROMOTION_RUNS", said)]
    (issue,) = pl.concat(list(here.rig.settler.rows(here.rig.operations.run(run)).issues())).to_dicts()
    assert issue["detail"] == said


def test_the_date_a_row_waits_for_and_the_one_it_is_over_since_are_told_alike(shop):
    here = shop(route={"more": (DAYS,)})
    here.prices(("a", 20))
    rows = ("X", "a", 15, "24/12/2026", "31/12/2026"), ("Y", "a", 15, "01/11/2026", "02/11/2026")
    run = here.promotions(*rows, columns=HEAD)
    told = {code: detail for _, code, detail in here.told(run)}
    assert told == {"SCHEDULED": "24/12/2026", "PROMOTION_OVER": "02/11/2026"}


def test_promotions_that_a_full_file_left_out_are_named_by_the_dates_it_would_write(rigs):
    route = {"mode": "full", "absent": "end", "guard": {"off": True}}
    rig = rigs(contract="promotion", fields=("sku", "price"), mapping=DAYS, route=route)
    rows = [f"X,{sku},15,01/11/2026,20/12/2026\n" for sku in "ab"]
    rig.put("1.csv", f"{HEAD}\n{''.join(rows)}")
    run = rig.put("2.csv", f"{HEAD}\n{rows[0]}")
    found = rig.settler.rows(rig.operations.run(run))
    left = pl.concat(list(found.issues())).filter(pl.col(ROW).is_null())
    assert left.select("code", "value").rows() == [("ABSENT", "X / b / 01/11/2026 / 20/12/2026")]
    assert "2026-10-31T23:00:00Z" in left["key"][0]
    cause = next(one for one in causes(found.issues(), found.columns()) if one.code == "ABSENT")
    assert cause.examples == [(None, "X / b / 01/11/2026 / 20/12/2026")]


# ------------------------------------------------------------ constants

WITH_CONSTANT = mapping(
    "stock",
    """sku = "sku"
quantity = "quantity"
warehouse = { constant = "MAIN" }
""",
)


class Picky(HostileDestination):
    """Takes no row's warehouse, once it was asked."""

    def check(self, operation, records, reference, today):
        none = super().check(operation, records, reference, today)
        if reference.taken_at is None:
            return none
        said = {"code": "DEST_LIMIT", "field": "warehouse", "value": "MAIN", "detail": "the shop has no such place"}
        return records.select(ROW, LINE, *(pl.lit(text, pl.String).alias(name) for name, text in said.items()))


def test_what_the_mapping_set_is_marked_where_it_is_refused_when_calls_are_formed(on, clock, tmp_path):
    settings = HostileSettings(log=tmp_path / "log", fields=("sku", "quantity", "warehouse"), gathers=True)
    rig = on(Picky(settings, clock=clock, account="there", name="there"), tmp_path / "gateway", WITH_CONSTANT)
    run = rig.put("stock.csv", "sku,quantity\na,1\nb,2\n")
    value = "MAIN (set by the mapping, which the operator can change)"
    assert rig.results(run).select("state", "field", "value").rows() == [("refused", "warehouse", value)] * 2
    rows = rig.settler.rows(rig.operations.run(run))
    assert pl.concat(list(rows.issues()))["value"].to_list() == [value] * 2
    (cause,) = causes(rows.issues(), rows.columns())
    assert cause.message.endswith(f"the shop has no such place: {value}.")
    assert "the operator changes the mapping" in cause.fix


def test_what_the_mapping_sets_in_some_rows_is_marked_in_those_as_they_have_it(on, clock, tmp_path):
    constant = '{ constant = "MAIN", when = { column = "place", is = "M" }, otherwise = "SIDE" }'
    text = WITH_CONSTANT.replace('{ constant = "MAIN" }', constant)
    settings = HostileSettings(log=tmp_path / "log", fields=("sku", "quantity", "warehouse"), gathers=True)
    rig = on(Picky(settings, clock=clock, account="there", name="there"), tmp_path / "gateway", text)
    run = rig.put("stock.csv", "sku,quantity,place\na,1,M\nb,2,S\n")
    values = [f"{name} (set by the mapping, which the operator can change)" for name in ("MAIN", "SIDE")]
    assert rig.results(run)["value"].to_list() == values
    assert pl.concat(list(rig.settler.rows(rig.operations.run(run)).issues()))["value"].to_list() == values


def test_a_row_that_the_mapping_sets_nothing_in_has_nothing_marked(on, clock, tmp_path):
    constant = '{ constant = "MAIN", when = { column = "place", is = "M" } }'
    text = WITH_CONSTANT.replace('{ constant = "MAIN" }', constant)
    settings = HostileSettings(log=tmp_path / "log", fields=("sku", "quantity", "warehouse"), gathers=True)
    rig = on(Picky(settings, clock=clock, account="there", name="there"), tmp_path / "gateway", text)
    run = rig.put("stock.csv", "sku,quantity,place\na,1,S\n")
    assert rig.results(run)["value"].to_list() == [None]


# ------------------------------------------------------------ who refused


def test_the_verdict_says_which_rows_the_gateway_refused_and_which_the_destination(rigs):
    rig = rigs(Step(does="refuse", keys=("c\x1f", "d\x1f")), gathers=True, unknown=("b\x1f",))
    run = rig.put("stock.csv", "sku,quantity\na,1\nb,2\nc,3\nd,4\n")
    told = "1 was refused by the gateway, by the rules of there and 2 were refused by there: see errors.csv."
    assert rig.operations.summary(run).verdict == f"1 of 4 rows took effect; {told}"
    assert said_of(rig.operations.run(run)) == f"1 of 4 rows took effect; {told}"


def test_a_row_is_refused_by_the_destination_where_that_refused_one_of_its_effects(rigs):
    offer = Further(name="offer", family="offer", fields=("sku", "quantity"), gathers=True)
    rig = rigs(Step(does="refuse", keys=("a\x1f",)), further=(offer,), unknown=("a\x1f", "b\x1f"))
    run = rig.put("stock.csv", "sku,quantity\na,1\nb,2\n", times=2)
    assert "1 was refused by the gateway, by the rules of there and 1 was refused by there" in said_of(
        rig.operations.run(run)
    )


# ------------------------------------------------------------ the field that is meant

COLUMNS = {"sku": "Art", "price": "Preis", "starts_at": "Von", "name": "Titel", "attributes.colour": "Farbe"}


def field_of(text, code="DEST_REFUSED", field=None):
    words = Worded(Pinned.model_construct(columns=COLUMNS, constants={"tax_rate": "21"}, dates={}))
    told = {ROW: 2, "code": code, "detail": text, "place": 0, "gravity": 0, "item": "", "field": field}
    (said,) = words.said(pl.DataFrame([told], schema=EXTRA_SCHEMA)).select("field", "value").rows()
    return said


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("The attribute 'price' is required", "price"),
        ("Attribute colour has no value 'X'", "attributes.colour"),
        ('"attributes.colour" is not of the list', "attributes.colour"),
        ("Price: must be above 0", "price"),
        ("starts_at is past", "starts_at"),
        ("value of property name is too long", "name"),
    ],
)
def test_a_refusal_is_of_the_field_that_its_text_names(text, field):
    assert field_of(text) == (field, None)


@pytest.mark.parametrize(
    "text",
    [
        "The price is too low", "name of the offer unknown", "'price' and 'name' do not fit", "'prices' are closed",
        "no such field", "starts_at_all is past", None,
    ],
)  # fmt: skip
def test_a_text_that_names_none_or_several_leaves_the_field_open(text):
    assert field_of(text) == (None, None)


def test_what_is_said_otherwise_is_not_searched_for_names():
    assert field_of("'price' is odd", field="sku") == ("sku", None)
    assert field_of("'price' is odd", code="DEST_UNCERTAIN") == (None, None)
    assert field_of("'tax_rate' is odd") == ("tax_rate", "21 (set by the mapping, which the operator can change)")
