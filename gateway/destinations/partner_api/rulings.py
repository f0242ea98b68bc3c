"""What the job of a promotion call says of the rows in it; pure.

Source: Partner API documentation, promotions: states of jobs (verified); lists of SKUs and vendors that were refused
are live-reported, and where there are none nobody says what became of rows.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from gateway.destinations.partner_api import answers
from gateway.destinations.partner_api.answers import News, Place
from gateway.model import RowState

_LISTS = ("invalid_vendors", "missing_skus", "invalid_discounted_skus")
_EVERY = "all"
_WHY = {
    "missing_skus": "the vendor does not have it, or it is not on sale there",
    "invalid_discounted_skus": "its price is not below the regular one",
}

Names = Mapping[str, str]
"""Vendors of a call: as the platform calls them, to as rows do."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What became of rows: those in `named` (OUTCOME_SCHEMA), and all others."""

    rest: RowState
    code: str = ""
    message: str = ""
    named: pl.DataFrame | None = None

    def of(self, places: Mapping[str, Sequence[Place]]) -> pl.DataFrame:
        """Return OUTCOME_SCHEMA of every row at `places`, named or not."""
        named = answers.frame(()) if self.named is None else self.named
        told = set(named["line"])
        left = (place for spots in places.values() for place in spots if place[0] not in told)
        return pl.concat([named, answers.frame((place, self.rest, self.code, self.message) for place in left)])


def called(record: Mapping[str, Any], names: Names) -> Names:
    """Return the vendors that a call is for, by what is remembered of it."""
    listed = json.loads(record["base"])["vendors"]
    return names if listed == ["*"] else {vendor: names.get(vendor, vendor) for vendor in listed}


def ruling(job: str, found: News | None, places: Mapping[str, Sequence[Place]], names: Names) -> Ruling:
    """Rule on rows by their SKU; `found` None: nobody can be asked about the job. `names`: vendors of the call."""
    if found is None:
        return Ruling(RowState.ACCEPTED, "DEST_NOT_CONFIRMED", f"the job {job} named no rows")
    lists = {name: found.result[name] for name in _LISTS if name in found.result}
    named = _named(places, lists, names, runs=found.state != answers.FAILED)
    if found.state == answers.FAILED:
        words = found.result.get("message")
        message = f"the job {job} failed" + (f": {words}" if isinstance(words, str) and words else "")
        return Ruling(RowState.REFUSED, "DEST_REFUSED_BATCH", message, named)
    if found.state == answers.DUPLICATE:
        return Ruling(RowState.APPLIED)
    if not lists:
        return Ruling(RowState.ACCEPTED, "DEST_NOT_CONFIRMED", f"the job {job} named no rows")
    return Ruling(RowState.APPLIED, named=named)


def absent(found: News, vendors: Collection[str]) -> set[str]:
    """Return the SKUs that no vendor of a call took, by its lists."""
    invalid = found.result.get("invalid_vendors")
    asked = set(vendors) - set(map(str, invalid if isinstance(invalid, list) else ()))
    where: dict[str, set[str]] = {}
    for name in _WHY:
        for vendor, skus in _by_vendor(found.result.get(name)):
            for sku in skus:
                where.setdefault(sku, set()).add(vendor)
    return {sku for sku, refusing in where.items() if _EVERY in refusing or asked <= refusing}


def report(job: str, found: News | None) -> tuple[tuple[str, bytes], ...]:
    """Return what was said of a job, to be kept with the run."""
    return () if found is None else ((f"promotion-{job}.json", json.dumps(dict(found.result)).encode()),)


def _named(
    places: Mapping[str, Sequence[Place]], lists: Mapping[str, Any], names: Names, *, runs: bool
) -> pl.DataFrame:
    """Return outcomes of rows that a list names, with every vendor that could not take them, and those that did."""
    invalid = [str(one) for one in lists["invalid_vendors"]] if isinstance(lists.get("invalid_vendors"), list) else []
    why: dict[str, dict[str, list[str]]] = {}
    for name, words in _WHY.items():
        for vendor, skus in _by_vendor(lists.get(name)):
            for sku in skus:
                why.setdefault(sku, {}).setdefault(words, []).append(vendor)
    rows = [
        (place, RowState.REFUSED, *_told(reasons, list(names) if runs and not invalid else [], names))
        for sku, reasons in why.items()
        for place in places.get(sku, ())
    ]
    if invalid:
        message = f"the platform knows no vendor {_listed(invalid, names)}"
        named = {place for place, *_ in rows}
        left = (place for spots in places.values() for place in spots if place not in named)
        rows += [(place, RowState.REFUSED, "DEST_REFUSED", message) for place in left]
    return answers.frame(rows)


def _told(reasons: Mapping[str, list[str]], asked: Sequence[str], names: Names) -> tuple[str, str]:
    """Return code and message of a row that some vendors refused; where others took it, it is no unknown product."""
    refusing = {vendor for vendors in reasons.values() for vendor in vendors}
    took = [] if _EVERY in refusing else [vendor for vendor in asked if vendor not in refusing]
    words = [f"{why} ({_listed(vendors, names)})" for why, vendors in reasons.items()]
    if took:
        words.append(f"the promotion runs at {_listed(took, names)}")
    unknown = set(reasons) == {_WHY["missing_skus"]} and not took
    return "DEST_ONBOARDING" if unknown else "DEST_REFUSED", "; ".join(words)


def _listed(vendors: Sequence[str], names: Names) -> str:
    return ", ".join(names.get(one, one) for one in vendors)


def _by_vendor(listed: Any) -> list[tuple[str, list[str]]]:
    if isinstance(listed, dict):
        return [(str(vendor), [str(sku) for sku in skus]) for vendor, skus in listed.items() if isinstance(skus, list)]
    return [(_EVERY, [str(sku) for sku in listed])] if isinstance(listed, list) else []
