"""A file judged without a journal: what was counted on the way is what its answers say."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from gateway.pipeline import across, held
from gateway.pipeline.judge import check_file
from gateway.readers import reader_for
from gateway.readers.csv import CsvReader
from gateway.reports.causes import causes
from gateway.spool import read_block
from gateway.testing.texts import mapping
from gateway.wiring import contract_only

NOW = datetime(2026, 11, 22, tzinfo=UTC)
MAPPING = mapping(
    "stock",
    """sku = "sku"
product_id = "product"
unit_name = "unit"
quantity = { column = "level", number = "1.234,5" }
""",
    delimiter=";",
)
HEADER = "sku;product;unit;level\n"
ROWS = [
    *(f"s{n};p{n // 2};pieces;{n % 7}\n" for n in range(300)),
    *(f"b{n};p;pieces;viele\n" for n in range(40)),
    *(f"s{n};p;pieces;1\n" for n in range(20)),  # keys that stood before
    ";p;;1,50\n",
]


@pytest.fixture
def judged(tmp_path):
    def judge(rows, *, block=1 << 20, more=""):
        mapping = tmp_path / "mapping.toml"
        mapping.write_text(MAPPING + more, "utf-8")
        file = tmp_path / "stock.csv"
        file.write_text(HEADER + "".join(rows), "utf-8")
        (tmp_path / "work").mkdir()

        def read(path, layout):
            return CsvReader(block=block).tables(path, layout) if block else reader_for(layout).tables(path, layout)

        return check_file(file, contract_only(mapping), read, tmp_path / "work", now=NOW)

    return judge


@pytest.fixture(params=[0, 1000, 1 << 20], ids=["on the disk", "some in memory", "in memory"], autouse=True)
def where(request, monkeypatch):
    """Where hashes and blocks are kept: the answers are the same."""
    monkeypatch.setattr(across, "_HELD", request.param)
    monkeypatch.setattr(held, "_HELD", request.param)


@pytest.mark.parametrize("block", [64, 1000, 1 << 20])
def test_causes_counted_while_reading_are_those_of_all_issues(judged, block):
    found = judged(ROWS, block=block)
    assert found.causes() == causes(found.rows().issues(), found.readout.columns)
    assert {(cause.code, cause.count) for cause in found.causes()} == {
        ("DUPLICATE_KEY", 40),
        ("MAP_NUMBER", 40),
        ("NOT_BLANK", 1),
    }


def test_an_issue_found_late_that_is_like_an_early_one_is_counted_with_it(judged):
    found = judged(["a;p;pieces;viele\n", "b;p;pieces;1\n"])
    early = found.folder.issue_block(0)
    late = early.with_columns(pl.lit(3, pl.Int64).alias("@row"), pl.lit(3, pl.Int64).alias("@line"))
    assert found.tally is not None
    assert found.tally.knows(late)
    assert not found.tally.knows(late.with_columns(code=pl.lit("DUPLICATE_KEY")))
    assert not found.tally.knows(late.clear())


def test_asking_for_the_causes_twice_gives_the_same(judged):
    found = judged(ROWS)
    assert found.causes() == found.causes()


def test_only_what_the_answers_and_rules_across_rows_need_is_kept(judged):
    found = judged(ROWS)
    (path,) = found.folder.paths()
    kept = read_block(path)
    assert "quantity" not in kept.columns
    assert {"@row", "@line", "@key", "@state", "product_id"} <= set(kept.columns)


def test_answers_have_every_row_and_the_errors_file_the_cells_as_they_came(judged, tmp_path):
    found = judged(ROWS)
    written = {path.name.removeprefix("stock.csv."): path for path in found.write(tmp_path / "out")}
    assert len(written["result.csv"].read_text("utf-8-sig").splitlines()) == len(ROWS) + 1
    errors = written["errors.csv"].read_text("utf-8-sig").splitlines()
    assert len(errors) == 40 + 40 + 1 + 1
    assert any(line.endswith("b7;p;pieces;viele") for line in errors)


def test_a_small_file_without_late_faults_leaves_nothing_on_the_disk(judged, tmp_path, monkeypatch):
    monkeypatch.setattr(held, "_HELD", 1 << 20)
    found = judged(ROWS[:340], block=1000)
    assert found.readout.bad == 40
    assert [path for path in (tmp_path / "work" / "run").rglob("*") if path.is_file()] == []
    assert len(list(found.rows().failed())) > 0


def test_of_a_large_file_the_blocks_lie_on_the_disk(judged, tmp_path, monkeypatch):
    monkeypatch.setattr(held, "LARGE", 10)
    judged(ROWS[:340], block=1000)
    assert len(list((tmp_path / "work" / "run" / "rows").iterdir())) > 1
