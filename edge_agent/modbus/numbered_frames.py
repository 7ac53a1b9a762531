"""Frames of Modbus TCP: the one that answers a request, found by its number, or the sign that none can. Pure.

A device may send anything: frames of late answers, a count beyond the frame's end, another function, a web page. Only a
frame that is wholly what the request makes necessary is passed on.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from edge_agent.modbus.frames import AnyRequest

HEADER: Final = 6
"""Bytes of a frame before its unit: transaction number, protocol 0, length of what follows (MODBUS messaging on
TCP/IP V1.0b, 3.1.3)."""
LEAST, MOST = 2, 254
"""Bytes of unit and PDU: the longest PDU has 253 (MODBUS application protocol V1.1b3, 4.1)."""
EXCEPTION: Final = 3
"""Bytes of an exception behind the header; some devices write 2."""

CHECK: Final = 2
"""Bytes of an RTU frame's check, which frames here do not have."""


class FramesHeard(NamedTuple):
    """The frames that a connection has brought since a request."""

    reply: bytes = b""
    """The whole frame that answers it; empty if there is none (yet)."""
    is_bad: bool = False
    """The answer came and is none."""
    is_out_of_step: bool = False
    """What came are no frames, or not all of one: nobody knows where the next begins."""


NOTHING: Final = FramesHeard()


def number_of(frame: bytes) -> int:
    """Return the transaction number of a frame."""
    return int.from_bytes(frame[:2], "big")


def frames_heard(data: bytes, number: int, request: AnyRequest) -> FramesHeard:
    """Return what bytes are to a request of a number; frames of other numbers are passed over."""
    while len(data) >= HEADER:
        length = int.from_bytes(data[4:6], "big")
        if data[2:4] != b"\0\0" or not LEAST <= length <= MOST:
            return FramesHeard(is_bad=True, is_out_of_step=True)
        if length < EXCEPTION and data[7:8] > b"\x80":
            length = EXCEPTION
        if len(data) < HEADER + length:
            break
        frame, data = data[: HEADER + length], data[HEADER + length :]
        if number_of(frame) == number:
            return FramesHeard(frame) if _answers(frame[HEADER:], request) else FramesHeard(is_bad=True)
    return FramesHeard(is_out_of_step=bool(data))


def _answers(body: bytes, request: AnyRequest) -> bool:
    """Return whether unit and PDU are a proper reply, or an exception."""
    if request.unit and body[0] != request.unit:
        return False
    if body[1] == request.code | 0x80:
        return len(body) == EXCEPTION
    head = request.proper_head[1:]
    return body[1:].startswith(head) and len(body) == request.reply_length - CHECK
