"""Foreign JSON: what is taken for it, and what is any other text."""

from __future__ import annotations

from decimal import Decimal

import orjson
import pytest

from gateway.transport.received import DEEPEST, loaded


def nested(levels, opening="[", closing="]", inner="1"):
    return (opening * levels + inner + closing * levels).encode()


BOTH = pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])


@BOTH
def test_ordinary_depth_is_read(opening, closing):
    assert loaded(nested(DEEPEST, opening, closing)) is not None


@BOTH
@pytest.mark.parametrize("levels", [DEEPEST + 1, 500, 50_000])
def test_too_deep_is_no_json(opening, closing, levels):
    with pytest.raises(ValueError, match=r"nested too deep|lists and objects in each other"):
        loaded(nested(levels, opening, closing))


@pytest.mark.parametrize(
    "body", [b"[" * 50_000, b'{"a":' * 50_000, b"", b"<html>", b"\xff\xfe\xff", b"[1e99999999999999999999]"]
)
def test_what_is_no_json_is_a_value_error(body):
    with pytest.raises(ValueError):  # noqa: PT011  of the library's own words none is promised
        loaded(body, parse_float=Decimal)


def test_brackets_in_texts_are_no_levels():
    assert loaded(b'["' + b"[" * 500 + b'", {"a": "}"}]') == ["[" * 500, {"a": "}"}]


def test_brackets_in_texts_hide_no_levels():
    with pytest.raises(ValueError, match="in each other"):
        loaded(nested(200, inner='"]]]["'))


def test_numbers_are_read_as_asked_and_a_mark_of_byte_order_is_passed_over():
    assert loaded(b'\xef\xbb\xbf{"a": 1.10, "b": 7}', parse_float=str, parse_int=str) == {"a": "1.10", "b": "7"}


def test_orjson_ends_too_deep_text_as_a_fault_of_the_text():
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(b"[" * 50_000)
