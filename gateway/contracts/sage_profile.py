"""What Sage 50 needs of records beyond the contracts, as requirements a destination puts into its operations.

Source: Sage 50 Cloud e-commerce contracts: names, types and what is required are verified; the limits are those of the
Sage 50 UK import (verified; that they bind here is an assumption); the checks of tax rates are ours (assumption).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from gateway.contracts.rules import given, is_fraction, stands
from gateway.contracts.taxes import Territory, in_force, rates_then, tax_rates
from gateway.errors import Fault, SettingsError
from gateway.model import NOW, Requirement

_NAMES = ("sku", "product_id", "brand", "category", "customer_id", "spent_from", "spent_to")


@dataclass(frozen=True, slots=True)
class SageProfile:
    """What is known of one company. `country`: whose tax rates hold; None: they are not looked at.

    `strict`: an unknown tax rate, or a promotion for everything, rejects the row; else both are warnings.
    `tax_table`: a CSV file of tax rates instead of the shipped one.
    """

    country: Territory | None = None
    strict: bool = False
    tax_table: Path | None = None


def catalog_requirements(profile: SageProfile) -> tuple[Requirement, ...]:
    """Return T-RATE, T-FRAC-SENT, C-RATE of rows that end, R-REL by the product's id.

    Raises SettingsError for an unusable table of tax rates.
    """
    rates = tax_requirements(profile, ("price",))
    return (*rates, _taxed_as_written(), _reduced_as_written(), _not_its_own_product())


def promotion_requirements(profile: SageProfile, converted: tuple[str, ...] = ()) -> tuple[Requirement, ...]:
    """Return T-RATE and, under `strict`, SP-SEL. Raises SettingsError for an unusable table of tax rates.

    `converted`: amounts that are made net also in rows that end their promotion.
    """
    return (*tax_requirements(profile, converted), *((_names_something(),) if profile.strict else ()))


def tax_requirements(profile: SageProfile, converted: tuple[str, ...]) -> tuple[Requirement, ...]:
    """Return T-RATE: the row's rate is in force in the country when it takes effect: now, or `valid_from` after that.

    Its `timestamp` says nothing about that: an article may have been touched years ago. Rows that end something are
    asked only where an amount is made net by the rate.
    """
    if profile.country is None:
        return ()
    table = tax_rates(profile.tax_table)
    if all(one.territory != profile.country for one in table):
        whose = "shipped table" if profile.tax_table is None else f"table {profile.tax_table}"
        said = f"the {whose} of tax rates has none of {profile.country}; name a CSV file that has them as tax_table"
        raise SettingsError([Fault("country", said)])
    moment = pl.max_horizontal(NOW, pl.when(given("valid_from")).then("valid_from"))
    counts = pl.any_horizontal(stands(), *(_made_net(field) for field in converted))
    wrong = given("tax_rate") & counts & ~in_force(profile.country, pl.col("tax_rate"), moment, table)
    code = "T-RATE-STRICT" if profile.strict else "T-RATE"
    detail = pl.concat_str(pl.lit(f"{profile.country}: "), rates_then(profile.country, moment, table))
    basis = ("price_basis", *converted) if converted else ()
    columns = ("tax_rate", "valid_from", NOW, "command", *basis)
    return (Requirement(code, "tax_rate", columns, wrong, detail),)


def _made_net(field: str) -> pl.Expr:
    """Return whether an amount is converted by the rate: nothing is nothing at any rate."""
    return ((pl.col("price_basis") == "gross") & given(field) & (pl.col(field) != "0")).fill_null(value=False)


def _taxed_as_written() -> Requirement:
    """T-FRAC-SENT: a rate like 0.21 goes out as it is; where the price is converted by it, that is told already.

    Rows that end their product are no exception: they are written whole, rate and all.
    """
    columns = ("tax_rate", "price_basis", "price")
    return Requirement("T-FRAC-SENT", "tax_rate", columns, is_fraction("tax_rate") & ~_made_net("price"))


def _reduced_as_written() -> Requirement:
    """C-RATE of a product that ends, which the contract leaves be: its discount goes out as that of any other."""
    wrong = ~stands() & is_fraction("discount")
    return Requirement("C-RATE", "discount", ("discount", "command"), wrong, "100 times as much")


def _not_its_own_product() -> Requirement:
    """R-REL: related ids are those of products; the article's own is its product's where it has one."""
    inside = pl.col("related_skus").str.split("|").list.contains(pl.col("product_id"))
    return Requirement("R-REL", "related_skus", ("related_skus", "product_id"), given("product_id") & inside)


def _names_something() -> Requirement:
    nothing = stands() & ~pl.any_horizontal(given(field) for field in _NAMES)
    return Requirement("SP-SEL-STRICT", "sku", (*_NAMES, "command"), nothing)
