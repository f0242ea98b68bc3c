"""Traits of fields that no contract has, for tests of the mapping alone."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields

from gateway.model import FieldTraits


def traits(**sets: Collection[str]) -> FieldTraits:
    """Return traits of the sets given; the others are empty. Raises TypeError for a name that is no trait."""
    every = dict.fromkeys((one.name for one in fields(FieldTraits)), ())
    return FieldTraits(**{name: frozenset(names) for name, names in {**every, **sets}.items()})
