"""Partner API twins over HTTP and SFTP with a receiver of webhooks, all closed at the end of a test."""

import csv
import gzip
import io
import time
from dataclasses import replace

import httpx
import orjson
import paramiko
import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from gateway.twin.partner import Item, PartnerTwin, PartnerTwinSettings
from gateway.twin.partner_settings import CHAIN
from gateway.twin.server import LoopbackServer

BASE = f"/v2/chains/{CHAIN}"
RANGE = (
    Item("MILK", "Milk 1 l", "2.50", barcodes=("4006381333931",), categories=("dairy",)),
    Item("EGGS", "Eggs 12", "3.99", active=False),
    Item("BREAD", "Bread", "1.80"),
)


class Ears:
    """A webhook receiver: what it heard, and what it answers next (200 in the end)."""

    def __init__(self):
        self.heard, self.answers = [], []
        self.server = LoopbackServer(Starlette(routes=[Route("/hear", self._hear, methods=["POST"])]), "127.0.0.1", 0)
        self.server.start()

    @property
    def url(self):
        return f"{self.server.url}/hear"

    async def _hear(self, request):
        self.heard.append((request.headers.get("authorization"), await request.body()))
        return Response(status_code=self.answers.pop(0) if self.answers else 200)

    @property
    def bodies(self):
        return [orjson.loads(body) for _, body in self.heard]

    def wait(self, count):
        """Until so many deliveries came; they are sent by a thread of the twin."""
        until = time.monotonic() + 10
        while len(self.heard) < count:
            assert time.monotonic() < until, f"{len(self.heard)} of {count} deliveries came"
            time.sleep(0.01)


class Stand:
    """A twin without limit of calls, a client with its token, and the calls tests make most."""

    def __init__(self, items=RANGE, files=None, state_file=None, vendors=None, **settings):
        settings.setdefault("calls_per_window", 0)
        made = PartnerTwinSettings(**settings)
        if vendors is not None:
            made = replace(made, chains=(replace(made.chains[0], vendors=vendors),))
        self.twin = PartnerTwin(items, settings=made, files=files, state_file=state_file).start()
        self.client = httpx.Client(
            base_url=self.twin.url, headers={"Authorization": "Bearer twin-token"}, timeout=5, trust_env=False
        )
        self._transports = []

    def close(self):
        self.client.close()
        for transport in self._transports:
            transport.close()
        self.twin.stop()

    def get(self, path, **query):
        return self.client.get(BASE + path, params=query)

    def later(self, seconds=100.0):
        self.twin.clock.advance(seconds)

    def c1(self, *products, vendor="v001", text=None):
        path = f"{BASE}/vendors/{vendor}/catalog"
        if text is not None:
            return self.client.put(path, content=text, headers={"Content-Type": "application/json"})
        return self.client.put(path, json={"products": list(products)})

    def c6(self, job_id):
        return self.get(f"/catalog/jobs/{job_id}")

    def update(self, *products, vendor="v001"):
        """Send products, let the job end; returns its log by sku."""
        answer = self.c1(*products, vendor=vendor)
        assert answer.status_code == 202, answer.text
        self.later()
        return {row[0]: row[2] for row in self.log(answer.json()["job_id"])[1:]}

    def log(self, job_id):
        return self.table(self.c6(job_id).json()["download_url"])

    def table(self, url):
        answer = self.client.get(url)
        assert answer.status_code == 200, answer.text
        body = answer.content
        text = (gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body).decode("utf-8-sig")
        return list(csv.reader(io.StringIO(text)))

    def item(self, sku, vendor="v001"):
        return self.twin.item(vendor, sku)

    def row(self, sku, vendor="v001"):
        return next(row for row in self.twin.shelf() if (row["vendor"], row["sku"]) == (vendor, sku))

    # ------------------------------------------------------------ promotions

    def p1(self, **body):
        return self.client.put(f"{BASE}/promotion", json=body)

    def promote(self, **body):
        """Send a promotion, let its job end; returns the answer of P2."""
        answer = self.p1(**body)
        assert answer.status_code == 202, answer.text
        self.later(200)
        return self.get(f"/promotion/jobs/{answer.json()['job_id']}").json()

    # ------------------------------------------------------------ files

    def sftp(self, user="XX_YY_twin", password="twin-password"):
        transport = paramiko.Transport((self.twin.drop.host, self.twin.drop.port))
        self._transports.append(transport)
        transport.connect(username=user, password=password)
        return paramiko.SFTPClient.from_transport(transport)

    def put(self, path, text):
        """Upload by temporary name and rename."""
        client = self.sftp()
        part = f"{path}.part"
        with client.open(part, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        client.posix_rename(part, path)

    def taken(self, more=1):
        """Let files lie long enough and be picked up; returns what the portal says about the last one."""
        before = len(self.twin.uploads())
        self.twin.step()
        self.later(60)
        self.twin.step()
        assert len(self.twin.uploads()) == before + more
        return self.twin.uploads()[-1]

    def file(self, path, text):
        """Upload a file and let it be worked through; returns what the portal says about it."""
        self.put(path, text)
        self.taken()
        self.later(4000)
        self.twin.step()
        return self.twin.uploads()[-1]


@pytest.fixture
def stand(tmp_path):
    """Start twins; all of them are closed at the end."""
    opened = []

    def start(*, sftp=False, **settings):
        if sftp:
            settings.setdefault("files", tmp_path / f"files-{len(opened)}")
        opened.append(Stand(**settings))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    """One twin for the tests of a file that only see refusals."""
    limits = {"catalog": 3, "promotions": 100}
    one = Stand(files=tmp_path_factory.mktemp("calm"), min_interval_seconds=0.0, max_rows=limits)
    yield one
    one.close()


@pytest.fixture
def ears():
    """A receiver of webhooks."""
    one = Ears()
    yield one
    one.server.stop()


@pytest.fixture
def base():
    """Where the calls of the chain begin."""
    return BASE
