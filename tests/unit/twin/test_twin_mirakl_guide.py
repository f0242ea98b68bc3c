"""What the twin tells a newcomer is what it takes."""

import tomllib

import httpx
import polars as pl

from gateway.contracts import contract
from gateway.destinations.mirakl import product
from gateway.destinations.mirakl.settings import MiraklSettings
from gateway.model import KEY
from gateway.twin import mirakl_guide
from gateway.twin.mirakl import MiraklTwin
from gateway.twin.mirakl_guide import guide
from gateway.twin.mirakl_settings import MiraklTwinSettings


def test_key_shop_currency_and_codes_are_said():
    text = "\n".join(guide(MiraklTwinSettings(currency="EUR")))
    assert "API key twin-key, shop 2110 (Twin Shop), which sells in EUR" in text
    assert "SCARF (Apparel\\Accessories\\Scarves)" in text
    assert "APPAREL (" not in text, "products go to leaves only"
    assert "attributes of every product (* required): sku_code*, category_code*" in text
    assert "attributes of Apparel: size (sizes), material* (materials)" in text
    assert "old_code" not in text
    assert "11 (New), 10 (Refurbished)" in text
    assert "Like New" not in text


def test_the_page_says_the_same():
    with MiraklTwin({}) as twin:
        told = httpx.get(f"{twin.url}/twin").json()
    assert (told["system"], told["shop"], told["currency"]) == ("mirakl", 2110, "USD")
    assert told["categories"]["MUG"] == "Home\\Kitchen\\Mugs"
    assert told["attributes"]["thread_count"] == "REQUIRED"
    assert "BLK" in told["values"]["colors"]


def test_the_settings_it_prints_are_settings_and_name_columns_it_knows():
    twin = MiraklTwinSettings()
    section = "\n".join(mirakl_guide.section(twin, "http://127.0.0.1:8080"))
    (found,) = tomllib.loads(section)["destinations"].values()
    assert found.pop("kind") == "mirakl"
    assert found.pop("api_key") == {"env": "TWIN_KEY"}
    settings = MiraklSettings(**found, api_key="twin-key")
    agreed = contract("catalog")
    row = {name: one.example for name, one in agreed.fields.items() if one.example}
    row |= {"variant1_type": "Size", "variant2_type": "Color", "category": "TSHIRT", KEY: row["sku"], "command": None}
    records = pl.DataFrame([row], schema=dict.fromkeys(row, pl.String)).with_columns(effect=pl.lit(0, pl.UInt32))
    (batch,) = product.encode(records, "slot", settings, None)
    columns = {name.strip('"') for name in batch.body.decode().splitlines()[0].split(";")}
    assert {"sku_code", "title", "size", "color", "image_1"} <= columns
    assert columns <= {one.code for one in twin.catalog.attributes}
