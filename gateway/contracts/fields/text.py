"""Types whose value is the text itself: prose, identifiers, lists of identifiers, barcodes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import polars as pl
from stdnum import ean

from gateway.contracts.fields.base import CellCase, FieldType, Wording, wrong
from gateway.wording import filled

SPACE = r"\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_INVISIBLE = r"\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff"
CONTROL = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
ONLY_SPACES = Wording("NOT_BLANK", rf"^[{SPACE}]+\z", "only spaces")
_ROUNDED = r"[0-9]([.,][0-9]+)?[Ee]\+[0-9]{1,3}"
_FAILED = r"#(N/A|NULL!|REF!|NAME\?|VALUE!|NUM!|DIV/0!|N/D|NULO!|¡(REF|VALOR|NUM|DIV/0)!|¿NOMBRE\?)"
DAMAGE = Wording("SPREADSHEET_DAMAGE", rf"^({_ROUNDED}|{_FAILED})\z")
"""What a spreadsheet leaves of a code it took for a number, or whose formula failed (in English and Spanish)."""
HIDDEN = Wording("CHARACTERS", f"[{_INVISIBLE}]", "control or invisible characters")


def beginning_visibly(control: str) -> str:
    """Return the pattern of text that begins with a character to see and has none of `control` (inside of a class)."""
    return rf"^[^{SPACE}{control}][^{control}]*\z"


class Lettering(FieldType):
    """Text of limited length (in characters, not bytes) without certain characters."""

    __slots__ = ()
    max_length: int

    @abstractmethod
    def _wordings(self) -> tuple[Wording, ...]: ...

    def cases(self, cell: pl.Expr) -> Sequence[CellCase]:
        """Characters first, then the length."""
        long = CellCase("TOO_LONG", cell.str.len_chars() > self.max_length, f"{self.max_length} characters")
        return (*(wording.case(cell) for wording in self._wordings()), long)

    def read(self, text: str) -> str:
        """Return the text itself."""
        for wording in self._wordings():
            wording.judge(text)
        if len(text) > self.max_length:
            raise wrong("TOO_LONG", f"{self.max_length} characters")
        return text

    def typed(self, cell: pl.Expr) -> pl.Expr:
        """String."""
        return cell.replace("", None)

    def schema(self) -> dict[str, Any]:
        """String with a length."""
        return {"type": "string", "minLength": 1, "maxLength": self.max_length}


class Listing(Lettering):
    """Entries joined by `|`, each once, order kept."""

    __slots__ = ()

    def cases(self, cell: pl.Expr) -> Sequence[CellCase]:
        """Form and length, then an entry that stands twice."""
        entries = cell.str.split("|")
        return (*super().cases(cell), CellCase("LISTED_TWICE", entries.list.n_unique() < entries.list.len()))

    def read(self, text: str) -> str:
        """Return the text itself; its entries are `text.split("|")`."""
        entries = super().read(text).split("|")
        if len(set(entries)) < len(entries):
            raise wrong("LISTED_TWICE")
        return text


@dataclass(frozen=True)
class Text(Lettering):
    """Text for people. `allowed`: inside of a character class; `lines`: whether tabs and line breaks may be in it."""

    max_length: int
    allowed: str = ""
    lines: bool = False
    word: ClassVar[str] = "Text"
    python: ClassVar[type] = str

    @property
    def _control(self) -> str:
        return CONTROL if self.lines else CONTROL + r"\t\n\r"

    def _wordings(self) -> tuple[Wording, ...]:
        found = (ONLY_SPACES, Wording("CHARACTERS", f"[{self._control}]", "control characters"))
        if not self.allowed:
            return found
        return (*found, Wording("CHARACTERS", f"[^{self.allowed}]", f"only {self.allowed}"))

    def plain(self, cell: pl.Expr) -> pl.Expr:
        """No control characters, and it begins with something to see."""
        if self.allowed:
            return pl.lit(False)
        return cell.str.contains(beginning_visibly(self._control)) & (cell.str.len_bytes() <= self.max_length)

    def form(self) -> str:
        """Text with its limits."""
        lines = ", may have line breaks" if self.lines else ""
        allowed = f", only {self.allowed}" if self.allowed else ""
        return f"text of at most {self.max_length} characters{lines}{allowed}"


@dataclass(frozen=True)
class Code(Lettering):
    """An identifier: trimmed, nothing invisible inside, leading zeros kept. `spaces`: whether inner spaces may be."""

    max_length: int
    spaces: bool = True
    word: ClassVar[str] = "Code"
    python: ClassVar[type] = str

    def _wordings(self) -> tuple[Wording, ...]:
        edge = Wording("CHARACTERS", rf"^[{SPACE}]|[{SPACE}]\z", "a space before or after it")
        found = (ONLY_SPACES, HIDDEN, edge, DAMAGE)
        return found if self.spaces else (*found, Wording("CHARACTERS", f"[{SPACE}]", "spaces"))

    def plain(self, cell: pl.Expr) -> pl.Expr:
        """Printable ASCII without plus signs, not after a hash, single spaces inside at most: what no wording finds."""
        spaced = r"( [!-*,-~]+)*" if self.spaces else ""
        return cell.str.contains(rf"^[!\x22$-*,-~][!-*,-~]*{spaced}\z") & (cell.str.len_bytes() <= self.max_length)

    def form(self) -> str:
        """Identifier with its limits."""
        spaces = "" if self.spaces else " without spaces"
        return f"identifier of at most {self.max_length} characters{spaces}, leading zeros count"


@dataclass(frozen=True)
class CodeList(Listing):
    """Identifiers joined by `|`, each once, order kept."""

    max_length: int
    word: ClassVar[str] = "CodeList"
    python: ClassVar[type] = str

    def _wordings(self) -> tuple[Wording, ...]:
        edge = rf"(^|\|)([{SPACE}|]|\z)|[{SPACE}](\||\z)"
        return (HIDDEN, Wording("CHARACTERS", edge, "an empty entry, or a space around an entry"))

    def plain(self, cell: pl.Expr) -> pl.Expr:
        """One entry of printable ASCII without spaces."""
        return cell.str.contains(r"^[!-{}~]+\z") & (cell.str.len_bytes() <= self.max_length)

    def form(self) -> str:
        """List with its separator."""
        return f"identifiers joined by a vertical bar, each once, at most {self.max_length} characters together"


_GTIN_LENGTHS = (8, 12, 13, 14)


@dataclass(frozen=True)
class Gtin(FieldType):
    """A GS1 barcode number of 8, 12, 13 or 14 digits with its check digit (GS1 General Specifications, 7.9).

    Leading zeros are kept: the same trade item written with 12 and 13 digits is two texts.
    """

    word: ClassVar[str] = "Gtin"
    python: ClassVar[type] = str

    def _wordings(self) -> tuple[Wording, ...]:
        length = r"^([0-9]{8}|[0-9]{12,14})\z"
        return (
            DAMAGE,
            Wording("NOT_A_GTIN", r"^[0-9]+\z", "only digits", wanted=True),
            Wording("NOT_A_GTIN", length, "8, 12, 13 or 14 digits", wanted=True),
            Wording("NOT_A_GTIN", r"^0+\z", "all zeros"),
        )

    @staticmethod
    def check_digit(cell: pl.Expr) -> pl.Expr:
        """Return the check digit (Int64) that text of at most 14 digits should end with, whatever it ends with."""
        number = cell.cast(pl.Int64, strict=False)
        # modulo 10 a digit may be replaced by all digits up to it: the tens they bring vanish
        upper = [number // 10**place for place in range(1, max(_GTIN_LENGTHS))]
        total: pl.Expr = sum(upper[2::2], upper[0]) * 3 + sum(upper[3::2], upper[1])
        return (10 - total % 10) % 10

    def _fits(self, cell: pl.Expr) -> pl.Expr:
        return self.check_digit(cell) == cell.cast(pl.Int64, strict=False) % 10

    def plain(self, cell: pl.Expr) -> pl.Expr:
        """Right length, not all zeros, right check digit."""
        return cell.str.contains(r"^([0-9]{8}|[0-9]{12,14})\z") & cell.str.contains("[1-9]") & self._fits(cell)

    def cases(self, cell: pl.Expr) -> Sequence[CellCase]:
        """Spreadsheet damage, not digits, wrong length, all zeros, wrong check digit."""
        detail = filled("the check digit should be {}", self.check_digit(cell))
        return (
            *(wording.case(cell) for wording in self._wordings()),
            CellCase("NOT_A_GTIN", ~self._fits(cell), detail),
        )

    def read(self, text: str) -> str:
        """Return the digits."""
        for wording in self._wordings():
            wording.judge(text)
        expected = ean.calc_check_digit(text[:-1])
        if text[-1] != expected:
            raise wrong("NOT_A_GTIN", f"the check digit should be {expected}")
        return text

    def typed(self, cell: pl.Expr) -> pl.Expr:
        """String."""
        return cell.replace("", None)

    def form(self) -> str:
        """Lengths and check digit."""
        return "8, 12, 13 or 14 digits with a right check digit, leading zeros count"

    def schema(self) -> dict[str, Any]:
        """String of digits."""
        return {"type": "string", "pattern": "^([0-9]{8}|[0-9]{12,14})$"}
