"""Layouts of delimited files: one of a partner, and that of our answers."""

from __future__ import annotations

from gateway.formats.layout import CsvLayout

LAYOUT = CsvLayout(kind="csv", delimiter=";", encoding="utf-8")
OURS = "error_run;error_row;error_code;error_field;error_message"
