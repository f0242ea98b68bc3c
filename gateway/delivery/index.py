"""Keys in memory, found by place or by hash and then compared: what rows meet without being cut into parts."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

_BITS = 22
"""First bits of a hash by which most keys that are not there are told: one in five passes beside a million others."""


class Index:
    """Places of distinct keys (String) in a column of them."""

    def __init__(self, keys: pl.Series) -> None:
        self._keys = keys.rechunk()
        self._next = 0
        """Place after the last key that was found: a file that comes again mostly has the same order."""

    def find(self, keys: pl.Series) -> pl.Series:
        """Return the place of each key (UInt32); null for those that are not in the column."""
        if not self._keys.len():
            return pl.repeat(None, keys.len(), dtype=pl.UInt32, eager=True)
        places = pl.int_range(self._next, self._next + keys.len(), dtype=pl.UInt32, eager=True)
        same = self._same(places, keys)
        left = ~same
        if left.all():
            places = self._looked_up(keys)
        elif left.any():
            places = pl.select(pl.when(same).then(places)).to_series()
            places = places.scatter(left.arg_true(), self._looked_up(keys.filter(left)))
        if keys.len() and places[-1] is not None:
            self._next = places[-1] + 1
        return places

    def _same(self, places: pl.Series, keys: pl.Series) -> pl.Series:
        """Say which keys stand at their place."""
        first, end = self._next, min(self._next + keys.len(), self._keys.len())
        same = (self._keys.slice(first, end - first) == keys.head(end - first)).fill_null(value=False)
        return same.extend_constant(value=False, n=places.len() - same.len())

    def _looked_up(self, keys: pl.Series) -> pl.Series:
        known, order, longest = self._sorted
        found = np.zeros(keys.len(), dtype=np.uint32)
        there = np.zeros(keys.len(), dtype=np.bool_)
        hashes = _hashes(keys)
        asked = np.flatnonzero(self._begun[_begin(hashes)])  # the others are surely not there
        asked = asked[np.argsort(hashes[asked])]  # neighbours are looked up one after another: five times as fast
        low, keys = np.searchsorted(known, hashes[asked]), keys.gather(asked)
        for step in range(longest if asked.size else 0):  # more than one where different keys have one hash
            place = order[np.minimum(low + step, order.size - 1)]
            same = (self._keys.gather(place) == keys).fill_null(value=False).to_numpy()
            found[asked[same]] = place[same]
            there[asked[same]] = True
        return pl.select(pl.when(pl.Series(there)).then(pl.Series(found))).to_series()

    @cached_property
    def _begun(self) -> npt.NDArray[np.bool_]:
        """Say which begins of a hash any key has."""
        begun = np.zeros(1 << _BITS, dtype=np.bool_)
        begun[_begin(self._sorted[0])] = True
        return begun

    @cached_property
    def _sorted(self) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint32], int]:
        """Hashes in their order, the places they belong to, and how many are alike at most."""
        hashes = _hashes(self._keys)
        order = np.argsort(hashes)
        hashes = hashes[order]
        begins = np.flatnonzero(np.concatenate(([True], hashes[1:] != hashes[:-1], [True])))
        return hashes, order.astype(np.uint32), int(np.diff(begins).max())


def _begin(hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    return hashes >> np.uint64(64 - _BITS)


def _hashes(keys: pl.Series) -> npt.NDArray[np.uint64]:
    hashes: npt.NDArray[np.uint64] = keys.hash(seed=7).to_numpy()
    return hashes
