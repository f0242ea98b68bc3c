"""Data contracts: what a sound record is. A module of this package with a constant `CONTRACT` is a contract."""

from __future__ import annotations

import difflib
import functools
import importlib
import pkgutil

from gateway.contracts.checker import Checked, Checker, check
from gateway.contracts.contract import Contract, ContractField, Found, RecordModel
from gateway.contracts.rules import Record, RowsRule, Rule
from gateway.errors import SettingsError


@functools.cache
def contracts() -> tuple[Contract, ...]:
    """Return all contracts by name. Raises ValueError when two modules claim one name."""
    modules = sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))
    loaded = (importlib.import_module(f"{__name__}.{name}") for name in modules)
    found = [one for module in loaded if isinstance(one := getattr(module, "CONTRACT", None), Contract)]
    if len({one.name for one in found}) < len(found):
        raise ValueError(f"Two contracts have one name among {', '.join(one.name for one in found)}.")
    return tuple(sorted(found, key=lambda one: one.name))


def contract(name: str) -> Contract:
    """Return the contract of that name. Raises SettingsError that lists the known ones."""
    known = {one.name: one for one in contracts()}
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, 1)
    hint = f"Did you mean {near[0]}? " if near else ""
    raise SettingsError(f"There is no contract {name!r}.", fix=f"{hint}Known contracts: {', '.join(known)}.")


__all__ = [
    "Checked",
    "Checker",
    "Contract",
    "ContractField",
    "Found",
    "Record",
    "RecordModel",
    "RowsRule",
    "Rule",
    "check",
    "contract",
    "contracts",
]
