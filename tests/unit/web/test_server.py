"""The server on a real port: slow, greedy and many clients cost little, and it stops cleanly."""

import socket
import threading
import time

import httpx
import pytest

from gateway.errors import SettingsError
from gateway.web.server import WebServer

SECRET = "hunter2-do-not-show"
HEAD = (
    b"POST /hooks/shop HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
    b"X-Api-Key: " + SECRET.encode() + b"\r\n"
)


@pytest.fixture
def servers():
    made = []

    def serve(app, **given):
        made.append(WebServer(app, "127.0.0.1", 0, **given))
        made[-1].start()
        return made[-1]

    yield serve
    for one in made:
        one.stop()


def connected(server):
    return socket.create_connection((server.host, server.port), timeout=10)


def told(connection):
    """Everything until the other side hangs up."""
    answer = b""
    try:
        while part := connection.recv(65536):
            answer += part
    except ConnectionResetError:
        pass
    return answer


def pour(connection, part, most, pause=0.0):
    """Send a part again and again; returns how often it went until the other side hung up."""
    for number in range(most):
        try:
            connection.sendall(part)
        except (ConnectionResetError, BrokenPipeError):
            return number
        time.sleep(pause)
    return most


def post(server, content=b'{"job": 1}', **headers):
    sent = {"x-api-key": SECRET, "content-type": "application/json", **headers}
    return httpx.post(f"{server.url}/hooks/shop", content=content, headers=sent, trust_env=False)


def test_it_takes_an_event_and_hangs_up(servers, place):
    server = servers(place.app)
    answer = post(server)
    assert answer.status_code == 200
    assert answer.headers["connection"] == "close"
    assert "server" not in answer.headers
    assert len(place.stored()) == 1


def test_a_chunked_event_without_end_is_cut_off(servers, places):
    place = places(body=1000)
    server = servers(place.app)
    with connected(server) as connection:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        assert pour(connection, b"ffff\r\n" + b"x" * 0xFFFF + b"\r\n", most=800) < 800
    assert place.stored() == []


def test_a_refusal_of_a_large_event_reaches_a_client_that_listens(servers, places):
    place = places(body=200_000)
    server = servers(place.app)
    assert post(server, b"x" * 200_000, **{"x-api-key": "wrong"}).status_code == 401
    with connected(server) as connection:
        connection.sendall(HEAD + b"Content-Length: 200001\r\n\r\n")
        assert told(connection).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    "sent", [b"", b"POST /hooks", HEAD, HEAD + b"Content-Length: 10\r\n\r\n12345", HEAD + b"Content-Length: 10\r\n\r\n"]
)
def test_a_client_that_stops_speaking_is_hung_up_on(servers, place, sent):
    server = servers(place.app, patience=0.4)
    begun = time.monotonic()
    with connected(server) as connection:
        connection.sendall(sent)
        assert told(connection) == b""
    assert time.monotonic() - begun < 5
    assert place.stored() == []


def test_a_client_that_speaks_slowly_is_hung_up_on(servers, place):
    server = servers(place.app, patience=0.5)
    begun = time.monotonic()
    with connected(server) as connection:
        connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n")
        assert pour(connection, b"x", most=400, pause=0.02) < 400
    assert time.monotonic() - begun < 5
    assert place.stored() == []


def test_a_head_without_end_is_refused(servers, place):
    server = servers(place.app)
    with connected(server) as connection:
        connection.sendall(HEAD + b"X-Long: " + b"y" * 40_000)
        assert told(connection).split(b"\r\n")[0] in {b"HTTP/1.1 400 Bad Request", b""}
    assert place.stored() == []


def test_many_idle_connections_shut_nobody_out_for_long(servers, place):
    server = servers(place.app, patience=0.6, connections=4)
    idle = [connected(server) for _ in range(20)]
    end = time.monotonic() + 10
    codes = []
    while 200 not in codes and time.monotonic() < end:
        try:
            codes.append(post(server).status_code)
        except httpx.TransportError:
            codes.append(0)
        time.sleep(0.05)
    assert codes[-1] == 200
    assert set(codes[:-1]) <= {0, 503}
    for one in idle:
        one.close()


def test_many_at_once_are_each_stored_once(servers, place):
    server = servers(place.app)
    answers = []

    def send(number):
        answers.extend(post(server, b'{"job": %d}' % (number % 5)).status_code for _ in range(4))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(10)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert answers == [200] * 40
    assert sorted(event.body for event in place.stored()) == [b'{"job": %d}' % number for number in range(5)]


def test_it_stops_though_somebody_is_connected_and_starts_again(servers, place):
    server = servers(place.app)
    port = server.port
    with connected(server):
        begun = time.monotonic()
        server.stop()
        assert time.monotonic() - begun < 4
    with pytest.raises(ConnectionRefusedError):
        connected(server)
    server.stop()
    server.start()
    server.start()
    assert server.port == port
    assert post(server).status_code == 200


def test_a_call_under_way_is_answered_before_it_stops(servers, place):
    server = servers(place.app)
    with connected(server) as connection:
        connection.sendall(HEAD + b"Content-Length: 10\r\n\r\n{")
        time.sleep(0.1)
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        time.sleep(0.2)
        connection.sendall(b'"job": 1}')
        assert told(connection).startswith(b"HTTP/1.1 200 ")
        stopping.join()
    assert len(place.stored()) == 1


def test_a_port_that_is_taken_is_named(servers, place):
    first = servers(place.app)
    with pytest.raises(SettingsError, match=rf"127\.0\.0\.1 port {first.port}: .*\[web\]"):
        WebServer(place.app, "127.0.0.1", first.port).start()


def test_the_address_of_six_groups(place):
    server = WebServer(place.app, "::1", 0)
    server.start()
    try:
        assert httpx.get(f"{server.url}/health", trust_env=False).status_code == 200
    finally:
        server.stop()


def test_it_writes_nothing(servers, place, capfd):
    server = servers(place.app)
    post(server)
    with connected(server) as connection:
        connection.sendall(b"no http at all\r\n\r\n")
        told(connection)
    server.stop()
    assert capfd.readouterr() == ("", "")
