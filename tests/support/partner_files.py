"""Files for the Partner API: rows, promotions, and what was put where."""

from __future__ import annotations

import json

import polars as pl

from gateway.model import EACH, KEY, KEY_SEPARATOR
from gateway.testing.texts import mapping
from gateway.transport.http import Response
from gateway.transport.sftp import RemoteFile

FROM, UNTIL = "2031-03-16T00:00:00Z", "2031-03-22T22:59:59Z"
TOKEN = "portal-token-51aa"
NAMES = (
    *("sku", "promotion_id", "type", "price", "percentage", "amount", "buy_quantity", "get_quantity", "starts_at"),
    *("ends_at", "limit_total", "campaign", "reason", "status", "vendor_ids", "command", "regular_price"),
)


class Session:
    """A file server in memory; `faults` by name of what is done; `lying`: paths that were not taken yet."""

    def __init__(self, *folders):
        self.folders = list(folders or ("Catalog", "PROMOTIONS", "assortment"))
        self.files, self.log, self.faults, self.lying = {}, [], {}, set()

    def _do(self, what, path):
        self.log.append((what, path))
        error = self.faults[what].pop(0) if self.faults.get(what) else None
        if error is not None:
            raise error

    def entries(self, folder):
        self._do("list", folder)
        return [RemoteFile(name, 0, 0, 0o40755) for name in self.folders] + [RemoteFile("note.txt", 1, 0, 0o100644)]

    def look(self, path):
        return RemoteFile(path, len(self.files[path]), 0, 0o100644) if path in self.lying else None

    def fetch(self, path, local):
        self._do("fetch", path)
        local.write_bytes(self.files[path])

    def put(self, local, path):
        self.files[path] = b""
        self._do("put", path)
        self.files[path] = local.read_bytes()

    def replace(self, path, target):
        self._do("rename", target)
        self.files[target] = self.files.pop(path)

    def remove(self, path):
        self._do("remove", path)
        self.files.pop(path, None)

    def make_folder(self, path):
        self._do("make", path)

    def close(self):
        self.log.append(("close", ""))


class Calls:
    def __init__(self, *pages):
        self.pages = list(pages)

    def send(self, _request):
        page = self.pages.pop(0)
        if isinstance(page, Exception):
            raise page
        return Response(200, {}, json.dumps(page).encode())

    def close(self): ...


def rows(*cells):
    """Records from (sku, vendor, more); a vendor with a bar is a list: a record for each."""
    names = dict.fromkeys(name for _, _, more in cells for name in more)
    frame = pl.DataFrame(
        {"sku": [sku for sku, *_ in cells], EACH: [vendor.split("|") for _, vendor, _ in cells]}
        | {name: [more.get(name) for *_, more in cells] for name in names},
        schema={"sku": pl.String, EACH: pl.List(pl.String)} | dict.fromkeys(names, pl.String),
    )
    return frame.explode(EACH).with_columns(
        pl.int_range(10, 10 + pl.len(), dtype=pl.UInt32).alias("effect"),
        pl.concat_str("sku", EACH, separator=KEY_SEPARATOR).alias(KEY),
    )


def promotions(*cells, vendor="S1"):
    whole = [
        {"promotion_id": "W12", "starts_at": FROM, "ends_at": UNTIL, "campaign": "Week 12", **one} for one in cells
    ]
    frame = pl.DataFrame(
        {name: [one.get(name) for one in whole] for name in NAMES}, schema=dict.fromkeys(NAMES, pl.String)
    )
    parts = [pl.col(name).fill_null("") for name in ("sku", "promotion_id", "starts_at", "ends_at")]
    each = [] if vendor is None else [pl.lit(vendor).alias(EACH)]
    return frame.with_columns(*each).with_columns(
        pl.int_range(10, 10 + pl.len(), dtype=pl.UInt32).alias("effect"),
        pl.concat_str([*parts, *([] if vendor is None else [EACH])], separator=KEY_SEPARATOR).alias(KEY),
    )


def encoded(destination, operation, records):
    return list(destination.encode(operation, records, destination.gather(operation, records)))


def last_file(session):
    path = [path for what, path in session.log if what == "rename"][-1]
    return session.files[path].decode()


def one(destination, **more):
    (batch,) = encoded(
        destination, "stock", rows(("A", "S1", {"quantity": "7", **more}), ("B", "S1", {"quantity": "2"}))
    )
    return batch


OFFERS = mapping(
    "promotion",
    """sku = "sku"
promotion_id = "id"
price = "price"
price_basis = { constant = "gross" }
starts_at = "from"
ends_at = "to"
""",
)
