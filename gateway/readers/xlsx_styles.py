"""Number formats of a workbook that show a number as a code (00000); it knows nothing of dates."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from lxml import etree

_COLOUR = r"\[(?:Black|Blue|Cyan|Green|Magenta|Red|White|Yellow)\]"
_TOKEN = re.compile(r'"([^"]*)"|\\(.)|_(.)|\*.|' + _COLOUR + r"|([0#?])|([-/() :+])")


@dataclass(frozen=True, slots=True)
class CodeFormat:
    """A number format without decimals, grouping or date parts that fills up with zeros.

    `tokens`: placeholders ("0", "#") and literals in order.
    """

    tokens: tuple[tuple[bool, str], ...]

    def shown(self, number: str) -> str:
        """Return what a spreadsheet shows for `number` (digits only; anything else comes back unchanged)."""
        if not number.isascii() or not number.isdigit():
            return number
        digits, out = list(number), []
        first = next(index for index, (placeholder, _) in enumerate(self.tokens) if placeholder)
        for index in range(len(self.tokens) - 1, -1, -1):
            placeholder, text = self.tokens[index]
            if not placeholder:
                out.append(text)
                continue
            if digits:
                out.append(digits.pop())
            elif text == "0":
                out.append("0")
            if index == first:
                out.extend(reversed(digits))
                digits = []
        return "".join(reversed(out))


def code_format(text: str) -> CodeFormat | None:
    """Return the format when it pads with zeros and nothing else (00000, 000-000), else None."""
    section = _first_section(text)
    tokens: list[tuple[bool, str]] = []
    position = 0
    while position < len(section):
        match = _TOKEN.match(section, position)
        if match is None:
            return None
        quoted, escaped, spaced, placeholder, literal = match.groups()
        if placeholder is not None:
            tokens.append((True, "#" if placeholder == "?" else placeholder))
        elif spaced is not None:
            tokens.append((False, " "))
        else:
            tokens.append((False, quoted or escaped or literal or ""))
        position = match.end()
    zeros = sum(1 for placeholder, value in tokens if placeholder and value == "0")
    return CodeFormat(tuple(tokens)) if zeros >= 2 else None


def code_styles(root: etree._Element) -> Mapping[int, CodeFormat]:
    """Return the code formats by style number, from the parsed styles part."""
    custom = {
        element.get("numFmtId", ""): code_format(element.get("formatCode", ""))
        for element in root.iterfind("./{*}numFmts/{*}numFmt")
    }
    found: dict[int, CodeFormat] = {}
    for number, style in enumerate(root.iterfind("./{*}cellXfs/{*}xf")):
        shape = custom.get(style.get("numFmtId", ""))
        if shape is not None:
            found[number] = shape
    return found


def _first_section(text: str) -> str:
    quoted = False
    for index, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        elif character == ";" and not quoted and (index == 0 or text[index - 1] != "\\"):
            return text[:index]
    return text
