"""The whole stack of a client before a real server, with and without TLS."""

from __future__ import annotations

import datetime as dt
import http.server
import ipaddress
import socket
import ssl
import threading
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import SecretStr
from support.http_doubles import GET, KEY, POST, Budgets

from gateway.errors import OutcomeUnknown, Unreachable
from gateway.testing.clock import FakeClock
from gateway.transport.http import (
    Access,
    Request,
    RetryPolicy,
    connect,
)


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
