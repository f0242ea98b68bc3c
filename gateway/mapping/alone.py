"""The records of a file each by itself: read once more, with their cells filled down as when they were mapped."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.formats.layout import Layout
from gateway.mapping.applier import Applier
from gateway.mapping.compiler import compile_filling
from gateway.mapping.paths import Overlooked
from gateway.mapping.spec import MappingFile
from gateway.model import FieldTraits, Table

TREES = frozenset({"xml", "json"})
"""Kinds of file in which a column is a path that a record may be without."""


def reading_layout(mapping: MappingFile) -> Layout:
    """Return the layout with the columns the mapping wants, where the reader can use the hint."""
    layout: Layout = mapping.format
    if layout.kind in TREES and "columns" in type(layout).model_fields:
        return layout.model_copy(update={"columns": mapping.wanted()})
    return layout


def standing_alone(mapping: MappingFile, traits: FieldTraits, tables: Iterator[Table]) -> Iterator[Table]:
    """Yield the tables of a file with cells filled from rows above; those of a mapping that fills none as they come.

    `traits`: of the contract. `tables`: read by `reading_layout`. Raises what compiling the mapping raises.
    """
    if not mapping.fill_down:
        yield from tables
        return
    applier: Applier | None = None
    overlooked = Overlooked(mapping) if mapping.format.kind in TREES else None
    for table in tables:
        if applier is None:
            applier = compile_filling(mapping, table.headers, traits)
        yield applier.filled(table if overlooked is None else overlooked.marked(table))
