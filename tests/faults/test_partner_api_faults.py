"""What a platform of the Partner API and its file server may do wrong, and what becomes of rows then."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import polars as pl
import pytest
from pydantic import SecretStr

from gateway.destinations.partner_api import PartnerApiDestination, PartnerApiSettings
from gateway.errors import HostKeyError, MayWorkLater, OutcomeUnknown, Throttled, Unreachable
from gateway.journal import open_journal
from gateway.model import KEY, Reference
from gateway.testing.clock import RealClock
from gateway.testing.drive import FreeBudget, as_sent, states
from gateway.transport.http import RetryPolicy, connect
from gateway.twin.partner import Chain, Client, Item, Login, PartnerTwin, PartnerTwinSettings, Token, Vendor

TOKEN = "portal-token-51aa"
CHAIN = Chain("c-1", (Vendor("v1", "STORE"),), (Token("all", TOKEN),), (Client("id", "hush"),), (Login("u", "p"),))
AT_ONCE = dict.fromkeys(("queued_seconds", "running_seconds", "pickup_seconds", "min_interval_seconds"), 0.0)
CLOCK = RealClock()


@contextmanager
def platform(tmp_path, **more) -> Iterator[PartnerTwin]:
    files = {"file_seconds": dict.fromkeys(("catalog", "promotions", "assortment"), 0.0)}
    told = PartnerTwinSettings(**{"chains": (CHAIN,), "calls_per_window": 0, **AT_ONCE, **files, **more})
    goods = [Item(f"S{n}", price="5", active=True) for n in range(8)]
    with PartnerTwin(goods, settings=told, files=tmp_path / "twin") as twin:
        yield twin


def chain(twin, tmp_path, *, budget=None, **more):
    known = tmp_path / "known_hosts"
    known.write_text(f"{twin.drop.known_hosts_line}\n", "utf-8")
    given = {
        "brand": "foodpanda", "channel": "rest", "host": twin.url, "chain_id": "c-1", "vendors": {"STORE": {}},
        "tokens": {"all": SecretStr(TOKEN)}, "timeout": 2.0, "archive": tmp_path / "sent", "sftp_host": "127.0.0.1",
        "sftp_port": twin.drop.port, "sftp_user": "u", "sftp_password": SecretStr("p"), "sftp_known_hosts": known,
    }  # fmt: skip
    fast = {
        "rest": {"limits": {"requests_per_minute": 600_000, "floor_products": 2, "cool_down_s": 0.05}},
        "jobs": {"poll_after_s": [0.01]}, "confirm": {"window_s": {"catalog": 0.5}}, "sftp": {"min_interval_s": 0},
    }  # fmt: skip
    keys = {**fast, **more.pop("keys", {})}
    chosen = PartnerApiSettings(**{**given, **more, "keys": keys})
    journal = open_journal(tmp_path / "state", CLOCK)
    transport = connect(
        chosen.access(), account="chain", clock=CLOCK, budget=budget or FreeBudget(), tokens=journal.tokens(),
        policy=RetryPolicy(attempts=1),
    )  # fmt: skip
    return PartnerApiDestination(chosen, transport=transport, clock=CLOCK, account="chain", name="panda")


def rows(count=8, **more):
    cells = {"quantity": "7", **more}
    return pl.DataFrame({"sku": [f"S{n}" for n in range(count)]}).with_columns(
        pl.int_range(pl.len(), dtype=pl.UInt32).alias("effect"),
        pl.concat_str("sku", pl.lit("\x1fSTORE")).alias(KEY),
        *(pl.lit(value).alias(name) for name, value in cells.items()),
    )


def go(destination, records, seconds=10.0):
    """Send as the core does: what is not known is sent again, what may work later is tried later."""
    end = CLOCK.monotonic() + seconds
    (batch,) = destination.encode("stock", records, Reference())
    at, receipt, told = CLOCK.now(), None, []
    while receipt is None or not receipt.closed:
        assert CLOCK.monotonic() < end, f"still open: {receipt}"
        try:
            if receipt is None:
                receipt = destination.submit(batch)
            else:
                item = as_sent(batch, receipt, intent_at=at)
                receipt = destination.poll([item]).get(1, receipt)
        except (MayWorkLater, OutcomeUnknown):
            CLOCK.sleep(0.02)
        else:
            told += [] if receipt.outcomes is None else [receipt.outcomes]
        CLOCK.sleep(0.01)
    whole = replace(receipt, outcomes=pl.concat(told) if told else None)
    return states(batch, records, whole), receipt


def counted(found):
    return {state: list(found.values()).count(state) for state in set(found.values())}


# ---------------------------------------------------------------- calls


@pytest.mark.parametrize(
    "fault", ["drop", "drop_after", "error_after", "throttled", "error_503", "blocked", "html_502"]
)
def test_trouble_with_a_call_is_over_in_the_end(tmp_path, fault):
    with platform(tmp_path) as twin:
        destination = chain(twin, tmp_path)
        twin.faults.only = "C1"
        setattr(twin.faults, fault, 2)
        found, _ = go(destination, rows())
        assert counted(found) == {"applied": 8}
        assert {twin.item("v1", f"S{n}").quantity for n in range(8)} == {7}
        destination.close()


def test_a_call_said_to_be_too_large_goes_in_parts(tmp_path):
    with platform(tmp_path, max_products=2) as twin:
        destination = chain(twin, tmp_path)
        found, _ = go(destination, rows())
        assert counted(found) == {"applied": 8}
        assert len([job for job in twin.jobs() if job.call == "C1"]) == 4
        assert twin.violations("overlap") == []
        destination.close()


@pytest.mark.parametrize(
    ("fault", "states_"),
    [("fails", {"refused": 8}), ("refuses", {"refused": 8}), ("log_short", {"applied": 7, "accepted": 1})],
)
def test_what_a_job_says_is_what_rows_are(tmp_path, fault, states_):
    with platform(tmp_path) as twin:
        destination = chain(twin, tmp_path)
        setattr(twin.faults, fault, 1)
        assert counted(go(destination, rows())[0]) == states_
        destination.close()


@pytest.mark.parametrize("more", [{}, {"downloads": "signed", "gzip": True}, {"downloads": "signed"}])
def test_logs_are_fetched_wherever_they_lie(tmp_path, more):
    with platform(tmp_path, **more) as twin:
        destination = chain(twin, tmp_path)
        assert counted(go(destination, rows())[0]) == {"applied": 8}
        destination.close()


@pytest.mark.parametrize("how", ["export", "pages"])
def test_where_jobs_are_silent_the_catalog_is_read_back(tmp_path, how):
    with platform(tmp_path, polls="creation") as twin:
        destination = chain(twin, tmp_path, keys={"features": {"read_back": how}})
        found, _ = go(destination, rows(9))
        assert counted(found) == {"accepted": 8, "refused": 1}
        assert found["S8\x1fSTORE"] == "refused"
        destination.close()


def test_a_token_that_is_refused_once_is_got_again(tmp_path):
    with platform(tmp_path) as twin:
        destination = chain(twin, tmp_path, tokens={}, client_id="id", client_secret=SecretStr("hush"))
        twin.faults.only = "C1"
        twin.faults.unauthorized = 1
        assert counted(go(destination, rows())[0]) == {"applied": 8}
        destination.close()


def test_a_block_page_keeps_every_account_of_the_address_away(tmp_path):
    budget = FreeBudget()
    with platform(tmp_path) as twin:
        destination = chain(twin, tmp_path, budget=budget)
        (batch,) = destination.encode("stock", rows(2), Reference())
        twin.faults.blocked = 1
        with pytest.raises(Throttled) as caught:
            destination.submit(batch)
        assert caught.value.after == 0.05
        assert budget.blocked == {"egress": 0.05}
        destination.close()


def test_a_delivery_ends_rows_before_anybody_asks(tmp_path):
    with platform(tmp_path) as twin:
        destination = chain(twin, tmp_path)
        records = rows(9)
        (batch,) = destination.encode("stock", records, Reference())
        ticket = destination.submit(batch).ticket
        (job,) = [one for one in twin.jobs() if one.job_id == ticket]
        told = {"job_id": ticket, "status": twin.word(job), "platform_vendor_id": "v1"}
        told["download_url"] = f"{twin.url}/v2/chains/c-1/catalog/jobs/{ticket}/file"
        receipt = destination.hear(json.dumps(told).encode(), {})[ticket]
        assert counted(states(batch, records, receipt)) == {"applied": 8, "refused": 1}
        destination.close()


# ---------------------------------------------------------------- files


def _levels(twin):
    return {twin.item("v1", f"S{n}").quantity for n in range(8)}


def drop_of(twin, tmp_path, **more):
    keys = {"features": {"read_back": "pages"}, **more.pop("keys", {})}
    return chain(twin, tmp_path, channel="sftp", keys=keys, **more)


@pytest.mark.parametrize("fault", ["refuse_rename", "no_posix_rename"])
def test_a_server_that_does_not_rename_gets_the_file_directly(tmp_path, fault):
    with platform(tmp_path) as twin:
        destination = drop_of(twin, tmp_path)
        setattr(twin.drop.faults("u"), fault, True)
        assert counted(go(destination, rows())[0]) == {"accepted": 8}
        assert _levels(twin) == {7}
        destination.close()


def test_a_file_that_is_taken_at_once_was_taken(tmp_path):
    with platform(tmp_path) as twin:
        destination = drop_of(twin, tmp_path)
        twin.faults.file_at_once = 1
        assert counted(go(destination, rows())[0]) == {"accepted": 8}
        assert _levels(twin) == {7}
        destination.close()


@pytest.mark.parametrize("fault", [{"cut_after": 10}, {"cut_behind": "posix_rename"}, {"cut_before": "posix_rename"}])
def test_a_connection_that_is_cut_is_made_again(tmp_path, fault):
    with platform(tmp_path) as twin:
        destination = drop_of(twin, tmp_path)
        for name, value in fault.items():
            setattr(twin.drop.faults("u"), name, value)
        assert counted(go(destination, rows())[0]) == {"accepted": 8}
        assert _levels(twin) == {7}
        assert twin.violations() == []
        destination.close()


@pytest.mark.parametrize("fault", ["file_fails", "file_lost"])
def test_levels_of_a_file_the_platform_did_not_work_through_are_not_said_to_be_applied(tmp_path, fault):
    """What reads back, on sale, was so before: it proves nothing of the levels."""
    with platform(tmp_path) as twin:
        destination = drop_of(twin, tmp_path)
        setattr(twin.faults, fault, 1)
        found, receipt = go(destination, rows())
        assert counted(found) == {"accepted": 8}
        assert _levels(twin) == {None}
        (said,) = set(receipt.outcomes["message"])
        assert said == "the vendor's catalog, read back, does not show its level"
        destination.close()


def test_a_connection_in_use_that_is_cut_leaves_no_half_file(tmp_path):
    """What could not be put whole is put whole, though nothing of the first try is left to be read."""
    with platform(tmp_path) as twin:
        destination = drop_of(twin, tmp_path)
        destination.probe()
        twin.drop.faults("u").cut_after = 10
        go(destination, rows())
        assert _levels(twin) == {7}
        assert [one.state for one in twin.uploads()] == ["COMPLETED"]
        destination.close()


def test_a_full_disk_is_trouble_for_later(tmp_path):
    with platform(tmp_path) as twin:
        destination = drop_of(twin, tmp_path)
        (batch,) = destination.encode("stock", rows(2), Reference())
        twin.drop.faults("u").full = True
        with pytest.raises(Unreachable):
            destination.submit(batch)
        twin.drop.faults("u").full = False
        assert destination.submit(batch).ticket
        destination.close()


def test_another_host_key_stops_us(tmp_path):
    with platform(tmp_path) as twin:
        destination = drop_of(twin, tmp_path)
        twin.drop.stop()
        twin.drop.renew_host_key()
        twin.drop.start()
        (batch,) = destination.encode("stock", rows(2), Reference())
        with pytest.raises(HostKeyError):
            destination.submit(batch)
        destination.close()
