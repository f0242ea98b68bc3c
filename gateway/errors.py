"""The exception tree, grouped by what to do next; it knows no room that raises it.

    GatewayError
      MayWorkLater          try again, after `after` seconds when given
        Unreachable         no connection, or the other side answers 5xx
        Throttled           a limit said "not now"
        Busy                a slot, a lock or an unread file is in the way
      WillNeverWork         a person must change something first
        SettingsError       gateway.toml, a mapping, a lookup or a secret is wrong
        FileError           the file as a whole is unusable: it goes to the rejected folder
        Refused             the other side refuses the call as such (not a row)
          CallRefused       for how it is made, which is never a row's fault
        HostKeyError        a server's key is unknown or changed
      OutcomeUnknown        the request left and no answer came: look it up, never resend blindly

A bad row is never an exception: it is an issue.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_FULL_IN_WORDS = (
    "No space left on device",
    "Not enough free space",
    "Disk quota exceeded",
    "database or disk is full",
)
"""How libraries say it that write by themselves and hand on no number."""


class GatewayError(Exception):
    """Root of all errors of the gateway.

    `message` says what was found, what was expected and where; `fix` says what to do next.
    """

    def __init__(self, message: str, *, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.message} {self.fix}".strip()


class MayWorkLater(GatewayError):
    """The same call may succeed later; `after` is the delay in seconds the other side asked for, if it did."""

    def __init__(self, message: str, *, fix: str = "", after: float | None = None) -> None:
        super().__init__(message, fix=fix)
        self.after = after


class Unreachable(MayWorkLater):
    """No connection could be made, or the other side answers that it is unwell (5xx)."""


class Throttled(MayWorkLater):
    """A budget of ours or a limit of theirs (429) forbids the call now. Nothing was sent or nothing was done."""


class Busy(MayWorkLater):
    """Something of ours is in the way: a slot is taken, the last file of a scope is unread, a lock is held."""


class WillNeverWork(GatewayError):
    """Repeating the same call cannot help; a person must change something first."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One mistake in settings or a mapping: `where` is `file:line` as far as known.

    Whoever knows no lines says the path of the key instead (`keys`), inside the file `where`; "" is the very section of
    the settings that was given.
    """

    where: str
    message: str
    keys: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ": ".join(part for part in (self.where, ".".join(self.keys), self.message) if part)


class SettingsError(WillNeverWork):
    """Settings, a mapping, a lookup file or a secret is wrong; `faults` lists every mistake found, not the first."""

    def __init__(self, faults: list[Fault] | str, *, fix: str = "") -> None:
        self.faults = [Fault("settings", faults)] if isinstance(faults, str) else faults
        super().__init__("\n".join(str(fault) for fault in self.faults), fix=fix)


class FileError(WillNeverWork):
    """The file as a whole is unusable. `code` is of the issue catalogue; `line` is the physical line where known."""

    def __init__(self, code: str, message: str, *, fix: str = "", line: int | None = None) -> None:
        super().__init__(message, fix=fix)
        self.code = code
        self.line = line


class Refused(WillNeverWork):
    """The other side refuses the whole call: wrong key, missing role, malformed request. `status` is its own code."""

    def __init__(self, message: str, *, fix: str = "", status: str = "") -> None:
        super().__init__(message, fix=fix)
        self.status = status


class CallRefused(Refused):
    """The other side refuses how a call is made: that lies in none of the rows inside it."""


class HostKeyError(WillNeverWork):
    """A server presented a key that is unknown or differs from known_hosts: nothing is sent to it."""


class OutcomeUnknown(GatewayError):
    """The request left and no usable answer came. The batch is looked up with `find` before anything is resent."""


def no_room(error: BaseException) -> bool:
    """Whether an error, or one it came from, says that the disk is full: what failed will work when there is room."""
    seen: BaseException | None = error
    while seen is not None:
        number = seen.errno if isinstance(seen, OSError) else None
        if number in _FULL or (number is None and any(words in str(seen) for words in _FULL_IN_WORDS)):
            return True
        seen = seen.__cause__ or seen.__context__
    return False
