"""Sentences of issues: one and for frames of them; none ends twice."""

from __future__ import annotations

import polars as pl
import pytest

from gateway.issues import CATALOGUE, sentence, with_text
from gateway.model import ISSUE_SCHEMA
from gateway.reports.causes import causes


def both(code: str, *, value: str | None = None, detail: str | None = None) -> set[str]:
    frame = pl.DataFrame([(2, 2, code, "ends_at", value, detail)], schema=ISSUE_SCHEMA, orient="row")
    text = sentence(code, field="ends_at", value=value or "", detail=detail or "")
    return {text, *with_text(frame)["message"]}


@pytest.mark.parametrize(
    ("detail", "told"),
    [
        ("skip rows where Nr. is 5", "The mapping leaves the row out: skip rows where Nr. is 5."),
        ("keep only rows where Art is Stk.", "The mapping leaves the row out: keep only rows where Art is Stk."),
        ("and so on…", "The mapping leaves the row out: and so on…"),
        ("and so on...", "The mapping leaves the row out: and so on..."),
        (None, "The mapping leaves the row out: ."),
    ],
)
def test_a_sentence_that_ends_with_what_was_found_has_one_end(detail: str | None, told: str) -> None:
    assert both("SKIPPED", detail=detail) == {told}


def test_dots_elsewhere_stay() -> None:
    said = "The mapping leaves the row out: a.."
    assert both("SKIPPED", detail="a..") == {said}
    assert both("SP-EXPIRED", value="31.12.") == {"The promotion is over by its ends_at: 31.12."}
    assert both("DEST_REQUIRED", detail="no. 5") == {"ends_at is needed by the destination: no. 5."}


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_one_issue_and_a_frame_of_them_are_told_alike_and_end_once(code: str) -> None:
    for text in ("x", "x.", "x…", ""):
        (said,) = both(code, value=text, detail=text)
        assert not said.endswith(("x..", "x….")), said


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_a_cause_of_many_details_leaves_no_mark_of_them_at_its_end(code: str) -> None:
    rows = [(n, n, code, "ends_at", f"v{n}", f"d{n}") for n in range(2, 200)]
    for cause in causes([pl.DataFrame(rows, schema=ISSUE_SCHEMA, orient="row")], {}):
        assert not cause.message.endswith(("….", "..")), cause.message


def test_a_value_that_is_not_there_leaves_no_colon_behind():
    frame = pl.DataFrame({
        "code": ["DEST_LIMIT", "DEST_LIMIT", "DEST_LIMIT"], "field": ["currency"] * 3, "value": [None, "", "EUR"],
        "detail": ["the offer is in USD"] * 3,
    })  # fmt: skip
    said = "currency does not fit the destination: the offer is in USD"
    assert with_text(frame)["message"].to_list() == [f"{said}.", f"{said}.", f"{said}: EUR"]
    assert sentence("DEST_LIMIT", field="currency", detail="the offer is in USD") == f"{said}."


def test_effects_of_one_row_that_wait_for_the_same_are_told_apart():
    said = [sentence("DEST_AFTER", field=family, detail="product") for family in ("price", "stock")]
    assert said == [
        f"The product of this article was not confirmed, so its {one} was not sent." for one in ("price", "stock")
    ]
