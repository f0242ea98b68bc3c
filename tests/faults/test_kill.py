"""A gateway killed at every step and at random: nothing lost, nothing done twice, every row ends once."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa

from gateway.journal import open_journal
from gateway.journal import tables as t
from gateway.model import KEY, RowState
from gateway.testing.clock import RealClock
from gateway.testing.hostile import KILLED, effects_per_key, final_state, read_log
from gateway.testing.texts import LEVELS, drop

START = datetime(2026, 1, 5, 8, tzinfo=UTC)


class Place:
    """A folder with a gateway's settings, its inbox and the hostile destination's log."""

    def __init__(self, root: Path, script: str = "", **hostile: object) -> None:
        self.root = root
        self.inbox = root / "inbox"
        self.inbox.mkdir(parents=True)
        (root / "mappings").mkdir()
        (root / "mappings/stock.toml").write_text(LEVELS, "utf-8")
        options = "".join(f"{name} = {json.dumps(value)}\n" for name, value in hostile.items())
        self.settings = root / "gateway.toml"
        self.settings.write_text(
            f"""version = 1
workers = 2
[sources.drop]
kind = "local"
partner = "acme"
folder = "inbox"
every = 0.05
settle = 0
[destinations.there]
kind = "hostile"
log = "effects.jsonl"
look_interval = 0.01
batch_size = 3
{options}script = [{script}]
[routes.stock]
source = "drop"
files = "*.csv"
mapping = "stock.toml"
destination = "there"
""",
            "utf-8",
        )
        self.dropped: dict[str, bytes] = {}

    def drop(self, name: str, text: str) -> None:
        drop(self.root, name, text, START + timedelta(minutes=len(self.dropped)))
        self.dropped[name] = text.encode()

    @property
    def log(self) -> Path:
        return self.root / "effects.jsonl"

    def said(self) -> str:
        path = self.root / "stderr"
        return path.read_text("utf-8") if path.exists() else ""


class Gateways:
    """The process that forks gateways; one at a time."""

    def __init__(self) -> None:
        script = Path(__file__).with_name("kill_gateway.py")
        self._process = subprocess.Popen(
            [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def start(self, place: Place, mode: str = "drain", crash: tuple[str, int] | None = None) -> int:
        assert self._process.stdin is not None
        request = {"settings": str(place.settings), "mode": mode, "crash": crash}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._answer()["pid"]

    def end(self) -> tuple[int, int]:
        told = self._answer()
        return told["code"], told["commits"]

    def drain(self, place: Place, crash: tuple[str, int] | None = None) -> tuple[int, int]:
        self.start(place, "drain", crash)
        return self.end()

    def _answer(self) -> dict[str, int]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the process that forks gateways died"
        return json.loads(line)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()


@pytest.fixture(scope="module")
def forks():
    """Two of them: the machine's cores."""
    made = [Gateways(), Gateways()]
    yield made
    for one in made:
        one.close()


# ---------------------------------------------------------------- what must hold whatever was killed


def assert_whole(place: Place) -> None:
    """Everything that holds when all is settled, read from disk by another process than the one that did it."""
    assert_files(place)
    journal = open_journal(place.root / "state", RealClock())
    try:
        assert_journal(place, journal)
    finally:
        journal.close()
    assert_leavings(place)


def assert_files(place: Place) -> None:
    found: dict[str, bytes] = {}
    for folder in ("archive", "rejected"):
        for path in (place.inbox / folder).glob("*"):
            assert path.name not in found, f"{path.name} is in both folders"
            found[path.name] = path.read_bytes()
    assert found == place.dropped
    assert [p.name for p in place.inbox.iterdir() if p.is_file()] == []


def assert_journal(place: Place, journal) -> None:
    with journal.read() as tx:
        assert set(tx.scalars(sa.select(t.arrival.c.state))) == {"ended"}
        assert tx.scalar(sa.select(sa.func.count()).select_from(t.arrival)) == len(place.dropped)
        assert set(tx.scalars(sa.select(t.consignment.c.state))) <= {"closed"}
        assert set(tx.scalars(sa.select(t.batch.c.state))) <= {"closed"}
        assert list(tx.scalars(sa.select(t.slot.c.name))) == []
        runs = tx.execute(sa.select(t.run).order_by(t.run.c.id)).fetchall()
        answers = tx.execute(sa.select(t.answer.c.run, t.answer.c.kind)).fetchall()
    assert sorted(run.file for run in runs) == sorted(place.dropped)
    assert {run.state for run in runs} <= {"settled", "rejected"}
    assert max(Counter(answers).values()) == 1
    for run in runs:
        assert_run(place, run)


def assert_run(place: Place, run) -> None:
    outbox = place.root / "outbox/acme"
    kinds = {path.name.removeprefix(f"{run.file}.{run.id}.") for path in outbox.glob(f"{run.file}.{run.id}.*")}
    if run.state == "rejected":
        assert kinds == {"ack.json"}
        assert json.loads((outbox / f"{run.file}.{run.id}.ack.json").read_bytes())["taken"] is False
        return
    states = run.counts["states"]
    wanted = {"ack.json", "result.csv", "report.html", "summary.json"}
    spoken = run.counts["warnings"] or set(states) - {"applied", "unchanged"}
    assert kinds == (wanted | {"issues.csv"} if spoken else wanted) | (
        {"errors.csv"} if set(states) & {"rejected", "refused"} else set()
    )
    assert json.loads((outbox / f"{run.file}.{run.id}.ack.json").read_bytes())["taken"] is True
    lines = place.dropped[run.file].decode().splitlines()[1:]
    result = pl.read_csv(outbox / f"{run.file}.{run.id}.result.csv", infer_schema=False)
    assert result["row"].cast(pl.Int64).to_list() == list(range(2, len(lines) + 2))
    assert all(RowState(state).final for state in result["state"])
    assert Counter(result["state"]) == Counter(states)
    assert run.rows == sum(states.values()) == len(lines)
    assert json.loads((outbox / f"{run.file}.{run.id}.summary.json").read_bytes())["balanced"] is True


def assert_leavings(place: Place) -> None:
    everything = [path.relative_to(place.root).as_posix() for path in place.root.rglob("*") if path.is_file()]
    assert [name for name in everything if name.endswith(".part") or "/." in name] == []
    assert [name for name in everything if name.startswith(("state/claims/", "inbox/.claimed/"))] == []
    assert [name for name in everything if name.endswith("/bodies")] == []
    acks = [name for name in everything if name.endswith(".ack.json")]
    assert len(acks) == len(place.dropped)


def assert_effects(place: Place, newest: dict[str, str]) -> None:
    """No value was written twice, none after a newer one, and the newest stands."""
    written = [(r[KEY], int(r["quantity"])) for e in read_log(place.log) for r in e.get("effects", ())]
    assert max(Counter(written).values()) == 1
    for key in {key for key, _ in written}:
        values = [value for other, value in written if other == key]
        assert values == sorted(values)
    assert {key.removesuffix("\x1f"): r["quantity"] for key, r in final_state(place.log).items()} == newest


# ---------------------------------------------------------------- killed at every commit

GOOD = "sku,quantity\na,1\nb,2\nc,x\nd,4\ne,5\n"
BAD = "nothing,of\nuse,here\n"


def small(root: Path) -> Place:
    place = Place(root, script="{ does = 'take', polls = 1 }", repeat="never", slot_until="settled")
    place.drop("good.csv", GOOD)
    place.drop("bad.csv", BAD)
    return place


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_killed_after_every_commit_and_before_some(tmp_path, forks):
    whole = small(tmp_path / "whole")
    code, commits = forks[0].drain(whole)
    assert (code, whole.said()) == (0, "")
    assert commits >= 20
    points = [("after", n) for n in range(1, commits + 1)] + [("before", n) for n in range(1, commits + 1, 4)]
    free = threading.local()
    pool = list(forks)

    def one(point: tuple[str, int]) -> None:
        if not hasattr(free, "gateways"):
            free.gateways = pool.pop()
        place = small(tmp_path / f"{point[0]}-{point[1]}")
        assert free.gateways.drain(place, point)[0] == -signal.SIGKILL, place.said()
        assert free.gateways.drain(place)[0] == 0, place.said()
        try:
            assert_whole(place)
            assert_effects(place, {"a": "1", "b": "2", "d": "4", "e": "5"})
            assert set(effects_per_key(place.log).values()) == {1}
        except AssertionError as error:
            raise AssertionError(f"killed {point[0]} commit {point[1]} of {commits}: {error}") from error

    with ThreadPoolExecutor(len(forks)) as threads:
        list(threads.map(one, points))


PARTS = {
    "s_part1of3.csv": "sku,quantity\na,1\nb,2\n",
    "s_part2of3.csv": "sku,quantity\nc,x\n",
    "s_part3of3.csv": "sku,quantity\nd,4\ne,5\n",
}


def parted(root: Path) -> Place:
    place = Place(root, script="{ does = 'take', polls = 1 }", repeat="never")
    rules = r"set = { parts = '(?P<set>.+)_part(?P<part>\d+)of(?P<of>\d+)' }"
    place.settings.write_text(f"{place.settings.read_text('utf-8')}{rules}\n", "utf-8")
    for name, text in PARTS.items():
        place.drop(name, text)
    return place


def assert_one_run(place: Place) -> None:
    """All parts are archived, each is answered, and their rows ended once in one run named after the set."""
    assert_files(place)
    assert {path.name for path in (place.inbox / "archive").glob("*")} == set(PARTS)
    journal = open_journal(place.root / "state", RealClock())
    with journal.read() as tx:
        (run,) = tx.execute(sa.select(t.run)).fetchall()
        assert list(tx.scalars(sa.select(t.arrival_set.c.state))) == ["taken"]
        assert set(tx.scalars(sa.select(t.arrival.c.state))) == {"ended"}
    journal.close()
    assert (run.file, run.state, run.rows) == ("s.csv", "settled", 5)
    assert run.counts["states"] == {"applied": 4, "rejected": 1}
    outbox = place.root / "outbox/acme"
    acks = [path.name.split(".csv.")[0] for path in outbox.glob("*.ack.json")]
    assert sorted(acks) == ["s", "s_part1of3", "s_part2of3", "s_part3of3"]
    result = pl.read_csv(outbox / f"s.csv.{run.id}.result.csv", infer_schema=False)
    assert result["row"].to_list() == ["2", "3", "5", "7", "8"]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_set_of_files_killed_after_every_commit(tmp_path, forks):
    whole = parted(tmp_path / "whole")
    code, commits = forks[0].drain(whole)
    assert (code, whole.said()) == (0, "")
    assert_one_run(whole)
    free = threading.local()
    pool = list(forks)

    def one(number: int) -> None:
        if not hasattr(free, "gateways"):
            free.gateways = pool.pop()
        place = parted(tmp_path / f"after-{number}")
        assert free.gateways.drain(place, ("after", number))[0] == -signal.SIGKILL, place.said()
        assert free.gateways.drain(place)[0] == 0, place.said()
        try:
            assert_one_run(place)
            assert_effects(place, {"a": "1", "b": "2", "d": "4", "e": "5"})
            assert set(effects_per_key(place.log).values()) == {1}
        except AssertionError as error:
            raise AssertionError(f"killed after commit {number} of {commits}: {error}") from error

    with ThreadPoolExecutor(len(forks)) as threads:
        list(threads.map(one, range(1, commits + 1)))


# ---------------------------------------------------------------- killed by the destination and at random


def many(number: int) -> str:
    """Rows of the n-th file: overlapping keys, every value once in the whole test, one faulty row."""
    rows = [f"k{key},{number * 100 + key}" for key in range(number % 4, 9 + number % 4)]
    return "sku,quantity\n" + "\n".join([*rows[:4], f"bad{number},x", *rows[4:]]) + "\n"


def newest_of(numbers: Iterable[int]) -> dict[str, str]:
    return {f"k{key}": str(n * 100 + key) for n in numbers for key in range(n % 4, 9 + n % 4)}


MISDEEDS = (
    "take", "kill_after", "kill_before", "take", "drop_after", "kill_after", "drop_before", "kill_before", "throttle",
    "kill_after", "take",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("slot_until", ["ticket", "settled"])
def test_killed_inside_calls(tmp_path, forks, slot_until):
    script = ", ".join(f"{{ does = '{misdeed}', polls = {n % 3} }}" for n, misdeed in enumerate(MISDEEDS))
    place = Place(tmp_path / "place", script, repeat="never", slot_until=slot_until)
    codes = []
    for number in range(4):
        place.drop(f"{number}.csv", many(number))
        codes.append(forks[0].drain(place)[0])
        while codes[-1] == KILLED:
            codes.append(forks[0].drain(place)[0])
    assert Counter(codes) == {0: 4, KILLED: sum(misdeed.startswith("kill") for misdeed in MISDEEDS)}, place.said()
    assert_whole(place)
    assert_effects(place, newest_of(range(4)))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_random_while_files_come(tmp_path, forks, seed):
    chance = random.Random(seed)  # noqa: S311  moments to kill at, no secret
    place = Place(tmp_path / "place", "{ does = 'take', polls = 2 }, { does = 'drop_after' }", repeat="never")
    gateways = forks[0]
    for number in range(10):
        pid = gateways.start(place, "serve")
        place.drop(f"{number}.csv", many(number) if number % 4 else BAD)
        time.sleep(chance.uniform(0.1, 0.7))
        os.kill(pid, signal.SIGKILL)
        assert gateways.end()[0] == -signal.SIGKILL, place.said()
    assert gateways.drain(place)[0] == 0, place.said()
    assert_whole(place)
    assert_effects(place, newest_of([number for number in range(10) if number % 4]))


@pytest.mark.slow
def test_stopped_politely_it_goes_on_where_it_was(tmp_path, forks):
    place = Place(tmp_path / "place", "{ does = 'take', polls = 3 }", repeat="never")
    place.drop("0.csv", many(0))
    pid = forks[0].start(place, "serve")
    until = time.monotonic() + 20
    while (place.inbox / "0.csv").exists() and time.monotonic() < until:
        time.sleep(0.02)
    os.kill(pid, signal.SIGTERM)
    assert forks[0].end()[0] == 0, place.said()
    assert forks[0].drain(place)[0] == 0, place.said()
    assert_whole(place)
    assert_effects(place, newest_of([0]))
