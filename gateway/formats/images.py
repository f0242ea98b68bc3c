"""Picture files by their bytes: which kind they are and whether they are whole; no picture is ever decoded."""

from __future__ import annotations

from typing import Literal, TypeAlias

ImageNature: TypeAlias = Literal["jpeg", "png", "gif", "webp"]

ENDINGS: dict[str, ImageNature] = {"jpg": "jpeg", "jpeg": "jpeg", "png": "png", "gif": "gif", "webp": "webp"}
"""Ending of a name, in lower case and without its dot, to the kind it promises."""

TITLES: dict[str, str] = {
    "jpeg": "a JPEG picture",
    "png": "a PNG picture",
    "gif": "a GIF picture",
    "webp": "a WebP picture",
}
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_END = b"IEND\xaeB`\x82"
_JPEG_END = b"\xff\xd9"


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


def is_cut_off(data: bytes, nature: ImageNature) -> bool:
    """Whether the mark that ends a picture of this kind is missing; bytes behind it don't matter.

    A GIF is never called cut off: viewers do without its end.
    """
    if nature == "png":
        return _PNG_END not in data
    if nature == "jpeg":
        return _JPEG_END not in data
    if nature == "webp":
        return len(data) < 8 + int.from_bytes(data[4:8], "little")
    return False
