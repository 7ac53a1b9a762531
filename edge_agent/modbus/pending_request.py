"""A pending request of a Modbus bus: what was asked, and what of its answer has come."""

from __future__ import annotations

from dataclasses import dataclass, field

from edge_agent.modbus.frames import AnyRequest
from edge_agent.modbus.numbered_frames import NOTHING, FramesHeard


@dataclass(slots=True)
class PendingRequest:
    """One request, until its answer is used or missed."""

    request: AnyRequest
    sent: float
    """Loop time when it was asked."""
    heard: bytes = b""
    answered: bool = False
    refused: bool = False
    """It was answered by an exception."""
    last_byte: float = 0.0
    number: int = 0
    """Transaction number on TCP."""
    frames: FramesHeard = NOTHING
    """What has come on TCP."""
    hung_up: bool = False
    """The connection ended while it was waited for."""
    foreign: list[bytes] = field(default_factory=list)
    """What came meanwhile and is not for us: late answers to earlier requests, frames of another master."""
    frame: bytes = b""
    """As it was sent."""
    answers: int = 0
    """Frames that could be its answer, at one time."""
    is_doubled: bool = False
    """One more came behind the answer."""

    @property
    def no_frame(self) -> str:
        """A sentence for people: the bytes heard are no answer."""
        return f"unit {self.request.unit}: no valid frame in {self.heard[:16].hex(' ')} ({len(self.heard)} bytes)"
