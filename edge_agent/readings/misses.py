"""Misses: why an instrument gave no reading. Each kind needs another reaction of the schedule."""

from typing import ClassVar

from quantrac.telemetry.errors import QuantracError


class Miss(QuantracError):
    """A read that brought nothing. The readings it was for are null with state ``comm``."""

    kind: ClassVar[str] = "silent"
    """What it is counted as."""


class NoAnswer(Miss):
    """No answer began in time: dead, asleep, or slower than it was given time for."""

    def __init__(self, message: str, heard: bytes = b"") -> None:
        """`heard`: what came meanwhile and is no beginning of an answer."""
        super().__init__(message)
        self.heard = heard


class LateAnswer(Miss):
    """An answer came after its time. It was thrown away, and how long it took has been learnt."""

    kind = "late"


class Garbled(Miss):
    """Bytes came but not a valid frame: the instrument lives, the frame is bad. Worth another try at once."""

    kind = "frame"

    def __init__(self, message: str, heard: bytes = b"") -> None:
        super().__init__(message)
        self.heard = heard


class BadCheck(Garbled):
    """A whole frame came, and its CRC, block check or checksum does not fit: noise, or two that talked at once."""

    kind = "check"


class Contested(Garbled):
    """A good frame came, and another master asks on this line: the frame may be the answer to its request."""

    kind = "contested"


class RequestRefused(Miss):
    """The instrument answered that it will not: a Modbus exception, an aborted measurement. It lives."""

    kind = "refused"

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class LineDown(Miss):
    """The port or connection itself is not there; says nothing about the instrument."""

    kind = "line"
