"""Pictures as a Sage 50 twin looks at them: their kind by the first bytes, and whether a shop could show them.

Source: the formats' own documents for marks and places (verified): PNG 1.2, GIF 89a, ISO 10918-1, RFC 9649. That what
can't be shown is not taken is an assumption.
"""

from __future__ import annotations

_LONGEST = 65_535
_GIF_LEAST = 26
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def picture_kind(data: bytes) -> str:
    """Return png, jpeg, gif or webp by the first bytes (verified: the formats' own documents); "" for none of them."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    beginnings = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg", b"GIF87a": "gif", b"GIF89a": "gif"}
    return next((kind for start, kind in beginnings.items() if data.startswith(start)), "")


def is_whole(data: bytes) -> bool:
    """Whether a picture of a known kind has its end and sides that a shop can show; of another kind: false."""
    ended, sides = {"png": _png, "jpeg": _jpeg, "gif": _gif, "webp": _webp, "": _nothing}[picture_kind(data)](data)
    return ended and len(sides) == 2 and all(1 <= side <= _LONGEST for side in sides)


def _nothing(_: bytes) -> tuple[bool, tuple[int, ...]]:
    return False, ()


def _png(data: bytes) -> tuple[bool, tuple[int, ...]]:
    ended = b"IDAT" in data and b"IEND\xaeB`\x82" in data[data.find(b"IDAT") :]
    return ended, _sides(data, (16, 20), 4, "big")


def _gif(data: bytes) -> tuple[bool, tuple[int, ...]]:
    ended = len(data) >= _GIF_LEAST and data.rstrip(b"\0\r\n ").endswith(b";")
    return ended, _sides(data, (6, 8), 2, "little")


def _jpeg(data: bytes) -> tuple[bool, tuple[int, ...]]:
    """From segment to segment to the scan: the frame and the end of a small copy inside one of them don't count."""
    at = 2
    sides: tuple[int, ...] = ()
    while data[at : at + 1] == b"\xff" and data[at + 1 : at + 2] not in {b"\xda", b""}:
        if data[at + 1] == 0xFF:
            at += 1
            continue
        if data[at + 1] in _FRAMES:
            sides = _sides(data, (at + 7, at + 5), 2, "big")
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return data[at : at + 2] == b"\xff\xda" and b"\xff\xd9" in data[at:], sides


def _webp(data: bytes) -> tuple[bool, tuple[int, ...]]:
    ended, kind = len(data) >= 8 + int.from_bytes(data[4:8], "little"), data[12:16]
    if kind == b"VP8 ":
        return ended, tuple(side & 0x3FFF for side in _sides(data, (26, 28), 2, "little"))
    if kind == b"VP8X":
        return ended, tuple(side + 1 for side in _sides(data, (24, 27), 3, "little"))
    bits = int.from_bytes(data[21:25], "little")
    return ended and kind == b"VP8L" and len(data) > 24, (1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))


def _sides(data: bytes, places: tuple[int, int], size: int, order: str) -> tuple[int, ...]:
    parts = [data[at : at + size] for at in places]
    return tuple(int.from_bytes(part, "big" if order == "big" else "little") for part in parts if len(part) == size)
