"""Which names are taken, which are passed over, which are refused, and what a second file of one name is called."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Iterable

TEMPORARY = (".tmp", ".part", ".partial", ".filepart")
"""Endings of files that are still being written, in any case."""
_LONGEST_SUFFIX = 16


def is_temporary(name: str) -> bool:
    """Whether the name says that its writer has not finished: temporary ending or dot file."""
    return name.startswith(".") or name.casefold().endswith(TEMPORARY)


def why_refused(name: str) -> str | None:
    """Return why a listed name is never taken, in plain words; None when it may be."""
    if name in {"", ".", ".."} or "/" in name:
        return "the name leads to another folder"
    if any(unicodedata.category(letter) == "Cs" for letter in name):
        return "the name is not UTF-8"
    if any(unicodedata.category(letter) in {"Cc", "Zl", "Zp"} for letter in name):
        return "the name has control characters"
    return None


def is_plain_path(path: str) -> bool:
    """Whether a path stays inside its root: relative, and every part a name that may be taken."""
    return bool(path) and all(why_refused(part) is None for part in path.split("/"))


def printable(name: str) -> str:
    """Return the name with whatever can't be printed written as an escape."""
    return name.encode("unicode_escape", "backslashreplace").decode("ascii") if not name.isprintable() else name


def suffix_of(name: str) -> str:
    """Return the ending of a name that tells its format, "" when there is none or it is none."""
    suffix = posixpath.splitext(name)[1]
    return suffix if len(suffix) <= _LONGEST_SUFFIX and suffix[1:].isalnum() else ""


def numbered(path: str, number: int) -> str:
    """Return the path of the `number`-th file of one name: `stock.csv`, `stock-2.csv`, `stock-3.csv`..."""
    if number <= 1:
        return path
    stem, suffix = posixpath.splitext(path)
    return f"{stem}-{number}{suffix}"


def next_number(name: str, taken: Iterable[str]) -> int:
    """Return the number above all that files of this name have among `taken`."""
    stem, suffix = posixpath.splitext(name)
    form = re.compile(re.escape(stem) + r"-(\d{1,9})" + re.escape(suffix))
    matches = (form.fullmatch(each) for each in taken)
    return max((int(match[1]) for match in matches if match), default=1) + 1
