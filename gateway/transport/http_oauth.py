"""Access tokens around a transport: got, kept in the store, renewed by one at a time, never shown.

Refresh tokens rotate: the answer that brings a new pair makes the old one useless. So the new pair is stored before
anybody uses it, and where it got lost on the way (a crash, a broken answer) the keys of the user are shown again.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from pydantic import SecretStr

from gateway.errors import GatewayError, MayWorkLater, OutcomeUnknown, Refused, Throttled, Unreachable
from gateway.model import Clock, TokenStore
from gateway.transport import received
from gateway.transport.http_model import OAuth, Request, Response, Transport

_LEASE = 150.0
"""Seconds the right to renew is held at least, should its holder hang; it ends with its process anyhow."""
_CONNECTING = 15.0
_TURN = 0.25
_PATIENCE = 30.0
_ANSWERS = frozenset({400, 401, 403})
_WORD = re.compile(r"[a-z_]{1,40}")
_MOST = 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Pair:
    """What one answer of the token endpoint brought; times are ISO 8601."""

    of: str
    """Digest of the keys it was got with: other keys, other tokens."""
    access: str = field(repr=False)
    refresh: str = field(repr=False)
    renew_at: str
    ends_at: str
    refresh_until: str

    def fresh(self, now: datetime) -> bool:
        return now < datetime.fromisoformat(self.renew_at)

    def lives(self, now: datetime) -> bool:
        return now < datetime.fromisoformat(self.ends_at)

    def renewable(self, now: datetime) -> bool:
        return self.refresh != "" and now < datetime.fromisoformat(self.refresh_until)


class _Denied(Exception):
    """The token endpoint does not grant: `said` is its status and error word, nothing else of the answer."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = said


class Tokens:
    """Adds the access token; renews it before it ends, and once when it is refused."""

    def __init__(
        self,
        inner: Transport,
        oauth: OAuth,
        *,
        place: str,
        account: str,
        clock: Clock,
        store: TokenStore,
        timeout: float = 60.0,
    ) -> None:
        self._inner = inner
        self._oauth = oauth
        self._place = place
        self._name = f"oauth/{account}"
        self._clock = clock
        self._store = store
        self._lease = max(_LEASE, 2 * (timeout + _CONNECTING))  # two calls for a token, each given up at its latest
        keys = (place, oauth.grant, oauth.scope, oauth.user.get_secret_value(), oauth.secret.get_secret_value())
        self._of = hashlib.sha256("\0".join(keys).encode()).hexdigest()
        self._known: _Pair | None = None
        self._renewing = threading.Lock()

    def send(self, request: Request) -> Response:
        """Send with a token; a refused token (401) is renewed and the call repeated exactly once."""
        pair = self._pair(None)
        try:
            return self._inner.send(self._with(request, pair))
        except Refused as error:
            if error.status != "401":
                raise
        return self._inner.send(self._with(request, self._pair(pair)))

    def close(self) -> None:
        """Give back connections; tokens stay in the store for whoever comes next."""
        self._inner.close()

    def _with(self, request: Request, pair: _Pair) -> Request:
        header = ("Authorization", SecretStr(f"{self._oauth.scheme} {pair.access}"))
        return replace(request, secrets=(*request.secrets, header))

    # ---- whose turn it is

    def _pair(self, refused: _Pair | None) -> _Pair:
        """Return a pair to use; `refused`: not this one. Raises Unreachable, Throttled or Refused."""
        known = self._usable(self._known, refused)
        if known is not None:
            return known
        with self._renewing:
            waited = 0.0
            while True:
                stored = self._stored()
                known = self._usable(stored, refused)
                if known is not None:
                    return known
                if self._store.lease(self._name, self._lease):
                    return self._leased(refused)
                if stored is not None and stored != refused and stored.lives(self._clock.now()):
                    return stored  # somebody else renews it; until then it is good
                if waited >= _PATIENCE:
                    raise Unreachable(f"Another worker is getting a token of {self._place} and does not end.", after=5)
                self._clock.sleep(_TURN)
                waited += _TURN

    def _leased(self, refused: _Pair | None) -> _Pair:
        began = self._clock.monotonic()
        try:
            stored = self._stored()  # it may have been renewed between the look and the lease
            found = self._usable(stored, refused)
            if found is None:
                found = self._renewed(stored)
                newer = self._usable(self._stored(), refused) if self._lapsed(began) else None
                if newer is not None:
                    return newer  # this one was held up so long that another one renewed it meanwhile
                until = max(found.ends_at, found.refresh_until)
                self._store.put(self._name, json.dumps(asdict(found)), datetime.fromisoformat(until))
            self._known = found
            return found
        finally:
            if not self._lapsed(began):  # else it ended by itself, and is another one's by now
                self._store.release(self._name)

    def _lapsed(self, began: float) -> bool:
        return self._clock.monotonic() - began >= self._lease

    def _usable(self, pair: _Pair | None, refused: _Pair | None) -> _Pair | None:
        """Return the pair when it is fresh and another one than the refused."""
        good = pair is not None and pair.fresh(self._clock.now())
        good = good and (refused is None or pair is None or pair.access != refused.access)
        return pair if good else None

    def _stored(self) -> _Pair | None:
        found = self._store.get(self._name)
        if found is None:
            return None
        try:
            pair = _Pair(**json.loads(found[0]))
        except (ValueError, TypeError):
            return None  # of another version of ours: as good as none
        if pair.of != self._of:
            return None
        self._known = pair
        return pair

    # ---- the calls

    def _renewed(self, old: _Pair | None) -> _Pair:
        """Get a new pair: by the refresh token where there is one, else, or where that fails, by the keys."""
        if old is not None and old.renewable(self._clock.now()):
            try:
                return self._granted({"grant_type": "refresh_token", "refresh_token": old.refresh})
            except (_Denied, OutcomeUnknown):
                pass  # spent, too old, or the answer was lost with the next one in it: the keys open a new chain
        try:
            return self._granted(self._keys())
        except _Denied as denied:
            raise Refused(
                f"{self._place}{self._oauth.path} grants no access token: {denied.said}.",
                fix="The keys are not accepted: check them and the host name.",
                status="401",
            ) from None
        except OutcomeUnknown:
            raise Unreachable(f"{self._place}{self._oauth.path} gave no usable answer.", after=5) from None

    def _keys(self) -> dict[str, str]:
        oauth = self._oauth
        names = ("username", "password") if oauth.grant == "password" else ("client_id", "client_secret")
        given = zip(names, (oauth.user, oauth.secret), strict=True)
        asked = {"grant_type": oauth.grant, **{name: one.get_secret_value() for name, one in given}}
        return asked | ({"scope": oauth.scope} if oauth.scope else {})

    def _granted(self, asked: dict[str, str]) -> _Pair:
        form = self._oauth.encoding == "form"
        request = Request(
            "POST",
            self._oauth.path,
            body=(urlencode(asked) if form else json.dumps(asked)).encode(),
            content_type="application/x-www-form-urlencoded" if form else "application/json",
            answers=_ANSWERS,
            limit=_MOST,
        )
        try:
            answer = self._inner.send(request)
        except GatewayError as error:
            raise self._bare(error) from None  # what the other side says there may repeat what it was given
        said = _object(answer.body)
        if answer.status in _ANSWERS:
            word = said.get("error")
            told = word if isinstance(word, str) and _WORD.fullmatch(word) else ""
            raise _Denied(f"{answer.status} {told}".strip())
        return self._read(said)

    def _read(self, said: dict[str, Any]) -> _Pair:
        access, refresh, life = said.get("access_token"), said.get("refresh_token"), said.get("expires_in")
        if not isinstance(access, str) or access == "":
            raise OutcomeUnknown(f"{self._place}{self._oauth.path} answered without an access token.")
        seconds = self._oauth.life
        if isinstance(life, int | float | str) and re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?", str(life)):
            seconds = float(life)
        now = self._clock.now()
        soon = min(seconds * self._oauth.factor, seconds - min(self._oauth.spare, seconds / 2))
        chain = self._oauth.refresh_life if isinstance(refresh, str) else 0.0
        at = [(now + timedelta(seconds=after)).isoformat() for after in (soon, seconds, chain)]
        return _Pair(self._of, access, refresh if isinstance(refresh, str) else "", *at)

    def _bare(self, error: GatewayError) -> GatewayError:
        """Return an error of the same kind without the other side's words."""
        text = f"Asking {self._place}{self._oauth.path} for an access token failed"
        status = error.status if isinstance(error, Refused) else ""
        said = f"{text} ({type(error).__name__}{f' {status}' if status else ''})."
        if isinstance(error, OutcomeUnknown):
            return OutcomeUnknown(said)
        if isinstance(error, MayWorkLater):
            kind = Throttled if isinstance(error, Throttled) else Unreachable
            return kind(said, fix="It is tried again later by itself.", after=error.after)
        return Refused(said, fix="Check the host name and the path of tokens.", status=status)


def _object(body: bytes) -> dict[str, Any]:
    try:
        data = received.loaded(body)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}
