"""However a document is cut into stretches, its records and their lines are those of the stream."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from gateway.errors import FileError
from gateway.formats.xml_names import Names
from gateway.readers import xml_stretches
from gateway.readers.xml_record import line_of
from gateway.readers.xml_stream import RecordStream

SETTINGS = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
TIDY = [
    "<i><a>1</a></i>",
    "<i><a>1</a><b>2</b></i>",
    "\n",
    "  ",
    '<i c="x"/>',
    "<i>\n<a>é\n</a></i>",
    "<i>&amp;&lt;</i>",
    "<item/>",
    "<i\n><item>3</item>\n</i>",
    "<j><i>no</i></j>",
]
ODD = [
    "<!-- <i><a>c</a></i> -->",
    "<![CDATA[<i>]]>",
    "<?pi <i> ?>",
    "<i><i><a>in</a></i></i>",
    "text",
    "<i>",
    "</i>",
    "</s><s>",
    "</s><t/><s>",
    '<n:i xmlns:n="urn:n"><a>n</a></n:i>',
    "<n:i/>",
    "&nope;",
    "<a>1</b>",
    "<!-- <i",
    '<i a="<i>"/>',
    "]]>",
    "\r\n",
    "\x01",
]
BODY = st.lists(st.one_of(st.sampled_from(TIDY), st.sampled_from(TIDY), st.sampled_from(ODD)), max_size=12).map("".join)
SHELL = st.sampled_from(
    [
        ("", ""),
        ("<t><i>no</i></t>", ""),
        ("", "<t><i>no</i></t>"),
        ("<!-- a -->\n", "<!-- z -->"),
        ("<s><i>first</i></s>", ""),
        ("", "<s><i>more</i></s>"),
        ("<t/><t/>\n", "<t/>"),
    ]
)


def told(batches: Iterator[tuple[list[etree._Element], int]]) -> tuple[list[tuple[bytes, int]], str]:
    """Return the records with their lines, and the fault behind them."""
    found: list[tuple[bytes, int]] = []
    try:
        for records, above in batches:
            found += [(etree.tostring(each, with_tail=False), line_of(each) + above) for each in records]
    except FileError as fault:
        return found, str(fault)
    return found, ""


@SETTINGS
@given(
    body=BODY,
    shell=SHELL,
    stretch=st.integers(1, 60),
    head=st.integers(20, 120),
    declared=st.sampled_from(["", '<?xml version="1.0"?>', '<?xml version="1.0" encoding="ISO-8859-1"?>\n']),
    path=st.sampled_from([("r", "s", "i"), ("r", "s", "n:i"), ("r", "i"), ("r", "s", "i", "a"), ("r",)]),
)
def test_stretches_hold_what_the_document_holds(
    tmp_path: Path, body: str, shell: tuple[str, str], stretch: int, head: int, declared: str, path: tuple[str, ...]
) -> None:
    before, behind = shell
    encoding = "iso-8859-1" if "8859" in declared else "utf-8"
    file = tmp_path / "a.xml"
    file.write_bytes(f"{declared}<r>{before}<s>{body}</s>{behind}</r>".encode(encoding))
    names = Names({"n": "urn:n"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(xml_stretches, "STRETCH", stretch)
        patch.setattr(xml_stretches, "LONGEST_HEAD", head)
        quick = told((batch.records, batch.above) for batch in xml_stretches.batches(file, path, names))
    assert quick == told((records, 0) for records in RecordStream(file, path, names).batches())
