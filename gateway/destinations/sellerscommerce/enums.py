"""Enumerations of the Open API: ids by name or id, names by id; pure but for the data file, which is read once.

Source: Sellers Commerce Open API documentation, tables of column values (verified). Two columns of discounts have
nearly the same name and different values; `IsBrand` says 0 for yes and 1 for no.
"""

from __future__ import annotations

import difflib
import functools
import re
import tomllib
from collections.abc import Mapping
from importlib import resources

CARRIERS: Mapping[int, range] = {1: range(1, 12), 2: range(13, 18), 8: range(18, 33), 10: range(34, 37)}
"""Service types of each carrier; other carriers have none."""


@functools.cache
def enumerations() -> Mapping[str, Mapping[str, int]]:
    """Return every enumeration: column name to names and ids."""
    text = resources.files(__package__).joinpath("enums.toml").read_text("utf-8")
    return {column: dict(values) for column, values in tomllib.loads(text).items()}


def words(column: str) -> dict[str, int]:
    """Return what may be written for each id of a column: its names as compared, and the id itself."""
    values = enumerations()[column]
    return {_plain(name): number for name, number in values.items()} | {str(n): n for n in values.values()}


def id_of(column: str, said: str | int) -> int:
    """Return the id that a name or an id stands for. Raises ValueError that names what is near."""
    found = words(column).get(_plain(str(said)))
    if found is not None:
        return found
    names = list(enumerations()[column])
    near = difflib.get_close_matches(str(said), names, 1) or names
    raise ValueError(f"{column} has no value {said!r}; it has, for one, {near[0]!r}")


def taken(column: str) -> str:
    """Return what a column takes, for people: every name with its id."""
    return ", ".join(f"{name} ({number})" for name, number in enumerations()[column].items())


def services(carrier: int) -> str:
    """Return the service types of a carrier, for people; "" where it has none."""
    own = CARRIERS.get(carrier, ())
    return ", ".join(f"{name} ({n})" for name, n in enumerations()["ServiceTypeId"].items() if n in own)


def name_of(column: str, number: int) -> str | None:
    """Return the documented name of an id; None for an id nobody documented."""
    return next((name for name, one in enumerations()[column].items() if one == number), None)


def is_brand(brand: bool, *, inverted: bool) -> int:  # noqa: FBT001  the one value there is
    """Return what the column `IsBrand` says of a category: the documented table, or the other way round."""
    yes, no = enumerations()["IsBrand"]["Yes"], enumerations()["IsBrand"]["No"]
    return (yes if brand else no) if inverted else (no if brand else yes)


def reads_brand(said: object, *, inverted: bool) -> bool:
    """Return what a value of the column `IsBrand` means; anything that is no value of it is no brand."""
    if isinstance(said, bool):  # a server that answers with JSON's own words can't mean 0 by true
        return said
    return str(said) == str(is_brand(True, inverted=inverted))


def service_fits(carrier: int, service: int | None) -> bool:
    """Tell whether a service type belongs to its carrier; carriers without service types take none."""
    services = CARRIERS.get(carrier)
    return service is None if services is None else service in services


def _plain(said: str) -> str:
    return re.sub(r"[^0-9a-z]+", "", said.casefold())
