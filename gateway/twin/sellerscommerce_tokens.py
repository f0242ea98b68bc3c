"""The token endpoint of the Sellers Commerce twin: password and refresh grants, rotation, expiry on the twin's clock.

Source: Sellers Commerce Open API documentation, token endpoint: grants, members of the answer, 1 hour and 4 hours
verified; form encoding and error bodies are OAuth 2.0's (RFC 6749, 4.3, 5.2 and 6; inferred).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import uuid
from collections.abc import Mapping
from urllib.parse import parse_qsl

from gateway.twin.sellerscommerce_settings import Account
from gateway.twin.sellerscommerce_state import Session
from gateway.twin.sellerscommerce_store import Store

_GRANTS: Mapping[str, frozenset[str]] = {
    "password": frozenset({"grant_type", "username", "password"}),
    "refresh_token": frozenset({"grant_type", "refresh_token"}),
}
_FORM, _JSON = "application/x-www-form-urlencoded", "application/json"


class GrantError(Exception):
    """No token is given; the message is the error word of OAuth 2.0."""


class Tokens:
    """Gives tokens, and tells whose an access token is. Safe to use from several threads."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def grant(self, body: bytes, content_type: str) -> dict[str, object]:
        """Return a new pair of tokens. Raises GrantError."""
        given = self._parameters(body, content_type)
        names = _GRANTS.get(given.get("grant_type", ""))
        if "grant_type" in given and names is None:
            raise GrantError("unsupported_grant_type")
        if names is None or not names <= given.keys():
            raise GrantError("invalid_request")
        if self._store.settings.refuse_unknown and given.keys() != names:
            raise GrantError("invalid_request")
        with self._store.lock:
            user = self._login(given) if given["grant_type"] == "password" else self._refresh(given["refresh_token"])
            answer = self._new_pair(user)
            self._store.save()
        return answer

    def user(self, authorization: str) -> str | None:
        """Whose call it is; None for a missing, unknown, expired or replaced access token.

        The scheme is compared without case (RFC 9110, 11.1).
        """
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            return None
        digest, now = _digest(token.strip()), self._store.clock.now()
        with self._store.lock:
            for session in self._store.state.sessions:
                if session.access == digest and now < session.access_until and not self._replaced(session):
                    return session.user
        return None

    def expire(self, authorization: str = "") -> None:
        """End the access token of a call, or of everybody; refresh tokens live on."""
        digest, now = _digest(authorization.partition(" ")[2].strip()), self._store.clock.now()
        with self._store.lock:
            for session in self._store.state.sessions:
                if not authorization or session.access == digest:
                    session.access_until = min(now, session.access_until)
            self._store.save()

    def expire_refresh(self) -> None:
        """End every refresh token, as if 4 hours had passed; access tokens live on."""
        now = self._store.clock.now()
        with self._store.lock:
            for session in self._store.state.sessions:
                session.refresh_until = min(now, session.refresh_until)
            self._store.save()

    def _replaced(self, session: Session) -> bool:
        return session.refreshed and self._store.settings.old_access == "dead"

    def _parameters(self, body: bytes, content_type: str) -> dict[str, str]:
        kind, wanted = content_type.partition(";")[0].strip().lower(), self._store.settings.token_encoding
        pairs: list[tuple[str, object]] = []
        try:
            if kind == _FORM and wanted != "json":
                pairs.extend(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True))
            elif kind == _JSON and wanted != "form":
                pairs.extend(dict(json.loads(body)).items())
            else:
                raise GrantError("invalid_request")
        except (ValueError, TypeError, RecursionError) as error:
            raise GrantError("invalid_request") from error
        given = {name: value for name, value in pairs if isinstance(value, str)}
        if len(given) != len(pairs):
            raise GrantError("invalid_request")
        return given

    def _login(self, given: Mapping[str, str]) -> str:
        for account in self._store.settings.accounts:
            if _same(given["username"], account.access_key) and _same(given["password"], account.shared_secret):
                return _name(account)
        raise GrantError("invalid_grant")

    def _refresh(self, token: str) -> str:
        digest, now = _digest(token), self._store.clock.now()
        for session in self._store.state.sessions:
            if session.refresh == digest and now < session.refresh_until:
                if session.refreshed and self._store.settings.old_refresh == "dead":
                    break
                session.refreshed = True
                return session.user
        raise GrantError("invalid_grant")

    def _new_pair(self, user: str) -> dict[str, object]:
        clock, settings, state = self._store.clock, self._store.settings, self._store.state
        now = clock.now()
        # Access tokens of 87 characters and refresh tokens that are GUIDs, as in the samples (verified as samples).
        access, refresh = secrets.token_urlsafe(65), str(uuid.uuid4())
        state.sessions = [one for one in state.sessions if now < max(one.access_until, one.refresh_until)]
        until = clock.later(now, settings.expires_in), clock.later(now, settings.refresh_seconds)
        state.sessions.append(Session(user, _digest(access), until[0], _digest(refresh), until[1]))
        return {
            "access_token": access,
            "token_type": "bearer",
            "expires_in": max(1, int(clock.real(settings.expires_in))),
            "refresh_token": refresh,
        }


def _name(account: Account) -> str:
    """A name for an account that is no secret."""
    return _digest(account.access_key)[:12]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _same(given: str, known: str) -> bool:
    return hmac.compare_digest(given.encode(), known.encode())
