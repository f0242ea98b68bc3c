"""Files about jobs: the log of an update, the export of an assortment, and where they are fetched.

Source: Partner API documentation, testing the integration: a result names an address that is fetched with the token
(verified); pre-signed addresses of a storage that takes no token, compression and columns are live-reported.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import hmac
import io
import secrets
from collections.abc import Callable, Iterable, Mapping

from starlette.requests import Request
from starlette.responses import Response

from gateway.twin import partner_calls as calls
from gateway.twin.partner_http import Ask, RefusalError
from gateway.twin.partner_market import Market
from gateway.twin.partner_settings import PartnerTwinSettings
from gateway.twin.partner_state import Item, Job, LogRow

STORAGE_PATH = "/partner-jobs/{job}.csv"


class Downloads:
    """Makes addresses of files and serves them; `places` gives the base addresses of the API and of its storage."""

    def __init__(self, market: Market) -> None:
        self.places: Callable[[], tuple[str, str]] = lambda: ("", "")
        self._market = market
        self._key = secrets.token_bytes(32)

    def handlers(self) -> dict[calls.Call, Callable[[Ask], Response]]:
        """What answers which call."""
        return {calls.C7: self._c7}

    def address(self, job: Job) -> str | None:
        """Where the file of a job is fetched; None when there is none."""
        if not job.file:
            return None
        api, storage = self.places()
        if not job.signed:
            return api + calls.C7.path.format(chain=job.chain_id, job=job.job_id)
        clock = self._market.clock
        until = int(clock.later(clock.now(), self._market.settings.signed_seconds).timestamp())
        path = STORAGE_PATH.format(job=job.job_id)
        return f"{storage}{path}?X-Expires={until}&X-Signature={self._signature(job.job_id, until)}"

    def stored(self, request: Request) -> Response:
        """The storage's answer: the signature is the only key, a token on top is refused as storages do (inferred)."""
        if "authorization" in request.headers:
            self._market.note("token", request.url.path, "a token was shown to the storage")
            return _trouble(400, "InvalidArgument", "Only one auth mechanism allowed")
        job_id, until = request.path_params["job"], request.query_params.get("X-Expires", "")
        shown = request.query_params.get("X-Signature", "")
        genuine = until.isdigit() and hmac.compare_digest(self._signature(job_id, int(until)), shown)
        if not genuine or self._market.clock.now().timestamp() > int(until):
            return _trouble(403, "AccessDenied", "Request has expired")
        job = self._market.find(job_id)
        if job is None or not job.file or job.log_missing:
            return _trouble(404, "NoSuchKey", "The specified key does not exist")
        return _file(job)

    def _c7(self, ask: Ask) -> Response:
        job = self._market.find(ask.request.path_params["job"])
        if job is None or job.chain_id != ask.chain.chain_id or not job.file or job.log_missing:
            raise RefusalError(404, "File not found")
        return _file(job)

    def _signature(self, job_id: str, until: int) -> str:
        return hmac.new(self._key, f"{job_id} {until}".encode(), hashlib.sha256).hexdigest()


def log(rows: Iterable[LogRow], settings: PartnerTwinSettings) -> str:
    """The log of an update: `sku`, `state`, `errors`."""
    good, bad = settings.log_words
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("sku", "state", "errors"))
    writer.writerows((row.sku, bad if row.error else good, row.error or settings.no_error) for row in rows)
    return out.getvalue()


def export(shelf: Mapping[str, Item], settings: PartnerTwinSettings) -> str:
    """An assortment as a quoted table; quantities are not kept by the platform and so are not in it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(("sku", "barcode", "price", "active", "maximum_sales_quantity"))
    for item in shelf.values():
        codes = settings.barcode_separator.join(padded(code, settings) for code in item.barcodes)
        maximum = "" if item.maximum is None else str(item.maximum)
        writer.writerow((item.sku, codes, item.price, "true" if item.active else "false", maximum))
    return ("\ufeff" if settings.export_bom else "") + out.getvalue()


def padded(barcode: str, settings: PartnerTwinSettings) -> str:
    """A barcode as reads show it."""
    return barcode.zfill(settings.barcode_digits)


def _file(job: Job) -> Response:
    if job.gzipped:
        # As a file of its own, not as an encoding that a client takes off by itself.
        return Response(gzip.compress(job.file.encode(), mtime=0), media_type="application/gzip")
    return Response(job.file, media_type="text/csv")


def _trouble(status: int, code: str, message: str) -> Response:
    body = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Response(body, status, media_type="application/xml")
