"""Promotions of the Partner API: rows, scripted answers, and calls driven to their end."""

from __future__ import annotations

import json
from datetime import timedelta

import polars as pl
from pydantic import SecretStr

from gateway.destinations.partner_api import PartnerApiSettings
from gateway.destinations.partner_api.memory import Memory
from gateway.model import KEY, KEY_SEPARATOR
from gateway.testing.drive import as_sent, states
from gateway.transport.http import Response

FROM, UNTIL, LATER = "2031-03-16T00:00:00Z", "2031-03-22T23:59:59Z", "2031-03-29T23:59:59Z"
TOKEN = "portal-token-51aa"
NAMES = (
    *("sku", "promotion_id", "type", "price", "percentage", "amount", "buy_quantity", "get_quantity", "starts_at"),
    *("ends_at", "limit_total", "campaign", "reason", "status", "vendor_ids", "command"),
)


def rows(*cells):
    whole = [
        {"promotion_id": "W12", "starts_at": FROM, "ends_at": UNTIL, "campaign": "Week 12", **one} for one in cells
    ]
    frame = pl.DataFrame(
        {name: [one.get(name) for one in whole] for name in NAMES}, schema=dict.fromkeys(NAMES, pl.String)
    )
    parts = [pl.col(name).fill_null("") for name in ("sku", "promotion_id", "starts_at", "ends_at")]
    return frame.with_columns(
        pl.int_range(10, 10 + pl.len(), dtype=pl.UInt32).alias("effect"),
        pl.concat_str(parts, separator=KEY_SEPARATOR).alias(KEY),
    )


def settings(tmp_path, **more):
    given = {
        "brand": "foodpanda", "channel": "rest", "chain_id": "c-1", "tokens": {"all": SecretStr(TOKEN)},
        "vendors": {"V1": {"id": "p1"}, "V2": {"id": "p2"}}, "price_basis": "gross", "currency": "EUR",
        "archive": tmp_path / "sent",
    }  # fmt: skip
    return PartnerApiSettings(**{**given, **more})


class Script:
    def __init__(self, *steps):
        self.steps, self.seen = list(steps), []

    def send(self, request):
        self.seen.append(request)
        step = self.steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return step if isinstance(step, Response) else Response(200, {}, json.dumps(step).encode())

    def close(self):
        self.steps.clear()


def taken(job):
    return Response(202, {}, json.dumps({"job_id": job, "job_status": "QUEUED"}).encode())


def completed(**lists):
    none = {"invalid_vendors": [], "missing_skus": {}, "invalid_discounted_skus": {}}
    return {"job_status": "COMPLETED", "result": {**none, **lists}}


def encoded(destination, records):
    return list(destination.encode("promotion", records, destination.gather("promotion", records)))


def run(destination, records, clock):
    """Send and settle every batch; the scripted platform takes all."""
    found = {}
    for batch in encoded(destination, records):
        receipt = destination.submit(batch)
        while not receipt.closed:
            receipt = destination.poll([as_sent(batch, receipt, intent_at=clock.now())])[1]
        found |= states(batch, records, receipt)
    return found


def sent(destination):
    return [json.loads(one.body) for one in destination._way._calls._transport.seen if one.method == "PUT"]


def asked(destination, clock, batch, receipt, ago=0):
    item = as_sent(batch, receipt, intent_at=clock.now() - timedelta(seconds=ago))
    return destination.poll([item])[1]


def remembered(tmp_path, clock):
    known = Memory(tmp_path / "sent", "acc", "rest").promotions(clock.now()).values()
    return [dict(zip(one["entries"]["sku"], one["entries"]["active"], strict=True)) for one in known]


FAILED = {"job_status": "FAILED", "result": {"message": "not created"}}
