"""What the CSV files of all imports have in common, and batches with nothing to send; pure.

Source: Mirakl seller API documentation, P41, OF01, PRI01, STO01: UTF-8, semicolon, a header, one line per record
(verified). Quoting every cell, LF line ends and no byte order mark are what the platform takes (inferred).
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence

import polars as pl

from gateway.model import KEY, OUTCOME_SCHEMA, Batch, Receipt, RowState

UNSENT = "unsent"
"""Memo of a batch without a call: why its effects can't be sent."""
_SAID = "said"
"""Memo of such a batch: what is said of each line beside the reason (JSON list)."""
_STATES = {
    "nothing": RowState.SKIPPED,
    "along": RowState.SKIPPED,
    "absent": RowState.SKIPPED,
    "gone": RowState.SKIPPED,
    "other": RowState.SKIPPED,
    "over": RowState.SKIPPED,
    "unknown": RowState.REFUSED,
}
_CODES = {
    "nothing": "",
    "along": "DEST_ENDS_ALONG",
    "absent": "DEST_NOT_THERE",
    "gone": "DEST_NOT_THERE",
    "other": "DEST_NOTHING",
    "over": "PROMOTION_OVER",
    "unknown": "DEST_NO_OFFER",
}
_WORDS = {
    "nothing": "there is nothing to end by this call",
    "along": "the level ends with the offer",
    "absent": "the shop has no such offer",
    "gone": "the offer has no discount",
    "other": "the offer has no discount of these dates",
    "over": "its end",
    "unknown": "the present prices of the offer were not read, and prices left out of the call would be deleted",
}


def write(lines: pl.DataFrame, columns: Sequence[str]) -> bytes:
    """Return the file: a header, then one line per row; null is an empty cell."""
    out = io.BytesIO()
    lines.select(columns).write_csv(out, separator=";", quote_style="always", line_terminator="\n")
    return out.getvalue()


def placed(part: pl.DataFrame, *, counts_header: bool = True) -> pl.DataFrame:
    """Return effect and line of each row, the lines counted as the reports count them."""
    first = 2 if counts_header else 1
    return part.select("effect", pl.int_range(first, pl.len() + first, dtype=pl.Int64).alias("line"))


def slices(lines: pl.DataFrame, size: int | None) -> Iterator[pl.DataFrame]:
    """Yield the rows in parts of at most `size`."""
    yield from [lines] if size is None or lines.height <= size else lines.iter_slices(size)


def key_memo(records: pl.DataFrame) -> dict[str, str]:
    """Say how a code in a report becomes the key of an effect: what follows it; empty where keys are of other make."""
    if records.height == 0:
        return {}
    sku, key = records["sku"][0], records[KEY][0]
    if sku is None or not key.startswith(sku):
        return {}
    tail = key[len(sku) :]
    alike = records.select((pl.col(KEY) == pl.col("sku") + pl.lit(tail)).all()).item()
    return {"key": "sku", "tail": tail} if alike else {}


def unsent(
    operation: str, slot: str, effects: pl.DataFrame, why: str, size: int | None, *, said: str | None = None
) -> Iterator[Batch]:
    """Yield batches that cause no call and end at once; `why`: a word of `_STATES`.

    `said`: column with what completes the sentence of each row, instead of words that are the same for all.
    """
    for part in slices(effects, size):
        if part.height:
            memo = {UNSENT: why} if said is None else {UNSENT: why, _SAID: json.dumps(part[said].to_list())}
            yield Batch(operation, slot, b"", placed(part), memo)


def ended(batch: Batch) -> Receipt | None:
    """Return the end of a batch that causes no call; None for any other."""
    why = batch.memo.get(UNSENT)
    if why is None:
        return None
    told = [(n, None, str(_STATES[why]), _CODES[why], text, None) for n, text in enumerate(_details(batch), start=2)]
    return Receipt(
        ticket="none",
        closed=True,
        rest=_STATES[why],
        code=_CODES[why],
        message=_WORDS[why],
        outcomes=pl.DataFrame(told, schema=OUTCOME_SCHEMA, orient="row") if told else None,
    )


def _details(batch: Batch) -> list[str]:
    return json.loads(batch.memo[_SAID]) if _SAID in batch.memo else []
