"""One module per file format: a file to tables of text. `reader_for` picks the module."""

from __future__ import annotations

from pydantic import BaseModel

from gateway.formats.layout import CsvLayout, JsonLayout, XlsxLayout, XmlLayout
from gateway.model import Reader
from gateway.readers.csv import CsvReader
from gateway.readers.json import JsonReader
from gateway.readers.xlsx import XlsxReader
from gateway.readers.xml import XmlReader


def reader_for(layout: BaseModel) -> Reader:
    """Return the reader of files with this layout. Raises TypeError for anything that is no layout."""
    if isinstance(layout, CsvLayout):
        return CsvReader()
    if isinstance(layout, XlsxLayout):
        return XlsxReader()
    if isinstance(layout, XmlLayout):
        return XmlReader()
    if isinstance(layout, JsonLayout):
        return JsonReader()
    raise TypeError(f"no reader for a layout of type {type(layout).__name__}")
