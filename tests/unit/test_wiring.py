"""From settings to a gateway: what is built, what is pinned, who may do what beside it."""

from __future__ import annotations

import httpx
import orjson
import polars as pl
import pytest

from gateway import wiring
from gateway.destinations.files import FilesDestination
from gateway.destinations.mirakl.settings import MiraklSettings
from gateway.destinations.sage.settings import SageSettings
from gateway.errors import SettingsError, WillNeverWork
from gateway.settings import load_settings
from gateway.sources.local import LocalSource
from gateway.sources.sftp import SftpSource
from gateway.testing.clock import FakeClock
from gateway.testing.texts import LEVELS

SETTINGS = """version = 1
[sources.acme]
kind = "local"
folder = "acme"
settle = 0
answers = "out"
[destinations.shop]
kind = "files"
folder = "sent"
format = "json"
fields = ["sku", "quantity"]
[routes.stock]
source = "acme"
files = "*.csv"
mapping = "stock.toml"
destination = "shop"
"""
SECRET = "hunter2-do-not-show"


@pytest.fixture
def loaded(tmp_path):
    """Load settings with more text at the end: `loaded(more)`."""
    for name in ("mappings", "acme", "sent"):
        (tmp_path / name).mkdir()
    (tmp_path / "mappings/stock.toml").write_text(LEVELS, "utf-8")

    def load(more=""):
        path = tmp_path / "gateway.toml"
        path.write_text(SETTINGS + more, "utf-8")
        return load_settings(path)

    return load


@pytest.fixture
def wired(loaded):
    """Wire and give back at the end: `wired(more)`."""
    made = []

    def make(more=""):
        made.append(wiring.wire(loaded(more)))
        return made[-1]

    yield make
    for one in made:
        one.close()


def drop(tmp_path, name="1.csv", content="sku,quantity\nA-1,1\nB-2,0\n"):
    (tmp_path / "acme" / name).write_text(content, "utf-8")


def sent(tmp_path):
    """Records in the destination's folder by sku."""
    found = [orjson.loads(path.read_bytes()) for path in sorted((tmp_path / "sent").glob("*.json"))]
    rows = [row for each in found for row in (each if isinstance(each, list) else each["records"])]
    return {row["sku"]: str(row["quantity"]) for row in rows}


class TestWhatIsBuilt:
    def test_a_route_is_a_lane_of_its_destination(self, wired):
        made = wired()
        setup = made.routes["stock"]
        assert isinstance(setup.target.destination, FilesDestination)
        assert setup.target.destination is made.destinations["shop"]
        assert (setup.legs[0].lane, setup.legs[0].measure) == ("shop/stock/acme", "quantity")
        assert isinstance(made.service.sources["acme"], LocalSource)

    def test_an_sftp_source_has_its_own_patience(self, wired, monkeypatch, tmp_path):
        monkeypatch.setenv("PW", SECRET)
        (tmp_path / "known").write_text("", "utf-8")
        more = (
            '\n[sources.far]\nkind = "sftp"\nhost = "127.0.0.1"\nuser = "u"\npassword = { env = "PW" }\n'
            'known_hosts = "known"\n'
        )
        made = wired(more)
        far = made.service.sources["far"]
        assert isinstance(far, SftpSource)
        assert far.handling.settle == 10
        assert (made.service.scan_every["far"], made.service.scan_every["acme"]) == (30, 5)
        assert SECRET not in repr(made)

    def test_a_file_goes_the_whole_way(self, wired, tmp_path):
        made = wired()
        made.hold()
        drop(tmp_path)
        made.service.drain()
        assert sent(tmp_path) == {"A-1": "1", "B-2": "0"}
        assert (tmp_path / "acme/archive/1.csv").exists()
        assert {path.name.split(".", 3)[3] for path in (tmp_path / "acme/out").iterdir()} >= {"ack.json", "result.csv"}


class TestOwners:
    def test_a_key_of_another_owner_is_rejected(self, wired, tmp_path):
        made = wired('keys = "A-"\n')
        made.hold()
        drop(tmp_path)
        made.service.drain()
        (row,) = made.operations.runs()
        assert row.counts["states"] == {"rejected": 1, "applied": 1}
        assert sent(tmp_path) == {"A-1": "1"}
        results = pl.concat(list(made.operations.rows(row.id).results()))
        assert results["code"].to_list() == [None, "KEY_FOREIGN"]

    def test_a_missing_key_is_missing_and_not_foreign(self, wired, tmp_path):
        made = wired('keys = "A-"\n')
        made.hold()
        drop(tmp_path, content="sku,quantity\n,1\nA-1,1\n")
        made.service.drain()
        (row,) = made.operations.runs()
        results = pl.concat(list(made.operations.rows(row.id).results()))
        assert results["code"].to_list() == ["NOT_BLANK", None]


class TestPinned:
    def test_a_mapping_edited_meanwhile_does_not_change_a_running_gateway(self, wired, tmp_path):
        made = wired()
        made.hold()
        (tmp_path / "mappings/stock.toml").write_text("this is no mapping any more", "utf-8")
        drop(tmp_path)
        made.service.drain()
        assert sent(tmp_path) == {"A-1": "1", "B-2": "0"}

    def test_the_same_mapping_is_kept_once(self, wired, tmp_path):
        wired()
        wired()
        assert len(list((tmp_path / "state/mappings").iterdir())) == 1


class TestBesideARunningGateway:
    def test_operations_need_no_lock(self, wired, loaded, tmp_path):
        made = wired()
        made.hold()
        drop(tmp_path)
        made.service.drain()
        with wiring.open_operations(loaded()) as operations:
            (row,) = operations.runs()
            assert operations.summary(row.id).states == {"applied": 2}
            operations.pause("shop")
        assert made.operations.paused() == ["shop"]

    def test_a_second_gateway_is_refused_until_the_first_has_gone(self, wired):
        first, second = wired(), wired()
        first.hold()
        with pytest.raises(SettingsError) as caught:
            second.hold()
        assert "Another gateway is running on the state folder" in str(caught.value)
        assert "a state folder of its own" in caught.value.fix
        first.close()
        second.hold()


class TestJudging:
    def test_calls_nobody_and_changes_no_state(self, loaded, tmp_path, monkeypatch):
        monkeypatch.setenv("KEY", SECRET)
        shop = '\n[destinations.far]\nkind = "mirakl"\nhost = "https://x.mirakl.net"\napi_key = { env = "KEY" }\n'
        route = '[routes.far]\nsource = "acme"\nfiles = "*"\nmapping = "stock.toml"\ndestination = "far"\nkeys = "A-"\n'
        one = loaded(shop + route)
        setup = wiring.offline(one, "far")
        drop(tmp_path)
        (tmp_path / "work").mkdir()
        judged = wiring.judge(tmp_path / "acme/1.csv", setup, tmp_path / "work")
        assert (judged.readout.good, judged.readout.bad) == (1, 1)
        with pytest.raises(WillNeverWork, match="while a file was only judged"):
            setup.target.destination.probe()
        assert not (tmp_path / "state").exists()

    def test_an_unknown_route_is_a_key_error(self, loaded):
        with pytest.raises(KeyError):
            wiring.offline(loaded(), "nothing")

    def test_a_mapping_alone_is_judged_by_its_contract(self, loaded, tmp_path):
        loaded()
        setup = wiring.contract_only(tmp_path / "mappings/stock.toml")
        drop(tmp_path, content="sku,quantity\nx,1\n,2\n")
        (tmp_path / "work").mkdir()
        judged = wiring.judge(tmp_path / "acme/1.csv", setup, tmp_path / "work", clock=FakeClock())
        assert (judged.readout.good, judged.readout.bad) == (1, 1)


class TestReceiver:
    def test_there_is_none_unless_the_settings_say_so(self, wired):
        made = wired()
        made.listen()
        assert made.receiver is None

    def test_it_listens_from_when_it_is_told_until_all_is_given_back(self, wired):
        made = wired("[web]\nport = 0\n")
        made.listen()
        url = made.receiver.url
        assert httpx.get(f"{url}/health", trust_env=False).status_code == 200
        assert httpx.post(f"{url}/hooks/shop", trust_env=False).status_code == 404  # files call nobody
        made.close()
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{url}/health", trust_env=False)


class TestTwinSpeed:
    def test_limits_and_delays_shrink_alike_and_nothing_else_does(self):
        settings = MiraklSettings(host="https://x.mirakl.net", api_key="key")
        fast = wiring.scaled(settings, 300.0)
        assert (fast.import_interval, fast.status_interval, fast.deadline) == (0.2, 0.05, 48.0)
        assert (fast.timeout, fast.batch_size, fast.host) == (settings.timeout, settings.batch_size, settings.host)

    def test_windows_over_real_dates_stay_wide_enough_for_one_call(self):
        settings = MiraklSettings(host="https://x.mirakl.net", api_key="key")
        assert wiring.scaled(settings, 2000.0).repeat_window == 10.0
        assert wiring.scaled(settings, 30.0).repeat_window == 30.0
        assert wiring.scaled(settings.model_copy(update={"repeat_window": 3.0}), 2000.0).repeat_window == 3.0

    def test_a_real_destination_is_left_alone(self):
        settings = MiraklSettings(host="https://x.mirakl.net", api_key="key")
        assert wiring.scaled(settings, 1.0) is settings
        assert wiring._announced_speed(settings) == 1.0

    def test_nobody_listening_on_this_machine_is_no_twin(self):
        settings = MiraklSettings(host="http://127.0.0.1:9", api_key="key")
        assert wiring._announced_speed(settings) == 1.0

    @pytest.mark.parametrize(
        ("content", "speed"),
        [('{"speed": 50}', 50.0), ('{"speed": 0}', 1.0), ('{"speed": "fast"}', 1.0), ("{}", 1.0), ("[]", 1.0),
         ("no json", 1.0)],
    )  # fmt: skip
    def test_a_twin_that_shares_a_folder_says_so_in_it(self, tmp_path, content, speed):
        (tmp_path / "twin.json").write_text(content, "utf-8")
        assert wiring._announced_speed(SageSettings(profile="main", outbox=tmp_path)) == speed
