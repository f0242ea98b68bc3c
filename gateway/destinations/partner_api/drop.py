"""Files put on the platform's server, and what became of their rows: read back by calls where there are any.

Source: Partner API documentation, files: nothing comes back by SFTP, errors stand in the portal (verified). That a file
may be gone at once, that renaming may be refused, and how often a name may be written are assumptions.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from gateway.destinations.partner_api import answers, items, sheets
from gateway.destinations.partner_api.account import Account
from gateway.destinations.partner_api.answers import Place
from gateway.destinations.partner_api.memory import Memory
from gateway.destinations.partner_api.readback import ReadBack, Verdict, compared, overtaken
from gateway.errors import GatewayError, MayWorkLater, Refused, Throttled, Unreachable
from gateway.model import KEY_SEPARATOR, LIST_SEPARATOR, Batch, Outgoing, Receipt, RowState, Sent
from gateway.transport.sftp import RemoteDeniedError, RemoteFailureError, RemoteMissingError, SftpSession

_NONE = "none"
_NO_FOLDER, _FORBIDDEN = "404", "403"
"""Statuses of trouble with the file server, as calls have them: it is no fault of the rows."""


class Drop:
    """Uploads of one account; `read_back` where there are credentials for calls."""

    def __init__(self, account: Account, session: SftpSession, memory: Memory, read_back: ReadBack | None) -> None:
        self._account = account
        self._session = session
        self._memory = memory
        self._read_back = read_back
        self._folders: dict[str, str] = {}

    def submit(self, batch: Batch) -> Receipt:
        """Upload the file, or the first of several. Raises Throttled while the name was written too short ago."""
        why = batch.memo.get(items.UNSENT)
        if why is not None:
            full = why == sheets.TOO_MANY
            state, code = (RowState.REFUSED, "DEST_REFUSED") if full else (RowState.SKIPPED, "DEST_NOTHING")
            return Receipt(_NONE, closed=True, rest=state, code=code, message=sheets.unsent(why))
        if "steps" in batch.memo:
            return self._step(batch.memo, 0)
        name = batch.memo["file"]
        at = self._upload(batch.memo["feed"], name, batch.body)
        ticket = f"{name} {at.isoformat(timespec='seconds')}"
        note = (
            "; it is larger than the platform is known to take"
            if sheets.large(batch.body, self._account.profile)
            else ""
        )
        if self._read_back is None or not self._read_back.on or "items" not in batch.memo:
            return self._unconfirmed(ticket, f"uploaded as {name}, and nothing tells what became of it{note}")
        return Receipt(ticket, after=self._account.profile.confirm.window_s.catalog, message=note)

    def poll(self, sent: Sequence[Sent]) -> dict[int, Receipt]:
        """Send files that are to follow, and read back what should have shown by now."""
        receipts: dict[int, Receipt] = {}
        for item in (one for one in sent if one.ticket is not None and items.UNSENT not in one.memo):
            try:
                receipts[item.batch_id] = self._asked(item)
            except MayWorkLater as error:
                receipts[item.batch_id] = Receipt(
                    item.ticket, after=error.after or self._account.profile.jobs.poll_after_s[0]
                )
            except Refused:
                if not receipts:
                    raise
                break
        return receipts

    def outgoing(self, batch: Batch) -> Sequence[Outgoing]:
        """Return the files of a batch, in their order, each below the name of its feed."""
        if items.UNSENT in batch.memo:
            return ()
        feed = batch.memo["feed"]
        if "steps" not in batch.memo:
            return (
                Outgoing(f"{feed}/{batch.memo['file']}", batch.body, sheets.rows_in(batch.body, self._account.profile)),
            )
        bodies = [(step["file"], str(step["body"]).encode("utf-8")) for step in _steps(batch.memo)]
        return [Outgoing(f"{feed}/{name}", body, sheets.rows_in(body, self._account.profile)) for name, body in bodies]

    def probe(self) -> str:
        """Find the folders of the agreed layout. Raises what the session raises, Refused for a missing folder."""
        feeds = {sheets.feed(self._account.settings), sheets.feed(self._account.settings, promotions=True)}
        return ", ".join(self._folder(one) for one in sorted(feeds))

    def close(self) -> None:
        """Give back the connection."""
        self._session.close()

    # ---------------------------------------------------------------- uploading

    def _upload(self, feed: str, name: str, body: bytes) -> datetime:
        """Put a file under its name; returns when. The name is what is picked up, so it appears whole.

        Raises Throttled while the name was written too short ago, Unreachable while what was written still lies there;
        Refused, as trouble of the account, where the server lets nobody in or write.
        """
        last, now = self._memory.last_upload(name), self._account.clock.now()
        wait = 0.0 if last is None else self._account.profile.sftp.min_interval_s - (now - last).total_seconds()
        if wait > 0:
            raise Throttled(f"{name} was uploaded {(now - last).total_seconds() if last else 0:.0f} s ago.", after=wait)
        try:
            target = posixpath.join(self._folder(feed), name)
            self._taken(target, body)
            local = self._memory.stage(name, body)
            self._put(local, target)
        except RemoteFailureError as error:
            raise Unreachable(error.message, fix=error.fix) from error
        except Refused as error:
            self._folders.clear()  # the folder may be another one by the time it works again
            status = error.status if error.status == _NO_FOLDER else _FORBIDDEN
            raise Refused(error.message, fix=error.fix, status=status) from error
        return self._memory.archive(name, local, self._account.clock.now())

    def _taken(self, target: str, body: bytes) -> None:
        """Make sure that nothing else lies under the name. Raises Unreachable: rows nobody has read yet would go."""
        if self._account.profile.sftp.untaken == "overwrite":
            return
        found = self._session.look(target)
        if found is not None and not (found.size == len(body) and self._lies(target, body)):
            raise Unreachable(
                f"{target} still lies on the file server: the platform has not taken it, and its rows would be lost.",
                fix="It is sent once the name is free. If the platform leaves files where they are, set sftp.untaken "
                "of the profile to overwrite; else have the platform take the file, or remove it.",
            )

    def _lies(self, target: str, body: bytes) -> bool:
        """Whether this very file lies there: it was put before, and its answer was lost."""
        local = self._memory.looked_at(posixpath.basename(target))
        try:
            self._session.fetch(target, local)
            return local.read_bytes() == body
        except RemoteMissingError:
            return True  # it was taken this moment
        finally:
            local.unlink(missing_ok=True)

    def _put(self, local: Path, target: str) -> None:
        how = self._account.profile.sftp.atomic_rename
        if how == "never":
            self._openly(local, target)
            return
        folder, name = posixpath.split(target)
        part = posixpath.join(folder, f".{name}.part")
        self._openly(local, part)
        try:
            self._session.replace(part, target)
        except (RemoteDeniedError, RemoteFailureError):
            if how == "always":
                self._discard(part)
                raise
            self._openly(local, target)
            self._discard(part)

    def _openly(self, local: Path, path: str) -> None:
        """Put a file under a name at once; what came of it when it fails does not stay to be picked up."""
        try:
            self._session.put(local, path)
        except RemoteDeniedError:
            raise  # nothing was begun
        except GatewayError:
            self._discard(path)
            raise

    def _discard(self, path: str) -> None:
        try:
            self._session.remove(path)
        except GatewayError:
            return  # what could not be renamed may not be removable either; its name is never picked up

    def _folder(self, feed: str) -> str:
        """Return the folder of a feed as the server has it: found without case, made only where that is allowed."""
        known = self._folders.get(feed)
        if known is not None:
            return known
        found = ""
        wanted = str(getattr(self._account.profile.sftp.remote_dir, feed))
        for part in [piece for piece in wanted.split("/") if piece]:
            names = [one.name for one in self._session.entries(found) if one.is_folder]
            name = part if part in names else next((one for one in names if one.lower() == part.lower()), None)
            if name is None and not self._account.profile.sftp.create_missing:
                raise Refused(
                    f"The folder {wanted} is not on the file server; there are: {', '.join(sorted(names)) or 'none'}.",
                    fix="Correct sftp.remote_dir of the profile, or allow sftp.create_missing.",
                    status="404",
                )
            found = posixpath.join(found, part if name is None else name)
            if name is None:
                self._session.make_folder(found)
        self._folders[feed] = found
        return found

    # ---------------------------------------------------------------- files that follow each other

    def _step(self, memo: Mapping[str, str], at: int) -> Receipt:
        steps = _steps(memo)
        step = steps[at]
        when = self._upload(memo["feed"], step["file"], str(step["body"]).encode("utf-8"))
        self._memory.keep([step["record"]])
        ticket = f"{at + 1}/{len(steps)} {step['file']} {when.isoformat(timespec='seconds')}"
        if at + 1 < len(steps):
            return Receipt(ticket, after=self._account.profile.sftp.min_interval_s)
        return self._promoted(ticket, step["file"])

    def _promoted(self, ticket: str, name: str) -> Receipt:
        """Say of promotions that they were uploaded: no call of the platform shows promotions, so none is asked."""
        return self._unconfirmed(ticket, f"uploaded as {name}; no call reads promotions back, the portal shows them")

    def _unconfirmed(self, ticket: str, message: str) -> Receipt:
        return Receipt(ticket, closed=True, rest=RowState.ACCEPTED, code="DEST_NOT_CONFIRMED", message=message)

    def _asked(self, item: Sent) -> Receipt:
        if "steps" in item.memo:
            at, _, rest = (item.ticket or "").partition("/")
            count, name, *_ = rest.split(" ")
            return self._step(item.memo, int(at)) if int(at) < int(count) else self._promoted(item.ticket or "", name)
        return self._shown(item)

    # ---------------------------------------------------------------- reading back

    def _shown(self, item: Sent) -> Receipt:
        """Say what the catalogs of the vendors show, once the platform had its time."""
        window = timedelta(seconds=self._account.profile.confirm.window_s.catalog)
        age, name = self._account.clock.now() - item.intent_at, item.memo["file"]
        if self._read_back is None or not self._read_back.on or "items" not in item.memo:
            return self._unconfirmed(item.ticket or "", f"uploaded as {name}, and nothing tells what became of it")
        over = age >= 2 * window
        if age < window:
            return Receipt(item.ticket, after=(window - age).total_seconds())
        since = item.intent_at + (2 * window if over else window)
        verdicts = self._verdicts(item, since)
        if verdicts is None:
            return Receipt(item.ticket, after=self._account.profile.rest.limits.interval)
        if not over and not all(one.settled for one in verdicts.values()):
            return Receipt(item.ticket, after=(2 * window - age).total_seconds())
        if self._followed(item):
            verdicts = {place: overtaken(one) for place, one in verdicts.items()}
        told = answers.frame((place, one.state, one.code, one.message) for place, one in verdicts.items())
        return Receipt(
            item.ticket, closed=True, rest=RowState.ACCEPTED, code="DEST_NOT_CONFIRMED",
            message=f"uploaded as {name}", outcomes=told,
        )  # fmt: skip

    def _followed(self, item: Sent) -> bool:
        """Whether another file was uploaded under the name since: the archive knows, whatever process did it."""
        name, _, at = (item.ticket or "").rpartition(" ")
        last = self._memory.last_upload(name)
        return last is not None and last >= datetime.fromisoformat(at) + timedelta(seconds=1)

    def _verdicts(self, item: Sent, since: datetime) -> dict[Place, Verdict] | None:
        """Return what reading back says of each effect. None while it is being read."""
        texts, found = items.unpack(item.memo["items"]), dict[Place, Verdict]()
        of = items.unpack(item.memo["vendors"]) if "vendors" in item.memo else [item.memo["vendor"]] * len(texts)
        skus = [str(json.loads(text)) for text in items.unpack(item.memo["skus"])] if "skus" in item.memo else None
        rows = pl.DataFrame({"at": range(len(of)), "vendors": of}).with_columns(
            pl.col("vendors").str.split(LIST_SEPARATOR)
        )
        for (name,), part in rows.explode("vendors").partition_by("vendors", as_dict=True, maintain_order=True).items():
            vendor, places = str(name), part["at"].to_list()
            verdicts = self._compared(vendor, [texts[at] for at in places], since)
            if verdicts is None:
                return None
            for at, one in zip(places, verdicts, strict=True):
                place: Place = (at + 1, None) if skus is None else (None, f"{skus[at]}{KEY_SEPARATOR}{vendor}")
                known = found.get(place)
                if known is None or one.state.gravity < known.state.gravity:
                    found[place] = one
        return found

    def _compared(self, vendor: str, texts: Sequence[str], since: datetime) -> list[Verdict] | None:
        """Return what a vendor's catalog says of items sent to it; None while it is being read."""
        account, read_back = self._account, self._read_back
        shown = None if read_back is None else read_back.catalog(account.settings.vendor_id(vendor), since, _deaf)
        if shown is None:
            return None
        buffer = items.sales_buffer(vendor, account.settings, account.profile)
        several = len(account.settings.vendors) > 1
        found = compared(texts, shown, buffer, account.profile)
        return [replace(one, message=_named(one, vendor)) for one in found] if several else found


def _named(one: Verdict, vendor: str) -> str:
    return f"vendor {vendor}: {one.message}" if one.message else ""


def _steps(memo: Mapping[str, str]) -> list[dict[str, Any]]:
    return [json.loads(text) for text in items.unpack(memo["steps"])]


def _deaf(job: str) -> None:
    """Nothing is heard of jobs of an account that writes files."""
    del job
