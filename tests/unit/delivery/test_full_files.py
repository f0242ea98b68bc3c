"""Full files end what they leave out, within the guard."""

import orjson
from support.stock_rows import HEADER, rows

from gateway.destinations.files import FilesDestination, FilesSettings
from gateway.testing.rig import Rig


def many(count, quantity=5, start=0):
    return rows(*((f"K{n:05d}", quantity) for n in range(start, start + count)))


def test_a_full_file_ends_what_it_leaves_out_within_the_guard(rigs):
    rig = rigs(route={"mode": "full", "absent": "end"})
    rig.drop("1.csv", many(1000))
    rig.advance()
    rig.clock.advance(5)
    run = rig.drop("2.csv", many(990))
    rig.advance()
    assert rig.states(run) == {"unchanged": 990}
    assert rig.settler.rows(rig.operations.run(run)).states.derived == {"applied": 10}


def test_a_full_file_that_leaves_out_too_much_is_held_and_can_be_released(rigs):
    rig = rigs(route={"mode": "full", "absent": "end"})
    rig.drop("1.csv", many(1000))
    rig.advance()
    rig.clock.advance(5)
    run = rig.drop("2.csv", many(400))
    rig.advance()
    assert rig.operations.run(run).state == "held"
    assert rig.states(run) == {"held": 400}
    assert "600 of 1,000 known keys would be ended" in rig.operations.comparison(run)[0]
    rig.clock.advance(5)
    other = rig.drop("3.csv", many(995))
    rig.advance()
    assert rig.operations.run(other).state == "settled"
    rig.operations.release(run)
    rig.advance()
    assert rig.operations.run(run).state == "settled"
    assert rig.settler.rows(rig.operations.run(run)).states.derived == {}


def test_a_held_run_can_be_cancelled(rigs):
    rig = rigs(route={"mode": "full", "absent": "end"})
    rig.drop("1.csv", many(100))
    rig.advance()
    rig.clock.advance(5)
    run = rig.drop("2.csv", many(10))
    rig.advance()
    rig.operations.cancel(run)
    rig.advance()
    assert rig.states(run) == {"skipped": 10}
    assert rig.operations.run(run).state == "settled"
    assert set(rig.results(run)["code"].to_list()) == {"CANCELLED"}


def test_an_unusable_full_file_ends_nothing(rigs):
    rig = rigs(route={"mode": "full", "absent": "end"})
    rig.drop("1.csv", many(100))
    rig.advance()
    effects = (rig.folder.parent / "effects.jsonl").read_bytes()
    for name, content in (("e.csv", ""), ("h.csv", HEADER), ("w.csv", "nothing\n1\n"), ("bad.csv", rows(("a", "x")))):
        rig.clock.advance(5)
        rig.drop(name, content)
        rig.advance()
    assert (rig.folder.parent / "effects.jsonl").read_bytes() == effects


def test_the_errors_file_of_a_full_feed_dropped_back_ends_nothing(rigs):
    rig = rigs(route={"mode": "full", "absent": "end"})
    first = rig.drop("1.csv", many(50) + "K99999,x\n")
    rig.advance()
    (errors,) = (rig.folder / "outbox/acme").glob("*.errors.csv")
    fixed = errors.read_text("utf-8").replace(",x\n", ",7\n")
    rig.clock.advance(5)
    run = rig.drop(errors.name, fixed)
    rig.advance()
    row = rig.operations.run(run)
    assert (row.mode, row.first_run) == ("delta", first)
    assert rig.states(run) == {"applied": 1}
    assert rig.settler.rows(row).states.derived == {}
    assert rig.operations.summary(first).first_run_rows == [(52, run)]


def test_newly_zero_stock_over_the_limit_is_held(bulk):
    rig = bulk()
    rig.drop("1.csv", many(200))
    rig.advance()
    rig.clock.advance(5)
    run = rig.drop("2.csv", many(100, quantity=0))
    rig.advance()
    assert rig.states(run) == {"held": 100}


def test_a_key_that_a_full_file_leaves_out_is_zeroed_with_the_files_own_time(tmp_path, clock):
    settings = FilesSettings(folder=tmp_path / "out", format="json", contract="stock")
    made = FilesDestination(settings, clock=clock, account="there", name="there")
    (tmp_path / "out").mkdir()
    rig = Rig(tmp_path / "gateway", made, clock, mode="full", absent="zero")
    rig.drop("1.csv", rows(("a", 1), ("b", 2)))
    rig.advance()
    rig.clock.advance(60)
    rig.drop("2.csv", rows(("a", 5)))
    rig.advance()
    sent = [orjson.loads(p.read_bytes()) for p in sorted((tmp_path / "out").iterdir())]
    last = {r["sku"]: r for batch in sent for r in batch if r["timestamp"] == "2026-11-22T09:31:00Z"}
    rig.close()
    assert {sku: str(r["quantity"]) for sku, r in last.items()} == {"a": "5", "b": "0"}
