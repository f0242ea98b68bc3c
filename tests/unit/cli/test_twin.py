import json
import signal
import socket
import subprocess
import sys

import httpx
import paramiko
import pytest

from gateway.cli import twin as twin_module
from gateway.twin.keeping import held


@pytest.fixture
def started(tmp_path):
    """Start a twin as a process; returns its first line and the process."""
    processes = []

    def begin(*args):
        command = [sys.executable, "-m", "gateway", "twin", *args, "--dir", str(tmp_path / "twin")]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stdout is not None
        return process.stdout.readline().strip(), process

    yield begin
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()


def _end(process):
    process.send_signal(signal.SIGTERM)
    return process.wait(timeout=15)


def test_mirakl_announces_its_clock_and_stops_cleanly(started):
    line, process = started("mirakl", "--speed", "300")
    url = next(word.rstrip(",") for word in line.split() if word.startswith("http"))
    assert httpx.get(f"{url}/twin").json()["speed"] == 300.0
    assert _end(process) == 0


def test_sage_keeps_its_folders_below_dir(started, tmp_path):
    line, process = started("sage")
    folder = tmp_path / "twin" / "sage-in"
    assert str(folder) in line
    assert json.loads((folder / "twin.json").read_text())["system"] == "sage"
    assert _end(process) == 0


def test_drop_lets_its_account_in(started, tmp_path):
    line, process = started("drop", "--user", "acme")
    place = tmp_path / "twin"
    host, port = line.split()[2].rstrip(",").split(":")
    password = (place / "password").read_text()
    assert (place / "password").stat().st_mode & 0o077 == 0
    assert password not in line
    client = paramiko.SSHClient()
    client.load_host_keys(str(place / "known_hosts"))
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    client.connect(host, int(port), username="acme", password=password, look_for_keys=False, allow_agent=False)
    (place / "files" / "a.txt").write_text("x")
    assert client.open_sftp().listdir() == ["a.txt"]
    client.close()
    assert _end(process) == 0


def test_a_taken_port_is_told(call, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = call("twin", "drop", "--port", str(taken.getsockname()[1]), "--dir", str(tmp_path))
    assert result.exit_code == 4
    assert "Traceback" not in result.output


def test_the_password_comes_from_the_environment_first(tmp_path, monkeypatch):
    made = twin_module._kept_password(tmp_path / "password")
    assert twin_module._kept_password(tmp_path / "password") == made


@pytest.mark.parametrize("speed", ["inf", "nan", "-1", "0", "1e9"])
def test_a_clock_that_can_not_be_is_refused(call, place, speed):
    result = call("twin", "mirakl", "--speed", speed)
    assert result.exit_code == 3
    assert "--speed" in result.stderr
    assert not (place / "twin").exists()


def test_the_first_lines_say_all_a_newcomer_needs(started):
    _, process = started("partner_api")
    said = "".join(process.stdout.readline() for _ in range(5))
    for words in (
        "token twin-token", "v001 (UTC), v002 (UTC)", "SFTP user", "/twin/jobs", "/twin/promotions", "/twin/deliveries",
        'POST /twin/webhook {"url": ', '"secret": ', "the price 10",
    ):  # fmt: skip
        assert words in said
    assert _end(process) == 0


@pytest.mark.parametrize("system", ["drop", "sage"])
def test_a_second_one_of_a_folder_is_refused(call, tmp_path, system):
    with held(tmp_path, system):
        result = call("twin", system, "--dir", str(tmp_path))
    assert result.exit_code == 3
    assert f"A {system} twin runs in {tmp_path} already" in result.stderr
    assert "name another --dir" in result.stderr
