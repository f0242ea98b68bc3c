"""A gateway that is told by webhook, killed between storing an event and handing it over: nothing lost or doubled."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import orjson
import pytest
import sqlalchemy as sa

from gateway.journal import open_journal
from gateway.journal import tables as t
from gateway.testing import texts
from gateway.testing.clock import RealClock
from gateway.testing.hostile import read_log

SECRET = "hunter2-do-not-show"
DESTINATION = """[destinations.there]
kind = "hostile"
log = "effects.jsonl"
look_interval = 60
repeat = "never"
script = [{ does = "never_close" }]
webhook = { secret = { env = "HOOK" }, header = "X-Api-Key" }
"""
SETTINGS = "".join(
    ("version = 1\n[web]\nport = 0\n", texts.inbox("every = 0.05\n"), DESTINATION,
     texts.route("stock", "there", files="*.csv"))
)  # fmt: skip
PROGRAM = """
import os, signal, sys
import gateway.settings.load as room
from gateway import wiring
from gateway.cli import main
from gateway.delivery.hear import Hearer
from gateway.destinations import destinations
from gateway.testing.hostile import HostileDestination

known = {**destinations(), "hostile": HostileDestination}
room.destinations = wiring.destinations = lambda: known
when = sys.argv.pop(1)
hear, given = HostileDestination.hear, Hearer._hand_over

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

if when == "before":
    Hearer.hear = lambda self, setup, store: die() if self.wake_due(setup) else []
    def wake_due(self, setup):
        with self.journal.begin() as tx:
            return self.wake_at(tx, setup) is not None
    Hearer.wake_due = wake_due
elif when == "inside":
    HostileDestination.hear = die
elif when == "after":
    from gateway.journal import heard
    heard.end = die
main()
"""


class Told:
    """A folder with a gateway that listens, and the processes that ran on it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        texts.folders(root, stock=texts.LEVELS)
        (root / "gateway.toml").write_text(SETTINGS, "utf-8")
        self.process: subprocess.Popen[bytes] | None = None
        self.log = root / "log.jsonl"

    def start(self, when: str = "never") -> str:
        """Start a gateway that dies at a step; returns where it listens."""
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, when, "run"],
                cwd=self.root,
                stderr=log,
                env=os.environ | {"HOOK": SECRET},
            )
        return str(self.until(lambda: self.line("receiving webhooks"))["at"])

    def line(self, event: str):
        lines = [orjson.loads(one) for one in self.log.read_bytes().splitlines() if one.endswith(b"}")]
        return next((one for one in lines if one["event"] == event), None)

    def until(self, wanted):
        end = time.monotonic() + 20
        while time.monotonic() < end:
            if found := wanted():
                return found
            time.sleep(0.05)
        raise AssertionError(self.log.read_text())

    def drop(self, name: str, text: str) -> None:
        texts.drop(self.root, name, text)

    def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(timeout=20)

    def died(self) -> bool:
        assert self.process is not None
        return self.process.wait(timeout=20) == -signal.SIGKILL

    def asked(self, query):
        journal = open_journal(self.root / "state", RealClock())
        try:
            with journal.read() as tx:
                return tx.execute(query).fetchall()
        finally:
            journal.close()

    def sent(self) -> bool:
        return any("effects" in entry for entry in read_log(self.root / "effects.jsonl"))

    def post(self, url: str, said: object, secret: str = SECRET) -> int:
        headers = {"x-api-key": secret, "content-type": "application/json"}
        content = orjson.dumps(said)
        return httpx.post(f"{url}/hooks/there", content=content, headers=headers, trust_env=False).status_code


@pytest.fixture
def told(tmp_path):
    made = Told(tmp_path)
    yield made
    if made.process is not None and made.process.poll() is None:
        made.process.kill()
        made.process.wait()


def settled(told: Told) -> bool:
    return told.asked(sa.select(t.run.c.state)) == [("settled",)]


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "inside", "after"])
def test_killed_between_storing_and_handing_over(told, when):
    url = told.start(when)
    told.drop("a.csv", "sku,quantity\na,1\nb,2\n")
    told.until(told.sent)
    with contextlib.suppress(httpx.RemoteProtocolError):  # it dies of what it stored, perhaps before it has answered
        assert told.post(url, {"ticket": 0, "refused": ["b\x1f"]}) == 200
    assert told.died()  # from here on it must not be lost
    url = told.start()
    told.until(lambda: settled(told))
    assert told.post(url, {"ticket": 0, "refused": ["b\x1f"]}) == 200
    time.sleep(0.3)
    assert told.stop() == 0
    assert told.asked(sa.select(t.heard.c.state)) == [("done",)]
    assert told.asked(sa.select(t.batch.c.state, t.batch.c.rest)) == [("closed", "applied")]
    ((counts,),) = told.asked(sa.select(t.run.c.counts))
    assert counts["states"] == {"applied": 1, "refused": 1}
    assert sum("call" in entry for entry in read_log(told.root / "effects.jsonl")) == 1
    assert SECRET not in told.log.read_text()


def test_a_gateway_that_is_told_settles_at_once_and_stops_cleanly(told):
    url = told.start()
    assert httpx.get(f"{url}/health", trust_env=False).status_code == 200
    assert told.post(url, {"ticket": 0}) == 200  # before there is a ticket of that name
    assert told.post(url, {"ticket": 0}, secret="wrong") == 401
    told.drop("a.csv", "sku,quantity\na,1\nb,2\n")
    told.until(lambda: settled(told))
    assert not any("poll" in entry for entry in read_log(told.root / "effects.jsonl"))
    assert told.stop() == 0
    assert told.line("gateway stopped") is not None
    assert told.line("event refused")["status"] == 401
    assert SECRET not in told.log.read_text()
    with pytest.raises(httpx.ConnectError):
        told.post(url, {"ticket": 1})


def test_a_port_that_is_taken_is_a_fault_of_the_settings(told):
    url = told.start()
    port = url.rsplit(":", 1)[1]
    other = told.root / "other"
    other.mkdir()
    second = Told(other)
    (other / "gateway.toml").write_text(SETTINGS.replace("port = 0", f"port = {port}"), "utf-8")
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, "never", "run"], cwd=second.root, capture_output=True, timeout=30,
        env=os.environ | {"HOOK": SECRET}, check=False,
    )  # fmt: skip
    assert ended.returncode == 3
    assert f"127.0.0.1 port {port}".encode() in ended.stderr
    assert b"Traceback" not in ended.stderr
    assert told.stop() == 0
