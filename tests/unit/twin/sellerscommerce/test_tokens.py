"""The token endpoint: grants, rotation, expiry on the twin's clock, wrong verbs."""

import re

import pytest

from gateway.twin.sellerscommerce import Account, SellersCommerceTwinSettings

LOGIN = {"grant_type": "password", "username": "twin-access-key", "password": "twin-shared-secret"}


def test_the_answer_of_the_password_grant(shop):
    pair = shop().pair
    assert pair["token_type"] == "bearer"
    assert pair["expires_in"] == 3599
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", pair["refresh_token"])
    assert len(pair["access_token"]) == 87


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"password": "wrong"}, "invalid_grant"),
        ({"username": "wrong"}, "invalid_grant"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        ({"grant_type": None}, "invalid_request"),
        ({"password": None}, "invalid_request"),
        ({"scope": "all"}, "invalid_request"),
    ],
)
def test_grants_that_are_refused(shop, changes, word):
    given = {name: value for name, value in (LOGIN | changes).items() if value is not None}
    answer = shop().token(**given)
    assert (answer.status_code, answer.json()) == (400, {"error": word})


def test_rotation_kills_the_old_pair(shop):
    one = shop()
    old = dict(one.pair)
    answer = one.refresh()
    assert answer.status_code == 200
    assert answer.json()["refresh_token"] != old["refresh_token"]
    assert one.get("category/getall").status_code == 401
    one.client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    assert one.get("category/getall").status_code == 200
    again = one.refresh()
    assert (again.status_code, again.json()) == (400, {"error": "invalid_grant"})


@pytest.mark.parametrize(("switch", "refreshed", "read"), [("dead", 400, 401), ("alive", 200, 200)])
def test_what_becomes_of_old_tokens_is_a_switch(shop, switch, refreshed, read):
    one = shop(old_refresh=switch, old_access=switch)
    assert one.refresh().status_code == 200
    assert one.refresh().status_code == refreshed
    assert one.get("category/getall").status_code == read


def test_logging_in_twice_keeps_both_pairs(shop):
    one = shop()
    assert one.token(**LOGIN).status_code == 200
    assert one.get("category/getall").status_code == 200


def test_tokens_end_on_the_twins_clock(shop):
    one = shop()
    one.twin.clock.advance(3590)
    assert one.get("category/getall").status_code == 200
    one.twin.clock.advance(20)
    assert one.get("category/getall").status_code == 401
    one.twin.clock.advance(14_400 - 3590 - 60)
    assert one.refresh().status_code == 200
    one.log_in()
    one.twin.clock.advance(14_401)
    assert one.refresh().json() == {"error": "invalid_grant"}


def test_every_refresh_opens_a_new_window(shop):
    one = shop()
    for _ in range(3):
        one.twin.clock.advance(14_000)
        one.pair = one.refresh().json()
    one.client.headers["Authorization"] = f"bearer {one.pair['access_token']}"
    assert one.get("category/getall").status_code == 200


def test_the_life_that_is_told_is_in_real_seconds(shop):
    assert shop(speed=60).pair["expires_in"] == 59


def test_tokens_outlive_the_twin_and_stand_in_no_file(shop, tmp_path):
    one = shop(state_file=tmp_path / "state.json")
    one.close()
    text = (tmp_path / "state.json").read_text()
    assert one.pair["access_token"] not in text
    assert one.pair["refresh_token"] not in text
    assert "twin-access-key" not in text
    two = shop(state_file=tmp_path / "state.json")
    two.client.headers["Authorization"] = f"bearer {one.pair['access_token']}"
    assert two.get("category/getall").status_code == 200


def test_only_a_form_by_post_unless_told(shop):
    one = shop()
    assert one.client.get("/token").status_code == 405
    assert one.client.put("/token").status_code == 405
    assert one.client.post("/Token", json=LOGIN).json() == {"error": "invalid_request"}
    assert one.client.post("/token", content=b"%zz").json() == {"error": "invalid_request"}
    assert one.client.post("/token/").status_code == 404
    assert one.client.post("/api/token").status_code == 404


def test_json_when_told(shop):
    one = shop(token_encoding="json")
    assert one.client.post("/token", json=LOGIN).status_code == 200
    assert one.token(**LOGIN).status_code == 400
    assert one.client.post("/token", json=LOGIN | {"password": 1}).status_code == 400
    assert one.client.post("/token", json=[1]).status_code == 400
    assert shop(token_encoding="both").token(**LOGIN).status_code == 200


def test_secrets_are_not_in_the_representation():
    assert "hidden" not in repr(SellersCommerceTwinSettings(accounts=(Account("hidden-key", "hidden-secret"),)))


def test_the_operator_can_end_tokens(shop):
    one = shop()
    one.twin.tokens.expire()
    assert one.get("category/getall").status_code == 401
    one.twin.tokens.expire_refresh()
    assert one.refresh().status_code == 400
