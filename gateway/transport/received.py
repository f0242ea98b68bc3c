"""What another side sent, read as JSON: the one place where foreign text becomes lists and objects; pure."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import chain
from typing import Any

DEEPEST = 64
"""Levels of lists and objects in each other that are read: real answers have about six."""

_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def loaded(
    body: bytes,
    *,
    parse_float: Callable[[str], Any] | None = None,
    parse_int: Callable[[str], Any] | None = None,
) -> Any:
    """Return what JSON text in UTF-8 (or what its first bytes say) holds; numbers as `parse_float` and `parse_int` say.

    Raises ValueError for anything that is no JSON, for more levels than DEEPEST (whoever walks through the lists
    afterwards would run out of stack) and for numbers that can't be read.
    """
    try:
        data = json.loads(body, parse_float=parse_float, parse_int=parse_int)
    except (RecursionError, ArithmeticError) as error:
        raise ValueError(f"it is nested too deep or holds an impossible number ({type(error).__name__})") from error
    if not (_seen_shallow(body) or _shallow(data)):
        raise ValueError(f"it has more than {DEEPEST} lists and objects in each other")
    return data


def _seen_shallow(body: bytes) -> bool:
    """Whether the brackets alone show it: pairs are taken away level by level, and brackets in texts leave a rest."""
    rest = body.translate(None, _NO_BRACKETS)
    for _ in range(DEEPEST):
        if rest == b"":
            return True
        before = len(rest)
        rest = rest.replace(b"[]", b"").replace(b"{}", b"")
        if len(rest) == before:
            return False
    return rest == b""


def _shallow(data: Any) -> bool:
    """Whether it is so, level by level: a walk that calls itself would fail at what it looks for."""
    level = [data]
    for _ in range(DEEPEST + 1):
        level = [one for one in level if isinstance(one, list | dict)]
        if not level:
            return True
        level = list(chain.from_iterable(one.values() if isinstance(one, dict) else one for one in level))
    return False
