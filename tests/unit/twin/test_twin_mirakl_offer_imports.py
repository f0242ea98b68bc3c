"""Imports of offers at the Mirakl twin as they are looked up: repetitions, the list, reports that are not there."""

import httpx
import pytest

IMPORTS = "/api/offers/imports"


@pytest.mark.parametrize(("mode", "count"), [("off", 2), ("open", 1), ("recent", 1)])
def test_repetitions_while_the_first_is_open(stand, mode, count):
    one = stand({"A": 1}, duplicates=mode)
    numbers = {one.of01("sku;quantity\nA;2\n").json()["import_id"] for _ in range(2)}
    assert (len(numbers), len(one.twin.offer_imports())) == (count, count)


@pytest.mark.parametrize(("mode", "count"), [("off", 2), ("open", 2), ("recent", 1)])
def test_repetitions_after_the_first_has_ended(stand, mode, count):
    one = stand({"A": 1}, duplicates=mode, waiting_seconds=1, running_seconds=1)
    text = "sku;quantity\nA;2\n"
    first = one.of01(text).json()["import_id"]
    one.later(5)
    assert (one.of01(text).json()["import_id"] == first) is (count == 1)
    assert one.of01(text, import_mode="REPLACE").json()["import_id"] != first
    one.later(601)
    assert one.of01(text).json()["import_id"] != first


def test_a_connection_cut_after_acceptance_is_found_by_the_list(stand):
    one = stand({"A": 1})
    one.twin.faults.set({"drop_after_post": 1, "only": "OF01"})
    with pytest.raises(httpx.TransportError):
        one.of01("sku;quantity\nA;2\n")
    listed = one.get(IMPORTS, origins="API").json()["data"]
    assert len(listed) == 1
    assert one.of01("sku;quantity\nA;2\n").json()["import_id"] == listed[0]["import_id"]


def test_the_list_seeks_newest_first(stand):
    one = stand({"A": 1})
    numbers = [one.of01(f"sku;quantity\nA;{n}\n").json()["import_id"] for n in range(23)]
    first = one.get(IMPORTS).json()
    assert [row["import_id"] for row in first["data"]] == numbers[:12:-1]
    assert "previous_page_token" not in first
    # Rows that come meanwhile don't shift pages, and other parameters are ignored beside a token.
    one.of01("sku;quantity\nA;99\n")
    second = one.get(IMPORTS, page_token=first["next_page_token"], limit=1, status="FAILED").json()
    assert [row["import_id"] for row in second["data"]] == numbers[12:2:-1]
    third = one.get(IMPORTS, page_token=second["next_page_token"]).json()
    assert [row["import_id"] for row in third["data"]] == numbers[2::-1]
    assert "next_page_token" not in third
    back = one.get(IMPORTS, page_token=third["previous_page_token"]).json()
    assert back["data"] == second["data"]
    oldest = one.get(IMPORTS, sort="dateCreated,ASC", limit=100).json()
    assert [row["import_id"] for row in oldest["data"]][:23] == numbers


def test_the_list_by_filters(stand):
    one = stand({"A": 1})
    early = one.of01("sku;quantity\nA;1\n").json()["import_id"]
    one.later()
    since = one.twin.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    late = one.of01("sku;quantity\nA;2\n", import_mode="REPLACE").json()["import_id"]
    numbers = lambda **query: [row["import_id"] for row in one.get(IMPORTS, **query).json()["data"]]  # noqa: E731
    assert numbers(start_date=since) == [late]
    assert numbers(end_date=since) == [early]
    assert numbers(status="COMPLETE") == [early]
    assert numbers(mode="REPLACE") == [late]
    assert numbers(origins=["API", "SFTP"]) == [late, early]
    assert numbers(origins=["FTP"]) == []
    row = one.get(IMPORTS, limit=1).json()["data"][0]
    assert (row["origin"], row["shop_id"]) == ("API", 2110)
    assert "reason_status" not in row


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 101},
        {"max": 10},
        {"sort": "status,ASC"},
        {"status": "SENT"},
        {"mode": "PARTIAL_UPDATE"},
        {"origins": "WEB"},
        {"start_date": "2026-01-01"},
        {"page_token": "xx"},
        [("mode", "NORMAL"), ("mode", "REPLACE")],
    ],
)
def test_faulty_listing(stand, query):
    assert stand().client.get(IMPORTS, params=query).status_code == 400


def test_reports_that_are_not_there(stand):
    one = stand({"A": 1})
    view, _ = one.offers("sku;quantity\nA;1\n")
    answer = one.get(f"{IMPORTS}/{view['import_id']}/error_report")
    assert answer.json()["message"] == f"Resource not available : report on import id {view['import_id']}"
    assert one.get(f"{IMPORTS}/{view['import_id']}/error-report").json() == {"message": "Not Found"}
    assert one.get(f"{IMPORTS}/999999").status_code == 404
