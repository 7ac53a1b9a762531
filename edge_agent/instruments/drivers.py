"""Drivers: the bus and the instrument that speak each protocol; a station's devices mounted on its buses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from edge_agent.clocks.clock import NowMs
from edge_agent.instruments import bayern_hessen, text_lines, vaisala
from edge_agent.instruments.poll_window import WindowedInstrument
from edge_agent.instruments.sdi12_sensor import Sdi12Sensor
from edge_agent.lines.instrument import Instrument, Unsuitable
from edge_agent.lines.serial_bus import SerialBus
from edge_agent.lines.shared_bus import SharedBus
from edge_agent.modbus.bus import ModbusBus
from edge_agent.modbus.instrument import ModbusInstrument
from quantrac.config.lines import LINE_PROTOCOLS
from quantrac.config.stations import Device, Station


class Driver(NamedTuple):
    """How a protocol is spoken."""

    bus: type[ModbusBus | SerialBus]
    """Owns the line."""
    instrument: Callable[[Device, Any, NowMs], Instrument]
    """Makes a device's instrument on such a bus; raises Unsuitable."""


_MODBUS: Final = Driver(ModbusBus, lambda device, bus, _: ModbusInstrument(device, bus))
DRIVERS: Final[Mapping[str, Driver]] = {
    "modbus-rtu": _MODBUS,
    "modbus-tcp": _MODBUS,
    "sdi-12": Driver(SerialBus, Sdi12Sensor),
    "vaisala-ascii": Driver(SerialBus, vaisala.instrument),
    "bayern-hessen": Driver(SerialBus, bayern_hessen.instrument),
    **dict.fromkeys(LINE_PROTOCOLS, Driver(SerialBus, text_lines.instrument)),
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
    instrument, minutes = driver.instrument(device, line, clock), device.profile.poll_minutes
    return instrument if minutes is None else WindowedInstrument(instrument, minutes, clock)
