"""Builds the buses and instruments of a station file."""

from __future__ import annotations

from typing import Final, NamedTuple

from edge_agent.clocks.clock import NowMs
from edge_agent.instruments.poll_window import WindowedInstrument
from edge_agent.instruments.sdi12_sensor import Sdi12Sensor
from edge_agent.instruments.serial_instruments import (
    BayernHessenAnalyser,
    PolledLines,
    VaisalaTransmitter,
)
from edge_agent.instruments.talkers import LineTalker, VaisalaTalker
from edge_agent.lines.instrument import Instrument, SharedBus, Unsuitable
from edge_agent.lines.serial_bus import SerialBus
from edge_agent.modbus.bus import ModbusBus
from edge_agent.modbus.instrument import ModbusInstrument
from quantrac.config import stations
from quantrac.config.lines import LineProfile
from quantrac.config.serial import BayernHessenProfile, Sdi12Profile, VaisalaProfile

MODBUS_KINDS: Final = ("modbus-rtu", "modbus-tcp", "modbus-rtu-tcp")


class Mounted(NamedTuple):
    """One bus and what hangs on it."""

    name: str
    bus: SharedBus
    instruments: list[tuple[stations.Device, Instrument]]


def mount(station: stations.Station, clock: NowMs) -> list[Mounted]:
    """Return the station's buses with their instruments, nothing opened yet; raises Unsuitable."""
    mounted = []
    for name, bus in station.buses.items():
        devices = [device for device in station.devices.values() if device.bus.name == name]
        if devices:
            mounted.append(_mount_bus(bus, devices, clock))
    return mounted


def _mount_bus(bus: stations.Bus, devices: list[stations.Device], clock: NowMs) -> Mounted:
    line = ModbusBus(bus, clock) if bus.kind in MODBUS_KINDS else SerialBus(bus, clock)
    return Mounted(bus.name, line, [(device, instrument_on(line, device, clock)) for device in devices])


def instrument_on(line: SharedBus, device: stations.Device, clock: NowMs) -> Instrument:
    """Return a device's instrument on a line that somebody may have opened already; raises Unsuitable."""
    match line:
        case ModbusBus():
            return _windowed(device, ModbusInstrument(device, line), clock)
        case SerialBus():
            return _windowed(device, _text_instrument(device, line, clock), clock)
        case _:
            raise Unsuitable(f"{device.name}: {type(line).__name__} carries no instruments")


def _windowed(device: stations.Device, instrument: Instrument, clock: NowMs) -> Instrument:
    minutes = device.profile.poll_minutes
    return instrument if minutes is None else WindowedInstrument(instrument, minutes, clock)


def _text_instrument(device: stations.Device, line: SerialBus, clock: NowMs) -> Instrument:
    match device.profile:
        case Sdi12Profile():
            return Sdi12Sensor(device, line, clock)
        case BayernHessenProfile():
            return BayernHessenAnalyser(device, line)
        case VaisalaProfile(mode=mode):
            return VaisalaTalker(device, line) if mode == "talker" else VaisalaTransmitter(device, line)
        case LineProfile(mode=mode):
            return LineTalker(device, line) if mode == "talker" else PolledLines(device, line)
        case _:
            raise Unsuitable(f"{device.name}: a bus of kind {device.bus.kind} cannot carry {device.profile.protocol}")
