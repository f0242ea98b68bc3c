"""The service: files that belong together."""

from __future__ import annotations

import time

from support.service_home import GOOD, drained, running, until

from gateway import wiring
from gateway.settings import load_settings


def with_set(home, rules: str) -> wiring.Gateway:
    """Wire a gateway whose last route takes files that belong together."""
    home.wired().close()
    path = home.root / "gateway.toml"
    path.write_text(f"{path.read_text('utf-8')}set = {rules}\n", "utf-8")
    return wiring.wire(load_settings(path))


def test_parts_that_come_one_by_one_end_together(home):
    made = with_set(home, "{ parts = '(?P<set>.+)_(?P<part>[0-9])of(?P<of>[0-9])' }")
    with running(made) as failure:
        home.drop("two", "s_2of2.csv", "sku,quantity\nc,3\n")
        until(lambda: home.names("two", ".claimed") and list((home.root / "outbox/two").glob("s_2of2.csv.*.ack.json")))
        assert home.ack("two", "s_2of2.csv")["set"]["missing"] == [1]
        home.drop("one", "other.csv", GOOD)
        until(lambda: home.names("one", "archive"))
        assert home.names("two", "archive") == set()
        home.drop("two", "s_1of2.csv", GOOD)
        until(lambda: home.names("two", "archive") == {"s_1of2.csv", "s_2of2.csv"})
        assert home.ack("two", "s.csv")["rows"] == 3
    assert failure == []


def test_draining_waits_for_quiet_and_what_is_incomplete_survives_a_restart(home):
    made = with_set(home, "{ quiet = 0.4 }")
    home.drop("two", "b.csv", "sku,quantity\nc,3\n")
    home.drop("two", "a.csv", GOOD)
    (run,) = drained(made)
    assert (run.file, run.rows, run.state) == ("a.csv+1", 3, "settled")
    assert home.names("two", "archive") == {"a.csv", "b.csv"}
    parts = "{ parts = '(?P<set>.+)_(?P<part>[0-9])of(?P<of>[0-9])' }"
    home.drop("two", "s_1of2.csv", GOOD)
    drained(with_set(home, parts))
    home.drop("two", "s_2of2.csv", "sku,quantity\nd,3\n")
    assert {row.file: row.rows for row in drained(with_set(home, parts))} == {"a.csv+1": 3, "s.csv": 3}


def test_a_set_whose_route_is_gone_is_answered(home):
    home.drop("two", "b.csv", GOOD)
    made = with_set(home, "{ quiet = 60, wait = 0.2 }")
    made.hold()
    made.service.recover()
    until(lambda: made.service.sweep() and not made.service.sources["two"].waiting())
    made.close()
    del home.routes["two"]
    home.routes["other"] = ("two", "*.txt", "stock.toml")
    time.sleep(0.2)
    assert drained(home.wired()) == []
    assert home.ack("two", "b.csv")["code"] == "FILE_TROUBLE"
    assert home.names("two", "rejected") == {"b.csv"}
