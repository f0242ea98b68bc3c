"""Pictures to batch files: exact bodies, how many per file, what is required."""

from __future__ import annotations

import pytest
from support.sage_records import PICTURE, body, encode, judged, one, told_apart


def test_a_picture():
    assert body("picture", PICTURE) == (
        '[{"productId":"A-7","order":1,"picture":"iVBORw0KGgo=","timestamp":"2024-05-02T09:29:58Z"}]'
    )
    more = {"product_id": "P", "description": "front", "variant1_type": "Size", "variant1_value": "XL"}
    item = one("picture", PICTURE | more)
    assert list(item) == [
        "productId", "order", "description", "picture", "variant1Type", "variant1Value", "timestamp"
    ]  # fmt: skip


def test_few_pictures_per_file():
    rows = [PICTURE | {"order": str(number)} for number in range(45)]
    assert [batch.effects.height for batch in encode("picture", *rows)] == [20, 20, 5]


@pytest.mark.parametrize(
    ("given", "more", "issues"),
    [
        ({}, {}, []),
        ({"picture": None}, {}, [("picture", "DEST_REQUIRED")]),
        ({"picture": None, "command": "end"}, {}, [("command", "DEST_COMMAND")]),
        ({"picture": "A" * 17}, {"picture_max_bytes": 12}, [("picture", "DEST_LIMIT")]),
        ({"picture": "A" * 16}, {"picture_max_bytes": 12}, []),
        ({"picture": "A" * 50_000}, {"max_bytes": 100_000}, []),
        ({"picture": "A" * 50_004}, {"max_bytes": 100_000}, [("picture", "DEST_LIMIT")]),
    ],
)
def test_what_a_picture_must_be(given, more, issues):
    assert judged("picture", PICTURE | given, **more) == issues


def test_pictures_of_one_place_are_one():
    red = {"product_id": "A-7", "variant1_type": "Colour", "variant1_value": "red"}
    assert told_apart("picture", PICTURE | red, PICTURE | red | {"sku": "A-8"}) == 1
    assert told_apart("picture", PICTURE | red, PICTURE | red | {"sku": "A-8", "order": "2"}) == 2
