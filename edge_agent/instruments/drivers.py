"""Drivers: the bus and the instrument that speak each protocol; a station's devices mounted on its buses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from edge_agent.clocks.clock import NowMs
from edge_agent.instruments.speakers import TEXT_SPEAKERS, Speaker
from edge_agent.lines.instrument import Instrument, Part, PlannedRequest, Unsuitable
from edge_agent.lines.serial_bus import SerialBus
from edge_agent.lines.shared_bus import SharedBus
from edge_agent.modbus.bus import ModbusBus
from edge_agent.modbus.instrument import ModbusInstrument
from edge_agent.readings.samples import Sample
from quantrac.config.stations import Device, Station

MINUTE_MS: Final = 60_000
MINUTES: Final = 60


class Driver(NamedTuple):
    """How a protocol is spoken."""

    bus: type[ModbusBus | SerialBus]
    """Owns the line."""
    speaker: Speaker


_MODBUS: Final = Driver(ModbusBus, Speaker(ModbusInstrument))
DRIVERS: Final[Mapping[str, Driver]] = {
    "modbus-rtu": _MODBUS,
    "modbus-tcp": _MODBUS,
    **{protocol: Driver(SerialBus, speaker) for protocol, speaker in TEXT_SPEAKERS.items()},
}
"""By protocol, as in `quantrac.config.devices.PROTOCOLS`."""


class Mounted(NamedTuple):
    """One bus and what hangs on it."""

    name: str
    bus: SharedBus
    instruments: list[tuple[Device, Instrument]]


def mount(station: Station, clock: NowMs) -> list[Mounted]:
    """Return the station's buses with their instruments, nothing opened yet; raises Unsuitable."""
    mounted = []
    for name, bus in station.buses.items():
        if devices := [device for device in station.devices.values() if device.bus.name == name]:
            line = DRIVERS[devices[0].profile.protocol].bus(bus, clock)
            mounted.append(Mounted(name, line, [(device, instrument_on(line, device, clock)) for device in devices]))
    return mounted


def instrument_on(line: SharedBus, device: Device, clock: NowMs) -> Instrument:
    """Return a device's instrument on a line that may be open already; raises Unsuitable."""
    protocol = device.profile.protocol
    driver = DRIVERS[protocol]
    if not isinstance(line, driver.bus):
        raise Unsuitable(f"{device.name}: a bus of kind {device.bus.kind} cannot carry {protocol}")
    instrument, minutes = driver.speaker.instrument(device, line), device.profile.poll_minutes
    return instrument if minutes is None else WindowedInstrument(instrument, minutes, clock)


class WindowedInstrument(Instrument):
    """An instrument that outside its minutes of the hour (it moves its tape then) is not asked and not missed."""

    def __init__(self, instrument: Instrument, minutes: tuple[int, int], now_ms: NowMs) -> None:
        """`minutes`: the first and the last in which it may be asked. Time zones differ by whole hours."""
        super().__init__()
        self.notes, self.refusals = instrument.notes, instrument.refusals
        self._instrument, self._minutes, self._now_ms = instrument, minutes, now_ms

    @property
    def try_ms(self) -> int:
        """Time of its line that a try needs at least, ms."""
        return self._instrument.try_ms

    @property
    def owed_ms(self) -> int:
        """For how long it is better not asked, because an answer that is late may still come."""
        return self._instrument.owed_ms

    def parts(self) -> Sequence[Part]:
        """Return what one sample reads: nothing outside the window."""
        return self._instrument.parts() if self._is_open else ()

    def requests(self) -> list[PlannedRequest]:
        """Return the requests that one sample sends inside the window."""
        first, last = self._minutes
        return [
            request._replace(text=f"{request.text} (minutes {first}-{last})") for request in self._instrument.requests()
        ]

    async def read(self, part: Part) -> list[Sample]:
        """Read one part; raises Miss."""
        return await self._instrument.read(part) if self._is_open else []

    async def begin(self, part: Part) -> int:
        """Have a part measured, inside the window."""
        return await self._instrument.begin(part) if self._is_open else 0

    async def wake(self) -> int:
        """Wake it, inside the window."""
        return await self._instrument.wake() if self._is_open else 0

    async def act(self, name: str, value: float | None) -> None:
        """Carry out an action, inside the window; raises Miss, Unsuitable."""
        if not self._is_open:
            raise Unsuitable(f"it is not asked at this minute of the hour; minutes: {self._minutes}")
        await self._instrument.act(name, value)

    async def probe(self) -> None:
        """Find out whether it is there, inside the window; raises Miss."""
        if self._is_open:
            await self._instrument.probe()

    def forget(self) -> None:
        """Forget what was learnt of it."""
        self._instrument.forget()

    @property
    def _is_open(self) -> bool:
        first, last = self._minutes
        return first <= self._now_ms() // MINUTE_MS % MINUTES <= last
