"""The `[format]` section of a mapping: how the partner's file is laid out; it knows nothing of what the cells mean."""

from __future__ import annotations

from typing import Annotated, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

_UNUSABLE = ("\n", "\r", "\0")


class _Layout(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CsvLayout(_Layout):
    """Delimited text."""

    kind: Literal["csv"]
    delimiter: str = Field(min_length=1, max_length=1, description="One character between cells.")
    quote: str = Field(
        default='"',
        max_length=1,
        validate_default=True,
        description='Quote character; "" when the file never quotes. A cell in quotes may run over any number of lines '
        "and hold 1,048,576 characters.",
    )
    encoding: Literal["utf-8", "utf-16", "cp1252", "iso-8859-15", "ascii"] = Field(
        description="Strict: a byte that does not belong is a fault. A byte order mark is taken off."
    )
    header: bool = Field(default=True, description="Whether the first record names the columns.")
    columns: int | None = Field(default=None, ge=1, description="Number of columns where there is no header.")
    skip: int = Field(default=0, ge=0, description="Physical lines above the header to leave out.")

    @field_validator("delimiter", "quote")
    @classmethod
    def _tells_cells_apart(cls, mark: str, info: ValidationInfo) -> str:
        if mark in _UNUSABLE:
            _refuse(f"{mark!r} can't stand between cells or around them: it ends a line, or no text holds it")
        if info.field_name == "quote" and mark == info.data.get("delimiter"):
            _refuse(f'{mark!r} is the delimiter already; where the file never quotes, say quote = ""')
        return mark


def _refuse(said: str) -> NoReturn:
    raise PydanticCustomError("mapping", "{text}", {"text": said, "faults": [said]})


class XlsxLayout(_Layout):
    """One sheet of an Excel workbook (*.xlsx)."""

    kind: Literal["xlsx"]
    sheet: str | int = Field(default=1, description="Name, or position from 1 counting visible sheets only.")
    header: int | Literal["find", "none"] = Field(default=1, description="Row of the header, or find it, or none.")
    find: tuple[str, ...] = Field(
        default=(), validate_default=True, description="With header = find: texts the header row must contain."
    )
    columns: int | None = Field(default=None, ge=1, description="Number of columns where there is no header.")
    max_cells: int = Field(default=10_000_000, ge=1, description="Above it the slower reader of flat memory reads.")

    @field_validator("find")
    @classmethod
    def _names_a_row(cls, texts: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if info.data.get("header") == "find" and not texts:
            _refuse('header = "find" needs texts that stand in the header row, like find = ["SKU", "Quantity"]')
        return texts


class XmlLayout(_Layout):
    """Repeating elements of an XML document."""

    kind: Literal["xml"]
    record: str = Field(description="Path of the record element from the root, like catalog/products/product.")
    explode: str | None = Field(default=None, description="Path below the record: each such child is a row of its own.")
    namespaces: dict[str, str] = Field(default_factory=dict, description="Prefixes used in paths.")
    columns: tuple[str, ...] = Field(
        default=(), description="Columns to read, in this order; empty: all that occur, found by a pass of its own."
    )


class JsonLayout(_Layout):
    """Repeating objects of a JSON document or one object per line."""

    kind: Literal["json"]
    record: str = Field(default="", description="Path of the array of records, like data/items; empty: the root.")
    lines: bool = Field(default=False, description="One JSON object per line.")
    columns: tuple[str, ...] = Field(
        default=(), description="Columns to read, in this order; empty: all that occur, found by a pass of its own."
    )


class ImageLayout(_Layout):
    """Picture files, one record each; a .zip may hold several."""

    kind: Literal["image"]
    types: tuple[Literal["jpg", "png", "gif", "webp"], ...] = Field(
        default=(), description="Kinds of picture taken: jpg, png, gif, webp; empty: all of them."
    )
    max_size: int = Field(
        default=5_000_000, ge=1, description="Most bytes of a picture; a larger one is refused before it is read."
    )


Layout = Annotated[CsvLayout | XlsxLayout | XmlLayout | JsonLayout | ImageLayout, Field(discriminator="kind")]

OUR_COLUMNS = ("error_run", "error_row", "error_code", "error_field", "error_message")
"""Leading columns of an errors file of ours: by them a file that comes back is recognised."""

ERROR_NAMESPACE = "urn:gateway:errors"
"""Namespace of the attributes and elements we add to an XML errors file."""
