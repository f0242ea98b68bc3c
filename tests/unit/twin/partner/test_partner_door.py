"""The door of the Partner API twin: tokens, chains, vendors, bodies and the limit per address."""

import httpx
import pytest

from gateway.errors import SettingsError
from gateway.twin.partner import Chain, Client, Token, Vendor
from gateway.twin.partner_settings import CHAIN, PartnerTwinSettings

OTHER = "6f1c2f1e-7a1c-4e0f-9a55-2b7a3c9d0002"
STATUS = f"/v2/chains/{CHAIN}/vendors/v001/status"
CHAINS = (
    Chain(CHAIN, (Vendor("v001", "STORE-001"),), (Token("Catalog", "one"),), (Client("id", "secret"),)),
    Chain(OTHER, (Vendor("w001"),), (Token("Catalog", "two"),)),
)


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def grant(shop, **form):
    said = {"grant_type": "client_credentials", "client_id": "id", "client_secret": "secret"} | form
    return shop.client.post("/v2/oauth/token", data=said)


@pytest.mark.parametrize("header", ["", "one", "Basic one", "Bearer", "Bearer nobody", "Bearer two2"])
def test_calls_need_a_bearer_token(stand, header):
    shop = stand(chains=CHAINS)
    answer = shop.client.get(STATUS, headers={"Authorization": header})
    assert (answer.status_code, answer.json()) == (401, {"message": "Unauthorized"})


def test_a_static_token_opens_every_vendor_of_its_chain_only(stand):
    shop = stand(chains=CHAINS)
    assert shop.client.get(STATUS, headers=bearer("one")).status_code == 200
    assert shop.client.get(STATUS.replace("v001", "STORE-001"), headers=bearer("one")).status_code == 200
    assert shop.client.get(STATUS, headers=bearer("two")).status_code == 403
    assert shop.client.get(STATUS.replace("v001", "w001"), headers=bearer("one")).status_code == 404
    assert shop.client.get(STATUS.replace(CHAIN, "nowhere"), headers=bearer("one")).status_code == 404
    shop.later(10_000_000)
    assert shop.client.get(STATUS, headers=bearer("one")).status_code == 200


def test_client_credentials_give_tokens_of_two_hours_without_limit(stand):
    shop = stand(chains=CHAINS)
    first, second = grant(shop).json(), grant(shop).json()
    assert (first["expires_in"], first["token_type"]) == (7200, "Bearer")
    assert first["access_token"] != second["access_token"]
    for said in (first, second):
        assert shop.client.get(STATUS, headers=bearer(said["access_token"])).status_code == 200
    shop.later(7201)
    assert shop.client.get(STATUS, headers=bearer(first["access_token"])).status_code == 401


@pytest.mark.parametrize(
    ("form", "status"),
    [({"client_secret": "wrong"}, 401), ({"client_id": "nobody"}, 401), ({"grant_type": "password"}, 400)],
)
def test_wrong_credentials(stand, form, status):
    assert grant(stand(chains=CHAINS), **form).status_code == status


def test_the_grant_is_form_encoded(stand):
    assert stand(chains=CHAINS).client.post("/v2/oauth/token", json={}).status_code == 400


def test_the_life_of_a_token_shrinks_with_the_clock(stand):
    shop = stand(chains=CHAINS)
    shop.twin.clock.speed = 100.0
    assert grant(shop).json()["expires_in"] == 72


def test_at_most_eleven_tokens_and_no_two_vendors_of_one_name():
    tokens = tuple(Token(f"use {number}", f"token-{number}") for number in range(12))
    with pytest.raises(SettingsError, match="12 tokens: expected at most 11"):
        Chain(CHAIN, (), tokens)
    assert len(Chain(CHAIN, (), tokens[:11]).tokens) == 11
    with pytest.raises(SettingsError, match="two vendors 'a'"):
        Chain(CHAIN, (Vendor("a"), Vendor("b", "a")))
    with pytest.raises(SettingsError, match="two chains"):
        PartnerTwinSettings(chains=(CHAINS[0], CHAINS[0]))


def test_no_secret_shows():
    shown = repr(PartnerTwinSettings())
    assert "twin-token" not in shown
    assert "twin-secret" not in shown
    assert "twin-password" not in shown


# ---------------------------------------------------------------- limit of calls


def test_sixty_calls_a_minute_per_address_whatever_the_token(stand):
    shop = stand(chains=CHAINS, calls_per_window=60)
    for number in range(60):
        token = "one" if number % 2 else "nobody"
        assert shop.client.get(STATUS, headers=bearer(token)).status_code in {200, 401}
    answer = shop.client.get(STATUS, headers=bearer("one"))
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")
    assert grant(shop).status_code == 429
    assert [each.place for each in shop.twin.violations("rate")] == ["127.0.0.1"]
    shop.later(30)
    assert shop.client.get(STATUS, headers=bearer("one")).headers["Retry-After"] == "30"
    shop.later(31)
    assert shop.client.get(STATUS, headers=bearer("one")).status_code == 200


def test_another_address_has_its_own_limit(stand):
    shop = stand(calls_per_window=1)
    other = httpx.Client(
        transport=httpx.HTTPTransport(local_address="127.0.0.2"), base_url=shop.twin.url, headers=bearer("twin-token")
    )
    with other:
        assert shop.get("/vendors/v001/status").status_code == 200
        assert shop.get("/vendors/v001/status").status_code == 429
        assert other.get(STATUS).status_code == 200


def test_the_window_slides(stand):
    shop = stand(calls_per_window=2)
    shop.get("/vendors/v001/status")
    shop.later(40)
    shop.get("/vendors/v001/status")
    shop.later(21)
    assert shop.get("/vendors/v001/status").status_code == 200


def test_a_block_may_be_a_page_or_say_no_time(stand):
    page, bare = stand(calls_per_window=1, over_limit="403"), stand(calls_per_window=1, retry_after=False)
    for shop in (page, bare):
        shop.get("/vendors/v001/status")
    answer = page.get("/vendors/v001/status")
    assert (answer.status_code, answer.headers["content-type"]) == (403, "text/html; charset=utf-8")
    answer = bare.get("/vendors/v001/status")
    assert answer.status_code == 429
    assert "Retry-After" not in answer.headers


def test_the_twin_s_own_pages_are_not_counted(stand):
    shop = stand(calls_per_window=1)
    for _ in range(3):
        assert shop.client.get("/twin").json()["speed"] == 1.0
    assert shop.get("/vendors/v001/status").status_code == 200


# ---------------------------------------------------------------- bodies and words


def test_bodies(stand):
    shop = stand(max_body_bytes=100)
    path = f"/v2/chains/{CHAIN}/vendors/v001/catalog"
    assert shop.client.put(path, content=b"{}").status_code == 415
    assert shop.c1(text="x").json() == {"message": "The body is not JSON"}
    assert shop.c1(text="[]").json() == {"message": "The body is not a JSON object"}
    assert shop.c1(text='{"products": [{"sku": "MILK", "price": NaN}]}').status_code == 400
    assert shop.c1(text='{"products": "' + "x" * 100 + '"}').status_code == 413


@pytest.mark.parametrize(
    ("shape", "body"),
    [
        ("message", '{"message":"Vendor not found"}'),
        ("error", '{"error":"Vendor not found"}'),
        ("errors", '{"errors":[{"message":"Vendor not found"}]}'),
        ("detail", '{"detail":"Vendor not found"}'),
        ("text", "Vendor not found"),
    ],
)
def test_shapes_of_errors(stand, shape, body):
    answer = stand(error_shape=shape).get("/vendors/nobody/status")
    assert (answer.status_code, answer.text) == (404, body)


def test_unknown_paths_and_methods(stand):
    shop = stand()
    assert shop.get("/nothing").status_code == 404
    assert shop.client.delete(STATUS).status_code == 405


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("unauthorized", 401),
        ("forbidden", 403),
        ("blocked", 403),
        ("throttled", 429),
        ("throttled_bare", 429),
        ("too_large", 413),
        ("error_500", 500),
        ("html_502", 502),
        ("error_503", 503),
    ],
)
def test_faults_of_calls_strike_as_often_as_told_and_nothing_happens(stand, fault, status):
    shop = stand()
    shop.twin.faults.set({fault: 2, "only": "C1"})
    assert shop.get("/vendors/v001/status").status_code == 200
    for _ in range(2):
        answer = shop.c1({"sku": "MILK", "price": 1})
        assert answer.status_code == status
        assert ("Retry-After" in answer.headers) is (fault == "throttled")
    assert shop.twin.jobs() == []
    assert shop.c1({"sku": "MILK", "price": 1}).status_code == 202


def test_connections_are_cut_before_and_after_the_effect(stand):
    shop = stand()
    shop.twin.faults.set({"drop": 1})
    with pytest.raises(httpx.TransportError):
        shop.c1({"sku": "MILK", "price": 1})
    assert shop.twin.jobs() == []
    shop.twin.faults.set({"drop_after": 1})
    with pytest.raises(httpx.TransportError):
        shop.c1({"sku": "MILK", "price": 1})
    assert len(shop.twin.jobs()) == 1
    shop.twin.faults.set({"error_after": 1})
    assert shop.c1({"sku": "MILK", "price": 1}, vendor="v002").status_code == 500
    assert len(shop.twin.jobs()) == 2
    assert [call.status for call in shop.twin.calls] == [0, 0, 500]


def test_a_slow_call_takes_twin_seconds(stand):
    shop = stand()
    shop.twin.clock.speed = 1000.0
    shop.twin.faults.set({"slow": 1, "slow_seconds": 100.0})
    answer = shop.get("/vendors/v001/status")
    assert answer.elapsed.total_seconds() >= 0.1
