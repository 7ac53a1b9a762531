"""The sweeps of a station: its buses, each read by a task of its own, and their change to another configuration.

A bus on which nothing changes is not touched. A changed one is stopped between two turns, when nothing is due for a
moment, and goes on under its new owner with the open slots of the old one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Final

from edge_agent.acquiring.bus_owner import Mounting
from edge_agent.acquiring.bus_reader import BusReader
from edge_agent.acquiring.device_channels import DeviceChannels, StationOutlet, channels_of
from edge_agent.acquiring.loans import loan, loan_of_place, overhear, wait_for_room
from edge_agent.acquiring.spot_read import Lend, SpotReading, kept_open, look_at
from edge_agent.acquiring.surroundings import Surroundings
from edge_agent.acquiring.sweep import Sweep, reader_of
from edge_agent.acquiring.talker_reader import TalkerReader
from edge_agent.acquiring.tasks import attempt, supervised
from edge_agent.clocks.clock import WallClock
from edge_agent.instruments.drivers import Mounted, instrument_on, mount
from edge_agent.instruments.text_instrument import Talker
from edge_agent.lines.instrument import Instrument
from edge_agent.slots.changes import same_channels
from edge_agent.slots.device_slots import ChannelSample
from edge_agent.slots.maintenance import MaintenanceSwitch
from quantrac.config.stations import Device, Station
from quantrac.telemetry.errors import QuantracError
from quantrac.telemetry.states import State

TRIES: Final = 3
"""Tries of one spot read, each between two turns of its line's owner."""
RARE_MS: Final = 10_000
"""Of a device that is sampled less often a first value is shown before its first due time."""
ROOM_MS: Final = 400
"""A bus is changed when nothing is due on it for so long; where that never is, a slot of several samples bears it."""


class NoSuchDevice(QuantracError):
    """The station has no device of this name."""


class Sweeps:
    """Reads the buses of a station. Everything here belongs to the event loop of acquisition."""

    def __init__(
        self,
        station: Station,
        channels: list[DeviceChannels],
        outlet: StationOutlet,
        wall: WallClock,
        around: Surroundings,
    ) -> None:
        """Mount the station's buses, nothing opened yet; raises Unsuitable.

        `channels` is kept to hold every device's channels.
        """
        self.station = station
        self.channels = channels
        self._outlet, self._wall, self._around = outlet, wall, around
        self._group: asyncio.TaskGroup | None = None
        self._changing = asyncio.Lock()
        self._sweeps = {mounted.name: self._sweep(mounted, {}) for mounted in mount(station, around.clock)}

    def start(self, group: asyncio.TaskGroup, stop: asyncio.Event) -> None:
        """Begin to read; `stop` ends it after the turns under way."""
        self._group = group
        for sweep in self._sweeps.values():
            self._start(sweep)
        group.create_task(self._end_with(stop))

    async def read(self, device: str | None = None) -> list[SpotReading]:
        """Read every device once now, or one of them, beside its schedule; raises NoSuchDevice."""
        if device is not None and device not in self.station.devices:
            raise self._no_such(device)
        found = await asyncio.gather(*(self._read_sweep(sweep, device) for sweep in self._sweeps.values()))
        return [one for bus in found for one in bus]

    async def act(self, device: str, action: str, value: float | None) -> None:
        """Have an instrument act between two turns of its line's owner; raises Miss, NoSuchDevice, Unsuitable."""
        sweep, instrument = self._found(device)
        lend = self._loan(sweep, device)
        async with lend(instrument.try_ms):
            ready_ms = await instrument.wake()
        await asyncio.sleep(ready_ms / 1000)
        async with lend(instrument.try_ms):
            await instrument.act(action, value)

    def _found(self, device: str) -> tuple[Sweep, Instrument]:
        """Return the sweep of a device, and its instrument; raises NoSuchDevice."""
        for sweep in self._sweeps.values():
            for mounting in sweep.mountings:
                if mounting.device.name == device:
                    return sweep, mounting.instrument
        raise self._no_such(device)

    def _no_such(self, device: str) -> NoSuchDevice:
        return NoSuchDevice(f"found device {device!r}, the station has: {', '.join(self.station.devices)}")

    async def try_out(self, new: Station, devices: Iterable[str]) -> list[SpotReading]:
        """Read devices of another configuration once, each on its line between two turns of that line's owner.

        Instruments that talk by themselves are listened to, together with the line's owner where he hears them, too.
        """
        wanted, found = set(devices), list[SpotReading]()
        for mounted in mount(new, self._around.clock):
            for device, instrument in mounted.instruments:
                if device.name in wanted:
                    found += await self._try(mounted, device, instrument)
        return found

    async def _try(self, mounted: Mounted, device: Device, instrument: Instrument) -> list[SpotReading]:
        owner = next((sweep for sweep in self._sweeps.values() if sweep.place == device.bus.place), None)
        if owner is None:
            return await self._look(mounted, device, instrument)
        reader = owner.reader
        if (
            isinstance(instrument, Talker)
            and isinstance(reader, TalkerReader)
            and reader.hears_alike(device, instrument)
        ):
            return await overhear(reader, device, instrument, self._around.clock, TRIES)
        if owner.speaks_like(device.bus):  # what one of its units still owes is known on the owner's bus only
            instrument = instrument_on(owner.mounted.bus, device, self._around.clock)
            return await look_at(device, instrument, self._loan(owner, device.name), TRIES)
        lend = loan_of_place(reader, owner.mounted.bus, mounted.bus, self._wall)
        return await look_at(device, instrument, lend, TRIES)

    def _loan(self, sweep: Sweep, device: str) -> Lend:
        return loan(sweep.reader, sweep.mounted.bus, self._wall, device)

    async def switch(self, new: Station) -> None:
        """Read by another configuration from now on; raises Unsuitable before anything is touched."""
        async with self._changing:
            old, mounted = self.station, {one.name: one for one in mount(new, self._around.clock)}
            kept = {
                name for name, one in mounted.items() if name in self._sweeps and self._sweeps[name].is_read_like(one)
            }
            self._forget(kept)
            ended = [self._sweeps.pop(name) for name in [*self._sweeps] if name not in kept]
            await asyncio.gather(*(self._end(sweep) for sweep in ended))
            former = {m.device.name: (m.device, m.channels) for sweep in ended for m in sweep.mountings}
            self._outlet.orders.know(new.devices)
            if old.maintenance != new.maintenance:
                self._outlet.switch = MaintenanceSwitch(new.maintenance)
            self.station = new
            for name, one in mounted.items():
                if name not in kept:
                    self._sweeps[name] = self._succeed(one, former, ended)

    async def forget(self) -> None:
        """Forget what was learnt of the instruments, as after a change."""
        self._forget(self._sweeps)

    def _forget(self, names: Iterable[str]) -> None:
        for mounting in (m for name in names for m in self._sweeps[name].mountings):
            mounting.instrument.forget()

    def _succeed(self, mounted: Mounted, former: dict[str, tuple[Device, DeviceChannels]], ended: list[Sweep]) -> Sweep:
        """Start a bus in the place of those that have ended."""
        sweep = self._sweep(mounted, former)
        for old in ended:
            if old.speaks_like(sweep.bus):
                mounted.bus.inherit(old.mounted.bus)
        self._start(sweep)
        return sweep

    def now(self) -> list[dict[str, Any]]:
        """Return the newest sample of each channel, for people."""
        return [row for sweep in self._sweeps.values() for row in sweep.rows()]

    def lines_away(self) -> dict[str, dict[str, Any]]:
        """Return since when a line is away, and why, by bus."""
        return {name: away._asdict() for name, sweep in self._sweeps.items() if (away := sweep.reader.away)}

    def advice(self) -> dict[str, str]:
        """Return what to do about instruments whose answers come too late, by device."""
        slow = [m for sweep in self._sweeps.values() for m in sweep.mountings if m.lateness.advice]
        return {mounting.device.name: mounting.lateness.advice for mounting in slow}

    async def _read_sweep(self, sweep: Sweep, only: str | None) -> list[SpotReading]:
        found: list[SpotReading] = []
        for mounting in sweep.mountings:
            device = mounting.device
            if only not in (None, device.name):
                continue
            if isinstance(sweep.reader, BusReader):
                found += await look_at(device, mounting.instrument, self._loan(sweep, device.name), TRIES)
            else:
                found += sweep.newest(mounting)
        return found

    async def _look(self, mounted: Mounted, device: Device, instrument: Instrument) -> list[SpotReading]:
        try:
            return await look_at(device, instrument, kept_open(mounted.bus), TRIES)
        finally:
            mounted.bus.close()

    def _sweep(self, mounted: Mounted, former: dict[str, tuple[Device, DeviceChannels]]) -> Sweep:
        mountings = [
            Mounting(device, instrument, self._watch(device, former.get(device.name)))
            for device, instrument in mounted.instruments
        ]
        beat = self._around.watchdog.pulse.of(f"bus {mounted.name}")
        reader = reader_of(mounted, mountings, self._wall, self._around.own.misses, beat)
        return Sweep(mounted, mountings, reader, asyncio.Event())

    def _watch(self, device: Device, former: tuple[Device, DeviceChannels] | None) -> DeviceChannels:
        channels = channels_of(device, self._outlet, self._wall.now_ms())
        if former is not None:
            before, was = former
            same = same_channels(before, device)
            channels.slots.take_over(was.slots, same)
            channels.events += was.events
            channels.last = {name: taken for name, taken in was.last.items() if name in same}
        self.channels.append(channels)
        return channels

    def _start(self, sweep: Sweep) -> None:
        assert self._group is not None
        running = supervised(f"bus {sweep.mounted.name}", sweep.reader.run, sweep.stop)
        sweep.task = self._group.create_task(running)
        sweep.first_look = self._group.create_task(attempt("first look", lambda: self._look_first(sweep)))

    async def _look_first(self, sweep: Sweep) -> None:
        """Look once at what is sampled rarely, for whoever watches; no slot takes it."""
        rare = [m for m in sweep.mountings if m.device.sample_ms > RARE_MS and not m.channels.last]
        for mounting in rare if isinstance(sweep.reader, BusReader) else ():
            device, t_ms = mounting.device, self._wall.now_ms()
            for one in await look_at(device, mounting.instrument, self._loan(sweep, device.name), 1):
                if one.state == "comm":
                    mounting.did_not_come([device.channels[one.channel].signal], one.why)
                else:
                    seen = ChannelSample(t_ms, one.value, State.from_word(one.state), one.why)
                    mounting.channels.last.setdefault(one.channel, seen)

    async def _end(self, sweep: Sweep) -> None:
        """Stop a bus at a moment when nothing is due on it for a while, and let go of its devices."""
        await wait_for_room(sweep.reader, self._wall, ROOM_MS)
        sweep.end()
        if sweep.task is not None:
            await sweep.task
        self._around.watchdog.pulse.forget(f"bus {sweep.mounted.name}")
        for mounting in sweep.mountings:
            mounting.channels.close(self._wall.now_ms())
            self.channels.remove(mounting.channels)

    async def _end_with(self, stop: asyncio.Event) -> None:
        await stop.wait()
        async with self._changing:
            for sweep in self._sweeps.values():
                sweep.end()
