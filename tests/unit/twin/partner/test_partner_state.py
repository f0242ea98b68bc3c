"""What outlives a Partner API twin, its own pages, and where it listens."""

import re
from pathlib import Path

import httpx
import pytest

from gateway.errors import SettingsError, Unreachable
from gateway.twin.partner import PartnerTwin
from gateway.twin.partner_portal import Portal


def test_everything_but_the_webhook_outlives_the_twin(stand, tmp_path, ears):
    file = tmp_path / "partner.json"
    shop = stand(files=tmp_path / "files", state_file=file)
    shop.twin.hear_at(ears.url, "word of the hook")
    token = shop.client.post(
        "/v2/oauth/token",
        data={"grant_type": "client_credentials", "client_id": "twin-client", "client_secret": "twin-secret"},
    ).json()["access_token"]
    shop.update({"sku": "MILK", "price": 2.2, "quantity": 9})
    ears.wait(1)
    terms = {"start_time": "2020-03-16T00:00:00Z", "end_time": "2099-03-22T23:59:59Z"}
    listed = [{"discount_subtype": "FINAL_PRICE", "discount_value": 1.5, "sku": ["MILK"]}]
    body = {
        "vendors": ["v001"], "type": "STRIKETHROUGH", "reason": "TRADING", "display_name": {"en_GB": "Week 12"},
        "conditions": terms, "discount": listed,
    }  # fmt: skip
    shop.promote(**body)
    shop.file("catalog/products_v001.csv", "sku,price\nBREAD,1\n")
    open_job = shop.c1({"sku": "MILK", "price": 3}).json()["job_id"]
    before = shop.twin.shelf(), shop.twin.uploads(), shop.twin.deliveries()[:1], shop.twin.effects()
    shop.close()
    assert token not in file.read_text()
    assert "word of the hook" not in file.read_text()

    again = stand(files=tmp_path / "files", state_file=file, items=())
    assert (again.twin.shelf(), again.twin.uploads(), again.twin.deliveries()[:1], again.twin.effects()) == before
    assert again.twin.content(again.twin.uploads()[0]) == b"sku,price\nBREAD,1\n"
    assert again.client.get("/twin").json()["speed"] == 1.0
    shown = again.client.get(f"/v2/chains/{again.twin.settings.chains[0].chain_id}/vendors/v001/status",
                             headers={"Authorization": f"Bearer {token}"})  # fmt: skip
    assert shown.status_code == 200
    again.later(10_000)  # a new clock does not know how far the old one was moved
    assert again.c6(open_job).json()["job_status"] == "COMPLETED"
    assert again.promote(**body)["job_status"] == "DUPLICATE"


def test_own_pages(stand):
    shop = stand(sftp=True)
    about = shop.client.get("/twin").json()
    assert (about["system"], about["speed"], about["layout"]) == ("partner_api", 1.0, "double")
    assert about["sftp"]["port"] == shop.twin.drop.port
    shop.update({"sku": "MILK", "price": 2.2}, {"sku": "NOPE", "price": 1})
    assert shop.client.get("/twin/shelf").json()[0]["sku"] == "BREAD"
    assert shop.client.get("/twin/jobs").json()[0]["rows"][1]["error"].startswith("Product not found")
    assert shop.client.get("/twin/effects").json()[0]["value"] == "2.2"
    assert shop.client.get("/twin/calls").json()[0]["code"] == "C1"
    for page in ("promotions", "files", "deliveries", "violations"):
        assert shop.client.get(f"/twin/{page}").json() == []


def test_pages_that_set(stand, ears):
    shop = stand()
    assert shop.client.post("/twin/faults", json={"fails": 1, "only": "P1"}).json()["fails"] == 1
    assert shop.client.post("/twin/faults", json={"nothing": 1}).status_code == 400
    assert shop.client.post("/twin/webhook", json={"url": ears.url, "secret": "s"}).status_code == 200
    assert shop.client.post("/twin/webhook", json={"url": ears.url}).status_code == 400
    shop.update({"sku": "MILK", "price": 1}, {"sku": "EGGS", "price": 1})
    ears.wait(1)
    changed = {"vendor": "v001", "sku": "MILK", "price": "9", "active": False}
    assert shop.client.post("/twin/alter", json=changed).status_code == 200
    assert (shop.item("MILK").price, shop.item("MILK").active) == ("9", False)
    for bad in ({"sku": "MILK"}, changed | {"sku": "NOPE"}, changed | {"vendor": "x"}, changed | {"price": 9}):
        assert shop.client.post("/twin/alter", json=bad).status_code == 400


@pytest.mark.parametrize(
    ("page", "body"),
    [
        ("webhook", {"address": "http://127.0.0.1:1/", "secret": "s"}),
        ("webhook", {"url": "http://127.0.0.1:1/", "secret": "s", "chain": "c"}),
        ("webhook", {"url": None, "secret": "s"}),
        ("webhook", {"url": "http://127.0.0.1:1/", "secret": 5}),
        ("webhook", {}),
        ("pause", {"feed": "catalog", "paused": True, "until": 5}),
        ("alter", {"vendor": "v001", "sku": "MILK", "prise": "1"}),
    ],
)
def test_what_a_page_does_not_know_is_refused_and_changes_nothing(stand, ears, page, body):
    shop = stand()
    shop.client.post("/twin/webhook", json={"url": ears.url, "secret": "s"})
    refused = shop.client.post(f"/twin/{page}", json=body)
    assert refused.status_code == 400
    assert "xpected" in refused.text
    shop.update({"sku": "MILK", "price": 1}, {"sku": "EGGS", "price": 1})
    ears.wait(1)  # the webhook stands


def test_an_empty_address_takes_the_webhook_away(stand, ears):
    shop = stand()
    for url in (ears.url, ""):
        assert shop.client.post("/twin/webhook", json={"url": url, "secret": "s"}).json() == {"url": url}
    shop.update({"sku": "MILK", "price": 1}, {"sku": "EGGS", "price": 1})
    assert shop.twin.deliveries() == []


def test_its_first_page_and_its_documentation_name_every_page(stand):
    shop = stand()
    about = shop.client.get("/twin").json()
    assert about["timezones"] == {vendor.vendor_id: vendor.timezone for vendor in shop.twin.settings.chains[0].vendors}
    for page in about["pages"]:
        assert shop.client.get(page).status_code == 200
    routes = [route for route in Portal(shop.twin).routes() if "{" not in route.path and route.path != "/twin"]
    shown = {route.path for route in routes if "GET" in (route.methods or ())}
    sets = {route.path for route in routes if "POST" in (route.methods or ())}
    assert (shown, sets) == (set(about["pages"]), set(about["sets"]))
    text = (Path(__file__).parents[4] / "docs" / "destinations" / "partner_api.md").read_text("utf-8")
    told = set(re.findall(r"`(?:GET|POST) (/twin/\w+)", text))
    assert told == shown | sets


def test_where_it_listens(stand):
    shop = stand()
    with pytest.raises(Unreachable):
        PartnerTwin(port=shop.twin.port).start()
    with pytest.raises(SettingsError, match="loopback"):
        PartnerTwin(host="192.0.2.1")
    shop.twin.stop()
    with pytest.raises(httpx.TransportError):
        shop.client.get("/twin")
    assert shop.twin.start().url == shop.twin.url
    assert shop.client.get("/twin").status_code == 200


def test_a_twin_without_files(stand):
    shop = stand()
    assert shop.twin.drop is None
    assert shop.twin.folders() == {}
    assert shop.client.get("/twin").json()["sftp"] is None
