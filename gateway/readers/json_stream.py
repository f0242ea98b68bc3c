"""Values of a JSON document or of JSON lines, one record after the other in flat memory; it builds no tables.

Numbers are exact: int, or Decimal where a fraction or exponent is written.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from gateway.errors import FileError

CHUNK = 1 << 20
LONGEST = 32 << 20
"""Characters one value may have: memory must stay flat."""
_SPACE = re.compile(r"[ \t\r\n]*")
_GOES_ON = frozenset({"", ".", "e", "E"})
_MARGIN = 64
"""A fault so near the end of what was read may be mended by what follows."""


@dataclass(frozen=True, slots=True)
class Item:
    """One record: its value and the line on which it starts."""

    value: Any
    line: int


def array_items(path: Path, steps: tuple[str, ...]) -> Iterator[Item]:
    """Yield the elements of the array at the path of object keys; an object there is the only record.

    What stands behind it is passed, and must be whole: nobody can tell what a document that is cut off lacks.
    Raises FileError FILE_EMPTY, FILE_ENCODING, FILE_JSON; at once or when the fault is met.
    """
    with path.open("rb") as file:
        text = _Text(file)
        if text.peek() == "":
            raise _empty()
        taken: list[str] = []
        for step in steps:
            _enter(text, step, taken)
            taken.append(step)
        if text.peek() == "[":
            yield from _elements(text)
        else:
            line = text.line
            yield Item(text.value(), line)
        while taken:
            _leave(text, taken)
        if text.peek():
            text.fail("something follows the end of the document")


def line_items(path: Path) -> Iterator[Item | None]:
    """Yield one record per line, None for a blank line. Raises as `array_items` does."""
    with path.open("rb") as file:
        number = 0
        decoder = _decoder()
        while raw := file.readline(LONGEST + 1):
            number += 1
            if len(raw) > LONGEST:
                raise _fault(f"line {number} is longer than {LONGEST >> 20} MB", number)
            try:
                text = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip(" \t\r\n")
                yield Item(decoder.decode(text), number) if text else None
            except UnicodeDecodeError as error:
                raise _undecodable(number) from error
            except (ValueError, RecursionError) as error:
                raise _fault(f"line {number} is no JSON value ({_said(error)})", number) from error
        if not number:
            raise _empty()


def _enter(text: _Text, step: str, taken: list[str]) -> None:
    """Go to the value of key `step` of the object that begins here."""
    where = "/".join(taken) or "the root"
    text.expect("{", f"an object at {where} with the key '{step}'")
    if text.peek() == "}":
        text.fail(f"the object at {where} has no key '{step}'")
    while True:
        key = text.value() if text.peek() == '"' else text.fail("a key in quotes is expected")
        text.expect(":", "a colon after the key")
        if key == step:
            return
        _pass(text)
        if text.peek() == "}":
            text.fail(f"the object at {where} has no key '{step}'")
        text.expect(",", "a comma or the end of the object")


def _leave(text: _Text, taken: list[str]) -> None:
    """Go behind the end of the object that the last of the keys was taken from."""
    step = taken.pop()
    where = "/".join(taken) or "the root"
    while text.peek() != "}":
        text.expect(",", "a comma or the end of the object")
        key = text.value() if text.peek() == '"' else text.fail("a key in quotes is expected")
        if key == step:
            text.fail(f"the object at {where} has the key '{step}' twice")
        text.expect(":", "a colon after the key")
        _pass(text)
    text.expect("}", "the end of the object")


def _pass(text: _Text) -> None:
    """Pass a value, the elements of an array one by one: there may be many."""
    if text.peek() == "[":
        for _ in _elements(text):
            pass
    else:
        text.value()


def _elements(text: _Text) -> Iterator[Item]:
    text.expect("[", "an array")
    if text.peek() == "]":
        text.expect("]", "the end of the array")
        return
    while True:
        text.peek()
        line = text.line
        yield Item(text.value(), line)
        if text.peek() == "]":
            text.expect("]", "the end of the array")
            return
        text.expect(",", "a comma or the end of the array")


class _Text:
    """Decoded text read in pieces; `line` is the line of the next character."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decode = codecs.getincrementaldecoder("utf-8-sig")()
        self._json = _decoder()
        self._text = ""
        self._at = 0
        self._counted = 0
        self._line = 1
        self._ended = False

    @property
    def line(self) -> int:
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line

    def peek(self) -> str:
        """Return the next character that is no white space, "" at the end."""
        while True:
            match = _SPACE.match(self._text, self._at)
            self._at = match.end() if match is not None else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if self._ended:
                return ""
            self._more()

    def expect(self, character: str, expected: str) -> None:
        """Pass `character`. Raises FileError when another one comes."""
        found = self.peek()
        if found != character:
            self.fail(f"expected is {expected}, found {found!r}" if found else f"the file ends before {expected}")
        self._at += 1

    def value(self) -> Any:
        """Pass and return the value that begins here."""
        self.peek()
        while True:
            try:
                value, end = self._json.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if self._ended or not self._unfinished(error):
                    self._at = max(self._at, min(error.pos, len(self._text)))
                    self.fail(_said(error))
            except (ValueError, RecursionError) as error:
                self.fail(_said(error))
            else:
                # A number at the very end of what was read may go on, behind a sign that is no number yet too.
                if self._ended or self._text[end : end + 1] not in _GOES_ON or end + 2 < len(self._text):
                    self._at = end
                    return value
            if len(self._text) - self._at > LONGEST:
                self.fail(f"a value is longer than {LONGEST >> 20} MB")
            self._more()

    def fail(self, detail: str) -> NoReturn:
        """Raise FileError FILE_JSON with the present line."""
        raise _fault(f"line {self.line}: {detail}", self.line)

    def _unfinished(self, error: json.JSONDecodeError) -> bool:
        return error.msg.startswith("Unterminated string") or error.pos >= len(self._text) - _MARGIN

    def _more(self) -> None:
        # As much again as is held: a long value is decoded few times over.
        raw = self._file.read(max(CHUNK, len(self._text) - self._at))
        self._ended = not raw
        line = self.line
        try:
            more = self._decode.decode(raw, final=self._ended)
        except UnicodeDecodeError as error:
            raise _undecodable(line + raw.count(b"\n", 0, error.start)) from error
        self._text = self._text[self._at :] + more
        self._at = self._counted = 0


def _decoder() -> json.JSONDecoder:
    return json.JSONDecoder(parse_float=Decimal, parse_constant=_no_constant, object_pairs_hook=_object, strict=True)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key '{next(name for name in names if names.count(name) > 1)}' stands twice in an object")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _said(error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return "values are nested too deeply"
    return error.msg if isinstance(error, json.JSONDecodeError) else str(error)


def _fault(detail: str, line: int) -> FileError:
    return FileError("FILE_JSON", f"The JSON can't be read: {detail}.", fix="Export it again.", line=line)


def _undecodable(line: int) -> FileError:
    return FileError(
        "FILE_ENCODING", "The text is not UTF-8.", fix="Save the file as UTF-8 and send it again.", line=line
    )


def _empty() -> FileError:
    return FileError("FILE_EMPTY", "The file has no content.", fix="Send the file again with its rows.")
