"""The calls of the Partner API twin: code, path and method of each.

Source: Partner API documentation of several brands; paths of C1, C2, C4, C8, P1 verified, those of C3, C6 and C7
verified in their use, P2 live-reported. The address of C7 is no part of the contract, only that results name it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Call:
    """One call. With `takes` it has a JSON body; `job`: it is answered by a job."""

    code: str
    method: str
    path: str
    takes: bool = False
    job: bool = False


_CHAIN = "/v2/chains/{chain}"
_VENDOR = f"{_CHAIN}/vendors/{{vendor}}"

TOKEN = Call("TOKEN", "POST", "/v2/oauth/token")
C1 = Call("C1", "PUT", f"{_VENDOR}/catalog", takes=True, job=True)
C2 = Call("C2", "GET", f"{_VENDOR}/catalog")
C3 = Call("C3", "POST", f"{_VENDOR}/catalog/export", job=True)
C4 = Call("C4", "GET", f"{_VENDOR}/categories")
C5 = Call("C5", "POST", f"{_CHAIN}/catalog", takes=True, job=True)
C6 = Call("C6", "GET", f"{_CHAIN}/catalog/jobs/{{job}}")
C7 = Call("C7", "GET", f"{_CHAIN}/catalog/jobs/{{job}}/file")
C8_READ = Call("C8", "GET", f"{_VENDOR}/status")
C8_WRITE = Call("C8", "PUT", f"{_VENDOR}/status", takes=True)
P1 = Call("P1", "PUT", f"{_CHAIN}/promotion", takes=True, job=True)
P2 = Call("P2", "GET", f"{_CHAIN}/promotion/jobs/{{job}}")
