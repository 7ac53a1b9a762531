"""The buses that are read, each by a task that owns it, and how they become others while the station goes on measuring.

A bus on which nothing changes is not touched. A changed one is stopped between two turns, when nothing is due for a
moment, and goes on under its new owner with the open slots of the old one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import structlog

from edge_agent.acquiring.bus_reader import BusReader, Mounting
from edge_agent.acquiring.mounting import Mounted, mount
from edge_agent.acquiring.overhearing import overhear
from edge_agent.acquiring.pauses import pause
from edge_agent.acquiring.surroundings import Surroundings
from edge_agent.acquiring.talker_reader import TalkerReader
from edge_agent.acquiring.watched import Outbox, Watched
from edge_agent.clocks.wall_clock import WallClock
from edge_agent.commissioning.probing import Found, look_at
from edge_agent.control.calibrations import CalibrationWatch
from edge_agent.control.changes import same_channels, same_device
from edge_agent.control.maintenance import MaintenanceSwitch
from edge_agent.instruments.instrument import Instrument, SharedBus, Unsuitable
from edge_agent.instruments.talkers import Talker
from edge_agent.instruments.wiping import Wiping
from edge_agent.lines.serial_bus import SerialBus
from edge_agent.slots.averaging import DeviceSlots
from edge_agent.slots.channels import device_plan, feeds_of
from quantrac.config.stations import Device, Station
from quantrac.observe.metrics import counter
from quantrac.telemetry.errors import QuantracError

RESTART_TASK_S: Final = 1.0
TRIES: Final = 2
"""Reads of one device that somebody asks for, while its neighbours wait."""
ROOM_MS: Final = 400
"""A bus is changed when nothing is due on it for so long."""
LONGEST_WAIT_MS: Final = 3_000
"""It is changed all the same when there was no such moment for so long: a slot of several samples bears it."""

CRASHES = counter("quantrac_edge_crashes_total", "Errors that nobody foresaw, by task.", ["task"])

log = structlog.get_logger()


class NoSuchDevice(QuantracError):
    """The station has no device of this name."""


@dataclass(slots=True)
class Sweep:
    """One bus while it is read."""

    mounted: Mounted
    mountings: list[Mounting]
    reader: BusReader | TalkerReader
    stop: asyncio.Event
    task: asyncio.Task[None] | None = None

    @property
    def place(self) -> str:
        """Port or endpoint."""
        return self.mountings[0].device.bus.place


class Sweeps:
    """See the module. Everything here belongs to the event loop of acquisition."""

    def __init__(
        self, station: Station, watched: list[Watched], outbox: Outbox, wall: WallClock, around: Surroundings
    ) -> None:
        """Mount the station's buses, nothing opened yet; raises Unsuitable.

        `watched` is kept to hold every device's channels.
        """
        self.station = station
        self.watched = watched
        self._outbox, self._wall, self._around = outbox, wall, around
        self._group: asyncio.TaskGroup | None = None
        self._changing = asyncio.Lock()
        self._sweeps = {mounted.name: self._sweep(mounted, {}) for mounted in mount(station, around.clock)}

    def start(self, group: asyncio.TaskGroup, stop: asyncio.Event) -> None:
        """Begin to read; `stop` ends it after the turns under way."""
        self._group = group
        for sweep in self._sweeps.values():
            self._start(sweep)
        group.create_task(self._end_with(stop))

    async def read(self, device: str | None = None) -> list[Found]:
        """Read every device once now, or one of them, beside its schedule; raises NoSuchDevice."""
        if device is not None and device not in self.station.devices:
            raise NoSuchDevice(f"found device {device!r}, the station has: {', '.join(self.station.devices)}")
        wanted = [sweep for sweep in self._sweeps.values() for m in sweep.mountings if device in (None, m.device.name)]
        unique = {id(sweep): sweep for sweep in wanted}.values()
        found = await asyncio.gather(*(self._read_sweep(sweep, device) for sweep in unique))
        return [one for bus in found for one in bus]

    async def wipe(self, device: str) -> None:
        """Start a sensor's wiper between two turns of its line's owner; raises Miss, NoSuchDevice, Unsuitable."""
        for sweep in self._sweeps.values():
            for mounting in sweep.mountings:
                if mounting.device.name != device:
                    continue
                if not isinstance(sweep.reader, BusReader) or not isinstance(mounting.instrument, Wiping):
                    raise Unsuitable(f"{device}: {mounting.device.profile.device} has no wiper that can be started")
                async with sweep.reader.turn:
                    await sweep.mounted.bus.open()
                    await asyncio.sleep(await mounting.instrument.wake() / 1000)
                    await mounting.instrument.wipe()
                return
        raise NoSuchDevice(f"found device {device!r}, the station has: {', '.join(self.station.devices)}")

    async def try_out(self, new: Station, devices: Iterable[str]) -> list[Found]:
        """Read devices of another configuration once, each on its line between two turns of that line's owner.

        Instruments that talk by themselves are listened to, together with the line's owner where he hears them, too.
        """
        wanted, found = set(devices), list[Found]()
        for mounted in mount(new, self._around.clock):
            for device, instrument in mounted.instruments:
                if device.name in wanted:
                    found += await self._try(mounted, device, instrument)
        return found

    async def _try(self, mounted: Mounted, device: Device, instrument: Instrument) -> list[Found]:
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
        async with reader.turn:
            owner.mounted.bus.close()  # its owner opens it again with its next turn
            return await self._look(mounted, device, instrument)

    async def switch(self, new: Station) -> None:
        """Read by another configuration from now on; raises Unsuitable before anything is touched."""
        async with self._changing:
            old, mounted = self.station, {one.name: one for one in mount(new, self._around.clock)}
            kept = {name for name, one in mounted.items() if name in self._sweeps and _same(self._sweeps[name], one)}
            former: dict[str, tuple[Device, Watched]] = {}
            for name in [name for name in self._sweeps if name not in kept]:
                sweep = self._sweeps.pop(name)
                await self._end(sweep)
                former |= {m.device.name: (m.device, m.watched) for m in sweep.mountings}
            self._outbox.orders.know(new.devices)
            if old.maintenance != new.maintenance:
                self._outbox.switch = MaintenanceSwitch(new.maintenance)
            self.station = new
            for name, one in mounted.items():
                if name not in kept:
                    self._sweeps[name] = self._sweep(one, former)
                    self._start(self._sweeps[name])

    def now(self) -> list[dict[str, Any]]:
        """Return the newest sample of each channel, for people."""
        return [row for sweep in self._sweeps.values() for m in sweep.mountings for row in _rows(m)]

    async def _read_sweep(self, sweep: Sweep, only: str | None) -> list[Found]:
        found: list[Found] = []
        for mounting in sweep.mountings:
            device = mounting.device
            if only not in (None, device.name):
                continue
            if isinstance(sweep.reader, BusReader):
                async with sweep.reader.turn:
                    found += await look_at(sweep.mounted.bus, device, mounting.instrument, TRIES)
            else:
                found += [_last(mounting, name, channel.unit) for name, channel in device.channels.items()]
        return found

    async def _look(self, mounted: Mounted, device: Device, instrument: Instrument) -> list[Found]:
        try:
            return await look_at(mounted.bus, device, instrument, TRIES)
        finally:
            mounted.bus.close()

    def _sweep(self, mounted: Mounted, former: dict[str, tuple[Device, Watched]]) -> Sweep:
        mountings = [
            Mounting(device, instrument, self._watch(device, former.get(device.name)))
            for device, instrument in mounted.instruments
        ]
        beat = self._around.watchdog.pulse.of(f"bus {mounted.name}")
        reader = _reader(mounted.name, mounted.bus, mountings, self._wall, self._around, beat)
        return Sweep(mounted, mountings, reader, asyncio.Event())

    def _watch(self, device: Device, former: tuple[Device, Watched] | None) -> Watched:
        feeds = feeds_of(device)
        slots = DeviceSlots(device_plan(device, feeds), self._wall.now_ms())
        calibration = CalibrationWatch(checks_itself=bool(device.gases))
        watched = Watched(device.name, feeds, slots, self._outbox, calibration=calibration)
        if former is not None:
            before, was = former
            same = same_channels(before, device)
            watched.slots.take_over(was.slots, same)
            watched.events += was.events
            watched.last = {name: taken for name, taken in was.last.items() if name in same}
        self.watched.append(watched)
        return watched

    def _start(self, sweep: Sweep) -> None:
        assert self._group is not None
        running = supervised(f"bus {sweep.mounted.name}", sweep.reader.run, sweep.stop)
        sweep.task = self._group.create_task(running)

    async def _end(self, sweep: Sweep) -> None:
        """Stop a bus at a moment when nothing is due on it for a while, and let go of its devices."""
        waited_ms = 0
        reader = sweep.reader
        while isinstance(reader, BusReader) and waited_ms < LONGEST_WAIT_MS:
            if not reader.turn.locked() and reader.idle_until_ms - self._wall.now_ms() >= ROOM_MS:
                break
            await asyncio.sleep(0.02)
            waited_ms += 20
        sweep.stop.set()
        if sweep.task is not None:
            await sweep.task
        self._around.watchdog.pulse.forget(f"bus {sweep.mounted.name}")
        for mounting in sweep.mountings:
            mounting.watched.close(self._wall.now_ms())
            self.watched.remove(mounting.watched)

    async def _end_with(self, stop: asyncio.Event) -> None:
        await stop.wait()
        async with self._changing:
            for sweep in self._sweeps.values():
                sweep.stop.set()


async def supervised(name: str, run: Callable[[asyncio.Event], Awaitable[None]], stop: asyncio.Event) -> None:
    """Run a task until `stop`; an error that nobody foresaw stops only this task, and for a second."""
    while not stop.is_set():
        try:
            await run(stop)
        except Exception:
            CRASHES.labels(name).inc()
            log.exception("task_crashed", task=name)
            await pause(RESTART_TASK_S, stop)


def _same(sweep: Sweep, mounted: Mounted) -> bool:
    """Return whether a bus and everything on it are read alike."""
    old = {m.device.name: m.device for m in sweep.mountings}
    new = {device.name: device for device, _ in mounted.instruments}
    return old.keys() == new.keys() and all(same_device(old[name], new[name]) for name in old)


def _reader(
    name: str,
    bus: SharedBus,
    mountings: list[Mounting],
    wall: WallClock,
    around: Surroundings,
    beat: Callable[[], None],
) -> BusReader | TalkerReader:
    """Return who owns a bus: who asks, or who listens where instruments talk by themselves."""
    misses = around.keeping.misses
    if isinstance(bus, SerialBus) and all(isinstance(mounting.instrument, Talker) for mounting in mountings):
        return TalkerReader(name, bus, mountings, wall, misses, beat)
    return BusReader(name, bus, mountings, wall, misses, beat)


def _last(mounting: Mounting, name: str, unit: str) -> Found:
    taken = mounting.watched.last.get(name)
    if taken is None:
        return Found(mounting.device.name, name, None, unit, "comm", "nothing was heard of it yet")
    return Found(mounting.device.name, name, taken.value, unit, taken.state.word, "")


def _rows(mounting: Mounting) -> list[dict[str, Any]]:
    raw: dict[str, tuple[int, ...]] = getattr(mounting.instrument, "registers", {})
    rows = []
    for name, channel in mounting.device.channels.items():
        taken = mounting.watched.last.get(name)
        rows.append(
            {
                "device": mounting.device.name,
                "channel": name,
                "value": None if taken is None else taken.value,
                "unit": channel.unit,
                "state": "" if taken is None else taken.state.word,
                "t": None if taken is None else taken.t_ms,
                "raw": " ".join(f"{word:04X}" for word in raw.get(channel.signal, ())),
                "lost": mounting.lost,
            }
        )
    return rows
