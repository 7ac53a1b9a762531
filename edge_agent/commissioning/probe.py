"""The probe of a station: the requests that would be sent, and the answer of each instrument now."""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple

from edge_agent.acquiring.spot_read import TRIES, SpotReading, kept_open, look_at, read_part
from edge_agent.clocks.clock import NowMs
from edge_agent.instruments.drivers import Mounted, mount
from edge_agent.lines.instrument import Instrument, PlannedRequest, Unsuitable
from edge_agent.modbus.bus import ModbusBus
from edge_agent.modbus.instrument import ModbusInstrument
from edge_agent.readings.misses import Miss
from edge_agent.readings.samples import Sample
from quantrac.config.devices import AnyProfile
from quantrac.config.modbus import ModbusProfile
from quantrac.config.stations import Bus, Channel, Device, Station

ANSWER_MS: Final = 25.0
"""Assumed time from request to answer, for the load of a line."""


class DevicePlan(NamedTuple):
    """The requests to one device, and the share of its line's time that this takes."""

    device: str
    bus: str
    place: str
    every_ms: int
    requests: list[PlannedRequest]
    wire_ms: float | None
    """Time of all requests and answers on the line, without waiting; None where lengths are not known."""
    load: float | None


class SpotSignal(NamedTuple):
    """One signal of a profile as it is now: in the profile's unit, or why there is nothing."""

    signal: str
    value: float | None
    unit: str
    state: str
    raw: str
    """The registers, hexadecimal."""
    why: str


def read_profile(profile: AnyProfile, bus: Bus, unit: int, timeout_ms: int, clock: NowMs) -> list[SpotSignal]:
    """Read every signal of a Modbus profile once from a unit of a line that no station file knows; blocking.

    Raises Unsuitable, LineDown.
    """
    if not isinstance(profile, ModbusProfile):
        raise Unsuitable(f"{profile.device} speaks {profile.protocol}; only Modbus profiles are read without a station")
    return asyncio.run(_read_profile(profile, bus, unit, timeout_ms, clock))


async def _read_profile(
    profile: ModbusProfile, place: Bus, unit: int, timeout_ms: int, clock: NowMs
) -> list[SpotSignal]:
    channels = {
        name: Channel(
            name=name, parameter=name, unit=signal.unit, device="probe", signal=name, interval_ms=1_000, span=(0.0, 0.0)
        )
        for name, signal in profile.signals.items()
    }
    device = Device(
        name="probe", profile=profile, bus=place, address=unit, sample_ms=1_000, report_ms=1_000, valid_share=1.0,
        timeout_ms=timeout_ms, channels=channels,
    )  # fmt: skip
    bus = ModbusBus(place, clock)
    instrument = ModbusInstrument(device, bus)
    samples: dict[str, Sample] = {}
    why: dict[str, str] = {}
    try:
        await bus.open()
        await asyncio.sleep(await instrument.wake() / 1000)
        for part in instrument.parts():
            try:
                found = await read_part(device, instrument, part, TRIES, kept_open(bus))
                samples |= {sample.signal: sample for sample in found}
            except Miss as miss:
                why |= dict.fromkeys(part.signals, str(miss))
    finally:
        bus.close()
    return [_signal_found(name, signal.unit, samples, instrument, why) for name, signal in profile.signals.items()]


def _signal_found(
    name: str, unit: str, samples: dict[str, Sample], instrument: ModbusInstrument, why: dict[str, str]
) -> SpotSignal:
    raw = " ".join(f"{word:04X}" for word in instrument.registers.get(name, ()))
    sample = samples.get(name)
    if sample is None:
        return SpotSignal(name, None, unit, "comm", raw, why.get(name, "was not asked"))
    return SpotSignal(name, sample.value, unit, sample.state.word, raw, "")


def plan_of(station: Station, clock: NowMs) -> list[DevicePlan]:
    """Return the plan of each device; nothing is opened."""
    return [
        _device_plan(device, instrument)
        for mounted in mount(station, clock)
        for device, instrument in mounted.instruments
    ]


def probe(station: Station, clock: NowMs, only: str | None = None) -> list[SpotReading]:
    """Read every device once, or one of them, and return its channels; blocking."""
    return asyncio.run(_probe(station, clock, only))


async def _probe(station: Station, clock: NowMs, only: str | None) -> list[SpotReading]:
    answers = await asyncio.gather(*(_probe_bus(mounted, only) for mounted in mount(station, clock)))
    return [found for bus in answers for found in bus]


async def _probe_bus(mounted: Mounted, only: str | None) -> list[SpotReading]:
    found: list[SpotReading] = []
    try:
        for device, instrument in mounted.instruments:
            if only in (None, device.name):
                found += await look_at(device, instrument, kept_open(mounted.bus))
    finally:
        mounted.bus.close()
    return found


def _device_plan(device: Device, instrument: Instrument) -> DevicePlan:
    requests = instrument.requests()
    lengths = [request.wire_bytes for request in requests]
    wire_ms = load = None
    if device.bus.line is not None and None not in lengths:
        wire_ms = sum(length or 0 for length in lengths) * device.bus.line.bits_per_byte / device.bus.line.baud * 1000
        pause_ms = ANSWER_MS + device.bus.gap_ms + device.profile.turnaround_ms
        load = (wire_ms + len(requests) * pause_ms) / device.sample_ms
    return DevicePlan(device.name, device.bus.name, device.bus.place, device.sample_ms, requests, wire_ms, load)
