"""The samples are what their maker writes, and every mapping and route of the project has one."""

from __future__ import annotations

import gzip
import importlib.util
import io
import tomllib
import zipfile
from pathlib import Path

import pytest

from gateway.demo.script import load_offers, load_script
from gateway.mapping import load_mapping

PROJECT = Path(__file__).parents[2]
SAMPLES = PROJECT / "samples"
MADE_BY_HAND = {"make.py", "expected.toml"}


def content(name: str, body: bytes) -> object:
    """Take the packing off: how well bytes are packed depends on the machine."""
    if body.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            return [(info.filename, info.date_time, archive.read(info)) for info in archive.infolist()]
    return gzip.decompress(body) if name.endswith(".gz") else body


def test_the_maker_writes_the_samples_as_they_are(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("make", SAMPLES / "make.py")
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    monkeypatch.setattr(make, "HERE", tmp_path)
    make.main()
    made = {path.relative_to(tmp_path).as_posix(): path for path in tmp_path.rglob("*") if path.is_file()}
    there = {
        p.relative_to(SAMPLES).as_posix(): p for p in SAMPLES.rglob("*") if p.is_file() and "__pycache__" not in p.parts
    }
    assert made.keys() == there.keys() - MADE_BY_HAND
    for name, path in made.items():
        assert content(name, path.read_bytes()) == content(name, there[name].read_bytes()), name


def test_every_sample_is_in_the_script_and_small():
    script = load_script(SAMPLES)
    files = {one.file for one in script.files}
    there = {
        p.relative_to(SAMPLES) for p in SAMPLES.rglob("*") if p.is_file() and len(p.relative_to(SAMPLES).parts) > 1
    }
    assert files == {path for path in there if "__pycache__" not in path.parts}
    assert max((SAMPLES / path).stat().st_size for path in files) < 20_000


def test_every_route_is_fed_twice_with_different_bytes():
    """The bytes of a route's newest file are a duplicate: a second demo must never begin with them."""
    routes = tomllib.loads((PROJECT / "gateway.toml").read_text("utf-8"))["routes"]
    script = load_script(SAMPLES)
    for route in routes:
        fed = [
            (SAMPLES / one.file).read_bytes()
            for one in sorted(script.files, key=lambda f: f.act)
            if route in one.routes
        ]
        assert len(fed) >= 2
        assert fed[0] != fed[-1]
        assert len(set(fed)) == len(fed)


def test_every_mapping_loads_and_is_used():
    routes = tomllib.loads((PROJECT / "gateway.toml").read_text("utf-8"))["routes"]
    files = sorted((PROJECT / "mappings").glob("*.toml"))
    assert {path.name for path in files} == {route["mapping"] for route in routes.values()}
    for path in files:
        assert load_mapping(path).contract == "stock"


@pytest.mark.parametrize("sku", ["NF-3007", "0099999-40", "0071005", "LH-6013"])
def test_the_shop_leaves_articles_out_to_show_refusals(sku):
    offers = load_offers(SAMPLES / "shop.csv")
    assert sku not in offers
    assert len(offers) > 100
