"""Texts of gateways that tests set up: mappings of comma-separated files, an inbox, routes, and files put into it."""

from __future__ import annotations

import functools
import os
from datetime import datetime
from pathlib import Path

from gateway.settings.template import FOLDERS, starter


def mapping(contract: str, fields: str, *, delimiter: str = ",") -> str:
    """Return the mapping of a delimited file in UTF-8; `fields`: the lines of its fields."""
    head = f'contract = "{contract}"\nversion = 1\n'
    return f'{head}[format]\nkind = "csv"\ndelimiter = "{delimiter}"\nencoding = "utf-8"\n[fields]\n{fields}'


LEVELS = mapping("stock", 'sku = "sku"\nquantity = "quantity"\n')
_NET = 'sku = "Article"\nprice = "Price"\nprice_basis = { constant = "net" }\n'
PRICES = mapping("price", _NET, delimiter=";")
"""Columns: Article;Price."""
PROMOTIONS = mapping("promotion", f'{_NET}starts_at = "From"\nends_at = "To"\n', delimiter=";")
"""Columns: Article;Price;From;To."""


def inbox(more: str = "") -> str:
    """Return the settings of a source `drop` of partner `acme` that takes files at once; `more`: further lines."""
    return f'[sources.drop]\nkind = "local"\npartner = "acme"\nfolder = "inbox"\nsettle = 0\n{more}'


def store(name: str, host: str, *, pace: str = "call_interval = 0\n") -> str:
    """Return the settings of a Sellers Commerce store whose keys are the environment's SC_USER and SC_SECRET."""
    return f"""[destinations.{name}]
kind = "sellerscommerce"
host = "{host}"
access_key = {{ env = "SC_USER" }}
shared_secret = {{ env = "SC_SECRET" }}
price_basis = "net"
currency = "USD"
{pace}"""


def route(name: str, destination: str, *, source: str = "drop", files: str | None = None, by: str | None = None) -> str:
    """Return the settings of a route; it takes the files whose name begins like its own by the mapping of its name.

    `by`: name of another mapping.
    """
    taken = f"{name}*.csv" if files is None else files
    read = f'source = "{source}"\nfiles = "{taken}"\nmapping = "{by or name}.toml"\n'
    return f'[routes.{name}]\n{read}destination = "{destination}"\n'


def begun(root: Path, *changes: tuple[str, str]) -> None:
    """Make the folders and files of a new gateway, as `gateway init` does; its source looks at files without delay.

    `changes`: texts of those files and what stands for them.
    """
    for name in FOLDERS:
        (root / name).mkdir()
    quick = (("every = 5 ", "every = 0.1 "), ("settle = 2 ", "settle = 0.01 "))
    for name, text in starter().items():
        (root / name).parent.mkdir(exist_ok=True)
        changed = functools.reduce(lambda done, change: done.replace(*change), (*quick, *changes), text)
        (root / name).write_text(changed, "utf-8")


def folders(root: Path, **mappings: str) -> None:
    """Make the folders of a gateway below `root`, with its mappings by name."""
    for name in ("inbox", "mappings"):
        (root / name).mkdir(exist_ok=True)
    for name, text in mappings.items():
        (root / "mappings" / f"{name}.toml").write_text(text, "utf-8")


def drop(root: Path, name: str, content: str | bytes, stamp: datetime | None = None, *, folder: str = "inbox") -> None:
    """Put a file into a folder of the gateway below `root`, whole at once; `stamp`: when it says it was written."""
    part = root / f".{name}.new"
    part.write_bytes(content.encode() if isinstance(content, str) else content)
    if stamp is not None:
        os.utime(part, (stamp.timestamp(), stamp.timestamp()))
    part.rename(root / folder / name)
