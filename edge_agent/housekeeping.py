"""What the agent measures about its own box: the channels of the pseudo device `agent`."""

from __future__ import annotations

import ctypes
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from edge_agent.miss_counts import MissCounts
from edge_agent.samples import NO_MEASUREMENT, Measured
from quantrac.telemetry.states import State

STA_UNSYNC: Final = 0x0040
"""The kernel clock is not synchronised (linux/timex.h)."""
STA_NANO: Final = 0x2000
"""`offset` is in nanoseconds instead of microseconds."""


@dataclass(frozen=True, slots=True)
class Housekeeping:
    """Sources of the agent's own channels."""

    disk: Path
    """A directory on the disk that holds the spool."""
    spool_depth: Callable[[], int]
    """Messages that wait for their acknowledgement."""
    misses: MissCounts = field(default_factory=MissCounts)

    def measure(self, signal: str) -> Measured:
        """Return one channel's value now, in its catalogue unit."""
        match signal:
            case "disk_free":
                return disk_free(self.disk)
            case "clock_offset":
                return clock_offset()
            case "bus_errors":
                return Measured(float(self.misses.total), State.OK)
            case "spool_depth":
                return Measured(float(self.spool_depth()), State.OK)
            case _:
                return NO_MEASUREMENT


def disk_free(path: Path) -> Measured:
    """Return the free share of a disk in percent; fault if it cannot be asked."""
    try:
        usage = shutil.disk_usage(path)
    except OSError:
        return NO_MEASUREMENT
    return Measured(100.0 * usage.free / usage.total, State.OK)


class _Timex(ctypes.Structure):
    """struct timex of adjtimex(2) on 64-bit Linux, as far as it is read here."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("unread", ctypes.c_byte * 256),
    )


def clock_offset() -> Measured:
    """Return by how many milliseconds the kernel still corrects the clock.

    A clock that nothing synchronises has no known offset: null, `warmup`; a kernel that cannot be asked: null, `fault`.
    """
    timex = _Timex()
    try:
        answer = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex))
    except (OSError, AttributeError):
        return NO_MEASUREMENT
    if answer < 0:
        return NO_MEASUREMENT
    return offset_of(timex.status, timex.offset)


def offset_of(status: int, offset: int) -> Measured:
    """Return the clock offset in milliseconds that adjtimex's status and offset mean."""
    if status & STA_UNSYNC:
        return Measured(None, State.WARMUP)
    return Measured(offset / (1e6 if status & STA_NANO else 1e3), State.OK)
