"""The whole way of a file: states of rows, newest wins, what is refused, uncertain or answered late."""

from datetime import timedelta

import orjson
import pytest
from support.stock_rows import rows

from gateway.errors import WillNeverWork
from gateway.model import ROW
from gateway.testing.hostile import Further, Step, effects_per_key


def test_every_row_gets_its_state_back(bulk):
    rig = bulk()
    run = rig.drop("stock.csv", rows(("a", 1), ("b", "x"), ("", 3), ("c", 0)))
    rig.advance()
    assert rig.states(run) == {"applied": 2, "rejected": 2}
    results = rig.results(run)
    assert results[ROW].to_list() == [2, 3, 4, 5]
    assert results["state"].to_list() == ["applied", "rejected", "rejected", "applied"]
    assert results["code"].to_list() == [None, "MAP_NUMBER", "NOT_BLANK", None]
    assert {"ack.json", "result.csv", "issues.csv", "errors.csv", "report.html", "summary.json"} <= {
        name.split(".", 1)[1] for name in rig.answers()
    } | rig.answers()


def test_unchanged_rows_are_not_sent_again(bulk):
    rig = bulk()
    rig.drop("a.csv", rows(("a", 1), ("b", 2)))
    rig.advance()
    rig.clock.advance(10)
    run = rig.drop("b.csv", rows(("a", 1), ("b", 3)))
    rig.advance()
    assert rig.states(run) == {"unchanged": 1, "applied": 1}


def test_drifting_values_are_sent_again_and_the_run_says_why(bulk):
    rig = bulk(drifts=True)
    rig.drop("a.csv", rows(("a", 1), ("b", 2)))
    rig.advance()
    rig.clock.advance(10)
    run = rig.drop("b.csv", rows(("a", 1), ("b", 3)))
    rig.advance()
    assert rig.states(run) == {"applied": 2}
    assert rig.operations.run(run).notes == [
        "The stock of 1 row equals what was confirmed last and was sent again: it can drift meanwhile."
    ]


def test_a_b_a_takes_effect_three_times(bulk):
    rig = bulk()
    a, b = rows(("a", 1)), rows(("a", 2))
    states = []
    for name, content in (("1.csv", a), ("2.csv", b), ("3.csv", a)):
        run = rig.drop(name, content)
        rig.advance()
        rig.clock.advance(5)
        states.append(rig.states(run))
    assert states == [{"applied": 1}] * 3


def test_the_same_bytes_as_the_newest_file_are_a_duplicate(bulk):
    rig = bulk()
    rig.drop("1.csv", rows(("a", 1)))
    rig.advance()
    rig.clock.advance(5)
    assert rig.drop("2.csv", rows(("a", 1))) == ""
    acks = [orjson.loads(p.read_bytes()) for p in (rig.folder / "outbox/acme").glob("2.csv.*.ack.json")]
    assert [ack["code"] for ack in acks] == ["FILE_DUPLICATE"]


def test_a_late_older_file_is_superseded_per_key(bulk):
    rig = bulk()
    now = rig.clock.now()
    rig.drop("new.csv", rows(("a", 9)), mtime=now)
    rig.advance()
    run = rig.drop("old.csv", rows(("a", 1), ("b", 2)), mtime=now - timedelta(hours=1))
    rig.advance()
    assert rig.states(run) == {"superseded": 1, "applied": 1}


def test_several_waiting_runs_become_one_consignment(bulk):
    rig = bulk()
    first = rig.drop("1.csv", rows(("a", 1), ("b", 1)))
    rig.clock.advance(5)
    second = rig.drop("2.csv", rows(("a", 2)))
    rig.advance()
    assert rig.destination.calls == 1
    assert rig.states(first) == {"superseded": 1, "applied": 1}
    assert rig.states(second) == {"applied": 1}


def test_rows_valid_later_wait_and_go_when_their_time_has_come(bulk):
    rig = bulk()
    run = rig.drop("1.csv", "sku,quantity,valid_from\na,1,2026-11-22T10:30:00Z\nb,2,\n")
    at = rig.advance()
    assert at is not None
    assert at.isoformat() == "2026-11-22T10:30:00+00:00"
    assert rig.operations.run(run).state == "waiting"
    rig.clock.advance(3600)
    rig.advance()
    assert rig.states(run) == {"applied": 2}
    assert rig.operations.run(run).state == "settled"


def test_refused_rows_are_tied_to_the_partners_rows_and_can_be_retried(rigs):
    rig = rigs(Step(does="refuse", keys=("b\x1f",)))
    run = rig.drop("1.csv", rows(("a", 1), ("b", 2)))
    rig.advance(2)
    assert rig.results(run)["state"].to_list() == ["applied", "refused"]
    retry, count = rig.operations.retry(run)
    assert count == 1
    rig.advance(2)
    assert rig.states(retry) == {"applied": 1}
    with pytest.raises(WillNeverWork, match="no refused or uncertain"):
        rig.operations.retry(retry)


def test_a_lost_answer_is_looked_up_and_never_sent_twice(rigs):
    rig = rigs(Step(does="drop_after"))
    run = rig.drop("1.csv", rows(("a", 1)))
    rig.advance()
    rig.clock.advance(5)
    rig.advance(2)
    assert rig.states(run) == {"applied": 1}
    assert effects_per_key(rig.folder.parent / "effects.jsonl") == {"a\x1f": 1}


def test_what_can_not_be_looked_up_and_must_not_be_repeated_is_uncertain(rigs):
    rig = rigs(Step(does="drop_after"), searchable=False)
    run = rig.drop("1.csv", rows(("a", 1)))
    rig.advance()
    rig.clock.advance(5)
    rig.advance(2)
    assert rig.states(run) == {"uncertain": 1}


def test_an_unreachable_destination_is_tried_again_and_shown(rigs):
    rig = rigs(Step(does="drop_before"), Step(does="throttle", seconds=7))
    run = rig.drop("1.csv", rows(("a", 1)))
    at = rig.advance()
    assert at is not None
    assert rig.operations.lanes()[0].trouble
    rig.clock.advance(5)
    at = rig.advance()
    assert at == rig.clock.now() + timedelta(seconds=7)
    rig.clock.advance(7)
    rig.advance(2)
    assert rig.states(run) == {"applied": 1}
    assert rig.operations.lanes()[0].trouble is None


def test_no_word_until_the_deadline_ends_accepted(rigs):
    rig = rigs(Step(does="never_close"), deadline=100)
    run = rig.drop("1.csv", rows(("a", 1)))
    rig.advance()
    assert rig.states(run) == {"pending": 1}
    rig.clock.advance(101)
    rig.advance(2)
    assert rig.states(run) == {"accepted": 1}
    assert rig.results(run)["code"].to_list() == ["DEST_NOT_CONFIRMED"]


def test_policy_all_or_none(bulk):
    rig = bulk(route={"policy": {"rows": "all"}})
    run = rig.drop("1.csv", rows(("a", 1), ("b", "x")))
    rig.advance()
    assert rig.states(run) == {"rejected": 2}
    assert rig.results(run)["code"].to_list() == ["POLICY", "MAP_NUMBER"]
    assert rig.destination.calls == 0


def test_policy_groups_takes_the_product_along(bulk):
    rig = bulk(route={"policy": {"rows": "groups"}})
    content = "sku,quantity,product\na,1,P\nb,x,P\nc,3,Q\n"
    run = rig.drop("1.csv", content)
    rig.advance()
    assert rig.results(run)["code"].to_list() == ["GROUP_REJECTED", "MAP_NUMBER", None]
    assert rig.states(run) == {"rejected": 2, "applied": 1}


def test_too_many_bad_rows_send_nothing(bulk):
    rig = bulk(route={"policy": {"reject_share": 0.4}})
    run = rig.drop("1.csv", rows(("a", 1), ("b", "x")))
    rig.advance()
    assert rig.states(run) == {"rejected": 2}


def test_answers_do_not_wait_for_rows_of_a_later_date(bulk):
    rig = bulk()
    run = rig.drop("1.csv", "sku,quantity,valid_from\na,1,2026-12-15T00:00:00Z\nb,2,\nc,x,\n")
    rig.advance()
    assert rig.states(run) == {"scheduled": 1, "applied": 1, "rejected": 1}
    (result,) = (rig.folder / "outbox/acme").glob("*.result.csv")
    (told,) = [line for line in result.read_text("utf-8-sig").splitlines() if ",scheduled," in line]
    assert told.endswith(",scheduled,0,SCHEDULED,,,The row waits until 2026-12-15T00:00:00Z.,")
    assert list((rig.folder / "outbox/acme").glob("*.errors.csv"))
    rig.clock.advance(30 * 86400)
    rig.advance()
    assert rig.operations.run(run).state == "settled"
    (correction,) = (rig.folder / "outbox/acme").glob("*.correction-1.csv")
    assert [line.split(",")[3] for line in correction.read_text("utf-8-sig").splitlines()[1:]] == ["applied"]
    assert "scheduled" not in result.read_text("utf-8-sig")


def test_rows_that_a_retry_took_are_not_retried_again(rigs):
    rig = rigs(Step(does="refuse", keys=("a\x1f", "b\x1f")), Step(does="refuse", keys=("b\x1f",)))
    run = rig.drop("1.csv", rows(("a", 1), ("b", 2)))
    rig.advance(2)
    first, count = rig.operations.retry(run)
    rig.advance(2)
    assert (count, rig.states(first)) == (2, {"applied": 1, "refused": 1})
    _, count = rig.operations.retry(run)
    assert count == 1


def test_a_fault_of_ours_in_a_lane_is_that_lanes_trouble(bulk, monkeypatch):
    rig = bulk()
    rig.drop("1.csv", rows(("a", 1)))
    monkeypatch.setattr(rig.destination, "encode", lambda *_: 1 / 0)
    rig.advance()
    assert "ZeroDivisionError" in (rig.operations.lanes()[0].trouble or "")


def test_a_destination_that_does_not_send_the_quantity_still_works(bulk):
    rig = bulk(fields=("sku",))
    run = rig.drop("1.csv", rows(("a", 1)))
    rig.advance()
    assert rig.states(run) == {"applied": 1}


def test_balance_holds_at_every_moment(rigs):
    rig = rigs(Step(polls=2), batch_size=2)
    run = rig.drop("1.csv", rows(*((f"k{n}", n if n % 3 else "x") for n in range(10))))
    for _ in range(6):
        assert sum(rig.states(run).values()) == 10
        rig.advance()
        rig.clock.advance(1)
    assert sum(rig.states(run).values()) == 10
    assert rig.operations.run(run).state == "settled"


def test_several_batches_of_a_window_can_stay_open(rigs):
    rig = rigs(Step(polls=2), Step(polls=2), Step(polls=1), batch_size=1, repeat="harmless")
    run = rig.drop("1.csv", rows(("a", 1), ("b", 2), ("c", 3)))
    for _ in range(5):
        rig.advance()
        rig.clock.advance(1)
    assert rig.states(run) == {"applied": 3}


def test_the_same_bytes_again_are_not_to_be_mended_where_nothing_is(rigs):
    rig = rigs(Step(does="refuse_form"), batch_size=1)
    rig.drop("1.csv", rows(("a", 1), ("b", 2)))
    rig.advance(4)
    rig.drop("2.csv", rows(("a", 1), ("b", 2)))
    told = rig.ack("2.csv")
    assert told["fix"] == "The operator sends the refused rows again: nothing is to be mended in them."


def test_a_call_that_is_refused_for_its_form_is_a_trouble_of_the_lane_and_no_fault_of_its_rows(rigs):
    rig = rigs(Step(does="refuse_form"), Step(does="refuse_form"))
    run = rig.drop("1.csv", rows(("a", 1), ("b", 2)))
    rig.advance(3)
    assert rig.states(run) == {"refused": 2}
    assert rig.results(run)["code"].to_list() == ["DEST_SETUP"] * 2
    assert not list((rig.folder / "outbox/acme").glob("*.errors.csv")), "nobody can mend them"
    told = rig.operations.summary(run).verdict
    assert told.startswith("All 2 rows were refused by there. There is nothing to mend in them: the operator is told")
    (page,) = (rig.folder / "outbox/acme").glob("*.report.html")
    assert "There is nothing to mend in 2 refused rows" in page.read_text("utf-8")
    (lane,) = rig.operations.lanes()
    assert lane.trouble == (
        "The destination refused the call as a whole, for a reason that lies in none of its rows: "
        "The hostile destination does not take the form."
    )
    assert lane.trouble_since == rig.clock.now()
    assert [(e.subject, e.kind) for e in rig.operations.events() if e.kind == "setup"] == [(rig.lane.name, "setup")]
    rig.clock.advance(3600)
    again, _ = rig.operations.retry(run)
    rig.advance(2)
    assert rig.operations.lanes()[0].trouble is not None, "nothing has gone through since"
    once_more, count = rig.operations.retry(again)
    rig.advance(2)
    assert (count, rig.states(once_more)) == (2, {"applied": 2})
    assert rig.operations.lanes()[0].trouble is None


def test_rows_that_can_be_mended_are_given_back_without_those_that_can_not(rigs):
    rig = rigs(Step(does="refuse_form"))
    run = rig.drop("1.csv", rows(("a", 1), ("b", "x")))
    rig.advance(3)
    assert rig.states(run) == {"refused": 1, "rejected": 1}
    (errors,) = (rig.folder / "outbox/acme").glob("*.errors.csv")
    assert [line.split(",")[1] for line in errors.read_text("utf-8").splitlines()] == ["error_row", "3"]
    told = rig.operations.summary(run).verdict
    assert told.endswith("see errors.csv. There is nothing to mend in it: the operator is told, and sends it again.")


def test_a_row_with_a_fault_of_its_own_beside_is_given_back(rigs):
    offer = Further(name="offer", family="offer", fields=("sku", "quantity"), key=("sku",))
    rig = rigs(Step(does="refuse_form"), Step(does="refuse", keys=("a",)), further=(offer,))
    run = rig.drop("1.csv", rows(("a", 1), ("b", 2)))
    rig.advance(3)
    assert rig.states(run) == {"refused": 2}
    (errors,) = (rig.folder / "outbox/acme").glob("*.errors.csv")
    assert [line.split(",")[1] for line in errors.read_text("utf-8").splitlines()] == ["error_row", "2"]


def test_a_call_refused_for_what_may_be_its_rows_is_no_trouble_of_the_lane(rigs):
    rig = rigs(Step(does="refuse_call"))
    run = rig.drop("1.csv", rows(("a", 1)))
    rig.advance(3)
    assert rig.results(run)["code"].to_list() == ["DEST_REFUSED_BATCH"]
    assert rig.operations.lanes()[0].trouble is None
