"""`gateway run` as a process: signals, settings taken up while it runs."""

import signal
import threading

import pytest
from support.running import Running, put

from gateway.cli.watch import SettingsWatch
from gateway.errors import SettingsError
from gateway.settings import load_settings
from gateway.wiring import wire


@pytest.fixture
def running(place):
    started = Running(place)
    yield started
    if started.process.poll() is None:
        started.process.kill()
        started.process.wait()


def test_takes_files_until_told_to_stop(running, dropped):
    assert running.event("gateway started")["routes"] == ["stock"]
    dropped("stock_a.csv", "A1;5;\nA2;many;\n")
    assert running.event("settled")["said"] == "1 rejected, 1 applied"
    assert running.stop() == 0
    assert running.lines()[-1]["event"] == "gateway stopped"
    assert "Traceback" not in running.log.read_text()


CHAIN = """
[destinations.chain]
kind = "partner_api"
brand = "foodpanda"
channel = "rest"
host = "http://127.0.0.1:9"
chain_id = "c-1"
tokens = { all = { file = "key" } }
vendors = { v1 = {} }
profile = "own.toml"
"""


def test_a_changed_profile_of_a_destination_is_taken_up_and_a_faulty_one_refused(place):
    own = place / "own.toml"
    own.write_text('promo.locale = "en_GB"\n')
    (place / "key").write_text("secret")
    settings = place / "gateway.toml"
    settings.write_text(settings.read_text() + CHAIN)
    running = Running(place)
    try:
        running.event("gateway started")
        put(own, 'promo.local = "de_DE"\n')
        assert "did you mean 'locale'" in running.event("settings refused")["said"]
        running.event("old settings kept")
        put(own, 'promo.locale = "de_DE"\n')
        running.event("settings taken up")
        assert running.stop() == 0
    finally:
        running.process.kill()
        running.process.wait()


def test_a_secret_that_changes_in_its_file_is_a_change_of_the_settings(place):
    key, settings = place / "key", place / "gateway.toml"
    key.write_text("old")
    settings.write_text(settings.read_text() + CHAIN.replace('profile = "own.toml"\n', ""))
    watch = SettingsWatch(load_settings(settings))
    assert watch.changed() is None
    key.write_text("")
    assert watch.changed() is None
    put(key, "newer\n")
    fresh = watch.changed()
    assert fresh is not None
    (token,) = fresh.destinations["chain"][1].tokens.values()
    assert token.get_secret_value() == "newer"


def test_settings_are_taken_up_and_faulty_ones_refused(running, place, dropped):
    running.event("gateway started")
    settings = place / "gateway.toml"
    good = settings.read_text()
    put(settings, good.replace('destination = "erp"', 'destination = "epr"'))
    refused = running.event("settings refused")
    assert "did you mean 'erp'?" in refused["said"]
    assert running.event("old settings kept")["faults"] == 1
    dropped("stock_a.csv", "A1;5;\n")
    running.until(lambda line: line["event"] == "settled" and line["said"] == "1 applied")
    put(settings, good)
    running.event("settings taken up")
    mapping = place / "mappings" / "example.toml"
    put(mapping, mapping.read_text().replace("quantity =", "quantiy ="))
    running.until(lambda line: line["event"] == "settings refused" and "quantiy" in line["said"])
    dropped("stock_b.csv", "A1;6;\nA2;7;\n")
    running.until(lambda line: line["event"] == "settled" and line["said"] == "2 applied")
    put(mapping, mapping.read_text().replace("quantiy =", "quantity ="))
    put(settings, good.replace("stock*.csv", "level*.csv").replace("[routes.stock]", "[routes.level]"))
    running.until(lambda line: line["event"] == "gateway started" and line["routes"] == ["level"])
    dropped("level_a.csv", "A1;8;\nA2;9;\nA3;1;\n")
    running.until(lambda line: line["event"] == "settled" and line["said"] == "3 applied")
    assert running.stop(signal.SIGINT) == 0


class Told:
    """Sends SIGTERM to this process while the `number`-th gateway is wired, and once more where that was not heeded."""

    def __init__(self, number):
        self.number = number
        self.wired = 0
        self.again = threading.Timer(10, self._again)
        self.lost = False

    def __call__(self, loaded):
        self.wired += 1
        if self.wired == self.number:
            signal.raise_signal(signal.SIGTERM)
            for thread in threading.enumerate():
                if thread.name == "stop":
                    thread.join()
            self.again.start()
        return wire(loaded)

    def _again(self):
        self.lost = True
        signal.raise_signal(signal.SIGTERM)


@pytest.mark.parametrize("options", [(), ("--once",)])
def test_a_signal_during_the_start_is_heeded(place, call, dropped, monkeypatch, options):
    dropped("stock_a.csv", "A1;5;\n")
    told = Told(1)
    monkeypatch.setattr("gateway.cli.run.wire", told)
    ended = call("run", *options)
    told.again.cancel()
    assert (ended.exit_code, told.lost, told.wired) == (0, False, 1)
    assert (place / "inbox" / "stock_a.csv").exists()  # nothing was begun


@pytest.mark.parametrize("refused", [False, True])
def test_a_signal_while_settings_are_taken_up_is_heeded(place, call, monkeypatch, refused):
    told = Told(2)

    def wired(loaded):
        made = told(loaded)
        if told.wired == 2 and refused:
            made.close()
            raise SettingsError("the new ones can't be used")
        return made

    monkeypatch.setattr("gateway.cli.run.wire", wired)
    fresh = [load_settings(place / "gateway.toml")]
    monkeypatch.setattr(SettingsWatch, "changed", lambda _: fresh.pop() if fresh else None)
    ended = call("run")
    told.again.cancel()
    assert (ended.exit_code, told.lost) == (0, False)
    assert told.wired == 2 + refused
