"""The whole way through one lane, on a destination that does as it is told."""

from datetime import timedelta

import orjson
import polars as pl
import pytest

from gateway.destinations.files import FilesDestination, FilesSettings
from gateway.errors import WillNeverWork
from gateway.model import ROW
from gateway.testing.hostile import Further, Step, effects_per_key
from gateway.testing.rig import Rig
from gateway.testing.texts import mapping

HEADER = "sku,quantity\n"
SUMMED = mapping(
    "stock",
    """sku = "sku"
quantity = "quantity"
warehouse = "warehouse"
[group]
by = ["sku"]
sum = ["quantity"]
""",
)


def rows(*pairs):
    return HEADER + "".join(f"{sku},{quantity}\n" for sku, quantity in pairs)


def many(count, quantity=5, start=0):
    return rows(*((f"K{n:05d}", quantity) for n in range(start, start + count)))


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
        "1 row equals what was confirmed last and was sent again: the value can drift meanwhile."
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


def test_a_full_file_ends_what_it_leaves_out_within_the_guard(rigs):
    rig = rigs(route={"mode": "full", "absent": "end"})
    rig.drop("1.csv", many(1000))
    rig.advance()
    rig.clock.advance(5)
    run = rig.drop("2.csv", many(990))
    rig.advance()
    assert rig.states(run) == {"unchanged": 990}
    assert rig.settler.rows(rig.operations.run(run)).states.derived == {"applied": 10}


def test_a_full_file_that_leaves_out_too_much_is_held_and_can_be_released(rigs):
    rig = rigs(route={"mode": "full", "absent": "end"})
    rig.drop("1.csv", many(1000))
    rig.advance()
    rig.clock.advance(5)
    run = rig.drop("2.csv", many(400))
    rig.advance()
    assert rig.operations.run(run).state == "held"
    assert rig.states(run) == {"held": 400}
    assert "600 of 1,000 known keys would be ended" in rig.operations.comparison(run)[0]
    rig.clock.advance(5)
    other = rig.drop("3.csv", many(995))
    rig.advance()
    assert rig.operations.run(other).state == "settled"
    rig.operations.release(run)
    rig.advance()
    assert rig.operations.run(run).state == "settled"
    assert rig.settler.rows(rig.operations.run(run)).states.derived == {}


def test_a_held_run_can_be_cancelled(rigs):
    rig = rigs(route={"mode": "full", "absent": "end"})
    rig.drop("1.csv", many(100))
    rig.advance()
    rig.clock.advance(5)
    run = rig.drop("2.csv", many(10))
    rig.advance()
    rig.operations.cancel(run)
    rig.advance()
    assert rig.states(run) == {"skipped": 10}
    assert rig.operations.run(run).state == "settled"
    assert set(rig.results(run)["code"].to_list()) == {"CANCELLED"}


def test_an_unusable_full_file_ends_nothing(rigs):
    rig = rigs(route={"mode": "full", "absent": "end"})
    rig.drop("1.csv", many(100))
    rig.advance()
    effects = (rig.folder.parent / "effects.jsonl").read_bytes()
    for name, content in (("e.csv", ""), ("h.csv", HEADER), ("w.csv", "nothing\n1\n"), ("bad.csv", rows(("a", "x")))):
        rig.clock.advance(5)
        rig.drop(name, content)
        rig.advance()
    assert (rig.folder.parent / "effects.jsonl").read_bytes() == effects


def test_the_errors_file_of_a_full_feed_dropped_back_ends_nothing(rigs):
    rig = rigs(route={"mode": "full", "absent": "end"})
    first = rig.drop("1.csv", many(50) + "K99999,x\n")
    rig.advance()
    (errors,) = (rig.folder / "outbox/acme").glob("*.errors.csv")
    fixed = errors.read_text("utf-8").replace(",x\n", ",7\n")
    rig.clock.advance(5)
    run = rig.drop(errors.name, fixed)
    rig.advance()
    row = rig.operations.run(run)
    assert (row.mode, row.first_run) == ("delta", first)
    assert rig.states(run) == {"applied": 1}
    assert rig.settler.rows(row).states.derived == {}
    assert rig.operations.summary(first).first_run_rows == [(52, run)]


def test_newly_zero_stock_over_the_limit_is_held(bulk):
    rig = bulk()
    rig.drop("1.csv", many(200))
    rig.advance()
    rig.clock.advance(5)
    run = rig.drop("2.csv", many(100, quantity=0))
    rig.advance()
    assert rig.states(run) == {"held": 100}


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


def test_warehouses_are_summed_and_every_row_keeps_its_state(bulk):
    mapping = SUMMED + 'keep = { warehouse = ["MAD", "BCN"] }' + "\n"
    rig = bulk(mapping=mapping)
    content = "sku,quantity,warehouse\na,1,MAD\na,2,BCN\nb,5,MAD\na,9,XXX\n"
    run = rig.drop("1.csv", content)
    rig.advance()
    assert rig.results(run)["state"].to_list() == ["applied", "applied", "applied", "skipped"]
    segments = pl.concat([pl.read_parquet(p) for p in rig.spool.segments.glob("*.parquet")])
    assert dict(segments.select("@key", "measure").rows()) == {"a\x1f": "3", "b\x1f": "5"}


def test_a_summed_record_with_a_faulty_row_is_not_sent_in_part(bulk):
    mapping = SUMMED
    rig = bulk(mapping=mapping)
    run = rig.drop("1.csv", "sku,quantity,warehouse\na,1,MAD\na,x,BCN\nb,5,MAD\n")
    rig.advance()
    assert rig.results(run)["code"].to_list() == ["GROUP_REJECTED", "MAP_NUMBER", None]
    assert rig.states(run) == {"rejected": 2, "applied": 1}


def test_one_line_twice_is_not_added_up(bulk):
    mapping = SUMMED
    rig = bulk(mapping=mapping)
    run = rig.drop("1.csv", "sku,quantity,warehouse\na,1,MAD\na,1,MAD\na,5,BCN\nb,5,MAD\nb,6,BCN\n")
    rig.advance()
    assert rig.results(run)["code"].to_list() == ["DUPLICATE_KEY", "DUPLICATE_KEY", "GROUP_REJECTED", None, None]


def test_answers_do_not_wait_for_rows_of_a_later_date(bulk):
    rig = bulk()
    run = rig.drop("1.csv", "sku,quantity,valid_from\na,1,2026-12-15T00:00:00Z\nb,2,\nc,x,\n")
    rig.advance()
    assert rig.states(run) == {"scheduled": 1, "applied": 1, "rejected": 1}
    (result,) = (rig.folder / "outbox/acme").glob("*.result.csv")
    assert "scheduled" in result.read_text("utf-8-sig")
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


def test_a_key_that_a_full_file_leaves_out_is_zeroed_with_the_files_own_time(tmp_path, clock):
    settings = FilesSettings(folder=tmp_path / "out", format="json", contract="stock")
    made = FilesDestination(settings, clock=clock, account="there", name="there")
    (tmp_path / "out").mkdir()
    rig = Rig(tmp_path / "gateway", made, clock, mode="full", absent="zero")
    rig.drop("1.csv", rows(("a", 1), ("b", 2)))
    rig.advance()
    rig.clock.advance(60)
    rig.drop("2.csv", rows(("a", 5)))
    rig.advance()
    sent = [orjson.loads(p.read_bytes()) for p in sorted((tmp_path / "out").iterdir())]
    last = {r["sku"]: r for batch in sent for r in batch if r["timestamp"] == "2026-11-22T09:31:00Z"}
    rig.close()
    assert {sku: str(r["quantity"]) for sku, r in last.items()} == {"a": "5", "b": "0"}


def test_several_batches_of_a_window_can_stay_open(rigs):
    rig = rigs(Step(polls=2), Step(polls=2), Step(polls=1), batch_size=1, repeat="harmless")
    run = rig.drop("1.csv", rows(("a", 1), ("b", 2), ("c", 3)))
    for _ in range(5):
        rig.advance()
        rig.clock.advance(1)
    assert rig.states(run) == {"applied": 3}


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
