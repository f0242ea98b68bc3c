"""What the platform says of jobs: states, logs and feedback lists, read tolerantly; pure.

Source: Partner API documentation: 202 with job_id and job_status, states QUEUED, IN_PROGRESS, COMPLETED, FAILED
(verified). Names in webhooks and the columns sku, state, errors of logs are live-reported.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from gateway.destinations.partner_api.fields import about
from gateway.destinations.partner_api.profile import Jobs
from gateway.model import OUTCOME_SCHEMA, RowState

DONE, FAILED, DUPLICATE = "COMPLETED", "FAILED", "DUPLICATE"
_LENGTH = 500
AS_FLAG = ("DEST_AS_FLAG", "a call with one product can't put it off sale by its quantity")
"""Code and message of a product whose quantity went as a flag."""
_NOTHING = frozenset({"", "null", "none", "[]", "{}", "nan", "-"})
_NAMES = {
    "job_id": ("job_id", "jobId", "id"),
    "state": ("job_status", "jobStatus", "status", "state"),
    "url": ("download_url", "downloadUrl", "downloadURL", "url"),
    "vendor": ("platform_vendor_id", "vendor_id", "platformVendorId", "vendorId"),
}
_INSIDE = ("job", "data", "payload")

Place = tuple[int | None, str | None]
"""Line or key of an effect."""
Named = Callable[[str], Sequence[Place]]
"""Where the effects of an item of a log are; none for an item that was not sent."""


@dataclass(frozen=True, slots=True)
class News:
    """What is known of a job. `state` in capitals, "" when it is not said."""

    job: str
    state: str
    url: str
    vendor: str
    result: Mapping[str, Any]

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in {DONE, FAILED, DUPLICATE}

    @property
    def feedback(self) -> list[Mapping[str, Any]]:
        """Items of the feedback list."""
        listed = self.result.get("item_level_feedback")
        return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


@dataclass(frozen=True, slots=True)
class Line:
    """What was said of one item."""

    item: str
    state: RowState
    code: str
    message: str


def news(data: Mapping[str, Any]) -> News:
    """Read what is said of a job, whatever the members are called."""
    inner: Mapping[str, Any] = next((data[name] for name in _INSIDE if isinstance(data.get(name), dict)), {})
    seen = {**inner, **data}
    result = seen.get("result")
    known = {field: _first(seen, names) for field, names in _NAMES.items()}
    told = result if isinstance(result, dict) else {}
    url = known["url"] or _first(told, _NAMES["url"])
    return News(known["job_id"], known["state"].strip().upper(), url, known["vendor"], told)


def _first(data: Mapping[str, Any], names: Iterable[str]) -> str:
    for name in names:
        value = data.get(name)
        if isinstance(value, str) and value != "":
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
    return ""


def log(body: bytes, jobs: Jobs) -> list[Line] | None:
    """Read the log of an update: every item it lists, with what became of it; none of a table that does not say so.

    None where it is no table that can be read: a cell without an end, or far too long.
    """
    text = body.decode("utf-8-sig", "replace")
    try:
        return _listed(csv.reader(io.StringIO(text, newline="")), jobs)
    except csv.Error:
        return None


def _listed(table: Iterator[list[str]], jobs: Jobs) -> list[Line]:
    header = [name.strip().lower() for name in next(table, [])]
    places = {name: header.index(name) for name in ("sku", "barcode", "state", "status", "errors") if name in header}
    if not places.keys() & {"state", "status", "errors"}:
        return []
    found = []
    for cells in table:
        row = {name: cells[at].strip() for name, at in places.items() if at < len(cells)}
        item = row.get("sku") or row.get("barcode") or ""
        if item:
            found.append(_line(item, row.get("state") or row.get("status") or "", row.get("errors", ""), jobs))
    return found


def feedback(listed: Iterable[Mapping[str, Any]], jobs: Jobs) -> list[Line]:
    """Read a feedback list."""
    found = []
    for one in listed:
        item, reasons = _first(one, ("sku", "barcode")), one.get("rejection_reasons")
        words = [_reason(reason) for reason in reasons] if isinstance(reasons, list) else []
        if item:
            found.append(_line(item, _first(one, ("status", "state")), "; ".join(filter(None, words)), jobs))
    return found


def duplicates(found: News) -> list[Line]:
    """Read which products of a creation were there already: that is no fault."""
    listed = found.result.get("duplicated_products")
    named = listed if isinstance(listed, list) else []
    codes = [_first(one, ("sku", "barcode")) if isinstance(one, dict) else str(one) for one in named]
    return [Line(code, RowState.APPLIED, "DEST_WARNING", "it was there already") for code in codes if code]


def _reason(reason: Any) -> str:
    if not isinstance(reason, dict):
        return str(reason)
    said, about = _first(reason, ("rejected_reason", "reason", "message")), _first(reason, ("rejected_data", "field"))
    return f"{about}: {said}" if about and said else said or about


def _line(item: str, state: str, errors: str, jobs: Jobs) -> Line:
    words = "" if errors.strip().lower() in _NOTHING else " ".join(errors.split())[:_LENGTH]
    shown = state.strip().upper()
    bad = shown in jobs.failed_words or (words != "" and shown not in jobs.good_words)
    if not bad:
        return Line(item, RowState.APPLIED, "DEST_WARNING" if words else "", words)
    return Line(item, RowState.REFUSED, refusal(words, jobs), words or f"the log says {shown}")


def refusal(words: str, jobs: Jobs) -> str:
    """Return the code of a refusal: a product the vendor does not have needs onboarding, not mending."""
    unknown = any(re.search(pattern, words, re.IGNORECASE) for pattern in jobs.unknown_item)
    return "DEST_ONBOARDING" if unknown else "DEST_REFUSED"


def outcomes(lines: Iterable[Line], named: Named) -> pl.DataFrame:
    """Return OUTCOME_SCHEMA of what was said, items at their places; of an item said twice the graver counts."""
    found: dict[Place, Line] = {}
    for line in lines:
        for place in named(line.item):
            known = found.get(place)
            if known is None or line.state.gravity < known.state.gravity:
                found[place] = line
    return frame((place, line.state, line.code, line.message) for place, line in found.items())


def flagged(found: pl.DataFrame, state: RowState) -> pl.DataFrame:
    """Return outcomes that say of what was applied that its quantity went as a flag; `state`: of `flag_state`."""
    here = (pl.col("state") == str(RowState.APPLIED)) & pl.col("code").is_null()
    return found.with_columns(
        pl.when(here).then(pl.lit(text)).otherwise(name).alias(name)
        for name, text in zip(("state", "code", "message"), (str(state), *AS_FLAG), strict=True)
    )


def frame(rows: Iterable[tuple[Place, RowState, str, str]]) -> pl.DataFrame:
    """Return OUTCOME_SCHEMA with `field` of places with state, code and message; refusals name what they are about."""
    told = pl.DataFrame(
        [(line, key, str(state), code or None, message or None, None) for (line, key), state, code, message in rows],
        schema=OUTCOME_SCHEMA,
        orient="row",
    )
    words = told.filter(pl.col("code") == "DEST_REFUSED")["message"].drop_nulls().unique(maintain_order=True).to_list()
    named = {text: about(text) for text in words}
    field = pl.col("message").replace_strict(named, default=None, return_dtype=pl.String) if named else pl.lit(None)
    refused = pl.col("code") == "DEST_REFUSED"
    return told.with_columns(field=pl.when(refused).then(field).cast(pl.String))
