from __future__ import annotations

import subprocess

import pytest

from gateway.errors import HostKeyError, SettingsError
from gateway.transport.sftp_known_hosts import HostKey, read_known_hosts

OLD = HostKey("ssh-ed25519", b"\x00\x00\x00\x0bssh-ed25519\x00\x00\x00 " + b"o" * 32)
NEW = HostKey("ssh-ed25519", b"\x00\x00\x00\x0bssh-ed25519\x00\x00\x00 " + b"n" * 32)
ECDSA = HostKey("ecdsa-sha2-nistp256", b"e" * 40)


@pytest.fixture
def known(tmp_path):
    path = tmp_path / "known_hosts"

    def write(*lines, host="partner.example", port=22):
        path.write_text("\n".join(lines) + "\n")
        return read_known_hosts(path, host, port)

    return write


def test_a_listed_key_is_trusted(known):
    known("# ours", "", f"partner.example {OLD.line} comment").verify(OLD)


def test_several_keys_are_trusted_during_a_change(known):
    both = known(f"partner.example {OLD.line}", f"partner.example {NEW.line}", f"partner.example {ECDSA.line}")
    for key in (OLD, NEW, ECDSA):
        both.verify(key)


def test_an_unknown_server_says_what_was_found_and_how_to_add_it(known, tmp_path):
    with pytest.raises(HostKeyError) as caught:
        known(f"other.example {OLD.line}").verify(NEW)
    assert "partner.example is unknown" in caught.value.message
    assert NEW.fingerprint in caught.value.message
    assert f"{tmp_path / 'known_hosts'}: partner.example {NEW.line}" in caught.value.fix


def test_a_changed_key_says_what_was_found_and_expected(known):
    with pytest.raises(HostKeyError) as caught:
        known(f"[partner.example]:2222 {OLD.line}", port=2222).verify(NEW)
    assert "has changed" in caught.value.message
    assert NEW.fingerprint in caught.value.message
    assert OLD.fingerprint in caught.value.message
    assert f"[partner.example]:2222 {NEW.line}" in caught.value.fix


def test_another_port_is_another_server(known):
    with pytest.raises(HostKeyError, match="is unknown"):
        known(f"partner.example {OLD.line}", port=2222).verify(OLD)
    with pytest.raises(HostKeyError, match="is unknown"):
        known(f"[partner.example]:2222 {OLD.line}").verify(OLD)


def test_lists_wildcards_and_negation(known):
    known(f"a.example,PARTNER.example {OLD.line}").verify(OLD)
    known(f"*.example {OLD.line}").verify(OLD)
    known(f"[*.example]:2222 {OLD.line}", port=2222).verify(OLD)
    with pytest.raises(HostKeyError):
        known(f"*.example,!partner.example {OLD.line}").verify(OLD)


def test_revoked_keys_are_refused_even_when_listed(known):
    with pytest.raises(HostKeyError, match="revoked"):
        known(f"partner.example {OLD.line}", f"@revoked * {OLD.line}").verify(OLD)


def test_certificate_authorities_vouch_for_nobody(known):
    with pytest.raises(HostKeyError, match="is unknown"):
        known(f"@cert-authority * {OLD.line}").verify(OLD)


def test_hashed_names_as_ssh_keygen_writes_them(tmp_path):
    path = tmp_path / "known_hosts"
    path.write_text(f"partner.example {OLD.line}\n[partner.example]:2222 {NEW.line}\n")
    subprocess.run(["ssh-keygen", "-H", "-f", str(path)], check=True, capture_output=True)
    assert "partner" not in path.read_text()
    read_known_hosts(path, "partner.example", 22).verify(OLD)
    read_known_hosts(path, "partner.example", 2222).verify(NEW)
    with pytest.raises(HostKeyError):
        read_known_hosts(path, "other.example", 22).verify(OLD)


def test_the_fingerprint_is_that_of_ssh_keygen(tmp_path):
    (tmp_path / "key.pub").write_text(f"{OLD.line}\n")
    shown = subprocess.run(
        ["ssh-keygen", "-l", "-f", str(tmp_path / "key.pub")], check=True, capture_output=True, text=True
    ).stdout
    assert OLD.fingerprint == shown.split()[1]


def test_a_missing_file_says_how_to_make_it(tmp_path):
    with pytest.raises(SettingsError, match=r"ssh-keyscan -p 2222 partner\.example"):
        read_known_hosts(tmp_path / "nowhere", "partner.example", 2222)


def test_a_broken_line_is_named(known):
    with pytest.raises(SettingsError, match=r"known_hosts:2: this is not a host key"):
        known("# first", "partner.example ssh-ed25519 not*base64")
    with pytest.raises(SettingsError, match=r"known_hosts:1: this is not a host key"):
        known("partner.example")
