"""A path that a mapping wants and no record of an XML or JSON file has makes the file unusable, as a column does."""

from __future__ import annotations

import orjson
import pytest

from gateway.destinations.files import FilesDestination, FilesSettings
from gateway.testing.bulk import BulkDestination, BulkSettings
from gateway.testing.clock import FakeClock
from gateway.testing.rig import Rig

XML = """contract = "stock"
version = 1
[format]
kind = "xml"
record = "shop/article"
explode = "variant"
[fields]
sku = "variant/@sku"
"""
JSON = """contract = "stock"
version = 1
[format]
kind = "json"
[fields]
sku = "sku"
"""
DOCUMENT = """<shop>
<article><variant sku="A"><price>1</price></variant><variant sku="B"><price>2</price><was>3</was></variant></article>
<article><title/><variant sku="C"><price>4</price></variant></article>
</shop>"""
RECORDS = (
    """[{"sku": "A", "now": {"net": 1}, "was": null, "tags": []}, {"sku": "B", "now": {"net": 2}, "list": ["x"]}]"""
)


@pytest.fixture
def taken(tmp_path):
    made = []

    def take(mapping, name, content, **route):
        clock = FakeClock()
        there = BulkDestination(BulkSettings(fields=("sku", "quantity")), clock=clock, account="there", name="there")
        rig = Rig(tmp_path / f"gateway{len(made)}", there, clock, mapping=mapping, **route)
        made.append(rig)
        run = rig.drop(name, content)
        rig.advance()
        (found,) = (rig.folder / "outbox/acme").glob(f"{name}.*.ack.json")
        return rig, run, orjson.loads(found.read_bytes())

    yield take
    for one in made:
        one.close()


UNUSABLE = {
    "'variant/prise' for quantity, which no record has (the nearest in the file is 'variant/price')": (
        XML + 'quantity = "variant/prise"'
    ),
    "'price' for quantity, which no record has (the nearest in the file is 'variant/price')": XML
    + 'quantity = "price"',
    "'variant/a' or 'variant/prise' for quantity": XML + 'quantity = { first = ["variant/a", "variant/prise"] }',
    "the records have 'variant/@sku', 'variant/price', 'variant/was', 'title'": (
        XML + 'quantity = "variant/price"\nproduct_id = "zzzzz"'
    ),
    "'variant/stat' for the condition of quantity": (
        XML + 'quantity = { column = "variant/price", when = { column = "variant/stat", is = "1" } }'
    ),
    "'variant/@skuu' for the filter": (
        XML + 'quantity = "variant/price"\n[[filter]]\nskip = { column = "variant/@skuu", is = "B" }'
    ),
    "'now' for quantity, which no record has (the nearest in the file is 'now/net')": JSON + 'quantity = "now"',
    "(the nearest in the file is 'now/net')": JSON + 'quantity = "now/nett"',
    "'lisst' for": JSON + 'quantity = "now/net"\nunit_name = { join = ["list", "lisst"], with = "|" }',
    "'sky' for fill_within (line 2 of mapping.toml), which no record has": (
        'fill_down = ["sku"]\nfill_within = ["sky"]\n' + JSON + 'quantity = "now/net"'
    ),
}


@pytest.mark.parametrize("said", UNUSABLE)
def test_a_path_that_no_record_has_makes_the_file_unusable(taken, said):
    mapping = UNUSABLE[said]
    content = RECORDS if JSON in mapping else DOCUMENT
    rig, run, told = taken(mapping, "file", content)
    assert (told["taken"], told["code"]) == (False, "FILE_COLUMN_MISSING")
    assert said in told["message"]
    assert "optional = true" in told["fix"]
    assert rig.operations.run(run).state == "rejected"
    assert rig.destination.calls == 0


@pytest.mark.parametrize(
    ("mapping", "content", "rows"),
    [
        (XML + 'quantity = "variant/price"\nproduct_id = "variant/was"', DOCUMENT, 3),
        (XML + 'quantity = "variant/price"\nunit_name = { column = "nowhere", optional = true }', DOCUMENT, 3),
        (XML + 'quantity = "variant/price"\nunit_name = "title"', DOCUMENT, 3),
        (XML + 'quantity = { first = ["variant/prix", "variant/price"] }', DOCUMENT, 3),
        (XML + 'quantity = { first = ["variant/price", "variant/price[2]"] }', DOCUMENT, 3),
        (JSON + 'quantity = "now/net"\nproduct_id = "was"', RECORDS, 2),
        (JSON + 'quantity = "now/net"\nunit_name = "tags"', RECORDS, 2),
        (JSON + 'quantity = "now/net"\nunit_name = { join = ["list", "list[2]", "list[3]"], with = "|" }', RECORDS, 2),
        (JSON + 'quantity = "nowhere"', "[]", 0),
    ],
)
def test_a_path_may_be_missing_in_some_records_or_optional_or_hold_nothing(taken, mapping, content, rows):
    rig, run, told = taken(mapping, "file", content, empty="no_change")
    assert told["taken"], told
    assert sum(rig.states(run).values()) == rows


def test_rows_of_ours_that_come_back_need_not_have_what_others_of_their_file_had(taken):
    mapping = XML + 'quantity = "variant/price"\nproduct_id = "variant/was"'
    bad = DOCUMENT.replace("<price>4</price>", "<price>four</price>")
    rig, run, _ = taken(mapping, "file", bad)
    (errors,) = (rig.folder / "outbox/acme").glob("file.*.errors.xml")
    assert b"was" not in errors.read_bytes()
    again = rig.drop(errors.name, errors.read_bytes().replace(b"four", b"4"))
    rig.advance()
    assert rig.operations.run(again).first_run == run
    assert rig.states(again) == {"applied": 1}


def test_the_paths_of_all_blocks_count(taken, monkeypatch):
    monkeypatch.setattr("gateway.readers.json.BLOCK", 1)
    last = '{"sku": "C", "now": {"net": 3}, "campaign": "last"}'
    rig, run, told = taken(JSON + 'quantity = "now/net"\nunit_name = "campaign"', "file", f"{RECORDS[:-1]}, {last}]")
    assert told["taken"], told
    assert sum(rig.states(run).values()) == 3


REPEATED = """<shop>
<article><t>1</t><variant sku="A"><price>1</price></variant><variant sku="B"><price>2</price></variant></article>
<article><t>2</t><variant sku="C"><price>4</price></variant></article>
<article><t>skip</t><variant sku="D"><price>1</price></variant><variant sku="E"><price>2</price></variant></article>
</shop>"""


def test_records_of_which_a_part_would_be_lost_are_rejected_and_not_sent(taken):
    flat = XML.replace('explode = "variant"\n', "") + 'quantity = "variant/price"\n'
    rig, run, _ = taken(flat + '[[filter]]\nskip = { column = "t", is = "skip" }', "file", REPEATED)
    found = rig.results(run).select("state", "code", "field")
    first, second, third = found.rows()
    assert first == ("rejected", "CELL_REPEATED", "sku")
    assert second == ("applied", None, None)
    assert third[0] == "skipped"
    one, run, _ = taken(flat.replace("variant/", "variant[1]/"), "file", REPEATED)
    assert one.states(run) == {"applied": 3}


ATTRIBUTES = """contract = "catalog"
version = 1
[format]
kind = "json"
[fields]
sku = "v/sku"
name = "name"
price = "v/price"
price_basis = { constant = "net" }
attributes."*" = "more/*"
"""


def test_nothing_is_lost_either_where_a_pattern_makes_every_path_a_column(tmp_path):
    clock, there = FakeClock(), tmp_path / "there"
    there.mkdir()
    settings = FilesSettings(folder=there, format="csv", contract="catalog", fields=("sku", "price"))
    destination = FilesDestination(settings, clock=clock, account="there", name="there")
    content = orjson.dumps(
        [
            {"name": "Boot", "v": [{"sku": "A", "price": 1}, {"sku": "B", "price": 2}], "more": {"sole": "hard"}},
            {"name": "Shoe", "v": [{"sku": "C", "price": 3}], "more": {"sole": "soft", "list": ["x", "y"]}},
        ]
    )
    for mapping, expected in (
        (ATTRIBUTES, [("rejected", "CELL_REPEATED", "sku"), ("applied", None, None)]),
        (ATTRIBUTES + 'brand = "v[2]/sku"\n', [("applied", None, None), ("applied", None, None)]),
    ):
        rig = Rig(tmp_path / f"gateway{len(mapping)}", destination, clock, mapping=mapping)
        run = rig.drop("file", content)
        rig.advance()
        assert rig.results(run).select("state", "code", "field").rows() == expected
        rig.close()


LISTED = """[{"sku": "A", "now": [{"net": 1}, {"net": 2}]}, {"sku": "B", "now": [{"net": "3 pcs"}]}]"""


def test_what_an_errors_file_no_longer_shows_is_not_lost_on_its_way_back(taken):
    """It holds what the mapping wants: the first of several, under the column's own name."""
    rig, run, _ = taken(JSON + 'quantity = "now/net"\n', "file", LISTED)
    assert rig.results(run)["code"].to_list() == ["CELL_REPEATED", "MAP_NUMBER"]
    (errors,) = (rig.folder / "outbox/acme").glob("file.*.errors.json")
    again = rig.drop(errors.name, errors.read_bytes().replace(b"3 pcs", b"3"))
    rig.advance()
    assert rig.results(again).select("state", "code").rows() == [("rejected", "CELL_REPEATED"), ("applied", None)]
    mended, run, _ = taken(JSON + 'quantity = "now[1]/net"\n', errors.name, errors.read_bytes())
    assert mended.results(run).select("state", "code").rows() == [("applied", None), ("rejected", "MAP_NUMBER")]
    (errors,) = (mended.folder / "outbox/acme").glob("*.errors.json")
    again = mended.drop("mended.json", errors.read_bytes().replace(b"3 pcs", b"3"))
    mended.advance()
    assert mended.states(again) == {"applied": 1}
