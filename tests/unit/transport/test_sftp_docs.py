"""docs/sftp.md says what is true: its sshd block works and its tables name the settings there are."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import tomllib
from pathlib import Path

import pytest

from gateway.settings import SftpSettings as Section
from gateway.sources.handling import Handling
from gateway.testing.clock import RealClock
from gateway.testing.openssh import OpenSshServer, find_sshd, make_key
from gateway.transport.sftp import SftpSession, SftpSettings

DOC = Path(__file__).parents[3] / "docs" / "sftp.md"


def block(language: str) -> str:
    found = re.findall(rf"```{language}\n(.*?)```", DOC.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return str(found[0])


def test_the_example_names_settings_there_are():
    example = tomllib.loads(block("toml"))["sources"]["acme"]
    assert example.keys() <= Section.model_fields.keys()
    assert Section.model_validate(example).settle == 10


def test_the_folders_are_those_the_program_uses():
    handling = Handling(settle=10.0)
    text = DOC.read_text(encoding="utf-8")
    for folder in (handling.claims, handling.archive, handling.rejected):
        assert f"`in/{folder}/`" in text


@pytest.mark.openssh
def test_sshd_accepts_the_block(tmp_path):
    program = find_sshd()
    if program is None:
        pytest.skip("no OpenSSH server here: install the package openssh-server")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    config = tmp_path / "sshd_config"
    config.write_text(f"HostKey {make_key(tmp_path / 'host_key')}\n{block('sshd_config')}")
    done = subprocess.run([program, "-t", "-f", str(config)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.openssh
def test_the_block_fences_an_account_in(tmp_path):
    if find_sshd() is None:
        pytest.skip("no OpenSSH server here: install the package openssh-server")
    if os.getuid() != 0:
        pytest.skip("chroot needs root: only the syntax of the block was checked")
    jail = Path(tempfile.mkdtemp(dir="/run", prefix="gateway-test-"))  # a chroot must not lie below /tmp
    try:
        jail.chmod(0o755)
        (jail / "root" / "in").mkdir(parents=True)
        (jail / "root" / "in" / "stock.csv").write_text("content")
        server = OpenSshServer(tmp_path / "sshd", tmp_path / "home", RealClock())
        server.extra_lines = (
            block("sshd_config")
            .replace("Match Group partners", "Match User root")
            .replace("/srv/sftp/", f"{jail}/")
            .replace("/etc/ssh/partners/%u", str(tmp_path / "sshd" / "authorized_keys"))
            .splitlines()
        )
        with server:
            login = server.login
            settings = SftpSettings(
                host=login.host,
                port=login.port,
                user=login.user,
                key_file=login.key_file,
                known_hosts=login.known_hosts,
            )
            with SftpSession(settings, RealClock()) as session:
                assert [entry.name for entry in session.entries("/")] == ["in"]
                assert [entry.name for entry in session.entries("../../in")] == ["stock.csv"]
                session.fetch("in/stock.csv", tmp_path / "stock.csv")
                (tmp_path / "answer").write_text("answer")
                session.make_folder("out")
                session.upload(tmp_path / "answer", "out/stock.csv.ack.json")
            assert (jail / "root" / "out" / "stock.csv.ack.json").read_text() == "answer"
            shell = ["ssh", "-p", str(login.port), "-i", str(login.key_file), "-o", "BatchMode=yes"]
            shell += ["-o", f"UserKnownHostsFile={login.known_hosts}", f"{login.user}@127.0.0.1", "echo", "inside"]
            done = subprocess.run(shell, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
            assert "inside" not in done.stdout
    finally:
        shutil.rmtree(jail)
    assert (tmp_path / "stock.csv").read_text() == "content"
