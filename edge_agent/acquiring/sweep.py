"""A sweep: one bus while it is read, with its devices, its reader and their newest samples."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from edge_agent.acquiring.bus_owner import Mounting
from edge_agent.acquiring.bus_reader import BusReader
from edge_agent.acquiring.spot_read import SpotReading
from edge_agent.acquiring.talker_reader import TalkerReader
from edge_agent.clocks.clock import WallClock
from edge_agent.instruments.drivers import Mounted
from edge_agent.instruments.text_instrument import Talker
from edge_agent.lines.serial_bus import SerialBus
from edge_agent.readings.counts import MissCounts
from edge_agent.slots.changes import same_device
from edge_agent.slots.device_slots import ChannelSample
from quantrac.config.stations import Bus

SPEECH: Final = ("kind", "place", "line", "echo", "rs485")
"""What two buses at one place have in common when either hears what the other asks."""


@dataclass(slots=True)
class Sweep:
    """One bus while it is read."""

    mounted: Mounted
    mountings: list[Mounting]
    reader: BusReader | TalkerReader
    stop: asyncio.Event
    task: asyncio.Task[None] | None = None
    first_look: asyncio.Task[None] | None = None

    @property
    def bus(self) -> Bus:
        """As it is configured."""
        return self.mountings[0].device.bus

    @property
    def place(self) -> str:
        """Port or endpoint."""
        return self.bus.place

    def speaks_like(self, other: Bus) -> bool:
        """Return whether another bus speaks alike at the same place: names and pauses may differ."""
        return all(getattr(self.bus, key) == getattr(other, key) for key in SPEECH)

    def is_read_like(self, mounted: Mounted) -> bool:
        """Return whether another configuration reads the bus and everything on it alike."""
        old = {m.device.name: m.device for m in self.mountings}
        new = {device.name: device for device, _ in mounted.instruments}
        return old.keys() == new.keys() and all(same_device(old[name], new[name]) for name in old)

    def end(self) -> None:
        """Have it stop after the turn under way."""
        self.stop.set()
        if self.first_look is not None:
            self.first_look.cancel()

    def newest(self, mounting: Mounting) -> list[SpotReading]:
        """Return the newest sample of each channel of one device, as a reading."""
        found = []
        for name, channel in mounting.device.channels.items():
            taken = mounting.channels.last.get(name)
            if taken is None:
                value, state, why = None, "comm", mounting.missed.get(channel.signal, "nothing was heard of it yet")
            else:
                value, state, why = taken.value, taken.state.word, taken.why
            found.append(SpotReading(mounting.device.name, name, value, channel.unit, state, why))
        return found

    def rows(self) -> list[dict[str, Any]]:
        """Return the newest sample of each channel, for people."""
        return [row for mounting in self.mountings for row in _rows(mounting)]


def reader_of(
    mounted: Mounted, mountings: list[Mounting], wall: WallClock, misses: MissCounts, beat: Callable[[], None]
) -> BusReader | TalkerReader:
    """Return who owns a bus: who asks, or who listens where instruments talk by themselves."""
    bus = mounted.bus
    if isinstance(bus, SerialBus) and all(isinstance(mounting.instrument, Talker) for mounting in mountings):
        return TalkerReader(mounted.name, bus, mountings, wall, misses, beat)
    return BusReader(mounted.name, bus, mountings, wall, misses, beat)


def _rows(mounting: Mounting) -> list[dict[str, Any]]:
    raw: dict[str, tuple[int, ...]] = getattr(mounting.instrument, "registers", {})
    rows = []
    for name, channel in mounting.device.channels.items():
        taken, missed = mounting.channels.last.get(name), mounting.missed.get(channel.signal)
        rows.append(
            {
                "device": mounting.device.name,
                "channel": name,
                "value": None if taken is None or missed else taken.value,
                "unit": channel.unit,
                "state": "comm" if missed else "" if taken is None else taken.state.word,
                "t": None if taken is None else taken.t_ms,
                "raw": " ".join(f"{word:04X}" for word in raw.get(channel.signal, ())),
                "lost": mounting.lost,
                "why": missed or _why_nothing(taken),
            }
        )
    return rows


def _why_nothing(taken: ChannelSample | None) -> str:
    if taken is None:
        return "not read yet"
    return taken.why or ("gave no value" if taken.value is None else "")
