"""Whatever comes in whatever order, the price shown is the one a simple model says; it is told only when it changes."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.journal import runs
from gateway.model import KEY, OUTCOME_SCHEMA, Batch, Receipt
from gateway.testing.clock import START, FakeClock
from gateway.testing.hostile import HostileDestination, HostileSettings, read_log
from gateway.testing.rig import Rig
from gateway.testing.texts import mapping
from gateway.testing.wanted import PRICES_ONLY

FIELDS = """sku = "sku"
command = "command"
price = "price"
price_basis = { constant = "gross" }
"""
PRICES = mapping("price", FIELDS)
PROMOTIONS = mapping(
    "promotion",
    FIELDS
    + """promotion_id = "id"
percentage = "percentage"
amount = "amount"
starts_at = "starts"
ends_at = "ends"
""",
)
SKUS = ("a", "b")


def hour(number: int) -> datetime:
    return START + timedelta(hours=number)


@dataclass(frozen=True)
class Promotion:
    name: str
    sku: str
    kind: str
    value: str
    starts: int | None
    ends: int | None
    off: bool = False
    begun: bool = False
    number: int = 0

    @property
    def key(self) -> tuple[object, ...]:
        return (self.name, self.sku, self.starts, self.ends)

    def over(self, now: datetime) -> bool:
        return self.ends is not None and now >= hour(self.ends) + timedelta(seconds=1)

    def later(self, now: datetime) -> bool:
        return self.starts is not None and now < hour(self.starts)

    def price(self, base: Decimal) -> Decimal | None:
        value = Decimal(self.value)
        made = {"price": value, "percentage": base * (100 - value) / 100, "amount": base - value}[self.kind]
        made = made.quantize(Decimal("0.01"), ROUND_HALF_UP)
        free = (self.kind == "price" or self.value == "100") and made == 0
        return made if made > 0 or free else None

    def line(self) -> str:
        given = {"price": "", "percentage": "", "amount": "", self.kind: self.value}
        window = [f"{hour(h):%Y-%m-%dT%H:%M:%SZ}" if h is not None else "" for h in (self.starts, self.ends)]
        command = "end" if self.off else ""
        cells = (self.name, self.sku, command, given["price"], given["percentage"], given["amount"], *window)
        return f"id,sku,command,price,percentage,amount,starts,ends\n{','.join(cells)}\n"


@dataclass
class Model:
    """What should be shown, worked out article by article in plain decimals."""

    base: dict[str, Decimal | None] = field(default_factory=dict)
    known: dict[tuple[object, ...], Promotion] = field(default_factory=dict)
    pending: list[Promotion] = field(default_factory=list)
    told: dict[str, list[Decimal | None]] = field(default_factory=lambda: {sku: [] for sku in SKUS})
    shown: dict[str, list[Decimal | None]] = field(default_factory=dict)

    def take(self, waiting: list[tuple[str, object]], now: datetime) -> None:
        """Decide all that waits at once: prices first, then the newest row of each promotion."""
        for kind, one in waiting:
            if kind == "price":
                sku, price = one
                self.base[sku] = price
        due = [p for p in self.pending if not p.later(now)]
        self.pending = [p for p in self.pending if p.later(now)]
        rows = sorted([*due, *(one for kind, one in waiting if kind == "promotion")], key=lambda p: p.number)
        for row in {row.key: row for row in rows}.values():
            self.row(row, now)
        self.look(now)

    def row(self, row: Promotion, now: datetime) -> None:
        if row.key in self.known and self.known[row.key].number > row.number:
            return
        if row.off:
            self.known[row.key] = row
            return
        base = self.base.get(row.sku)
        if row.over(now) or base is None or row.price(base) is None:
            return
        self.known[row.key] = replace(row, begun=not row.later(now))
        if row.later(now):
            self.pending.append(row)

    def look(self, now: datetime) -> None:
        for sku in SKUS:
            price = self.wanted(sku, now)
            if (self.told[sku] or [None])[-1] != price:
                self.told[sku].append(price)

    def wanted(self, sku: str, now: datetime) -> Decimal | None:
        base = self.base.get(sku)
        if base is None:
            return None
        force = [p for p in self.known.values() if p.sku == sku and p.begun and not p.off]
        made = [p.price(base) for p in force if not p.later(now) and not p.over(now)]
        return min([base, *(price for price in made if price is not None)])


prices = st.tuples(
    st.just("price"), st.sampled_from(SKUS), st.sampled_from(["20", "20", "19.99", "12.5", "0.03", "end"])
)
# a name for each window: one that runs under its name with other dates is refused, which tests of its own hold
promotions = st.builds(
    lambda name, sku, gives, window, off: (
        "promotion", Promotion(f"{name}{window[0]}-{window[1]}", sku, *gives, *window, off=off)
    ),
    st.sampled_from(["P", "Q"]),
    st.sampled_from(SKUS),
    st.sampled_from(
        [("price", "15"), ("price", "25"), ("percentage", "10"), ("percentage", "33.3"), ("percentage", "100"),
         ("amount", "5"), ("amount", "13")]
    ),
    st.sampled_from([(None, 3), (1, 3), (1, 2), (2, 4), (2, None), (0, 5)]),
    st.sampled_from([False, False, False, True]),
)  # fmt: skip
moves = st.sampled_from([("glide", 0.5), ("glide", 1), ("glide", 3), ("jump", 1), ("jump", 2), ("restart", 0)])
alone = st.sampled_from([True, True, False])
stories = st.lists(st.tuples(st.one_of(prices, promotions, promotions, moves), alone), min_size=3, max_size=14)


class Story:
    """Plays a story to a gateway and to the model."""

    def __init__(self, root: Path, kind: type[HostileDestination] = HostileDestination) -> None:
        self.root = root
        self.kind = kind
        self.runs: list[tuple[str, str, object]] = []
        self.clock = FakeClock(START)
        self.model = Model()
        self.waiting: list[tuple[str, object]] = []
        self.number = 0
        self.rig = self.opened()

    def opened(self) -> Rig:
        told = HostileSettings(log=self.root / "log", **PRICES_ONLY)
        there = self.kind(told, clock=self.clock, account="there", name="there")
        off = {"guard": {"off": True}}
        return Rig(self.root / "gateway", there, self.clock, mapping=PRICES, more=(PROMOTIONS,), **off)

    def play(self, story: list) -> None:
        for (kind, *rest), at_once in story:
            if kind in {"price", "promotion"}:
                self.drop(kind, rest)
            elif kind == "restart":
                self.rig.close()
                self.rig = self.opened()
            else:
                self.decide()
                self.move(rest[0], glides=kind == "glide")
            if at_once:
                self.decide()
        self.decide()
        self.move(8, glides=True)

    def drop(self, kind: str, rest: list) -> None:
        self.number += 1
        if kind == "price":
            sku, text = rest
            ended = text == "end"
            content = f"sku,command,price\n{sku},{'end,' if ended else f',{text}'}\n"
            self.waiting.append((kind, (sku, None if ended else Decimal(text))))
        else:
            one = replace(rest[0], number=self.number)
            content = one.line()
            self.waiting.append((kind, one))
        run = self.rig.put_new(kind, content, times=0)
        self.runs.append((run, *self.waiting[-1]))

    def decide(self) -> None:
        self.rig.advance()
        self.model.take(self.waiting, self.clock.now())
        self.waiting = []

    def move(self, hours: float, *, glides: bool) -> None:
        """Move on: through every moment the lane wants to be woken at, or without a gateway in between."""
        start, end = self.clock.now(), self.clock.now() + timedelta(hours=hours)
        moments = [hour(n) + timedelta(seconds=s) for n in range(40) for s in (0, 1)] if glides else []
        for at in [m for m in moments if start < m < end] + [end]:
            self.model.take([], at)
        while glides:
            at = self.woken_at()
            if at is None or at > end:
                break
            self.clock.advance((max(at, self.clock.now()) - self.clock.now()).total_seconds())
            self.rig.advance()
        self.clock.advance((end - self.clock.now()).total_seconds())
        self.rig.advance()

    def woken_at(self) -> datetime | None:
        with self.rig.journal.read() as tx:
            for lane in runs.due_lanes(tx, datetime(2099, 1, 1, tzinfo=UTC)):
                assert lane == self.rig.lane.name
        return self.rig.delivery.advance(self.rig.lane.name)

    def sent(self) -> dict[str, list[Decimal | None]]:
        found: dict[str, list[Decimal | None]] = {sku: [] for sku in SKUS}
        for entry in read_log(self.root / "log"):
            for record in entry.get("effects", ()):
                price = record.get("price")
                found[record["sku"]].append(None if price is None else Decimal(price))
        return found


@pytest.mark.timeout(300)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(stories)
def test_what_is_told_is_what_the_model_says(story):
    with tempfile.TemporaryDirectory() as root:
        told = Story(Path(root))
        try:
            told.play(story)
            assert told.sent() == told.model.told
        finally:
            told.rig.close()


# ---------------------------------------------------------------- a destination that refuses some prices


REFUSED = frozenset({"12.5", "13.5", "19.99", "17.99", "15"})


class Choosy(HostileDestination):
    """Refuses records by their price, always."""

    def submit(self, batch: Batch) -> Receipt:
        records = json.loads(batch.body)
        bad = [one[KEY] for one in records if one.get("price") in REFUSED]
        good = replace(batch, body=json.dumps([one for one in records if one[KEY] not in bad]).encode())
        receipt = super().submit(good)
        rows = [(None, key, "refused", "DEST_REFUSED", "not this price", None) for key in bad]
        return replace(receipt, closed=True, outcomes=pl.DataFrame(rows, schema=OUTCOME_SCHEMA, orient="row"))


def reported(story: Story) -> Model:
    """Return what counts when the partner takes rows for done that it was told are done, and no others."""
    model = Model()
    for run, kind, one in story.runs:
        if not run or story.rig.states(run).keys() & {"refused", "skipped", "rejected", "superseded"}:
            continue
        if kind == "price":
            sku, price = one
            model.base[sku] = price
            model.shown.setdefault(sku, []).append(price)
        else:
            model.known[one.key] = replace(one, begun=not one.later(story.clock.now()))
    return model


@pytest.mark.timeout(300)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(stories)
def test_what_is_refused_counts_nowhere_and_everything_else_does(story):
    with tempfile.TemporaryDirectory() as root:
        told = Story(Path(root), Choosy)
        try:
            told.play(story)
            model, sent, now = reported(told), told.sent(), told.clock.now()
            for sku in SKUS:
                # A price that promotions hid is refused when it is to be shown: then the one before counts.
                before = [p for p in model.shown.get(sku, ()) if f"{p}" not in REFUSED]
                if before and f"{model.wanted(sku, now)}" in REFUSED and model.wanted(sku, now) == model.base[sku]:
                    model.base[sku] = before[-1]
                wanted = model.wanted(sku, now)
                if f"{wanted}" not in REFUSED:
                    assert (sent[sku] or [None])[-1] == wanted
        finally:
            told.rig.close()
