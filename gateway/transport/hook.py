"""How calls that come in prove whose they are: what a destination's settings say of its webhook."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

_TOKEN = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"  # noqa: S105  the characters of a header's name


class Hook(BaseModel):
    """How calls of a destination's system prove that they are its own.

    A destination whose settings have a method `hook()` that returns one is told by webhook: `POST /hooks/NAME`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    secret: SecretStr = Field(min_length=1, description="What every call must carry, by reference.")
    header: str = Field(default="Authorization", pattern=_TOKEN, description="Header that carries it.")
    accept: tuple[Literal["exact", "bearer"], ...] = Field(
        default=("exact", "bearer"), description="The secret as it is, or `Bearer` and the secret."
    )
    types: tuple[str, ...] = Field(
        default=("application/json",), min_length=1, description="Content types that are taken."
    )
    keep: tuple[str, ...] = Field(default=(), description="Headers kept with an event besides its content type.")

    def admits(self, values: Sequence[str]) -> bool:
        """Whether the values of the header (as many as came) are one right value; takes as long for any wrong one."""
        given = _form(values[0] if len(values) == 1 else "")
        secret = self.secret.get_secret_value()
        forms = {"exact": _form(secret), "bearer": f"Bearer {secret}"}
        # A list, no generator: each form is compared, whatever the one before it said.
        return any([hmac.compare_digest(_digest(forms[one]), _digest(given)) for one in self.accept])  # noqa: C419

    def kept(self) -> frozenset[str]:
        """Names of the headers kept with an event, in lower case; the one with the secret never is."""
        return frozenset({"content-type", *(name.lower() for name in self.keep)} - {self.header.lower()})


def _form(value: str) -> str:
    """A scheme may be written in any case."""
    return f"Bearer {value[7:]}" if value[:7].lower() == "bearer " else value


def _digest(value: str) -> bytes:
    """Digests are compared: a comparison of the values would tell their length."""
    return hashlib.sha256(value.encode("utf-8", "surrogateescape")).digest()
