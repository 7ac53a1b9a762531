"""RTU frames: the one that answers a request, found among all that a line delivered. Pure.

RTU replies carry no transaction number, and a line delivers more than replies: turn-around glitches before the frame,
echoes, the late answer of a neighbour. A frame is taken only if unit, function, byte count and CRC are those that the
request makes necessary.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from edge_agent.modbus.request_plan import RegisterSpan

REQUEST_BYTES: Final = 8
EXCEPTION_LENGTH: Final = 5
WRITE_COIL, WRITE_REGISTER, WRITE_REGISTERS = 5, 6, 16
COIL_ON: Final = 0xFF00
"""What switches a coil on (MODBUS application protocol V1.1b3, 6.5)."""
FRAME_EXTRA: Final = 5
"""Unit, function, byte count and two of CRC."""


class Request(NamedTuple):
    """A request: the unit and the span of registers."""

    unit: int
    span: RegisterSpan

    @property
    def data_bytes(self) -> int:
        """Bytes of data in a proper reply."""
        return -(-self.span.count // 8) if self.span.function.is_bits else 2 * self.span.count

    @property
    def reply_length(self) -> int:
        """Bytes of a proper reply frame."""
        return FRAME_EXTRA + self.data_bytes

    @property
    def code(self) -> int:
        """Function code."""
        return self.span.function.value

    @property
    def proper_head(self) -> bytes:
        """How a proper reply begins."""
        return bytes((self.unit, self.code, self.data_bytes))


class WriteRequest(NamedTuple):
    """A coil (function 05), a register (06) or several (16) to be written; a proper reply begins like the request."""

    unit: int
    code: int
    at: int
    words: tuple[int, ...]
    """Of a coil 0 or 1."""

    @property
    def reply_length(self) -> int:
        """Bytes of a proper reply frame."""
        return REQUEST_BYTES

    @property
    def proper_head(self) -> bytes:
        """How a proper reply begins: all of it but its CRC."""
        word = len(self.words) if self.code == WRITE_REGISTERS else self.words[0]
        value = word * COIL_ON if self.code == WRITE_COIL else word
        return bytes((self.unit, self.code)) + self.at.to_bytes(2, "big") + value.to_bytes(2, "big")


AnyRequest = Request | WriteRequest


def crc16(frame: bytes, crc: int = 0xFFFF) -> bytes:
    """Return the two CRC bytes of a frame, low byte first (MODBUS over serial line V1.02, 6.2.2).

    SDI-12 uses the same polynomial and begins with a `crc` of 0.
    """
    for byte in frame:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return crc.to_bytes(2, "little")


def find_reply(heard: bytes, request: AnyRequest) -> bytes | None:
    """Return the frame that answers `request`, a proper reply or an exception, or None if there is none (yet)."""
    heads = (
        (request.proper_head, request.reply_length),
        (bytes((request.unit, request.code | 0x80)), EXCEPTION_LENGTH),
    )
    for start in range(len(heard) - EXCEPTION_LENGTH + 1):
        for head, length in heads:
            frame = heard[start : start + length]
            if len(frame) == length and frame.startswith(head) and crc16(frame[:-2]) == frame[-2:]:
                return frame
    return None


def count_replies(heard: bytes, request: AnyRequest) -> int:
    """Return how many frames could answer `request`, one behind the other."""
    count = 0
    while (reply := find_reply(heard, request)) is not None:
        count, heard = count + 1, heard[heard.index(reply) + len(reply) :]
    return count


def is_exception(reply: bytes) -> bool:
    """Return whether a reply frame is an exception."""
    return bool(reply[1] & 0x80)


def is_frame(heard: bytes, request: AnyRequest) -> bool:
    """Return whether an answer has come, or at least begun: if the line falls silent now, it was garbled.

    Silence within a frame ends it (MODBUS over serial line V1.02, 2.5.1.1); a few stray bytes are only a glitch, and
    the answer may still come.
    """
    heads = bytes((request.unit, request.code)), bytes((request.unit, request.code | 0x80))
    return any(head in heard for head in heads) or len(heard) >= request.reply_length


def has_come(heard: bytes, request: AnyRequest) -> bool:
    """Return whether an answer has come with its head and its whole length, though it may be damaged behind it."""
    head = request.proper_head[:3]
    at = heard.find(head)
    return at >= 0 and len(heard) - at >= request.reply_length
