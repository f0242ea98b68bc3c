"""One module or package per system that takes records.

Every destination class is built as `X(settings, *, transport=None, clock, account, name)`: `settings` an instance of
`X.SPEC.settings`; `transport` the stacked `gateway.transport.http.connect(settings.access(), ...)` where the settings
have `access()`, else None; `account` the name lanes, slots and budgets are kept under; `name` as in gateway.toml.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from gateway.errors import SettingsError
from gateway.model import Spec


def destinations() -> dict[str, type[Any]]:
    """Return every destination of this package by name, sorted. Raises SettingsError when a name stands twice."""
    found: dict[str, type[Any]] = {}
    for module in sorted(item.name for item in pkgutil.iter_modules(__path__) if not item.name.startswith("_")):
        full = f"{__name__}.{module}"
        for candidate in vars(importlib.import_module(full)).values():
            spec = getattr(candidate, "SPEC", None)
            if not (isinstance(candidate, type) and isinstance(spec, Spec)):
                continue
            if candidate.__module__ != full and not candidate.__module__.startswith(f"{full}."):
                continue
            if found.setdefault(spec.name, candidate) is not candidate:
                raise SettingsError(f"Two destinations are called {spec.name!r}: {found[spec.name]} and {candidate}.")
    return dict(sorted(found.items()))
