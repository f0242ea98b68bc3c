"""Nothing is lost between a file and its answers: at every moment every row has one state and every effect an end or
is open, whatever the files hold, the route wants and the destination does.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.delivery.outcomes import effect_states
from gateway.journal import runs
from gateway.journal import tables as t
from gateway.model import ROW, Repeat, RowState
from gateway.testing.clock import FakeClock
from gateway.testing.hostile import HostileDestination, HostileSettings, Step, final_state, read_log
from gateway.testing.rig import Rig

MAPPING = """contract = "stock"
version = 1
[format]
kind = "csv"
delimiter = ","
encoding = "utf-8"
[[filter]]
skip = { column = "keep", is = "no" }
[fields]
sku = "sku"
quantity = "quantity"
product_id = { column = "product", optional = true }
warehouse = { column = "place", optional = true }
"""
GROUP = """[group]
by = ["sku"]
sum = ["quantity"]
keep = { warehouse = ["MAD", "BCN"] }
"""
HEADER = "sku,quantity,product,place,keep"
KEYS = [f"k{n}" for n in range(7)]

REFUSED = [f"{key}\x1f{place}" for key in KEYS for place in ("MAD", "")]

cells = st.tuples(
    st.sampled_from([*KEYS, *KEYS, ""]),
    st.sampled_from(["0", "0", "1", "5", "250", "x", "", "-1"]),
    st.sampled_from(["P", "Q", ""]),
    st.sampled_from(["MAD", "BCN", "XXX"]),
    st.sampled_from(["", "", "", "no"]),
)
files = st.lists(st.one_of(cells, st.just(("", "", "", "", ""))), min_size=1, max_size=12)
misdeeds = st.sampled_from(
    ["take", "take", "drop_before", "drop_after", "throttle", "refuse", "refuse_call", "uncertain", "never_close"]
)
steps = st.builds(
    Step, does=misdeeds, polls=st.integers(0, 2), seconds=st.sampled_from([0.0, 3.0]),
    keys=st.lists(st.sampled_from(REFUSED), max_size=3).map(tuple),
)  # fmt: skip
policies = st.fixed_dictionaries(
    {"rows": st.sampled_from(["skip", "skip", "all", "groups"])},
    optional={"reject_above": st.integers(0, 4), "reject_share": st.sampled_from([0.1, 0.5, 0.9])},
)
routes = st.fixed_dictionaries({
    "policy": policies,
    "empty": st.sampled_from(["reject", "ignore", "no_change"]),
    "guard": st.sampled_from([{"off": True}, {"ended_least": 0, "zeroed_least": 0, "ended_share": 0.3}]),
    "feed": st.sampled_from([("delta", "keep"), ("full", "keep"), ("full", "zero"), ("full", "end")]),
})  # fmt: skip
abilities = st.fixed_dictionaries({
    "script": st.lists(steps, max_size=8).map(tuple),
    "batch_size": st.sampled_from([None, 1, 3]),
    "repeat": st.sampled_from(list(Repeat)),
    "searchable": st.booleans(),
    "drifts": st.booleans(),
    "settle_first": st.booleans(),
    "slot_until": st.sampled_from(["ticket", "settled"]),
    "deadline": st.just(60.0),
    "look_interval": st.just(20.0),
})  # fmt: skip
plans = st.lists(st.one_of(files, st.sampled_from([1, 7])), min_size=2, max_size=7)
"""What happens in turn: a file comes, or the lane is advanced after so many seconds."""


@dataclass
class Course:
    """A gateway on its course, with what was dropped into it."""

    rig: Rig
    log: Path
    dropped: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)

    def drop(self, rows: list[tuple[str, ...]]) -> None:
        self.rig.clock.advance(1)
        content = "\n".join([HEADER, *(",".join(row) for row in rows)]) + "\n"
        run = self.rig.drop(f"{len(self.dropped)}.csv", content)
        if run:
            self.dropped[run] = rows

    def taken(self) -> list:
        return [row for row in map(self.rig.operations.run, self.dropped) if row.state not in {"rejected", "reading"}]

    def check(self) -> None:
        """The balance law, read anew from journal and spool."""
        for row in self.taken():
            rows = [cells for cells in self.dropped[row.id] if any(cells)]
            states = self.rig.states(row.id)
            assert sum(states.values()) == row.rows == len(rows)
            assert row.rows + row.blank == len(self.dropped[row.id])
            if row.rows == 0:
                continue
            results = self.rig.results(row.id)
            assert results["state"].null_count() == 0
            assert Counter(results["state"]) == Counter(states)
            assert results[ROW].is_unique().all()
        with self.rig.journal.read() as tx:
            consignments = tx.execute(sa.select(t.consignment)).fetchall()
            sent = {row.id: runs.batches_of(tx, row.id) for row in consignments}
        for one in consignments:
            parts = list(effect_states(self.rig.spool.consignment(one.id), sent[one.id]))
            total, still = sum(part.height for part in parts), sum(part["state"].null_count() for part in parts)
            assert total == one.effects == sum(batch.records for batch in sent[one.id])
            live = sum(batch.records for batch in sent[one.id] if batch.state not in {"closed", "lapsed"})
            assert still <= live

    def finish(self) -> None:
        """Advance until nobody is waited for."""
        for _ in range(400):  # a slot that is taken is asked for every second, and a deadline is 60 of them
            at = self.rig.advance()
            if at is None:
                return
            self.rig.clock.advance(max(0.0, (at - self.rig.clock.now()).total_seconds()))
            if all(row.state in {"settled", "held"} for row in self.taken()):
                return
        raise AssertionError("it does not come to an end")


def key_of(cells: tuple[str, ...]) -> str:
    return f"{cells[0]}\x1f{cells[3]}"


def check_end(course: Course, *, grouped: bool) -> None:
    """All final; a zero in a file is a zero at the destination; the newest applied value stands."""
    for row in course.taken():
        states = course.rig.states(row.id)
        if row.state == "held":
            assert not {"pending", "scheduled"} & states.keys()
        else:
            assert row.state == "settled"
            assert all(RowState(state).final for state in states)
    records = [record for entry in read_log(course.log) for record in entry.get("effects", ())]
    for record in records:
        assert record.get("quantity") is not None or record.get("command") == "end"
        assert record.get("quantity") != ""
    if grouped:
        return
    newest: dict[str, tuple[int, str, str]] = {}
    for row in course.taken():
        rows = [cells for cells in course.dropped[row.id] if any(cells)]
        for cells, state in zip(rows, course.rig.results(row.id)["state"] if rows else [], strict=True):
            if (
                state in {"applied", "accepted", "uncertain", "refused"}
                and row.seq > newest.get(key_of(cells), (0,))[0]
            ):
                newest[key_of(cells)] = (row.seq, state, cells[1])
    ended = {record["@key"] for record in records if record.get("command") == "end" or record.get("quantity") == "0"}
    stands = final_state(course.log)
    for key, (_, state, quantity) in newest.items():
        if state == "applied" and key not in ended:
            assert stands[key]["quantity"] == quantity
        if state == "applied" and quantity == "0":
            assert any(record["@key"] == key and record.get("quantity") == "0" for record in records)


@pytest.mark.slow
@pytest.mark.timeout(300)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(plan=plans, route=routes, able=abilities, grouped=st.booleans())
def test_no_row_and_no_effect_is_ever_lost(plan, route, able, grouped):
    with tempfile.TemporaryDirectory() as folder:
        clock, log = FakeClock(), Path(folder) / "effects.jsonl"
        there = HostileDestination(HostileSettings(log=log, **able), clock=clock, account="there", name="there")
        mode, absent = route["feed"]
        options = {name: route[name] for name in ("policy", "empty", "guard")}
        rig = Rig(
            Path(folder) / "gateway", there, clock, mapping=MAPPING + (GROUP if grouped else ""),
            mode=mode, absent=absent, **options,
        )  # fmt: skip
        course = Course(rig, log)
        try:
            for act in plan:
                if isinstance(act, list):
                    course.drop(act)
                else:
                    clock.advance(act)
                    rig.advance()
                course.check()
            course.finish()
            course.check()
            check_end(course, grouped=grouped)
        finally:
            rig.close()
