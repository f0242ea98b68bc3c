"""Texts of gateways that tests set up: mappings of comma-separated files, an inbox, routes, and files put into it."""

from __future__ import annotations

from pathlib import Path


def mapping(contract: str, fields: str) -> str:
    """Return the mapping of a comma-separated file in UTF-8; `fields`: the lines of its fields."""
    head = f'contract = "{contract}"\nversion = 1\n'
    return f'{head}[format]\nkind = "csv"\ndelimiter = ","\nencoding = "utf-8"\n[fields]\n{fields}'


LEVELS = mapping("stock", 'sku = "sku"\nquantity = "quantity"\n')


def inbox(more: str = "") -> str:
    """Return the settings of a source `drop` of partner `acme` that takes files at once; `more`: further lines."""
    return f'[sources.drop]\nkind = "local"\npartner = "acme"\nfolder = "inbox"\nsettle = 0\n{more}'


def route(name: str, destination: str, *, source: str = "drop", files: str | None = None) -> str:
    """Return the settings of a route whose mapping has its name; it takes the files whose name begins so."""
    taken = f"{name}*.csv" if files is None else files
    parts = f'source = "{source}"\nfiles = "{taken}"\nmapping = "{name}.toml"\ndestination = "{destination}"\n'
    return f"[routes.{name}]\n{parts}"


def folders(root: Path, **mappings: str) -> None:
    """Make the folders of a gateway below `root`, with its mappings by name."""
    for name in ("inbox", "mappings"):
        (root / name).mkdir(exist_ok=True)
    for name, text in mappings.items():
        (root / "mappings" / f"{name}.toml").write_text(text, "utf-8")


def drop(root: Path, name: str, text: str) -> None:
    """Put a file into the inbox of the gateway below `root`, whole at once."""
    part = root / f".{name}.new"
    part.write_text(text, "utf-8")
    part.rename(root / "inbox" / name)
