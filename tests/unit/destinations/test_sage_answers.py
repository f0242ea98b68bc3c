"""Answer files in every shape they may come in."""

from __future__ import annotations

import json

import pytest

from gateway.destinations.sage.answers import Answer, AnswerRow, read, settle

ID = "0123456789abcdef"
STATES = {"accepted": "applied", "rejected": "refused", "pending": "pending", "skipped": "superseded"}


def row(identity, state="accepted", **more):
    return {"originatorIdentifier": identity, "state": state, **more}


def answer(*rows, name="x.json"):
    return Answer(name, frozenset({ID}), tuple(AnswerRow(*one) for one in rows), 0)


def settled(*answers, rows=None, tail=""):
    found = settle(answers, STATES, rows, tail)
    return found.outcomes.select("line", "key", "state", "code", "message", "remote_id").rows(), found


@pytest.mark.parametrize(
    ("name", "named"),
    [
        (f"{ID}_0001.json", True),
        (f"{ID}.json", True),
        (f"acme-uk_productstocks_{ID}_0001.json", True),
        (f"acme-uk_productstocks_{ID}_0001.json.answer-2.json", True),
        (f"ghost-{ID}_0001.json", False),
        (f"x{ID}_0001.json", False),
        (f"{ID}0_0001.json", False),
        ("answer.json", False),
    ],
)
def test_an_answer_names_its_batch_at_the_start_of_its_name(name, named):
    found = read(name, json.dumps([row("A")]).encode())
    assert found.batches == (frozenset({ID}) if named else frozenset())


def test_the_batch_id_inside_goes_before_the_name():
    found = read(f"{ID}_0001.json", json.dumps({"batchId": "f" * 16, "items": [row("A")]}).encode())
    assert found.batches == frozenset({"f" * 16})
    assert found.rows == (AnswerRow("A", "accepted", None, ()),)


def test_one_row_alone_and_every_property():
    body = row("A", " Rejected ", productIdentifier=12, failureReason=["V-PAIR: x", "C-LEN: y"])
    found = read("a.json", b"\xef\xbb\xbf" + json.dumps(body).encode())
    assert found.rows == (AnswerRow("A", "Rejected", "12", ("V-PAIR: x", "C-LEN: y")),)
    assert read("a.json", json.dumps(row("A", failureReason="why")).encode()).rows[0].reasons == ("why",)


def test_what_people_are_told_is_one_line_that_they_can_read():
    body = row("A", "acc\0epted", productIdentifier="SG\x001\n2", failureReason="no\x1b[31m")
    (found,) = read("a.json", json.dumps(body).encode()).rows
    assert (found.state, found.remote_id, found.reasons) == ("acc epted", "SG 1 2", ("no [31m",))
    assert read("a.json", json.dumps(row("A", productIdentifier="\0")).encode()).rows[0].remote_id is None


@pytest.mark.parametrize("body", [b"", b"[", b'[{"originatorIdentifier": "A", "sta', b"\xff", b"{}x"])
def test_half_an_answer_is_not_read(body):
    assert read("a.json", body) is None


@pytest.mark.parametrize(
    ("data", "good", "faulty"),
    [([row("A"), 7, {"state": "x"}, row(1)], 1, 3), (7, 0, 1), ({"items": {}}, 0, 1), ({"other": 1}, 0, 1), ([], 0, 0)],
)
def test_entries_of_another_shape_are_counted(data, good, faulty):
    found = read("a.json", json.dumps(data).encode())
    assert (len(found.rows), found.faulty) == (good, faulty)


def test_states_become_outcomes_without_case():
    rows, found = settled(
        answer(("A", "ACCEPTED", "SG-1", ()), ("B", "rejected", None, ("C-LEN: long", "x")), ("C", "Skipped", None, ()))
    )
    assert rows == [
        (None, "A", "applied", None, None, "SG-1"),
        (None, "B", "refused", "DEST_REFUSED", "C-LEN: long; x", None),
        (None, "C", "superseded", "SUPERSEDED", "answered as Skipped", None),
    ]
    assert (found.final, found.strange) == (3, ())


def test_parts_and_repetitions_count_once():
    one, two = answer(("A", "accepted", None, ())), answer(("B", "accepted", None, ()))
    rows, found = settled(one, two, one)
    assert [entry[1] for entry in rows] == ["A", "B"]
    assert found.final == 2


def test_an_end_stays_until_another_end():
    taken = answer(("A", "accepted", None, ()))
    assert settled(taken, answer(("A", "pending", None, ())))[0][0][2] == "applied"
    assert settled(taken, answer(("A", "rejected", None, ("r",))))[0][0][2] == "refused"
    assert settled(answer(("A", "pending", None, ())))[1].final == 0


def test_an_unknown_state_leaves_the_row_open_and_is_told():
    rows, found = settled(answer(("A", "quarantined", None, ()), ("B", "accepted", None, ())))
    assert [entry[1] for entry in rows] == ["B"]
    assert found.strange == ("state 'quarantined'",)
    assert settled(answer(("A", "odd", None, ())), answer(("A", "accepted", None, ())))[1].strange == ()


def test_rows_are_found_by_their_remembered_keys():
    rows, found = settled(
        answer(("P/XL", "accepted", None, ()), ("Z", "accepted", None, ())), rows={"P/XL": [1, 4], "Q": [2]}
    )
    assert [entry[:3] for entry in rows] == [(1, None, "applied"), (4, None, "applied")]
    assert (found.final, found.strange) == (2, ("row 'Z'",))


def test_keys_get_their_tail():
    assert settled(answer(("A", "accepted", None, ())), tail="\x1f")[0][0][1] == "A\x1f"
