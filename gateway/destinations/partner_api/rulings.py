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
    "missing_skus": "the vendor does not have it, or not on sale",
    "invalid_discounted_skus": "its price is not below the regular one",
}


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


def ruling(job: str, found: News | None, places: Mapping[str, Sequence[Place]]) -> Ruling:
    """Rule on rows by their SKU; `found` None: nobody can be asked about the job."""
    if found is None:
        return Ruling(RowState.ACCEPTED, "DEST_NOT_CONFIRMED", f"the job {job} named no rows")
    lists = {name: found.result[name] for name in _LISTS if name in found.result}
    named = _named(places, lists)
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


def _named(places: Mapping[str, Sequence[Place]], lists: Mapping[str, Any]) -> pl.DataFrame:
    """Return outcomes of rows that a list names, with every vendor that could not take them."""
    why: dict[str, dict[str, list[str]]] = {}
    for name, words in _WHY.items():
        for vendor, skus in _by_vendor(lists.get(name)):
            for sku in skus:
                why.setdefault(sku, {}).setdefault(words, []).append(vendor)
    rows = [
        (place, RowState.REFUSED, _code(reasons), _sentence(reasons))
        for sku, reasons in why.items()
        for place in places.get(sku, ())
    ]
    invalid = lists.get("invalid_vendors")
    if isinstance(invalid, list) and invalid:
        message = f"the platform knows no vendor {', '.join(map(str, invalid))}"
        named = {place for place, *_ in rows}
        left = (place for spots in places.values() for place in spots if place not in named)
        rows += [(place, RowState.REFUSED, "DEST_REFUSED", message) for place in left]
    return answers.frame(rows)


def _code(reasons: Mapping[str, list[str]]) -> str:
    return "DEST_ONBOARDING" if set(reasons) == {_WHY["missing_skus"]} else "DEST_REFUSED"


def _sentence(reasons: Mapping[str, list[str]]) -> str:
    return "; ".join(f"{words} ({', '.join(vendors)})" for words, vendors in reasons.items())


def _by_vendor(listed: Any) -> list[tuple[str, list[str]]]:
    if isinstance(listed, dict):
        return [(str(vendor), [str(sku) for sku in skus]) for vendor, skus in listed.items() if isinstance(skus, list)]
    return [(_EVERY, [str(sku) for sku in listed])] if isinstance(listed, list) else []
