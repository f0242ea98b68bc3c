"""Promotion calls refused as a whole: the rows at fault are found, the others sent, and what is remembered is exact."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.partner_promotions import TOKEN, asked, encoded, rows
from support.partner_promotions import settings as account

from gateway.destinations.partner_api import PartnerApiDestination, sifting
from gateway.destinations.partner_api.memory import Memory
from gateway.destinations.partner_api.parts import Part
from gateway.destinations.partner_api.sifting import Sift
from gateway.errors import OutcomeUnknown, Throttled
from gateway.testing.clock import FakeClock, RealClock
from gateway.testing.drive import FreeBudget
from gateway.transport.http import Response, RetryPolicy, connect
from gateway.twin.partner import Chain, Item, PartnerTwin, PartnerTwinSettings, Token, Vendor

EVERY_ROW = {"promo": {"probes": 0}}


def priced(*skus, price="2", **more):
    return rows(*({"sku": sku, "price": price, **more} for sku in skus))


def alphabet(count):
    return [f"S{n:02}" for n in range(count)]


class Platform:
    """Keeps promotions as bodies say; refuses a call (400) with an entry that `bad` is about, (413) with too many."""

    def __init__(self, bad=lambda *_: False, most=10**9, said="not this one"):
        self.bad, self.most, self.said = bad, most, said
        self.bodies, self.refused, self.trouble, self.jobs = [], 0, [], {}

    def send(self, request):
        if request.method == "GET":
            return Response(200, {}, json.dumps(self.jobs[request.path.rsplit("/", 1)[1]]).encode())
        if self.trouble and (error := self.trouble.pop(0)) is not None:
            raise error
        body = json.loads(request.body)
        entries = [(sku, one) for one in body["discount"] for sku in one["sku"]]
        status = 400 if any(self.bad(body, (sku, one)) for sku, one in entries) else 202
        if len(entries) > self.most:
            status = 413
        if status != 202:
            self.refused += 1
            return Response(status, {}, json.dumps({"message": self.said}).encode())
        self.bodies.append(body)
        lists = {"invalid_vendors": [], "missing_skus": {}, "invalid_discounted_skus": {}}
        self.jobs[f"j{len(self.bodies)}"] = {"job_status": "COMPLETED", "result": lists}
        return Response(202, {}, json.dumps({"job_id": f"j{len(self.bodies)}"}).encode())

    def running(self):
        """SKUs that are on, by promotion, as the last call of each left it."""
        found = {}
        for body in self.bodies:
            name = (body["display_name"]["en_SG"], tuple(body["vendors"]))
            on = {sku: one["discount_value"] for one in body["discount"] for sku in one["sku"] if one["active"]}
            found[name] = on if body["active"] else {}
        return found

    def close(self):
        pass


def of(*skus):
    """Whether a call has an entry of one of these SKUs that is on."""
    return lambda _head, entry: entry[0] in skus and entry[1]["active"]


def ends(sku):
    """Whether a call ends an entry of this SKU, or all of a promotion with it."""
    return lambda head, entry: entry[0] == sku and not (head["active"] and entry[1]["active"])


def build(folder, platform, clock, **keys):
    return PartnerApiDestination(
        account(folder, keys=keys), transport=platform, clock=clock, account="acc", name="panda"
    )


@pytest.fixture
def made(tmp_path, clock):
    return lambda platform, **keys: build(tmp_path, platform, clock, **keys)


def drive(destination, clock, records, most=200):
    """Send and settle every batch; returns state and code of each sku."""
    found = {}
    for batch in encoded(destination, records):
        receipt, told = destination.submit(batch), {}
        for _ in range(most):
            for line, _, state, code, *_ in () if receipt.outcomes is None else receipt.outcomes.rows():
                assert told.get(line, ("refused",))[0] == "refused"  # more may be said of what ran before
                told[line] = (state, code)
            if receipt.closed:
                break
            receipt = asked(destination, clock, batch, receipt)
        assert receipt.closed
        skus = dict(records.select("effect", "sku").rows())
        found |= {skus[effect]: told.get(line, (str(receipt.rest), None)) for effect, line in batch.effects.rows()}
    return found


def counted(found):
    states = [state for state, _ in found.values()]
    return {state: states.count(state) for state in set(states)}


# ---------------------------------------------------------------- exact rows


@pytest.mark.parametrize("keys", [{}, EVERY_ROW])
@pytest.mark.parametrize("bad", [[5], [0, 15], [3, 4, 5], [1, 5, 9, 13], range(15)])
def test_rows_at_fault_are_refused_and_the_others_run(made, clock, bad, keys):
    skus = alphabet(16)
    platform = Platform(of(*(skus[n] for n in bad)))
    found = drive(made(platform, **keys), clock, priced(*skus))
    wrong = {skus[n] for n in bad}
    if keys == EVERY_ROW or len(wrong) < 4:
        assert {sku for sku, (state, _) in found.items() if state == "refused"} == wrong
        assert {code for sku, (_, code) in found.items() if sku in wrong} == {"DEST_REFUSED"}
        assert platform.running() == {("Week 12", ("p1", "p2")): dict.fromkeys(sorted(set(skus) - wrong), 2)}
    assert {state for state, _ in found.values()} <= {"refused", "applied"}


def test_each_call_has_all_that_was_taken_before(made, clock):
    """Whatever a platform does with entries a call leaves out, none is left out."""
    platform = Platform(of("S03"))
    drive(made(platform, **EVERY_ROW), clock, priced(*alphabet(8)))
    sizes = [sum(len(one["sku"]) for one in body["discount"]) for body in platform.bodies]
    assert sizes == [2, 3, 7]


def test_what_was_taken_is_remembered_and_ends_by_its_own_body(made, clock, tmp_path):
    skus = alphabet(6)
    drive(made(Platform(of("S01")), **EVERY_ROW), clock, priced(*skus))
    (record,) = Memory(tmp_path / "sent", "acc", "rest").promotions(clock.now()).values()
    assert sorted(record["entries"]["sku"]) == ["S00", "S02", "S03", "S04", "S05"]
    platform = Platform()
    found = drive(made(platform), clock, rows(*({"sku": sku, "command": "end"} for sku in skus)))
    assert platform.bodies == [{**json.loads(record["body"]), "active": False}]
    assert found.pop("S01")[0] == "skipped"
    assert counted(found) == {"applied": 5}


def test_what_has_ended_stays_off_when_its_promotion_begins_again(made, clock):
    old, new = alphabet(2), ("S02", "S03", "S04")
    drive(made(Platform(), **EVERY_ROW), clock, priced(*old))
    drive(made(Platform(), **EVERY_ROW), clock, rows(*({"sku": sku, "command": "end"} for sku in old)))
    platform = Platform(of("S03"))
    drive(made(platform, **EVERY_ROW), clock, priced(*new))
    on = {sku: one["active"] for one in platform.bodies[-1]["discount"] for sku in one["sku"]}
    assert on == {"S00": False, "S01": False, "S02": True, "S04": True}


def test_a_head_at_fault_is_found_by_a_few_rows(made, clock):
    platform = Platform(lambda *_: True, said="end_time is in the past, entry 17")
    found = drive(made(platform), clock, priced(*alphabet(40)))
    assert platform.refused == 5
    assert counted(found) == {"refused": 40}
    codes = [code for _, code in found.values()]
    assert {code: codes.count(code) for code in set(codes)} == {"DEST_REFUSED": 4, "DEST_REFUSED_BATCH": 36}


def test_rows_tried_alone_that_differ_in_words_do_not_speak_for_the_others(made, clock):
    platform = Platform(of("S01", "S06", "S11", "S16"))
    destination = made(platform, promo={"probes": 4})
    words = iter(["first", "second", "third", "fourth", "fifth", *["later"] * 40])
    answers = platform.send
    platform.send = lambda request: (setattr(platform, "said", next(words)), answers(request))[1]
    found = drive(destination, clock, priced(*alphabet(20)))
    assert counted(found) == {"refused": 4, "applied": 16}


def test_a_single_row_is_refused_at_once_with_the_words(made, clock):
    platform = Platform(of("A"), said="price is too high")
    destination = made(platform)
    (batch,) = encoded(destination, priced("A"))
    receipt = destination.submit(batch)
    assert (receipt.closed, str(receipt.rest), receipt.code) == (True, "refused", "DEST_REFUSED")
    assert receipt.message == "400, price is too high"


def test_a_call_too_large_goes_in_parts_down_to_the_floor(made, clock):
    wide = Platform(most=16)
    assert counted(drive(made(wide, rest={"limits": {"floor_products": 2}}), clock, priced(*alphabet(12)))) == {
        "applied": 12
    }
    platform = Platform(most=4)
    found = drive(made(platform, rest={"limits": {"floor_products": 2}}), clock, priced(*alphabet(12), price="3"))
    assert counted(found) == {"refused": 12}  # a call has all of its promotion: it stays too large
    narrow = Platform(most=6)
    destination = made(narrow, rest={"limits": {"floor_products": 3}})
    found = drive(destination, clock, priced(*alphabet(12), promotion_id="W13", campaign="Other"))
    assert counted(found) == {"applied": 6, "refused": 6}


# ---------------------------------------------------------------- calls that follow each other


def test_a_new_price_that_is_refused_leaves_the_others_changed(made, clock):
    drive(made(Platform()), clock, priced("A", "B", "C"))
    platform = Platform(lambda _head, entry: entry[0] == "B" and entry[1]["discount_value"] == 9)
    found = drive(made(platform, **EVERY_ROW), clock, priced("A", "B", "C", price="9"))
    assert found == {"A": ("applied", None), "B": ("refused", "DEST_REFUSED"), "C": ("applied", None)}
    assert platform.running() == {("Week 12", ("p1", "p2")): {"A": 9, "B": 2, "C": 9}}


def test_what_ran_before_and_is_refused_now_is_told_as_gone(made, clock):
    drive(made(Platform()), clock, priced("A", "B", "C"))
    platform = Platform(lambda head, entry: head["active"] and of("B")(head, entry))
    found = drive(made(platform, **EVERY_ROW), clock, priced("A", "B", "C", price="9"))
    assert found == {"A": ("applied", None), "B": ("refused", "PROMOTION_GONE"), "C": ("applied", None)}
    assert platform.running() == {("Week 12", ("p1", "p2")): {"A": 9, "C": 9}}


def test_what_could_not_be_ended_is_not_sent_anew(made, clock):
    drive(made(Platform()), clock, priced("A", "B", "C"))
    platform = Platform(ends("B"))
    found = drive(made(platform), clock, priced("A", "B", "C", price="9"))
    assert {sku: state for sku, (state, _) in found.items()} == {"A": "applied", "B": "refused", "C": "applied"}
    assert platform.running() == {("Week 12", ("p1", "p2")): {"A": 9, "B": 2, "C": 9}}


def test_what_could_not_leave_one_promotion_is_not_put_into_another(made, clock):
    drive(made(Platform()), clock, priced("A", "B"))
    platform = Platform(ends("A"))
    found = drive(made(platform), clock, priced("A", "B", vendor_ids="V1"))
    assert {sku: state for sku, (state, _) in found.items()} == {"A": "refused", "B": "applied"}
    assert platform.running() == {("Week 12", ("p1", "p2")): {"A": 2}, ("Week 12", ("p1",)): {"B": 2}}


def test_rows_that_end_beside_rows_that_are_refused_end(made, clock):
    drive(made(Platform()), clock, priced("A", "B"))
    platform = Platform(of("C"))
    cells = [{"sku": "A", "command": "end"}, {"sku": "C", "price": "3"}, {"sku": "D", "price": "3"}]
    found = drive(made(platform), clock, rows(*cells))
    assert {sku: state for sku, (state, _) in found.items()} == {"A": "applied", "C": "refused", "D": "applied"}
    assert platform.running() == {("Week 12", ("p1", "p2")): {"B": 2, "D": 3}}


# ---------------------------------------------------------------- on the way


def test_what_is_left_is_taken_up_by_another_process(made, clock):
    platform = Platform(of("S02", "S09"))
    (batch,) = encoded(made(platform), priced(*alphabet(12)))
    receipt, found = made(platform).submit(batch), {}
    while not receipt.closed:
        receipt = asked(made(platform), clock, batch, receipt)
        assert receipt.closed or receipt.ticket.startswith("split 1 ")
        found |= {} if receipt.outcomes is None else {row[0]: row[2] for row in receipt.outcomes.rows()}
    assert found == {n + 1: "refused" if n in {2, 9} else "applied" for n in range(12)}


def test_a_call_that_was_taken_though_its_answer_was_not_kept_is_sent_again(made, clock):
    platform = Platform(of("A"))
    destination = made(platform)
    (batch,) = encoded(destination, priced("A", "B"))
    receipt = destination.submit(batch)
    asked(destination, clock, batch, receipt)  # the process dies here
    again = asked(made(platform), clock, batch, receipt)
    assert again.ticket.endswith("=j2 1")
    done = asked(made(platform), clock, batch, again)
    assert [(row[0], row[2]) for row in done.outcomes.rows()] == [(2, "applied")]


def test_trouble_on_the_way_keeps_what_was_learnt(made, clock):
    platform = Platform(of("A"))
    destination = made(platform)
    (batch,) = encoded(destination, priced("A", "B", "C"))
    receipt = destination.submit(batch)
    platform.trouble = [Throttled("wait", after=7.0)]
    receipt = asked(destination, clock, batch, receipt)
    assert (receipt.ticket, receipt.after, receipt.outcomes) == ("split 1 0-1;1-3", 7.0, None)
    platform.trouble = [None, OutcomeUnknown("lost")]
    receipt = asked(destination, clock, batch, receipt)
    assert receipt.ticket == "split 1 1-3 1"
    assert [(row[0], row[2]) for row in receipt.outcomes.rows()] == [(1, "refused")]
    receipt = asked(destination, clock, batch, receipt)
    assert receipt.ticket == "split 1 1-3=j1 1"


def test_jobs_say_what_became_of_the_rows_of_their_part(made, clock):
    platform = Platform(of("S00"))
    destination = made(platform, **EVERY_ROW)
    (batch,) = encoded(destination, priced(*alphabet(4)))
    receipt = asked(destination, clock, batch, destination.submit(batch))
    platform.jobs["j1"] = {"job_status": "FAILED", "result": {"message": "limit reached"}}
    receipt = asked(destination, clock, batch, receipt)
    assert [(row[0], row[2], row[4]) for row in receipt.outcomes.rows()] == [
        (2, "refused", "the job j1 failed: limit reached")
    ]
    assert receipt.raw[0][0] == "promotion-j1.json"
    platform.jobs["j2"]["result"]["missing_skus"] = {"p2": ["S01", "S03"]}
    receipt = asked(destination, clock, batch, receipt)
    assert [(row[0], row[2], row[3]) for row in receipt.outcomes.rows()] == [
        (4, "refused", "DEST_REFUSED"), (3, "applied", None),
    ]  # fmt: skip
    assert receipt.closed


def test_parts_that_come_too_late_are_not_sent(made, clock):
    platform = Platform(of("S00"))
    destination = made(platform)
    (batch,) = encoded(destination, priced(*alphabet(4)))
    receipt = asked(destination, clock, batch, destination.submit(batch), ago=8000)
    assert receipt.closed
    assert {row[3] for row in receipt.outcomes.rows()} == {"DEST_REFUSED_BATCH"}
    assert platform.bodies == []


@given(st.integers(1, 200), st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_a_call_is_opened_without_losing_a_row(count, probes):
    sift = sifting.opened(2, count, 400, probes)
    assert sorted(n for part in sift.parts for n in range(part.start, part.end)) == list(range(count))
    assert sifting.joined(sift.parts) == [Part(0, count)]
    assert Sift.of(sift.ticket()) == sift


@given(st.sets(st.integers(1, 60)), st.lists(st.integers(1, 9), min_size=1, max_size=9), st.text(max_size=9))
@settings(max_examples=60, deadline=None)
def test_a_ticket_tells_all(refused, sizes, job):
    parts, at = [], 0
    for size in sizes:
        parts.append(Part(at, at + size))
        at += size
    parts[0].job = job
    sift = Sift(4, parts, refused)
    assert Sift.of(sift.ticket()) == sift


@given(st.sets(st.integers(0, 23)), st.integers(0, 6))
@settings(max_examples=30, deadline=None)
def test_whatever_is_at_fault_nothing_else_is_refused(tmp_path_factory, bad, probes):
    skus, clock = alphabet(24), FakeClock()
    platform = Platform(of(*(skus[n] for n in bad)))
    folder = tmp_path_factory.mktemp("sent")
    found = drive(build(folder, platform, clock, promo={"probes": probes}), clock, priced(*skus))
    unsent = {sku for sku, (_, code) in found.items() if code == "DEST_REFUSED_BATCH"}
    refused = {sku for sku, (state, _) in found.items() if state == "refused"} - unsent
    assert refused == {skus[n] for n in bad} - unsent
    assert not unsent or (probes and len(refused) == probes)
    wanted = dict.fromkeys(sorted(set(skus) - refused - unsent), 2)
    assert platform.running() == ({("Week 12", ("p1", "p2")): wanted} if wanted else {})


# ---------------------------------------------------------------- over the twin


def test_a_platform_that_refuses_calls_with_a_dear_row(tmp_path):
    real = RealClock()
    chain = Chain("c-1", (Vendor("p1"), Vendor("p2")), tokens=(Token("all", TOKEN),))
    at_once = dict.fromkeys(("queued_seconds", "running_seconds", "promotion_queued_seconds"), 0.0)
    told = PartnerTwinSettings(chains=(chain,), calls_per_window=0, dear_promotion="call", **at_once)
    skus = alphabet(10)
    with PartnerTwin([Item(sku, price="5", active=True) for sku in skus], settings=told) as twin:
        chosen = account(
            tmp_path, host=twin.url, vendors={"p1": {}, "p2": {}},
            keys={"jobs": {"poll_after_s": [0.01]}, "rest": {"limits": {"requests_per_minute": 600_000}}},
        )  # fmt: skip
        transport = connect(
            chosen.access(), account="a", clock=real, budget=FreeBudget(), policy=RetryPolicy(attempts=1)
        )
        destination = PartnerApiDestination(chosen, transport=transport, clock=real, account="acc", name="panda")
        records = rows(*({"sku": sku, "price": "6" if sku in {"S02", "S07"} else "4"} for sku in skus))
        found = drive(destination, real, records, most=2000)
        assert {sku for sku, (state, _) in found.items() if state == "refused"} == {"S02", "S07"}
        (one,) = twin.promotions()
        assert sorted(one.entries["p1"]) == sorted(set(skus) - {"S02", "S07"})
        refusals = [call for call in twin.calls if (call.code, call.status) == ("P1", 400)]
        assert 4 <= len(refusals) <= 12
        found = drive(destination, real, rows(*({"sku": sku, "command": "end"} for sku in sorted(one.entries["p1"]))))
        assert counted(found) == {"applied": 8}
        assert not any(one.active for one in twin.promotions())
        transport.close()
