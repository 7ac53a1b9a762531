"""ASCII frames of Modbus: requests and answers in printable characters, for lines that carry no other bytes. Pure.

``:`` unit function data LRC ``CR LF``, each byte as two hexadecimal digits; the LRC is the two's complement of the sum
of the bytes before it (MODBUS over serial line V1.02, 2.5.2 and 6.2.1). What decides on answers knows RTU frames only:
what a line delivers is turned into them, and the one that is chosen back again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from edge_agent.modbus.frames import crc16

START: Final = b":"
END: Final = b"\r\n"
_PAIRS: Final = re.compile(rb"(?:[0-9A-Fa-f]{2})*")


def lrc(body: bytes) -> int:
    """Return the longitudinal redundancy check of the bytes of a frame."""
    return -sum(body) & 0xFF


def ascii_of(frame: bytes) -> bytes:
    """Return the ASCII frame of an RTU frame."""
    body = frame[:-2]
    return START + bytes((*body, lrc(body))).hex().upper().encode() + END


def rtu_of(heard: bytes) -> bytes:
    """Return the RTU frames of what an ASCII line delivered.

    A whole frame whose check is right gets a right CRC, a damaged one a wrong CRC, and one that is not whole yet none.
    What stands before a colon is noise and left out.
    """
    return b"".join(_frames(heard))


def ascii_length(rtu_bytes: int) -> int:
    """Return the characters of an ASCII frame whose RTU frame has so many bytes."""
    return len(START) + 2 * (rtu_bytes - 1) + len(END)


def _frames(heard: bytes) -> Iterator[bytes]:
    for piece in heard.split(START)[1:]:
        digits, end, _ = piece.partition(END[:1])
        pairs = _PAIRS.match(digits)
        frame = bytes.fromhex(pairs[0].decode()) if pairs else b""
        if not end:
            yield frame
            continue
        body = frame[:-1]
        is_right = len(frame) * 2 == len(digits) and frame[-1:] == bytes((lrc(body),))
        yield body + (crc16(body) if is_right else bytes(byte ^ 0xFF for byte in crc16(body)))
