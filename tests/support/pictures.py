"""Whole pictures of one dot, of every kind that is taken."""

import base64
import struct
import zlib

GIF = b"GIF89a" + struct.pack("<HH", 1, 1) + b"\0\0\0" + b",\0\0\0\0\1\0\1\0\0" + b"\2\2D\1\0" + b";"
WEBP = b"RIFF" + struct.pack("<I", 30) + b"WEBPVP8L" + struct.pack("<I", 17) + b"\x2f" + bytes(17)


def png(wide=1, high=1, data=None):
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", wide, high, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"\0\0") if data is None else data),
        (b"IEND", b""),
    )
    chunks = (struct.pack(">I", len(body)) + name + body + _sum(name + body) for name, body in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def jpeg(wide=1, high=1, more=b"", frame=0xC0):
    return b"".join(
        (
            b"\xff\xd8",
            segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0"),
            more,
            segment(frame, struct.pack(">BHHB", 8, high, wide, 1) + b"\1\x11\0"),
            segment(0xDA, b"\1\1\0\0\x3f\0"),
            b"\xfb\xd3\xff\0\x28\xff\xd9",
        )
    )


def segment(marker, body):
    return bytes((0xFF, marker)) + struct.pack(">H", 2 + len(body)) + body


def _sum(data):
    return struct.pack(">I", zlib.crc32(data))


PNG, JPEG = png(), jpeg()


def cell(data):
    return base64.b64encode(data).decode()
