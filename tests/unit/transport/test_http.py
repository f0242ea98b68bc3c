"""The HTTP client: what its calls end with, what it takes for an answer, and what it shows nobody."""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import replace

import httpx
import pytest
from pydantic import SecretStr
from support.http_doubles import GET, KEY, POST

from gateway.errors import OutcomeUnknown, Refused, SettingsError, Throttled, Unreachable
from gateway.testing.clock import FakeClock
from gateway.transport.http import (
    Access,
    Authorized,
    Request,
    Upload,
    base_url,
)
from gateway.transport.http_client import HttpxClient, retry_after, server_message, translate


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
