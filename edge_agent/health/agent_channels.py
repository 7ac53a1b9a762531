"""The agent's own channels: disk, processor, clock, errors, spool and modem (pseudo device `agent`)."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from edge_agent.readings.counts import ErrorRates, MissCounts
from edge_agent.readings.samples import NO_MEASUREMENT, Measured
from quantrac.config.channels import ERROR_RATE
from quantrac.telemetry.states import State

THERMAL: Final = Path("/sys/class/thermal")


def _unknown() -> Measured:
    return NO_MEASUREMENT


@dataclass(frozen=True, slots=True)
class AgentChannels:
    """Sources of the agent's own channels."""

    disk: Path
    """A directory on the disk that holds the spool."""
    spool_depth: Callable[[], int]
    """Messages that wait for their acknowledgement."""
    misses: MissCounts = field(default_factory=MissCounts)
    spool_lost: Callable[[], int | None] = lambda: 0
    """Messages that will never arrive; None: the spool could not be opened yet."""
    clock_offset: Callable[[], Measured] = _unknown
    signal: Callable[[], Measured] = _unknown
    """The modem's signal strength."""
    rates: ErrorRates = field(default_factory=ErrorRates)

    def measure(self, signal: str) -> Measured:
        """Return one channel's value now, in its catalogue unit."""
        word, _, device = signal.partition(":")
        if word == ERROR_RATE:
            return _number(self.rates.rate(device, self.misses.errors_of(device), time.monotonic()))
        sources: dict[str, Callable[[], Measured]] = {
            "disk_free": lambda: disk_free(self.disk),
            "cpu_temp": lambda: cpu_temp(THERMAL),
            "clock_offset": self.clock_offset,
            "signal": self.signal,
            "bus_errors": lambda: _number(self.misses.total),
            "spool_depth": lambda: _number(self.spool_depth()),
            "spool_lost": lambda: _number(self.spool_lost()),
        }
        return sources.get(word, _unknown)()


def _number(count: int | None) -> Measured:
    return NO_MEASUREMENT if count is None else Measured(float(count), State.OK)


def cpu_temp(folder: Path) -> Measured:
    """Return the temperature of the hottest zone of the machine, °C; fault if it has no sensor."""
    found = []
    for zone in sorted(folder.glob("thermal_zone*/temp")):
        try:
            found.append(int(zone.read_text("ascii")) / 1000)
        except (OSError, ValueError):  # a zone that is switched off
            continue
    return Measured(max(found), State.OK) if found else NO_MEASUREMENT


def disk_free(path: Path) -> Measured:
    """Return the free share of a disk in percent; fault if it cannot be asked."""
    try:
        usage = shutil.disk_usage(path)
    except OSError:
        return NO_MEASUREMENT
    return Measured(100.0 * usage.free / usage.total, State.OK)
