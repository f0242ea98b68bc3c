import asyncio
import threading

import httpx
import pytest
import sqlalchemy as sa
import structlog

from gateway.journal import open_journal, runs
from gateway.journal import tables as t
from gateway.testing.clock import FakeClock
from gateway.transport.hook import Hook
from gateway.web.app import Limits, Receiver

SECRET = "hunter2-do-not-show"


@pytest.fixture
def clock():
    return FakeClock()


class Place:
    """A receiver on a journal, with one lane of the destination `shop`."""

    def __init__(self, journal, limits=None):
        self.journal = journal
        self.woken = []
        hooks = {"shop": Hook(secret=SECRET, header="X-Api-Key", keep=("X-Request-Id",))}
        self.receiver = Receiver(journal, hooks, self.woken.append, limits)
        self.app = self.receiver.app()
        with journal.begin() as tx:
            runs.ensure_lane(tx, "shop/stock/acme", destination="shop", account="shop", operation="write")
            runs.ensure_lane(tx, "other/stock/acme", destination="other", account="other", operation="write")

    def post(self, content=b'{"job": 1}', hook="shop", **headers):
        sent = {"x-api-key": SECRET, "content-type": "application/json"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        return self.request("POST", f"/hooks/{hook}", content=content, headers={k: v for k, v in sent.items() if v})

    def request(self, method, path, **given):
        async def ask():
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
                return await client.request(method, path, **given)

        return asyncio.run(ask())

    def stored(self):
        with self.journal.read() as tx:
            return tx.execute(sa.select(t.heard).order_by(t.heard.c.id)).fetchall()


@pytest.fixture
def places(tmp_path, clock):
    journal = open_journal(tmp_path, clock)
    yield lambda **limits: Place(journal, Limits(**limits))
    journal.close()


@pytest.fixture
def place(places):
    return places()


@pytest.fixture
def logged():
    """Everything that is logged, from any thread."""
    lock, lines = threading.Lock(), []

    def keep(_logger, _method, event):
        with lock:
            lines.append(event)
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[keep], cache_logger_on_first_use=False)
    yield lines
    structlog.configure(**before)
