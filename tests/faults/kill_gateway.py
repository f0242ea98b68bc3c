"""Starts gateways that are going to be killed: one request per line of stdin, each answered by a process of its own.

The modules are loaded once and every gateway is a fork, so that a hundred starts cost seconds and not minutes. Nothing
of a gateway runs in this process itself. Request: `{"settings": path, "mode": "drain" | "serve", "crash": [when, n]}`;
`crash` kills the process `before` or `after` the n-th commit of its journal. Answers: `{"pid": n}` at the start and
`{"code": n, "commits": n}` at the end, where a code below zero is the signal.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

os.environ.setdefault("POLARS_MAX_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import gateway.settings.load as settings_room
from gateway import wiring
from gateway.destinations import destinations
from gateway.journal import Journal
from gateway.testing.hostile import HostileDestination

SPEED = 20


class FastClock:
    """Runs `SPEED` times as fast as the machine's since `start`, in every process alike: pauses cost little."""

    def __init__(self, start: float) -> None:
        self._start = start

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._start, UTC) + timedelta(seconds=(time.time() - self._start) * SPEED)

    def monotonic(self) -> float:
        return time.monotonic() * SPEED

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / SPEED)


def known() -> dict[str, type]:
    return {**destinations(), "hostile": HostileDestination}


def counting(crash: tuple[str, int] | None, told: Path) -> None:
    """Count the journal's commits, and die at the wanted one."""
    begin, count = Journal.begin, 0

    @contextmanager
    def counted(self: Journal) -> Iterator[object]:
        nonlocal count
        with begin(self) as connection:
            yield connection
            count += 1
            here = count
            told.write_text(str(count))
            if crash == ("before", here):
                os.kill(os.getpid(), signal.SIGKILL)
        if crash == ("after", here):
            os.kill(os.getpid(), signal.SIGKILL)

    Journal.begin = counted  # type: ignore[method-assign]


def work(request: dict) -> None:
    settings = Path(request["settings"])
    settings_room.destinations = known
    wiring.destinations = known
    crash = tuple(request["crash"]) if request.get("crash") else None
    counting(crash, settings.with_name("commits"))
    made = wiring.wire(settings_room.load_settings(settings), clock=FastClock(settings.stat().st_mtime))
    made.hold()
    if request["mode"] == "drain":
        made.service.drain()
    else:
        signal.signal(signal.SIGTERM, lambda _number, _frame: made.service.stop())
        made.service.run()
    made.close()


def in_child(request: dict) -> None:
    code = 1
    try:
        log = os.open(Path(request["settings"]).with_name("stderr"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(nothing, 1)
        os.dup2(log, 2)
        work(request)
        code = 0
    except BaseException:  # noqa: BLE001  whatever it was, the test reads it in the file
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        told = Path(request["settings"]).with_name("commits")
        told.unlink(missing_ok=True)
        pid = os.fork()
        if pid == 0:
            in_child(request)
        print(json.dumps({"pid": pid}), flush=True)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        commits = int(told.read_text() or 0) if told.exists() else 0
        print(json.dumps({"code": code, "commits": commits}), flush=True)


if __name__ == "__main__":
    main()
