"""Chooses the writer of the errors file by the layout of the partner's own file, and the one in its place."""

from __future__ import annotations

from pydantic import BaseModel

from gateway.formats.layout import CsvLayout, ImageLayout, JsonLayout, XlsxLayout, XmlLayout
from gateway.model import ReportWriter
from gateway.reports.errors_csv import CsvErrorsWriter
from gateway.reports.errors_image import ImageErrorsWriter
from gateway.reports.errors_json import JsonErrorsWriter
from gateway.reports.errors_listed import ListedErrorsWriter
from gateway.reports.errors_xml import XmlErrorsWriter


def errors_writer(layout: BaseModel) -> ReportWriter:
    """Return the writer of the errors file in the partner's own format. Raises TypeError for an unknown layout."""
    match layout:
        case CsvLayout():
            return CsvErrorsWriter()
        case XlsxLayout():
            from gateway.reports.errors_xlsx import XlsxErrorsWriter  # noqa: PLC0415  openpyxl takes long to load

            return XlsxErrorsWriter()
        case XmlLayout():
            return XmlErrorsWriter()
        case JsonLayout():
            return JsonErrorsWriter()
        case ImageLayout():
            return ImageErrorsWriter()
    raise TypeError(f"no errors file can be written in the layout {type(layout).__name__}")


def in_place_of(writer: ReportWriter) -> ReportWriter | None:
    """Return who writes the failed records where `writer` could not; None where it writes no errors file."""
    return ListedErrorsWriter() if writer.kind.startswith("errors.") else None
