"""Profiles as files: a brand's, a file of one's own over it, single keys over both; each fault is said where it stands.

What keys allow singly is in profile.py; here is what must fit together before anything is sent by it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl
from pydantic import ValidationError

from gateway.destinations.partner_api.profile import CATALOG_COLUMNS, Profile
from gateway.errors import Fault, SettingsError
from gateway.formats.sections import complaint, unknown

HOME = Path(__file__).parent / "profiles"
"""Where the shipped profiles lie."""

Keys = tuple[str, ...]
Found = Iterator[tuple[Keys, str]]
_SAMPLE = datetime(2031, 12, 30, 23, 58, 59)  # noqa: DTZ001  rendered and read back without any zone
_PATHS: Mapping[Keys, frozenset[str]] = {
    ("jobs", "poll_path"): frozenset({"chain_id", "job_id"}),
    ("jobs", "promotion_poll_path"): frozenset({"chain_id", "job_id"}),
    ("orders", "list_path"): frozenset({"chain_id", "vendor_id"}),
}
"""Keys that are paths, and the places each must have."""
_CAMPAIGN = ("start_date", "end_date", "campaign_status")


def brands() -> tuple[str, ...]:
    """Return the names of the shipped profiles."""
    return tuple(sorted(path.stem for path in HOME.glob("*.toml")))


def load(
    brand: str,
    path: Path | None,
    more: Mapping[str, Any],
    layout: Literal["double", "multi", "single"] | None = None,
) -> Profile:
    """Return a brand's profile with a file and single keys laid over it. Raises SettingsError with every fault.

    `layout`: of the files that are sent; None: none are.
    """
    if brand not in brands():
        raise SettingsError(f"{unknown(brand, brands(), 'profile')}.")
    told = _read(HOME / f"{brand}.toml")
    if path is not None:
        told = laid(told, _read(path))
    try:
        made = Profile.model_validate(laid(told, more))
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        found = [(tuple(str(part) for part in one["loc"]), complaint(Profile, one)) for one in details]
        raise _refused(found, path, more) from None
    unfit = [*_forms(made), *_paths(made), *(() if layout is None else _columns(made, layout))]
    if unfit:
        raise _refused(unfit, path, more)
    return made


def laid(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return tables with other tables laid over them, key by key."""
    made = dict(under)
    for name, value in over.items():
        known = made.get(name)
        made[name] = laid(known, value) if isinstance(known, Mapping) and isinstance(value, Mapping) else value
    return made


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError([Fault(str(path), f"the profile can't be read: {error.strerror}")]) from error
    except ValueError as error:
        raise SettingsError([Fault(str(path), f"the profile is not TOML: {error}")]) from error


def _refused(found: Iterable[tuple[Keys, str]], path: Path | None, more: Mapping[str, Any]) -> SettingsError:
    """Return the error: keys of the settings themselves go before those of the file, as they are laid over it."""
    faults = [
        Fault("", message, ("keys", *keys)) if path is None or _says(more, keys) else Fault(str(path), message, keys)
        for keys, message in found
    ]
    return SettingsError(faults, fix="Correct the profile; its keys stand in the page of the destination.")


def _says(table: Any, keys: Keys) -> bool:
    """Whether a table says something of a key."""
    for key in keys:
        if not isinstance(table, Mapping):
            return True
        if key not in table:
            return False
        table = table[key]
    return True


# ---------------------------------------------------------------- what must fit together


def _forms(profile: Profile) -> Found:
    """Yield zones that are none, and forms of dates that no date could be read from again."""
    zone, form = profile.promo.timezone, profile.promo.date_format
    if zone != "vendor_local" and not is_zone(zone):
        said = "expected vendor_local, UTC, or a name like Europe/Madrid"
        yield ("promo", "timezone"), f"there is no time zone {zone!r}; {said}"
    if not _is_date(form):
        said = "expected one that year, month and day can be read from again, like %Y-%m-%d %H:%M:%S"
        yield ("promo", "date_format"), f"{form!r} is no form of dates; {said}"


def is_zone(name: str) -> bool:
    """Whether a time zone of that name exists."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _is_date(form: str) -> bool:
    try:
        shown = pl.Series([_SAMPLE]).dt.strftime(form)
        back = shown.str.to_datetime(form, strict=False).item()
    except pl.exceptions.PolarsError:
        return False
    return back in {_SAMPLE, _SAMPLE.replace(second=0), _SAMPLE.replace(second=0, minute=0, hour=0)}


def _paths(profile: Profile) -> Found:
    for keys, wanted in _PATHS.items():
        path = str(getattr(getattr(profile, keys[0]), keys[1]))
        if not path.startswith("/") or path.startswith("//") or set(re.findall(r"\{(\w*)\}", path)) != wanted:
            places = " and ".join(sorted(f"{{{one}}}" for one in wanted))
            yield keys, f"found {path!r}, expected a path that begins with / and has {places}"


def _columns(profile: Profile, layout: str) -> Found:
    """Yield columns that files can't do without: what is in no column is never sent, and nobody would say so."""
    code, sftp = profile.rest.fields.identifier, profile.sftp
    regular, shown = sftp.price_variant.split("+") if layout == "single" else ("price", "discounted_price")
    vendors = ("vendors",) if layout == "multi" else ()
    if layout == "single":
        yield from _lacking("single_columns", sftp.single_columns, (code, regular, shown, "active", *_CAMPAIGN))
        return
    level = ("quantity",) if profile.features.quantity_updates else ()
    yield from _lacking("catalog_columns", sftp.catalog_columns, (code, regular, "active", *level, *vendors))
    for name in sorted({*sftp.catalog_columns} - {*CATALOG_COLUMNS}):
        yield ("sftp", "catalog_columns"), unknown(name, CATALOG_COLUMNS, "column")
    told = ("campaign_name", "promotion_type", shown, *_CAMPAIGN, *vendors)
    yield from _lacking("promotion_columns", sftp.promotion_columns, (code, *told))


def _lacking(key: str, listed: tuple[str, ...], needed: tuple[str, ...]) -> Found:
    lacking = [name for name in needed if name not in listed]
    if lacking:
        yield ("sftp", key), f"lacks {', '.join(lacking)}; expected at least {', '.join(needed)}"
    twice = sorted({name for name in listed if listed.count(name) > 1})
    if twice:
        yield ("sftp", key), f"names {', '.join(twice)} more than once"
