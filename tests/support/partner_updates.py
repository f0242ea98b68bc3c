"""Catalog updates of the Partner API: scripted answers, batches of stock, and what became of their rows."""

from __future__ import annotations

import json

import polars as pl

from gateway.model import EACH, KEY, Reference
from gateway.testing.drive import as_sent, states
from gateway.transport.http import Response

TOKEN = "portal-token-51aa"


class Script:
    """Answers by method and path from lists; an exception is raised."""

    def __init__(self, **steps):
        self.steps = {name: list(found) for name, found in steps.items()}
        self.seen = []

    def send(self, request):
        self.seen.append(request)
        kind = _kind(request)
        step = self.steps[kind].pop(0)
        if isinstance(step, Exception):
            raise step
        if isinstance(step, dict):
            return Response(200, {}, json.dumps(step).encode())
        return step

    def close(self):
        self.steps.clear()


def _kind(request):
    if request.method == "PUT":
        return "put"
    if request.method == "POST":
        return "export"
    if "/jobs/" in request.path:
        return "job"
    if request.path.endswith("/status"):
        return "status"
    return "page" if request.path.endswith("/catalog") else "log"


def accepted(job):
    return Response(202, {}, json.dumps({"job_id": job, "job_status": "QUEUED"}).encode())


def answer(status, text="bad"):
    return Response(status, {}, json.dumps({"message": text}).encode())


def done(url="/logs/1.csv", **more):
    return {"job_status": "COMPLETED", "download_url": url, **more}


def log(*rows):
    return Response(200, {}, ("sku,state,errors\n" + "".join(f"{one}\n" for one in rows)).encode())


def records(count, **alike):
    cells = {"quantity": "7", **alike}
    return pl.DataFrame({"sku": [f"S{n}" for n in range(count)]}, schema={"sku": pl.String}).with_columns(
        pl.int_range(pl.len(), dtype=pl.UInt32).alias("effect"),
        pl.lit("V1").alias(EACH),
        pl.concat_str("sku", pl.lit("\x1fV1")).alias(KEY),
        *(pl.lit(value).alias(name) for name, value in cells.items()),
    )


def only(destination, count=4, **alike):
    (batch,) = destination.encode("stock", records(count, **alike), Reference())
    return batch


def asked(destination, clock, batch, receipt, at=None):
    sent = as_sent(batch, receipt, intent_at=at or clock.now())
    return destination.poll([sent])[1]


def told(batch, receipt, count=4):
    return states(batch, records(count), receipt)


def outcomes(receipt):
    return [(line, state, code) for line, _, state, code, *_ in receipt.outcomes.rows()]


def page(*products, total=1):
    return {"page_number": 1, "page_size": 500, "total_pages": total, "products": list(products)}


def event(**more):
    return json.dumps({"job_id": "j1", "job_status": "COMPLETED", "platform_vendor_id": "p1", **more}).encode()


STORES = {"V1": {"id": "p1"}, "V2": {}, "V3": {"id": "p3"}}
