"""Known keys that a rejected row gives other dates are not left out."""

import polars as pl
import pytest

from gateway.delivery.spared import moves, spared
from gateway.model import KEY

FIELDS = ("sku", "starts_at", "ends_at", "from_quantity")


def frame(*keys):
    return pl.DataFrame({KEY: ["\x1f".join(key) for key in keys]}, schema={KEY: pl.String})


RUNS = [("a", "1", "5", ""), ("a", "1", "5", "10"), ("b", "1", "5", "")]


@pytest.mark.parametrize(
    ("rejected", "found"),
    [
        ([("a", "1", "6", "")], [RUNS[0]]),
        ([("a", "2", "9", "10")], [RUNS[1]]),
        ([("a", "1", "5", "")], []),
        ([("c", "1", "5", "")], []),
        ([], []),
    ],
)
def test_what_differs_in_its_dates_alone_is_spared(rejected, found):
    known = [frame(*RUNS[:2]), frame(*RUNS[1:])]
    assert spared(FIELDS, known, [frame(*rejected)]).sort(KEY).equals(frame(*found))


def test_only_dates_of_a_key_can_be_others():
    assert moves(FIELDS)
    assert not moves(("sku", "warehouse"))
