"""How XML from outside is parsed, wherever that is done: nothing is fetched, nothing in it unfolds."""

from __future__ import annotations

from typing import Final, TypedDict


class Closed(TypedDict):
    """Options that all parsers of lxml share: XMLParser, XMLPullParser, iterparse."""

    resolve_entities: bool
    no_network: bool
    load_dtd: bool
    huge_tree: bool


CLOSED: Final = Closed(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
"""No entity is replaced, nothing outside the document is read, and libxml2's limits of depth and length hold."""
