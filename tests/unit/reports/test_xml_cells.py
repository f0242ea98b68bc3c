"""Cells put into records of a document where nothing stands."""

from __future__ import annotations

import pytest
from lxml import etree

from gateway.formats.xml_names import Names
from gateway.reports.xml_cells import put

OWN = {"s": "urn:shop"}


@pytest.mark.parametrize(
    ("record", "path", "expected"),
    [
        ("<a/>", "name", "<a><name>x</name></a>"),
        ("<a><name/></a>", "name", "<a><name>x</name></a>"),
        ("<a><name> </name></a>", "name", "<a><name>x</name></a>"),
        ("<a><name>y</name></a>", "name", "<a><name>y</name></a>"),
        ("<a><p><q>1</q></p></a>", "p/name", "<a><p><q>1</q><name>x</name></p></a>"),
        ("<a><name>y</name></a>", "name[2]", "<a><name>y</name><name>x</name></a>"),
        ("<a/>", "@id", '<a id="x"/>'),
        ('<a id=""/>', "@id", '<a id="x"/>'),
        ('<a id="y"/>', "@id", '<a id="y"/>'),
        ("<a/>", "p/@id", '<a><p id="x"/></a>'),
        ("<a/>", ".", "<a>x</a>"),
        ("<a><name><b>1</b></name></a>", "name", "<a><name><b>1</b></name></a>"),
        ('<a xmlns="urn:any"/>', "name", '<a xmlns="urn:any"><name>x</name></a>'),
        ('<a xmlns="urn:shop"/>', "s:name", '<a xmlns="urn:shop"><name>x</name></a>'),
        ('<p:a xmlns:p="urn:shop"/>', "name", '<p:a xmlns:p="urn:shop"><name>x</name></p:a>'),
        ('<p:a xmlns:p="urn:shop"/>', "@s:id", '<p:a xmlns:p="urn:shop" p:id="x"/>'),
        ("<a/>", "@xml:lang", '<a xml:lang="x"/>'),
    ],
)
def test_a_text_is_put_where_nothing_stands(record, path, expected):
    element = etree.fromstring(record)
    put(element, path, "x", Names(OWN), OWN)
    assert etree.tostring(element, encoding="unicode") == expected
