"""The verdict on a run in one sentence, and the balance law; it knows counts only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.model import RowState, Summary

FAILED: tuple[RowState, ...] = (RowState.REFUSED, RowState.REJECTED)
"""States of the rows an errors file holds."""

_WORDS: tuple[tuple[RowState, str, str], ...] = (
    (RowState.ACCEPTED, "was taken without a confirmation", "were taken without a confirmation"),
    (RowState.UNCHANGED, "needed no change", "needed no change"),
    (RowState.REJECTED, "was rejected by our checks", "were rejected by our checks"),
    (RowState.REFUSED, "was refused by {destination}", "were refused by {destination}"),
    (RowState.UNCERTAIN, "has an unknown outcome", "have an unknown outcome"),
    (RowState.HELD, "is held for a person to decide", "are held for a person to decide"),
    (RowState.PENDING, "still waits for an answer", "still wait for an answer"),
    (RowState.SCHEDULED, "waits for its date", "wait for their date"),
    (RowState.SUPERSEDED, "gave way to a newer value or another row", "gave way to newer values or other rows"),
    (RowState.SKIPPED, "was left out", "were left out"),
)

_HERE = "refused by the gateway, by the rules of {destination}"
"""What refused rows were that never were sent."""

_DONE: Mapping[str, str] = {"zero": "set to 0", "end": "ended"}
"""What was done with keys that a full file left out, by what its route wants of them."""


def failed(states: Mapping[str, int]) -> int:
    """Return how many rows were rejected or refused."""
    return sum(states.get(state, 0) for state in FAILED)


def to_mend(summary: Summary) -> int:
    """Return how many rows an errors file lists: those that failed and can be mended."""
    return failed(summary.states) - summary.blameless


def balances(summary: Summary) -> bool:
    """Say whether the balance law holds: records read equal the sum of the states, and no count is below zero."""
    counts = summary.states.values()
    return summary.rows == sum(counts) and all(count >= 0 for count in counts)


def verdict(  # noqa: PLR0913  a verdict is drawn from that many facts, each by name
    states: Mapping[str, int],
    *,
    errors: str,
    destination: str = "the marketplace",
    derived: Mapping[str, int] | None = None,
    blameless: int = 0,
    effects: Mapping[str, Mapping[str, int]] | None = None,
    absent: str = "",
    unread: int = 0,
    unsent: int = 0,
    untouched: str = "",
) -> str:
    """Say in one sentence what became of the rows, and in another of the keys that a full file left out.

    `states`: rows per state. `errors`: name of the file that lists the failed rows, named when there are any.
    `destination`: what to call the one who refuses. `derived`: effects without a row, per state. `blameless`: refused
    rows in which nothing is to be mended. `effects`: where rows have several, states per family. `absent`: what the
    route wants of keys that a full file leaves out (`zero`, `end`). `unread`: rows without a readable key for which
    nothing came of that. `unsent`: refused rows that the destination was never asked to take. `untouched`: why else
    nothing came of it.
    """
    in_part = _in_part(states, effects or {})
    left_out = _besides(derived or {}, destination, _DONE.get(absent, "ended or set to 0"))
    besides = in_part + _nobodys(blameless, states) + left_out + _unread(unread, absent)
    besides += f" {kept_as_is(untouched, absent)}." if untouched and not (left_out or unread) else ""
    total = sum(states.values())
    if total == 0:
        return f"The file has no rows.{besides}" if besides else "The file has no rows: nothing was sent."
    whole = " as a whole" if in_part else ""
    told = _told(states, destination, unsent)
    return _of_rows(states, total, told, errors if failed(states) > blameless else "", whole) + besides


def verdict_of(counts: Mapping[str, Any], *, errors: str, destination: str, absent: str) -> str:
    """Draw the verdict from all that is counted of a run, by the names the journal has for it; the rest as `verdict`.

    `counts`: `states`, `derived`, `effects`, `blameless`, `unsent`, `unread_keys`, `untouched`, each if there is any.
    """
    states, derived, effects = (counts.get(one, {}) for one in ("states", "derived", "effects"))
    blameless, unsent, unread = (int(counts.get(one, 0)) for one in ("blameless", "unsent", "unread_keys"))
    return verdict(
        states, errors=errors, destination=destination, derived=derived, blameless=blameless, effects=effects,
        absent=absent, unread=unread, unsent=unsent, untouched=counts.get("untouched", ""),
    )  # fmt: skip


def counts_of(summary: Summary) -> dict[str, Any]:
    """Return what is counted of the rows of a run, by the names the journal has for it."""
    return {name: getattr(summary, name) for name in ("states", "derived", "effects", "blameless", "unsent")}


def _in_part(states: Mapping[str, int], effects: Mapping[str, Mapping[str, int]]) -> str:
    """Say which effects came about of rows that did not as a whole."""
    whole = states.get(RowState.APPLIED, 0)
    found = {family: counts.get(RowState.APPLIED, 0) for family, counts in effects.items()}
    if max(found.values(), default=0) <= whole:
        return ""
    if whole:
        return " Of other rows parts took effect."
    return (
        f" Parts of them took effect: {_series([f'{family} {count:,}' for family, count in found.items() if count])}."
    )


def _nobodys(blameless: int, states: Mapping[str, int]) -> str:
    if not blameless:
        return ""
    them = "it" if blameless == 1 else "them"
    which = them if blameless == states.get(RowState.REFUSED, 0) else f"{blameless:,} of the refused"
    return f" There is nothing to mend in {which}: the operator is told, and sends {them} again."


def _told(states: Mapping[str, int], destination: str, unsent: int = 0) -> list[tuple[int, str, str]]:
    found: list[tuple[int, str, str]] = []
    for state, one, many in _WORDS:
        count = states.get(state, 0)
        if state is RowState.REFUSED:
            found.append((unsent, f"was {_HERE}", f"were {_HERE}"))
            count -= unsent
        found.append((count, one, many))
    told = {"destination": destination}
    return [(count, one.format_map(told), many.format_map(told)) for count, one, many in found]


def unread_keys(count: int, absent: str, *, done: str = "was") -> str:
    """Say what rows without a readable key mean for a full file. `absent`: what the route wants of keys left out."""
    rows = "1 row has" if count == 1 else f"{count:,} rows have"
    return kept_as_is(f"{rows} no readable key", absent, done=done)


def kept_as_is(why: str, absent: str, *, done: str = "was") -> str:
    """Say that nothing came of it that a full file leaves keys out, and why. `absent`: what the route wants of them."""
    return f"Nothing that the full file leaves out {done} {_DONE.get(absent, 'ended')}: {why}"


def _unread(count: int, absent: str) -> str:
    return f" {unread_keys(count, absent)}." if count else ""


def _besides(derived: Mapping[str, int], destination: str, done: str) -> str:
    total = sum(derived.values())
    if total == 0:
        return ""
    applied = derived.get(RowState.APPLIED, 0)
    was = "was" if (applied or total) == 1 else "were"
    keys = "1 key that the file left out" if total == 1 else f"{total:,} keys that the file left out"
    parts = [_count(count, one, many) for count, one, many in _told(derived, destination) if count]
    if not parts:
        return f" Besides, {keys} {was} {done}."
    if applied:
        return f" Besides, {applied:,} of {keys} {was} {done}; {_series(parts)}."
    return f" Besides, of {keys} {_series(parts)}."


def _of_rows(states: Mapping[str, int], total: int, told: list[tuple[int, str, str]], errors: str, whole: str) -> str:
    parts = [_count(count, one, many) for count, one, many in told if count]
    applied = states.get(RowState.APPLIED, 0)
    see = f": see {errors}." if failed(states) and errors else "."
    if not parts:
        return "The only row took effect." if total == 1 else f"All {total:,} rows took effect."
    if applied == 0 and len(parts) == 1:
        return _whole(total, told) + see
    share = f"{applied:,} of {total:,} rows" if applied else f"None of the {total:,} rows"
    return f"{share} took effect{whole}; {_series(parts)}{see}"


def _count(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"


def _whole(total: int, told: list[tuple[int, str, str]]) -> str:
    one, many = next((one, many) for count, one, many in told if count)
    return f"The only row {one}" if total == 1 else f"All {total:,} rows {many}"


def _series(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
