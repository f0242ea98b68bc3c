"""A text file as a stream of UTF-8 bytes, whatever its encoding; what can't be decoded stays recognisable."""

from __future__ import annotations

import codecs
import re
from collections.abc import Generator
from typing import BinaryIO

from gateway.errors import FileError

_SURROGATES = re.compile("[\ud800-\udfff]")
_ONE_BYTE = frozenset({"cp1252", "iso-8859-15"})
"""Encodings in which any UTF-8 is text, though not the one that was meant."""
_ASCII = frozenset(map(chr, range(128)))
_MARKS = (
    (codecs.BOM_UTF8, "utf-8", "UTF-8 with a byte order mark"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)


class Utf8Stream:
    """Reads a binary file block by block.

    Takes a byte order mark off. Raises FileError FILE_ENCODING at once when the mark, or the zero bytes of the
    beginning, show an encoding other than the declared one; with the first block that is not ASCII when that is UTF-8
    and the declared encoding has one byte per character. For UTF-8 the bytes are passed on as they are.
    """

    def __init__(self, file: BinaryIO, encoding: str, block: int) -> None:
        self._file = file
        self._block = block
        self._head = file.read(max(block, 4096))
        self._decoder: codecs.IncrementalDecoder | None = None
        self._encoding = encoding
        self._as_utf8 = codecs.getincrementaldecoder("utf-8")() if encoding in _ONE_BYTE else None
        self.ended = False
        self.empty = not self._head
        self._begin(encoding)

    def more(self) -> bytes:
        """Return the next bytes; sets `ended` with the last ones, which may be none."""
        raw, self._head = self._head or self._file.read(self._block), b""
        self.ended = not raw
        if self._decoder is None:
            return raw
        if self._as_utf8 is not None and self._is_utf8(self._as_utf8, raw):
            raise _other_encoding("UTF-8", self._encoding)
        try:
            text = self._decoder.decode(raw, final=self.ended)
        except UnicodeDecodeError:
            # only the very last byte of UTF-16 text can be left over: every other fault has a stand-in
            text = "\udcff"
        if text.isascii():
            return text.encode("ascii")
        return _SURROGATES.sub("\udcff", text).encode("utf-8", "surrogateescape")

    def ahead(self) -> Generator[bytes, None, None]:
        """Yield what `more` is going to return, up to the end of the file; when closed, reading stands where it was."""
        decoders = [each for each in (self._decoder, self._as_utf8) if each is not None]
        states = [each.getstate() for each in decoders]
        kept = self._head, self.ended, self._as_utf8, self._file.tell()
        try:
            while not self.ended:
                yield self.more()
        finally:
            self._head, self.ended, self._as_utf8, place = kept
            self._file.seek(place)
            for decoder, state in zip(decoders, states, strict=True):
                decoder.setstate(state)

    def _is_utf8(self, decoder: codecs.IncrementalDecoder, raw: bytes) -> bool:
        """Tell whether the first characters beyond ASCII are UTF-8's: all of them, and some that are agreed.

        Letters and signs that are rare beside each other may look like one foreign letter: É® is UTF-8 for ɮ.
        """
        try:
            text = decoder.decode(raw)
        except UnicodeDecodeError:
            text = None
        if text is not None and text.isascii():
            return False
        self._as_utf8 = None
        abroad = set(text or "") - _ASCII
        return any(sign.encode(self._encoding, "ignore") for sign in abroad)

    def _begin(self, encoding: str) -> None:
        for mark, marked, name in _MARKS:
            if self._head.startswith(mark):
                if encoding != marked and not (encoding == "ascii" and marked == "utf-8"):
                    raise _other_encoding(name, encoding)
                if marked == "utf-8":
                    self._head = self._head[len(mark) :]
        if encoding == "utf-16":
            self._decoder = _utf16(self._head)
            return
        if len(self._head) > 3 and not self._head.strip(b"\0"):
            raise FileError(
                "FILE_ENCODING", "The file begins with zero bytes only: its text was lost on the way.",
                fix="Export the file again, and see whether it is whole before it is sent.", line=1,
            )  # fmt: skip
        if len(self._head) > 3 and self._head[:64].count(0) * 3 > len(self._head[:64]):
            raise _other_encoding("UTF-16 without a byte order mark", encoding)
        if encoding != "utf-8":
            self._decoder = codecs.getincrementaldecoder(encoding)("surrogateescape")


def _utf16(head: bytes) -> codecs.IncrementalDecoder:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return codecs.getincrementaldecoder("utf-16")("surrogatepass")
    if head and 0 not in head[:256]:
        raise _other_encoding("text of one byte per character", "utf-16")
    # without a mark the zero byte of the first (Latin) character tells the order
    order = "utf-16-be" if head[:1] == b"\0" else "utf-16-le"
    return codecs.getincrementaldecoder(order)("surrogatepass")


def _setting(found: str) -> str:
    """Say which setting reads what was found."""
    named = next((name for name in ("UTF-8", "UTF-16") if found.startswith(name)), "cp1252")
    return f'encoding = "{named.lower()}"'


def _other_encoding(found: str, expected: str) -> FileError:
    return FileError(
        "FILE_ENCODING",
        f"The file is {found}; agreed is {expected}.",
        fix=f"Save the file in the agreed encoding and send it again, or ask to change the mapping: {_setting(found)}.",
        line=1,
    )
