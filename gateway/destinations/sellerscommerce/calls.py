"""Calls of one store: requests, pages and the turn of each call; it knows no contract."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.destinations.sellerscommerce import answers, odata
from gateway.destinations.sellerscommerce.answers import Answer, Meaning
from gateway.destinations.sellerscommerce.endpoints import Endpoint
from gateway.destinations.sellerscommerce.settings import SellersCommerceSettings
from gateway.errors import OutcomeUnknown, Refused, Unreachable
from gateway.transport.http import Request, Transport

_JSON = "application/json"
_BUDGET = "calls"
_PAGES_MOST = 10_000
_ANSWER_MOST = 1024 * 1024
"""Most bytes of the answer to a write."""

Query = tuple[tuple[str, str], ...]
Entry = Mapping[str, Any]


class Calls:
    """What may be asked of one store. All calls take turns; those of stock go first where others wait too."""

    def __init__(self, settings: SellersCommerceSettings, transport: Transport) -> None:
        self._settings = settings
        self._transport = transport
        self._extra: Query = tuple(settings.extra_query.items())

    def read(self, endpoint: Endpoint, key: str | None = None, query: Query = ()) -> Answer:
        """Read once. Raises what the transport raises; Refused for an address that is none."""
        named = ((endpoint.parameter, key),) if endpoint.parameter and key is not None else ()
        request = Request(
            "GET", endpoint.at(key), query=(*named, *query), accept=_JSON, content_type=_JSON, budget=_BUDGET,
            interval=self._settings.call_interval, patience=self._settings.patience, answers=answers.STATUSES,
            stands_back=True,
        )  # fmt: skip
        return self._told(endpoint, request)

    def listed(self, endpoint: Endpoint, key: str | None = None, query: Query = ()) -> Iterator[Entry]:
        """Yield the entries of a listing, page by page where it has pages.

        A server that does not know pages gives all it has, or the same page again: both end the listing.
        """
        size, first, paged = self._settings.page_size, None, self._pages(endpoint)
        if endpoint.paging != "none":
            query = (*query, *self._extra)
        for number in range(_PAGES_MOST):
            answer = self.read(endpoint, key, (*query, *self._page(endpoint, number * size)) if paged else query)
            if paged and number == 0 and answer.status == 400 and endpoint.paging == "odata":
                paged = False  # it does not take $top and $skip: all at once then
                answer = self.read(endpoint, key, query)
            found = answers.entries(answer, endpoint.at(key))
            if number > 0 and found[:1] == first:
                return
            yield from found
            if not paged or len(found) != size:
                return
            first = found[:1]

    def post(self, endpoint: Endpoint, body: bytes, *, first: bool = False, of_shopper: bool = False) -> Answer:
        """Write. `first`: the call goes before others that wait. Raises Refused where no call can work."""
        request = Request(
            endpoint.method, endpoint.at(None), accept=_JSON, body=body, content_type=_JSON, budget=_BUDGET,
            interval=self._settings.call_interval, patience=self._settings.patience, answers=answers.STATUSES,
            limit=_ANSWER_MOST, stands_back=not first,
        )  # fmt: skip
        return self._told(endpoint, request, of_shopper=of_shopper)

    def delete(self, endpoint: Endpoint, members: Query, body: bytes) -> Answer:
        """Delete what the body or, by setting, the query names."""
        in_query = self._settings.category_delete == "query"
        request = Request(
            "DELETE", endpoint.at(None), query=members if in_query else (), accept=_JSON, content_type=_JSON,
            body=b"" if in_query else body, budget=_BUDGET, interval=self._settings.call_interval,
            patience=self._settings.patience, answers=answers.STATUSES, limit=_ANSWER_MOST, stands_back=True,
        )  # fmt: skip
        return self._told(endpoint, request)

    def close(self) -> None:
        """Give back connections."""
        self._transport.close()

    def _pages(self, endpoint: Endpoint) -> bool:
        return endpoint.paging == "plain" or (endpoint.paging == "odata" and self._settings.odata_paging)

    def _page(self, endpoint: Endpoint, skip: int) -> Query:
        size = self._settings.page_size
        if endpoint.paging == "odata":
            return odata.query(top=size, skip=skip)
        return (("top", str(size)), ("skip", str(skip)))

    def _told(self, endpoint: Endpoint, request: Request, *, of_shopper: bool = False) -> Answer:
        reply = self._transport.send(request)
        try:
            answer = answers.read(reply.status, reply.body)
        except Unreachable as error:
            if request.safe:
                raise
            raise OutcomeUnknown(error.message, fix="It was probably done.") from error
        if answer.meaning(of_shopper=of_shopper) is not Meaning.ACCOUNT:
            return answer
        if endpoint.key and answer.code is None:
            return answer  # what the key names is not there; the address may well be right
        raise Refused(
            f"{request.method} {request.path} answered {answer.text()}.",
            fix="Check the host name and that the keys belong to this store.",
            status="404",
        )
