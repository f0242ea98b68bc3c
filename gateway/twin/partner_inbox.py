"""The file side of the Partner API twin: files are picked up from folders, worked through, and listed for the portal.

Source: Partner API documentation, catalog and promotion files: a wrong name is never picked up, nothing comes back by
SFTP, results are in the portal (verified); how files are picked up and how long it takes are assumptions.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from gateway.twin import partner_campaigns as campaigns
from gateway.twin import partner_products as products
from gateway.twin import partner_tables as tables
from gateway.twin.partner_market import Event, Market
from gateway.twin.partner_settings import Chain, Feed, Login, Vendor
from gateway.twin.partner_state import LogRow, RowFault, Upload

Mark = tuple[int, int, int]
_LOST = "too_soon"


@dataclass(slots=True)
class _Unread:
    """A file that lies in a folder, since when it has been as it is, and whether it will ever be picked up."""

    seen: datetime
    mark: Mark
    stuck: bool = False


class Inbox:
    """Looks into the folders of every login below `root`; `tick` is the real time between two looks."""

    def __init__(self, market: Market, root: Path, tick: float) -> None:
        self.root, self._taken = root / "accounts", root / "taken"
        self._market, self._settings = market, market.settings
        self._slack = 2 * tick * market.clock.speed
        self._unread: dict[Path, _Unread] = {}
        self._odd: dict[Path, Mark] = {}
        self._paused: set[tuple[str, str]] = set()
        market.adds(self._due)
        for chain in self._settings.chains:
            for login in chain.logins:
                for feed in self._settings.feeds if self._settings.create_folders else ():
                    self.folder(login, feed).mkdir(parents=True, exist_ok=True)

    def folder(self, login: Login, feed: Feed) -> Path:
        """Where files of a feed are put by a login."""
        return self.home(login) / self._settings.folders[feed]

    def home(self, login: Login) -> Path:
        """Where a login starts."""
        return self.root / login.user / self._settings.home.format(user=login.user).lstrip("/")

    def pause(self, chain_id: str, feed: str, *, paused: bool) -> None:
        """Leave files of a feed alone, as the portal's switch does, or go on."""
        (self._paused.add if paused else self._paused.discard)((chain_id, feed))

    def content(self, upload: Upload) -> bytes:
        """A file that was picked up, as the portal gives it back."""
        return (self._taken / upload.file_id).read_bytes()

    # ------------------------------------------------------------ picking up

    def step(self) -> None:
        """Look once: note what is new, pick up what has lain long enough."""
        with self._market.lock:
            before = len(self._market.state.violations), len(self._market.state.uploads)
            present: set[Path] = set()
            for chain in self._settings.chains:
                for login in chain.logins:
                    self._strays(login)
                    for feed in self._settings.feeds:
                        present |= self._look(chain, feed, self.folder(login, feed))
            for path in [path for path in self._unread if path not in present]:
                del self._unread[path]
            if before != (len(self._market.state.violations), len(self._market.state.uploads)):
                self._market.save()

    def _strays(self, login: Login) -> None:
        home = self.home(login)
        for name, mark in _files(home):
            self._wrong(home / name, mark, "folder", "files belong into a folder of the agreed format")

    def _look(self, chain: Chain, feed: Feed, folder: Path) -> set[Path]:
        present: set[Path] = set()
        for name, mark in _files(folder):
            path = folder / name
            whose = tables.vendor_of(name, feed, chain, self._settings)
            if whose is None:
                self._wrong(path, mark, "file_name", "the name is none of the agreed ones: it is never picked up")
            elif self._market.state.kept.get(str(path)) != mark:
                present.add(path)
                if self._ripe(path, mark) and (chain.chain_id, feed) not in self._paused:
                    self._pick(chain, feed, whose, path, mark)
        return present

    def _wrong(self, path: Path, mark: Mark, kind: str, detail: str) -> None:
        if self._odd.get(path) != mark:
            self._odd[path] = mark
            self._market.note(kind, path.name, detail)

    def _ripe(self, path: Path, mark: Mark) -> bool:
        now, faults = self._market.clock.now(), self._market.faults
        known = self._unread.get(path)
        if known is None or known.mark != mark:
            if known is not None and known.mark[0] != mark[0]:
                self._market.note("overwritten", path.name, "the same name was put again before it was picked up")
            self._unread[path] = _Unread(now, mark, faults.take("file_stuck"))
            return self._unread[path].stuck is False and faults.take("file_at_once")
        waits = self._settings.too_soon == "waits" and self._too_soon(path, now)
        return not known.stuck and not waits and self._market.clock.since(known.seen) >= self._settings.pickup_seconds

    def _too_soon(self, path: Path, seen: datetime) -> bool:
        last = self._market.state.read.get(str(path))
        if last is None or not self._settings.min_interval_seconds:
            return False
        # What lies between two looks counts for the partner.
        return (
            seen - last
        ).total_seconds() * self._market.clock.speed + self._slack < self._settings.min_interval_seconds

    def _pick(self, chain: Chain, feed: Feed, vendor_id: str, path: Path, mark: Mark) -> None:
        market, clock, faults = self._market, self._market.clock, self._market.faults
        seen = self._unread.pop(path).seen
        upload = Upload(
            str(uuid.uuid4()), chain.chain_id, feed, path.name, vendor_id, clock.now(),
            clock.later(clock.now(), self._settings.file_seconds[feed]), mark[2],
        )  # fmt: skip
        self._taken.mkdir(parents=True, exist_ok=True)
        try:
            if self._settings.vanishes:
                path.replace(self._taken / upload.file_id)
            else:
                (self._taken / upload.file_id).write_bytes(path.read_bytes())
                market.state.kept[str(path)] = mark
        except FileNotFoundError:
            return  # its writer took it back in this very moment
        if faults.take("file_lost"):
            (self._taken / upload.file_id).unlink()
            return
        if self._too_soon(path, seen):
            market.note(_LOST, path.name, f"put within {self._settings.min_interval_seconds:g} s of the last one")
            upload.ends_at = upload.picked
            _fail(upload, "The file came too soon after the last one of its name")
        else:
            market.state.read[str(path)] = seen
            upload.plan = "fail" if faults.take("file_fails") else "apply"
        market.state.uploads.append(upload)

    # ------------------------------------------------------------ working through

    def _due(self, now: datetime) -> Iterator[Event]:
        for upload in self._market.state.uploads:
            if upload.state == "PROCESSING" and upload.ends_at <= now:
                yield upload.ends_at, partial(self._end, upload)

    def _end(self, upload: Upload, at: datetime) -> None:
        chain = self._settings.chain(upload.chain_id)
        if chain is None or upload.plan == "fail" or upload.feed not in self._settings.feeds:
            _fail(upload, "The file could not be processed")
            return
        try:
            rows = tables.table(self.content(upload), upload.feed, self._settings)
        except products.BadCallError as error:
            _fail(upload, str(error))
            return
        upload.rows = len(rows)
        taken: set[int] = set()
        if upload.feed != "promotions":
            taken |= self._catalog(upload, chain, rows, at)
        if upload.feed != "catalog":
            taken |= self._promotions(upload, chain, rows, at)
        upload.taken = len(taken - {fault.line for fault in upload.faults})
        upload.state = "COMPLETED_WITH_ERRORS" if upload.faults else "COMPLETED"

    def _catalog(self, upload: Upload, chain: Chain, rows: list[tables.Row], at: datetime) -> set[int]:
        """Update existing products; rows that are absent change nothing (catalog files, use cases; inferred)."""
        settings, single = self._settings, upload.feed == "assortment"
        price = tables.prices(settings)[0] if single else "price"
        by_vendor: dict[str, list[products.Given]] = {}
        taken: set[int] = set()
        for row in rows:
            if single and _only_promotion(row, price):
                continue
            try:
                row.check()
                reached = (upload.vendor_id,) if upload.vendor_id else tables.reach(row, chain)
            except tables.BadRowError as error:
                upload.faults.append(RowFault(row.line, row.key, "", str(error)))
                continue
            for vendor_id in reached:
                by_vendor.setdefault(vendor_id, []).append(tables.given(row, price))
        for vendor_id, given in by_vendor.items():
            vendor = chain.vendor(vendor_id) or Vendor(vendor_id)
            shelf = self._market.state.shelf(chain.chain_id, vendor_id)
            verdict = products.judge(given, vendor, shelf, settings, call=False)
            self._market.apply(chain.chain_id, vendor_id, verdict.changes, upload.file_id, at)
            taken |= self._faults(upload, vendor_id, given, verdict.rows)
        return taken

    def _faults(self, upload: Upload, vendor_id: str, given: list[products.Given], rows: list[LogRow]) -> set[int]:
        taken: set[int] = set()
        for one, row in zip(given, rows, strict=True):
            if row.error:
                upload.faults.append(RowFault(one.place, row.sku, vendor_id, row.error))
            else:
                taken.add(one.place)
        return taken

    def _promotions(self, upload: Upload, chain: Chain, rows: list[tables.Row], at: datetime) -> set[int]:
        market, settings = self._market, self._settings
        if upload.feed == "assortment":
            # All promotion cells are blank where a row has no promotion (live-reported).
            names = (*tables.SINGLE_PROMOTION, tables.prices(settings)[1])
            rows = [_promotion_part(row, names) for row in rows if not row.fault and any(map(row.cell, names))]
        vendor = chain.vendor(upload.vendor_id) if upload.vendor_id else None
        files = campaigns.Files(chain, vendor, settings, upload.picked)
        known = market.state.promotions
        taken = campaigns.take(rows, files, known, lambda vendor_id: market.state.shelf(chain.chain_id, vendor_id))
        for vendor_id, sku, value in taken.set:
            market.effect(chain.chain_id, vendor_id, sku, upload.file_id, at, "promotion", value, None)
        upload.faults += taken.faults
        return taken.lines


def _fail(upload: Upload, message: str) -> None:
    upload.state, upload.faults = "FAILED", [RowFault(0, "", "", message)]


def _promotion_part(row: tables.Row, names: tuple[str, ...]) -> tables.Row:
    """What a row of a single file says about its promotion: its end need not repeat price and stock."""
    kept = {"sku", "barcode", *names}
    return tables.Row(row.line, {name: text for name, text in row.cells.items() if name in kept})


def _only_promotion(row: tables.Row, price: str) -> bool:
    """Whether a row of a single file changes nothing but a promotion."""
    return not row.fault and not any(map(row.cell, (price, "active", "quantity", "maximum_sales_quantity"))) and bool(
        row.cell("start_date")
    )  # fmt: skip


def _files(folder: Path) -> list[tuple[str, Mark]]:
    """CSV files of a folder, oldest first; others are none of the platform's concern (`.csv` only; verified)."""
    found: list[tuple[str, Mark]] = []
    if not folder.is_dir():
        return found
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".csv") and not entry.name.startswith(".") and entry.is_file(follow_symlinks=False):
                stat = entry.stat(follow_symlinks=False)
                found.append((entry.name, (stat.st_ino, stat.st_mtime_ns, stat.st_size)))
    return sorted(found, key=lambda pair: (pair[1][1], pair[0]))
