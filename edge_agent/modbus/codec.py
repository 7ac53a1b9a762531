"""Codec of Modbus registers: sixteen-bit words to values, in every byte order that instruments use.

A byte order is written as the four bytes of a float32 appear on the wire, A being the most significant: ``ABCD``
(big-endian), ``CDAB`` (low word first), ``BADC`` (bytes swapped within each word), ``DCBA`` (little-endian). Wider
numbers follow the same two questions: are the words reversed, are the bytes within a word swapped. A number of eight
bits is the low byte of its register, in ``BADC`` and ``DCBA`` the high one.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final, Literal, get_args

from quantrac.telemetry.errors import QuantracError

ByteOrder = Literal["ABCD", "CDAB", "BADC", "DCBA"]
NumberType = Literal[
    "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64", "bcd16", "bcd32"
]  # fmt: skip

BYTE_ORDERS: Final[tuple[ByteOrder, ...]] = get_args(ByteOrder)
NUMBER_TYPES: Final[tuple[NumberType, ...]] = get_args(NumberType)

_STRUCT: Final[dict[str, str]] = {
    "int8": ">xb", "uint8": ">xB", "int16": ">h", "uint16": ">H", "int32": ">i", "uint32": ">I",
    "int64": ">q", "uint64": ">Q", "float32": ">f", "float64": ">d",
}  # fmt: skip
_BCD_DIGITS: Final[dict[str, int]] = {"bcd16": 4, "bcd32": 8}


class CodecError(QuantracError):
    """Registers do not hold a number of the type that was asked for."""


def width(kind: NumberType) -> int:
    """Return how many 16-bit registers a number occupies."""
    if kind in _BCD_DIGITS:
        return _BCD_DIGITS[kind] // 4
    return struct.calcsize(_STRUCT[kind]) // 2


def decode(registers: Sequence[int], kind: NumberType, order: ByteOrder = "ABCD") -> int | float:
    """Return the number in `registers`; raises CodecError if there are too few or too many, or a BCD digit above 9."""
    if len(registers) != width(kind):
        raise CodecError(f"{kind} takes {width(kind)} registers, got {len(registers)}")
    raw = _reorder(struct.pack(f">{len(registers)}H", *registers), order)
    if kind in _BCD_DIGITS:
        return _from_bcd(raw)
    number: int | float = struct.unpack(_STRUCT[kind], raw)[0]
    return number


def encode(number: float, kind: NumberType, order: ByteOrder = "ABCD") -> tuple[int, ...]:
    """Return the registers of a number, as `decode` reads them; raises CodecError if it does not fit."""
    try:
        raw = struct.pack(_STRUCT[kind], number if kind.startswith("float") else int(number))
    except (struct.error, OverflowError) as error:
        raise CodecError(f"{number} is no {kind}") from error
    return struct.unpack(f">{width(kind)}H", _reorder(raw, order))


def bits(word: int, mask: int) -> int:
    """Return the bits of `word` under `mask`, shifted down to the mask's lowest bit: ``bits(0x4200, 0x0F00) == 2``."""
    if mask <= 0:
        raise CodecError(f"mask {mask:#x} selects nothing")
    return (word & mask) // (mask & -mask)


def decode_text(registers: Sequence[int], order: ByteOrder = "ABCD") -> str:
    """Return the ASCII text in `registers`, two characters each, up to the first NUL and without trailing blanks."""
    raw = struct.pack(f">{len(registers)}H", *registers)
    if order in ("BADC", "DCBA"):
        raw = _swap_bytes(raw)
    return raw.split(b"\0", 1)[0].decode("ascii", "replace").rstrip()


def _reorder(raw: bytes, order: ByteOrder) -> bytes:
    """Permute between wire order and big-endian; every order is its own inverse."""
    if order in ("CDAB", "DCBA"):
        raw = b"".join(raw[i : i + 2] for i in range(len(raw) - 2, -1, -2))
    if order in ("BADC", "DCBA"):
        raw = _swap_bytes(raw)
    return raw


def _swap_bytes(raw: bytes) -> bytes:
    return b"".join(raw[i : i + 2][::-1] for i in range(0, len(raw), 2))


def _from_bcd(raw: bytes) -> int:
    digits = raw.hex()
    if not digits.isdecimal():
        raise CodecError(f"{digits} is not binary-coded decimal")
    return int(digits)
