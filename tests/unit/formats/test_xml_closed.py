"""What lxml does under the options that all XML from outside is parsed with, whichever of its parsers takes them."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from lxml import etree

from gateway.formats.xml_closed import CLOSED


def _whole(text: bytes) -> etree._Element:
    return etree.fromstring(text, etree.XMLParser(**CLOSED))


def _pulled(text: bytes) -> etree._Element:
    parser = etree.XMLPullParser(events=("end",), **CLOSED)
    parser.feed(text)
    return parser.close()


def _walked(text: bytes) -> etree._Element:
    return [element for _, element in etree.iterparse(io.BytesIO(text), events=("end",), **CLOSED)][-1]


WAYS = pytest.mark.parametrize("parsed", [_whole, _pulled, _walked])


@WAYS
def test_an_entity_of_the_document_stays_a_reference(parsed: Callable[[bytes], etree._Element]):
    root = parsed(b'<!DOCTYPE r [<!ENTITY e "unfolded">]><r>&e;</r>')
    assert etree.tostring(root, encoding="unicode") == "<r>&e;</r>"
    assert root.text is None


@WAYS
def test_a_file_beside_the_document_is_not_read(parsed: Callable[[bytes], etree._Element], tmp_path):
    (tmp_path / "secret").write_text("secret", "utf-8")
    (tmp_path / "r.dtd").write_text('<!ATTLIST r of CDATA "secret">', "utf-8")
    address = tmp_path.as_uri()
    root = parsed(f'<!DOCTYPE r SYSTEM "{address}/r.dtd" [<!ENTITY e SYSTEM "{address}/secret">]><r>&e;</r>'.encode())
    assert etree.tostring(root, encoding="unicode") == "<r>&e;</r>"


@WAYS
def test_a_document_of_no_end_of_levels_is_refused(parsed: Callable[[bytes], etree._Element]):
    with pytest.raises(etree.XMLSyntaxError, match="depth"):
        parsed(b"<r>" * 3000 + b"</r>" * 3000)
