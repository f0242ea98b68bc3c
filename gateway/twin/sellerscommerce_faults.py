"""What Sellers Commerce may do wrong."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.twin.faults import CallFaults


@dataclass
class SellersCommerceFaults(CallFaults):
    """`only` restricts every fault to one call, such as "product/updateskuprice" or "token".

    Before anything was read: `drop` closes the connection, `slow` waits `slow_seconds` twin seconds, `error_500`,
    `error_502`, `error_503`, `error_504` and `html_502` answer so, `throttled` answers 429 and says how long to wait
    as the settings say, `throttled_bare` says nothing; `expired` lets the caller's access token die first.
    Answers with a response code instead of working: `failed` 29, `insert_failed` 36, `exists` 33, `no_provider` 21,
    `unknown_code` 23; `hidden` is 29 with HTTP status 200.
    After the work was done: `drop_after`, `error_after` (504), `garbage` (cut-off JSON), `nulls` (every value of a list
    is null), `bare` (no envelope). At "token", `drop_after` loses the new pair while the old refresh token is used up.
    """

    drop: int = 0
    slow: int = 0
    slow_seconds: float = 5.0
    error_500: int = 0
    error_502: int = 0
    error_503: int = 0
    error_504: int = 0
    html_502: int = 0
    throttled: int = 0
    throttled_bare: int = 0
    expired: int = 0
    failed: int = 0
    insert_failed: int = 0
    exists: int = 0
    no_provider: int = 0
    unknown_code: int = 0
    hidden: int = 0
    drop_after: int = 0
    error_after: int = 0
    garbage: int = 0
    nulls: int = 0
    bare: int = 0

    def meant(self) -> str:
        """Return the call that faults are kept for; case does not matter."""
        return self.only.lower()
