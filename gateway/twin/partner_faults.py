"""What a Partner API platform may do wrong, on demand."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.twin.faults import CallFaults


@dataclass
class PartnerFaults(CallFaults):
    """Counters of calls, jobs, deliveries and files to go wrong.

    `only` restricts those of calls, jobs and deliveries to one call of the table, such as "C1" or "P2".
    Calls: `drop` cuts before anything was read, `drop_after` once it took effect, `error_after` answers 500 then;
    `unauthorized`, `forbidden`, `blocked` (the proxy's page, 403), `throttled` (429), `throttled_bare` (429 without
    a time to wait), `too_large` (413), `error_500`, `html_502`, `error_503` answer so; `slow` waits `slow_seconds` twin
    seconds. `status_missing`: 404 to a job's status.
    Jobs, fixed when one is accepted: `never_ends`, `fails`, `late_job` (by `late_seconds`), `refuses` (completed, every
    row refused), `gzipped`, `signed` (its download), `log_missing` (404), `log_short` (the last row is left out).
    Deliveries: `hook_lost`, `hook_twice`, `hook_late` (by `late_seconds`), `hook_swapped` (sent after the next one),
    `hook_early` (the job ends and is told before its call is answered), `hook_foreign` (one more, about a job nobody
    sent), `hook_wrong_secret`, `hook_garbage` (no JSON).
    Files: `file_lost` (gone unread), `file_stuck` (never picked up), `file_at_once` (picked up as soon as it is seen),
    `file_fails`.
    """

    drop: int = 0
    drop_after: int = 0
    error_after: int = 0
    unauthorized: int = 0
    forbidden: int = 0
    blocked: int = 0
    throttled: int = 0
    throttled_bare: int = 0
    too_large: int = 0
    error_500: int = 0
    html_502: int = 0
    error_503: int = 0
    slow: int = 0
    slow_seconds: float = 5.0
    status_missing: int = 0
    never_ends: int = 0
    fails: int = 0
    late_job: int = 0
    late_seconds: float = 600.0
    refuses: int = 0
    gzipped: int = 0
    signed: int = 0
    log_missing: int = 0
    log_short: int = 0
    hook_lost: int = 0
    hook_twice: int = 0
    hook_late: int = 0
    hook_swapped: int = 0
    hook_early: int = 0
    hook_foreign: int = 0
    hook_wrong_secret: int = 0
    hook_garbage: int = 0
    file_lost: int = 0
    file_stuck: int = 0
    file_at_once: int = 0
    file_fails: int = 0
