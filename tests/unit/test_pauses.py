"""Pauses that grow: from the first one, doubled, up to the longest, however often it failed."""

from __future__ import annotations

from gateway.pauses import growing


def test_a_pause_is_doubled_until_it_is_the_longest():
    assert [growing(fails, first=2.0, longest=30.0) for fails in range(6)] == [2, 4, 8, 16, 30, 30]


def test_nothing_is_too_often():
    assert growing(10**6, first=0.5, longest=600.0) == 600
