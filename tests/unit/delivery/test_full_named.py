"""What a full file ended or set to zero is named key by key, with what became of each."""

import csv

import pytest
from support.stock_rows import rows

from gateway.testing.hostile import Step

ALL = [(f"K{n:02d}", 5) for n in range(20)]


def listed(rig, name="2.csv"):
    (found,) = (rig.folder / "outbox/acme").glob(f"{name}.*.issues.csv")
    with found.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def page(rig, name="2.csv"):
    (found,) = (rig.folder / "outbox/acme").glob(f"{name}.*.report.html")
    return found.read_text("utf-8")


@pytest.mark.parametrize(("absent", "done"), [("end", "ended"), ("zero", "set to 0")])
def test_every_key_that_was_left_out_is_named(rigs, absent, done):
    rig = rigs(route={"mode": "full", "absent": absent, "guard": {"off": True}})
    rig.drop("1.csv", rows(*ALL))
    rig.advance()
    rig.clock.advance(10)
    run = rig.drop("2.csv", rows(*ALL[8:], ("K99", "x")))
    rig.advance()
    gone = [one for one in listed(rig) if one["code"] == "ABSENT"]
    assert [one["key"] for one in gone] == [key for key, _ in ALL[:8]]
    assert {(one["row"], one["line"], one["state"], one["severity"], one["message"]) for one in gone} == {
        ("", "", "applied", "warning", f"The full file left the key out ({done}).")
    }
    (cause,) = (one for one in rig.operations.causes(run) if one.code == "ABSENT")
    assert (cause.count, cause.ranges) == (8, [])
    assert cause.examples == [(None, f"K{n:02d}") for n in range(5)]
    assert rig.operations.summary(run).verdict.endswith(f"Besides, 8 keys that the file left out were {done}.")
    assert "<code>K04</code>" in page(rig)
    assert "no row of the file" in page(rig)


def test_what_was_refused_of_them_says_why(rigs):
    refusing = Step(does="refuse", keys=("K00\x1f",))
    rig = rigs(Step(), refusing, route={"mode": "full", "absent": "end"})
    rig.drop("1.csv", rows(*ALL))
    rig.advance()
    rig.clock.advance(10)
    rig.drop("2.csv", rows(*ALL[2:]))
    rig.advance()
    found = [(one["key"], one["code"], one["state"], one["message"]) for one in listed(rig)]
    assert found[0] == ("K00", "ABSENT", "refused", "The full file left the key out (to be ended: refused).")
    assert found[1][:3] == ("K00", "DEST_REFUSED", "refused")
    assert found[2] == ("K01", "ABSENT", "applied", "The full file left the key out (ended).")
