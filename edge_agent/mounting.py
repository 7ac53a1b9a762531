"""A station file made into buses and instruments that can be read."""

from __future__ import annotations

from typing import NamedTuple

from edge_agent.instruments import Bus, Instrument
from edge_agent.modbus.bus import ModbusBus
from edge_agent.modbus.instrument import ModbusInstrument
from edge_agent.samples import Clock
from edge_agent.serial_bus import SerialBus
from edge_agent.serial_instruments import BayernHessenAnalyser, Sdi12Sensor, VaisalaTransmitter
from quantrac.config import stations


class Mounted(NamedTuple):
    """One bus and what hangs on it."""

    name: str
    bus: Bus
    instruments: list[tuple[stations.Device, Instrument]]


def mount(station: stations.Station, clock: Clock) -> list[Mounted]:
    """Return the station's buses with their instruments, nothing opened yet; raises Unsuitable."""
    mounted = []
    for name, bus in station.buses.items():
        devices = [device for device in station.devices.values() if device.bus.name == name]
        if devices:
            mounted.append(_mount_bus(bus, devices, clock))
    return mounted


def _mount_bus(bus: stations.Bus, devices: list[stations.Device], clock: Clock) -> Mounted:
    if bus.kind in ("modbus-rtu", "modbus-tcp", "modbus-rtu-tcp"):
        modbus = ModbusBus(bus, clock)
        return Mounted(bus.name, modbus, [(device, ModbusInstrument(device, modbus)) for device in devices])
    line = SerialBus(bus, clock)
    return Mounted(bus.name, line, [(device, _serial_instrument(device, line, clock)) for device in devices])


def _serial_instrument(device: stations.Device, line: SerialBus, clock: Clock) -> Instrument:
    if device.bus.kind == "sdi-12":
        return Sdi12Sensor(device, line, clock)
    if device.bus.kind == "bayern-hessen":
        return BayernHessenAnalyser(device, line)
    return VaisalaTransmitter(device, line)
