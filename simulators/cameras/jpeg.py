"""A small baseline JPEG encoder: grey pictures of 8 x 8 blocks, each of one brightness (ITU-T T.81, Annexes B, F)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Final

DC_COUNTS: Final = bytes([0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0])
"""Codes of each length, 1 to 16 bits, of the differences' categories 0 to 11 (table K.3)."""
DC_CODES: Final = ("00", "010", "011", "100", "101", "110", *("1" * n + "0" for n in range(3, 9)))
END_OF_BLOCK: Final = "0"
"""The only AC code used: a table of one code of one bit."""

Brightness = Callable[[int, int], int]
"""Column and row of a block → 0 black … 255 white."""


def grey_jpeg(width: int, height: int, brightness: Brightness) -> bytes:
    """Return a JPEG of the given size in pixels."""
    header = (
        b"\xff\xd8"
        + _segment(0xE0, b"JFIF\0\x01\x01\0" + struct.pack(">HHBB", 1, 1, 0, 0))
        + _segment(0xDB, b"\0" + bytes([8] * 64))  # every coefficient in steps of 8: DC in steps of one brightness
        + _segment(0xC0, struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\0")
        + _segment(0xC4, b"\0" + DC_COUNTS + bytes(range(12)))
        + _segment(0xC4, b"\x10" + bytes([1] + [0] * 15) + b"\0")
        + _segment(0xDA, b"\x01\x01\0\0\x3f\0")
    )
    bits = "".join(_blocks(-(-width // 8), -(-height // 8), brightness))
    bits += "1" * (-len(bits) % 8)
    scan = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    return header + scan + b"\xff\xd9"


def size_of(jpeg: bytes) -> tuple[int, int]:
    """Return width and height as the frame header of a baseline JPEG says them."""
    at = 2
    while jpeg[at + 1] != 0xC0:
        at += 2 + int(struct.unpack(">H", jpeg[at + 2 : at + 4])[0])
    height, width = struct.unpack(">HH", jpeg[at + 5 : at + 9])
    return width, height


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _blocks(columns: int, rows: int, brightness: Brightness) -> Iterator[str]:
    before = 0
    for row in range(rows):
        for column in range(columns):
            level = min(255, max(0, brightness(column, row))) - 128
            difference, before = level - before, level
            category = abs(difference).bit_length()
            yield DC_CODES[category]
            if category:
                yield format(difference if difference > 0 else difference + 2**category - 1, f"0{category}b")
            yield END_OF_BLOCK
