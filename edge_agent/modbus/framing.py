"""Finding the one RTU frame that answers a request among what a line delivered. Pure.

RTU replies carry no transaction number, and a line delivers more than replies: turn-around glitches before the frame,
echoes, the late answer of a neighbour. A frame is taken only if unit, function, byte count and CRC are those that the
request makes necessary.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from edge_agent.modbus.planning import Span

REQUEST_BYTES: Final = 8
EXCEPTION_LENGTH: Final = 5
FRAME_EXTRA: Final = 5
"""Unit, function, byte count and two of CRC."""


class Request(NamedTuple):
    """What was asked of whom."""

    unit: int
    span: Span

    @property
    def data_bytes(self) -> int:
        """Bytes of data in a proper reply."""
        return -(-self.span.count // 8) if self.span.function.is_bits else 2 * self.span.count

    @property
    def reply_length(self) -> int:
        """Bytes of a proper reply frame."""
        return FRAME_EXTRA + self.data_bytes


def crc16(frame: bytes) -> bytes:
    """Return the two CRC bytes of a frame, low byte first (MODBUS over serial line V1.02, 6.2.2)."""
    crc = 0xFFFF
    for byte in frame:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return crc.to_bytes(2, "little")


def find_reply(heard: bytes, request: Request) -> bytes | None:
    """Return the frame that answers `request`, a proper reply or an exception, or None if there is none (yet)."""
    function = request.span.function.value
    heads = (
        (bytes((request.unit, function, request.data_bytes)), request.reply_length),
        (bytes((request.unit, function | 0x80)), EXCEPTION_LENGTH),
    )
    for start in range(len(heard) - EXCEPTION_LENGTH + 1):
        for head, length in heads:
            frame = heard[start : start + length]
            if len(frame) == length and frame.startswith(head) and crc16(frame[:-2]) == frame[-2:]:
                return frame
    return None


def is_frame(heard: bytes, request: Request) -> bool:
    """Return whether an answer has come, or at least begun: if the line falls silent now, it was garbled.

    Silence within a frame ends it (MODBUS over serial line V1.02, 2.5.1.1); a few stray bytes are only a glitch, and
    the answer may still come.
    """
    return has_begun(heard, request) or len(heard) >= request.reply_length


def has_begun(heard: bytes, request: Request) -> bool:
    """Return whether unit and function of an answer are among what was heard."""
    function = request.span.function.value
    return bytes((request.unit, function)) in heard or bytes((request.unit, function | 0x80)) in heard
