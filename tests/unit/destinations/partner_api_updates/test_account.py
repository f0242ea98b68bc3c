"""Vendors, tokens and trouble of an account with catalog updates."""

from __future__ import annotations

import pytest
from pydantic import SecretStr
from support.partner_updates import STORES, Script, accepted, asked, only

from gateway.errors import Refused, Throttled, Unreachable


def test_probe_asks_every_outlet(made):
    script = Script(status=[{"status": "OPEN"}, {"status": "CLOSED"}, {}])
    assert made(script, vendors=STORES).probe() == "panda: vendor V1 is OPEN, V2 is CLOSED, V3 is known; 3 in all"
    assert [one.path.split("/")[5] for one in script.seen] == ["p1", "V2", "p3"]
    assert all(one.patience >= 30 * one.interval > 0 for one in script.seen)


def test_probe_names_every_vendor_that_is_none(made):
    no = Refused("https://x answered 404 to GET /status: Vendor not found", status="404")
    script = Script(status=[{"status": "OPEN"}, no, no])
    with pytest.raises(Refused, match=r"2 of 3 vendors can't be used: V2 \(V2\), V3 \(p3\)\. .*Vendor not found"):
        made(script, vendors=STORES).probe()


@pytest.mark.parametrize("error", [Refused("no", status="401"), Unreachable("gone")])
def test_probe_asks_no_more_where_the_account_is_in_trouble(made, error):
    script = Script(status=[error])
    with pytest.raises(type(error)):
        made(script, vendors=STORES).probe()
    assert len(script.seen) == 1


def test_many_vendors_are_not_all_listed(made):
    script = Script(status=[{"status": "OPEN"}] * 30)
    assert "V19 is OPEN and 10 more; 30 in all" in made(script, vendors={f"V{n}": {} for n in range(30)}).probe()


def test_tokens_go_by_their_use(made, tmp_path):
    tokens = {"catalog": SecretStr("for-catalog"), "status": SecretStr("for-status")}
    script = Script(status=[{"status": "OPEN"}], put=[accepted("j")])
    destination = made(script, tokens=tokens)
    destination.probe()
    destination.submit(only(destination, 2))
    assert [one.secrets[0][1].get_secret_value() for one in script.seen] == ["Bearer for-status", "Bearer for-catalog"]
    assert "for-status" not in repr(script.seen)


def test_trouble_with_the_account_is_raised(made, clock):
    destination = made(Script(put=[accepted("j1")], job=[Refused("no", status="401")]))
    batch = only(destination, 1)
    receipt = destination.submit(batch)
    with pytest.raises(Refused):
        asked(destination, clock, batch, receipt)


def test_trouble_with_one_job_leaves_it_open(made, clock):
    destination = made(Script(put=[accepted("j1")], job=[Throttled("wait", after=4.0)]))
    batch = only(destination, 1)
    receipt = asked(destination, clock, batch, destination.submit(batch))
    assert (receipt.ticket, receipt.closed, receipt.after) == ("j1", False, 4.0)
