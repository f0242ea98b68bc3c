"""A source made of a folder of files: the rules of taking and ending, the same wherever the folder is.

The folder is the state and every change is one rename: inbox -> claims/<unique>/<path> -> archive | rejected | inbox.
Where we may only read, the ledger and a note in the spool take the rename's place.
"""

from __future__ import annotations

import posixpath
import threading
import uuid
from datetime import datetime
from pathlib import Path

from gateway.errors import Busy, GatewayError, Refused, SettingsError
from gateway.model import Arrival, Claim, Clock, Ending, Ledger
from gateway.sources.behind import Behind, Late
from gateway.sources.handling import Handling
from gateway.sources.inbox import Inbox
from gateway.sources.names import is_plain_path, next_number, numbered, printable, suffix_of
from gateway.sources.note import Note, note_path, read_notes
from gateway.sources.store import Moved, Store

_BY_LEDGER = "ledger:"
_PLACE_ATTEMPTS = 20


class FolderSource:
    """Implements model.Source over a Store.

    `answers`: folder for answers as the store writes it, None when there is none. Safe for several threads; several
    processes on one folder are safe too when each has its own `handling.owner`.
    """

    def __init__(
        self, name: str, store: Store, handling: Handling, *, ledger: Ledger, clock: Clock, answers: str | None
    ) -> None:
        self.name = name
        self.handling = handling
        self._store = store
        self._ledger = ledger
        self._answers = answers
        self._by_ledger = handling.claim == "ledger" or handling.after == "leave"
        self._may_move = True
        self._inbox = Inbox(name, store, handling, clock)
        self._behind = Behind(store, clock)
        self._active: set[str] = set()
        self._doubts: set[str] = set()
        self._lock = threading.RLock()

    # ---------------------------------------------------------------- listing

    def scan(self) -> list[Arrival]:
        """List the complete files, oldest first by source time, then name."""
        with self._lock:
            for token in sorted(self._doubts):
                self._settle_doubt(token)
            self._behind.look()
            return self._inbox.arrivals(self._known(), by_ledger=self._by_ledger)

    def present(self) -> list[str]:
        """Return the files that lie there now, complete or not; nothing is taken. Raises what `scan` raises."""
        with self._lock:
            return self._inbox.present(self._known(), by_ledger=self._by_ledger)

    def _known(self) -> set[tuple[str, int, datetime]]:
        return self._ledger.seen(self.name) if self.handling.claim != "move" else set()

    def refused(self) -> list[tuple[str, str]]:
        """Return (path, reason) of the files that the last scan saw and will not take as they are."""
        return self._inbox.refused()

    def unread(self) -> list[tuple[str, str]]:
        """Return (path, reason) of the files that could not be read when they were tried last."""
        with self._lock:
            return self._inbox.unread()

    def late(self) -> list[Late]:
        """Return the files that grew after they were taken, and were found so since the last call."""
        with self._lock:
            return self._behind.late()

    def waiting(self) -> list[str]:
        """Return the files of the last scan that may still be growing."""
        return self._inbox.waiting()

    def probe(self) -> str:
        """Say in one line that the folder can be listed."""
        files = sum(entry.kind == "file" for entry in self._store.entries(""))
        return f"{self._store.where}: can be listed, {files:,} {'file' if files == 1 else 'files'}"

    # ---------------------------------------------------------------- claiming

    def claim(self, arrival: Arrival, spool: Path) -> Claim | None:
        """Take the file and copy it to `spool`; None when another worker won or it changed, went or can't be read."""
        if not is_plain_path(arrival.path):
            raise Refused(
                f"{self._store.where}: the path {printable(arrival.path)} leaves the folder.", fix="Rename the file."
            )
        found = self._store.look(arrival.path)
        if found is None or not found.is_of(arrival):
            return None
        unique = f"{self.handling.owner}-{uuid.uuid4().hex[:16]}"
        if not self._by_ledger:
            token = self._take_away(arrival.path, unique)
            if token is not None:
                return self._secure(arrival, token, spool)
            if not self._by_ledger:
                return None
        return self._take_note(arrival, unique, spool)

    def recover(self, spool: Path) -> list[Claim]:
        """Return claims of this owner that nobody holds, their bytes in `spool`; may be called at any time."""
        with self._lock:
            found = {**self._recover_moved(spool), **self._recover_noted(spool)}
            self._active |= found.keys()  # not before: what a cut connection kept from being handed out comes next time
        return sorted(found.values(), key=lambda claim: (claim.arrival.mtime, claim.arrival.path))

    def _take_away(self, path: str, unique: str) -> str | None:
        """Rename into the claims; None when somebody else was first, or renaming is forbidden (`_by_ledger` is set)."""
        token = f"{self.handling.claims}/{unique}/{path}"
        self._active.add(token)
        try:
            allowed = self._store.make_folder(posixpath.dirname(token))
            moved = self._store.move(path, token) if allowed else Moved.DENIED
        except GatewayError:
            self._doubt(token)
            raise
        if moved is Moved.DONE and self._moved_marker(path, token):
            return token
        if moved is Moved.DONE:  # a marker that stays behind would vouch for the next file of the name
            moved = Moved.DENIED
            self._give_up(token)
        else:
            self._forget(token)
        if moved is Moved.DENIED and self._store.look(path) is not None:
            if self.handling.claim == "move":
                raise Refused(
                    f'{self._store.where}: renaming is forbidden, and claim = "move" needs it.',
                    fix='Give the right to rename in the folder, or set claim = "ledger".',
                )
            self._by_ledger, self._may_move = True, False
        return None

    def _secure(self, arrival: Arrival, token: str, spool: Path) -> Claim | None:
        local = spool / f"{self._unique_of(token)}{suffix_of(arrival.name)}"
        copied = False
        try:
            copied = self._copied(arrival, token, local)
        except Refused as error:
            self._set_aside(arrival, error.message.replace(token, arrival.path))
        except GatewayError:
            self._doubt(token)
            raise
        if copied:
            return Claim(arrival, local, token)
        self._give_up(token)
        return None

    def _take_note(self, arrival: Arrival, unique: str, spool: Path) -> Claim | None:
        self._active.add(unique)  # before its note: `recover` must not take it for one a crash left
        Note(unique, arrival, "").write(spool)
        taken = self._ledger.take(arrival)
        if taken is None:
            self._drop_note(unique, spool)
            return None
        Note(unique, arrival, taken).write(spool)
        local = spool / f"{unique}{suffix_of(arrival.name)}"
        copied = False
        try:
            copied = self._copied(arrival, arrival.path, local)
        except Refused as error:
            self._set_aside(arrival, error.message)
        finally:
            if not copied:
                self._ledger.drop(taken)
                self._drop_note(unique, spool)
        return Claim(arrival, local, f"{_BY_LEDGER}{unique}:{taken}") if copied else None

    def _copied(self, arrival: Arrival, path: str, local: Path) -> bool:
        """Copy and compare again: a writer may hold the file open, whatever its name is now."""
        try:
            if self._store.fetch(path, local):
                found = self._store.look(path)
                if found is not None and found.is_of(arrival) and local.stat().st_size == arrival.size:
                    return True
        except Busy:
            found = self._store.look(path)
            if found is not None and found.is_of(arrival):
                raise  # the trouble is ours, not a change of the file
        local.unlink(missing_ok=True)
        return False

    # ---------------------------------------------------------------- ending

    def end(self, claim: Claim, ending: Ending) -> None:
        """Archive, reject or release. Ending twice is once. Raises Busy when a released name is taken meanwhile."""
        if claim.token.startswith(_BY_LEDGER):
            self._end_noted(claim, ending)
            return
        found = self._store.look(claim.token)
        if found is not None and ending is Ending.RELEASE:
            self._put_back(claim.token)
        elif found is not None:
            with self._lock:
                self._away(claim, ending, found.size)
        self._forget(claim.token)

    def _away(self, claim: Claim, ending: Ending, size: int) -> None:
        """Archive, reject or delete; what grew since it was taken is given back, and stays where it can't be."""
        grown = self._behind.gave_back(claim.token, claim.arrival, size)
        if grown and self._store.look(claim.token) is None:
            return
        folder = self.handling.rejected if ending is Ending.REJECT else self.handling.archive
        if folder is not None:
            self._place(claim.token, folder, claim.arrival, watch=not grown)
        elif not self._store.remove(claim.token):
            path = claim.arrival.path
            raise Refused(f"{self._store.where}: {path} can't be deleted.", fix='Set after = "move:archive".')

    def _end_noted(self, claim: Claim, ending: Ending) -> None:
        unique, _, token = claim.token.removeprefix(_BY_LEDGER).partition(":")
        spool = claim.local.parent
        if not note_path(spool, unique).exists():
            return
        path = claim.arrival.path
        if ending is Ending.RELEASE:
            if token:
                self._ledger.drop(token)
        elif self._may_move and self.handling.after != "leave":
            found = self._store.look(path)
            folder = self.handling.rejected if ending is Ending.REJECT else self.handling.archive
            if found is not None and found.is_of(claim.arrival):
                self._clear_away(claim.arrival, folder)
        self._drop_note(unique, spool)

    def _clear_away(self, arrival: Arrival, folder: str | None) -> None:
        try:
            if folder is None:
                self._store.remove(arrival.path)
            else:
                self._place(arrival.path, folder, arrival)
        except Refused:
            self._may_move = False  # the ledger remembers the file: it may stay

    def _place(self, path: str, folder: str, arrival: Arrival, *, watch: bool = True) -> None:
        """Move to `folder` under its own name, or the next free number of it; `watch`: see whether it still grows."""
        target = f"{folder}/{arrival.path}"
        number = 1
        allowed = self._store.make_folder(posixpath.dirname(target))
        for _ in range(_PLACE_ATTEMPTS if allowed else 0):
            place = numbered(target, number)
            moved = self._store.move(path, place)
            if moved is Moved.DONE and watch:
                self._behind.add(place, arrival)
            if moved in {Moved.DONE, Moved.GONE}:
                return
            if moved is Moved.DENIED:
                break
            taken = [entry.name for entry in self._store.entries(posixpath.dirname(target))]
            number = next_number(posixpath.basename(target), taken)
        raise Refused(
            f"{self._store.where}: {printable(path)} can't be moved to {folder}.",
            fix="Give the right to create folders and files there.",
        )

    def _put_back(self, token: str) -> None:
        path = self._path_of(token)
        moved = self._store.move(token, path)
        if moved is Moved.TAKEN:
            raise Busy(
                f"{self._store.where}: {path} can't be given back, a newer file has its name.",
                fix="It is given back when the newer one has been taken.",
            )
        if moved is Moved.DENIED:
            raise Refused(f"{self._store.where}: {path} can't be given back.", fix="Give the right to rename.")
        if self.handling.done_marker:
            self._store.move(token + self.handling.done_marker, path + self.handling.done_marker)
        self._forget(token)

    # ---------------------------------------------------------------- answers

    def deliver(self, local: Path, name: str) -> None:
        """Put an answer into the answer folder. Raises SettingsError when the source has none."""
        if self._answers is None:
            raise SettingsError(
                f"The source {self.name} has no answer folder, but {name} is to go there.", fix="Set answers."
            )
        if not is_plain_path(name) or "/" in name:
            raise Refused(f"The answer name {printable(name)} is not a plain file name.")
        self._store.publish(local, posixpath.join(self._answers, name))

    def close(self) -> None:
        """Give back connections."""
        self._store.close()

    # ---------------------------------------------------------------- keeping order

    def _doubt(self, token: str) -> None:
        """An answer is lost: the next scan looks where the file is and gives it back."""
        self._active.discard(token)
        self._doubts.add(token)

    def _give_up(self, token: str) -> None:
        try:
            self._put_back(token)
        except GatewayError:
            self._doubt(token)

    def _set_aside(self, arrival: Arrival, reason: str) -> None:
        with self._lock:
            self._inbox.set_aside(arrival, reason)

    def _settle_doubt(self, token: str) -> None:
        try:
            if self._store.look(token) is not None:
                self._put_back(token)
        except (Busy, Refused):
            return  # it stays claimed: `recover` finds it
        self._forget(token)

    def _moved_marker(self, path: str, token: str) -> bool:
        """Move the file's done-marker, if there is one, after it; False where that is forbidden."""
        marker = self.handling.done_marker
        return not marker or self._store.move(path + marker, token + marker) is not Moved.DENIED

    def _forget(self, token: str) -> None:
        self._active.discard(token)
        self._doubts.discard(token)
        if self.handling.done_marker:
            self._store.remove(token + self.handling.done_marker)
        folder = posixpath.dirname(token)
        while folder != self.handling.claims:
            self._store.remove_folder(folder)
            folder = posixpath.dirname(folder)

    def _drop_note(self, unique: str, spool: Path) -> None:
        self._active.discard(unique)
        note_path(spool, unique).unlink(missing_ok=True)

    def _recover_moved(self, spool: Path) -> dict[str, Claim]:
        claims: dict[str, Claim] = {}
        for token, entry in self._inbox.left_behind():
            if token in self._active:
                continue
            arrival = Arrival(self.name, self._path_of(token), entry.size, entry.mtime)
            local = spool / f"{self._unique_of(token)}{suffix_of(arrival.name)}"
            if self._have(arrival, token, local):
                self._doubts.discard(token)
                claims[token] = Claim(arrival, local, token)
            else:
                self._give_up(token)
        return claims

    def _recover_noted(self, spool: Path) -> dict[str, Claim]:
        claims: dict[str, Claim] = {}
        for left in read_notes(spool, self.name, self.handling.owner):
            if left.unique in self._active:
                continue
            token = left.token or self._ledger.take(left.arrival) or ""
            note = Note(left.unique, left.arrival, token)
            note.write(spool)
            local = spool / f"{note.unique}{suffix_of(note.arrival.name)}"
            if self._have(note.arrival, note.arrival.path, local):
                claims[note.unique] = Claim(note.arrival, local, f"{_BY_LEDGER}{note.unique}:{token}")
                continue
            if token:
                self._ledger.drop(token)
            self._drop_note(note.unique, spool)
        return claims

    def _have(self, arrival: Arrival, path: str, local: Path) -> bool:
        """Have the bytes of a claim in the spool; False where it changed, went, or can't be read, which is told."""
        if local.exists() and local.stat().st_size == arrival.size:
            return True
        try:
            return self._copied(arrival, path, local)
        except Refused as error:
            self._set_aside(arrival, error.message.replace(path, arrival.path))
            return False

    def _unique_of(self, token: str) -> str:
        return token.removeprefix(f"{self.handling.claims}/").split("/", 1)[0]

    def _path_of(self, token: str) -> str:
        return token.removeprefix(f"{self.handling.claims}/").split("/", 1)[1]
