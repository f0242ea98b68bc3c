"""The exchange folder: one unread file at a time, answers late, in parts, twice, strange, and files found again."""

from __future__ import annotations

import json
import os
from datetime import timedelta

import pytest

from gateway.destinations import _folder
from gateway.destinations.sage import SageDestination, SageSettings
from gateway.errors import Busy, SettingsError, Unreachable
from gateway.model import ABSENT, UNKNOWN, Reference, RowState, Sent
from gateway.testing.clock import FakeClock

NOW = "2026-11-22T09:30:00Z"


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def folders(tmp_path):
    for name in ("out", "in"):
        (tmp_path / name).mkdir()
    return tmp_path / "out", tmp_path / "in"


@pytest.fixture
def build(folders, clock):
    def make(**more):
        settings = SageSettings(**{"outbox": folders[0], "results": folders[1], "profile": "acme", **more})
        return SageDestination(settings, clock=clock, account="a", name="sage")

    return make


@pytest.fixture
def batches(build, stock_records):
    rows = [{"sku": f"S{n}", "quantity": "1", "timestamp": NOW} for n in range(4)]
    return list(build(max_records=2).encode("stock", stock_records(*rows), Reference()))


def as_sent(batch, clock, *, number=1, ticket=True, age=0.0):
    return Sent(
        number,
        "stock",
        batch.slot,
        batch.memo["file"] if ticket else None,
        "d",
        batch.effects.height,
        clock.now() - timedelta(seconds=age),
        batch.memo,
    )


def put(folder, name, *rows):
    entries = [{"originatorIdentifier": key, "state": state} for key, state in rows]
    (folder / name).write_text(json.dumps(entries))


def visible(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def test_a_file_is_put_whole_under_its_name(build, batches, folders):
    receipt = build().submit(batches[0])
    assert (receipt.ticket, receipt.closed) == (batches[0].memo["file"], False)
    assert visible(folders[0]) == [batches[0].memo["file"]]
    assert (folders[0] / batches[0].memo["file"]).read_bytes() == batches[0].body


def test_the_next_file_waits_until_the_last_has_vanished(build, batches, folders):
    destination = build()
    destination.submit(batches[0])
    with pytest.raises(Busy) as caught:
        destination.submit(batches[1])
    assert caught.value.after == 30.0
    assert batches[0].memo["file"] in str(caught.value)
    assert visible(folders[0]) == [batches[0].memo["file"]]
    (folders[0] / batches[0].memo["file"]).unlink()
    assert destination.submit(batches[1]).ticket == batches[1].memo["file"]


def test_the_next_file_follows_an_answered_one(build, batches, folders):
    destination = build()
    destination.submit(batches[0])
    put(folders[1], f"{batches[0].memo['batch']}_0001.json", ("S0", "pending"))
    destination.submit(batches[1])
    assert len(visible(folders[0])) == 2


def test_files_of_others_are_in_nobodys_way(build, batches, folders):
    for name in (
        "other_productstocks_x_0001.json",
        "acme_products_x_0001.json",
        "twin.json",
        ".acme_productstocks_1.json",
    ):
        (folders[0] / name).write_text("[]")
    assert build().submit(batches[0]).ticket


def test_the_very_same_file_counts_as_sent(build, batches):
    build().submit(batches[0])
    assert build().submit(batches[0]).ticket == batches[0].memo["file"]


def test_a_folder_that_is_gone_is_told_and_nothing_is_done(build, batches, tmp_path):
    with pytest.raises(Unreachable, match="nowhere"):
        build(outbox=tmp_path / "nowhere").submit(batches[0])


# ---------------------------------------------------------------- answers


def poll(destination, batch, clock):
    return destination.poll([as_sent(batch, clock)])[1]


def test_an_answer_settles_its_rows(build, batches, folders, clock):
    destination = build()
    destination.submit(batches[0])
    name = f"{batches[0].memo['batch']}_0001.json"
    put(folders[1], name, ("S0", "accepted"), ("S1", "rejected"))
    receipt = poll(destination, batches[0], clock)
    assert receipt.closed
    assert receipt.outcomes.select("key", "state").rows() == [("S0\x1f", "applied"), ("S1\x1f", "refused")]
    assert receipt.raw == ((name, (folders[1] / name).read_bytes()),)
    assert (folders[1] / name).exists()


def test_a_late_answer(build, batches, folders, clock):
    destination = build()
    destination.submit(batches[0])
    waiting = poll(destination, batches[0], clock)
    assert (waiting.closed, waiting.after, waiting.outcomes) == (False, 30.0, None)
    assert "not taken yet" in waiting.message
    (folders[0] / batches[0].memo["file"]).unlink()
    assert "not answered yet" in poll(destination, batches[0], clock).message
    put(folders[1], f"{batches[0].memo['batch']}_0001.json", ("S0", "accepted"), ("S1", "accepted"))
    assert poll(build(), batches[0], clock).closed


def test_answers_in_parts(build, batches, folders, clock):
    destination, batch_id = build(), batches[0].memo["batch"]
    put(folders[1], f"{batch_id}_0001_part1.json", ("S0", "accepted"))
    first = poll(destination, batches[0], clock)
    assert (first.closed, first.outcomes.height) == (False, 1)
    again = poll(destination, batches[0], clock)
    assert (again.closed, again.outcomes, again.raw) == (False, None, ())
    put(folders[1], f"{batch_id}_0001_part2.json", ("S1", "accepted"))
    last = poll(destination, batches[0], clock)
    assert (last.closed, last.outcomes.height, len(last.raw)) == (True, 2, 2)


def test_the_same_answer_twice(build, batches, folders, clock):
    for name in ("_0001.json", "_0001_again.json"):
        put(folders[1], batches[0].memo["batch"] + name, ("S0", "accepted"))
    receipt = poll(build(), batches[0], clock)
    assert (receipt.closed, receipt.outcomes.height) == (False, 1)


def test_an_answer_for_an_unknown_batch_is_listed_and_left(build, batches, folders, clock):
    put(folders[1], "ghost-0000000000000000_0001.json", ("S0", "rejected"))
    put(folders[1], f"{'0' * 16}_0001.json", ("S0", "rejected"))
    (folders[1] / "broken.json").write_text("[{")
    destination = build()
    receipt = poll(destination, batches[0], clock)
    assert (receipt.closed, receipt.outcomes) == (False, None)
    assert sorted(destination.strays) == [f"{'0' * 16}_0001.json", "broken.json", "ghost-0000000000000000_0001.json"]
    assert len(visible(folders[1])) == 3


def test_a_file_nested_too_deep_keeps_no_answer_from_being_read(build, batches, folders, clock):
    put(folders[1], f"{batches[0].memo['batch']}_0001.json", ("S0", "accepted"), ("S1", "accepted"))
    (folders[1] / "zz_someone_else.json").write_text("[" * 50_000)
    destination = build()
    assert poll(destination, batches[0], clock).closed
    assert destination.strays == ("zz_someone_else.json",)


def unreadable(path):
    """Put something there that is a file and yet can't be read, whoever tries."""
    path.symlink_to("/proc/self/mem")


@pytest.mark.parametrize("known", [True, False])
def test_a_file_that_cannot_be_read_holds_its_own_batch_only(build, batches, folders, clock, known):
    destination = build()
    name = f"{batches[1].memo['batch']}_0001.json" if known else "answers.json"
    put(folders[1], f"{batches[0].memo['batch']}_0001.json", ("S0", "accepted"), ("S1", "rejected"))
    unreadable(folders[1] / name)
    asked = [as_sent(batch, clock, number=n) for n, batch in enumerate(batches)]
    first, second = (destination.poll(asked)[n] for n in (0, 1))
    assert (first.closed, first.outcomes.height, first.trouble) == (True, 2, "")
    assert (second.closed, second.outcomes) == (False, None)
    assert f"{name} can't be read" in second.trouble
    (folders[1] / name).unlink()
    put(folders[1], name if known else f"{batches[1].memo['batch']}_0002.json", ("S2", "accepted"), ("S3", "accepted"))
    receipt = destination.poll(asked)[1]
    assert (receipt.closed, receipt.trouble) == (True, "")


def test_a_file_that_cannot_be_read_is_in_no_other_files_way(build, batches, folders, clock):
    unreadable(folders[1] / "answers.json")
    destination = build()
    destination.submit(batches[0])
    assert destination.find(as_sent(batches[0], clock, ticket=False)).ticket
    assert poll(destination, batches[0], clock).trouble == "", "it lay there before the batch was begun"


def test_a_file_that_stays_broken_is_told_and_one_being_written_is_not(build, batches, folders, clock):
    destination, path = build(), folders[1] / f"{batches[0].memo['batch']}_0001.json"
    path.write_text('[{"originatorIdentifier": "S0"')
    assert poll(destination, batches[0], clock).trouble == ""
    path.write_text('[{"originatorIdentifier": "S0", "state"')
    assert poll(destination, batches[0], clock).trouble == ""
    assert f"{path} is no JSON" in poll(destination, batches[0], clock).trouble


def test_a_file_too_large_to_be_read_is_told(build, batches, folders, clock):
    path = folders[1] / f"{batches[0].memo['batch']}_0001.json"
    with path.open("wb") as out:
        out.truncate(64 * 1024 * 1024 + 1)
    assert f"{path} has more than 67108864 bytes" in poll(build(), batches[0], clock).trouble


def test_an_unknown_state_stays_open_with_a_note(build, batches, folders, clock):
    put(folders[1], f"{batches[0].memo['batch']}_0001.json", ("S0", "quarantined"), ("S1", "accepted"))
    receipt = poll(build(), batches[0], clock)
    assert not receipt.closed
    assert "'quarantined'" in receipt.message
    known = poll(build(states={"quarantined": "refused", "accepted": "applied"}), batches[0], clock)
    assert known.closed


def test_half_an_answer_is_read_when_it_is_whole(build, batches, folders, clock):
    destination, path = build(), folders[1] / f"{batches[0].memo['batch']}_0001.json"
    path.write_text('[{"originatorIdentifier": "S0"')
    assert poll(destination, batches[0], clock).outcomes is None
    put(folders[1], path.name, ("S0", "accepted"), ("S1", "accepted"))
    assert poll(destination, batches[0], clock).closed


def test_variants_are_tied_to_their_lines(build, stock_records, folders, clock):
    rows = [
        {
            "sku": f"A-{size}",
            "product_id": "A",
            "quantity": "1",
            "timestamp": NOW,
            "variant1_type": "Size",
            "variant1_value": size,
        }
        for size in ("S", "M")
    ]
    (batch,) = build().encode("stock", stock_records(*rows), Reference())
    put(folders[1], f"{batch.memo['batch']}_0001.json", ("A/M", "rejected"), ("A/S", "accepted"), ("A/XXL", "accepted"))
    receipt = poll(build(), batch, clock)
    assert receipt.closed
    assert receipt.outcomes.select("line", "key", "state").rows() == [(2, None, "refused"), (1, None, "applied")]
    assert "row 'A/XXL'" in receipt.message


def test_rows_an_odd_answer_left_out_are_accepted_not_applied(build, batches, folders, clock):
    put(folders[1], f"{batches[0].memo['batch']}_0001.json", ("S0", "accepted"), ("TYPO", "accepted"))
    receipt = poll(build(), batches[0], clock)
    assert (receipt.closed, receipt.rest, receipt.code) == (True, RowState.ACCEPTED, "DEST_NOT_CONFIRMED")


def test_where_nobody_answers_a_file_that_was_taken_ends_its_rows(build, batches, folders, clock):
    destination = build(results=None, deadline=100.0)
    destination.submit(batches[0])
    receipt = poll(destination, batches[0], clock)
    assert (receipt.closed, receipt.after) == (False, 30.0)
    (folders[0] / batches[0].memo["file"]).unlink()
    receipt = poll(build(results=None), batches[0], clock)
    assert (receipt.closed, receipt.rest, receipt.code) == (True, RowState.ACCEPTED, "DEST_NOT_CONFIRMED")
    assert destination.operations[0].confirms == "accepted"
    assert destination.operations[0].deadline == 100.0


def test_a_folder_that_is_gone_has_taken_nothing(build, batches, folders, clock):
    destination = build(results=None)
    destination.submit(batches[0])
    folders[0].rename(folders[0].with_name("elsewhere"))
    assert not poll(destination, batches[0], clock).closed


def test_an_answer_to_an_identical_earlier_file_is_not_taken_for_the_new_one(build, batches, folders, clock):
    destination = build()
    destination.submit(batches[0])
    (folders[0] / batches[0].memo["file"]).unlink()
    put(folders[1], f"{batches[0].memo['batch']}_0001.json", ("S0", "accepted"), ("S1", "accepted"))
    assert poll(destination, batches[0], clock).closed
    destination.submit(batches[0])
    assert not poll(destination, batches[0], clock).closed
    assert build().find(as_sent(batches[0], clock, ticket=False)).ticket
    put(folders[1], f"{batches[0].memo['batch']}_0001.json", ("S0", "rejected"), ("S1", "accepted"))
    receipt = poll(build(), batches[0], clock)
    assert (receipt.closed, receipt.outcomes["state"].to_list()) == (True, ["refused", "applied"])


# ---------------------------------------------------------------- finding


def test_a_file_that_lies_there_is_known(build, batches, clock):
    build().submit(batches[0])
    assert build().find(as_sent(batches[0], clock, ticket=False)).ticket == batches[0].memo["file"]


def test_a_file_that_was_taken_is_known(build, batches, folders, clock):
    build().submit(batches[0])
    (folders[0] / batches[0].memo["file"]).unlink()
    assert build().find(as_sent(batches[0], clock, ticket=False)).ticket == batches[0].memo["file"]


def test_a_file_never_begun_is_absent(build, batches, clock):
    assert build().find(as_sent(batches[0], clock, ticket=False)) is ABSENT


def test_a_file_begun_and_not_published_is_absent(build, batches, clock, monkeypatch):
    real = _folder.publish

    def die(folder, name):
        if folder.name == "out":
            raise KeyboardInterrupt
        real(folder, name)

    with monkeypatch.context() as patched:
        patched.setattr(_folder, "publish", die)
        with pytest.raises(KeyboardInterrupt):
            build().submit(batches[0])
    assert build().find(as_sent(batches[0], clock, ticket=False)) is ABSENT
    build().submit(batches[0])
    assert build().find(as_sent(batches[0], clock, ticket=False)).ticket


def test_a_mark_of_an_earlier_identical_file_proves_nothing(build, batches, folders, clock):
    build().submit(batches[0])
    (folders[0] / batches[0].memo["file"]).unlink()
    put(folders[1], f"{batches[0].memo['batch']}_0001.json", ("S0", "accepted"), ("S1", "accepted"))
    clock.advance(60)
    assert build().find(as_sent(batches[0], clock, ticket=False)) is ABSENT


def test_a_missing_folder_can_not_tell(build, batches, clock, tmp_path):
    assert build(outbox=tmp_path / "nowhere").find(as_sent(batches[0], clock)) is UNKNOWN


def test_old_marks_are_tidied_away(build, batches, folders, clock):
    build().submit(batches[0])
    (folders[0] / batches[0].memo["file"]).unlink()
    made = clock.now().timestamp()
    os.utime(folders[0] / ".gateway" / batches[0].memo["file"], (made, made))
    clock.advance(90 * 86_400)
    build().submit(batches[1])
    assert [path.name for path in (folders[0] / ".gateway").iterdir()] == [batches[1].memo["file"]]


def test_probe_counts_what_lies_there(build, batches, tmp_path):
    destination = build()
    destination.submit(batches[0])
    assert "1 files unread, 0 answers" in destination.probe()
    assert "no answers are expected" in build(results=None).probe()
    with pytest.raises(Unreachable):
        build(outbox=tmp_path / "nowhere").probe()


def test_an_unknown_operation_is_named(build, stock_records):
    with pytest.raises(SettingsError, match="products"):
        build().encode("products", stock_records({"sku": "A", "quantity": "1"}), Reference())
