"""The probe of a station: the requests that would be sent, and the answer of each instrument now."""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple

from edge_agent.acquiring.spot_read import (
    BETWEEN_TRIES_S,
    TRIES,
    SpotReading,
    kept_open,
    look_at,
    outside_minutes,
    read_part,
)
from edge_agent.clocks.clock import NowMs
from edge_agent.commissioning.profile_device import device_of
from edge_agent.instruments.drivers import DRIVERS, Mounted, instrument_on, mount
from edge_agent.lines.instrument import Instrument, Part, PlannedRequest
from edge_agent.lines.shared_bus import RecordedExchange, SharedBus
from edge_agent.modbus.instrument import ModbusInstrument
from edge_agent.readings.misses import Garbled, LateAnswer, Miss, NoAnswer
from edge_agent.readings.samples import Sample
from quantrac.config.devices import Address, AnyProfile
from quantrac.config.stations import Bus, Device, Station

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
    """The registers of a Modbus instrument, hexadecimal."""
    why: str


class ProfileReading(NamedTuple):
    """Every signal of a profile as it is now, and the exchanges that brought them."""

    signals: list[SpotSignal]
    exchanges: list[RecordedExchange]


def read_profile(profile: AnyProfile, bus: Bus, address: Address, timeout_ms: int, clock: NowMs) -> ProfileReading:
    """Read every signal of a profile once from an instrument of a line that no station file knows; blocking.

    An instrument that talks by itself is listened to. Raises Unsuitable, LineDown.
    """
    return asyncio.run(_read_profile(profile, bus, address, timeout_ms, clock))


async def _read_profile(
    profile: AnyProfile, place: Bus, address: Address, timeout_ms: int, clock: NowMs
) -> ProfileReading:
    device = device_of(profile, place, address, timeout_ms=timeout_ms)
    bus = DRIVERS[profile.protocol].bus(place, clock)
    bus.record = []
    instrument = instrument_on(bus, device, clock)
    samples: dict[str, Sample] = {}
    why: dict[str, str] = {}
    try:
        await bus.open()
        await asyncio.sleep(await instrument.wake() / 1000)
        parts = instrument.parts()
        if not parts:
            why = dict.fromkeys(profile.signals, outside_minutes(device))
        for part in parts:
            try:
                found = await _read_recorded(device, instrument, part, bus)
                samples |= {sample.signal: sample for sample in found}
            except Miss as miss:
                why |= dict.fromkeys(part.signals, str(miss))
    finally:
        bus.close()
    registers = instrument.registers if isinstance(instrument, ModbusInstrument) else {}
    signals = [
        _signal_found(name, signal.unit, samples.get(name), registers.get(name, ()), why.get(name, "did not come"))
        for name, signal in profile.signals.items()
    ]
    return ProfileReading(signals, bus.record)


async def _read_recorded(device: Device, instrument: Instrument, part: Part, bus: SharedBus) -> list[Sample]:
    """Read a part; what a try without success has recorded is forgotten."""
    for left in reversed(range(TRIES)):
        before = [*(bus.record or ())]
        try:
            return await read_part(device, instrument, part, 1, kept_open(bus))
        except (Garbled, LateAnswer, NoAnswer):
            bus.record = before
            if not left:
                raise
            await asyncio.sleep(max(BETWEEN_TRIES_S, device.timeout_ms / 1000))
    raise AssertionError("the last try returns or raises")


def _signal_found(name: str, unit: str, sample: Sample | None, words: tuple[int, ...], why: str) -> SpotSignal:
    raw = " ".join(f"{word:04X}" for word in words)
    if sample is None:
        return SpotSignal(name, None, unit, "comm", raw, why)
    return SpotSignal(name, sample.value, unit, sample.state.word, raw, sample.why)


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
