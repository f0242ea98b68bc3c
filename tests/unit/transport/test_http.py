"""The HTTP seam: what each failure means, what is repeated, what is paced, and that the key is never shown."""

from __future__ import annotations

import datetime as dt
import http.server
import ipaddress
import logging
import socket
import ssl
import threading
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import SecretStr

from gateway.errors import OutcomeUnknown, Refused, SettingsError, Throttled, Unreachable
from gateway.testing.clock import FakeClock
from gateway.transport.http import (
    Access,
    Authorized,
    Paced,
    Request,
    Response,
    Retrying,
    RetryPolicy,
    Upload,
    base_url,
    connect,
)
from gateway.transport.http_client import HttpxClient, retry_after, server_message, translate

GET = Request("GET", "/api/thing")
POST = Request("POST", "/api/thing", upload=Upload("file", "a.csv", "text/csv", b"a;b\n"))
KEY = "s3cret-Key-0123456789"


class Budgets:
    """A budget in memory over a clock."""

    def __init__(self, clock):
        self.clock = clock
        self.next: dict[str, float] = {}
        self.taken: list[tuple[str, float]] = []

    def take(self, name, interval):
        now = self.clock.monotonic()
        if self.next.get(name, 0.0) > now:
            raise Throttled(f"{name} may not be called yet", after=self.next[name] - now)
        self.taken.append((name, interval))
        self.next[name] = now + interval

    def block(self, name, seconds):
        self.next[name] = self.clock.monotonic() + seconds


class Script:
    """A transport that does what it was told, in order."""

    def __init__(self, *steps):
        self.steps = list(steps)
        self.seen: list[Request] = []

    def send(self, request):
        self.seen.append(request)
        step = self.steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    def close(self):
        self.steps.clear()


OK = Response(200, {}, b"{}")


def mocked(handler, access: Access | None = None) -> HttpxClient:
    client = HttpxClient(access or Access("https://shop.example"), clock=FakeClock())
    client._client = httpx.Client(transport=httpx.MockTransport(handler), follow_redirects=False)
    return client


# ---------------------------------------------------------------- translation


def subclasses(kind):
    return {kind, *(deep for one in kind.__subclasses__() for deep in subclasses(one))}


def built(kind):
    if issubclass(kind, httpx.HTTPStatusError):
        return kind("text", request=httpx.Request("GET", "https://x"), response=httpx.Response(500))
    if kind in {httpx.StreamConsumed, httpx.ResponseNotRead, httpx.RequestNotRead, httpx.StreamClosed}:
        return kind()
    return kind("text")


ROOTS = [one for name in httpx.__all__ if isinstance(one := getattr(httpx, name), type) and issubclass(one, Exception)]
HTTPX_ERRORS = sorted({deep for root in ROOTS for deep in subclasses(root)}, key=lambda one: one.__name__)

NOTHING_SENT = {"ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError"}
NEVER = {"InvalidURL", "UnsupportedProtocol"}


def test_the_walk_sees_the_tree():
    names = {one.__name__ for one in HTTPX_ERRORS}
    assert {"ReadTimeout", "WriteError", "RemoteProtocolError", "DecodingError", "StreamClosed", "InvalidURL"} <= names


@pytest.mark.parametrize("kind", HTTPX_ERRORS, ids=lambda one: one.__name__)
@pytest.mark.parametrize("request_", [GET, POST], ids=["get", "post"])
def test_no_httpx_exception_leaves_the_client(kind, request_):
    def fail(_request):
        raise built(kind)

    name = kind.__name__
    expected = Refused if name in NEVER else Unreachable if name in NOTHING_SENT or request_.safe else OutcomeUnknown
    with pytest.raises(expected) as caught:
        mocked(fail).send(request_)
    assert type(caught.value) is expected
    assert name in str(caught.value)
    assert "https://shop.example/api/thing" in str(caught.value)


def test_translation_masks_the_key():
    request = Request("GET", "/x", secrets=(("Authorization", SecretStr(KEY)),))
    assert KEY not in str(translate(httpx.ReadError(f"bad header {KEY}"), request, "https://h"))


@pytest.mark.parametrize(
    ("status", "method", "kind"),
    [
        (500, "GET", Unreachable),
        (502, "GET", Unreachable),
        (503, "POST", OutcomeUnknown),
        (500, "PUT", OutcomeUnknown),
        (408, "POST", OutcomeUnknown),
        (401, "GET", Refused),
        (403, "POST", Refused),
        (404, "GET", Refused),
        (415, "POST", Refused),
        (400, "POST", Refused),
        (301, "GET", Refused),
        (302, "POST", Refused),
        (429, "GET", Throttled),
        (429, "POST", Throttled),
    ],
)
def test_each_status_has_its_ending(status, method, kind):
    client = mocked(lambda _: httpx.Response(status, json={"message": "Because so"}))
    with pytest.raises(kind) as caught:
        client.send(Request(method, "/x"))
    assert type(caught.value) is kind
    assert "Because so" in str(caught.value)
    assert str(status) in str(caught.value)
    assert caught.value.fix
    if kind is Refused:
        assert caught.value.status == str(status)


def test_a_redirect_to_another_host_is_not_followed():
    asked = []

    def handler(request):
        asked.append(request.url.host)
        return httpx.Response(302, headers={"location": "https://evil.example/"})

    with pytest.raises(Refused, match="Redirects are not followed"):
        mocked(handler).send(GET)
    assert asked == ["shop.example"]


@pytest.mark.parametrize("path", ["https://evil.example/x", "//evil.example/x", "x"])
def test_a_path_never_names_another_host(path):
    with pytest.raises(Refused):
        mocked(lambda _: httpx.Response(200)).send(Request("GET", path))


@pytest.mark.parametrize(("method", "kind"), [("GET", Refused), ("POST", OutcomeUnknown)])
def test_an_answer_larger_than_its_bound_is_given_up(method, kind):
    client = mocked(lambda _: httpx.Response(200, content=b"x" * 1001))
    with pytest.raises(kind, match="larger than 1000 bytes"):
        client.send(Request(method, "/x", limit=1000))
    assert mocked(lambda _: httpx.Response(200, content=b"x" * 1000)).send(Request(method, "/x", limit=1000)).body


def test_an_upload_is_one_file_part_and_shop_queries_are_kept():
    seen = {}

    def handler(request):
        seen.update(body=request.read(), url=str(request.url), kind=request.headers["content-type"])
        return httpx.Response(201, json={"import_id": "7"})

    answer = mocked(handler).send(
        Request("POST", "/imports", query=(("shop_id", "2"),), upload=Upload("file", "s.csv", "text/csv", b"A;1\n"))
    )
    assert answer.status == 201
    assert answer.headers["content-type"] == "application/json"
    assert seen["url"].endswith("/imports?shop_id=2")
    assert seen["kind"].startswith("multipart/form-data; boundary=")
    assert b'name="file"; filename="s.csv"' in seen["body"]
    assert b"A;1\n" in seen["body"]


def test_text_parts_go_beside_the_file():
    seen = {}

    def handler(request):
        seen.update(body=request.read())
        return httpx.Response(201)

    upload = Upload("file", "o.csv", "text/csv", b"A;1\n")
    mocked(handler).send(Request("POST", "/imports", upload=upload, parts=(("import_mode", "NORMAL"),)))
    assert b'name="import_mode"\r\n\r\nNORMAL\r\n' in seen["body"]
    assert b'name="file"; filename="o.csv"' in seen["body"]


# ---------------------------------------------------------------- what the other side says


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"message": "No", "status": 400}', "No"),
        (
            b'{"message": "No", "errors": [{"field": "sku", "message": "bad"}, {"message": "worse"}]}',
            "No; sku: bad; worse",
        ),
        (b"<html><body>oops</body></html>", "(an HTML page)"),
        (b"plain\x00 text\r\nhere", "plain text here"),
        (b"", ""),
        (b"[1]", "[1]"),
        (b'"x"', '"x"'),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"z" * 5000, "z" * 297 + "..."),
    ],
)
def test_a_server_message_is_short_and_on_one_line(body, said):
    assert server_message(body) == said


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("Sun, 22 Nov 2026 09:30:30 GMT", 30.0),
        ("Sun, 22 Nov 2026 09:00:00 GMT", 0.0),
        ("999999999", 86_400.0),
        ("soon", None),
        ("-3", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value, seconds):
    assert retry_after(value, FakeClock(dt.datetime(2026, 11, 22, 9, 30, tzinfo=dt.UTC))) == seconds


# ---------------------------------------------------------------- wrappers


def test_a_get_is_repeated_on_the_spot_through_the_clock():
    clock, inner = FakeClock(), Script(Throttled("b", after=2.0), Unreachable("a"), OK)
    assert Retrying(inner, clock=clock, spread=lambda: 1.0).send(GET) is OK
    assert clock.slept == [2.0, 1.0]


def test_a_repeat_our_own_budget_forbids_tells_of_the_trouble_itself():
    clock = FakeClock()
    budget = Budgets(clock)
    paced = Paced(Script(Unreachable("the line is dead")), budget=budget, account="a")
    with pytest.raises(Unreachable, match="the line is dead") as caught:
        Retrying(paced, clock=clock, spread=lambda: 1.0).send(Request("GET", "/x", budget="STO02", interval=15.0))
    assert caught.value.after == 14.5


def test_a_get_is_given_up_after_its_attempts():
    inner = Script(*(Unreachable(str(n)) for n in range(5)))
    with pytest.raises(Unreachable, match="2"):
        Retrying(inner, clock=FakeClock(), policy=RetryPolicy(attempts=3)).send(GET)
    assert len(inner.seen) == 3


def test_retrying_stops_when_its_time_is_over():
    clock, inner = FakeClock(), Script(*(Unreachable("x", after=5.0) for _ in range(20)))
    with pytest.raises(Unreachable):
        Retrying(inner, clock=clock, policy=RetryPolicy(attempts=20, total=12.0)).send(GET)
    assert clock.slept == [5.0, 5.0]


@pytest.mark.parametrize(
    "error", [Throttled("long", after=60.0), Throttled("silent"), Refused("no"), OutcomeUnknown("?")]
)
def test_long_waits_and_refusals_are_the_callers(error):
    clock, inner = FakeClock(), Script(error, OK)
    with pytest.raises(type(error)):
        Retrying(inner, clock=clock).send(GET)
    assert (len(inner.seen), clock.slept) == (1, [])


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("error", [Unreachable("x"), Throttled("x", after=0.1), OutcomeUnknown("x")])
def test_what_changes_things_is_sent_once(method, error):
    clock, inner = FakeClock(), Script(error, OK)
    with pytest.raises(type(error)):
        Retrying(inner, clock=clock).send(Request(method, "/x"))
    assert (len(inner.seen), clock.slept) == (1, [])


def test_the_budget_is_booked_by_account_and_name():
    clock = FakeClock()
    budget = Budgets(clock)
    paced = Paced(Script(OK, OK, OK), budget=budget, account="shop-a")
    request = Request("GET", "/x", budget="STO02", interval=15.0)
    paced.send(request)
    with pytest.raises(Throttled) as caught:
        paced.send(request)
    assert caught.value.after == 15.0
    clock.advance(15)
    paced.send(request)
    paced.send(GET)
    assert budget.taken == [("shop-a:STO02", 15.0), ("shop-a:STO02", 15.0)]


@pytest.mark.parametrize(("asked", "kept"), [(7.0, 7.0), (0.0, 0.0), (None, 60.0)])
def test_a_429_keeps_us_away(asked, kept):
    clock = FakeClock()
    budget = Budgets(clock)
    paced = Paced(Script(Throttled("429", after=asked)), budget=budget, account="a")
    with pytest.raises(Throttled) as caught:
        paced.send(Request("POST", "/x", budget="STO01"))
    assert caught.value.after == kept
    assert budget.next["a:STO01"] == kept


def test_the_key_is_added_innermost_and_never_shown(caplog):
    caplog.set_level(logging.DEBUG)
    seen = []

    def handler(request):
        seen.append(request.headers["authorization"])
        return httpx.Response(401, json={"message": f"key {KEY} is wrong"})

    access = Access("https://shop.example", (("Authorization", SecretStr(KEY)),))
    stacked = Authorized(mocked(handler, access), access.secrets)
    with pytest.raises(Refused) as caught:
        stacked.send(GET)
    assert seen == [KEY]
    shown = [str(caught.value), repr(caught.value), repr(access), repr(stacked), caplog.text]
    shown += [repr(Request("GET", "/x", secrets=access.secrets))]
    assert not any(KEY in text for text in shown)
    assert "***" in str(caught.value)


# ---------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    ("pasted", "base"),
    [
        ("shop.mirakl.net", "https://shop.mirakl.net"),
        (" https://Shop.mirakl.net/mmp/shop/ ", "https://shop.mirakl.net"),
        ("shop.mirakl.net/mmp/shop", "https://shop.mirakl.net"),
        ("https://shop.mirakl.net:8443/x?y=1", "https://shop.mirakl.net:8443"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("http://localhost:1", "http://localhost:1"),
        ("http://[::1]:9", "http://[::1]:9"),
    ],
)
def test_a_pasted_address_is_cut_to_its_host(pasted, base):
    assert base_url(pasted) == base


@pytest.mark.parametrize(
    "pasted",
    [
        "",
        "https://",
        "http://shop.mirakl.net",
        "ftp://shop.mirakl.net",
        "https://me:pw@shop.net",
        "http://10.0.0.1",
        "http://localhost:80a",
        "https://shop.mirakl.net:99999",
    ],
)
def test_other_addresses_are_refused(pasted):
    with pytest.raises(ValueError, match=r"[a-z]"):
        base_url(pasted)


def test_plain_http_to_the_world_is_refused_by_the_client_too():
    with pytest.raises(SettingsError, match="only https"):
        HttpxClient(Access("http://shop.example"), clock=FakeClock())


def test_a_missing_authority_file_is_a_mistake_in_the_settings(tmp_path):
    with pytest.raises(SettingsError, match=r"none\.pem"):
        HttpxClient(Access("https://shop.example", ca_file=tmp_path / "none.pem"), clock=FakeClock())


# ---------------------------------------------------------------- real sockets


class Behaviour(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer()

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.answer()

    def answer(self):
        if self.path.startswith("/drop"):
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        if self.path.startswith("/slow"):
            self.server.wait.wait(5)
            self.close_connection = True
            return
        if self.path.startswith("/cut"):
            self.wfile.write(b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{")
            self.close_connection = True
            return
        body = b'{"ok": true}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args):
        """Say nothing."""


@pytest.fixture
def server():
    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Behaviour)
    listening.wait = threading.Event()
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield listening
    listening.wait.set()
    listening.shutdown()
    listening.server_close()
    thread.join(5)


def stacked(port: int, scheme: str = "http", **more):
    clock = FakeClock()
    access = Access(f"{scheme}://127.0.0.1:{port}", (("Authorization", SecretStr(KEY)),), timeout=0.3, **more)
    return connect(access, account="a", clock=clock, budget=Budgets(clock), policy=RetryPolicy(attempts=1))


def test_the_whole_stack_answers(server):
    transport = stacked(server.server_address[1])
    assert transport.send(GET).body == b'{"ok": true}'
    transport.close()


@pytest.mark.parametrize("path", ["/drop", "/slow", "/cut"])
@pytest.mark.parametrize(("method", "kind"), [("GET", Unreachable), ("POST", OutcomeUnknown)])
def test_a_connection_lost_after_sending(server, path, method, kind):
    transport = stacked(server.server_address[1])
    with pytest.raises(kind) as caught:
        transport.send(Request(method, path, body=b"x" if method == "POST" else b"", content_type="text/plain"))
    assert type(caught.value) is kind
    assert KEY not in str(caught.value)
    transport.close()


def test_no_connection_means_nothing_was_sent():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    transport = stacked(port)
    with pytest.raises(Unreachable, match="Nothing was sent"):
        transport.send(POST)
    transport.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    start = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "own.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


def test_tls_is_verified(server, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    port = server.server_address[1]
    untrusting = stacked(port, "https")
    with pytest.raises(Unreachable, match=r"(?i)certificate"):
        untrusting.send(GET)
    untrusting.close()
    trusting = stacked(port, "https", ca_file=certificate)
    assert trusting.send(GET).status == 200
    trusting.close()


# ---------------------------------------------------------------- answers that are wanted, turns that are waited for


@pytest.mark.parametrize("status", [404, 406])
def test_an_answer_that_is_wanted_is_returned_whatever_its_status(status):
    client = mocked(lambda _request: httpx.Response(status, json={"StatusCode": 30}))
    asked = Request("POST", "/api/x", body=b"{}", answers=frozenset({404, 406}))
    answer = client.send(asked)
    assert (answer.status, answer.body) == (status, b'{"StatusCode":30}')
    with pytest.raises(Refused):
        client.send(Request("POST", "/api/x", body=b"{}"))


def test_a_token_is_masked_without_its_scheme_too():
    def echo(request):
        return httpx.Response(400, text=f"you sent {request.headers['authorization'].split()[1]}")

    with pytest.raises(Refused) as caught:
        mocked(echo).send(Request("GET", "/x", secrets=(("Authorization", SecretStr(f"bearer {KEY}")),)))
    assert KEY not in str(caught.value)
    assert "***" in str(caught.value)


def test_a_secret_is_masked_where_a_message_is_cut_and_in_answers_that_are_read():
    def echo(request):
        return httpx.Response(400, text=f"{'x' * 290}{request.headers['authorization']}")

    asked = Request("GET", "/x", secrets=(("Authorization", SecretStr(KEY)),))
    with pytest.raises(Refused) as caught:
        mocked(echo).send(asked)
    assert KEY[:3] not in str(caught.value)
    answer = mocked(echo).send(replace(asked, answers=frozenset({400})))
    assert KEY not in answer.body.decode()


def test_a_call_waits_for_its_turn_as_long_as_it_would():
    clock = FakeClock()
    paced = Paced(Script(OK, OK, OK), budget=Budgets(clock), account="a", clock=clock)
    asked = Request("POST", "/x", budget="calls", interval=2.0, patience=5.0)
    paced.send(asked)
    paced.send(asked)
    assert clock.slept == [2.0]
    with pytest.raises(Throttled):
        paced.send(Request("POST", "/x", budget="calls", interval=2.0, patience=1.0))
    assert clock.slept == [2.0]


def test_a_call_that_stands_back_comes_after_one_that_does_not():
    clock = FakeClock()
    paced = Paced(Script(OK, OK), budget=Budgets(clock), account="a", clock=clock)
    back = Request("POST", "/x", budget="calls", interval=0.5, patience=5.0, stands_back=True)
    paced.send(back)
    paced.send(back)
    assert clock.slept == [0.6]


def test_a_shared_budget_is_one_name_for_all_accounts():
    clock = FakeClock()
    budgets = Budgets(clock)
    request = Request("GET", "/api/thing", budget="egress", interval=2.0, shared=True)
    Paced(Script(Response(200, {}, b"")), budget=budgets, account="one").send(request)
    with pytest.raises(Throttled):
        Paced(Script(Response(200, {}, b"")), budget=budgets, account="two").send(request)
    assert budgets.taken == [("egress", 2.0)]


def test_a_booked_call_takes_no_turn_but_tells_what_is_blocked():
    clock = FakeClock()
    budgets = Budgets(clock)
    request = Request("PUT", "/api/thing", budget="egress", interval=2.0, shared=True, booked=True)
    with pytest.raises(Throttled):
        Paced(Script(Throttled("slow down", after=30.0)), budget=budgets, account="one").send(request)
    assert budgets.taken == []
    assert budgets.next == {"egress": clock.monotonic() + 30.0}


def test_a_page_of_a_proxy_keeps_us_away_where_it_is_known_as_a_block():
    page = httpx.Response(403, html="<html>Attention Required</html>")
    client = mocked(lambda _: page)
    with pytest.raises(Throttled) as told:
        client.send(Request("GET", "/api/thing", block_page=300.0))
    assert told.value.after == 300.0
    with pytest.raises(Refused):
        client.send(GET)
    with pytest.raises(Refused):
        mocked(lambda _: httpx.Response(403, json={"message": "no right"})).send(
            Request("GET", "/api/thing", block_page=300.0)
        )
