"""What the platform says of jobs, whatever shape it has."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from gateway.destinations.partner_api import PartnerApiSettings, answers
from gateway.destinations.partner_api.account import Account
from gateway.destinations.partner_api.calls import Calls
from gateway.errors import Refused


@pytest.mark.parametrize(
    ("listed", "codes"),
    [(["A", {"sku": "B"}, {}], ["A", "B"]), ([], []), (None, []), (3, []), ("A", []), ({"A": 1}, [])],
)
def test_duplicates_are_those_of_a_list(listed, codes):
    found = answers.news({"job_id": "j", "job_status": "COMPLETED", "result": {"duplicated_products": listed}})
    assert [line.item for line in answers.duplicates(found)] == codes


@pytest.mark.parametrize("address", ["http://[x/log.csv", "https://files.example.com:port/log.csv"])
def test_a_result_at_no_address_is_refused(scripted, clock, address):
    settings = PartnerApiSettings(
        brand="foodpanda", channel="rest", host="api.example.com", chain_id="c", vendors={"v1": {}},
        tokens={"all": SecretStr("token")},
    )  # fmt: skip
    calls = Calls(Account("a", settings, settings.load_profile(), clock), scripted())
    with pytest.raises(Refused) as caught:
        calls.download(address)
    assert caught.value.status == "host"
