"""A fault of ours with one call: what else of its account goes on, what is shown, and that it is tried again."""

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from gateway.delivery.asking import Asker
from gateway.errors import Refused, Unreachable
from gateway.model import Receipt, RowState, Sent
from gateway.testing.hostile import Further, HostileDestination, Step
from gateway.testing.texts import mapping

MAPPING = mapping("stock", 'sku = "sku"\nquantity = "quantity"\nunit_name = { column = "unit", optional = true }\n')
OFFER = Further(name="offer", family="offer", fields=("sku", "unit_name"), when=("unit_name",))
STOCK_LANE, OFFER_LANE = "there/stock/acme", "there/offer/acme"
FILE = "sku,quantity,unit\nk1,1,box\n"


@pytest.fixture(autouse=True)
def logged():
    """Traces are kept, not drawn."""
    with capture_logs() as found:
        yield found


@pytest.fixture
def broken(monkeypatch):
    """Operations whose calls can't be asked about, with what is raised then."""
    poll = HostileDestination.poll

    found = {}

    def polled(self, sent):
        for one in sent:
            if one.operation in found:
                raise found[one.operation]
        return poll(self, sent)

    monkeypatch.setattr(HostileDestination, "poll", polled)
    return found


def lanes(rig):
    return {one.name: one for one in rig.operations.lanes()}


def settled(rig, run):
    return rig.operations.run(run).state == "settled"


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyError("job_status"), "KeyError: 'job_status'"),
        (
            Refused("The token for offers is refused.", fix="Renew it.", status="403"),
            "for offers is refused. Renew it.",
        ),
    ],
)
def test_other_lanes_of_the_account_go_on(rigs, clock, broken, first, error, said):
    rig = rigs(Step(polls=2), Step(polls=2), mapping=MAPPING, further=(OFFER,), look_interval=5.0)
    broken["offer"] = error
    one = rig.drop("a.csv", FILE)
    order = [STOCK_LANE, OFFER_LANE][:: 1 - 2 * first]
    for _ in range(8):
        for lane in order:
            rig.delivery.advance(lane)
        clock.advance(5)
    assert lanes(rig)[STOCK_LANE].open_batches == 0
    assert lanes(rig)[STOCK_LANE].trouble is None
    shown = lanes(rig)[OFFER_LANE]
    assert shown.open_batches == 1
    assert said in shown.trouble
    assert not settled(rig, one)
    two = rig.drop("b.csv", "sku,quantity,unit\nk2,2,\n")  # stock only
    for _ in range(8):
        for lane in order:
            rig.delivery.advance(lane)
        clock.advance(5)
    assert rig.states(two) == {"applied": 1}


def test_the_lane_itself_goes_on_sending_and_ends_its_call_by_the_deadline(rigs, clock, broken):
    rig = rigs(Step(polls=2), Step(polls=2), deadline=600.0, look_interval=5.0)
    broken["write"] = KeyError("job_status")
    one = rig.drop("a.csv", "sku,quantity\nk1,1\n")
    rig.advance()
    clock.advance(5)
    rig.advance()
    assert lanes(rig)[STOCK_LANE].trouble
    rig.drop("b.csv", "sku,quantity\nk2,2\n")
    rig.advance()
    assert lanes(rig)[STOCK_LANE].open_batches == 2
    clock.advance(600)
    rig.advance()
    assert settled(rig, one)
    assert rig.states(one) == {"accepted": 1}


def test_it_is_tried_again_and_trouble_ends_with_an_answer(rigs, clock, broken, logged):
    rig = rigs(Step(polls=1), look_interval=1.0)
    broken["write"] = KeyError("job_status")
    run = rig.drop("a.csv", "sku,quantity\nk1,1\n")
    rig.advance()
    waits = []
    for _ in range(6):
        at = rig.advance()
        waits.append((at - clock.now()).total_seconds())
        clock.advance(waits[-1])
    assert waits == sorted(waits)
    assert waits[-1] >= 16.0
    broken.clear()
    rig.advance()
    clock.advance(1)
    rig.advance()
    assert settled(rig, run)
    assert lanes(rig)[STOCK_LANE].trouble is None
    told = [event.text for event in rig.operations.events(STOCK_LANE, limit=50) if event.kind == "trouble"]
    assert len(told) == 1
    assert [one["event"] for one in logged] == ["a call can't be asked about"]


# ---------------------------------------------------------------- what is asked


OWN = ("write",)


class Asking:
    def __init__(self, *bad, error=KeyError("x")):  # noqa: B008  an error is a value here
        self.bad, self.error, self.asked = set(bad), error, []

    def poll(self, sent):
        self.asked.append([one.batch_id for one in sent])
        if self.bad & {one.batch_id for one in sent}:
            raise self.error
        return {one.batch_id: Receipt(closed=True, rest=RowState.APPLIED) for one in sent}


def sent(clock, count):
    return [Sent(n, "write", "", f"t{n}", "digest", 1, clock.now(), {}) for n in range(count)]


def test_only_the_call_at_fault_is_left_out_and_asked_alone_from_then_on(clock):
    asker, there = Asker(), Asking(5)
    told = asker.ask(there, sent(clock, 8), OWN)
    assert sorted(told.answers) == [0, 1, 2, 3, 4, 6, 7]
    assert list(told.faults) == [5]
    assert "t5" in str(told.faults[5].error)
    there.asked.clear()
    assert asker.ask(there, sent(clock, 8), OWN).faults[5].tries == 2
    assert there.asked == [[0, 1, 2, 3, 4, 6, 7], [5]]


def test_a_fault_with_every_call_asks_a_bounded_number_of_times(clock):
    asker, there = Asker(), Asking(*range(200))
    assert len(asker.ask(there, sent(clock, 200), OWN).faults) == 200
    assert len(there.asked) < 40
    there.asked.clear()
    asker.ask(there, sent(clock, 200), OWN)
    assert len(there.asked) == 16


def test_trouble_with_the_account_is_no_fault_of_a_call(clock):
    asker, there = Asker(), Asking(1, error=Unreachable("away"))
    told = asker.ask(there, sent(clock, 3), OWN)
    assert (told.trouble, told.faults, len(there.asked)) == (there.error, {}, 1)


def test_what_is_refused_of_others_is_their_lanes_trouble(clock):
    asker, there = Asker(), Asking(1, error=Refused("no", status="403"))
    mine, other = sent(clock, 2)
    told = asker.ask(there, [mine, replace(other, operation="offer")], OWN)
    assert (told.trouble, list(told.answers), list(told.faults)) == (None, [0], [1])
    told = asker.ask(there, [replace(mine, batch_id=1), replace(other, operation="offer", batch_id=7)], OWN)
    assert told.trouble is there.error
