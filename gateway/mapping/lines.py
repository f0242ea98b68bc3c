"""On which line of a TOML text each key stands; it judges nothing and takes valid TOML for granted."""

from __future__ import annotations

import re
from collections import Counter

_KEY = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_DOTTED = re.compile(rf"\s*({_KEY}(?:\s*\.\s*{_KEY})*)\s*")
_PART = re.compile(_KEY)
_TOKEN = re.compile(r'"""|\'\'\'|"(?:[^"\\]|\\.)*"|\'[^\']*\'|[\[\]{}#]')


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in _PART.findall(text))


class _Value:
    """What of a value is still open at the end of a line: brackets, or a text of several lines."""

    def __init__(self) -> None:
        self.depth = 0
        self.quote = ""

    @property
    def open(self) -> bool:
        return self.depth > 0 or self.quote != ""

    def take(self, text: str) -> None:
        place = 0
        while place < len(text):
            if self.quote:
                end = text.find(self.quote, place)
                if end < 0:
                    return
                self.quote, place = "", end + 3
                continue
            token = _TOKEN.search(text, place)
            if token is None or token.group() == "#":
                return
            place = token.end()
            if token.group() in {'"""', "'''"}:
                self.quote = token.group()
            else:
                self.depth += (token.group() in "[{") - (token.group() in "]}")


def key_lines(text: str) -> dict[tuple[str, ...], int]:
    """Return the line (from 1) of each table and key by its full path; elements of `[[x]]` have their index in it."""
    lines: dict[tuple[str, ...], int] = {}
    elements: Counter[tuple[str, ...]] = Counter()
    table: tuple[str, ...] = ()
    value = _Value()
    for number, line in enumerate(text.splitlines(), 1):
        if value.open:
            value.take(line)
            continue
        stripped = line.strip()
        if stripped.startswith("[["):
            name = _parts(stripped[2:].split("]]", 1)[0])
            table = (*name, str(elements[name]))
            elements[name] += 1
            lines.setdefault(name, number)
            lines[table] = number
        elif stripped.startswith("["):
            table = _parts(stripped[1:].split("]", 1)[0])
            lines.setdefault(table, number)
        elif (key := _DOTTED.match(line)) and line[key.end() :].startswith("="):
            path = (*table, *_parts(key.group(1)))
            for size in range(len(table) + 1, len(path) + 1):
                lines.setdefault(path[:size], number)
            value.take(line[key.end() + 1 :])
    return lines
