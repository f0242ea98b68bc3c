"""Calls of one chain: paths, tokens by use, the budget of the egress address, downloads; it knows no record.

Source: Partner API documentation of several brands: paths, bearer tokens, 60 calls a minute of one address (verified).
"""

from __future__ import annotations

import fnmatch
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from pydantic import SecretStr

from gateway.destinations.partner_api.account import Account
from gateway.destinations.partner_api.profile import Errors
from gateway.errors import MayWorkLater, Refused, SettingsError, Unreachable
from gateway.transport import received
from gateway.transport.http import Access, Request, Response, Transport, bare, base_url, is_loopback

Json = Mapping[str, Any]
Query = tuple[tuple[str, str], ...]

_MOST = 256 * 1024 * 1024
_SAID = 300
_TOLD = frozenset({400, 403, 404, 409, 413, 422, 501})
"""Statuses of a write that speak of this very call; others are trouble with all calls."""
AT_A_TIME = 2
"""Batches asked about before others have their turn: each question waits for its place in the budget."""
_TURNS = 2.0
"""Turns of the budget a reading call waits for its own on the spot."""
_PROBE_TURNS = 30.0
_OF_VENDOR = frozenset({"403", "404"})
"""Statuses that may speak of the vendor a call names, and not of the account."""
_SHOWN = 20


class Calls:
    """What may be asked of one chain. `outside`: makes the transport for addresses that are not the API's."""

    def __init__(
        self, account: Account, transport: Transport, outside: Callable[[str], Transport] | None = None
    ) -> None:
        settings, clock = account.settings, account.clock
        self._account = account
        self._transport = transport
        self._outside = outside or (lambda place: bare(Access(place, timeout=settings.timeout), clock=clock))
        self._chain = quote(settings.chain_id or "", safe="")

    # ---- writing

    def update(self, vendor: str, body: bytes, *, booked: bool) -> Response:
        """C1: update products of a vendor. Returns answers of _TOLD too."""
        return self._write("PUT", self.catalog_at(vendor), body, use="catalog", booked=booked)

    def create(self, body: bytes, *, booked: bool) -> Response:
        """C5: create products at vendors."""
        return self._write("POST", self.products_at, body, use="catalog", booked=booked)

    def categories(self, vendor: str) -> Json:
        """C4: categories products may be put into."""
        return document(self._read(self._vendor(vendor, "/categories"), "catalog", (("only_leaves", "true"),)))

    def export(self, vendor: str) -> Response:
        """C3: have a vendor's catalog exported."""
        return self._write("POST", self._vendor(vendor, "/catalog/export"), b"{}", use="catalog", booked=False)

    def promote(self, body: bytes, *, booked: bool) -> Response:
        """P1: create, change or end a promotion."""
        return self._write("PUT", self.promotions_at, body, use="promotions", booked=booked)

    def catalog_at(self, vendor: str) -> str:
        """Return the path of a vendor's catalog."""
        return self._vendor(vendor, "/catalog")

    @property
    def products_at(self) -> str:
        """Path at which products are created."""
        return f"/v2/chains/{self._chain}/catalog"

    @property
    def promotions_at(self) -> str:
        """Path at which promotions are created, changed and ended."""
        return f"/v2/chains/{self._chain}/promotion"

    # ---- reading

    def catalog_job(self, job: str) -> Json | None:
        """C6: state of a catalog job; None where jobs of its kind can't be asked about."""
        return self._job(self._account.profile.jobs.poll_path, job, "catalog")

    def promotion_job(self, job: str) -> Json | None:
        """P2: state of a promotion job; None where it can't be asked about."""
        return self._job(self._account.profile.jobs.promotion_poll_path, job, "promotions")

    def page(self, vendor: str, number: int) -> Json:
        """C2: one page of a vendor's catalog, from 1. The parameter is `page`; `page_number` is ignored."""
        size = str(self._account.profile.rest.limits.page_size)
        query = (("page", str(number)), ("page_size", size))
        return document(self._read(self._vendor(vendor, "/catalog"), "catalog", query))

    def outlet(self, vendor: str) -> Json:
        """C8: whether an outlet is open. It waits longer for its turn than others: a person asks, once for each."""
        return document(self._read(self._vendor(vendor, "/status"), "status", turns=_PROBE_TURNS))

    def outlets(self, within: float = float("inf")) -> str:
        """Ask for every vendor of the settings, one after the other, and say in one line that all are there.

        `within`: seconds after which no further one is asked for; the line says how many were left. Raises Refused with
        every vendor that can't be used, or at once where the account as such is refused.
        """
        found, refused = dict[str, str](), dict[str, str]()
        end = self._account.clock.monotonic() + within
        for name in self._account.settings.vendors:
            if (found or refused) and self._account.clock.monotonic() >= end:
                break
            try:
                state = self.outlet(self._account.settings.vendor_id(name)).get("status")
            except Refused as error:
                if error.status not in _OF_VENDOR:
                    raise
                refused[name] = error.message
            else:
                found[name] = state if isinstance(state, str) else "known"
        if not refused:
            told = ", ".join(f"{name} is {state}" for name, state in islice(found.items(), _SHOWN))
            more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
            left = len(self._account.settings.vendors) - len(found)
            return f"vendor {told}{more}; {len(found)} " + (
                f"asked for, {left} left for want of time" if left else "in all"
            )
        ids = ", ".join(f"{name} ({self._account.settings.vendor_id(name)})" for name in refused)
        raise Refused(
            f"{len(refused)} of {len(self._account.settings.vendors)} vendors can't be used: {ids}. "
            f"{next(iter(refused.values()))}",
            fix="Compare their ids in `vendors` with the portal, and that the token is for this chain.",
            status="404",
        )

    def download(self, address: str) -> bytes:
        """C7: fetch a log or export; our token goes to the API's own host only. Raises Refused for other hosts.

        Gzip is taken off; what is too large unpacked is refused.
        """
        own = urlsplit(base_url(self._account.settings.host or self._account.profile.rest.base_url))
        try:
            parts = urlsplit(address)
        except ValueError as error:
            raise Refused("A result lies at no address.", fix="Report it to the platform.", status="host") from error
        query = tuple(parse_qsl(parts.query, keep_blank_values=True))
        if parts.netloc == "" or (parts.scheme, parts.netloc.lower()) == (own.scheme, own.netloc):
            return plain(self._read(parts.path, "catalog", query, accept="*/*").body)
        host = parts.hostname or ""
        allowed = any(fnmatch.fnmatchcase(host, pattern) for pattern in self._account.profile.jobs.download_hosts)
        if not allowed or (is_loopback(host) and not is_loopback(own.hostname or "")):
            raise Refused(
                f"A result lies at {host}, which is not allowed.",
                fix="Add the host to jobs.download_hosts of the profile if it is the platform's.",
                status="host",
            )
        try:
            outside = self._outside(base_url(f"{parts.scheme}://{parts.netloc}"))
        except (ValueError, SettingsError) as error:
            raise Refused(
                f"A result lies at {host}: {error}", fix="Report it to the platform.", status="host"
            ) from error
        try:
            # The query is a signature: it is kept apart from the path, which messages show.
            return plain(outside.send(Request("GET", parts.path or "/", query=query, accept="*/*", limit=_MOST)).body)
        finally:
            outside.close()

    def close(self) -> None:
        """Give back connections."""
        self._transport.close()

    # ---- one call

    def _vendor(self, vendor: str, what: str) -> str:
        return f"/v2/chains/{self._chain}/vendors/{quote(vendor, safe='')}{what}"

    def _job(self, pattern: str, job: str, use: str) -> Json | None:
        path = pattern.replace("{chain_id}", self._chain).replace("{job_id}", quote(job, safe=""))
        try:
            return document(self._read(path, use))
        except Refused as error:
            if error.status not in {"404", "405", "501"}:
                raise
            return None

    def _read(
        self, path: str, use: str, query: Query = (), *, accept: str = "application/json", turns: float = _TURNS
    ) -> Response:
        request = self._paced(Request("GET", path, query=query, accept=accept, limit=_MOST), use)
        return self._transport.send(replace(request, patience=turns * request.interval, stands_back=True))

    def _write(self, method: str, path: str, body: bytes, *, use: str, booked: bool) -> Response:
        request = Request(method, path, body=body, content_type="application/json", answers=_TOLD)
        return self._transport.send(replace(self._paced(request, use), booked=booked))

    def _paced(self, request: Request, use: str) -> Request:
        limits = self._account.profile.rest.limits
        secrets = tuple(("Authorization", SecretStr(f"Bearer {token}")) for token in self._token(use))
        return replace(
            request,
            secrets=secrets,
            budget=limits.budget,
            interval=limits.interval,
            shared=True,
            block_page=limits.cool_down_s,
        )

    def _token(self, use: str) -> tuple[str, ...]:
        """The token named for a use, else the one for all, else the first: none where client credentials are used."""
        tokens = self._account.settings.tokens
        named = tokens.get(use) or tokens.get("all") or next(iter(tokens.values()), None)
        return () if named is None else (named.get_secret_value(),)


def document(answer: Response) -> Json:
    """Return the JSON object of an answer. Raises Unreachable when it is none."""
    found = loaded(answer.body)
    if found is None:
        raise Unreachable(
            "The platform answered something that is not the JSON object expected.",
            fix="It is asked again later by itself; check the address if it stays so.",
        )
    return found


def loaded(body: bytes) -> Json | None:
    """Return the JSON object of a body; None when it is none."""
    try:
        data = received.loaded(body)
    except ValueError:
        return None
    return data if isinstance(data, dict) else None


def said(body: bytes, errors: Errors) -> str:
    """Return why a call was refused, on one line; the shape of refusals is not documented, so several are read.

    What names a field comes before the words about it.
    """
    text = body[: 64 * 1024].decode("utf-8", "replace").strip()
    if text.startswith("<"):
        return "(an HTML page)"
    try:
        found = _words(received.loaded(text.encode()), errors) if text else []
    except ValueError:
        found = [text]
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in "; ".join(found)).split())
    return (line if len(line) <= _SAID else f"{line[: _SAID - 3]}...") or "no reason given"


def _words(data: Any, errors: Errors) -> list[str]:
    if isinstance(data, str):
        return [data]
    if isinstance(data, list):
        return [word for one in data for word in _words(one, errors)]
    if not isinstance(data, dict):
        return []
    place = next((data[name] for name in errors.fields if isinstance(data.get(name), str)), "")
    for member in errors.members:
        found = _words(data.get(member), errors)
        if found:
            return [f"{place}: {word}" if place and place not in word else word for word in found]
    return []


def plain(body: bytes) -> bytes:
    """Take gzip off, where it is on. Raises Unreachable for a broken file, Refused for an oversized one."""
    if body[:2] != b"\x1f\x8b":
        return body
    opened = zlib.decompressobj(wbits=31)
    try:
        found = opened.decompress(body, _MOST)
    except zlib.error as error:
        raise Unreachable(f"A compressed result can't be read ({error}).", fix="It is fetched again.") from error
    if len(found) >= _MOST and not opened.eof:
        raise Refused("A compressed result is too large.", fix="Have the platform say less in it.", status="size")
    if not opened.eof:
        raise Unreachable("A compressed result is cut off.", fix="It is fetched again.")
    return found


def later(error: Exception) -> float | None:
    """Return the seconds after which trouble may be over; None where it does not say."""
    return error.after if isinstance(error, MayWorkLater) else None
