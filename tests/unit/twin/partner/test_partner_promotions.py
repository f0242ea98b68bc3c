"""Promotions at the Partner API twin, by calls."""

from datetime import UTC, datetime, timedelta

import pytest


def wire(moment):
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@pytest.fixture
def body():
    """A strikethrough of one sku that has just begun."""
    now = datetime.now(UTC)

    def make(**more):
        return {
            "vendors": ["v001"],
            "type": "STRIKETHROUGH",
            "active": True,
            "reason": "COMPETITIVENESS",
            "display_name": {"en_GB": "Week 12"},
            "conditions": {"start_time": wire(now - timedelta(hours=1)), "end_time": wire(now + timedelta(days=7))},
            "discount": [{"discount_subtype": "FINAL_PRICE", "discount_value": 1.99, "active": True, "sku": ["MILK"]}],
        } | more

    return make


def discount(*skus, subtype="FINAL_PRICE", value=1.5, **more):
    return {"discount_subtype": subtype, "discount_value": value, "sku": list(skus)} | more


def test_a_promotion_shows_while_it_runs_and_ends_by_the_same_request(stand, body):
    shop = stand()
    said = shop.promote(**body())
    assert said["job_status"] == "COMPLETED"
    assert said["result"] == {"invalid_vendors": [], "missing_skus": {}, "invalid_discounted_skus": {}}
    row = shop.row("MILK")
    assert (row["price"], row["promotion"], row["promotion_name"]) == ("2.50", "1.99", "Week 12")
    assert shop.row("MILK", "v002")["promotion"] is None
    assert shop.promote(**body())["job_status"] == "DUPLICATE"
    assert shop.promote(**body(active=False))["job_status"] == "COMPLETED"
    assert shop.row("MILK")["promotion"] is None
    assert shop.promote(**body(active=False))["job_status"] == "FAILED"
    assert [effect.value for effect in shop.twin.effects("MILK")] == ["Week 12: FINAL_PRICE 1.99", ""]


def test_a_promotion_ends_with_its_time(stand, body):
    shop = stand()
    shop.promote(**body())
    shop.later(8 * 86_400)
    assert shop.row("MILK")["promotion"] is None


def test_a_job_is_queued_and_then_ended(stand, body):
    shop = stand()
    job = shop.p1(**body()).json()["job_id"]
    shop.later(90)
    assert shop.get(f"/promotion/jobs/{job}").json()["job_status"] == "QUEUED"
    assert shop.row("MILK")["promotion"] is None
    shop.later(30)
    assert shop.get(f"/promotion/jobs/{job}").json()["job_status"] == "COMPLETED"
    assert shop.c6(job).status_code == 404


def test_what_is_missing_inactive_or_not_lower_is_listed(stand, body):
    shop = stand()
    listed = [discount("MILK", "EGGS", "NOPE"), discount("BREAD", value=1.8)]
    said = shop.promote(**body(vendors=["v001", "v002", "nobody"], discount=listed))
    assert said["job_status"] == "COMPLETED"
    assert said["result"] == {
        "invalid_vendors": ["nobody"],
        "missing_skus": {"v001": ["EGGS", "NOPE"], "v002": ["EGGS", "NOPE"]},
        "invalid_discounted_skus": {"v001": ["BREAD"], "v002": ["BREAD"]},
    }
    assert [shop.row(sku)["promotion"] for sku in ("MILK", "EGGS", "BREAD")] == ["1.5", None, None]
    assert shop.promote(**body(discount=[discount("NOPE")]))["job_status"] == "FAILED"


def test_one_refused_sku_may_refuse_all_and_lists_may_be_absent(stand, body):
    shop = stand(promotion_all_or_nothing=True, promotion_results=False)
    said = shop.promote(**body(discount=[discount("MILK", "NOPE")]))
    assert said["job_status"] == "FAILED"
    assert "result" not in said
    assert shop.row("MILK")["promotion"] is None


@pytest.mark.parametrize(
    ("subtype", "value", "shown"), [("PERCENTAGE", 20, "2"), ("ABSOLUTE", 0.75, "1.75"), ("FINAL_PRICE", 2.4, "2.4")]
)
def test_subtypes(stand, body, subtype, value, shown):
    shop = stand()
    shop.promote(**body(vendors=["*"], discount=[discount("MILK", subtype=subtype, value=value)]))
    assert [shop.row("MILK", vendor)["promotion"] for vendor in ("v001", "v002")] == [shown, shown]


def test_a_bundle(stand, body):
    shop = stand()
    terms = body()["conditions"] | {"purchased_quantity": 2, "discounted_quantity": 1}
    listed = [discount("MILK", subtype="PERCENTAGE", value=100)]
    assert shop.p1(**body(type="SAME_ITEM_BUNDLE", discount=listed)).status_code == 400
    shop.promote(**body(type="SAME_ITEM_BUNDLE", conditions=terms, discount=listed))
    assert shop.row("MILK")["promotion"] == "B2G1 -100%"


def test_of_two_promotions_the_one_that_began_last_shows(stand, body):
    shop = stand()
    later = body()["conditions"] | {"start_time": wire(datetime.now(UTC) - timedelta(minutes=5))}
    shop.promote(**body(display_name={"en_GB": "Now"}, conditions=later, discount=[discount("MILK", value=2.2)]))
    shop.promote(**body())
    assert (shop.row("MILK")["promotion"], shop.row("MILK")["promotion_name"]) == ("2.2", "Now")


def test_a_changed_promotion_keeps_or_loses_what_it_no_longer_names(stand, body):
    kept, removed = stand(), stand(absent_skus="removed")
    for shop in (kept, removed):
        shop.promote(**body(discount=[discount("MILK", "BREAD")]))
        shop.promote(**body(discount=[discount("MILK", value=1.2)]))
        assert shop.row("MILK")["promotion"] == "1.2"
        assert len(shop.twin.promotions()) == 1
    assert (kept.row("BREAD")["promotion"], removed.row("BREAD")["promotion"]) == ("1.5", None)


def test_a_flag_removes_single_skus(stand, body):
    shop = stand()
    shop.promote(**body(discount=[discount("MILK"), discount("BREAD")]))
    said = shop.promote(**body(discount=[discount("MILK", active=False), discount("BREAD")]))
    assert said["job_status"] == "COMPLETED"
    assert [shop.row(sku)["promotion"] for sku in ("MILK", "BREAD")] == [None, "1.5"]


def test_an_end_must_repeat_what_was_sent(stand, body):
    strict, loose = stand(), stand(end_needs_same_body=False)
    for shop in (strict, loose):
        shop.promote(**body())
    other = body(active=False, reason="TRADING")
    assert (strict.promote(**other)["job_status"], loose.promote(**other)["job_status"]) == ("FAILED", "COMPLETED")
    assert strict.row("MILK")["promotion"] == "1.99"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vendors": []}, "vendors must be a list of strings that is not empty"),
        ({"vendors": ["*", "v001"]}, "vendors must be * alone, or ids"),
        ({"type": "BASKET"}, "type 'BASKET' is not supported"),
        ({"reason": "cheap"}, "reason 'cheap' is not allowed"),
        ({"display_name": {}}, "display_name must give a text per locale"),
        ({"active": 1}, "body.active must be a boolean"),
        ({"discount": []}, "discount must be a list that is not empty"),
        ({"discount": [discount("MILK", value=0)]}, "discount[0].discount_value must be a number greater than 0"),
        (
            {"discount": [discount("MILK", subtype="PERCENTAGE", value=101)]},
            "discount[0].discount_value must be from 1 to 100",
        ),
        ({"discount": [discount("MILK", subtype="HALF")]}, "discount[0].discount_subtype 'HALF' is not allowed"),
        ({"discount": [discount("MILK"), discount("MILK")]}, "discount[1].sku 'MILK' appears more than once"),
        ({"limits": {"global_limit": 0}}, "limits.global_limit must be greater than 0"),
        ({"colour": "red"}, "Unknown field 'colour' in body"),
    ],
)
def test_faulty_requests(calm, body, change, message):
    answer = calm.p1(**body(**change))
    assert (answer.status_code, answer.json()["message"]) == (400, message)


@pytest.mark.parametrize(
    "start", ["2026-03-16", "2026-03-16T00:00:00", "2026-03-16T00:00:00+02:00", "2026-02-30T00:00:00Z", ""]
)
def test_times_are_utc_with_a_z(calm, body, start):
    answer = calm.p1(**body(conditions=body()["conditions"] | {"start_time": start}))
    assert "conditions.start_time must be a UTC time" in answer.json()["message"]


def test_windows(stand, body):
    shop = stand()
    terms = body()["conditions"]
    backwards = {"start_time": terms["end_time"], "end_time": terms["start_time"]}
    past = {"start_time": "2020-01-01T00:00:00Z", "end_time": "2020-01-02T00:00:00Z"}
    assert shop.p1(**body(conditions=backwards)).json()["message"] == "conditions.end_time must be after start_time"
    assert shop.p1(**body(conditions=past)).json()["message"] == "conditions.end_time is in the past"


def test_skus_times_vendors_are_limited(stand, body):
    shop = stand(max_promotion_pairs=3)
    answer = shop.p1(**body(vendors=["*"], discount=[discount("MILK", "BREAD")]))
    assert answer.status_code == 413


def test_faults_of_promotion_jobs(stand, body):
    shop = stand()
    shop.twin.faults.set({"refuses": 1, "only": "P1"})
    said = shop.promote(**body())
    assert (said["job_status"], said["result"]["missing_skus"]) == ("COMPLETED", {"v001": ["MILK"]})
    shop.twin.faults.set({"fails": 1, "status_missing": 1, "only": ""})
    job = shop.p1(**body()).json()["job_id"]
    shop.later(200)
    assert shop.get(f"/promotion/jobs/{job}").status_code == 404
    assert shop.get(f"/promotion/jobs/{job}").json()["job_status"] == "FAILED"
    assert stand(promotion_polls=False).get(f"/promotion/jobs/{job}").status_code == 404


def test_a_price_that_is_not_lower_may_refuse_the_call(stand, body):
    shop = stand(dear_promotion="call")
    dear = body(discount=[discount("BREAD"), discount("MILK", value=99)])
    answer = shop.p1(**dear)
    assert answer.status_code == 400
    assert answer.json()["message"] == "The discounted price of 'MILK' is not lower than its price at vendor v001"
    assert shop.p1(**dear | {"active": False}).status_code == 202
    assert shop.p1(**body(discount=[discount("MILK", value=99, active=False), discount("BREAD")])).status_code == 202
