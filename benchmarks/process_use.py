"""CPU and memory of processes, read from /proc: of one process, or of a server with everything it has started."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

TICKS_A_SECOND: Final = os.sysconf("SC_CLK_TCK")


class Use(NamedTuple):
    """What a process has used."""

    cpu_s: float
    """User and system time, with that of children that have ended."""
    memory_mb: float
    """Resident memory; pages that several processes share count in shares, shared memory segments not at all."""


def use_of(pid: int) -> Use:
    """Return what a process and all that it has started use."""
    cpu_s = memory_mb = 0.0
    for each in _family(pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            cpu_s += cpu_seconds(each)
            memory_mb += _memory_mb(each)
    return Use(cpu_s, memory_mb)


def machine_cpu_s() -> float:
    """Return the CPU seconds of all processes since the machine started, and of what its host took from it."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    idle_and_waiting = fields[3] + fields[4]
    return (sum(fields) - idle_and_waiting) / TICKS_A_SECOND


def _family(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for child in task.read_text().split():
                yield from _family(int(child))


def cpu_seconds(pid: int) -> float:
    """Return user and system time of a process, with that of children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICKS_A_SECOND


def _memory_mb(pid: int) -> float:
    """Return the proportional set size without shared segments: the size of a database's shared buffers is set."""
    kb = 0
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(("Pss_Anon:", "Pss_File:")):
            kb += int(line.split()[1])
    return kb / 1000
