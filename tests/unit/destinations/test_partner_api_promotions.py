"""Promotions of the Partner API by calls: exact bodies, what is remembered, and what ends them."""

from __future__ import annotations

import json
from datetime import timedelta

import polars as pl
import pytest
from pydantic import SecretStr

from gateway.destinations.partner_api import PartnerApiDestination, PartnerApiSettings
from gateway.destinations.partner_api.memory import Memory
from gateway.errors import OutcomeUnknown, Refused, Throttled, Unreachable
from gateway.model import EACH, KEY, KEY_SEPARATOR, LINE, ROW, Receipt, Reference, RowState
from gateway.testing.clock import FakeClock, RealClock
from gateway.testing.drive import FreeBudget, as_sent, states
from gateway.transport.http import Response, RetryPolicy, connect
from gateway.twin.partner import Chain, Item, PartnerTwin, PartnerTwinSettings, Token, Vendor

FROM, UNTIL, LATER = "2031-03-16T00:00:00Z", "2031-03-22T23:59:59Z", "2031-03-29T23:59:59Z"
TOKEN = "portal-token-51aa"
NAMES = (
    *("sku", "promotion_id", "type", "price", "percentage", "amount", "buy_quantity", "get_quantity", "starts_at"),
    *("ends_at", "limit_total", "campaign", "reason", "status", "vendor_ids", "command"),
)


def rows(*cells):
    whole = [
        {"promotion_id": "W12", "starts_at": FROM, "ends_at": UNTIL, "campaign": "Week 12", **one} for one in cells
    ]
    frame = pl.DataFrame(
        {name: [one.get(name) for one in whole] for name in NAMES}, schema=dict.fromkeys(NAMES, pl.String)
    )
    parts = [pl.col(name).fill_null("") for name in ("sku", "promotion_id", "starts_at", "ends_at")]
    return frame.with_columns(
        pl.int_range(10, 10 + pl.len(), dtype=pl.UInt32).alias("effect"),
        pl.concat_str(parts, separator=KEY_SEPARATOR).alias(KEY),
    )


def settings(tmp_path, **more):
    given = {
        "brand": "foodpanda", "channel": "rest", "chain_id": "c-1", "tokens": {"all": SecretStr(TOKEN)},
        "vendors": {"V1": {"id": "p1"}, "V2": {"id": "p2"}}, "price_basis": "gross", "currency": "EUR",
        "archive": tmp_path / "sent",
    }  # fmt: skip
    return PartnerApiSettings(**{**given, **more})


class Script:
    def __init__(self, *steps):
        self.steps, self.seen = list(steps), []

    def send(self, request):
        self.seen.append(request)
        step = self.steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return step if isinstance(step, Response) else Response(200, {}, json.dumps(step).encode())

    def close(self):
        self.steps.clear()


def taken(job):
    return Response(202, {}, json.dumps({"job_id": job, "job_status": "QUEUED"}).encode())


def completed(**lists):
    none = {"invalid_vendors": [], "missing_skus": {}, "invalid_discounted_skus": {}}
    return {"job_status": "COMPLETED", "result": {**none, **lists}}


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def made(tmp_path, clock):
    def build(*steps, **more):
        return PartnerApiDestination(
            settings(tmp_path, **more), transport=Script(*steps), clock=clock, account="acc", name="panda"
        )

    return build


def encoded(destination, records):
    return list(destination.encode("promotion", records, destination.gather("promotion", records)))


def bodies(batch):
    return [json.loads(line) for line in batch.body.decode().splitlines()]


# ---------------------------------------------------------------- exact bodies


def test_rows_of_one_campaign_are_one_call(made):
    (batch,) = encoded(
        made(),
        rows(
            {"sku": "A", "price": "1.99", "vendor_ids": "V2|V1"},
            {"sku": "B", "price": "1.99", "vendor_ids": "V1|V2"},
            {"sku": "C", "percentage": "15"},
            {"sku": "D", "amount": "0.5"},
        ),
    )
    assert batch.body.decode() == (
        '{"active":true,"conditions":{"end_time":"2031-03-22T23:59:59Z","start_time":"2031-03-16T00:00:00Z"},'
        '"discount":['
        '{"active":true,"discount_subtype":"FINAL_PRICE","discount_value":1.99,"sku":["A","B"]},'
        '{"active":true,"discount_subtype":"PERCENTAGE","discount_value":15,"sku":["C"]},'
        '{"active":true,"discount_subtype":"ABSOLUTE","discount_value":0.5,"sku":["D"]}],'
        '"display_name":{"en_SG":"Week 12"},"reason":"COMPETITIVENESS","type":"STRIKETHROUGH","vendors":["p1","p2"]}'
    )
    assert batch.effects.rows() == [(10, 1), (11, 2), (12, 3), (13, 4)]


def test_bundles_limits_and_reasons_make_promotions_of_their_own(made):
    found = encoded(
        made(),
        rows(
            {"sku": "A", "buy_quantity": "2", "get_quantity": "1"},
            {"sku": "B", "price": "2", "limit_total": "100"},
            {"sku": "C", "price": "2", "reason": "expiring soon"},
            {"sku": "D", "price": "2", "reason": "because"},
            {"sku": "E", "price": "2", "vendor_ids": "V1"},
        ),
    )
    heads = [{name: one[name] for name in one if name not in {"discount", "active"}} for (one,) in map(bodies, found)]
    assert [one["display_name"]["en_SG"] for one in heads] == [
        "Week 12 2+1", "Week 12 max 100", "Week 12 EXPIRING_SOON", "Week 12", "Week 12",
    ]  # fmt: skip
    assert heads[0]["type"] == "SAME_ITEM_BUNDLE"
    assert heads[0]["conditions"]["purchased_quantity"] == 2
    assert heads[0]["conditions"]["discounted_quantity"] == 1
    assert heads[1]["limits"] == {"global_limit": 100}
    assert heads[2]["reason"] == "EXPIRING_SOON"
    assert heads[4]["vendors"] == ["p1"]
    assert len({one.slot for one in found}) == 5


def test_a_star_stands_for_all_vendors_where_the_settings_list_all(made):
    ((one,),) = map(bodies, encoded(made(all_vendors=True), rows({"sku": "A", "price": "2"})))
    assert one["vendors"] == ["*"]


def test_a_promotion_too_large_is_numbered(made):
    keys = {"rest": {"limits": {"max_promotion_pairs": 4}}}
    found = encoded(made(keys=keys), rows(*({"sku": f"S{n}", "price": "2"} for n in range(5))))
    names = [bodies(one)[0]["display_name"]["en_SG"] for one in found]
    assert names == ["Week 12", "Week 12 (2)", "Week 12 (3)"]
    assert [one.effects.height for one in found] == [2, 2, 1]


def test_two_rows_of_one_entry_are_rejected(made):
    records = rows(
        {"sku": "A", "price": "2"}, {"sku": "A", "price": "3", "promotion_id": "other"}, {"sku": "B", "price": "2"}
    )
    records = records.with_columns(
        pl.int_range(2, 5, dtype=pl.Int64).alias(ROW), pl.int_range(2, 5, dtype=pl.Int64).alias(LINE)
    )
    found = made().check("promotion", records, Reference(), FakeClock().now().date())
    assert found.select(ROW, "code", "detail").rows() == [
        (2, "DEST_ONE_PER_KEY", "promotion other"),
        (3, "DEST_ONE_PER_KEY", "promotion W12"),
    ]


def beside(destination, clock, records):
    placed = records.with_columns(pl.col("effect").cast(pl.Int64).alias(ROW), pl.lit(0, pl.Int64).alias(LINE))
    found = destination.check("promotion", placed, destination.gather("promotion", placed), clock.now().date())
    return found.select(ROW, "code", "field", "detail").rows()


def test_a_row_whose_promotion_runs_with_other_dates_says_which(made, clock):
    run(made(taken("1"), completed()), rows({"sku": "A", "price": "2"}), clock)
    nearer = {"sku": "A", "price": "2", "ends_at": "2031-03-18T00:00:00Z"}
    assert beside(made(), clock, rows(nearer)) == [(10, "PROMOTION_RUNS", "ends_at", f"from {FROM} to {UNTIL}")]
    assert beside(made(), clock, rows(nearer, {"sku": "A", "command": "end"})) == []
    assert beside(made(), clock, rows(nearer, {"sku": "A", "status": "inactive"})) == []
    apart = {"sku": "A", "price": "2", "starts_at": "2031-03-23T00:00:00Z", "ends_at": LATER}
    following = {"sku": "A", "price": "2", "starts_at": UNTIL, "ends_at": LATER}
    assert beside(made(), clock, rows(following)) == []
    assert beside(made(), clock, rows(apart, {**nearer, "promotion_id": "other"}, {"sku": "A", "price": "3"})) == []


def test_what_runs_by_another_id_is_not_replaced_before_it_has_ended(made, clock):
    """Of one name, window and stores the platform holds one promotion of a product."""
    run(made(taken("1"), completed()), rows({"sku": "A", "price": "2"}), clock)
    other = {"sku": "A", "price": "3", "promotion_id": "W13"}
    ((_, code, _, detail),) = beside(made(), clock, rows(other))
    assert (code, detail.startswith("promotion W12, which runs with the same name")) == ("DEST_ONE_PER_KEY", True)
    end = {"sku": "A", "command": "end"}
    for more in ({"campaign": "Other"}, {"vendor_ids": "V1"}, {"starts_at": "2031-04-16T00:00:00Z", "ends_at": LATER}):
        assert beside(made(), clock, rows({**other, **more})) == []
    assert beside(made(), clock, rows(other, end)) == []


def test_the_same_promotion_may_have_other_dates_at_other_vendors(made, clock):
    run(made(taken("1"), completed()), rows({"sku": "A", "price": "2", "vendor_ids": "V1"}), clock)
    nearer = {"sku": "A", "price": "2", "ends_at": "2031-03-18T00:00:00Z"}
    assert beside(made(), clock, rows({**nearer, "vendor_ids": "V2"})) == []
    assert len(beside(made(), clock, rows(nearer))) == 1


# ---------------------------------------------------------------- what is remembered


def run(destination, records, clock):
    """Send and settle every batch; the scripted platform takes all."""
    found = {}
    for batch in encoded(destination, records):
        receipt = destination.submit(batch)
        while not receipt.closed:
            receipt = destination.poll([as_sent(batch, receipt, intent_at=clock.now())])[1]
        found |= states(batch, records, receipt)
    return found


def sent(destination):
    return [json.loads(one.body) for one in destination._way._calls._transport.seen if one.method == "PUT"]


def test_new_rows_of_a_promotion_are_sent_with_what_is_in_it(made, clock):
    run(made(taken("1"), completed()), rows({"sku": "A", "price": "2"}), clock)
    destination = made(taken("2"), completed())
    run(destination, rows({"sku": "B", "price": "2"}, {"sku": "C", "price": "3"}), clock)
    (one,) = sent(destination)
    assert [(entry["discount_value"], entry["sku"]) for entry in one["discount"]] == [(2, ["A", "B"]), (3, ["C"])]


def test_rows_that_end_are_taken_out_and_the_last_ends_it_by_its_body(made, clock):
    whole = rows({"sku": "A", "price": "2.50"}, {"sku": "B", "price": "3"})
    first = made(taken("1"), completed())
    run(first, whole, clock)
    second = made(taken("2"), completed())
    run(second, rows({"sku": "A", "command": "end"}), clock)
    (one,) = sent(second)
    assert [(entry["sku"], entry["active"]) for entry in one["discount"]] == [(["A"], False), (["B"], True)]
    assert one["active"] is True
    third = made(taken("3"), completed())
    run(third, rows({"sku": "B", "command": "end"}), clock)
    assert sent(third) == [{**one, "active": False}]
    assert b'"discount_value":2.50' in third._way._calls._transport.seen[0].body


def test_inactive_is_an_end(made, clock):
    run(made(taken("1"), completed()), rows({"sku": "A", "price": "2"}), clock)
    destination = made(taken("2"), completed())
    run(destination, rows({"sku": "A", "price": "2", "status": "inactive"}), clock)
    assert [one["active"] for one in sent(destination)] == [False]


def test_a_changed_price_is_an_end_and_a_new_promotion(made, clock):
    run(made(taken("1"), completed()), rows({"sku": "A", "price": "2"}, {"sku": "B", "price": "2"}), clock)
    destination = made(taken("2"), completed(), taken("3"), completed())
    assert set(run(destination, rows({"sku": "A", "price": "1.5"}), clock).values()) == {"applied"}
    ended, new = sent(destination)
    assert [(e["sku"], e["discount_value"], e["active"]) for e in ended["discount"]] == [
        (["A"], 2, False),
        (["B"], 2, True),
    ]
    assert [(e["sku"], e["discount_value"], e["active"]) for e in new["discount"]] == [
        (["B"], 2, True),
        (["A"], 1.5, True),
    ]


def test_a_change_may_be_sent_at_once(made, clock):
    keys = {"promo": {"change_strategy": "replace"}}
    run(made(taken("1"), completed(), keys=keys), rows({"sku": "A", "price": "2"}), clock)
    destination = made(taken("2"), completed(), keys=keys)
    run(destination, rows({"sku": "A", "price": "1.5"}), clock)
    assert len(sent(destination)) == 1


def test_other_vendors_end_the_promotion_of_before(made, clock):
    run(made(taken("1"), completed()), rows({"sku": "A", "price": "2"}), clock)
    destination = made(taken("2"), completed(), taken("3"), completed())
    run(destination, rows({"sku": "A", "price": "2", "vendor_ids": "V1"}), clock)
    ended, new = sent(destination)
    assert (ended["active"], ended["vendors"]) == (False, ["p1", "p2"])
    assert (new["active"], new["vendors"]) == (True, ["p1"])


def test_the_same_rows_again_are_the_same_call(made, clock):
    whole = rows({"sku": "A", "price": "2"}, {"sku": "B", "percentage": "10"})
    first, second = made(taken("1"), completed()), made(taken("2"), {"job_status": "DUPLICATE"})
    run(first, whole, clock)
    assert set(run(second, whole, clock).values()) == {"applied"}
    assert sent(first) == sent(second)


def test_a_promotion_that_has_ended_may_begin_again(made, clock):
    whole = rows({"sku": "A", "price": "2"}, {"sku": "B", "price": "2"})
    run(made(taken("1"), completed()), whole, clock)
    run(made(taken("2"), completed()), rows({"sku": "A", "command": "end"}, {"sku": "B", "command": "end"}), clock)
    destination = made(taken("3"), completed())
    run(destination, rows({"sku": "B", "price": "2"}), clock)
    (one,) = sent(destination)
    entries = [(entry["sku"], entry["active"]) for entry in one["discount"]]
    assert (one["active"], entries) == (True, [(["A"], False), (["B"], True)])


def test_what_nobody_remembers_can_not_be_ended(made):
    destination = made()
    (batch,) = encoded(destination, rows({"sku": "A", "command": "end"}))
    receipt = destination.submit(batch)
    assert (receipt.closed, receipt.rest, batch.body) == (True, RowState.SKIPPED, b"")
    assert (receipt.code, receipt.message) == (
        "DEST_NOTHING", "no promotion of this article, id and dates is known to be running"
    )  # fmt: skip


def test_nothing_is_remembered_of_a_call_that_was_refused(made, clock, tmp_path):
    destination = made(Response(400, {}, b'{"message":"start_time is missing"}'))
    (batch,) = encoded(destination, rows({"sku": "A", "price": "2"}))
    receipt = destination.submit(batch)
    assert (receipt.rest, receipt.message) == (RowState.REFUSED, "400, start_time is missing")
    assert Memory(tmp_path / "sent", "acc", "rest").promotions(clock.now()) == {}


def test_promotions_long_over_are_forgotten_and_a_broken_memory_stops_us(made, clock, tmp_path):
    run(made(taken("1"), completed()), rows({"sku": "A", "price": "2"}), clock)
    memory = Memory(tmp_path / "sent", "acc", "rest")
    (path,) = (tmp_path / "sent" / "acc" / "promotions-rest").iterdir()
    assert len(memory.promotions(clock.now())) == 1
    path.write_text("{", "utf-8")
    with pytest.raises(Unreachable, match="can't be read"):
        memory.promotions(clock.now())
    memory.keep([{"identity": "x", "until": "2026-01-01T00:00:00Z"}])
    path.unlink()
    assert memory.promotions(clock.now()) == {}
    assert list(path.parent.iterdir()) == []


# ---------------------------------------------------------------- jobs


def asked(destination, clock, batch, receipt, ago=0):
    item = as_sent(batch, receipt, intent_at=clock.now() - timedelta(seconds=ago))
    return destination.poll([item])[1]


def test_lists_of_a_job_name_rows_and_vendors(made, clock):
    lists = {"missing_skus": {"p2": ["A"]}, "invalid_discounted_skus": {"p1": ["B"], "p2": ["B"]}}
    destination = made(taken("1"), completed(**lists))
    (batch,) = encoded(destination, rows(*({"sku": sku, "price": "2"} for sku in "ABC")))
    receipt = asked(destination, clock, batch, destination.submit(batch))
    assert receipt.rest is RowState.APPLIED
    assert [(line, code, said) for line, _, _, code, said, *_ in receipt.outcomes.rows()] == [
        (
            1,
            "DEST_REFUSED",
            "the vendor does not have it, or it is not on sale there (V2); the promotion runs at V1",
        ),
        (2, "DEST_REFUSED", "its price is not below the regular one (V1, V2)"),
    ]


def test_a_product_that_no_vendor_of_the_call_has_needs_onboarding(made, clock):
    destination = made(taken("1"), completed(missing_skus={"p2": ["A"]}))
    (batch,) = encoded(destination, rows({"sku": "A", "price": "2", "vendor_ids": "V2"}))
    receipt = asked(destination, clock, batch, destination.submit(batch))
    assert receipt.outcomes.select("code", "message").rows() == [
        ("DEST_ONBOARDING", "the vendor does not have it, or it is not on sale there (V2)")
    ]


def remembered(tmp_path, clock):
    known = Memory(tmp_path / "sent", "acc", "rest").promotions(clock.now()).values()
    return [dict(zip(one["entries"]["sku"], one["entries"]["active"], strict=True)) for one in known]


def test_what_no_vendor_took_is_repeated_by_no_later_call(made, clock, tmp_path):
    lists = {"missing_skus": {"p1": ["A", "B"], "p2": ["A"]}, "invalid_discounted_skus": {"p2": ["B"]}}
    run(made(taken("1"), completed(**lists)), rows(*({"sku": sku, "price": "2"} for sku in "ABC")), clock)
    assert remembered(tmp_path, clock) == [{"C": True}]
    destination = made(taken("2"), completed(missing_skus={"p1": ["D"]}))
    run(destination, rows({"sku": "D", "price": "2"}), clock)
    assert [one["sku"] for one in sent(destination)[0]["discount"]] == [["C", "D"]]
    assert remembered(tmp_path, clock) == [{"C": True, "D": True}]  # one vendor has it


def test_the_end_repeats_the_body_as_it_was_sent_whatever_was_refused_of_it(made, clock):
    first = made(taken("1"), completed(missing_skus={"p1": ["A"], "p2": ["A"]}))
    run(first, rows({"sku": "A", "price": "2"}, {"sku": "B", "price": "2"}), clock)
    second = made(taken("2"), completed())
    run(second, rows({"sku": "B", "command": "end"}), clock)
    assert sent(second) == [{**sent(first)[0], "active": False}]


FAILED = {"job_status": "FAILED", "result": {"message": "not created"}}


def test_a_promotion_that_failed_leaves_nothing_to_repeat(made, clock, tmp_path):
    run(made(taken("1"), FAILED), rows({"sku": "A", "price": "2"}), clock)
    assert remembered(tmp_path, clock) == []
    run(made(taken("2"), completed()), rows({"sku": "B", "price": "2"}), clock)
    run(made(taken("3"), FAILED), rows({"sku": "C", "price": "2"}), clock)
    assert remembered(tmp_path, clock) == [{"B": True}]


OLD, NEW = {"sku": "A", "price": "2"}, {"sku": "A", "price": "1.5"}
DEAR = {"invalid_discounted_skus": {"p1": ["A"], "p2": ["A"]}}


def changed(destination, clock, *cells):
    """Change what runs; returns code and message of each row by its key."""
    whole, found = rows(*cells), {}
    for batch in encoded(destination, whole):
        receipt, told = destination.submit(batch), {}
        while True:
            listed = [] if receipt.outcomes is None else receipt.outcomes.rows(named=True)
            told |= {one["line"]: (one["state"], one["code"], one["message"]) for one in listed}
            if receipt.closed:
                break
            receipt = asked(destination, clock, batch, receipt)
        rest = (str(receipt.rest), receipt.code, receipt.message)
        ids = dict(whole.select("effect", "promotion_id").rows())
        found |= {ids[effect]: told.get(line, rest) for effect, line in batch.effects.rows()}
    return found


@pytest.mark.parametrize("new", [FAILED, completed(**DEAR)])
def test_what_ran_before_a_change_that_is_refused_runs_again(made, clock, tmp_path, new):
    run(made(taken("1"), completed()), rows(OLD, {"sku": "B", "price": "2"}), clock)
    destination = made(taken("2"), completed(), taken("3"), new, taken("4"), completed())
    ((state, code, message),) = changed(destination, clock, NEW).values()
    assert (state, message.endswith("; what ran of it before runs again")) == ("refused", True)
    assert code in {"DEST_REFUSED_BATCH", "DEST_REFUSED"}
    assert remembered(tmp_path, clock) == [{"A": True, "B": True}]
    entries = {sku: (one["discount_value"], one["active"]) for one in sent(destination)[-1]["discount"]
               for sku in one["sku"]}  # fmt: skip
    assert entries == {"A": (2, True), "B": (2, True)}


@pytest.mark.parametrize(
    ("again", "how"),
    [
        ([taken("4"), FAILED], "has ended"),
        ([taken("4"), completed(**DEAR)], "has ended"),
        ([Response(400, {}, b"no")], "has ended"),
        ([taken("4"), {"job_status": "COMPLETED"}], "was begun again, which nothing confirms"),
    ],
)
def test_what_ran_before_a_change_and_is_not_known_to_run_again_is_gone(made, clock, again, how):
    run(made(taken("1"), completed()), rows(OLD), clock)
    destination = made(taken("2"), completed(), taken("3"), FAILED, *again)
    ((state, code, message),) = changed(destination, clock, NEW).values()
    assert (state, code) == ("refused", "PROMOTION_GONE")
    assert message == f"the job 3 failed: not created; what ran of it before {how}"


def test_nothing_is_begun_again_too_late(made, clock):
    run(made(taken("1"), completed()), rows(OLD), clock)
    destination = made(taken("2"), completed())
    (batch,) = encoded(destination, rows(NEW))
    receipt = asked(destination, clock, batch, destination.submit(batch), ago=8000)
    ((_, _, state, code, message, *_),) = receipt.outcomes.rows()
    assert (receipt.closed, state, code) == (True, "uncertain", "PROMOTION_GONE")
    assert message.endswith("what ran of it before has ended")


def test_trouble_on_the_way_leaves_what_ran_before_to_be_begun_again(made, clock, tmp_path):
    run(made(taken("1"), completed()), rows(OLD), clock)
    trouble = [Throttled("wait", after=7.0), OutcomeUnknown("cut"), taken("4"), {"job_status": "QUEUED"}, completed()]
    destination = made(taken("2"), completed(), taken("3"), FAILED, *trouble)
    ((state, code, message),) = changed(destination, clock, NEW).values()
    assert (state, code, message.endswith("runs again")) == ("refused", "DEST_REFUSED_BATCH", True)
    assert remembered(tmp_path, clock) == [{"A": True}]


def test_what_runs_otherwise_at_one_store_only_has_ended_at_the_others(made, clock):
    run(made(taken("1"), completed()), rows(OLD), clock)
    lists = {"invalid_discounted_skus": {"p1": ["A"]}}
    destination = made(taken("2"), completed(), taken("3"), completed(**lists))
    ((state, code, message),) = changed(destination, clock, NEW).values()
    assert (state, code) == ("refused", "PROMOTION_GONE")
    assert message.endswith("(V1); the promotion runs at V2; what ran of it before has ended")


def test_what_moved_from_one_promotion_runs_there_again(made, clock, tmp_path):
    run(made(taken("1"), completed()), rows(OLD), clock)
    destination = made(taken("2"), completed(), taken("3"), FAILED, taken("4"), completed())
    changed(destination, clock, {**OLD, "vendor_ids": "V1"})
    assert [one["vendors"] for one in sent(destination)] == [["p1", "p2"], ["p1"], ["p1", "p2"]]
    assert remembered(tmp_path, clock) == [{"A": True}]


def test_what_a_row_ends_is_ended_though_what_is_to_follow_is_refused(made, clock, tmp_path):
    run(made(taken("1"), completed()), rows(OLD), clock)
    destination = made(taken("2"), completed(), taken("3"), completed(**DEAR))
    told = changed(destination, clock, {"sku": "A", "command": "end"}, {**NEW, "promotion_id": "W13"})
    assert {key: (state, code) for key, (state, code, _) in told.items()} == {
        "W12": ("applied", None), "W13": ("refused", "DEST_REFUSED"),
    }  # fmt: skip
    assert remembered(tmp_path, clock) == [{}]


def test_rows_that_ended_are_told_so_whatever_becomes_of_those_that_follow(made, clock):
    run(made(taken("1"), completed()), rows(*({"sku": sku, "price": "2"} for sku in "ABC")), clock)
    destination = made(taken("2"), completed(), taken("3"), FAILED)
    (batch,) = encoded(destination, rows({"sku": "A", "command": "end"}, {"sku": "B", "price": "1"}))
    receipt = asked(destination, clock, batch, destination.submit(batch))
    assert (receipt.ticket, receipt.closed) == ("2/2 3", False)
    assert [(line, state) for line, _, state, *_ in receipt.outcomes.rows()] == [(1, "applied")]
    receipt = asked(destination, clock, batch, receipt)  # what B ran for is begun again
    assert [(line, state) for line, _, state, *_ in receipt.outcomes.rows()] == [(2, "refused")]
    destination._way._calls._transport.steps += [taken("4"), completed()]
    receipt = asked(destination, clock, batch, asked(destination, clock, batch, receipt))
    assert (receipt.closed, receipt.rest) == (True, RowState.REFUSED)


def test_an_end_that_failed_can_be_tried_again(made, clock, tmp_path):
    run(made(taken("1"), completed()), rows({"sku": "A", "price": "2"}), clock)
    ending = rows({"sku": "A", "command": "end"})
    again = made(taken("2"), FAILED, FAILED)
    (batch,) = encoded(again, ending)
    receipt = again.submit(batch)
    for _ in range(2):  # asked once more where the answer could not be kept
        assert asked(again, clock, batch, receipt).rest is RowState.REFUSED
        assert remembered(tmp_path, clock) == [{"A": True}]
    assert set(run(made(taken("3"), completed()), ending, clock).values()) == {"applied"}


def test_a_call_made_again_is_still_undone_as_a_whole(made, clock, tmp_path):
    run(made(taken("1"), completed()), rows({"sku": "A", "price": "2"}), clock)
    destination = made(taken("2"), taken("3"), FAILED)
    (batch,) = encoded(destination, rows({"sku": "B", "price": "2"}))
    destination.submit(batch)
    asked(destination, clock, batch, destination.submit(batch))
    assert remembered(tmp_path, clock) == [{"A": True}]


def test_unknown_vendors_refuse_all_rows(made, clock):
    destination = made(taken("1"), completed(invalid_vendors=["p2"]))
    records = rows({"sku": "A", "price": "2"})
    (batch,) = encoded(destination, records)
    receipt = asked(destination, clock, batch, destination.submit(batch))
    assert set(states(batch, records, receipt).values()) == {"refused"}


def test_a_job_without_lists_confirms_nothing(made, clock):
    destination = made(taken("1"), {"job_status": "COMPLETED"})
    (batch,) = encoded(destination, rows({"sku": "A", "price": "2"}))
    receipt = asked(destination, clock, batch, destination.submit(batch))
    assert (receipt.rest, receipt.code) == (RowState.ACCEPTED, "DEST_NOT_CONFIRMED")


def test_a_failed_job_refuses_with_its_words(made, clock):
    destination = made(taken("1"), {"job_status": "FAILED", "result": {"message": "limit reached"}})
    (batch,) = encoded(destination, rows({"sku": "A", "price": "2"}))
    receipt = asked(destination, clock, batch, destination.submit(batch))
    assert (receipt.rest, receipt.message) == (RowState.REFUSED, "the job 1 failed: limit reached")


def test_a_job_that_can_not_be_asked_about_is_accepted_after_its_time(made, clock):
    gone = Refused("no such job", status="404")
    destination = made(taken("1"), gone, gone)
    (batch,) = encoded(destination, rows({"sku": "A", "price": "2"}))
    receipt = destination.submit(batch)
    assert not asked(destination, clock, batch, receipt, 2999).closed
    assert asked(destination, clock, batch, receipt, 3000).rest is RowState.ACCEPTED


def test_the_second_call_waits_for_its_turn_and_is_not_sent_too_late(made, clock):
    run(made(taken("1"), completed()), rows({"sku": "A", "price": "2"}), clock)
    busy = Throttled("wait", after=7.0)
    destination = made(taken("2"), {"job_status": "QUEUED"}, completed(), busy, completed(), taken("3"), completed())
    (batch,) = encoded(destination, rows({"sku": "A", "price": "1"}))
    receipt = destination.submit(batch)
    assert receipt.ticket == "1/2 2"
    receipt = asked(destination, clock, batch, receipt)
    assert (receipt.ticket, receipt.closed) == ("1/2 2", False)
    receipt = asked(destination, clock, batch, receipt)
    assert (receipt.ticket, receipt.after) == ("1/2 2", 7.0)
    receipt = asked(destination, clock, batch, receipt)
    assert receipt.ticket == "2/2 3"
    assert asked(destination, clock, batch, receipt).rest is RowState.APPLIED
    late = asked(made(completed()), clock, batch, Receipt(ticket="1/2 2"), ago=8000)
    assert (late.closed, late.rest) == (True, RowState.UNCERTAIN)


# ---------------------------------------------------------------- over the twin


def test_a_campaign_lives_changes_and_ends_at_the_platform(tmp_path):
    real = RealClock()
    chain = Chain("c-1", (Vendor("p1"), Vendor("p2")), tokens=(Token("all", TOKEN),))
    at_once = dict.fromkeys(("queued_seconds", "running_seconds", "promotion_queued_seconds"), 0.0)
    goods = [Item(sku, price="5", active=True) for sku in "ABC"]
    with PartnerTwin(goods, settings=PartnerTwinSettings(chains=(chain,), calls_per_window=0, **at_once)) as twin:
        chosen = settings(tmp_path, host=twin.url)
        transport = connect(
            chosen.access(), account="a", clock=real, budget=FreeBudget(), policy=RetryPolicy(attempts=1)
        )
        destination = PartnerApiDestination(chosen, transport=transport, clock=real, account="acc", name="panda")

        def go(*cells):
            records, found = rows(*cells), {}
            for batch in encoded(destination, records):
                receipt = destination.submit(batch)
                while not receipt.closed:
                    receipt = asked(destination, real, batch, receipt)
                found |= states(batch, records, receipt)
            return sorted(found.values())

        def running():
            return {
                (sku, entry.value)
                for one in twin.promotions() if one.active
                for sku, entry in one.entries["p1"].items() if entry.active
            }  # fmt: skip

        assert go({"sku": "A", "price": "2"}, {"sku": "B", "price": "3"}) == ["applied"] * 2
        assert running() == {("A", "2"), ("B", "3")}
        assert go({"sku": "C", "price": "9"}, {"sku": "X", "price": "1"}) == ["refused", "refused"]
        assert go({"sku": "A", "price": "1"}) == ["applied"]
        assert running() == {("A", "1"), ("B", "3")}
        assert go({"sku": "B", "command": "end"}) == ["applied"]
        assert running() == {("A", "1")}
        assert go({"sku": "A", "command": "end"}) == ["applied"]
        assert running() == set()
        assert go({"sku": "C", "price": "4"}) == ["applied"]
        assert running() == {("C", "4")}
        transport.close()


# ---------------------------------------------------------------- a store's own promotions


def per_store(*cells):
    """Records as they are encoded where every store has its own: one per row and store, which ends the key."""
    frame = rows(*({name: value for name, value in one.items() if name != EACH} for one in cells))
    stores = pl.Series(EACH, [one[EACH] for one in cells], pl.String)
    return frame.with_columns(stores, pl.concat_str(pl.col(KEY), stores, separator=KEY_SEPARATOR).alias(KEY))


def test_stores_with_promotions_of_their_own_leave_each_other_be(made, clock):
    first = made(taken("1"), completed(), taken("2"), completed(), promotions_per_vendor=True)
    both = [{"sku": "A", "price": "2", EACH: "V1"}, {"sku": "A", "price": "3", EACH: "V2"}]
    assert set(run(first, per_store(*both), clock).values()) == {"applied"}
    assert [(one["vendors"], one["discount"][0]["discount_value"]) for one in sent(first)] == [(["p1"], 2), (["p2"], 3)]
    second = made(taken("3"), completed(), promotions_per_vendor=True)
    run(second, per_store({"sku": "A", "command": "end", EACH: "V1"}), clock)
    assert sent(second) == [{**sent(first)[0], "active": False}]
    third = made(promotions_per_vendor=True)
    other = per_store(*({"sku": "A", "price": "2", "ends_at": LATER, EACH: store} for store in ("V1", "V2")))
    other = other.with_columns(pl.Series(ROW, [2, 3], pl.Int64), pl.Series(LINE, [2, 3], pl.Int64))
    found = third.check("promotion", other, third.gather("promotion", other), clock.now().date())
    assert found.select(ROW, "code", "detail").rows() == [(3, "PROMOTION_RUNS", f"from {FROM} to {UNTIL}")]
