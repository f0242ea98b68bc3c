"""One process that calls a store: token by token, as a test tells it by lines of JSON.

Arguments: state folder, address. Requests: `{"do": "call", "times": n}` answers `{"ended": [...]}` with `well` or the
kind of error per call; `{"do": "advance", "seconds": s}` moves its clock; `{"do": "die", "when": w}` has it kill
itself `before` or `after` the next pair is stored. Every answer is one line.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import SecretStr

from gateway.errors import GatewayError
from gateway.journal import open_journal
from gateway.transport.http import Access, OAuth, Request, RetryPolicy, connect

KEYS = ("worker-access-key", "worker-shared-secret")
SHRINK = 50


class MovedClock:
    """The machine's clock, moved on by what it is told; what waits by it waits a fiftieth of it."""

    def __init__(self) -> None:
        self.moved = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.moved)

    def monotonic(self) -> float:
        return time.monotonic() + self.moved

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / SHRINK)
        self.moved += seconds * (1 - 1 / SHRINK)


class DyingStore:
    """A token store whose process ends around the next value it stores."""

    def __init__(self, store) -> None:
        self._store = store
        self.when = ""

    def __getattr__(self, name):
        return getattr(self._store, name)

    def put(self, name, value, expires_at):
        if self.when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        self._store.put(name, value, expires_at)
        if self.when == "after":
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    state, url = Path(sys.argv[1]), sys.argv[2]
    clock = MovedClock()
    journal = open_journal(state, clock)
    store = DyingStore(journal.tokens())
    oauth = OAuth("password", SecretStr(KEYS[0]), SecretStr(KEYS[1]), refresh_life=14_100.0)
    access = Access(url, timeout=5.0, oauth=oauth)
    client = connect(access, account="store", clock=clock, budget=journal, tokens=store, policy=RetryPolicy(attempts=1))
    read = Request("GET", "/api/category/getallbrands", content_type="application/json")
    print(json.dumps({"ready": os.getpid()}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        answer: dict[str, object] = {}
        if asked["do"] == "call":
            ended = []
            for _ in range(asked["times"]):
                try:
                    client.send(read)
                    ended.append("well")
                except GatewayError as error:
                    print(f"{error} {error.fix}", file=sys.stderr, flush=True)
                    ended.append(type(error).__name__)
            answer["ended"] = ended
        elif asked["do"] == "advance":
            clock.moved += asked["seconds"]
        else:
            store.when = asked["when"]
        print(json.dumps(answer), flush=True)
    client.close()
    journal.close()


if __name__ == "__main__":
    main()
