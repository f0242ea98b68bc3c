from dataclasses import MISSING, fields, replace
from decimal import Decimal
from typing import Annotated

import jsonschema
import polars as pl
import pytest

from gateway.contracts import Contract, RecordModel, contract, contracts
from gateway.contracts.fields import Code, Quantity, Text
from gateway.contracts.rules import not_after, unique_key
from gateway.errors import SettingsError
from gateway.model import KEY, KEY_SEPARATOR, FieldTraits
from gateway.routes import Route


def declared(model, **more):
    return Contract(name="toy", version=1, title="Toy", model=model, key=("sku",), **more)


class Toy(RecordModel):
    sku: Annotated[str, Code(9)]
    amount: Annotated[Decimal, Quantity()] | None = None


def test_a_field_outside_the_vocabulary_is_refused_by_name():
    class Loose(RecordModel):
        sku: Annotated[str, Code(9)]
        amount: int

    with pytest.raises(TypeError, match=r"Loose\.amount is declared as .*int.*Quantity"):
        declared(Loose)


def test_a_subclass_of_a_vocabulary_type_is_outside_it():
    class Sly(Text):
        pass

    class Record(RecordModel):
        sku: Annotated[str, Sly(9)]

    with pytest.raises(TypeError, match=r"Record\.sku"):
        declared(Record)


@pytest.mark.parametrize("annotation", [Annotated[float, Quantity()], Annotated[str, Code(9), Text(9)], str])
def test_python_type_and_vocabulary_type_must_fit(annotation):
    record = type("Record", (RecordModel,), {"__annotations__": {"sku": annotation}, "__module__": __name__})
    with pytest.raises(TypeError, match=r"Record\.sku"):
        declared(record)


def test_a_rule_that_reads_an_unknown_field_is_refused():
    with pytest.raises(ValueError, match="does not have: ghost"):
        declared(Toy, rules=(not_after("ghost", "x"),))


def test_a_key_or_group_that_is_no_field_is_refused():
    with pytest.raises(ValueError, match="does not have: herd"):
        declared(Toy, group="herd", rows_rules=(unique_key(("sku",)),))


def test_the_stock_contract_is_found_by_name():
    stock = contract("stock")
    assert stock in contracts()
    assert (stock.version, stock.key, stock.group) == (1, ("sku", "warehouse"), "product_id")


def test_a_mistyped_name_is_answered_with_the_nearest():
    with pytest.raises(SettingsError, match=r"no contract 'stok'.*Did you mean stock\?"):
        contract("stok")


def test_what_kinds_of_fields_there_are():
    stock = contract("stock")
    assert stock.required == {"sku"}
    assert stock.numeric == {"quantity", "minimum_to_sell", "maximum_sales_quantity"}
    assert stock.instants == {"valid_from", "timestamp"}
    assert stock.days == stock.flags == frozenset()


@pytest.mark.parametrize(
    ("filled", "lacking"),
    [
        ((), ("sku", "quantity")),
        (("sku",), ("quantity",)),
        (("sku", "command"), ()),
        (("quantity",), ("sku",)),
        (("sku", "quantity"), ()),
    ],
)
def test_which_fields_a_mapping_must_fill(filled, lacking):
    assert contract("stock").unfilled(filled) == lacking


def test_the_key_takes_missing_and_empty_alike():
    frame = pl.DataFrame({"sku": ["a", "a", "a"], "warehouse": [None, "", "W"]})
    keys = frame.select(contract("stock").key_expr()).to_series()
    assert keys.name == KEY
    assert keys.to_list() == [f"a{KEY_SEPARATOR}", f"a{KEY_SEPARATOR}", f"a{KEY_SEPARATOR}W"]


def test_the_key_of_a_frame_without_a_key_column():
    frame = pl.DataFrame({"sku": ["a", "b"]})
    keys = frame.select(contract("stock").key_expr(present=frame.columns)).to_series()
    assert keys.to_list() == [f"a{KEY_SEPARATOR}", f"b{KEY_SEPARATOR}"]


def test_complete_adds_null_text_and_keeps_the_rest():
    full = contract("stock").complete(pl.DataFrame({"other": [1], "sku": ["a"]}))
    assert full.columns[:2] == ["other", "sku"]
    assert full["quantity"].dtype == pl.String
    assert full["quantity"].to_list() == [None]


def test_typed_columns():
    typed = contract("stock").typed(pl.DataFrame({"sku": ["a"], "quantity": ["1.5"], "maximum_sales_quantity": ["3"]}))
    assert typed.row(0) == ("a", Decimal("1.5"), 3)


def test_values_of_one_record():
    values = contract("stock").values({"sku": "a", "quantity": "0", "warehouse": ""})
    assert (values["quantity"], values["warehouse"]) == (Decimal(0), None)


SOUND = {"sku": "a", "quantity": "0", "warehouse": "", "unit_name": None}


@pytest.mark.parametrize(
    ("record", "sound"),
    [
        (SOUND, True),
        ({"sku": "a", "command": "end"}, True),
        ({"sku": "a", "command": "upsert"}, False),
        ({"sku": "a"}, False),
        ({**SOUND, "sku": ""}, False),
        ({**SOUND, "quantity": 0}, False),
        ({**SOUND, "quantity": "1.50"}, False),
        ({**SOUND, "command": "drop"}, False),
        ({**SOUND, "stranger": "x"}, False),
    ],
)
def test_the_json_schema_judges_canonical_records(record, sound):
    schema = contract("stock").json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert jsonschema.Draft202012Validator(schema).is_valid(record) is sound


def test_the_template_row_is_a_sound_record():
    for one in contracts():
        header, example = one.template()
        assert tuple(header) == tuple(one.fields)
        assert one.row_verdict(dict(zip(header, example, strict=True))) == []


def test_pydantic_sees_text_only():
    found = contract("stock").row_verdict({"sku": "a", "quantity": 5})
    assert [(one.code, one.field) for one in found] == [("CANONICAL_TEXT", "quantity")]


def test_the_traits_of_a_contract_are_its_own_and_none_can_be_left_out():
    for one in contracts():
        assert all(getattr(one.traits, trait.name) == getattr(one, trait.name) for trait in fields(FieldTraits))
    assert all(trait.default is trait.default_factory is MISSING for trait in fields(FieldTraits))


def test_permits_are_no_fields():
    catalog = contract("catalog")
    assert catalog.permits
    for name in catalog.permits:
        assert not catalog.has(name)
        assert name not in catalog.json_schema()["properties"]
        assert name not in catalog.template()[0]
    with pytest.raises(ValueError, match=r"fields that are permits too: attributes\.x, sku"):
        replace(catalog, permits={"sku": "", "attributes.x": ""})


def test_routes_know_every_permit():
    route = Route(name="r", source="s", files=("*",), mapping="m", contract="catalog", feed="f", destination="d",
                  partner="p", owner="o")  # fmt: skip
    assert route.permits == frozenset()
    named = {name for one in contracts() for name in one.permits}
    assert route.model_copy(update=dict.fromkeys(named, True)).permits == named
