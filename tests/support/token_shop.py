"""The other side of tokens that rotate, and a store of them in memory."""

from __future__ import annotations

import json
import threading
from datetime import datetime, timedelta
from urllib.parse import parse_qsl

from gateway.errors import Refused
from gateway.transport.http import Request, Response

USER, SECRET = "access-key-4711", "shared-secret-0815"


class Store:
    """A token store in memory; `crash`: the next value is lost on the way to it."""

    def __init__(self, clock):
        self.clock = clock
        self.values: dict[str, tuple[str, datetime | None]] = {}
        self.leased: dict[str, datetime] = {}
        self.order: list[str] = []
        self.crash = False
        self.lock = threading.Lock()

    def get(self, name):
        return self.values.get(name)

    def put(self, name, value, expires_at):
        if self.crash:
            self.crash = False
            raise KeyboardInterrupt
        self.order.append("stored")
        self.values[name] = (value, expires_at)

    def lease(self, name, seconds):
        with self.lock:
            now = self.clock.now()
            if self.leased.get(name, now) > now:
                return False
            self.leased[name] = now + timedelta(seconds=seconds)
            return True

    def release(self, name):
        with self.lock:
            self.leased.pop(name, None)


class Shop:
    """The other side: rotates refresh tokens, a spent one is worth nothing, as is an access token it did not give."""

    def __init__(self, clock, *, life=3599, order=None):
        self.clock = clock
        self.life = life
        self.grants: list[str] = []
        self.calls: list[str] = []
        self.asked: list[Request] = []
        self.good: dict[str, datetime] = {}
        self.refresh = ""
        self.count = 0
        self.order = order if order is not None else []
        self.trouble: list[Exception | Response] = []
        self.pause = 0.0
        self.lock = threading.Lock()

    def send(self, request):
        if request.path == "/token":
            return self.token(request)
        header = dict(request.secrets)["Authorization"].get_secret_value()
        token = header.removeprefix("bearer ")
        self.order.append("used")
        self.calls.append(token)
        if self.good.get(token, self.clock.now()) <= self.clock.now():
            raise Refused("answered 401", status="401")
        return Response(200, {}, b"[]")

    def token(self, request):
        self.asked.append(request)
        if self.trouble:
            trouble = self.trouble.pop(0)
            if isinstance(trouble, Exception):
                raise trouble
            return trouble
        if self.pause:
            self.clock.sleep(self.pause)
        said = dict(parse_qsl(request.body.decode()))
        with self.lock:
            self.grants.append(said["grant_type"])
            if said["grant_type"] == "refresh_token":
                if said["refresh_token"] != self.refresh:
                    return Response(400, {}, b'{"error":"invalid_grant"}')
            elif (said["username"], said["password"]) != (USER, SECRET):
                return Response(400, {}, b'{"error":"invalid_grant"}')
            self.count += 1
            self.refresh = f"refresh-{self.count}"
            self.good = {f"access-{self.count}": self.clock.now() + timedelta(seconds=self.life)}
            answer = {
                "access_token": f"access-{self.count}", "token_type": "bearer", "expires_in": self.life,
                "refresh_token": self.refresh,
            }  # fmt: skip
        return Response(200, {}, json.dumps(answer).encode())

    def close(self):
        pass
