"""Answers that are nested too deep are text that is no JSON, for every destination: no fault of the program."""

from __future__ import annotations

import pytest

from gateway.destinations.mirakl import calls as mirakl
from gateway.destinations.mirakl.offers_read import parsed
from gateway.destinations.partner_api import calls as partner_api
from gateway.destinations.partner_api.profile import Errors
from gateway.destinations.sage import answers as sage
from gateway.destinations.sellerscommerce import answers as sellerscommerce
from gateway.errors import Unreachable
from gateway.transport.http import Response
from gateway.transport.http_client import server_message

BODIES = pytest.mark.parametrize(
    "body", [b"[" * 50_000, b'{"message":' * 50_000, b"[" * 300 + b"]" * 300], ids=["lists", "objects", "closed"]
)


@BODIES
def test_sage_waits_for_the_whole_file(body):
    assert sage.read("zz_someone_else.json", body) is None


@BODIES
@pytest.mark.parametrize("document", [mirakl.document, partner_api.document])
def test_an_answer_is_asked_for_again(document, body):
    with pytest.raises(Unreachable, match="not the JSON object expected"):
        document(Response(200, {}, body))


@BODIES
def test_a_shop_s_answer_is_asked_for_again_and_a_refusal_stays_one(body):
    with pytest.raises(Unreachable, match="not JSON"):
        sellerscommerce.read(200, body)
    assert sellerscommerce.read(400, body).results is None


@BODIES
def test_lists_of_offers_are_no_json(body):
    with pytest.raises(ValueError, match=r"in each other|nested too deep"):
        parsed(body)


@BODIES
def test_what_a_refusal_says_is_cut_as_any_text(body):
    assert 0 < len(server_message(body)) <= 300
    assert 0 < len(partner_api.said(body, Errors())) <= 500
