"""The escape hatch: Python functions that mappings name. A function takes String columns and gives one back."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points

import polars as pl

GROUP = "gateway.transforms"

Transform = Callable[..., pl.Series]
"""Takes one String column per column the mapping names (null is missing, "" empty), all of one length, and returns
a column of that length. It raises for a value it can't work out; it keeps nothing between calls."""


class FunctionError(Exception):
    """There is no such function; the message says what was looked for."""


def find_function(name: str) -> Transform:
    """Return the function of that name: package.module:name, or an entry point. Raises FunctionError."""
    if ":" not in name:
        found = entry_points(group=GROUP, name=name)
        if not found:
            known = ", ".join(sorted(point.name for point in entry_points(group=GROUP))) or "none"
            raise FunctionError(f"no installed package offers {name!r} as {GROUP} (there are: {known})")
        name = next(iter(found)).value
    module, _, path = name.partition(":")
    try:
        function = importlib.import_module(module)
        for part in path.split("."):
            function = getattr(function, part)
    except Exception as error:
        raise FunctionError(f"{name!r} can't be imported ({type(error).__name__}: {error})") from error
    if not callable(function):
        raise FunctionError(f"{name!r} is not a function")
    return function


def _fault(result: object, size: int) -> str:
    """Say what is wrong with what a function gave back, or "": no single row is to blame for it."""
    if not isinstance(result, pl.Series):
        return f"the function gave back {type(result).__name__}, not a column"
    if result.len() != size:
        return f"the function gave back {result.len()} values for {size} rows"
    return "" if result.dtype == pl.String else f"the function gave back a column of {result.dtype}, not of text"


def call(function: Transform, columns: Sequence[pl.Series]) -> tuple[pl.Series, dict[int, str]]:
    """Apply a function; return its column and the fault (exception text) per place where it fails.

    A failing block is halved until the failing rows stand alone: good rows never suffer for bad ones.
    """
    size = columns[0].len()
    nothing = pl.Series([None], dtype=pl.String)
    if size == 0:
        return nothing.clear(), {}
    try:
        result = function(*columns)
    except Exception as error:  # noqa: BLE001  whatever a foreign function raises is a fault of its row
        if size == 1:
            return nothing, {0: f"{type(error).__name__}: {error}"}
    else:
        fault = _fault(result, size)
        if fault == "":
            return result, {}
        return nothing.new_from_index(0, size), dict.fromkeys(range(size), fault)
    half = size // 2
    left, faults = call(function, [column.head(half) for column in columns])
    right, more = call(function, [column.slice(half) for column in columns])
    return pl.concat([left, right]), faults | {half + place: fault for place, fault in more.items()}
