"""The owner of a bus: what the task that asks its instruments and the task that listens to them have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from edge_agent.acquiring.device_channels import DeviceChannels
from edge_agent.acquiring.symptoms import Lateness
from edge_agent.clocks.clock import WallClock
from edge_agent.lines.instrument import Instrument, Part
from edge_agent.lines.shared_bus import SharedBus
from edge_agent.readings.counts import LastMiss, MissCounts
from edge_agent.readings.misses import LineDown, Miss
from edge_agent.readings.records import StationEvent
from edge_agent.readings.samples import Sample
from quantrac.config.stations import Device

REOPEN_S: Final = (1.0, 2.0, 5.0, 10.0)
"""Waits between tries to open a bus that is away; the last holds on."""

log = structlog.get_logger()


@dataclass(slots=True)
class Mounting:
    """One device on this bus."""

    device: Device
    instrument: Instrument
    channels: DeviceChannels
    left: Sequence[Part] = field(default_factory=tuple)
    """What the last turn did not bring."""
    unasked: Sequence[Part] = field(default_factory=tuple)
    """What it did not ask for, because a neighbour was due."""
    part_ms: int = 0
    """How long the parts of that turn took."""
    ready_in_ms: int = 0
    """Time that the instrument needs after waking, or to measure."""
    lost: bool = False
    missed: dict[str, str] = field(default_factory=dict)
    """Why a signal has not come since its newest sample."""
    lateness: Lateness = field(default_factory=Lateness)

    def did_not_come(self, signals: Iterable[str], why: str) -> None:
        """Note why signals did not come."""
        self.missed.update(dict.fromkeys(signals, why))

    def take(self, samples: Sequence[Sample]) -> None:
        """Take what has come."""
        for sample in samples:
            self.missed.pop(sample.signal, None)
        self.channels.take(samples)


class BusOwner:
    """Counts what the instruments of one bus did not bring, and puts on record when the bus or a device is away."""

    def __init__(
        self,
        name: str,
        bus: SharedBus,
        mountings: Sequence[Mounting],
        wall: WallClock,
        misses: MissCounts,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare; `misses` counts each read that brought nothing, `beat` is called each time that it went round."""
        self._name, self._bus, self._wall = name, bus, wall
        self._misses, self._beat = misses, beat
        self._mountings = {mounting.device.name: mounting for mounting in mountings}
        self._failed_opens = 0
        self.away: LastMiss | None = None
        """Since when the line is away, and why."""
        self.turn = asyncio.Lock()
        """Held while it uses the line; others take it to use the line between two turns."""
        self.idle_until_ms: int | None = None
        """Nothing is due before this time; None: it only listens."""

    def _now_ms(self) -> int:
        return self._wall.now_ms()

    def _note_miss(self, mounting: Mounting, miss: Miss) -> None:
        self._misses.note(mounting.device.name, miss, self._now_ms())
        log.debug("read_missed", bus=self._name, device=mounting.device.name, why=str(miss))

    def _note_lost(self, mounting: Mounting, lost: bool, now_ms: int) -> None:
        """Put on record that a device is lost or back, if that is new."""
        if lost != mounting.lost:
            mounting.lost, name = lost, mounting.device.name
            kind = "device_lost" if lost else "device_back"
            log.warning(kind, bus=self._name, device=name)
            mounting.instrument.forget()  # what comes back may be another one
            mounting.channels.events.append(StationEvent(kind, name, "", now_ms))

    def _line_is_away(self, down: LineDown) -> float:
        """Close a bus that is down; return in how many seconds it may be opened again."""
        self._bus.close()
        self.away = LastMiss(self.away.t_ms if self.away else self._now_ms(), down.kind, str(down))
        if self._failed_opens == 0:
            log.warning("bus_lost", bus=self._name, why=str(down))
            self._record("bus_lost", f"{self._name}: {down}")
        wait_s = REOPEN_S[min(self._failed_opens, len(REOPEN_S) - 1)]
        self._failed_opens += 1
        return wait_s

    def _line_is_back(self) -> None:
        if self._failed_opens:
            log.info("bus_back", bus=self._name)
            self._record("bus_back", self._name)
        self._failed_opens, self.away = 0, None

    def _record(self, kind: str, detail: str) -> None:
        """Put an event of the bus on record, with the next slot of its first device."""
        first = next(iter(self._mountings.values()))
        first.channels.events.append(StationEvent(kind, None, detail, self._now_ms()))
