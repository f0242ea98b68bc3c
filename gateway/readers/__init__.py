"""One module per file format: a file to tables of text. `reader_for` picks the module."""

from __future__ import annotations

from pydantic import BaseModel

from gateway.formats.layout import CsvLayout, ImageLayout, JsonLayout, XlsxLayout, XmlLayout
from gateway.model import Reader
from gateway.readers.csv import CsvReader
from gateway.readers.image import ImageReader
from gateway.readers.json import JsonReader
from gateway.readers.parts import PartsReader
from gateway.readers.xlsx import XlsxReader
from gateway.readers.xml import XmlReader


def reader_for(layout: BaseModel) -> Reader:
    """Return the reader of files with this layout; a folder of files that belong together is read as one table.

    Raises TypeError for anything that is no layout.
    """
    if isinstance(layout, CsvLayout):
        return PartsReader(CsvReader())
    if isinstance(layout, XlsxLayout):
        return PartsReader(XlsxReader())
    if isinstance(layout, XmlLayout):
        return PartsReader(XmlReader())
    if isinstance(layout, JsonLayout):
        return PartsReader(JsonReader())
    if isinstance(layout, ImageLayout):
        return ImageReader()
    raise TypeError(f"no reader for a layout of type {type(layout).__name__}")
