import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
STRICT = "http://purl.oclc.org/ooxml/spreadsheetml/main"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006"
_TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"

FORMATS = ("00000", "dd\\.mm\\.yyyy", "[h]:mm", "000-000", "0.00")
"""Styles: 0 general, 1 00000, 2 date, 3 date and time, 4 time, 5 dd.mm.yyyy, 6 [h]:mm, 7 000-000, 8 0.00."""


def styles(namespace: str) -> str:
    custom = "".join(f'<numFmt numFmtId="{164 + at}" formatCode="{code}"/>' for at, code in enumerate(FORMATS))
    numbers = (0, 164, 14, 22, 21, 165, 166, 167, 168)
    formats = "".join(f'<xf numFmtId="{number}" fontId="0" fillId="0" borderId="0" xfId="0"/>' for number in numbers)
    return (
        f'<styleSheet xmlns="{namespace}"><numFmts count="{len(FORMATS)}">{custom}</numFmts>'
        '<fonts count="1"><font/></fonts><fills count="1"><fill><patternFill/></fill></fills>'
        '<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
        f'<cellXfs count="{len(numbers)}">{formats}</cellXfs>'
        '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
    )


@pytest.fixture
def workbook(tmp_path: Path) -> Callable[..., Path]:
    """Writes a workbook part by part: `cells` is what stands inside sheetData."""

    def write(
        cells: str = "",
        *,
        strings: str = "",
        properties: str = "",
        tail: str = "",
        sheet: str | bytes | None = None,
        namespace: str = MAIN,
        extra: dict[str, str | bytes] | None = None,
        name: str = "book.xlsx",
    ) -> Path:
        parts: dict[str, str | bytes] = {
            "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            '<Default Extension="xml" ContentType="application/xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPES}.sheet.main+xml"/>'
            f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPES}.worksheet+xml"/>'
            f'<Override PartName="/xl/styles.xml" ContentType="{_TYPES}.styles+xml"/>'
            f'<Override PartName="/xl/sharedStrings.xml" ContentType="{_TYPES}.sharedStrings+xml"/></Types>',
            "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
            f'<Relationship Id="rId1" Type="{_OFFICE}/relationships/officeDocument" Target="xl/workbook.xml"/>'
            "</Relationships>",
            "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
            f'<Relationship Id="rId1" Type="{_OFFICE}/relationships/worksheet" Target="worksheets/sheet1.xml"/>'
            f'<Relationship Id="rId2" Type="{_OFFICE}/relationships/styles" Target="styles.xml"/>'
            f'<Relationship Id="rId3" Type="{_OFFICE}/relationships/sharedStrings" Target="sharedStrings.xml"/>'
            "</Relationships>",
            "xl/workbook.xml": f'<workbook xmlns="{namespace}" xmlns:r="{_OFFICE}/relationships">{properties}'
            '<sheets><sheet name="Stock" sheetId="1" r:id="rId1"/></sheets></workbook>',
            "xl/styles.xml": styles(namespace),
            "xl/sharedStrings.xml": f'<sst xmlns="{namespace}">{strings}</sst>',
            "xl/worksheets/sheet1.xml": sheet
            or f'<worksheet xmlns="{namespace}"><sheetData>{cells}</sheetData>{tail}</worksheet>',
        } | (extra or {})
        path = tmp_path / name
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for part, text in parts.items():
                archive.writestr(part, text)
        return path

    return write
