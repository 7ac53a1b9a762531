"""The clocks of the machine, and their state as the kernel, chrony or systemd-timesyncd report it. Reads only."""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import time
from pathlib import Path
from typing import Final

from edge_agent.clocks.trust import ClockLook

STA_UNSYNC: Final = 0x0040
"""The kernel clock is not synchronised (linux/timex.h)."""
STA_NANO: Final = 0x2000
"""`offset` is in nanoseconds instead of microseconds."""
BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
TIMESYNCD: Final = Path("/run/systemd/timesync/synchronized")
CHRONYD: Final = Path("/run/chrony")
CHRONYC: Final = ("chronyc", "-n", "-c", "tracking")
TIMEDATECTL: Final = ("timedatectl", "--no-pager", "timesync-status")
ANSWER_S: Final = 2.0
NOBODY: Final = ClockLook(None, None)


class SystemClock:
    """The clocks of this machine."""

    def wall_ms(self) -> int:
        """Return the wall clock, ms since 1970 UTC."""
        return time.time_ns() // 1_000_000  # noqa: TID251 (where the agent's clocks come from)

    def boot_ms(self) -> int:
        """Return the time since the machine started, standby included, ms."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000

    def boot_id(self) -> str:
        """Return a word that changes with each start of the machine; empty where there is none."""
        return BOOT_ID.read_text("ascii").strip() if BOOT_ID.exists() else ""

    def look(self) -> ClockLook:
        """Return what is known of the wall clock; may take seconds.

        Asks chrony where it runs, else systemd-timesyncd once it has set the clock, else the kernel, which a hardened
        unit may not ask.
        """
        if CHRONYD.is_dir() and (found := _ask_chrony()) is not None:
            return found
        if TIMESYNCD.exists():
            return ClockLook(True, timesyncd_offset_ms(_answer(TIMEDATECTL)))
        return ask_kernel()


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


def ask_kernel() -> ClockLook:
    """Return the state by adjtimex(2); unknown where it cannot be called."""
    timex = _Timex()
    try:
        answer = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex))
    except (OSError, AttributeError):
        return NOBODY
    return NOBODY if answer < 0 else kernel_look(timex.status, timex.offset)


def kernel_look(status: int, offset: int) -> ClockLook:
    """Return what adjtimex's status and offset mean; an unsynchronised clock has no known offset."""
    if status & STA_UNSYNC:
        return ClockLook(False, None)
    return ClockLook(True, offset / (1e6 if status & STA_NANO else 1e3))


def chrony_look(tracking: str) -> ClockLook | None:
    """Return what a line of `chronyc -c tracking` means; None if it is no such line.

    Fields (chronyc(1)): reference id, its address, stratum, reference time, seconds that the system clock is behind
    (chronyc prints the correction that remains), last offset, RMS offset, …, leap status last.
    """
    fields = tracking.strip().split(",")
    if len(fields) < 14:
        return None
    try:
        return ClockLook(True, float(fields[4]) * 1000) if fields[-1] != "Not synchronised" else ClockLook(False, None)
    except ValueError:
        return None


def timesyncd_offset_ms(status: str) -> float | None:
    """Return the offset that `timedatectl timesync-status` shows (`Offset: -1.245ms`), ms; None if it shows none."""
    found = re.search(r"^ *Offset: *([+-]?)((?:[\d.]+[a-z]+ ?)+)$", status, re.MULTILINE)
    if not found:
        return None
    units = {"us": 1e-3, "ms": 1.0, "s": 1e3, "min": 60e3, "h": 3600e3}
    parts = re.findall(r"([\d.]+)([a-z]+)", found[2])
    if any(unit not in units for _, unit in parts):
        return None
    size = sum(float(number) * units[unit] for number, unit in parts)
    return -size if found[1] == "-" else size


def _ask_chrony() -> ClockLook | None:
    return chrony_look(_answer(CHRONYC))


def _answer(command: tuple[str, ...]) -> str:
    """Return what a command prints; empty if it fails, is absent or takes too long."""
    words = {"LC_ALL": "C", "PATH": os.environ.get("PATH", os.defpath)}
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=ANSWER_S, check=False, env=words)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout if answer.returncode == 0 else ""
