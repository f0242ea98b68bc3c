"""Batches under way asked about in turns: each question waits for its place in the budget of all calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gateway.destinations.partner_api import items
from gateway.destinations.partner_api.account import Account
from gateway.destinations.partner_api.calls import AT_A_TIME
from gateway.errors import MayWorkLater, Refused
from gateway.model import Receipt, Sent


def asked(sent: Sequence[Sent], account: Account, ask: Callable[[Sent], Receipt]) -> dict[int, Receipt]:
    """Ask about some of the calls under way and say when the others have their turn; `ask`: about one.

    Raises Refused when nothing was learnt of any.
    """
    waiting = [one for one in sent if one.ticket is not None and items.UNSENT not in one.memo]
    turn = account.profile.rest.limits.interval
    receipts = {one.batch_id: Receipt(one.ticket, after=turn) for one in waiting[AT_A_TIME:]}
    learnt = False
    for item in waiting[:AT_A_TIME]:
        try:
            receipts[item.batch_id] = ask(item)
        except MayWorkLater as error:
            receipts[item.batch_id] = Receipt(item.ticket, after=error.after or pause(item, account))
        except Refused:
            if not learnt:
                raise
            break
        learnt = True
    return receipts


def pause(item: Sent, account: Account) -> float:
    """Return the seconds until the next question about a batch: the waits of the profile, counted from its call."""
    profile = account.profile
    age, total = (account.clock.now() - item.intent_at).total_seconds(), 0.0
    for wait in profile.jobs.poll_after_s:
        total += wait
        if total > age:
            return max(profile.rest.limits.interval, total - age)
    return profile.jobs.poll_after_s[-1]
