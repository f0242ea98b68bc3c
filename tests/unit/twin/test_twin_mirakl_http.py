"""The door of the Mirakl twin over real HTTP: keys, roles, parameters, media types, limits, faults of calls."""

from email.utils import parsedate_to_datetime

import httpx
import pytest

from gateway.errors import SettingsError, Unreachable
from gateway.twin.mirakl import MiraklTwin, MiraklTwinSettings, ShopKey
from gateway.twin.mirakl_settings import OFFER_READ, STOCK_WRITE

IMPORTS = "/api/offers/stock/imports"
KEY = {"Authorization": "twin-key"}
NO_LIMITS = {}


@pytest.fixture
def started():
    """Start twins and clients, and close all of them at the end."""
    opened = []

    def start(offers=None, **settings):
        settings.setdefault("limits", NO_LIMITS)
        twin = MiraklTwin(offers or {"A-1": 5}, settings=MiraklTwinSettings(**settings)).start()
        client = httpx.Client(base_url=twin.url, headers=KEY, timeout=5)
        opened.append((twin, client))
        return twin, client

    yield start
    for twin, client in opened:
        client.close()
        twin.stop()


def post(client, text="offer-sku;quantity\nA-1;7\n", **more):
    return client.post(IMPORTS, files={"file": ("stock.csv", text, "text/csv")}, **more)


def test_only_the_raw_key_is_let_in(started):
    _, client = started()
    assert client.get("/api/account").status_code == 200
    assert client.get("/api/account", headers={"Authorization": "Bearer twin-key"}).status_code == 401
    assert client.get("/api/account", headers={"Authorization": "other"}).json() == {
        "message": "Unauthorized",
        "status": 401,
    }
    assert httpx.get(f"{client.base_url}/api/account").status_code == 401


@pytest.mark.parametrize(("needs_key", "status"), [(False, 200), (True, 401)])
def test_version_without_key(started, needs_key, status):
    _, client = started(version_needs_key=needs_key)
    assert client.get("/api/version", headers={"Authorization": ""}).status_code == status
    assert client.get("/api/version").status_code == 200


def test_a_key_without_the_role_is_forbidden(started):
    keys = (ShopKey("stock", frozenset({STOCK_WRITE})), ShopKey("reader", frozenset({OFFER_READ})))
    _, client = started(keys=keys)
    stock, reader = {"Authorization": "stock"}, {"Authorization": "reader"}
    assert client.get("/api/offers", headers=stock).status_code == 403
    assert client.get("/api/offers", headers=reader).status_code == 200
    assert post(client, headers=stock).status_code == 201
    assert post(client, headers=reader).status_code == 403
    assert client.get("/api/platform/configuration", headers=stock).status_code == 403
    assert client.get("/api/version", headers=reader).status_code == 200


def test_the_key_is_not_in_the_representation():
    assert "secret" not in repr(ShopKey("secret"))


@pytest.mark.parametrize("foreign", [403, 404])
def test_shop_id_is_taken_everywhere_and_checked(started, foreign):
    twin, client = started(keys=(ShopKey("twin-key", shops=(1, 2)),), foreign_shop_status=foreign)
    twin.put_offer("B-1", 9, shop_id=2)
    for path in ("/api/account", "/api/version", "/api/platform/configuration", "/api/offers"):
        assert client.get(path, params={"shop_id": 2}).status_code == 200, path
        assert client.get(path, params={"shop_id": 3}).status_code == foreign, path
        assert client.get(path, params={"shop_id": "two"}).status_code == 400, path
    assert client.get("/api/account").json()["shop_id"] == 1
    assert client.get("/api/account", params={"shop_id": 2}).json()["shop_id"] == 2
    assert [o["shop_sku"] for o in client.get("/api/offers?shop_id=2").json()["offers"]] == ["B-1"]
    answer = post(client, "offer-sku;quantity\nB-1;1\n", params={"shop_id": 2})
    status = httpx.URL(answer.headers["Location"]).path
    assert client.get(status, params={"shop_id": 2}).json()["shop_id"] == 2
    assert client.get(status).status_code == 404


@pytest.mark.parametrize(("strict", "status"), [(True, 400), (False, 200)])
def test_unknown_parameters(started, strict, status):
    _, client = started(refuse_unknown=strict)
    assert client.get("/api/account", params={"page": 1}).status_code == status
    assert client.get("/api/offers", params={"limit": 5}).status_code == status


@pytest.mark.parametrize(("strict", "status"), [(True, 400), (False, 201)])
def test_unknown_parts_and_columns(started, strict, status):
    _, client = started(refuse_unknown=strict)
    assert post(client, data={"import_mode": "NORMAL"}).status_code == status
    assert post(client, "offer-sku;quantity;price\nA-1;7;10\n").status_code == status


def test_bodies_that_are_no_file(started):
    twin, client = started()
    assert client.post(IMPORTS, json={"offers": []}).status_code == 415
    assert client.post(IMPORTS, content=b"x").status_code == 415
    assert client.post(IMPORTS, data={"file": "text"}, files={"other": ("o", "x")}).status_code == 400
    assert client.post(IMPORTS, files={"other": ("o.csv", "x")}).json()["message"] == "Unknown part 'other'"
    broken = {"Content-Type": "multipart/form-data"}
    assert client.post(IMPORTS, content=b"x", headers=broken).status_code == 400
    two = [("file", ("a.csv", "x")), ("file", ("b.csv", "x"))]
    assert client.post(IMPORTS, files=two).status_code == 400
    assert twin.imports() == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "The file is empty"),
        (b"offer-sku\nA-1\n", "Column 'quantity' is required"),
        (b"quantity\n1\n", "Column 'offer-sku' is required"),
        (b"offer-sku;quantity;quantity\nA;1;1\n", "Column 'quantity' appears more than once"),
        (b"offer-sku,quantity\nA,1\n", "Unknown column 'offer-sku,quantity'"),
        (b"Offer-SKU;quantity\nA;1\n", "Unknown column 'Offer-SKU'"),
        ("offer-sku;quantity\nÄ;1\n".encode("cp1252"), "The file is not encoded in UTF-8"),
        (b"\xef\xbb\xbfoffer-sku;quantity\nA-1;1\n", "Unknown column '\ufeff'"),
    ],
)
def test_files_refused_as_a_whole(started, body, said):
    _, client = started()
    answer = post(client, body)
    assert (answer.status_code, answer.json()) == (400, {"message": said, "status": 400})


def test_a_byte_order_mark_is_skipped_when_told(started):
    _, client = started(accept_bom=True)
    assert post(client, b"\xef\xbb\xbfoffer-sku;quantity\nA-1;1\n").status_code == 201


def test_an_import_answers_id_and_location(started):
    _, client = started()
    answer = post(client)
    assert answer.status_code == 201
    import_id = answer.json()["import_id"]
    assert isinstance(import_id, str)
    assert answer.headers["Location"] == f"{client.base_url}{IMPORTS}/{import_id}/status".replace("//api", "/api")
    status = client.get(answer.headers["Location"]).json()
    assert status["import_id"] == import_id
    assert (status["status"], status["has_error_report"], status["shop_id"]) == ("WAITING", False, 2110)
    assert "lines_in_error" not in status


def test_two_kinds_of_not_found(started):
    _, client = started()
    import_id = post(client).json()["import_id"]
    bare = {"message": "Not Found"}
    assert client.get(f"{IMPORTS}/{import_id}/error-report").json() == bare
    assert client.get("/api/stock/imports").json() == bare
    assert client.get("/api/account/").json() == bare
    no_report = client.get(f"{IMPORTS}/{import_id}/error_report")
    assert no_report.status_code == 404
    assert no_report.json()["message"] == f"Resource not available : report on import id {import_id}"
    assert client.get(f"{IMPORTS}/nothing/status").status_code == 404
    assert client.get(IMPORTS).status_code == 405


@pytest.mark.parametrize(("strict", "status"), [(True, 406), (False, 200)])
def test_media_types(started, strict, status):
    twin, client = started(strict_accept=strict)
    assert client.get("/api/account", headers={"Accept": "application/xml"}).status_code == status
    assert client.get("/api/account", headers={"Accept": "application/json;q=0.9"}).status_code == 200
    import_id = post(client, "offer-sku;quantity\nNOPE;1\n").json()["import_id"]
    twin.clock.advance(60)
    report = f"{IMPORTS}/{import_id}/error_report"
    assert client.get(report, headers={"Accept": "application/json"}).status_code == status
    for accepted in ("*/*", "text/csv", "text/*"):
        assert client.get(report, headers={"Accept": accepted}).headers["Content-Type"].startswith("text/csv")


def test_limits_per_api(started):
    twin, client = started(limits={"STO01": 60.0, "STO02": 15.0})
    import_id = post(client).json()["import_id"]
    early = post(client)
    assert early.status_code == 429
    assert 58 <= int(early.headers["Retry-After"]) <= 60
    status = f"{IMPORTS}/{import_id}/status"
    assert [client.get(status).status_code for _ in range(2)] == [200, 429]
    twin.clock.advance(15)
    assert client.get(status).status_code == 200
    assert 42 <= int(post(client).headers["Retry-After"]) <= 45
    twin.clock.advance(45)
    assert post(client).status_code == 201
    assert [client.get("/api/offers").status_code for _ in range(3)] == [200, 200, 200]


def test_documented_limits_are_the_default():
    limits = MiraklTwinSettings().limits
    assert {code: limits[code] for code in ("A01", "STO01", "STO02", "STO03")} == {
        "A01": 86_400,
        "STO01": 60,
        "STO02": 15,
        "STO03": 60,
    }
    assert (limits["OF01"], limits["OF01_PRODUCTS"], limits["P41"]) == (60, 900, 900)
    assert (limits["OF52"], limits["OF52_FULL"], limits["OF53"]) == (60, 86_400, 10)
    assert (limits["VL11"], limits["OF04"], limits["P51"], limits["PRI02"]) == (3600, 60, 60, 60)
    assert not {"OF21", "OF22", "P31", "P44", "P45", "P46", "P47", "OF54", "PC01", "V01"} & set(limits)


def test_limits_counted_over_the_hour(started):
    twin, client = started(limits={"STO02": 900.0, "A01": 86_400.0}, limit_style="hour")
    path = f"{IMPORTS}/none/status"
    assert [client.get(path).status_code for _ in range(5)] == [404, 404, 404, 404, 429]
    assert [client.get("/api/account").status_code for _ in range(2)] == [200, 429]
    twin.clock.advance(3600)
    assert client.get(path).status_code == 404
    assert client.get("/api/account").status_code == 429


def test_retry_after_forms(started):
    _, client = started(limits={"A01": 60.0}, retry_after="none")
    client.get("/api/account")
    assert "Retry-After" not in client.get("/api/account").headers
    _, client = started(limits={"A01": 60.0}, retry_after="date")
    client.get("/api/account")
    answer = client.get("/api/account")
    wait = parsedate_to_datetime(answer.headers["Retry-After"]) - parsedate_to_datetime(answer.headers["Date"])
    assert 59 <= wait.total_seconds() <= 61


def test_limits_are_kept_per_shop(started):
    keys = (ShopKey("twin-key", shops=(1, 2)),)
    _, client = started(keys=keys, limits={"A01": 60.0})
    codes = [client.get("/api/account", params={"shop_id": shop}).status_code for shop in (1, 2, 1)]
    assert codes == [200, 200, 429]


def test_speed_shrinks_limits_and_is_announced():
    with MiraklTwin(speed=6000) as twin, httpx.Client(base_url=twin.url, headers=KEY) as client:
        about = client.get("/twin").json()
        assert {"system": "mirakl", "speed": 6000.0, "shops": [2110]}.items() <= about.items()
        client.get("/api/account")
        assert client.get("/api/account").headers["Retry-After"] in {"14", "15"}
        assert twin.clock.real(60) == pytest.approx(0.01)


def test_a_connection_cut_after_the_import_was_accepted(started):
    twin, client = started()
    twin.faults.drop_after_post = 1
    with pytest.raises(httpx.RemoteProtocolError):
        post(client)
    assert len(twin.imports()) == 1
    assert [(call.api, call.status) for call in twin.calls] == [("STO01", 0)]
    assert post(client).status_code == 201


def test_a_connection_cut_before_anything_was_read(started):
    twin, client = started()
    twin.faults.drop_before_post = 1
    with pytest.raises(httpx.TransportError):
        post(client)
    assert twin.imports() == []
    twin.faults.drop = 1
    with pytest.raises(httpx.TransportError):
        client.get("/api/account")
    assert client.get("/api/account").status_code == 200


def test_answers_of_an_unwell_marketplace(started):
    twin, client = started()
    twin.faults.set({"error_500": 1, "error_503": 1, "html_502": 1, "throttled": 1})
    answers = [client.get("/api/version") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [500, 503, 502, 429, 200]
    assert answers[2].headers["Content-Type"].startswith("text/html")
    assert answers[3].headers["Retry-After"] == "60"


def test_an_error_although_the_import_was_accepted(started):
    twin, client = started()
    twin.faults.error_after_post = 1
    assert post(client).status_code == 500
    assert len(twin.imports()) == 1


def test_faults_of_one_api_only(started):
    twin, client = started()
    twin.faults.set({"error_500": -1, "only": "OF21"})
    assert client.get("/api/account").status_code == 200
    assert [client.get("/api/offers").status_code for _ in range(2)] == [500, 500]


def test_a_slow_answer(started):
    twin, client = started()
    twin.faults.set({"slow": 1, "slow_seconds": 5})
    with pytest.raises(httpx.ReadTimeout):
        client.get("/api/version", timeout=0.05)
    assert client.get("/api/version", timeout=0.5).status_code == 200


def test_pages_of_the_twin_itself(started):
    twin, client = started({"A-1": 5})
    post(client)
    twin.clock.advance(60)
    assert client.get("/twin/offers").json() == [
        {"sku": "A-1", "offer_id": 5001, "quantity": 7, "warehouses": {}, "total": 7}
    ]
    effect = client.get("/twin/effects").json()[0]
    assert (effect["sku"], effect["quantity"], effect["before"], effect["line"]) == ("A-1", 7, 5, 2)
    assert client.get("/twin/effects", params={"sku": "B"}).json() == []
    assert client.post("/twin/drift", json={"sku": "A-1", "quantity": 3}).json() == {"sku": "A-1", "quantity": 4}
    assert client.post("/twin/drift", json={"sku": "A-1"}).status_code == 400
    assert client.post("/twin/drift", json={"sku": "Z", "quantity": 1}).status_code == 400
    assert client.post("/twin/faults", json={"drop_after_post": 2}).json()["drop_after_post"] == 2
    assert twin.faults.drop_after_post == 2
    assert client.post("/twin/faults", json={"drop_after_pots": 2}).status_code == 400
    assert client.post("/twin/faults", content=b"{").status_code == 400
    assert client.post("/twin/faults", json=[1]).status_code == 400
    assert [call["api"] for call in client.get("/twin/calls").json()] == ["STO01"]
    assert client.get("/twin/offers", params={"shop_id": "9"}).status_code == 400


def test_it_listens_on_loopback_only():
    with pytest.raises(SettingsError, match="loopback"):
        MiraklTwin(host="192.0.2.1")


def test_a_taken_port_is_named(started):
    twin, _ = started()
    second = MiraklTwin(port=twin.port)
    with pytest.raises(Unreachable, match=str(twin.port)):
        second.start()


def test_it_comes_back_on_its_own_port(started):
    twin, client = started()
    port = twin.port
    twin.start()
    twin.stop()
    twin.stop()
    with pytest.raises(httpx.TransportError):
        client.get("/twin")
    twin.start()
    assert twin.port == port
    assert client.get("/twin").status_code == 200


def test_it_logs_nothing(started, capfd):
    twin, client = started()
    twin.faults.drop_after_post = 1
    with pytest.raises(httpx.TransportError):
        post(client)
    client.get("/nowhere")
    twin.stop()
    assert capfd.readouterr() == ("", "")
