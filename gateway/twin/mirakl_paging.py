"""Pages of lists: by offset, and by token."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request

from gateway.twin.mirakl_http import Ask, RefusalError
from gateway.twin.mirakl_settings import MiraklTwinSettings
from gateway.twin.mirakl_state import Task

MAX_PAGE = 100
DEFAULT_PAGE = 10

_T = TypeVar("_T", bound=Task)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of an offset listing, and what it is sorted by."""

    size: int
    offset: int
    sort: str
    descending: bool

    def of(self, rows: Sequence[Any]) -> Sequence[Any]:
        """The rows on it."""
        return rows[self.offset : self.offset + self.size]


def page(request: Request, settings: MiraklTwinSettings, sorts: Sequence[str]) -> Page:
    """Read offset paging: 10 rows unless told, 100 at most (general notes, offset pagination; verified).

    `sorts`: what it may be sorted by, the default first. Raises RefusalError.
    """
    query = request.query_params
    size = _size(query.get("max"), "max", settings)
    sort = query.get("sort", sorts[0])
    if sort not in sorts:
        raise RefusalError(400, f"Param 'sort' does not take '{sort}'")
    order = query.get("order", "asc")
    if order not in {"asc", "desc"}:
        raise RefusalError(400, f"Param 'order' does not take '{order}'")
    return Page(size, _number(query.get("offset", "0"), "offset"), sort, order == "desc")


def link_header(request: Request, place: Page, total: int) -> dict[str, str]:
    """Return the `Link` header with `previous` and `next` where they exist (general notes; verified)."""
    links = []
    if place.offset > 0:
        url = request.url.include_query_params(max=place.size, offset=max(0, place.offset - place.size))
        links.append(f'<{url}>; rel="previous"')
    if place.offset + place.size < total:
        url = request.url.include_query_params(max=place.size, offset=place.offset + place.size)
        links.append(f'<{url}>; rel="next"')
    return {"Link": ", ".join(links)} if links else {}


def seek(
    ask: Ask,
    settings: MiraklTwinSettings,
    tasks: Sequence[_T],
    filters: Callable[[Ask], Callable[[_T], bool]],
    view: Callable[[_T], Mapping[str, Any]],
) -> dict[str, Any]:
    """Answer a list in seek pagination (general notes, seek pagination; verified): newest first unless told.

    `filters` reads the filters of a call once. With a `page_token` all other parameters are ignored: it holds what the
    first call said. Raises RefusalError.
    """
    token = ask.query.get("page_token")
    ask, place = (ask, 0) if token is None else _continued(ask, token)
    size = _size(ask.query.get("limit"), "limit", settings)
    sort = ask.query.get("sort", "dateCreated,DESC")
    if sort not in {"dateCreated", "dateCreated,ASC", "dateCreated,DESC"}:
        raise RefusalError(400, f"Param 'sort' does not take '{sort}'")
    found = list(filter(filters(ask), tasks))
    found.sort(key=lambda task: (task.created, task.number), reverse=not sort.endswith(",ASC"))
    # A token names the row after which its page begins: rows that came since don't shift it.
    sign = 1 if sort.endswith(",ASC") else -1
    passed = [sign * task.number <= sign * place for task in found]
    begin = sum(passed) if place else 0
    answer: dict[str, Any] = {"data": [view(task) for task in found[begin : begin + size]]}
    if begin + size < len(found):
        answer["next_page_token"] = _token(ask, found[begin + size - 1].number)
    if begin > 0:
        before = begin - size - 1
        answer["previous_page_token"] = _token(ask, found[before].number if before >= 0 else 0)
    return answer


def _token(ask: Ask, after: int) -> str:
    pairs = [pair for pair in ask.request.query_params.multi_items() if pair[0] != "page_token"]
    return base64.urlsafe_b64encode(urlencode([("after", after), *pairs]).encode()).decode()


def _continued(ask: Ask, token: str) -> tuple[Ask, int]:
    try:
        pairs = parse_qsl(base64.urlsafe_b64decode(token.encode()).decode(), strict_parsing=True)
    except (binascii.Error, UnicodeError, ValueError) as error:
        raise RefusalError(400, "Param 'page_token' is not valid") from error
    if not pairs or pairs[0][0] != "after" or not pairs[0][1].isdigit():
        raise RefusalError(400, "Param 'page_token' is not valid")
    scope = dict(ask.request.scope) | {"query_string": urlencode(pairs[1:]).encode()}
    return Ask(Request(scope), ask.shop_id), int(pairs[0][1])


def _size(text: str | None, name: str, settings: MiraklTwinSettings) -> int:
    size = DEFAULT_PAGE if text is None else _number(text, name)
    if size > MAX_PAGE:
        if settings.page_over_maximum == "refuse":
            raise RefusalError(400, f"Param '{name}' must not be above {MAX_PAGE}")
        size = MAX_PAGE
    return max(1, size)


def _number(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise RefusalError(400, f"Param '{name}' is not a number")
    return int(text)
