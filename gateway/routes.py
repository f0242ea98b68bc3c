"""Route: source + file pattern + mapping + contract + destination + policy + mode, as pinned with every run."""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class GuardLimits(_Part):
    """Limits above which a run is held: shares of the owner's known keys, each with a least number."""

    ended_share: float = Field(default=0.20, ge=0, le=1, description="Ended keys, as a share of the known keys.")
    ended_least: int = Field(default=20, ge=0, description="Ended keys below this number never hold a run.")
    zeroed_share: float = Field(default=0.30, ge=0, le=1, description="Stock that becomes zero, as a share.")
    zeroed_least: int = Field(default=50, ge=0, description="Newly zero stock below this number never holds a run.")
    price_change: float = Field(default=0.50, ge=0, description="A price that changes by more counts as changed much.")
    price_share: float = Field(default=0.05, ge=0, le=1, description="Prices changed much, as a share of known keys.")
    price_least: int = Field(default=10, ge=0, description="Fewer prices changed much never hold a run.")
    price_floor: float = Field(
        default=0.10, ge=0, le=1, description="One price at or below this share of the old one holds a run."
    )
    price_ceiling: float = Field(
        default=10.0, ge=0, description="One price at or above so many times the old one holds a run; 0: none does."
    )
    promotion_floor: float = Field(
        default=0.20,
        ge=0,
        le=1,
        description="A promotion that leaves less than this share of the regular price holds a run; 0: none does.",
    )
    nearly_all: float = Field(
        default=0.80,
        ge=0,
        le=1,
        description="A larger share of the known keys ended, made zero or changed much by one run holds it below the "
        "least numbers too, as in a small shop; 1: never.",
    )
    nearly_all_least: int = Field(default=3, ge=1, description="Fewer keys than this are never nearly all.")
    shrunk_share: float = Field(default=0.50, ge=0, le=1, description="A full file below this share of the last one.")
    window: float = Field(default=3600.0, ge=0, description="Seconds over which the same sums are taken again.")
    back_within: float = Field(
        default=7 * 86400.0,
        ge=0,
        description="Seconds in which prices may go back to what they were before a run that a person released; "
        "0: they are judged like all others.",
    )
    off: bool = Field(default=False, description="No guard at all.")


class Policy(_Part):
    """What happens to the good rows of a file with bad ones. It judges our checks; a later refusal can't be undone."""

    rows: Literal["skip", "all", "groups"] = Field(
        default="skip",
        description="skip: bad rows are left out; all: all rows or none; groups: a bad row takes its product along.",
    )
    reject_above: int | None = Field(default=None, ge=0, description="More bad rows than this reject the file.")
    reject_share: float | None = Field(default=None, ge=0, le=1, description="A larger share of bad rows rejects it.")


class DeltaRules(_Part):
    """When a row equal to what the destination confirmed last is not sent again."""

    unchanged_for: float | None = Field(
        default=None, ge=0, description="Seconds a confirmed value that can drift is trusted; unset: never trusted."
    )
    resend_after: float = Field(
        default=7 * 86400.0, ge=0, description="Seconds a confirmed value that can't drift is trusted."
    )


class SetRules(_Part):
    """Files that belong together and make one run: counted parts, or all that lie there once nothing new comes."""

    parts: str | None = Field(
        default=None,
        description="Counted parts: regular expression of the name without its endings, with the groups `set`, `part` "
        "and `of`; a file it does not fit makes a run by itself.",
    )
    quiet: float | None = Field(
        default=None, gt=0, le=86400, description="All files of the route, once nothing new came for so many seconds."
    )
    wait: float = Field(
        default=86400.0,
        gt=0,
        le=31 * 86400.0,
        description="Seconds from its first file after which an incomplete set is refused; with quiet: begins anyway.",
    )

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if (self.parts is None) == (self.quiet is None):
            raise PydanticCustomError("set", "say either parts or quiet")
        if self.parts is None:
            return self
        try:
            groups = re.compile(self.parts).groupindex.keys()
        except re.error as error:
            raise PydanticCustomError(
                "set", "parts is not a regular expression: {said}", {"said": str(error)}
            ) from error
        missing = [name for name in ("set", "part", "of") if name not in groups]
        if missing:
            said = ", ".join(f"(?P<{name}>...)" for name in missing)
            raise PydanticCustomError("set", "parts lacks the groups {said}", {"said": said})
        return self


class Route(_Part):
    """One way from a source to a destination."""

    name: str
    source: str
    files: tuple[str, ...]
    mapping: str
    contract: str
    feed: str
    destination: str
    partner: str
    owner: str
    mode: Literal["delta", "full"] = "delta"
    absent: Literal["keep", "zero", "end"] = "keep"
    empty: Literal["reject", "ignore", "no_change"] = "reject"
    policy: Policy = Policy()
    guard: GuardLimits = GuardLimits()
    delta: DeltaRules = DeltaRules()
    set: SetRules | None = None
    zone: str | None = None
    answers: bool = False
    """Whether answers also go back to the partner's server."""
    create_missing: bool = False
    """Whether what rows need and the destination lacks, like their category, may be made there."""

    @property
    def permits(self) -> frozenset[str]:
        """Names of what the route allows its rows, as contracts name it."""
        return frozenset({"create_missing"}) if self.create_missing else frozenset()

    def matches(self, name: str) -> bool:
        """Whether a file name (without folders) fits one of the patterns, case-insensitively."""
        import fnmatch  # noqa: PLC0415  only routes match names

        low = name.lower()
        bare = low.removesuffix(".gz").removesuffix(".zip")
        return any(fnmatch.fnmatchcase(n, p.lower()) for p in self.files for n in (low, bare))
