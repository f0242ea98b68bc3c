"""Answers: both envelopes, and what a response code means for what was sent; pure.

Source: Sellers Commerce Open API documentation, error messages (verified): numbers stay, texts may change, so only
StatusCode is looked at. That every answer is wrapped is said there, while the sample shows a bare array; both are read.
What each code means for a row is an assumption.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from gateway.errors import Refused, Unreachable
from gateway.transport import received

STATUSES = frozenset({400, 404, 406})
"""HTTP statuses whose body says what went wrong with what was sent."""
PROCESSED = 20
NAMES: Mapping[int, str] = {
    20: "Processed", 21: "ProviderNotExists", 22: "UserNotExists", 24: "OrderNotExist", 25: "SkuNotExist",
    26: "InvalidQty", 27: "PaymenExist", 28: "AlreadyCaptured", 29: "ProcessFailed", 30: "InvalidData",
    31: "CategoryNotExist", 32: "ParentCategoryNotExists", 33: "Exists", 34: "InvalidSku", 35: "BrandNotExists",
    36: "InsertCategoryFailed",
}  # fmt: skip
"""Response codes by number; 23 is in no table."""
_MEMBERS = frozenset({"results", "responsemessage", "statuscode"})
_TEXT = 300


class Meaning(enum.Enum):
    """What an answer means for what was sent."""

    DONE = "done"
    THERE = "there"
    """It was there before: nothing had to be done."""
    AGAIN = "again"
    """The other side failed; the same call may succeed."""
    REFUSED = "refused"
    ACCOUNT = "account"
    """Nothing can be sent with these keys or to this address."""


_MEANINGS: Mapping[int, Meaning] = {
    20: Meaning.DONE, 21: Meaning.ACCOUNT, 22: Meaning.ACCOUNT, 27: Meaning.THERE, 28: Meaning.THERE,
    29: Meaning.AGAIN, 33: Meaning.THERE, 36: Meaning.AGAIN,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. `results`: the data asked for, or what the envelope holds; `code` None: no envelope, no code."""

    status: int
    results: Any
    code: int | None = None
    message: str = ""

    def meaning(self, *, of_shopper: bool = False) -> Meaning:
        """Return what it means; an unknown user is the shopper's fault where one was named, else the account's."""
        if self.code == 22 and of_shopper:
            return Meaning.REFUSED
        if self.code is not None:
            return _MEANINGS.get(self.code, Meaning.REFUSED)
        if self.status == 404:
            return Meaning.ACCOUNT
        return Meaning.DONE if 200 <= self.status < 300 else Meaning.REFUSED

    def text(self) -> str:
        """Return code, its name and the other side's words in one line."""
        if self.code is None:
            return _line(self.message) or f"HTTP {self.status}"
        name = NAMES.get(self.code)
        said = _line(self.message)
        return f"{self.code} {name or 'unknown code'}{f': {said}' if said else ''}"


def read(status: int, body: bytes) -> Answer:
    """Read an answer. Raises Unreachable when a success is not JSON."""
    try:
        data = received.loaded(body, parse_float=Decimal) if body.strip() else None
    except ValueError:
        if 200 <= status < 300:
            raise Unreachable(
                "The shop answered something that is not JSON.", fix="It is asked again later; check the host name."
            ) from None
        return Answer(status, None)
    if not isinstance(data, dict):
        return Answer(status, data)
    folded = {str(name).casefold(): value for name, value in data.items()}
    if not ({"statuscode", "results"} & folded.keys() and folded.keys() <= _MEMBERS | {"message"}):
        said = folded.get("message")
        return Answer(status, data, message=said if isinstance(said, str) and status >= 400 else "")
    code, message = folded.get("statuscode"), folded.get("responsemessage") or folded.get("message")
    number = int(code) if isinstance(code, int | str) and str(code).isascii() and str(code).isdigit() else None
    return Answer(status, folded.get("results"), number, message if isinstance(message, str) else "")


def entries(answer: Answer, place: str) -> list[dict[str, Any]]:
    """Return the objects an answer lists. Raises Refused where it is no success or says nothing but null."""
    if answer.meaning() is not Meaning.DONE:
        raise Refused(f"{place} answered {answer.text()}.", fix="Read what it says.", status=str(answer.code or ""))
    found = answer.results
    if isinstance(found, dict):
        found = [found]
    if found is None:
        return []
    if not isinstance(found, list):
        raise Refused(f"{place} answered no list.", fix="Check the host name.", status="list")
    objects = [one for one in found if isinstance(one, dict)]
    if any(one is None for one in found) or (objects and all(v is None for one in objects for v in one.values())):
        raise Refused(
            f"{place} answered nothing but null.",
            fix="The shop wants a further part of the query: write it into extra_query.",
            status="null",
        )
    return objects


def _line(said: str) -> str:
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in said).split())
    return line if len(line) <= _TEXT else line[: _TEXT - 3] + "..."
