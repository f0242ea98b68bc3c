"""The beginning of a mapping, for a file that no route and no mapping fits."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import click

from gateway.cli import view
from gateway.cli.session import Exit, Session
from gateway.contracts import Contract, contracts
from gateway.readers.proposals import Column, proposed

_MOST = 200
"""Columns listed."""
_USUAL = "stock"


def propose(session: Session, file: Path) -> int:
    """Print what a mapping of the file could begin with, and why."""
    found = proposed(file)
    agreed = _contract(found.columns)
    layout = found.layout.model_dump(exclude_unset=True, exclude_none=True)
    fields = {name: ref for column, name, ref in _placed(agreed, found.columns) if name}
    if session.json:
        view.emit(
            {
                "file": file.name, "contract": agreed.name, "version": agreed.version, "format": layout,
                "fields": fields, "columns": [column.header for column in found.columns], "evidence": found.evidence,
            }
        )  # fmt: skip
        return Exit.WELL
    click.echo(f"No route or mapping fits {file.name}; a mapping of it could begin with:\n")
    others = ", ".join(one.name for one in contracts() if one.name != agreed.name)
    click.echo(f"contract = {json.dumps(agreed.name)}  # or {others}\nversion = {agreed.version}\n\n[format]")
    for key, value in layout.items():
        click.echo(f"{key} = {_toml(value)}")
    if found.columns:
        _print_fields(agreed, found.columns)
    click.echo("")
    for line in found.evidence:
        click.echo(f"- {line}")
    return Exit.WELL


def _print_fields(agreed: Contract, columns: tuple[Column, ...]) -> None:
    click.echo(f"\n[fields]  # field of the contract = column; its fields: gateway schema {agreed.name}")
    for column, name, ref in _placed(agreed, columns[:_MOST]):
        example = f"  # like {_short(column.example)}" if column.example else ""
        click.echo(f"{name} = {_toml(ref)}{example}" if name else f"# ... = {_toml(ref)}{example}")
    if len(columns) > _MOST:
        click.echo(f"# ... and {len(columns) - _MOST} columns more")


def _contract(columns: tuple[Column, ...]) -> Contract:
    """Return the contract whose fields are named like most columns."""

    def fits(one: Contract) -> tuple[int, bool]:
        return sum(_word(column.header) in one.fields for column in columns), one.name == _USUAL

    return max(contracts(), key=fits)


def _placed(agreed: Contract, columns: tuple[Column, ...]) -> list[tuple[Column, str, Any]]:
    """Return each column with the field that is named like it ("": none, or it is taken) and how it is referred to."""
    found: list[tuple[Column, str, Any]] = []
    taken: set[str] = set()
    for place, column in enumerate(columns, start=1):
        word = _word(column.header)
        name = word if word in agreed.fields and word not in taken else ""
        taken.add(name)
        found.append((column, name, column.header or {"position": place}))
    return found


def _word(header: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", header.casefold()).strip("_")


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {_toml(one)}' for key, one in value.items())} }}"
    return json.dumps(value, ensure_ascii=False)


def _short(text: str) -> str:
    """Return the beginning of a text in one line: it stands in a comment."""
    line = "".join(sign for sign in " ".join(text.split()) if sign.isprintable())
    return line if len(line) <= 40 else f"{line[:39]}…"
