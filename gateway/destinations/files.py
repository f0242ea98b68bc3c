"""Records of any contract as files in a folder: JSON, CSV, XLSX or XML; each file is its own confirmation."""

from __future__ import annotations

import hashlib
import io
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import ClassVar, Literal

import polars as pl
import xlsxwriter
from pydantic import BaseModel, ConfigDict, Field, field_validator

from gateway.contracts import contract
from gateway.destinations import _folder, _json
from gateway.errors import SettingsError
from gateway.model import (
    ISSUE_SCHEMA,
    LINE,
    ROW,
    UNKNOWN,
    Batch,
    Clock,
    Operation,
    Receipt,
    Reference,
    Repeat,
    RowState,
    Sent,
    Spec,
    Verdict,
    no_issues,
)
from gateway.transport.http import Transport

OPERATION = "write"
_PLACES = frozenset({"contract", "digest", "number", "records"})
_XLSX_ROWS, _XLSX_CELL = 1_000_000, 32_767
"""A sheet has 1,048,576 rows, a cell 32,767 characters (Excel specifications and limits; verified)."""
_NOT_XML = r"[^\t\n\r\x20-\x{D7FF}\x{E000}-\x{FFFD}\x{10000}-\x{10FFFF}]"
"""Characters XML 1.0 can't hold, escaped or not (XML 1.0, section 2.2; verified)."""


class FilesSettings(BaseModel):
    """Which records go where, in which form and under which name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: Path = Field(description="Folder the files are put into.")
    format: Literal["json", "csv", "xlsx", "xml"] = Field(description="Form of the files.")
    contract: str = Field(default="stock", description="Contract of the records.")
    fields: tuple[str, ...] | None = Field(
        default=None, min_length=1, description="Contract fields to write, in this order; unset: all of the contract."
    )
    name: str = Field(
        default="{contract}_{digest}.{format}",
        description="File name. {contract} {format} {digest} (of the content) {number} (of the file within one "
        "consignment) {records}. Without {digest} a newer file replaces an older one of the same name.",
    )
    batch_size: int | None = Field(default=None, ge=1, description="Most records per file; unset: one file takes all.")
    delimiter: str = Field(default=",", min_length=1, max_length=1, description="Between the cells of a CSV file.")
    root: str = Field(default="records", pattern=r"^[A-Za-z_][A-Za-z0-9_.-]*$", description="Root element of XML.")
    element: str = Field(default="record", pattern=r"^[A-Za-z_][A-Za-z0-9_.-]*$", description="XML element per record.")

    @field_validator("name")
    @classmethod
    def _name(cls, pattern: str) -> str:
        try:
            places = {name for _, name, spec, how in string.Formatter().parse(pattern) if name is not None}
            plain = all(not spec and how is None for _, name, spec, how in string.Formatter().parse(pattern) if name)
        except ValueError as error:
            msg = f"the braces of {pattern!r} don't match"
            raise ValueError(msg) from error
        strange = places - _PLACES - {"format"}
        if strange or not plain:
            msg = f"only {{contract}} {{digest}} {{format}} {{number}} {{records}} may be used, found {sorted(strange)}"
            raise ValueError(msg)
        if pattern.startswith(".") or any(sign in pattern for sign in '/\\:*?"<>|') or not pattern.isprintable():
            msg = f"{pattern!r} is not a plain file name"
            raise ValueError(msg)
        return pattern


def _fields(settings: FilesSettings) -> tuple[str, ...]:
    known = contract(settings.contract).fields
    if settings.fields is None:
        return tuple(known)
    strange = [name for name in settings.fields if name not in known]
    if strange:
        raise SettingsError(
            f"The contract {settings.contract} has no field {strange[0]!r}.", fix=f"Its fields: {', '.join(known)}."
        )
    return settings.fields


def _operation(settings: FilesSettings) -> Operation:
    size = settings.batch_size
    if settings.format == "xlsx":
        size = _XLSX_ROWS if size is None else min(size, _XLSX_ROWS)
    return Operation(
        name=OPERATION,
        contract=settings.contract,
        family=settings.contract,
        fields=_fields(settings),
        batch_size=size,
        drifts=False,
        confirms="applied",
        repeat=Repeat.HARMLESS if "{digest}" in settings.name else Repeat.IF_NEWEST,
        searchable=True,
        ends="command" in _fields(settings),
    )


class FilesDestination:
    """One folder. A file that lies there whole is applied."""

    SPEC: ClassVar[Spec] = Spec(
        name="files",
        title="Files in a folder (JSON, CSV, XLSX, XML)",
        settings=FilesSettings,
        operations=lambda settings: (_operation(settings),),
    )

    def __init__(
        self, settings: FilesSettings, *, transport: Transport | None = None, clock: Clock, account: str, name: str
    ) -> None:
        del transport, clock
        self._settings = settings
        self._account = account
        self._name = name
        self._operations = self.SPEC.operations(settings)

    @property
    def operations(self) -> tuple[Operation, ...]:
        """Write, for the contract of the settings."""
        return self._operations

    @property
    def account(self) -> str:
        """The folder's account name."""
        return self._account

    def gather(self, operation: str, records: pl.DataFrame) -> Reference:
        """Nothing is read."""
        del operation, records
        return Reference()

    def check(self, operation: str, records: pl.DataFrame, reference: Reference, today: date) -> pl.DataFrame:
        """Return issues of cells the form can't hold: characters in XML, length in XLSX."""
        del operation, reference, today
        match self._settings.format:
            case "xml":
                return _impossible(records, self._columns(records), "CHARACTERS", _not_xml, "XML can't hold them")
            case "xlsx":
                detail = f"{_XLSX_CELL} characters"
                return _impossible(records, self._columns(records), "TOO_LONG", _too_long, detail)
            case "json" | "csv":
                return no_issues()

    def encode(self, operation: str, records: pl.DataFrame, reference: Reference) -> Iterator[Batch]:
        """Yield one file per batch, records in the order given. Lines are positions inside the file, from 1.

        Key fields that are empty are written as missing ones: a key knows no difference, and records made from keys
        alone shall look like those of rows.
        """
        del reference
        if operation != OPERATION:
            raise SettingsError(f"Destination {self._name} has no operation {operation!r}; it has: {OPERATION}.")
        size = self._operations[0].batch_size or max(1, records.height)
        fields = self._operations[0].fields
        absent = [pl.lit(None, pl.String).alias(name) for name in fields if name not in records.columns]
        key = [name for name in contract(self._settings.contract).key if name in fields]
        full = records.with_columns(absent).select("effect", *fields).with_columns(pl.col(key).replace({"": None}))
        names: set[str] = set()
        for number, start in enumerate(range(0, full.height, size), start=1):
            part = full.slice(start, size)
            body = _WRITERS[self._settings.format](part.select(fields), self._settings)
            places = {
                "contract": self._settings.contract,
                "format": self._settings.format,
                "digest": hashlib.blake2b(body, digest_size=8).hexdigest(),
                "number": str(number),
                "records": str(part.height),
            }
            effects = part.select("effect", pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("line"))
            name = self._settings.name.format_map(places)
            if name in names:
                raise SettingsError(
                    f"Destination {self._name}: several files of one consignment would be called {name}.",
                    fix="Put {number} or {digest} into the name.",
                )
            names.add(name)
            yield Batch(OPERATION, "", body, effects, {"file": name})

    def submit(self, batch: Batch) -> Receipt:
        """Put the file into the folder; the same name and bytes again change nothing."""
        name = batch.memo["file"]
        _folder.write_temporary(self._settings.folder, name, batch.body)
        _folder.publish(self._settings.folder, name)
        return self._applied(name)

    def poll(self, sent: Sequence[Sent]) -> dict[int, Receipt]:
        """Everything was settled at once."""
        return {item.batch_id: self._applied(item.ticket) for item in sent if item.ticket is not None}

    def find(self, sent: Sent) -> Receipt | Verdict:
        """A file whose name holds its digest is known by its name; otherwise, and when it is gone, nothing is known."""
        name = sent.memo["file"]
        if "{digest}" in self._settings.name and (self._settings.folder / name).exists():
            return self._applied(name)
        return UNKNOWN

    def probe(self) -> str:
        """Look whether the folder can be written to."""
        _folder.writable(self._settings.folder)
        return f"{self._name}: {self._settings.folder} can be written to"

    def close(self) -> None:
        """Nothing is held open."""

    def _applied(self, name: str | None) -> Receipt:
        return Receipt(ticket=name, closed=True, rest=RowState.APPLIED)

    def _columns(self, records: pl.DataFrame) -> list[str]:
        return [name for name in self._operations[0].fields if name in records.columns]


def _not_xml(cell: pl.Expr) -> pl.Expr:
    return cell.str.contains(_NOT_XML)


def _too_long(cell: pl.Expr) -> pl.Expr:
    return cell.str.len_chars() > _XLSX_CELL


def _impossible(
    records: pl.DataFrame, fields: Sequence[str], code: str, test: Callable[[pl.Expr], pl.Expr], detail: str
) -> pl.DataFrame:
    origin = [pl.col(name) if name in records.columns else pl.lit(None, pl.Int64).alias(name) for name in (ROW, LINE)]
    found = [
        records.filter(test(pl.col(name))).select(
            *origin,
            pl.lit(code).alias("code"),
            pl.lit(name).alias("field"),
            pl.col(name).str.head(100).alias("value"),
            pl.lit(detail).alias("detail"),
        )
        for name in fields
    ]
    return pl.concat(found) if found else pl.DataFrame(schema=ISSUE_SCHEMA)


# ---------------------------------------------------------------- forms: same records, same bytes


def _write_json(frame: pl.DataFrame, settings: FilesSettings) -> bytes:
    """An array of objects of text; a missing cell is left out, an empty one is ""."""
    del settings
    return (_json.array(_json.objects(frame, [(name, _json.quoted(pl.col(name))) for name in frame.columns]))).encode()


def _write_csv(frame: pl.DataFrame, settings: FilesSettings) -> bytes:
    """Header and lines ending in LF; a missing cell is nothing, an empty one is ""."""
    out = io.BytesIO()
    frame.write_csv(out, separator=settings.delimiter, quote_style="necessary", line_terminator="\n")
    return out.getvalue()


def _write_xlsx(frame: pl.DataFrame, settings: FilesSettings) -> bytes:
    """One sheet of text cells, so that leading zeros stay; the creation date is fixed, so that bytes are alike."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "constant_memory": True}) as book:
        book.set_properties({"created": datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)})
        sheet = book.add_worksheet(settings.contract[:31])
        for place, name in enumerate(frame.columns):
            sheet.write_string(0, place, name)
        for line, row in enumerate(frame.iter_rows(), start=1):
            for place, cell in enumerate(row):
                if cell is not None:
                    sheet.write_string(line, place, cell)
    return out.getvalue()


def _write_xml(frame: pl.DataFrame, settings: FilesSettings) -> bytes:
    """A flat document; a missing cell has no element, an empty one an empty element."""
    signs = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}
    missing = frame.null_count().row(0, named=True)
    cells = [
        pl.concat_str(pl.lit(f"<{name}>"), pl.col(name).str.replace_many(signs), pl.lit(f"</{name}>")).fill_null("")
        for name in frame.columns
        if missing[name] < frame.height
    ]
    tag = settings.element
    line = pl.concat_str(pl.lit(f"<{tag}>"), *cells, pl.lit(f"</{tag}>\n"))
    lines = frame.select(line).to_series() if cells else pl.repeat(f"<{tag}></{tag}>\n", frame.height, eager=True)
    text = str(lines.str.join("").item())
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{settings.root}>\n{text}</{settings.root}>\n'.encode()


_WRITERS: Mapping[str, Callable[[pl.DataFrame, FilesSettings], bytes]] = {
    "json": _write_json,
    "csv": _write_csv,
    "xlsx": _write_xlsx,
    "xml": _write_xml,
}
