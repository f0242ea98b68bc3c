"""How files are put on the server, and what stands in the way."""

from __future__ import annotations

import pytest
from pydantic import SecretStr
from support.partner_files import Calls, Session, one

from gateway.errors import Busy, MayWorkLater, Refused, SettingsError, Throttled, Unreachable
from gateway.model import RowState
from gateway.testing.drive import as_sent
from gateway.transport.sftp import RemoteDeniedError, RemoteFailureError, RemoteMissingError


def test_a_file_is_put_into_the_folder_whatever_its_case_and_kept(made, clock, tmp_path):
    session = Session()
    destination = made(session)
    receipt = destination.submit(one(destination))
    assert session.files == {"Catalog/products_v001.csv": b"sku,quantity\nA,7\nB,2\n"}
    assert (receipt.closed, receipt.rest, receipt.code) == (True, RowState.ACCEPTED, "DEST_NOT_CONFIRMED")
    assert receipt.message == "uploaded as products_v001.csv, and nothing tells what became of it"
    (kept,) = (tmp_path / "sent" / "acc" / "files").iterdir()
    assert kept.name == "products_v001.csv.20261122T093000.000000Z"
    assert kept.read_bytes() == b"sku,quantity\nA,7\nB,2\n"


def test_a_name_is_not_written_again_too_soon_even_after_a_restart(made, clock):
    destination = made()
    destination.submit(one(destination))
    clock.advance(299)
    again = made()
    with pytest.raises(Throttled) as caught:
        again.submit(one(again))
    assert caught.value.after == pytest.approx(1.0)
    clock.advance(1)
    again.submit(one(again))


def test_where_renaming_is_refused_a_file_is_put_directly(made):
    session = Session()
    session.faults = {"rename": [RemoteDeniedError("no")], "remove": [RemoteDeniedError("no")]}
    destination = made(session)
    destination.submit(one(destination))
    assert [what for what, _ in session.log] == ["list", "put", "rename", "put", "remove"]


@pytest.mark.parametrize("how", ["auto", "always", "never"])
@pytest.mark.parametrize("error", [RemoteFailureError("disk full"), Unreachable("cut"), Busy("sent 9 bytes, found 0")])
def test_what_could_not_be_put_whole_does_not_stay_to_be_picked_up(made, how, error):
    session = Session()
    session.faults = {"put": [error]}
    destination = made(session, keys={"sftp": {"atomic_rename": how}})
    with pytest.raises(MayWorkLater):
        destination.submit(one(destination))
    assert session.files == {}
    destination.submit(one(destination))
    assert session.files == {"Catalog/products_v001.csv": b"sku,quantity\nA,7\nB,2\n"}


def test_a_name_is_not_put_directly_where_the_disk_is_full(made):
    session = Session()
    session.faults = {"rename": [RemoteDeniedError("no")], "put": [None, RemoteFailureError("disk full")]}
    destination = made(session)
    with pytest.raises(Unreachable):
        destination.submit(one(destination))
    assert "Catalog/products_v001.csv" not in session.files


@pytest.mark.parametrize("what", ["list", "put"])
@pytest.mark.parametrize("error", [RemoteDeniedError("no", status="3"), RemoteMissingError("gone"), Refused("login")])
def test_a_server_that_lets_nobody_write_is_trouble_of_the_account(made, what, error):
    session = Session()
    session.faults = {what: [error]}
    destination = made(session)
    with pytest.raises(Refused) as caught:
        destination.submit(one(destination))
    assert caught.value.status == "403"
    destination.submit(one(destination))


def test_a_file_that_was_not_taken_yet_is_waited_for(made, clock):
    session = Session()
    destination = made(session)
    destination.submit(one(destination))
    session.lying.add("Catalog/products_v001.csv")
    clock.advance(301)
    with pytest.raises(Unreachable, match=r"products_v001.csv still lies on the file server") as caught:
        destination.submit(one(destination, maximum_sales_quantity="3"))
    assert (caught.value.after, "sftp.untaken" in caught.value.fix) == (None, True)  # no wait of ours: it is told
    with pytest.raises(Unreachable, match="still lies"):
        destination.submit(one(destination, maximum_sales_quantity=None, quantity="8"))  # as long, and another
    destination.submit(one(destination))  # the same file again
    clock.advance(301)
    session.faults["fetch"] = [RemoteMissingError("taken")]
    destination.submit(one(destination))
    clock.advance(301)
    other = made(session, keys={"sftp": {"untaken": "overwrite"}})
    other.submit(one(other, maximum_sales_quantity="3"))
    session.lying.clear()
    clock.advance(301)
    destination.submit(one(destination))


@pytest.mark.parametrize(("how", "steps"), [("never", ["put"]), ("always", ["put", "rename"])])
def test_how_files_are_put_can_be_said(made, how, steps):
    session = Session()
    destination = made(session, keys={"sftp": {"atomic_rename": how}})
    destination.submit(one(destination))
    assert [what for what, _ in session.log if what != "list"] == steps
    session.faults = {"rename": [RemoteDeniedError("no")]}
    other = made(session, keys={"sftp": {"atomic_rename": how, "min_interval_s": 0}})
    if how == "never":
        other.submit(one(other))
        return
    with pytest.raises(Refused):
        other.submit(one(other))
    assert session.files.keys() == {"Catalog/products_v001.csv"}


def test_a_folder_that_is_missing_is_told_or_made(made):
    session = Session("Other")
    destination = made(session)
    with pytest.raises(Refused, match=r"The folder catalog is not .* there are: Other"):
        destination.submit(one(destination))
    allowed = made(session, keys={"sftp": {"create_missing": True}})
    allowed.submit(one(allowed))
    assert ("make", "catalog") in session.log


def test_a_large_file_carries_a_note(made):
    destination = made(keys={"sftp": {"warn_mb": 0.00001}})
    assert "larger than the platform is known to take" in destination.submit(one(destination)).message


def test_a_host_must_be_known(made):
    with pytest.raises(SettingsError, match="does not know the file server"):
        made(brand="glovo")
    assert (
        made(brand="glovo", sftp_host="files.example")
        .probe()
        .startswith("panda: folders Catalog, PROMOTIONS; no calls")
    )
    with pytest.raises(SettingsError, match="needs an HTTP transport"):
        made(channel="rest", chain_id="c", tokens={"all": SecretStr("t")})


def test_the_probe_asks_for_every_store_as_long_as_there_is_time(made, clock):
    class Slow(Calls):
        def send(self, request):
            clock.advance(100)
            return super().send(request)

    said = made(calls=Calls({"status": "OPEN"}, {"status": "CLOSED"})).probe()
    assert said == "panda: folders Catalog, PROMOTIONS; vendor S1 is OPEN, S2 is CLOSED; 2 in all"
    with pytest.raises(Refused, match=r"1 of 2 vendors can't be used: S2 \(v002\)"):
        made(calls=Calls({"status": "OPEN"}, Refused("not found", status="404"))).probe()
    stores = {f"S{n}": {} for n in range(9)}
    said = made(calls=Slow(*[{"status": "OPEN"}] * 9), vendors=stores).probe()
    assert said.endswith("S2 is OPEN; 3 asked for, 6 left for want of time")


def test_files_hear_nothing_and_can_not_be_looked_up(made):
    destination = made()
    assert destination.hear(b'{"job_id":"1","status":"COMPLETED"}', {}) == {}
    assert str(destination.find(as_sent(one(destination), None))) == "Verdict.UNKNOWN"
    destination.close()
