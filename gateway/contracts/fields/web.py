"""Types of what web shops show: marked-up text, addresses of files, files as text."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import polars as pl

from gateway.contracts.fields.base import CellCase, FieldType, Wording, wrong
from gateway.contracts.fields.text import CONTROL, HIDDEN, ONLY_SPACES, SPACE, Lettering, Listing, beginning_visibly

_SCRIPT = r"<[sS][cC][rR][iI][pP][tT][ \t\n\r/>]"
_EVENT = r"<[A-Za-z][^<>]*[ \t\n\r/][oO][nN][A-Za-z]+[ \t\n\r]*="
_MAY_RUN = r"[sS][cC][rR][iI][pP][tT][ \t\n\r/>:]|[oO][nN][A-Za-z]+[ \t\n\r]*="
_SCRIPT_LINK = r"[jJ][aA][vV][aA][sS][cC][rR][iI][pP][tT]:"


@dataclass(frozen=True)
class Html(Lettering):
    """Text for people that may hold HTML markup and line breaks, but nothing a browser would run."""

    max_length: int
    lines: ClassVar[bool] = True
    word: ClassVar[str] = "Html"
    python: ClassVar[type] = str

    def _wordings(self) -> tuple[Wording, ...]:
        return (
            ONLY_SPACES,
            Wording("CHARACTERS", f"[{CONTROL}]", "control characters"),
            Wording("HTML_ACTIVE", _SCRIPT, "a script element"),
            Wording("HTML_ACTIVE", _EVENT, "an event handler"),
            Wording("HTML_ACTIVE", _SCRIPT_LINK, "a javascript: address"),
        )

    def plain(self, cell: pl.Expr) -> pl.Expr:
        """No control characters but line breaks, something to see first, and no words of what could run."""
        letters = cell.str.contains(beginning_visibly(CONTROL)) & (cell.str.len_bytes() <= self.max_length)
        return letters & ~cell.str.contains(_MAY_RUN)

    def form(self) -> str:
        """Text with its limits."""
        return f"text or HTML of at most {self.max_length} characters without scripts, may have line breaks"


@dataclass(frozen=True)
class AddressList(Listing):
    """Absolute web addresses (http or https) joined by `|`, each once, order kept; a `|` inside is written `%7C`."""

    max_length: int
    word: ClassVar[str] = "AddressList"
    python: ClassVar[type] = str
    _address: ClassVar[str] = r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?([/?#][!#-;=?-\[\]_a-z~\u00a1-\U0010ffff]*)?"

    def _wordings(self) -> tuple[Wording, ...]:
        shape = rf"^{self._address}(\|{self._address})*\z"
        spaces = Wording("NOT_AN_ADDRESS", f"[{SPACE}]", "a space inside")
        return (HIDDEN, spaces, Wording("NOT_AN_ADDRESS", shape, "http:// or https:// and a host", wanted=True))

    def plain(self, cell: pl.Expr) -> pl.Expr:
        """One address in ASCII."""
        one = cell.str.contains(r"^https?://[A-Za-z0-9.-]+/[!#-;=?-\[\]_a-z~]*\z")
        return one & (cell.str.len_bytes() <= self.max_length)

    def form(self) -> str:
        """List with its separator."""
        return f"http or https addresses joined by a vertical bar, each once, at most {self.max_length} characters"


_ENDING = r"([A-Za-z0-9+/]{2}|[A-Za-z0-9+/][AEIMQUYcgkosw048]=|[AQgw]==)\z"


@dataclass(frozen=True)
class Base64(FieldType):
    """A file as base64 text (RFC 4648, 4, padded, no line breaks) of at most `max_bytes` bytes once decoded.

    The bits that padding leaves over are zero: equal files have equal text.
    """

    max_bytes: int
    word: ClassVar[str] = "Base64"
    python: ClassVar[type] = bytes
    _wordings: ClassVar[tuple[Wording, ...]] = (
        Wording("NOT_BASE64", r"^[Dd][Aa][Tt][Aa]:", "it still has its data: prefix"),
        Wording("NOT_BASE64", r"^[A-Za-z][A-Za-z0-9+.-]*://", "it is a web address, not the picture itself"),
        Wording("NOT_BASE64", r"^[^\x00-\x1f]{1,200}\.[A-Za-z]{3,4}\z", "it is a file name, not the picture itself"),
        Wording("NOT_BASE64", r"[^A-Za-z0-9+/=]", "other characters than A-Z, a-z, 0-9, + and /"),
        Wording("NOT_BASE64", r"^[^=]*={0,2}\z", "padding in the middle", wanted=True),
    )

    def _shape(self, cell: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
        return cell.str.len_bytes() % 4 == 0, cell.str.contains(_ENDING)

    @staticmethod
    def size(cell: pl.Expr) -> pl.Expr:
        """Return the bytes sound text decodes to, without decoding it."""
        padding = cell.str.ends_with("=").cast(pl.Int64) + cell.str.ends_with("==").cast(pl.Int64)
        return cell.str.len_bytes().cast(pl.Int64) // 4 * 3 - padding

    def plain(self, cell: pl.Expr) -> pl.Expr:
        """Right characters, right ending, right length, small enough."""
        whole, ended = self._shape(cell)
        letters = cell.str.contains(r"^[A-Za-z0-9+/]+={0,2}\z")
        return letters & whole & ended & (self.size(cell) <= self.max_bytes)

    def cases(self, cell: pl.Expr) -> Sequence[CellCase]:
        """What else it is, foreign characters, cut off or badly ended, too large."""
        whole, ended = self._shape(cell)
        return (
            *(wording.case(cell) for wording in self._wordings),
            CellCase("NOT_BASE64", ~whole, "it is cut off: the length is no multiple of 4"),
            CellCase("NOT_BASE64", ~ended, "it ends in bits that mean nothing"),
            CellCase("TOO_LARGE_FILE", self.size(cell) > self.max_bytes, f"{self.max_bytes} bytes"),
        )

    def read(self, text: str) -> bytes:
        """Return the bytes."""
        for wording in self._wordings:
            wording.judge(text)
        if len(text) % 4:
            raise wrong("NOT_BASE64", "it is cut off: the length is no multiple of 4")
        Wording("NOT_BASE64", _ENDING, "it ends in bits that mean nothing", wanted=True).judge(text)
        found = base64.b64decode(text, validate=True)
        if len(found) > self.max_bytes:
            raise wrong("TOO_LARGE_FILE", f"{self.max_bytes} bytes")
        return found

    def typed(self, cell: pl.Expr) -> pl.Expr:
        """Binary."""
        return cell.replace("", None).str.decode("base64", strict=False)

    def form(self) -> str:
        """Alphabet and size."""
        return f"base64 text with padding and without line breaks, at most {self.max_bytes} bytes decoded"

    def schema(self) -> dict[str, Any]:
        """String with its encoding and length."""
        limit = -(-self.max_bytes // 3) * 4
        return {"type": "string", "contentEncoding": "base64", "minLength": 4, "maxLength": limit}
