"""Movements to levels: signs by a table, sums per record, known levels from where the mapping says."""

from __future__ import annotations

import pytest
from support.traits import traits

from gateway.errors import SettingsError
from gateway.mapping import compile_mapping
from gateway.model import ROW

LEVELS = "code,level,counted\nA,10,2026-09-14\nB,0,2026-09-14\nE,2.5,2026-09-14\n"
GROUP = '[group]\nby = ["sku"]\n'
FIELDS = '[fields]\nsku = "code"\nquantity = { column = "qty", number = "1,234.5" }\n'
MOVEMENTS = """
[movements]
field = "quantity"
sign = { column = "type", words = { AI = "+", GI = "+", AO = "-", GO = "-" } }
levels = { file = "levels.csv", by = "code", level = "level", day = "counted" }
day = { column = "date", date = "dd/MM/yyyy" }
"""


@pytest.fixture
def levelled(load):
    def run(body: str, *tables, levels: str = LEVELS):
        mapping = load(body, files={"levels.csv": levels})
        made = compile_mapping(mapping, tables[0].headers, traits(), again=lambda: iter(tables))
        return [made.apply(one) for one in tables]

    return run


def rows(table, *cells, first=2):
    names = ("type", "code", "date", "qty")
    return table({name: [row[place] for row in cells] for place, name in enumerate(names)}, first=first)


def test_every_row_of_a_record_tells_its_level_after_all_rows(levelled, table) -> None:
    first = rows(table, ("GI", "A", "15/09/2026", "1,250"), ("GO", "B", "15/09/2026", "0"))
    second = rows(table, ("AO", "A", "16/09/2026", "0.25"), ("GO", "E", "15/09/2026", "2.5"), first=4)
    drafts = levelled(GROUP + FIELDS + MOVEMENTS, first, second)
    assert [draft.frame.rows() for draft in drafts] == [
        [(2, 102, "A", "1259.75"), (3, 103, "B", "0")],
        [(4, 104, "A", "1259.75"), (5, 105, "E", "0")],
    ]
    assert all(draft.issues.height == 0 and draft.skipped.height == 0 for draft in drafts)


def test_a_level_may_be_below_zero_in_between(levelled, table) -> None:
    source = rows(table, ("GO", "B", "15/09/2026", "3"), ("GI", "B", "15/09/2026", "5"))
    (draft,) = levelled(GROUP + FIELDS + MOVEMENTS, source)
    assert draft.frame["quantity"].to_list() == ["2", "2"]


def test_without_a_known_level_a_row_is_told_so_and_has_none(levelled, table) -> None:
    source = rows(table, ("GI", "C", "15/09/2026", "1"), ("GI", "A", "15/09/2026", "1"))
    (draft,) = levelled(GROUP + FIELDS + MOVEMENTS, source)
    assert draft.frame["quantity"].to_list() == [None, "11"]
    assert draft.issues.rows() == [(2, 102, "MAP_NO_BASELINE", "quantity", "C", "levels.csv")]


def test_movements_up_to_the_levels_day_are_in_the_level_already(levelled, table) -> None:
    source = rows(table, ("GI", "A", "14/09/2026", "5"), ("GI", "A", "15/09/2026", "1"), ("GI", "B", "01/09/2026", "7"))
    (draft,) = levelled(GROUP + FIELDS + MOVEMENTS, source)
    assert draft.frame.select(ROW, "quantity").rows() == [(3, "11")]
    assert draft.skipped["detail"].to_list() == [
        "the level of 2026-09-14 has this movement of 2026-09-14 in it",
        "the level of 2026-09-14 has this movement of 2026-09-01 in it",
    ]


def test_what_cannot_be_counted_is_told_once_and_with_the_partners_word(levelled, table) -> None:
    source = rows(
        table,
        ("XX", "A", "15/09/2026", "1"),
        ("GI", "A", "15/09/2026", "-1"),
        ("GI", "A", "15/09/2026", ""),
        ("", "A", "15/09/2026", "1"),
        ("GI", "A", "", "1"),
        ("GI", "A", "soon", "1"),
        ("GI", "A", "15/09/2026", "few"),
        ("GI", "A", "15/09/2026", "0." + "0" * 12 + "1"),
        ("GI", "", "15/09/2026", "1"),
    )
    (draft,) = levelled(GROUP + FIELDS + MOVEMENTS, source)
    assert draft.frame["quantity"].to_list() == [None] * 9
    assert draft.issues.select(ROW, "code", "field", "value").rows() == [
        (2, "MAP_LOOKUP", "type", "XX"),
        (3, "MAP_MOVEMENT", "quantity", "A"),
        (4, "MAP_MOVEMENT", "quantity", "A"),
        (5, "MAP_MOVEMENT", "quantity", "A"),
        (6, "MAP_MOVEMENT", "quantity", "A"),
        (7, "MAP_DATE", "date", "soon"),
        (8, "MAP_NUMBER", "quantity", "few"),
        (9, "MAP_MOVEMENT", "quantity", "A"),
    ]
    assert draft.issues["detail"].to_list()[1:4] == [
        "type says whether it is added, so its quantity can't be below 0",
        "it says no quantity",
        "type does not say + or -",
    ]


OPENING = """
[movements]
field = "quantity"
opening = { column = "opening", number = "1,234.5" }
"""


def test_the_rows_may_tell_the_level_before_them_and_the_sign(levelled, table) -> None:
    cells = {
        "code": ["A", "A", "B", "C", "A", "D"],
        "qty": ["-2", "5", "1", "1", "1", "-1"],
        "opening": ["1,000", "", "0", "", "999", "1"],
    }
    (draft,) = levelled(GROUP + FIELDS + OPENING, table(cells))
    assert draft.frame["quantity"].to_list() == ["1004", "1004", "1", None, None, "0"]
    assert draft.issues.select(ROW, "code", "detail").rows() == [
        (5, "MAP_NO_BASELINE", "column opening"),
        (6, "MAP_MOVEMENT", "its opening level is 999, not 1000 as in the rows above"),
    ]


def test_records_may_be_named_by_several_fields(levelled, table) -> None:
    body = '[group]\nby = ["sku", "warehouse"]\n' + FIELDS + 'warehouse = "w"\n[movements]\nfield = "quantity"\n'
    body += 'levels = { file = "levels.csv", by = ["code", "store"], level = "level" }\n'
    cells = {"code": ["A", "A", "A", "A"], "w": ["N", "S", "", None], "qty": ["1", "1", "-1", "-1"]}
    (draft,) = levelled(body, table(cells), levels="store,code,level\nN,A,5\n,A,9\n")
    assert draft.frame["quantity"].to_list() == ["6", None, "7", "7"]
    assert draft.issues["value"].to_list() == ["A / S"]


def test_the_levels_are_part_of_the_mapping(load) -> None:
    mapping = load(GROUP + FIELDS + MOVEMENTS, files={"levels.csv": LEVELS})
    assert [path.name for path in mapping.sources] == ["feed.toml", "levels.csv"]
    assert mapping.levels[("E",)] == ("2.5", "2026-09-14")


def test_a_mapping_with_movements_must_be_told_how_to_read_the_file_again(load, applier) -> None:
    with pytest.raises(ValueError, match="reads the file twice"):
        applier(load(GROUP + FIELDS + MOVEMENTS, files={"levels.csv": LEVELS}), ("type", "code", "date", "qty"))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (FIELDS + MOVEMENTS, "movements needs [group]"),
        (GROUP + 'sum = ["quantity"]\n' + FIELDS + MOVEMENTS, "movements sums 'quantity' already"),
        (GROUP + FIELDS + MOVEMENTS.replace('field = "quantity"', 'field = "count"'), "names 'count', which [fields]"),
        (GROUP + FIELDS + '[movements]\nfield = "quantity"\n', "a level is never taken to be 0"),
        (GROUP + FIELDS + MOVEMENTS.replace(', day = "counted"', ""), "day and levels.day belong together"),
        (GROUP + FIELDS + MOVEMENTS.replace('AO = "-"', 'AO = "minus"'), 'makes "+" or "-" of each kind'),
        (GROUP + FIELDS + MOVEMENTS.replace('"code", level', '["code", "x"], level'), "names 2 columns, group.by 1"),
        (GROUP + FIELDS + MOVEMENTS.replace("levels.csv", "../l.csv"), "must lie in the mapping's folder"),
        (GROUP + FIELDS + MOVEMENTS.replace('level = "level"', 'level = "lvel"'), "did you mean 'level'?"),
        (GROUP + FIELDS + MOVEMENTS.replace("sign =", "sgn ="), "unknown key 'sgn' in movements: did you mean 'sign'?"),
    ],
)
def test_faults_of_movements_are_told(load, body: str, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(body, files={"levels.csv": LEVELS})
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("F,,2026-09-14", "the level '' is no number"),
        ("F,few,2026-09-14", "the level 'few' is no number"),
        ("F,1,14/09/2026", "the day '14/09/2026' of the level is none"),
        ("A,1,2026-09-14", "the level of 'A' stands twice"),
        ("F,1", "the line has 2 cells"),
    ],
)
def test_faults_of_the_levels_are_told_with_their_line(load, line: str, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(GROUP + FIELDS + MOVEMENTS, files={"levels.csv": f"{LEVELS}{line}\n"})
    assert said in str(caught.value)
    assert caught.value.faults[0].where.endswith("levels.csv:5")
