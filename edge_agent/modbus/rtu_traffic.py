"""RTU traffic: what a line delivers, divided into the answer waited for, late answers, and another master's frames.

Pure. Times are seconds of a monotonic clock.
"""

from __future__ import annotations

from collections.abc import Callable

from edge_agent.modbus.frames import Request, count_replies, find_reply, is_exception
from edge_agent.modbus.other_masters import HeardRequest, OtherMasters, requests_in
from edge_agent.modbus.owed_answers import OwedAnswers
from edge_agent.modbus.pending_request import PendingRequest


class RtuTraffic:
    """The traffic on one line: our frames, and those of other masters."""

    def __init__(self, learn: Callable[[int, float], None], tell: Callable[[str], None]) -> None:
        """`learn` takes unit and time of a request whose answer has come too late, `tell` what a person should know."""
        self._learn, self._tell = learn, tell
        self.owed = OwedAnswers()
        self.others = OtherMasters()
        self._heard_before = 0
        """Bytes of what comes unasked that came while an answer was waited for."""

    def inherit(self, former: RtuTraffic) -> None:
        """Go on where another bus has ended."""
        self.owed, self.others = former.owed, former.others

    def sent(self, frame: bytes, pending: PendingRequest | None, now: float) -> None:
        """Note that a request is sent, or (`pending` None) bytes that are none."""
        self._heard_before = 0
        if pending is not None:
            pending.frame = frame
            self.others.asked(pending.request, now)

    def came(self, data: bytes, pending: PendingRequest, now: float) -> bytes | None:
        """Take all that has come since a request; return its answer, a proper reply or an exception."""
        heard = self._without_others(self._without_late(data, pending), pending, now)
        pending.heard, pending.last_byte = heard, now
        reply = find_reply(heard, pending.request)
        self._heard_before = len(data) - len(reply or b"")
        pending.answers = max(pending.answers, count_replies(heard, pending.request))
        pending.is_doubled = pending.is_doubled or (pending.answered and reply is not None)
        pending.answered = pending.answered or reply is not None
        pending.refused = pending.refused or (reply is not None and is_exception(reply))
        return reply

    def came_unasked(self, heard: bytes, now: float) -> None:
        """Learn from an answer that comes after its time, and from what another master sends."""
        if (late := self.owed.late(heard, None)) is not None:
            self._learn(late[1].request.unit, late[1].sent)
        new = heard[self._heard_before if self._heard_before <= len(heard) else 0 :]
        for request in requests_in(new):
            self._tell(self.others.hear(request, now))
            self._heard_before = len(heard) - len(new) + request.end
        new = heard[self._heard_before :]
        if self.others.take_answer(new, None, now) is not None:
            self._heard_before = len(heard)
        else:
            self._tell(self.others.overhear(new, now))

    def rivals(self, pending: PendingRequest, now: float) -> list[HeardRequest]:
        """Return others' requests whose answers could be taken for the one that has come."""
        return self.others.rivals(pending.request, now, refused=pending.refused)

    def contested(self, pending: PendingRequest, rivals: list[HeardRequest], now: float) -> None:
        """Note that an answer may be to another's request: ours is owed then, unless all have come."""
        if rivals and pending.answers > len(rivals):
            self.others.settle(pending.request.unit, now)
        elif isinstance(pending.request, Request):
            self.owed.owe(pending.request, pending.sent)

    def settle(self, unit: int, sent: float) -> None:
        """Note that a unit has answered a request of time `sent`: it will answer none that is older."""
        self.owed.settle(unit, sent)
        self.others.settle(unit, sent)

    def _without_late(self, data: bytes, pending: PendingRequest) -> bytes:
        """Take late answers to earlier requests out of what has come since a request."""
        for frame in pending.foreign:
            data = data.replace(frame, b"", 1)
        asked = pending.request if isinstance(pending.request, Request) else None
        while (late := self.owed.late(data, asked)) is not None:
            frame, owed = late
            pending.foreign.append(frame)
            data = data.replace(frame, b"", 1)
            self._learn(owed.request.unit, owed.sent)
        return data

    def _without_others(self, data: bytes, pending: PendingRequest, now: float) -> bytes:
        """Take another master's requests, and answers to them that cannot be for us, out of what has come."""
        for request in [*requests_in(data)]:
            if request.frame != pending.frame and find_reply(request.frame, pending.request) is None:
                self._tell(self.others.hear(request, now))
                pending.foreign.append(request.frame)
                data = data.replace(request.frame, b"", 1)
        while (frame := self.others.take_answer(data, pending.request, now)) is not None:
            pending.foreign.append(frame)
            data = data.replace(frame, b"", 1)
        return data
