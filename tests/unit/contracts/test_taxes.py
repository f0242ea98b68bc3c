import csv
from decimal import Decimal
from importlib import resources

import polars as pl
import pytest

from gateway.contracts.fields import Rate
from gateway.contracts.taxes import ZONES, in_force, lasting, tax_rates
from gateway.errors import SettingsError

HEADER = "territory,name,rate,surcharge,first_day,last_day,confidence\n"


def holds(territory, rate, moment, table=None):
    frame = pl.DataFrame({"r": [rate], "m": [moment]}, schema={"r": pl.String, "m": pl.String})
    return frame.select(in_force(territory, pl.col("r"), pl.col("m"), table or tax_rates())).item()


def test_the_shipped_table_is_canonical_and_of_known_places():
    for one in tax_rates():
        assert one.territory in ZONES
        assert Rate().read(one.text) == one.rate
        assert one.confidence in {"verified", "live-reported", "inferred", "assumption"}
        assert one.last_day is None or one.first_day < one.last_day


def test_one_name_has_one_rate_at_a_time():
    for one in tax_rates():
        for other in tax_rates():
            if (one.territory, one.name) == (other.territory, other.name) and one.first_day < other.first_day:
                assert one.last_day is not None
                assert one.last_day < other.first_day


@pytest.mark.parametrize(
    ("territory", "rates"),
    [
        ("GB", ("0", "5", "20")),
        ("ES", ("0", "4", "10", "21")),
        ("ES-CN", ("0", "3", "7", "9.5", "15", "20")),
    ],
)
def test_the_rates_that_last(territory, rates):
    assert lasting(territory, tax_rates()) == rates


def test_surcharges_of_today():
    shown = {one.text: one.surcharge for one in tax_rates() if one.territory == "ES" and one.last_day is None}
    assert shown == {"21": Decimal("5.2"), "10": Decimal("1.4"), "4": Decimal("0.5"), "0": Decimal(0)}


@pytest.mark.parametrize(
    ("territory", "rate", "moment", "sound"),
    [
        ("GB", "20", "2026-01-01T00:00:00Z", True),
        ("GB", "21", "2026-01-01T00:00:00Z", False),
        ("GB", "17.5", "2011-01-03T23:59:59Z", True),
        ("GB", "17.5", "2011-01-04T00:00:00Z", False),
        ("GB", "12.5", "2022-03-31T22:59:59Z", True),
        ("GB", "12.5", "2022-03-31T23:00:00Z", False),
        ("ES", "7.5", "2024-12-31T22:59:59Z", True),
        ("ES", "7.5", "2024-12-31T23:00:00Z", False),
        ("ES", "5", "2024-09-30T21:59:59Z", True),
        ("ES", "5", "2024-09-30T22:00:00Z", False),
        ("ES", "2", "2024-09-30T22:00:00Z", True),
        ("ES", "0.21", "2026-01-01T00:00:00Z", False),
        ("ES-CN", "6.5", "2019-12-31T23:59:59Z", True),
        ("ES-CN", "6.5", "2020-01-01T00:00:00Z", False),
        ("ES", "7.5", None, True),
        ("ES", "20", None, False),
    ],
)
def test_a_rate_holds_on_the_days_of_its_territory(territory, rate, moment, sound):
    assert holds(territory, rate, moment) is sound


def test_a_file_replaces_the_table(tmp_path):
    file = tmp_path / "rates.csv"
    file.write_text(HEADER + "GB,standard,22.50,,2027-01-01,,assumption\n", encoding="utf-8")
    table = tax_rates(file)
    assert lasting("GB", table) == ("22.5",)
    assert holds("GB", "22.5", "2027-01-01T00:00:00Z", table)
    assert not holds("GB", "20", "2027-01-01T00:00:00Z", table)


def test_every_faulty_line_of_a_file_is_named(tmp_path):
    file = tmp_path / "rates.csv"
    lines = ("GB,a,x,,2027-01-01,,b", "GB,a,1,,2027-01-01,,b", "XX,a,1,,2027-01-01,,b", "GB,a,1,,2027-1-1,,b", "GB")
    file.write_text(HEADER + "\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        tax_rates(file)
    assert [fault.where.rsplit(":", 1)[1] for fault in caught.value.faults] == ["2", "4", "5", "6"]


@pytest.mark.parametrize("content", [b"rate\n20\n", b"", b"\xff\xfe\x00"])
def test_a_file_that_is_no_table_is_refused(tmp_path, content):
    file = tmp_path / "rates.csv"
    file.write_bytes(content)
    with pytest.raises(SettingsError):
        tax_rates(file)
    with pytest.raises(SettingsError, match="can't be read"):
        tax_rates(tmp_path / "absent.csv")


def test_the_codes_of_sage_uk_stand_for_rates_of_today():
    text = (resources.files("gateway.contracts") / "data" / "uk_tax_codes.csv").read_text(encoding="utf-8")
    codes = {row["code"]: row["rate"] for row in csv.DictReader(text.splitlines())}
    assert {codes[code] for code in ("T0", "T1", "T2", "T5", "T9")} == set(lasting("GB", tax_rates()))
    assert all(codes[code] == codes[code.removeprefix("T")] for code in codes)
    assert "T4" not in codes
