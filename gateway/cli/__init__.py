"""The command line: one module per command, loaded when it is called; each calls operations or wiring and prints."""

from __future__ import annotations

from gateway.cli.group import main

__all__ = ["main"]
