"""Host keys as known_hosts states them: several keys per host, hashed names, ports, wildcards, revoked keys.

Paramiko's own table keeps one key per host and type, so it can't hold two during a change of keys.
"""

from __future__ import annotations

import base64
import binascii
import fnmatch
import hashlib
import hmac
from dataclasses import dataclass
from pathlib import Path

from gateway.errors import HostKeyError, SettingsError

_REVOKED = "@revoked"


@dataclass(frozen=True, slots=True)
class HostKey:
    """A public key: `kind` such as ssh-ed25519, `blob` its bytes on the wire."""

    kind: str
    blob: bytes

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the key as `ssh-keygen -l` shows it."""
        digest = hashlib.sha256(self.blob).digest()
        return "SHA256:" + base64.b64encode(digest).decode("ascii").rstrip("=")

    @property
    def line(self) -> str:
        """Kind and base64 as a line of known_hosts holds them."""
        return f"{self.kind} {base64.b64encode(self.blob).decode('ascii')}"

    def __str__(self) -> str:
        return f"{self.kind} {self.fingerprint}"


@dataclass(frozen=True, slots=True)
class KnownHosts:
    """Keys that `path` states for one server; `label` is how the file writes the server."""

    path: Path
    label: str
    keys: tuple[HostKey, ...]
    revoked: tuple[HostKey, ...]

    def verify(self, found: HostKey) -> None:
        """Return when the key may be trusted. Raises HostKeyError with what was found, expected, and what to do."""
        if found in self.revoked:
            raise HostKeyError(
                f"The server {self.label} shows the key {found}, which {self.path} marks as revoked.",
                fix="Do not connect. Ask the server's operator for a new key.",
            )
        if found in self.keys:
            return
        add = f"add this line to {self.path}: {self.label} {found.line}"
        if not self.keys:
            raise HostKeyError(
                f"The server {self.label} is unknown: found the key {found}, expected a key listed in {self.path}.",
                fix=f"If the server's operator confirms this fingerprint, {add}",
            )
        expected = " or ".join(str(key) for key in self.keys)
        raise HostKeyError(
            f"The host key of {self.label} has changed: found {found}, expected {expected} as listed in {self.path}.",
            fix=f"Somebody may be listening in. If the server's operator confirms the new fingerprint, {add}",
        )


def read_known_hosts(path: Path, host: str, port: int) -> KnownHosts:
    """Read the keys of one server. Raises SettingsError when the file can't be read or a line of it is no key."""
    label = host if port == 22 else f"[{host}]:{port}"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"The known_hosts file {path} can't be read ({type(error).__name__}).",
            fix=f"Create it: ssh-keyscan -p {port} {host} > {path}, and have the operator confirm the fingerprint.",
        ) from error
    keys: list[HostKey] = []
    revoked: list[HostKey] = []
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        marker = words.pop(0) if words[0].startswith("@") else ""
        if marker not in {"", _REVOKED} or not words or not _names_host(words[0], label):
            continue  # certificate authorities are not supported: such a server stays unknown
        (revoked if marker == _REVOKED else keys).append(_key(words[1:], path, number))
    return KnownHosts(path, label, tuple(keys), tuple(revoked))


def _key(words: list[str], path: Path, number: int) -> HostKey:
    try:
        return HostKey(words[0], base64.b64decode(words[1], validate=True))
    except (IndexError, binascii.Error) as error:
        raise SettingsError(
            f"{path}:{number}: this is not a host key; expected: name, key type, key in base64.",
            fix="Copy the line again from the server's operator.",
        ) from error


def _names_host(names: str, label: str) -> bool:
    named = False
    for name in names.split(","):
        if name.startswith("|1|"):
            named = named or _hashed(name, label)
        elif name.startswith("!"):
            if _matches(name[1:], label):
                return False
        else:
            named = named or _matches(name, label)
    return named


def _matches(pattern: str, label: str) -> bool:
    literal = pattern.replace("[", "[[]")  # brackets are part of [host]:port, not a character set
    return fnmatch.fnmatchcase(label.casefold(), literal.casefold())


def _hashed(name: str, label: str) -> bool:
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in name.split("|")[2:4])
    except (ValueError, binascii.Error):
        return False
    # SHA-1 is what the format of known_hosts prescribes for hiding names; it protects no key
    return hmac.compare_digest(hmac.new(salt, label.encode(), hashlib.sha1).digest(), digest)
