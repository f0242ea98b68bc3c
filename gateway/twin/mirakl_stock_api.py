"""Stock at the Mirakl twin: STO01, STO02, STO03 over HTTP."""

from __future__ import annotations

from collections.abc import Callable

from starlette.responses import Response

from gateway.twin import mirakl_apis as apis
from gateway.twin.answering import json_answer
from gateway.twin.mirakl_csv import BadFileError
from gateway.twin.mirakl_http import Ask, RefusalError, csv_answer, no_report
from gateway.twin.mirakl_market import Market
from gateway.twin.mirakl_state import Import


class StockDesk:
    """Takes stock files and answers for them."""

    def __init__(self, market: Market) -> None:
        self._market = market

    def handlers(self) -> dict[apis.Api, Callable[[Ask], Response]]:
        """What answers which call."""
        return {apis.STO01: self._sto01, apis.STO02: self._sto02, apis.STO03: self._sto03}

    def _sto01(self, ask: Ask) -> Response:
        """201, the import's id as text, and the address of its status in `Location` (STO01; verified)."""
        try:
            item = self._market.accept(ask.shop_id, ask.file)
        except BadFileError as error:
            raise RefusalError(400, str(error)) from error
        path = apis.STO02.path.format(import_id=item.import_id)
        return json_answer({"import_id": item.import_id}, 201, {"Location": ask.address(path)})

    def _sto02(self, ask: Ask) -> Response:
        return json_answer(self._market.status(self._import(ask)))

    def _sto03(self, ask: Ask) -> Response:
        item = self._import(ask)
        report = self._market.report(item)
        if report is None:
            raise no_report(item.import_id)
        return csv_answer(report.decode(), f"stock-errors-{item.import_id}.csv")

    def _import(self, ask: Ask) -> Import:
        import_id = ask.request.path_params["import_id"]
        item = self._market.find(ask.shop_id, import_id)
        if item is None:
            raise RefusalError(404, f"Resource not available : import id {import_id}")
        return item
