"""How an event proves that it is the destination's: one right value, in one header, of a form that is accepted."""

import hmac

import pytest
from pydantic import ValidationError

from gateway.transport.hook import Hook

SECRET = "s3cret value"


@pytest.mark.parametrize("given", [SECRET, f"Bearer {SECRET}", f"bearer {SECRET}"])
def test_the_secret_is_accepted_as_it_is_and_as_a_bearer_s(given):
    assert Hook(secret=SECRET).admits([given])


@pytest.mark.parametrize(
    "given",
    [[], [""], [SECRET, SECRET], [SECRET[:-1]], [f"{SECRET} "], [f"Basic {SECRET}"], ["Bearer "], [SECRET.upper()],
     [f"Bearer Bearer {SECRET}"], ["s3cret välue"]],
)  # fmt: skip
def test_anything_else_is_not(given):
    assert not Hook(secret=SECRET).admits(given)


def test_only_the_forms_that_are_named():
    assert not Hook(secret=SECRET, accept=("exact",)).admits([f"Bearer {SECRET}"])
    assert not Hook(secret=SECRET, accept=("bearer",)).admits([SECRET])


def test_every_form_is_compared_by_digests_of_one_length(monkeypatch):
    compared = []
    right = hmac.compare_digest

    def watched(a, b):
        compared.append((len(a), len(b)))
        return right(a, b)

    monkeypatch.setattr(hmac, "compare_digest", watched)
    assert Hook(secret=SECRET).admits([SECRET])
    assert not Hook(secret=SECRET).admits(["x"])
    assert compared == [(32, 32)] * 4


def test_no_secret_is_no_hook():
    with pytest.raises(ValidationError):
        Hook(secret="")


def test_the_secret_s_header_is_never_kept():
    hook = Hook(secret=SECRET, header="X-Api-Key", keep=("X-Request-Id", "x-api-key"))
    assert hook.kept() == {"content-type", "x-request-id"}


def test_the_secret_is_in_no_repr():
    assert SECRET not in repr(Hook(secret=SECRET))


def test_a_header_has_a_header_s_name():
    with pytest.raises(ValidationError):
        Hook(secret=SECRET, header="X Api\r\nKey")
