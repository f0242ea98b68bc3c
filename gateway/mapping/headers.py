"""Finding a mapping's columns among the headers of a file."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Sequence

from gateway.errors import FileError
from gateway.formats.blanks import WHITE
from gateway.issues import CATALOGUE, sentence
from gateway.mapping.patterns import plain

_LONGEST = 60
_SHOWN = 12


def nearest(word: str, known: Sequence[str]) -> str | None:
    """Return the known word that a mistyped one most likely means, or None."""
    folded = {plain(name): name for name in reversed(known)}
    close = difflib.get_close_matches(plain(word), list(folded), n=1, cutoff=0.6)
    return folded[close[0]] if close else None


def meant(word: str, known: Sequence[str], *, others: str = "it is one of") -> str:
    """Say which known word a wrong one most likely means, or which there are; `others` begins their list."""
    near = nearest(word, known)
    return f"did you mean {near!r}?" if near else f"{others} {', '.join(known) or 'none'}"


class Headers:
    """The headers of one file. `find` notes what is wrong; `verify` raises for all of it at once.

    `pictures`: each row is a picture file. `agreed`: the columns by their places, of a file that has no header to say
    it; "" for others.
    """

    def __init__(self, headers: Sequence[str], *, pictures: bool = False, agreed: str = "") -> None:
        self.headers = tuple(headers)
        self.pictures = pictures
        self.agreed = agreed
        self._places: dict[str, list[int]] = {}
        for index, header in enumerate(self.headers):
            self._places.setdefault(plain(header), []).append(index)
        self._missing: list[str] = []
        self._twice: list[str] = []
        self._seen = ""

    def name(self, index: int) -> str:
        """Header text of a column as written, or `c<n>` where it has none."""
        return self.headers[index] or f"c{index}"

    def find(self, names: Sequence[str], position: int | None, *, wanted_by: str, optional: bool) -> int | None:
        """Return the place of a column from 0; None when it is absent, or named twice and noted."""
        if position is not None:
            if position <= len(self.headers):
                return position - 1
            if not optional:
                self._missing.append(
                    f"column {position}, wanted for {wanted_by}; the file has {len(self.headers)} columns"
                )
            return None
        found = sorted({place for name in names for place in self._places.get(plain(name), ())})
        if len(found) == 1:
            return found[0]
        if found:
            where = " and ".join(f"column {place + 1} ({self.headers[place]!r})" for place in found)
            self._twice.append(f"{_listed(names)}, wanted for {wanted_by}, is {where}")
        elif not optional:
            near = self._instead(names)
            self._missing.append(f"{_listed(names)} for {wanted_by}" + (f" ({near})" if near else ""))
        return None

    def fitting(self, pattern: str, *, wanted_by: str, optional: bool) -> dict[str, str]:
        """Return what stands for the pattern's `*` -> header, for every header it fits (without regard to case)."""
        front, back = (" ".join(part.split(" ")) for part in pattern.split("*"))
        form = re.compile(f"{re.escape(front)}(.+){re.escape(back)}", re.IGNORECASE)
        found: dict[str, str] = {}
        for header in self.headers:
            fits = form.fullmatch(" ".join(unicodedata.normalize("NFC", header).strip(WHITE).split()))
            if fits is None:
                continue
            code = fits[1].strip()
            if code in found:
                self._twice.append(f"{code!r}, wanted for {wanted_by}, is {found[code]!r} and {header!r}")
            found[code] = header
        if not found and not optional:
            self._missing.append(f"any column like {pattern!r} for {wanted_by}")
        return found

    def _instead(self, names: Sequence[str]) -> str:
        present = [header for header in self.headers if plain(header)]
        shown = ", ".join(repr(_cut(header)) for header in present[:_SHOWN]) + (
            ", ..." if len(present) > _SHOWN else ""
        )
        self._seen = f"the file has {shown or 'no named column'}"
        near = next((close for name in names if (close := nearest(name, present)) is not None), None)
        if near is None:
            return ""
        return f"the nearest in the file is {_cut(near)!r} in column {self.headers.index(near) + 1}"

    def verify(self) -> None:
        """Raise FileError FILE_COLUMN_MISSING or FILE_COLUMN_TWICE when a wanted column was not found just once."""
        if not self._missing and not self._twice:
            return
        code = "FILE_COLUMN_MISSING" if self._missing else "FILE_COLUMN_TWICE"
        found = [*dict.fromkeys(self._missing or self._twice)]
        message = sentence(code, detail="; ".join([*found, self._seen] if self._missing and self._seen else found))
        if self._missing and self._twice:
            message += " " + sentence("FILE_COLUMN_TWICE", detail="; ".join(dict.fromkeys(self._twice)))
        raise FileError(code, message, fix=CATALOGUE[code].fix)


def _cut(header: str) -> str:
    """A header for people: a file whose delimiter is wrong may have one of a megabyte."""
    return header if len(header) <= _LONGEST else f"{header[:_LONGEST]}..."


def _listed(names: Sequence[str]) -> str:
    return " or ".join(repr(name) for name in names)
