"""Other masters of a line: their requests among what was heard, and whose answer could be taken for ours. Pure.

A Modbus line has one master (MODBUS over serial line V1.02, 2.1). Where a second one asks, its requests are heard: only
a master sends such frames. An answer to one of them can look like the answer to ours, because an RTU frame names no
request. So an answer that could be another's is refused, and that there is another is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from edge_agent.modbus.frames import AnyRequest, Request, crc16, find_reply
from edge_agent.modbus.request_plan import Function, RegisterSpan

ANSWERED_WITHIN_S: Final = 2.0
"""So long after another's request an answer may be to that."""
FREE_AFTER_S: Final = 0.25
"""So long the line is left to another's request and its answer, unless the answer comes sooner."""
TELL_EVERY_S: Final = 3_600.0
ABOUT_S: Final = 600.0
ASKED_S: Final = 60.0
"""So long an answer of a shape that was asked for here can be a late one of ours."""
READ_LENGTH: Final = 8
WRITES: Final = {5: "coil", 6: "holding", 15: "coil", 16: "holding"}
READS: Final = {function.value: function for function in Function}
MOST_BITS, MOST_REGISTERS = 2000, 125
LAST_UNIT: Final = 247


class HeardRequest(NamedTuple):
    """A request that another master sent."""

    frame: bytes
    end: int
    """Where it ends among what was heard."""

    @property
    def read(self) -> Request | None:
        """The span that it reads; None: it writes."""
        unit, code = self.frame[0], self.frame[1]
        if code not in READS:
            return None
        return Request(unit, RegisterSpan(READS[code], _word(self.frame, 2), _word(self.frame, 4)))

    @property
    def text(self) -> str:
        """For people."""
        unit, code, at = self.frame[0], self.frame[1], _word(self.frame, 2)
        if code in WRITES:
            return f"writes {WRITES[code]} {at} of unit {unit}"
        return f"asks unit {unit} for {READS[code].name.lower()} {at}+{_word(self.frame, 4)}"

    def may_be_answered_as(self, own: AnyRequest, *, refused: bool) -> bool:
        """Return whether what answers it could be the answer, or (`refused`) the exception, to a request of ours."""
        if (self.frame[0], self.frame[1]) != (own.unit, own.code):
            return False
        read = self.read
        return refused or read is None or not isinstance(own, Request) or read.data_bytes == own.data_bytes


def requests_in(heard: bytes) -> Iterator[HeardRequest]:
    """Yield the frames among what was heard that only a master sends, by unit, function, count and CRC."""
    at = 0
    while at + READ_LENGTH <= len(heard):
        length = _request_length(heard[at : at + READ_LENGTH])
        frame = heard[at : at + length]
        if length and len(frame) == length and crc16(frame[:-2]) == frame[-2:]:
            at += length
            yield HeardRequest(frame, at)
        else:
            at += 1


def answer_in(heard: bytes) -> tuple[int, int, int] | None:
    """Return unit, function and bytes of data of the first answer to a read among what was heard."""
    for at in range(len(heard) - 5):
        unit, code, data_bytes = heard[at : at + 3]
        frame = heard[at : at + 5 + data_bytes]
        is_read = code in READS and 1 <= unit <= LAST_UNIT and data_bytes and (code < 3 or data_bytes % 2 == 0)
        if is_read and len(frame) == 5 + data_bytes and crc16(frame[:-2]) == frame[-2:]:
            return unit, code, data_bytes
    return None


@dataclass(slots=True)
class OtherMasters:
    """The other masters heard on one line; times are seconds of a monotonic clock."""

    free_at: float = 0.0
    """From when on the line is ours again."""
    _noticed_at: float = float("-inf")
    _told_at: float = float("-inf")
    _written: bytes = b""
    _open: list[tuple[HeardRequest, float]] = field(default_factory=list)
    """Their requests that may still be answered, and when they were heard."""
    _asked: dict[tuple[int, int, int], float] = field(default_factory=dict)
    """Shapes of the answers that were asked for here: unit, function, bytes of data."""

    def asked(self, own: AnyRequest, now: float) -> None:
        """Note a request of ours."""
        if isinstance(own, Request):
            self._asked[own.unit, own.code, own.data_bytes] = now
        else:
            self._written = own.proper_head

    def hear(self, request: HeardRequest, now: float) -> str:
        """Note another's request; return what to tell a person, nothing if it was told within the hour."""
        if request.frame[:-2] == self._written:
            return ""  # what answers our own write looks like it
        self._open = [*self._alive(now), (request, now)]
        self.free_at = now + FREE_AFTER_S
        return self._told(f"another master {request.text}", now)

    def take_answer(self, heard: bytes, own: AnyRequest | None, now: float) -> bytes | None:
        """Return the answer to another's request among what was heard, unless it can be the answer to `own`."""
        for one in self._alive(now):
            frame = None if (read := one[0].read) is None else find_reply(heard, read)
            if frame is not None and (own is None or find_reply(frame, own) is None):
                self._open.remove(one)
                self.free_at = now
                return frame
        return None

    def overhear(self, heard: bytes, now: float) -> str:
        """Note an answer that came unasked, of a shape that nobody asked for here; returns as `hear`."""
        shape = answer_in(heard)
        if shape is None or now - self._asked.get(shape, float("-inf")) < ASKED_S:
            return ""
        return self._told(f"unit {shape[0]} answers with {shape[2]} bytes, which nobody asked for here", now)

    def rivals(self, own: AnyRequest, now: float, *, refused: bool) -> list[HeardRequest]:
        """Return others' requests whose answers (`refused`: exceptions) could be taken for the answer to ours."""
        return [request for request, _ in self._alive(now) if request.may_be_answered_as(own, refused=refused)]

    def is_about(self, now: float) -> bool:
        """Return whether another was noticed within ten minutes."""
        return now - self._noticed_at < ABOUT_S

    def settle(self, unit: int, sent: float) -> None:
        """Note that a unit has answered a request of time `sent`: units answer in order, it will answer none older."""
        self._open = [one for one in self._open if one[0].frame[0] != unit or one[1] > sent]

    def _alive(self, now: float) -> list[tuple[HeardRequest, float]]:
        self._open = [one for one in self._open if now - one[1] < ANSWERED_WITHIN_S]
        return self._open

    def _told(self, text: str, now: float) -> str:
        self._noticed_at = now
        if now - self._told_at < TELL_EVERY_S:
            return ""
        self._told_at = now
        return f"{text}: two masters on one line spoil each other's answers, take one of them off"


def _request_length(head: bytes) -> int:
    """Return how long a request is that begins so, 0 if no request begins so."""
    unit, code, at, count = head[0], head[1], _word(head, 2), _word(head, 4)
    if unit > LAST_UNIT:
        return 0
    if code in READS:
        most = MOST_BITS if READS[code].is_bits else MOST_REGISTERS
        is_answer = READS[code].is_bits and head[2] == READ_LENGTH - 5  # three bytes of bits are as long
        return READ_LENGTH if 1 <= count <= most and at + count <= 0x1_0000 and not is_answer else 0
    if code in (5, 6):
        return READ_LENGTH
    if code in (15, 16):
        data_bytes = head[6]
        wanted = -(-count // 8) if code == 15 else 2 * count
        return 9 + data_bytes if data_bytes and data_bytes == wanted else 0
    return 0


def _word(frame: bytes, at: int) -> int:
    return int.from_bytes(frame[at : at + 2], "big")
