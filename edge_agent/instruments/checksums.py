"""Checksums behind text: how each kind is made, and whether the one that came is right. Pure.

Of CRC-16 there are several: Modbus (reversed polynomial A001, from FFFF), ARC (the same from 0, as in SDI-12), XMODEM
(1021 from 0, as in Davis's), CCITT (1021 from FFFF).
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Mapping
from functools import reduce
from operator import xor
from typing import Final

from edge_agent.modbus.frames import crc16
from edge_agent.readings.misses import BadCheck, Garbled
from quantrac.config.lines import CheckKind, Checksum

MADE: Final[Mapping[CheckKind, Callable[[bytes], int]]] = {
    "xor": lambda counted: reduce(xor, counted, 0),
    "sum": lambda counted: sum(counted) & 0xFF,
    "negative-sum": lambda counted: -sum(counted) & 0xFF,
    "sum16": lambda counted: sum(counted) & 0xFFFF,
    "crc16-modbus": lambda counted: int.from_bytes(crc16(counted), "little"),
    "crc16-arc": lambda counted: int.from_bytes(crc16(counted, 0), "little"),
    "crc16-xmodem": lambda counted: binascii.crc_hqx(counted, 0),
    "crc16-ccitt": lambda counted: binascii.crc_hqx(counted, 0xFFFF),
}
_DIGITS: Final = re.compile(rb"([0-9A-Fa-f]+)\s*")


def checked(telegram: bytes, check: Checksum, start: bytes) -> bytes:
    """Return what stands before the checksum of a telegram that began with `start`; raises Garbled or BadCheck."""
    mark = check.behind.encode("latin-1")
    text, found, behind = telegram.rpartition(mark)
    digits = _DIGITS.fullmatch(behind)
    if not found or digits is None or len(digits[1]) != check.digits:
        raise Garbled(f"no checksum behind {check.behind!r}: {telegram[-40:]!r}")
    right = MADE[check.kind](start + text + mark if check.marks_count else text)
    if right != int(digits[1], 16):
        raise BadCheck(f"checksum {digits[1].decode()} should be {right:0{check.digits}X}: {telegram[:60]!r}")
    return text
