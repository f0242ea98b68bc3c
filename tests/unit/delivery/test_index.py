import numpy as np
import polars as pl

from gateway.delivery import index
from gateway.delivery.index import Index


def series(*keys):
    return pl.Series("@key", keys, dtype=pl.String)


def test_keys_are_found_in_any_order_and_unknown_ones_are_not():
    known = Index(series("a", "b", "c", "d", ""))
    assert known.find(series("d", "x", "a", "", None)).to_list() == [3, None, 0, 4, None]
    assert known.find(series("a")).to_list() == [0]
    assert known.find(series()).to_list() == []


def test_nothing_is_found_where_nothing_is_known():
    assert Index(series()).find(series("a", "b")).to_list() == [None, None]


def test_a_file_of_the_same_order_with_a_row_more_and_one_less():
    keys = [f"k{n}" for n in range(100)]
    known = Index(series(*keys))
    asked = [*keys[:20], "new", *keys[20:50], *keys[51:]]
    found = pl.concat([known.find(series(*asked[start : start + 10])) for start in range(0, len(asked), 10)])
    assert found.to_list() == [*range(20), None, *range(20, 50), *range(51, 100)]


def test_keys_of_one_hash_are_told_apart(monkeypatch):
    def same(keys):
        return np.zeros(keys.len(), dtype=np.uint64) + np.uint64(keys.len() > 0)

    monkeypatch.setattr(index, "_hashes", same)
    known = Index(series("a", "b", "c"))
    assert known.find(series("c", "a", "x", "b")).to_list() == [2, 0, None, 1]


def test_keys_whose_hashes_begin_alike_are_told_apart(monkeypatch):
    def close(keys):
        return pl.Series([{"a": 1, "b": 2, "x": 3, "y": 1 << 63}[key] for key in keys], dtype=pl.UInt64).to_numpy()

    monkeypatch.setattr(index, "_hashes", close)
    known = Index(series("a", "b"))
    assert known.find(series("x", "b", "y", "a")).to_list() == [None, 1, None, 0]
