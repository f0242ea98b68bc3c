"""What the mapping computes is exact: movements sum to the level they say, chained rates to the rate they are."""

from __future__ import annotations

from decimal import Context, Decimal

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from support.traits import traits

from gateway.mapping import MappingFile, compile_mapping
from gateway.mapping.numbers import Number
from gateway.mapping.rates import Chained
from gateway.model import LINE, ROW, Table

patient = settings(deadline=None, max_examples=40)  # a loaded machine is no fault of the mapping
CONTEXT = Context(prec=500)

MAPPING = MappingFile.model_validate(
    {
        "contract": "stock",
        "version": 1,
        "format": {"kind": "csv", "delimiter": ";", "encoding": "utf-8"},
        "fields": {"sku": "code", "quantity": {"column": "qty", "number": "1234,5"}},
        "group": {"by": ["sku"]},
        "movements": {
            "field": "quantity",
            "sign": {"column": "kind", "words": {"in": "+", "out": "-"}},
            "opening": {"column": "opening", "number": "1234,5"},
        },
    }
)

numbers = st.decimals(0, Decimal(10) ** 18 - 1, allow_nan=False, allow_infinity=False, places=12) | st.sampled_from(
    [Decimal(0), Decimal("0.000000000001"), Decimal(10) ** 18 - 1]
)
moves = st.tuples(st.sampled_from("ABC"), st.sampled_from(["in", "out"]), numbers)
levels = st.fixed_dictionaries({}, optional={"A": numbers, "B": numbers})


def tables(rows: list[tuple[str, str, Decimal]], opening: dict[str, Decimal], cut: int) -> list[Table]:
    def text(value: Decimal | None) -> str:
        return "" if value is None else f"{value:f}".replace(".", ",")

    cells = [(code, kind, text(quantity), text(opening.get(code))) for code, kind, quantity in rows]
    found = []
    for start in range(0, len(cells), cut):
        part = cells[start : start + cut]
        columns = {f"c{place}": [row[place] for row in part] for place in range(4)}
        origin = pl.Series(range(start, start + len(part)), dtype=pl.Int64)
        schema = {f"c{place}": pl.String for place in range(4)}
        frame = pl.DataFrame(columns, schema=schema).select(
            origin.alias(ROW), origin.alias(LINE), "c0", "c1", "c2", "c3"
        )
        found.append(Table(frame, ("code", "kind", "qty", "opening")))
    return found


@patient
@given(st.lists(moves, min_size=1, max_size=30), levels, st.integers(1, 10))
def test_movements_sum_exactly_whatever_the_blocks(
    rows: list[tuple[str, str, Decimal]], opening: dict[str, Decimal], cut: int
) -> None:
    blocks = tables(rows, opening, cut)
    applier = compile_mapping(MAPPING, blocks[0].headers, traits(), again=lambda: iter(blocks))
    drafts = [applier.apply(block) for block in blocks]
    expected = dict(opening)
    for code, kind, quantity in rows:
        if code in expected:
            move = CONTEXT.add if kind == "in" else CONTEXT.subtract  # a bare minus rounds to 28 digits
            expected[code] = move(expected[code], quantity)
    frame = pl.concat([draft.frame for draft in drafts])
    assert frame.height == len(rows)
    for code, level in frame.select("sku", "quantity").iter_rows():
        assert (level is None) == (code not in opening)
        if level is not None:
            assert Decimal(level) == expected[code]
            assert level == "0" or not level.startswith(("-0", "0", "+")) or "." in level
    issues = pl.concat([draft.issues for draft in drafts])
    assert set(issues["code"]) <= {"MAP_NO_BASELINE"}
    assert issues.height == sum(code not in opening for code, _, _ in rows)


rates = st.decimals(0, 100, allow_nan=False, allow_infinity=False, places=3) | st.sampled_from(
    [Decimal(0), Decimal(100)]
)
chains = st.lists(rates, min_size=1, max_size=5)


@patient
@given(st.lists(chains, min_size=1, max_size=20), st.booleans())
def test_chained_rates_are_exact(rows: list[list[Decimal]], long: bool) -> None:
    if long:  # so many digits that whole numbers of 128 bits don't hold them
        rows = [[*row, Decimal("0." + "1" * 30)] for row in rows]
    texts = pl.Series(["+".join(f"{rate:f}" for rate in row) for row in rows])
    read = Chained("+", Number()).run(texts, None)
    for row, text in zip(rows, read, strict=True):
        left = Decimal(100)
        for rate in row:
            left = CONTEXT.divide(CONTEXT.multiply(left, CONTEXT.subtract(Decimal(100), rate)), Decimal(100))
        assert Decimal(text) == CONTEXT.subtract(Decimal(100), left)
