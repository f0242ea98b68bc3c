"""Several processes on one state folder and one token endpoint: one renews at a time, the chain never breaks."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from gateway.journal import open_journal
from gateway.testing.clock import RealClock
from gateway.twin.sellerscommerce import Account, SellersCommerceTwin, SellersCommerceTwinSettings

KEYS = ("worker-access-key", "worker-shared-secret")
HOUR, CHAIN = 3599, 14_400
WORKER = Path(__file__).with_name("token_worker.py")


class Worker:
    """One process; what it says on stderr is kept in a file."""

    def __init__(self, state: Path, url: str, said: Path) -> None:
        with said.open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, str(WORKER), str(state), url],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True,
            )  # fmt: skip

    def ask(self, **asked: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()

    def answer(self) -> dict:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"died": self.process.wait(timeout=10)}

    def do(self, **asked: object) -> dict:
        self.ask(**asked)
        return self.answer()

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.process.stdout.close()


class Place:
    """A state folder, a store, and processes that call it; the store watches its token endpoint."""

    def __init__(self, root: Path) -> None:
        self.state = root / "state"
        self.said = root / "stderr"
        open_journal(self.state, RealClock()).close()
        settings = SellersCommerceTwinSettings(accounts=(Account(*KEYS),))
        self.twin = SellersCommerceTwin(settings=settings).start()
        self.grants: list[tuple[str, bool]] = []
        """Kind of each grant asked for, and whether it was given."""
        self.given: list[dict] = []
        self.most_together = 0
        self.unstored: list[str] = []
        self._together = 0
        self._lock = threading.Lock()
        self._watch()
        self.workers: list[Worker] = []

    def _watch(self) -> None:
        grant, user = self.twin.tokens.grant, self.twin.tokens.user

        def watched(body: bytes, kind: str) -> dict:
            with self._lock:
                self._together += 1
                self.most_together = max(self.most_together, self._together)
            time.sleep(0.1)  # so that others come meanwhile
            asked = parse_qs(body.decode())["grant_type"][0]
            pair: dict = {}
            try:
                pair = grant(body, kind)
            finally:
                self.grants.append((asked, bool(pair)))
                with self._lock:
                    self._together -= 1
            self.given.append(pair)
            return pair

        def used(authorization: str) -> str | None:
            self._must_be_stored(authorization.partition(" ")[2])
            return user(authorization)

        self.twin.tokens.grant, self.twin.tokens.user = watched, used

    def stored(self) -> str:
        with closing(sqlite3.connect(f"file:{self.state / 'journal.sqlite'}?mode=ro", uri=True)) as found:
            row = found.execute("SELECT value FROM token WHERE name = 'oauth/store'").fetchone()
        return "" if row is None or row[0] is None else str(json.loads(row[0])["access"])

    def _must_be_stored(self, token: str) -> None:
        known = [one["access_token"] for one in self.given]
        stored = self.stored()
        if stored not in known or known.index(stored) < known.index(token):
            self.unstored.append(token)

    def start(self, count: int) -> list[Worker]:
        made = [Worker(self.state, self.twin.url, self.said) for _ in range(count)]
        for one in made:
            assert "ready" in one.answer()
        self.workers += made
        return made

    def together(self, workers: list[Worker], times: int = 1) -> list[str]:
        """Have all call at the same time; returns how each call ended."""
        for one in workers:
            one.ask(do="call", times=times)
        return [ended for one in workers for ended in one.answer()["ended"]]

    def later(self, seconds: float, workers: list[Worker]) -> None:
        """Let time pass for the store and for the processes."""
        self.twin.clock.advance(seconds)
        for one in workers:
            one.do(do="advance", seconds=seconds)

    def since(self, count: int) -> list[tuple[str, bool]]:
        return self.grants[count:]

    def refused_reads(self) -> int:
        return sum(one.status == 401 for one in self.twin.calls)

    def close(self) -> None:
        for one in self.workers:
            one.close()
        self.twin.stop()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.close()
    assert made.unstored == []
    assert made.most_together <= 1
    said = made.said.read_text("utf-8")
    for pair in made.given:
        assert pair["access_token"] not in said
        assert pair["refresh_token"] not in said
    assert not any(word in said for word in KEYS)
    assert "Traceback" not in said


PASSWORD, REFRESH = ("password", True), ("refresh_token", True)


def test_processes_that_begin_together_get_one_token_and_renew_one_chain(place):
    workers = place.start(3)
    assert place.together(workers, 3) == ["well"] * 9
    assert place.grants == [PASSWORD]
    for step in range(1, 7):  # six hours: longer than any refresh token lives
        place.later(HOUR, workers)  # the access token is over by now
        assert place.together(workers, 2) == ["well"] * 6
        assert place.grants == [PASSWORD] + [REFRESH] * step
    # After four fifths of its life it is renewed while it lives: a call may find the old one gone, each of six once.
    place.later(HOUR * 0.81, workers)
    assert place.together(workers, 2) == ["well"] * 6
    assert place.grants == [PASSWORD] + [REFRESH] * 7
    assert place.refused_reads() <= 6


def test_a_token_that_ends_before_anybody_expects_it_is_renewed_once_and_each_call_repeated_once(place):
    workers = place.start(3)
    place.together(workers)
    place.twin.clock.advance(HOUR + 1)  # for the store alone: clocks of the processes lag behind
    reads = len(place.twin.calls)
    assert place.together(workers) == ["well"] * 3
    assert place.grants == [PASSWORD, REFRESH]
    again = [one.status for one in place.twin.calls[reads:] if one.call == "category/getallbrands"]
    assert sorted(again) in ([200, 200, 200, *[401] * refused] for refused in (1, 2, 3))


@pytest.mark.parametrize("known", [True, False])
def test_the_end_of_the_chain_costs_the_keys_once(place, known):
    workers = place.start(3)
    place.together(workers)
    if known:
        place.later(CHAIN, workers)
    else:
        place.later(HOUR, workers)
        place.twin.tokens.expire_refresh()
    assert place.together(workers, 2) == ["well"] * 6
    assert place.since(1) == ([PASSWORD] if known else [("refresh_token", False), PASSWORD])
    place.later(HOUR, workers)
    assert place.together(workers) == ["well"] * 3
    assert place.grants[-1] == REFRESH


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_process_killed_around_the_storing_of_a_pair_breaks_nothing_for_the_others(place, when):
    dying, *others = place.start(3)
    place.together([dying, *others])
    place.later(HOUR, [dying, *others])
    dying.do(do="die", when=when)
    assert dying.do(do="call", times=1) == {"died": -signal.SIGKILL}
    place.workers.remove(dying)
    dying.process.stdin.close()
    dying.process.stdout.close()
    assert place.together(others, 2) == ["well"] * 4  # its right to renew died with it: nobody waits
    # What was not stored is lost with the refresh token it was got by: the keys open a new chain.
    lost = [("refresh_token", False), PASSWORD]
    assert place.since(2) == (lost if when == "before" else [])
    (fresh,) = place.start(1)
    fresh.do(do="advance", seconds=HOUR)
    assert place.together([fresh]) == ["well"]
    assert place.since(2) == (lost if when == "before" else [])
