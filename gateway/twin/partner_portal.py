"""The portal of the Partner API twin: what its pages show and set, for partners and for tests."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.errors import SettingsError
from gateway.twin.answering import json_answer, json_object
from gateway.twin.partner_settings import PartnerTwinSettings
from gateway.twin.partner_state import Upload

if TYPE_CHECKING:
    from gateway.twin.partner import PartnerTwin


SHOWN = ("shelf", "jobs", "promotions", "files", "deliveries", "effects", "violations", "calls", "faults")
"""Pages that show something: GET /twin/NAME."""
SETS: Mapping[str, str] = {
    "webhook": '{"url": "http://127.0.0.1:8460/hooks/NAME", "secret": "word"}; an empty url takes it away',
    "pause": '{"feed": "catalog", "paused": true}',
    "alter": '{"vendor": "v001", "sku": "A1", "price": "9.90", "active": false}',
    "sftp": '{"user": "XX_YY_twin", "renew_host_key": true}, or switches of its server',
    "faults": '{"fails": 1, "only": "C1"}, or any other fault that GET shows',
}
"""Pages that set something: POST /twin/NAME, with what it takes."""


def section(settings: PartnerTwinSettings, url: str) -> list[str]:
    """Return a settings section that fits a platform at `url`, by lines; the token is the environment's TWIN_TOKEN."""
    chain = settings.chains[0]
    return [
        "[destinations.chain]",
        'kind = "partner_api"',
        'brand = "foodpanda"',
        'channel = "rest"',
        f'host = "{url}"',
        f'chain_id = "{chain.chain_id}"',
        'tokens = { all = { env = "TWIN_TOKEN" } }',
        'price_basis = "gross"  # or "net"',
        'currency = "EUR"',
        f"vendors = {{ {', '.join(f'{vendor.vendor_id} = {{}}' for vendor in chain.vendors)} }}",
    ]


class Portal:
    """Pages below /twin. Real portals show job lists, files and their errors, and a pause switch (verified)."""

    def __init__(self, twin: PartnerTwin) -> None:
        self._twin = twin

    def routes(self) -> list[Route]:
        """Every page."""
        twin = self._twin
        shown: Mapping[str, Callable[[], object]] = {
            "shelf": twin.shelf,
            "jobs": self._jobs,
            "promotions": twin.promotions,
            "files": lambda: [self._file(upload) for upload in twin.uploads()],
            "deliveries": twin.deliveries,
            "effects": twin.effects,
            "violations": twin.violations,
            "calls": lambda: list(twin.calls),
        }
        pages = [Route(f"/twin/{name}", _page(show)) for name, show in shown.items()]
        return [
            *pages,
            Route("/twin", _page(self._about)),
            Route("/twin/files/{file}", self._content),
            Route("/twin/files/{file}/errors", self._errors),
            Route("/twin/webhook", self._webhook, methods=["POST"]),
            Route("/twin/pause", self._pause, methods=["POST"]),
            Route("/twin/alter", self._alter, methods=["POST"]),
            Route("/twin/sftp", self._sftp, methods=["POST"]),
            Route("/twin/faults", self._faults, methods=["GET", "POST"]),
        ]

    def _about(self) -> dict[str, Any]:
        twin = self._twin
        chains = {chain.chain_id: [one.vendor_id for one in chain.vendors] for chain in twin.settings.chains}
        zones = {one.vendor_id: one.timezone for chain in twin.settings.chains for one in chain.vendors}
        drop = twin.drop
        place = None if drop is None else {"host": drop.host, "port": drop.port, "known_hosts": drop.known_hosts_line}
        return {
            "system": "partner_api",
            "speed": twin.clock.speed,
            "chains": chains,
            "timezones": zones,
            "layout": twin.settings.layout,
            "sftp": place,
            "pages": [f"/twin/{name}" for name in SHOWN],
            "sets": {f"/twin/{name}": takes for name, takes in SETS.items()},
            "settings": "\n".join(section(twin.settings, twin.url)),
        }

    def _jobs(self) -> list[dict[str, Any]]:
        """The job list: what every job came to, row by row."""
        return [
            {
                "job_id": job.job_id, "call": job.call, "chain_id": job.chain_id, "vendor_id": job.vendor_id,
                "created": job.created, "state": self._twin.word(job), "rows": job.rows, "result": job.result,
            }
            for job in self._twin.jobs()
        ]  # fmt: skip

    def _file(self, upload: Upload) -> dict[str, Any]:
        names = (
            "file_id",
            "chain_id",
            "feed",
            "name",
            "vendor_id",
            "picked",
            "size",
            "state",
            "rows",
            "taken",
            "faults",
        )
        return {name: getattr(upload, name) for name in names}

    def _upload(self, request: Request) -> Upload:
        found = [one for one in self._twin.uploads() if one.file_id == request.path_params["file"]]
        if not found:
            raise HTTPException(404, "File not found")
        return found[0]

    async def _content(self, request: Request) -> Response:
        return Response(self._twin.content(self._upload(request)), media_type="text/csv")

    async def _errors(self, request: Request) -> Response:
        """Errors of a file as a table; the portal's own layout could not be read (assumption)."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(("line", "sku", "vendor", "error"))
        writer.writerows((one.line, one.sku, one.vendor_id, one.message) for one in self._upload(request).faults)
        return Response(out.getvalue(), media_type="text/csv")

    async def _webhook(self, request: Request) -> Response:
        """Set where a chain is told about its jobs; `"url": ""` takes it away."""
        body = await json_object(request, "url", "secret", "chain_id")
        if not isinstance(body.get("url"), str) or not isinstance(body.get("secret", ""), str):
            raise HTTPException(400, f"Expected {SETS['webhook']}")
        try:
            self._twin.hear_at(body["url"], body.get("secret", ""), _text(body, "chain_id"))
        except SettingsError as error:
            raise HTTPException(400, str(error)) from error
        return json_answer({"url": body["url"]})

    async def _pause(self, request: Request) -> Response:
        body = await json_object(request, "feed", "paused", "chain_id")
        feed, paused = body.get("feed"), body.get("paused")
        if feed not in self._twin.settings.feeds or not isinstance(paused, bool):
            raise HTTPException(400, f'Expected {{"feed": one of {list(self._twin.settings.feeds)}, "paused": flag}}')
        self._twin.pause(str(feed), paused=paused, chain_id=_text(body, "chain_id"))
        return json_answer({"feed": feed, "paused": paused})

    async def _alter(self, request: Request) -> Response:
        body = await json_object(request, "vendor", "sku", "price", "active")
        values = {name: body[name] for name in ("price", "active") if name in body}
        typed = isinstance(values.get("price", ""), str) and isinstance(values.get("active", True), bool)
        if not typed or not all(isinstance(body.get(name), str) for name in ("vendor", "sku")):
            raise HTTPException(400, 'Expected {"vendor": "id", "sku": "text", "price": "text", "active": flag}')
        try:
            self._twin.alter(body["vendor"], body["sku"], **values)
        except SettingsError as error:
            raise HTTPException(400, str(error)) from error
        return json_answer(body)

    async def _sftp(self, request: Request) -> Response:
        """Set switches of the file server for one account, or give it another host key."""
        body = await json_object(request)
        user, renewed = body.pop("user", None), body.pop("renew_host_key", False)
        try:
            self._twin.disturb(str(user), body, renew_host_key=renewed is True)
        except SettingsError as error:
            raise HTTPException(400, str(error)) from error
        return json_answer(body)

    async def _faults(self, request: Request) -> Response:
        if request.method == "POST":
            try:
                self._twin.faults.set(await json_object(request))
            except SettingsError as error:
                raise HTTPException(400, str(error)) from error
        return json_answer(self._twin.faults.as_dict())


def _page(show: Callable[[], object]) -> Callable[[Request], Any]:
    async def page(_request: Request) -> Response:
        return json_answer(show())

    return page


def _text(body: Mapping[str, Any], name: str) -> str | None:
    value = body.get(name)
    return value if isinstance(value, str) else None
