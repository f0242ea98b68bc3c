"""Rows with several effects: each in its lane, in the order their dependencies ask for, each told of."""

import polars as pl
import pytest

from gateway.delivery import before
from gateway.delivery.baseline import Baseline
from gateway.delivery.effects import UNDECIDED
from gateway.issues import with_text
from gateway.model import KEY, ROW, STATES
from gateway.testing.hostile import Further, Step, read_log
from gateway.testing.texts import mapping

MAPPING = mapping(
    "stock",
    """sku = "sku"
quantity = "quantity"
unit_name = { column = "unit", optional = true }
command = { column = "command", optional = true }
valid_from = { column = "from", optional = true }
""",
)
OFFER = Further(name="offer", family="offer", fields=("sku", "unit_name"), key=("sku",), after=("stock",))
ALONE = OFFER.model_copy(update={"after": ()})


@pytest.fixture
def two(rigs):
    def make(*script, further=OFFER, **options):
        return rigs(*script, mapping=MAPPING, further=(further,), **options)

    return make


def rows(*cells):
    return "sku,quantity,unit\n" + "".join(f"{','.join(map(str, row))}\n" for row in cells)


def sent(rig, tmp_path):
    log = read_log(tmp_path / "effects.jsonl")
    return [(entry["operation"], [e["sku"] for e in entry["effects"]]) for entry in log if "effects" in entry]


def effects(rig, run):
    frames = list(rig.settler.rows(rig.operations.run(run)).issues())
    return pl.concat(frames).select(ROW, "field", "code", "state").rows() if frames else []


def ended(rig, run):
    """Row, family and state of every effect of a run."""
    states = rig.settler.rows(rig.operations.run(run)).states
    return [
        (row, leg.family, str(STATES[leg.codes[row]]))
        for row in range(2, states.codes.size)
        for leg in states.legs
        if leg.codes[row] != UNDECIDED
    ]


def test_every_effect_ends_and_is_told(two, tmp_path):
    rig = two(further=ALONE)
    run = rig.drop("a.csv", rows(("a", 1, "box"), ("b", 2, "box")))
    rig.advance()
    assert rig.states(run) == {"applied": 2}
    assert sent(rig, tmp_path) == [("write", ["a", "b"]), ("offer", ["a", "b"])]
    assert ended(rig, run) == [(row, family, "applied") for row in (2, 3) for family in ("stock", "offer")]
    assert effects(rig, run) == []  # the state of the rows says it all
    assert "issues.csv" not in rig.answers()
    (page,) = (rig.folder / "outbox/acme").glob("*.report.html")
    assert "issues.csv</a>" not in page.read_text("utf-8")
    assert rig.results(run)["faults"].to_list() == [0, 0]


def test_an_effect_exists_only_where_its_field_is_given(two, tmp_path):
    rig = two(further=ALONE.model_copy(update={"when": ("unit_name",)}))
    run = rig.drop("a.csv", rows(("a", 1, "box"), ("b", 2, "")))
    assert rig.states(run) == {"pending": 2}
    rig.advance()
    assert rig.states(run) == {"applied": 2}
    assert sent(rig, tmp_path) == [("write", ["a", "b"]), ("offer", ["a"])]
    assert [(row, family) for row, family, _ in ended(rig, run)] == [(2, "stock"), (2, "offer"), (3, "stock")]


def test_of_the_fields_that_make_an_effect_a_mapping_may_fill_only_some(rigs, tmp_path):
    """The lane that waits is asked first, so that the other's rows are open when they are looked at."""
    some = {"when": ("unit_name", "minimum_to_sell")}
    product = ALONE.model_copy(update={"name": "product", "family": "product", **some})
    rig = rigs(mapping=MAPPING, further=(product, OFFER.model_copy(update={"after": ("product",), **some})))
    run = rig.drop("a.csv", rows(("a", 1, "box"), ("b", 2, "")))
    rig.delivery.advance("there/offer/acme")
    assert sent(rig, tmp_path) == []
    assert rig.states(run) == {"pending": 2}
    rig.advance(2)
    assert rig.states(run) == {"applied": 2}
    assert sent(rig, tmp_path) == [("write", ["a", "b"]), ("product", ["a"]), ("offer", ["a"])]


def test_a_leg_whose_field_no_mapping_fills_does_not_exist(two):
    rig = two(further=ALONE.model_copy(update={"when": ("minimum_to_sell",)}))
    run = rig.drop("a.csv", rows(("a", 1, "box")))
    assert [leg.lane for leg in rig.operations.legs(run)] == ["there/stock/acme"]


def test_an_effect_waits_while_the_one_before_is_pending_and_goes_when_it_is_confirmed(two, tmp_path, clock):
    rig = two(Step(polls=2))
    run = rig.drop("a.csv", rows(("a", 1, "box")))
    rig.advance()
    assert sent(rig, tmp_path) == [("write", ["a"])]
    assert rig.states(run) == {"pending": 1}
    waits = [leg.waits for leg in rig.operations.legs(run)]
    assert waits == [0, 1]
    for _ in range(3):
        clock.advance(1)
        rig.advance()
    assert sent(rig, tmp_path) == [("write", ["a"]), ("offer", ["a"])]
    assert rig.states(run) == {"applied": 1}
    assert rig.operations.run(run).state == "settled"


def test_looking_at_rows_that_wait_leaves_no_consignments(two, clock):
    rig = two(Step(does="never_close"))
    rig.drop("a.csv", rows(("a", 1, "box")))
    for _ in range(4):
        rig.advance()
        clock.advance(61)
    assert len(list((rig.folder / "state" / "consignments").iterdir())) == 1


def test_an_effect_after_one_that_failed_is_refused_and_says_why(two, tmp_path):
    rig = two(Step(does="refuse", keys=("a\x1f",)))
    run = rig.drop("a.csv", rows(("a", 1, "box"), ("b", 2, "box")))
    rig.advance(2)
    assert rig.states(run) == {"refused": 1, "applied": 1}
    assert sent(rig, tmp_path) == [("write", ["b"]), ("offer", ["b"])]
    assert effects(rig, run)[:2] == [(2, "stock", "DEST_REFUSED", "refused"), (2, "offer", "DEST_AFTER", "refused")]
    result = rig.results(run).row(0, named=True)
    assert (result["code"], result["field"], result["faults"]) == ("DEST_REFUSED", "stock", 1)


def test_a_row_says_what_is_wrong_itself_not_what_only_followed_from_it(two):
    rig = two(Step(does="refuse", keys=("a",)), further=ALONE, after=("offer",))
    run = rig.drop("a.csv", rows(("a", 1, "box"), ("b", 2, "box")))
    rig.advance(3)
    assert effects(rig, run)[:2] == [(2, "stock", "DEST_AFTER", "refused"), (2, "offer", "DEST_REFUSED", "refused")]
    found = pl.concat(list(rig.settler.rows(rig.operations.run(run)).issues()))
    said = with_text(found.filter(pl.col("code") == "DEST_AFTER"))["message"].to_list()
    assert said == ["The offer of this article was not confirmed, so its stock was not sent."]
    told = rig.results(run).select("state", "faults", "code", "field").rows()
    assert told == [("refused", 1, "DEST_REFUSED", "offer"), ("applied", 0, None, None)]


def test_what_was_confirmed_once_lets_the_next_effect_go_although_its_change_failed(two, tmp_path, clock):
    rig = two(Step(), Step(), Step(does="refuse", keys=("a\x1f",)))
    rig.drop("a.csv", rows(("a", 1, "box")))
    rig.advance(2)
    clock.advance(10)
    run = rig.drop("b.csv", rows(("a", 7, "crate")))
    rig.advance(2)
    assert sent(rig, tmp_path)[-1] == ("offer", ["a"])
    assert [(family, state) for _, family, _, state in effects(rig, run)] == [
        ("stock", "refused"), ("offer", "applied"),
    ]  # fmt: skip


def test_only_the_refused_effect_of_a_row_is_sent_again(two, tmp_path):
    rig = two(Step(), Step(does="refuse", keys=("a",)))
    run = rig.drop("a.csv", rows(("a", 1, "box")))
    rig.advance(2)
    assert rig.states(run) == {"refused": 1}
    again, count = rig.operations.retry(run)
    rig.advance(2)
    assert count == 1
    assert sent(rig, tmp_path) == [("write", ["a"]), ("offer", []), ("offer", ["a"])]
    assert ended(rig, again) == [(2, "stock", "unchanged"), (2, "offer", "applied")]
    assert rig.states(again) == {"applied": 1}


def test_a_row_the_destination_does_not_know_is_refused_and_the_others_go(two, tmp_path):
    rig = two(further=ALONE.model_copy(update={"gathers": True}), unknown=("a",))
    run = rig.drop("a.csv", rows(("a", 1, "box"), ("b", 2, "box")))
    rig.advance()
    assert [entry["keys"] for entry in read_log(tmp_path / "effects.jsonl") if "gather" in entry] == [["a", "b"]]
    assert sent(rig, tmp_path) == [("write", ["a", "b"]), ("offer", ["b"])]
    assert rig.states(run) == {"refused": 1, "applied": 1}
    assert effects(rig, run)[1] == (2, "offer", "DEST_REFUSED", "refused")


def test_a_held_effect_holds_no_other(two, clock, tmp_path):
    many = [(f"k{n:03d}", 5, "box") for n in range(100)]
    rig = two(further=ALONE)
    rig.drop("a.csv", rows(*many))
    rig.advance(2)
    clock.advance(10)
    run = rig.drop("b.csv", rows(*((sku, 0, "crate") for sku, *_ in many)))
    rig.advance(2)
    assert rig.operations.run(run).state == "held"
    assert sent(rig, tmp_path)[-1][0] == "offer"
    assert rig.states(run) == {"held": 100}
    assert {(family, state) for _, family, _, state in effects(rig, run)} == {("stock", "held"), ("offer", "applied")}
    rig.operations.release(run)
    rig.advance(2)
    assert sent(rig, tmp_path)[-1][0] == "write"
    assert rig.states(run) == {"applied": 100}


def test_a_cancelled_run_ends_what_was_not_sent(two):
    rig = two(Step(does="never_close"))
    run = rig.drop("a.csv", rows(("a", 1, "box")))
    rig.advance()
    rig.operations.cancel(run)
    rig.advance()
    assert [leg.open_rows for leg in rig.operations.legs(run)] == [0, 0]


def test_rows_for_later_are_scheduled_in_each_lane_and_answered_now(two, clock):
    rig = two(further=ALONE)
    text = "sku,quantity,unit,from\na,1,box,2999-01-01T00:00:00Z\nb,2,box,\n"
    run = rig.drop("a.csv", text)
    rig.advance()
    assert rig.states(run) == {"scheduled": 1, "applied": 1}
    assert "told" in rig.operations.run(run).counts
    (issues,) = (rig.folder / "outbox/acme").glob("*.issues.csv")
    waits = [line for line in issues.read_text("utf-8-sig").splitlines() if "SCHEDULED" in line]
    assert len(waits) == 2
    assert all("The row waits until 2999-01-01T00:00:00Z." in line for line in waits)


def test_a_part_has_a_key_of_its_own(two):
    rig = two(further=ALONE.model_copy(update={"part": "extra"}))
    rig.drop("a.csv", rows(("a", 1, "box")))
    rig.advance()
    known = [f[KEY].to_list() for f in Baseline.of_lane(rig.journal, rig.spool, "there/offer/acme").frames()]
    assert known == [["a\x1fextra"]]


def test_waiting_goes_on_after_a_restart(two, rigs, clock, tmp_path):
    rig = two(Step(polls=1))
    run = rig.drop("a.csv", rows(("a", 1, "box")))
    rig.advance()
    rig.close()
    again = two(Step(polls=1))
    for _ in range(3):
        clock.advance(61)
        again.advance()
    assert sent(again, tmp_path) == [("write", ["a"]), ("offer", ["a"])]
    assert again.states(run) == {"applied": 1}


VENDORS = ALONE.model_copy(update={"each": "vendor_ids", "every": ("V1", "V2")})
LISTED = MAPPING + 'vendor_ids = { column = "vendors", optional = true }\n'


def listed(*cells):
    return "sku,quantity,unit,vendors\n" + "".join(f"{','.join(map(str, row))}\n" for row in cells)


def pairs(rig, tmp_path):
    log = [e for e in read_log(tmp_path / "effects.jsonl") if e.get("operation") == "offer" and "effects" in e]
    return [(record["sku"], record["@each"]) for entry in log for record in entry["effects"]]


class TestLists:
    @pytest.fixture
    def fan(self, rigs):
        def make(*script, **options):
            return rigs(*script, mapping=LISTED, further=(VENDORS,), **options)

        return make

    def test_a_row_has_an_effect_per_item_or_per_known_item(self, fan, tmp_path):
        rig = fan()
        run = rig.drop("a.csv", listed(("a", 1, "box", "V2|V3"), ("b", 2, "box", "")))
        rig.advance()
        assert pairs(rig, tmp_path) == [("a", "V2"), ("a", "V3"), ("b", "V1"), ("b", "V2")]
        assert rig.states(run) == {"applied": 2}

    def test_the_gravest_item_is_the_state_and_each_refusal_is_told(self, fan):
        rig = fan(Step(), Step(does="refuse", keys=("a\x1fV2", "a\x1fV3")))
        run = rig.drop("a.csv", listed(("a", 1, "box", "V1|V2|V3"), ("b", 2, "box", "V1")))
        rig.advance()
        assert rig.states(run) == {"refused": 1, "applied": 1}
        frame = pl.concat(list(rig.settler.rows(rig.operations.run(run)).issues()))
        assert frame.filter(field="offer").select(ROW, "value", "code", "state").rows() == [
            (2, "V2", "DEST_REFUSED", "refused"), (2, "V3", "DEST_REFUSED", "refused"),
        ]  # fmt: skip

    def test_only_the_item_that_changed_is_sent(self, fan, tmp_path, clock):
        rig = fan(Step(), Step(does="refuse", keys=("a\x1fV2",)))
        rig.drop("a.csv", listed(("a", 1, "box", "V1|V2")))
        rig.advance()
        clock.advance(10)
        run = rig.drop("b.csv", listed(("a", 2, "box", "V1|V2")))
        rig.advance()
        assert pairs(rig, tmp_path) == [("a", "V1"), ("a", "V2")]
        assert rig.states(run) == {"applied": 1}

    def test_an_item_a_full_file_leaves_out_is_ended_alone(self, fan, tmp_path, clock):
        full = {"mode": "full", "absent": "end", "guard": {"off": True}}
        rig = fan(route=full)
        rig.drop("a.csv", listed(("a", 1, "box", "V1|V2")))
        rig.advance()
        clock.advance(10)
        rig.drop("b.csv", listed(("a", 1, "box", "V1")))
        rig.advance()
        assert pairs(rig, tmp_path)[2:] == [("a", "V2")]


def test_what_is_consigned_while_the_lane_before_is_looked_at_counts_as_pending(two, tmp_path, monkeypatch):
    rig = two(Step(does="never_close"))
    run = rig.drop("a.csv", rows(("a", 1, "box")))
    known = before.decided_rows

    def meanwhile(*given):
        monkeypatch.setattr(before, "decided_rows", known)
        rig.delivery.advance("there/stock/acme")
        return known(*given)

    monkeypatch.setattr(before, "decided_rows", meanwhile)
    rig.delivery.advance("there/offer/acme")
    assert sent(rig, tmp_path) == [("write", ["a"])]
    assert rig.states(run) == {"pending": 1}
