"""What `status` says of a lane in one word or sentence."""

from datetime import UTC, datetime

import pytest

from gateway.cli import status

NEXT = datetime(2026, 11, 22, 9, 35, tzinfo=UTC)


@pytest.mark.parametrize(
    ("trouble", "unsent", "following", "said"),
    [
        (None, 0, None, "ok"),
        (None, 0, NEXT, "ok"),
        (None, 2, None, "ok"),
        (None, 2, NEXT, "ok, goes on at 2026-11-22 09:35:00Z"),
        ("No way in.", 2, NEXT, "No way in."),
    ],
)
def test_calls_that_wait_for_their_turn_say_until_when(trouble, unsent, following, said):
    assert status._said({"trouble": trouble, "unsent_calls": unsent, "next": following, "paused": False}) == said
