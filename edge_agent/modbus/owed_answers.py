"""Owed answers of a Modbus bus: none of them is taken for the answer to a later request. Pure.

An RTU frame names its unit, its function and its length, not its request. After a miss, what answers late can be told
from what answers now only if the two differ in that: so a unit that owes an answer is not asked for one of the same
shape again before a *fence* has been answered, a small request of another shape. Units answer in order: when the fence
is answered, nothing older can come.

On TCP each frame carries the number of its request, and none can be taken for another's; what comes late says that its
unit lives, and how long it takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from edge_agent.modbus.frames import Request, find_reply
from edge_agent.modbus.numbered_frames import HEADER, number_of
from edge_agent.modbus.request_plan import RegisterSpan

OWED_S: Final = 10.0
"""What has not been answered for so long is not answered any more."""
BITS_A_BYTE: Final = 8
MOST_NUMBERED: Final = 256
"""Unanswered requests that are remembered."""


class OwedRequest(NamedTuple):
    """A request that has not been answered."""

    request: Request
    sent: float
    """Seconds of a monotonic clock."""


class OwedAnswers:
    """The requests of one line whose answers may still come."""

    def __init__(self) -> None:
        self._owed: list[OwedRequest] = []

    def owe(self, request: Request, sent: float) -> None:
        """Note that a request of time `sent` has not been answered."""
        self._owed.append(OwedRequest(request, sent))

    def settle(self, unit: int, sent: float) -> None:
        """Note that a unit has answered a request of time `sent`: it will answer none that is older."""
        self._owed = [owed for owed in self._owed if owed.request.unit != unit or owed.sent > sent]

    def refused(self, request: Request, sent: float) -> None:
        """Note that an exception came when a request of time `sent` was waited for.

        An exception has no length: it may answer any older request of the function as well. What is sure is that the
        oldest of them is over with; this one may still be answered.
        """
        self.owe(request, sent)
        unit, function = request.unit, request.span.function
        own = [owed for owed in self._owed if owed.request.unit == unit]
        self.settle(unit, next(owed.sent for owed in own if owed.request.span.function == function))

    def late(self, heard: bytes, pending: Request | None) -> tuple[bytes, OwedRequest] | None:
        """Return a late answer among what was heard while `pending` waits for its own, and whose it is.

        What could be the answer to `pending` is never called late.
        """
        for owed in self._owed:
            if pending is not None and _alike(owed.request, pending):
                continue
            frame = find_reply(heard, owed.request)
            if frame is not None and (pending is None or find_reply(frame, pending) is None):
                self.settle(owed.request.unit, owed.sent)
                return frame, owed
        return None

    def fence(self, request: Request, now: float) -> Request | None:
        """Return what has to be answered before `request` may be asked, None if it may be asked at once."""
        self._owed = [owed for owed in self._owed if now - owed.sent < OWED_S]
        if not any(_alike(owed.request, request) for owed in self._owed):
            return None
        unit, span = request
        size = BITS_A_BYTE if span.function.is_bits else 1
        most = 1 + max(len(self._owed), -(-span.count // size))
        tries = (Request(unit, RegisterSpan(span.function, span.at, 1 + more * size)) for more in range(most + 1))
        return next(one for one in tries if not any(_alike(owed.request, one) for owed in self._owed))


def _alike(one: Request, other: Request) -> bool:
    """Return whether one reply could answer both."""
    return (one.unit, one.span.function, one.data_bytes) == (other.unit, other.span.function, other.data_bytes)


class NumberedAnswers:
    """The requests of one connection whose answers may still come."""

    def __init__(self) -> None:
        self._owed: dict[int, tuple[int, float]] = {}

    def owe(self, number: int, unit: int, sent: float) -> None:
        """Note that a request of time `sent` has not been answered."""
        self._owed.pop(number, None)
        self._owed[number] = (unit, sent)
        if len(self._owed) > MOST_NUMBERED:
            del self._owed[next(iter(self._owed))]

    def late(self, heard: bytes) -> Iterator[tuple[int, float]]:
        """Return unit and time of each request that is answered, too late, by a whole frame among what was heard."""
        while len(heard) >= HEADER:
            length = HEADER + int.from_bytes(heard[4:6], "big")
            if len(heard) >= length and (owed := self._owed.pop(number_of(heard), None)):
                yield owed
            heard = heard[length:]
