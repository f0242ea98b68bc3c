"""What every field type promises, and faults told once for columns and cells; it knows no particular type."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import polars as pl
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import PydanticCustomError, core_schema


@dataclass(frozen=True, slots=True)
class CellCase:
    """One way a given cell can be wrong: `where` is true on such cells, `detail` completes the catalogue's sentence."""

    code: str
    where: pl.Expr
    detail: str | pl.Expr = ""


class FieldType(ABC):
    """One type of the vocabulary. `python` is the type of its values; all methods are pure.

    `plain`, `cases` and `read` are for cells that are given (neither null nor empty): what a cell that is not given
    means is decided by the contract.
    """

    __slots__ = ()
    word: ClassVar[str]
    python: ClassVar[type]

    @abstractmethod
    def plain(self, cell: pl.Expr) -> pl.Expr:
        """Return a cheap test whose true means certainly sound; false leaves the verdict to `cases`."""

    @abstractmethod
    def cases(self, cell: pl.Expr) -> Sequence[CellCase]:
        """Return every way to be wrong: the first that holds is the fault; when none holds the cell is sound."""

    @abstractmethod
    def read(self, text: str) -> object:
        """Return the value of canonical text. Raises PydanticCustomError (type = code) exactly where a case holds."""

    @abstractmethod
    def typed(self, cell: pl.Expr) -> pl.Expr:
        """Cast sound canonical text to a typed column, a cell that is not given to null."""

    @abstractmethod
    def form(self) -> str:
        """Say the canonical form in words, for people."""

    @abstractmethod
    def schema(self) -> dict[str, Any]:
        """Return the JSON schema of the canonical text."""

    def fault(self, cell: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
        """Return code and detail (String, both null where sound) of given cells."""
        code, detail = pl.lit(None, pl.String), pl.lit(None, pl.String)
        for case in reversed(self.cases(cell)):
            words = pl.lit(case.detail) if isinstance(case.detail, str) else case.detail
            code = pl.when(case.where).then(pl.lit(case.code)).otherwise(code)
            detail = pl.when(case.where).then(words).otherwise(detail)
        return code, detail

    def _validate(self, given: object) -> object:
        if not isinstance(given, str):
            raise PydanticCustomError(
                "CANONICAL_TEXT", "only canonical text is judged, not {kind}", {"kind": type(given).__name__}
            )
        return self.read(given)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self._validate)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return self.schema()


def wrong(code: str, detail: str = "") -> PydanticCustomError:
    """Return the error `read` raises for a fault."""
    return PydanticCustomError(code, "{detail}", {"detail": detail})


@dataclass(frozen=True, slots=True)
class Wording:
    r"""A fault told by a pattern, once for both sides: it holds where the pattern is found, or is not if `wanted`.

    Patterns use only what Rust (columns) and Python (cells) read alike: explicit classes instead of \s and \d, and
    \z for the end, because Python's $ also matches before a last line feed.
    """

    code: str
    pattern: str
    detail: str = ""
    wanted: bool = False

    def case(self, cell: pl.Expr) -> CellCase:
        """Return the fault over a column."""
        found = cell.str.contains(self.pattern)
        return CellCase(self.code, ~found if self.wanted else found, self.detail)

    def judge(self, text: str) -> None:
        """Raise PydanticCustomError where the fault holds for the text."""
        found = re.search(self.pattern.replace(r"\z", r"\Z"), text) is not None
        if found is not self.wanted:
            raise wrong(self.code, self.detail)
