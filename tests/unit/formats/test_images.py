"""Whether pictures are whole, told by their bytes alone, and by the twin of Sage 50 alike."""

import pytest
from support.pictures import GIF, JPEG, PNG, WEBP, jpeg, png, segment

from gateway.formats.images import image_nature, picture_flaw
from gateway.twin.sage_pictures import is_whole, picture_kind

VP8 = b"RIFF\x16\0\0\0WEBPVP8 \x0a\0\0\0" + b"\0\0\0\x9d\x01\x2a\x01\0\x01\0"
VP8X = b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0" + b"\0\0\0\0" + b"\0\0\0" + b"\x01\0\0"
SMALL_COPY = segment(0xE1, b"Exif\0\0" + JPEG)
WHOLE = {
    "png": PNG, "jpeg": JPEG, "gif": GIF, "webp": WEBP, "lossy": VP8, "extended": VP8X,
    "progressive": jpeg(frame=0xC2), "with a small copy inside": jpeg(more=SMALL_COPY), "gif 87": b"GIF87a" + GIF[6:],
    "with a filler": JPEG.replace(b"\xff\xda", b"\xff\xff\xda"), "the largest": png(65_535, 65_535),
}  # fmt: skip


def flaw(data):
    nature = image_nature(data)
    assert nature is not None
    assert nature == picture_kind(data)
    found = picture_flaw(data, nature)
    assert (found is None) is is_whole(data)
    return found


@pytest.mark.parametrize("name", WHOLE)
def test_whole_pictures_are_taken_whatever_lies_behind_their_end(name):
    data = WHOLE[name]
    assert flaw(data) is None
    assert flaw(data + b"\0\0\r\n") is None


@pytest.mark.parametrize("name", WHOLE)
def test_a_picture_cut_off_anywhere_is_refused(name):
    data = WHOLE[name]
    assert [length for length in range(12, len(data)) if flaw(data[:length]) is None] == []


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"GIF89a", "the end of a GIF picture is missing"),
        (b"\xff\xd8\xff", "the end of a JPEG picture is missing"),
        (b"RIFF\x08\0\0\0WEBPVP8 ", "nothing says how large a WebP picture is"),
        (png(0, 0), "a PNG picture of 0 x 0 dots; a side has 1 to 65535"),
        (png(100_000, 100_000, b"broken"), "a PNG picture of 100000 x 100000 dots; a side has 1 to 65535"),
        (jpeg(7, 0), "a JPEG picture of 7 x 0 dots; a side has 1 to 65535"),
        (JPEG.replace(b"\xff\xc0", b"\xff\xe2"), "nothing says how large a JPEG picture is"),
        (GIF[:6] + b"\0\0" + GIF[8:], "a GIF picture of 0 x 1 dots; a side has 1 to 65535"),
        (PNG.replace(b"IDAT", b"tEXt"), "the end of a PNG picture is missing"),
    ],
)
def test_what_can_not_be_shown_is_refused_with_what_is_missing(data, said):
    found = flaw(data)
    assert found is not None
    assert found.detail == said
    assert found.cut is said.startswith("the end")
