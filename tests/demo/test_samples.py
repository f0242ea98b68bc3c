"""The samples are what their maker writes, and every mapping and route of the project has one."""

from __future__ import annotations

import gzip
import importlib
import io
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from gateway.demo.script import load_offers, load_script
from gateway.mapping import load_mapping

PROJECT = Path(__file__).parents[2]
SAMPLES = PROJECT / "samples"
PARTNERS = ("norfolk", "lumen", "iberica")


def content(name: str, body: bytes) -> object:
    """Take the packing off: how well bytes are packed depends on the machine."""
    if body.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            return [(info.filename, info.date_time, archive.read(info)) for info in archive.infolist()]
    return gzip.decompress(body) if name.endswith(".gz") else body


@pytest.fixture
def makers(monkeypatch):
    """The makers of the samples, which import each other as scripts in one folder do."""
    monkeypatch.syspath_prepend(str(SAMPLES))
    yield [importlib.import_module(name) for name in ("make_forms", "make", "make_erp")]
    for path in SAMPLES.glob("make*.py"):
        sys.modules.pop(path.stem, None)


def test_the_makers_write_the_samples_as_they_are(tmp_path, monkeypatch, makers):
    forms, make, erp = makers
    monkeypatch.setattr(forms, "HERE", tmp_path)
    make.main()
    erp.main()
    made = {path.relative_to(tmp_path).as_posix(): path for path in tmp_path.rglob("*") if path.is_file()}
    there = {
        p.relative_to(SAMPLES).as_posix(): p
        for p in SAMPLES.rglob("*")
        if p.is_file() and "__pycache__" not in p.parts and p.suffix != ".py" and p.name != "expected.toml"
    }
    assert made.keys() == there.keys()
    for name, path in made.items():
        assert content(name, path.read_bytes()) == content(name, there[name].read_bytes()), name


def test_every_sample_of_a_partner_is_in_the_script_and_small():
    script = load_script(SAMPLES)
    files = {one.file for one in script.files}
    there = {p.relative_to(SAMPLES) for name in PARTNERS for p in (SAMPLES / name).rglob("*") if p.is_file()}
    assert files == there
    assert max((SAMPLES / path).stat().st_size for path in files) < 20_000


def test_every_route_is_fed_and_never_begins_a_second_demo_with_its_newest_bytes():
    """The bytes of a route's newest file are a duplicate: either another file comes last, or the script says so."""
    routes = tomllib.loads((PROJECT / "gateway.toml").read_text("utf-8"))["routes"]
    script = load_script(SAMPLES)
    for route in routes:
        files = sorted((one for one in script.files if route in one.routes), key=lambda f: f.act)
        fed = [(SAMPLES / one.file).read_bytes() for one in files]
        assert len(set(fed)) == len(fed) >= 1, route
        assert len(fed) > 1 or files[0].once or files[0].routes[route].once, route


def test_every_mapping_loads_and_is_used():
    routes = tomllib.loads((PROJECT / "gateway.toml").read_text("utf-8"))["routes"]
    golden = (PROJECT / "tests" / "golden").glob("*/case.toml")
    cases = {tomllib.loads(path.read_text("utf-8")).get("shipped") for path in golden}
    files = sorted((PROJECT / "mappings").glob("*.toml"))
    used = {route["mapping"] for route in routes.values()} | cases
    assert {path.name for path in files} - used == set()
    assert {load_mapping(path).contract for path in files} == {"catalog", "stock", "price", "promotion", "picture"}


@pytest.mark.parametrize("sku", ["NF-3007", "0099999-40", "0071005", "LH-6013"])
def test_the_shop_leaves_articles_out_to_show_refusals(sku):
    offers = load_offers(SAMPLES / "shop.csv")
    assert sku not in offers
    assert len(offers) > 100
