"""Picture files by their bytes: of which kind, whether whole, how large as they say; no picture is ever decoded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple, TypeAlias

ImageNature: TypeAlias = Literal["jpeg", "png", "gif", "webp"]

ENDINGS: dict[str, ImageNature] = {"jpg": "jpeg", "jpeg": "jpeg", "png": "png", "gif": "gif", "webp": "webp"}
"""Ending of a name, in lower case and without its dot, to the kind it promises."""

TITLES: dict[str, str] = {
    "jpeg": "a JPEG picture",
    "png": "a PNG picture",
    "gif": "a GIF picture",
    "webp": "a WebP picture",
}
LONGEST_SIDE = 65_535
"""Dots of a side: what JPEG and GIF can say. Whoever shows a picture keeps room for all of its dots."""
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_END = b"IEND\xaeB`\x82"
_PNG_DATA = 33
_JPEG_END = b"\xff\xd9"
_JPEG_SCAN = 0xDA
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers without a length behind them."""
_SMALLEST_GIF = 26
_BEHIND = b"\0\r\n "
"""What programs leave behind the end of a GIF."""
_Size: TypeAlias = tuple[int, int] | None


def image_nature(head: bytes) -> ImageNature | None:
    """Return the kind of picture that begins with these bytes (12 are enough), or None."""
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(_PNG):
        return "png"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    return None


class Flaw(NamedTuple):
    """Why a picture can't be shown. `cut`: it ends in the middle."""

    cut: bool
    detail: str


def picture_flaw(data: bytes, nature: ImageNature) -> Flaw | None:
    """Return what is wrong with a picture of this kind, by its end mark and the sides it says; None where nothing is.

    Bytes behind the end don't matter. Sources: ISO 10918-1 B, PNG 1.2 and GIF 89a specifications, RFC 9649 (WebP).
    """
    ended, size = _SHAPES[nature](data)
    if not ended:
        return Flaw(cut=True, detail=f"the end of {TITLES[nature]} is missing")
    if size is None:
        return Flaw(cut=False, detail=f"nothing says how large {TITLES[nature]} is")
    if not all(1 <= side <= LONGEST_SIDE for side in size):
        said = f"{TITLES[nature]} of {size[0]} x {size[1]} dots; a side has 1 to {LONGEST_SIDE}"
        return Flaw(cut=False, detail=said)
    return None


def _png(data: bytes) -> tuple[bool, _Size]:
    begun = data.find(b"IDAT", _PNG_DATA)
    size = (_big(data[16:20]), _big(data[20:24])) if data[12:16] == b"IHDR" else None
    return 0 < begun < data.rfind(_PNG_END), size


def _jpeg(data: bytes) -> tuple[bool, _Size]:
    """Go from segment to segment to the scan: a smaller picture may lie in one of them, with an end of its own."""
    at, size = 2, None
    while (at := data.find(b"\xff", at)) >= 0 and at + 4 <= len(data):
        marker = data[at + 1]
        if marker == _JPEG_SCAN:
            return data.rfind(_JPEG_END) > at, size
        if marker == 0xFF:
            at += 1
        elif marker in _JPEG_ALONE:
            at += 2
        else:
            if marker in _JPEG_FRAMES:
                size = (_big(data[at + 7 : at + 9]), _big(data[at + 5 : at + 7]))
            at += 2 + _big(data[at + 2 : at + 4])
    return False, size


def _gif(data: bytes) -> tuple[bool, _Size]:
    ended = len(data) >= _SMALLEST_GIF and data[-64:].rstrip(_BEHIND).endswith(b";")
    return ended, (_little(data[6:8]), _little(data[8:10]))


def _webp(data: bytes) -> tuple[bool, _Size]:
    ended, kind = len(data) >= 8 + _little(data[4:8]), data[12:16]
    if kind == b"VP8X" and len(data) >= 30:
        return ended, (1 + _little(data[24:27]), 1 + _little(data[27:30]))
    if kind == b"VP8L" and data[20:21] == b"\x2f":
        bits = _little(data[21:25])
        return ended, (1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        return ended, (_little(data[26:28]) & 0x3FFF, _little(data[28:30]) & 0x3FFF)
    return ended, None


def _big(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _little(data: bytes) -> int:
    return int.from_bytes(data, "little")


_SHAPES: dict[str, Callable[[bytes], tuple[bool, _Size]]] = {"jpeg": _jpeg, "png": _png, "gif": _gif, "webp": _webp}
