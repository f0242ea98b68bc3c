"""Tax rates of territories by day: which were in force when. The tables are data, and may be replaced by a file.

Sources: GOV.UK rates of VAT; Ley 37/1992 (IVA) with its equivalence surcharge and the temporary measures for food and
energy; Ley 4/2012 (IGIC). Each line of the table says how sure it is.
"""

from __future__ import annotations

import csv
import functools
import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from importlib import resources
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import polars as pl

from gateway.contracts.fields import Instant
from gateway.errors import Fault, SettingsError

Territory = Literal["GB", "ES", "ES-CN", "DE", "FR", "IE", "IT", "PT"]
ZONES: Mapping[str, str] = {
    "GB": "Europe/London", "ES": "Europe/Madrid", "ES-CN": "Atlantic/Canary", "DE": "Europe/Berlin",
    "FR": "Europe/Paris", "IE": "Europe/Dublin", "IT": "Europe/Rome", "PT": "Europe/Lisbon",
}  # fmt: skip
"""Territories and the time in which their days are counted; rates are shipped for the first three."""

_COLUMNS = ("territory", "name", "rate", "surcharge", "first_day", "last_day", "confidence")


@dataclass(frozen=True, slots=True)
class TaxRate:
    """A rate in percentage points, in force from the first to the last day (None: still).

    `surcharge`: equivalence surcharge that goes with it (percentage points), where the territory has one.
    """

    territory: str
    name: str
    rate: Decimal
    surcharge: Decimal | None
    first_day: date
    last_day: date | None
    confidence: str

    @property
    def text(self) -> str:
        """Canonical text of the rate."""
        shown = f"{self.rate:f}"
        return shown.rstrip("0").rstrip(".") if "." in shown else shown


def tax_rates(table: Path | None = None) -> tuple[TaxRate, ...]:
    """Return all rates: those shipped, or those of a CSV file of the same columns.

    Raises SettingsError with every faulty line, or when the file can't be read.
    """
    if table is None:
        return _shipped()
    try:
        text = table.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as trouble:
        raise SettingsError(
            f"The table of tax rates {table} can't be read ({trouble}).", fix="Check the file."
        ) from None
    return _read(text, str(table))


@functools.cache
def _shipped() -> tuple[TaxRate, ...]:
    file = resources.files("gateway.contracts") / "data" / "tax_rates.csv"
    return _read(file.read_text(encoding="utf-8"), file.name)


def _read(text: str, name: str) -> tuple[TaxRate, ...]:
    reader = csv.DictReader(io.StringIO(text, newline=""))
    if tuple(reader.fieldnames or ()) != _COLUMNS:
        raise SettingsError(f"{name} has not the columns {', '.join(_COLUMNS)}.", fix="Restore its first line.")
    found, faults = [], []
    for row in reader:
        try:
            found.append(_line(row))
        except (ValueError, TypeError, InvalidOperation):
            faults.append(Fault(f"{name}:{reader.line_num}", "a territory, rate or day of this line can't be read"))
    if faults:
        known = ", ".join(ZONES)
        raise SettingsError(faults, fix=f"Write territories like {known}, rates like 5.2 and days like 2012-09-01.")
    return tuple(found)


def _line(row: dict[str, str]) -> TaxRate:
    if row["territory"] not in ZONES or not Decimal(row["rate"]).is_finite():
        raise ValueError(row["territory"])
    return TaxRate(
        row["territory"],
        row["name"],
        Decimal(row["rate"]),
        Decimal(row["surcharge"]) if row["surcharge"] else None,
        date.fromisoformat(row["first_day"]),
        date.fromisoformat(row["last_day"]) if row["last_day"] else None,
        row["confidence"],
    )


def lasting(territory: str, table: tuple[TaxRate, ...]) -> tuple[str, ...]:
    """Return the rates of the territory without a last day, canonical text, lowest first."""
    here = {one.rate: one.text for one in table if one.territory == territory and one.last_day is None}
    return tuple(here[rate] for rate in sorted(here))


def in_force(territory: str, rate: pl.Expr, moment: pl.Expr, table: tuple[TaxRate, ...]) -> pl.Expr:
    """Return whether `rate` (canonical text) is in force in the territory at `moment` (canonical UTC time).

    Where no moment is given, whether it is in force at any time. Days are those of the territory's own clock.
    """
    cases = [_case(one, rate, moment) for one in table if one.territory == territory]
    return pl.any_horizontal(pl.lit(False), *cases)


def rates_then(territory: str, moment: pl.Expr, table: tuple[TaxRate, ...]) -> pl.Expr:
    """Return the rates (String, joined by commas) in force in the territory at `moment` (canonical UTC time)."""
    here = [one for one in table if one.territory == territory]
    ended = {one.last_day + timedelta(days=1) for one in here if one.last_day is not None}
    told = pl.lit(None, pl.String)
    for day in sorted(ended | {one.first_day for one in here}):
        rates = {one.rate: one.text for one in here if one.first_day <= day and (one.last_day or day) >= day}
        begun = moment >= _midnight(day, ZoneInfo(ZONES[territory]))
        told = pl.when(begun).then(pl.lit(", ".join(rates[rate] for rate in sorted(rates)))).otherwise(told)
    return told.fill_null(", ".join(lasting(territory, table)))


def _case(one: TaxRate, rate: pl.Expr, moment: pl.Expr) -> pl.Expr:
    zone = ZoneInfo(ZONES[one.territory])
    inside = moment >= _midnight(one.first_day, zone)
    if one.last_day is not None:
        inside &= moment < _midnight(one.last_day + timedelta(days=1), zone)
    return (rate == one.text) & inside.fill_null(True)


def _midnight(day: date, zone: ZoneInfo) -> str:
    return Instant.text(datetime.combine(day, time(), zone).astimezone(UTC))
