from __future__ import annotations

import pytest
from support.fake_rows import summary

from gateway.model import STATES
from gateway.reports import balances, verdict


@pytest.mark.parametrize(
    ("states", "sentence"),
    [
        ({}, "The file has no rows: nothing was sent."),
        ({"applied": 1240}, "All 1,240 rows took effect."),
        ({"applied": 1}, "The only row took effect."),
        ({"rejected": 1}, "The only row was rejected by our checks: see errors.csv."),
        ({"unchanged": 12}, "All 12 rows needed no change."),
        (
            {"applied": 1200, "rejected": 30, "refused": 10},
            "1,200 of 1,240 rows took effect; 30 were rejected by our checks and 10 were refused by the marketplace: see errors.csv.",  # noqa: E501  one sentence
        ),
        ({"applied": 9, "rejected": 1}, "9 of 10 rows took effect; 1 was rejected by our checks: see errors.csv."),
        (
            {"unchanged": 2, "pending": 3, "held": 1},
            "None of the 6 rows took effect; 2 needed no change, 1 is held for a person to decide and 3 still wait for an answer.",  # noqa: E501  one sentence
        ),
    ],
)
def test_the_verdict_is_one_plain_sentence(states, sentence):
    assert verdict(states, errors="errors.csv") == sentence


@pytest.mark.parametrize(
    ("states", "derived", "sentence"),
    [
        ({"applied": 2}, {"applied": 3}, "All 2 rows took effect. Besides, 3 keys that the file left out were ended or set to 0."),  # noqa: E501  one sentence
        ({"applied": 1}, {"applied": 1}, "The only row took effect. Besides, 1 key that the file left out was ended or set to 0."),  # noqa: E501  one sentence
        ({}, {"applied": 4}, "The file has no rows. Besides, 4 keys that the file left out were ended or set to 0."),
        ({"unchanged": 2}, {"applied": 3, "refused": 1}, "All 2 rows needed no change. Besides, 3 of 4 keys that the file left out were ended or set to 0; 1 was refused by Sage."),  # noqa: E501  one sentence
        ({"applied": 2}, {"pending": 2}, "All 2 rows took effect. Besides, of 2 keys that the file left out 2 still wait for an answer."),  # noqa: E501  one sentence
        ({"applied": 2}, {}, "All 2 rows took effect."),
    ],
)  # fmt: skip
def test_keys_the_file_left_out_are_told_besides(states, derived, sentence):
    assert verdict(states, errors="errors.csv", destination="Sage", derived=derived) == sentence


@pytest.mark.parametrize(
    ("states", "effects", "sentence"),
    [
        ({"refused": 2}, {"product": {"applied": 2}, "offer": {"refused": 2}, "stock": {"applied": 1, "refused": 1}},
         "All 2 rows were refused by Sage: see errors.csv. Parts of them took effect: product 2 and stock 1."),
        ({"refused": 1, "rejected": 1}, {"product": {"applied": 1}, "stock": {"refused": 1}},
         "None of the 2 rows took effect as a whole; 1 was rejected by our checks and 1 was refused by Sage: see errors.csv. Parts of them took effect: product 1."),  # noqa: E501  one sentence
        ({"applied": 3, "refused": 2}, {"product": {"applied": 5}, "offer": {"applied": 3, "refused": 2}},
         "3 of 5 rows took effect as a whole; 2 were refused by Sage: see errors.csv. Of other rows parts took effect."),  # noqa: E501  one sentence
        ({"applied": 3, "refused": 2}, {"product": {"applied": 3, "refused": 2}, "offer": {"applied": 2}},
         "3 of 5 rows took effect; 2 were refused by Sage: see errors.csv."),
        ({"applied": 3}, {"product": {"applied": 3}, "offer": {"applied": 3}}, "All 3 rows took effect."),
    ],
)  # fmt: skip
def test_parts_of_rows_that_took_effect_are_told(states, effects, sentence):
    assert verdict(states, errors="errors.csv", destination="Sage", effects=effects) == sentence


@pytest.mark.parametrize(
    ("refused", "unsent", "sentence"),
    [
        (2, 2, "1 of 3 rows took effect; 2 were refused by the gateway, by the rules of Sage: see errors.csv."),
        (3, 1, "1 of 4 rows took effect; 1 was refused by the gateway, by the rules of Sage and 2 were refused by Sage: see errors.csv."),  # noqa: E501  one sentence
    ],
)  # fmt: skip
def test_the_verdict_says_who_refused(refused, unsent, sentence):
    told = {"errors": "errors.csv", "destination": "Sage"}
    assert verdict({"applied": 1, "refused": refused}, **told, unsent=unsent) == sentence
    alone = verdict({"refused": 1}, **told, unsent=1)
    assert alone == "The only row was refused by the gateway, by the rules of Sage: see errors.csv."


def test_the_verdict_names_the_errors_file_and_the_destination_it_is_told():
    said = verdict({"applied": 1, "refused": 2}, errors="errors.xlsx", destination="Sage")
    assert said == "1 of 3 rows took effect; 2 were refused by Sage: see errors.xlsx."


def test_every_state_but_applied_is_told_with_its_count():
    for count, state in enumerate(STATES, start=10):
        said = verdict({"applied": 5, state: count}, errors="errors.csv")
        assert said.startswith("5 of ") or state == "applied"
        assert state == "applied" or f"; {count} " in said


def test_a_run_balances_only_when_the_states_add_up_to_the_rows():
    assert balances(summary({"applied": 3, "held": 1}))
    assert balances(summary({}))
    assert not balances(summary({"applied": 3}, rows=4))
    assert not balances(summary({"applied": 5, "held": -1}, rows=4))
