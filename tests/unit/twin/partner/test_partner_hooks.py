"""The webhook sender of the Partner API twin."""

import time

import httpx
import pytest

from gateway.errors import SettingsError

PRICE = {"sku": "MILK", "price": 1}


@pytest.fixture
def heard(stand, ears):
    """A twin that tells the receiver about jobs."""

    def start(**settings):
        shop = stand(**settings)
        shop.twin.hear_at(ears.url, "Basic c2VjcmV0")
        return shop

    return start


def settled(shop, *states):
    until = time.monotonic() + 10
    while [one.state for one in shop.twin.deliveries()] != list(states):
        assert time.monotonic() < until, shop.twin.deliveries()
        time.sleep(0.01)


def test_a_job_is_told_once_with_the_secret_as_it_is(heard, ears):
    shop = heard()
    job = shop.c1(PRICE, {"sku": "NOPE", "price": 1}).json()["job_id"]
    assert ears.heard == []
    shop.later()
    ears.wait(1)
    assert ears.heard[0][0] == "Basic c2VjcmV0"
    said = ears.bodies[0]
    assert {name: said[name] for name in said if name != "download_url"} == {
        "job_id": job, "job_status": "COMPLETED", "platform_vendor_id": "v001",
    }  # fmt: skip
    assert [row[0] for row in shop.table(said["download_url"])] == ["sku", "MILK", "NOPE"]
    settled(shop, "delivered")


def test_other_names_and_a_bearer(heard, ears):
    shop = heard(hook_bearer=True, status_name="status", vendor_name="vendor_id", downloads="signed")
    shop.c1(PRICE)
    shop.later()
    ears.wait(1)
    assert ears.heard[0][0] == "Bearer Basic c2VjcmV0"
    assert (ears.bodies[0]["status"], ears.bodies[0]["vendor_id"]) == ("COMPLETED", "v001")
    assert httpx.get(ears.bodies[0]["download_url"]).status_code == 200


def test_a_failed_job_is_told_without_a_download(heard, ears):
    shop = heard()
    shop.twin.faults.set({"fails": 1})
    shop.c1(PRICE)
    shop.later()
    ears.wait(1)
    assert ears.bodies[0]["job_status"] == "FAILED"
    assert "download_url" not in ears.bodies[0]


def test_exports_are_told_and_promotions_are_not(heard, ears, base):
    shop = heard()
    shop.p1(vendors=["v001"])
    job = shop.client.post(f"{base}/vendors/v001/catalog/export").json()["job_id"]
    shop.later()
    ears.wait(1)
    assert [body["job_id"] for body in ears.bodies] == [job]


def test_nobody_is_told_without_a_webhook(stand):
    shop = stand()
    shop.c1(PRICE)
    shop.later()
    assert shop.twin.deliveries() == []
    for url, secret in (("http://127.0.0.1:1/x", ""), ("ftp://x", "secret")):
        with pytest.raises(SettingsError):
            shop.twin.hear_at(url, secret)


def test_what_is_not_taken_is_sent_again_and_given_up_in_the_end(heard, ears):
    shop = heard(hook_retry_seconds=(60.0, 300.0))
    ears.answers = [500, 401, 503, 500]
    shop.c1(PRICE)
    shop.later()
    for count, seconds in ((1, 61), (2, 301), (3, 10_000)):
        ears.wait(count)
        settled(shop, "given_up" if count == 3 else "waiting")
        while len(shop.twin.deliveries()[0].answers) < count:
            time.sleep(0.01)
        shop.later(seconds)
    settled(shop, "given_up")
    assert shop.twin.deliveries()[0].answers == [500, 401, 503]
    assert len(ears.heard) == 3


def test_a_receiver_that_is_away(stand):
    shop = stand(hook_retry_seconds=())
    shop.twin.hear_at("http://127.0.0.1:1/hear", "secret")
    shop.c1(PRICE)
    shop.later()
    settled(shop, "given_up")
    assert shop.twin.deliveries()[0].answers == [0]


def test_the_webhook_may_come_before_the_answer_to_the_call(heard, ears):
    shop = heard()
    shop.twin.faults.set({"hook_early": 1})
    answer = shop.c1(PRICE)
    assert answer.json()["job_status"] == "QUEUED"
    assert [body["job_id"] for body in ears.bodies] == [answer.json()["job_id"]]
    assert shop.item("MILK").price == "1"


def faulty(shop, fault):
    """Let one delivery go wrong; returns the job's id."""
    shop.twin.faults.set({fault: 1})
    job = shop.c1(PRICE).json()["job_id"]
    shop.later()
    return job


def test_a_lost_delivery(heard, ears):
    shop = heard()
    faulty(shop, "hook_lost")
    settled(shop, "lost")
    assert ears.heard == []


def test_a_delivery_comes_twice(heard, ears):
    job = faulty(heard(), "hook_twice")
    ears.wait(2)
    assert [body["job_id"] for body in ears.bodies] == [job, job]


def test_a_delivery_about_a_job_nobody_sent(heard, ears):
    shop = heard()
    job = faulty(shop, "hook_foreign")
    ears.wait(2)
    assert ears.bodies[0]["job_id"] == job
    assert job.encode() not in ears.heard[1][1]
    assert shop.client.get(ears.bodies[1]["download_url"]).status_code == 404


def test_a_delivery_that_is_no_json(heard, ears):
    faulty(heard(), "hook_garbage")
    ears.wait(1)
    with pytest.raises(ValueError, match=r".+"):
        ears.bodies  # noqa: B018 - reading them is the test


def test_a_delivery_with_a_wrong_secret(heard, ears):
    faulty(heard(), "hook_wrong_secret")
    ears.wait(1)
    assert ears.heard[0][0] == "not-Basic c2VjcmV0"


def test_late_and_swapped(heard, ears):
    shop = heard()
    shop.twin.faults.set({"hook_swapped": 1})
    first = shop.c1(PRICE).json()["job_id"]
    second = shop.c1(PRICE, vendor="v002").json()["job_id"]
    shop.later()
    ears.wait(2)
    assert [body["job_id"] for body in ears.bodies] == [second, first]
    shop.twin.faults.set({"hook_late": 1, "late_seconds": 500.0})
    shop.c1(PRICE)
    shop.later()
    assert shop.twin.deliveries()[-1].state == "waiting"
    shop.later(500)
    ears.wait(3)


def test_a_swapped_delivery_without_another_comes_late(heard, ears):
    shop = heard()
    shop.twin.faults.set({"hook_swapped": 1})
    shop.c1(PRICE)
    shop.later()
    assert shop.twin.deliveries()[0].state == "waiting"
    shop.later(700)
    ears.wait(1)
