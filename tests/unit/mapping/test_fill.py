"""Filling within rows that belong together."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from gateway.errors import FileError, SettingsError
from gateway.model import LINE, ROW, Kind

BODY = """
fill_down = ["Title", "Price"]
fill_within = ["Handle"]
[fields]
title = "Title"
price = { column = "Price", number = "1,234.5" }
"""


def split(body: str) -> str:
    fill, fields = body.split("[fields]")
    return fill, f"[fields]{fields}"


@pytest.fixture
def filled(load, applier):
    def run(fill: str, fields: str, *tables):
        head = (
            f'contract = "catalog"\nversion = 1\n{fill}\n[format]\nkind = "csv"\ndelimiter = ","\nencoding = "utf-8"\n'
        )
        mapping = load(fields, head=head)
        made = applier(mapping, tables[0].headers)
        return [made.apply(one) for one in tables]

    return run


def test_cells_are_filled_from_rows_of_the_same_record_only(filled, table) -> None:
    source = table(
        {
            "Handle": ["a", "a", "b", "b", "a", ""],
            "Title": ["A", "", "", "", None, ""],
            "Price": ["0", "", "2", "3", "", ""],
        }
    )
    (draft,) = filled(*split(BODY), source)
    assert draft.frame["title"].to_list() == ["A", "A", "", "", "A", ""]
    assert draft.frame["price"].to_list() == ["0", "0", "2", "3", "0", ""]


def test_records_go_on_over_blocks(filled, table) -> None:
    first = table({"Handle": ["a", "b"], "Title": ["A", None], "Price": ["1", ""]})
    second = table(
        {"Handle": ["b", "a", "c", "b"], "Title": [None, "", None, "B"], "Price": ["", "", "", "7"]}, first=4
    )
    third = table({"Handle": ["b"], "Title": [""], "Price": [""]}, first=8)
    drafts = filled(*split(BODY), first, second, third)
    assert [draft.frame["title"].to_list() for draft in drafts] == [["A", None], [None, "A", None, "B"], ["B"]]
    assert [draft.frame["price"].to_list() for draft in drafts] == [["1", ""], ["", "1", "", "7"], ["7"]]


def test_a_continuation_row_takes_its_article_and_what_belongs_to_it(filled, table) -> None:
    fill = 'fill_down = ["articulo", "precio"]\nfill_within = ["articulo"]'
    fields = '[fields]\nsku = "articulo"\nprice = "precio"\n'
    source = table({"articulo": ["A1", "", "", "A2", ""], "precio": ["9", "", "8", "", ""]})
    (draft,) = filled(fill, fields, source)
    assert draft.frame["sku"].to_list() == ["A1", "A1", "A1", "A2", "A2"]
    assert draft.frame["price"].to_list() == ["9", "9", "8", "", ""]


def test_of_several_columns_the_first_filled_one_says_what_belongs_together(filled, table) -> None:
    fill = 'fill_down = ["Name"]\nfill_within = ["Parent", "SKU"]'
    fields = '[fields]\nname = "Name"\n'
    source = table({"SKU": ["P", "P-1", "Q", "P-2"], "Parent": ["", "P", "", " P "], "Name": ["Shirt", "", "Hat", ""]})
    (draft,) = filled(fill, fields, source)
    assert draft.frame["name"].to_list() == ["Shirt", "Shirt", "Hat", "Shirt"]


def test_a_copy_of_a_faulty_cell_is_faulty_in_the_same_record_only(filled, table) -> None:
    first = table(
        {"Handle": ["a", "b"], "Title": ["#N/A", "B"], "Price": ["1", "2"]}, issues=[(2, "CELL_ERROR", "Title", "#N/A")]
    )
    second = table({"Handle": ["b", "a", "a"], "Title": ["", "", "A"], "Price": ["", "", ""]}, first=4)
    drafts = filled(*split(BODY), first, second)
    assert drafts[1].issues.select(ROW, "code", "field").rows() == [(5, "MAP_FILL", "title")]
    assert drafts[1].frame["title"].to_list() == ["B", None, "A"]


def test_a_filled_number_stays_typed(filled, table) -> None:
    kinds = {"Price": [Kind.NUMBER, Kind.EMPTY, Kind.TEXT, Kind.EMPTY]}
    source = table(
        {"Handle": ["a", "a", "b", "b"], "Title": ["A"] * 4, "Price": ["1.234", "", "1,234", ""]}, kinds=kinds
    )
    fill, fields = split(BODY)
    (draft,) = filled(fill, fields.replace("1,234.5", "1.234,5"), source)
    assert draft.frame["price"].to_list() == ["1.234", "1.234", "1.234", "1.234"]


def test_within_needs_something_to_fill(load) -> None:
    layout = '[format]\nkind = "csv"\ndelimiter = ","\nencoding = "utf-8"\n'
    head = f'contract = "catalog"\nversion = 1\nfill_within = ["a"]\n{layout}'
    with pytest.raises(SettingsError, match="fill_within belongs to fill_down"):
        load('[fields]\nsku = "a"\n', head=head)


def test_rows_left_out_before_filling_give_nothing_to_rows_below(filled, table) -> None:
    fill = 'fill_down = ["sku"]'
    fields = '[fields]\nsku = "sku"\n[[filter]]\nskip = { column = "kind", is = "head" }\nbefore_fill = true\n'
    fields += '[[filter]]\nskip = { column = "kind", is = "sum" }\n'
    source = table({"kind": ["head", "row", "head", "row", "sum", "row"], "sku": ["SKU", "a", "SKU", "", "b", ""]})
    (draft,) = filled(fill, fields, source)
    assert draft.frame["sku"].to_list() == ["a", "a", "b"]
    assert draft.skipped[ROW].to_list() == [2, 4, 6]


def alone(draft):
    """Cells of the block as each record has them by itself."""
    return draft.filled.table.frame.select(pl.exclude(ROW, LINE)).rows()


def test_each_record_stands_by_itself_and_says_whose_value_it_took(filled, table) -> None:
    first = table({"Handle": ["a", "b", "a"], "Title": ["A", "B", ""], "Price": ["1", None, "3"]})
    second = table({"Handle": ["b", "a"], "Title": [None, " "], "Price": ["", ""]}, first=5)
    drafts = filled(*split(BODY), first, second)
    assert [alone(draft) for draft in drafts] == [
        [("a", "A", "1"), ("b", "B", None), ("a", "A", "3")],
        [("b", "B", ""), ("a", "A", "3")],
    ]
    assert [draft.filled.above.rows() for draft in drafts] == [
        [(2, None, None), (3, None, None), (4, 2, None)],
        [(5, 3, None), (6, 2, 4)],
    ]


@pytest.mark.parametrize("within", ["", 'fill_within = ["Handle"]'])
def test_what_would_be_copied_from_a_faulty_row_names_it(filled, table, within) -> None:
    fill, fields = split(BODY)
    fill = fill.replace('fill_within = ["Handle"]', within)
    first = table({"Handle": ["a"] * 3, "Title": ["A", "", "B"], "Price": ["1", "", ""]})
    broken = replace(first, issues=table({"x": [""]}, issues=[(2, "ROW_TOO_LONG", None, "")]).issues)
    second = table(
        {"Handle": ["a"] * 3, "Title": ["", "", "C"], "Price": ["", "5", ""]},
        first=5,
        issues=[(5, "ROW_TOO_SHORT", None, "")],
    )
    drafts = filled(fill, fields, broken, second)
    assert [alone(draft) for draft in drafts] == [
        [("a", "A", "1"), ("a", "[row 2]", "[row 2]"), ("a", "B", "[row 2]")],
        [("a", "B", "[row 2]"), ("a", "[row 5]", "5"), ("a", "C", "5")],
    ]
    told = drafts[1].issues.filter(code="MAP_FILL").select(ROW, "field", "detail").rows()
    assert told == [(5, "price", "row 2"), (6, "title", "row 5")]


def test_a_typed_cell_that_can_not_be_copied_is_a_text(filled, table) -> None:
    source = table(
        {"Handle": ["a", "a"], "Title": ["A", ""], "Price": ["1.5", ""]},
        kinds={"Price": [Kind.NUMBER, Kind.EMPTY]},
        issues=[(2, "CELL_ERROR", "Price", "#N/A")],
    )
    (draft,) = filled(*split(BODY), source)
    assert alone(draft)[1] == ("a", "A", "[row 2]")
    assert draft.filled.table.kinds["c2"].to_list() == [Kind.NUMBER, Kind.TEXT]


def test_nothing_is_filled_in_an_errors_file_that_is_back(filled, table) -> None:
    source = table({"Handle": ["a", "a", "a"], "Title": ["A", "", " [row 7] "], "Price": ["1", "", "2"]})
    links = source.frame.select(ROW, first_run=pl.lit("R"), first_row=pl.lit(2, pl.Int64))
    later = table({"Handle": ["a"], "Title": [""], "Price": [""]}, first=5)  # a block in which nobody left our columns
    drafts = filled(*split(BODY), replace(source, links=links), later)
    assert drafts[0].frame["title"].to_list() == ["A", "", None]
    assert drafts[0].issues.select(ROW, "code", "field", "value", "detail").rows() == [
        (4, "MAP_FILL", "title", None, "row 7")
    ]
    assert drafts[1].frame["title"].to_list() == [""]
    assert [draft.filled for draft in drafts] == [None, None]


FEED = """
fill_down = ["Title", "Brand"]
fill_within = ["Handle"]
[fields]
title = { column = ["Title", "Name"] }
brand = { column = "Brand", optional = true }
sku = "Handle"
"""


def test_a_column_is_filled_by_any_of_its_names_and_may_be_absent_where_its_field_may(filled, table) -> None:
    (draft,) = filled(*split(FEED), table({"Handle": ["a", "a"], "Name": ["A", ""]}))
    assert draft.frame["title"].to_list() == ["A", "A"]
    assert draft.frame["brand"].to_list() == [None, None]


def test_a_file_without_the_column_that_says_what_belongs_together_is_told_the_setting_and_its_columns(
    filled, table
) -> None:
    fill, fields = split(FEED.replace('sku = "Handle"', ""))
    with pytest.raises(FileError) as caught:
        filled(fill, fields, table({"Handel": ["a"], "Title": ["A"], "Brand": ["B"]}))
    said = "'Handle' for fill_within (line 5 of feed.toml) (the nearest in the file is 'Handel' in column 1)"
    assert f"{said}; the file has 'Handel', 'Title', 'Brand'." in caught.value.message
