"""A technician's look at a station: what would be asked, and what each instrument answers now."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, NamedTuple

from edge_agent.instruments.drivers import Mounted, mount
from edge_agent.lines.instrument import Instrument, Overlapping, OwnedLine, Part, PlannedRequest, Unsuitable
from edge_agent.modbus.bus import ModbusBus
from edge_agent.modbus.instrument import ModbusInstrument
from edge_agent.readings.misses import Garbled, LateAnswer, LineDown, Miss, NoAnswer
from edge_agent.readings.samples import Sample
from edge_agent.slots.channels import feeds_of
from quantrac.config.devices import AnyProfile
from quantrac.config.modbus import ModbusProfile
from quantrac.config.stations import Bus as BusPlace
from quantrac.config.stations import Channel, Device, Station

TRIES: Final = 4
BETWEEN_TRIES_S: Final = 1.0
ANSWER_MS: Final = 25.0
"""Assumed time from request to answer, for the load of a line."""

Lend = Callable[[int], AbstractAsyncContextManager[None]]
"""Lends an open line for one transaction, if possible at a moment when nobody else wants it for so many ms."""


class DevicePlan(NamedTuple):
    """What one device is asked, and the share of its line's time that this takes."""

    device: str
    bus: str
    place: str
    every_ms: int
    requests: list[PlannedRequest]
    wire_ms: float | None
    """Time of all requests and answers on the line, without waiting; None where lengths are not known."""
    load: float | None


class SpotReading(NamedTuple):
    """One channel as it is now: in its published unit, or why there is nothing."""

    device: str
    channel: str
    value: float | None
    unit: str
    state: str
    why: str


class SpotSignal(NamedTuple):
    """One signal of a profile as it is now: in the profile's unit, or why there is nothing."""

    signal: str
    value: float | None
    unit: str
    state: str
    raw: str
    """The registers, hexadecimal."""
    why: str


def read_profile(
    profile: AnyProfile, bus: BusPlace, unit: int, timeout_ms: int, clock: Callable[[], int]
) -> list[SpotSignal]:
    """Read every signal of a Modbus profile once from a unit of a line that no station file knows; blocking.

    Raises Unsuitable, LineDown.
    """
    if not isinstance(profile, ModbusProfile):
        raise Unsuitable(f"{profile.device} speaks {profile.protocol}; only Modbus profiles are read without a station")
    return asyncio.run(_read_profile(profile, bus, unit, timeout_ms, clock))


async def _read_profile(
    profile: ModbusProfile, place: BusPlace, unit: int, timeout_ms: int, clock: Callable[[], int]
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
                found = await _read(device, instrument, part, TRIES, kept_open(bus))
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


def plan_of(station: Station, clock: Callable[[], int]) -> list[DevicePlan]:
    """Return the plan of each device; nothing is opened."""
    return [
        _device_plan(device, instrument)
        for mounted in mount(station, clock)
        for device, instrument in mounted.instruments
    ]


def probe(station: Station, clock: Callable[[], int], only: str | None = None) -> list[SpotReading]:
    """Read every device once, or one of them, and return its channels; blocking."""
    return asyncio.run(_probe(station, clock, only))


async def _probe(station: Station, clock: Callable[[], int], only: str | None) -> list[SpotReading]:
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


def kept_open(bus: OwnedLine) -> Lend:
    """Return who lends a bus that nobody else uses."""

    @asynccontextmanager
    async def lent(_: int) -> AsyncIterator[None]:
        await bus.open()
        yield

    return lent


async def look_at(device: Device, instrument: Instrument, lend: Lend, tries: int = TRIES) -> list[SpotReading]:
    """Read a device once, apart from its schedule, and return its channels; a silent one is asked for one part only."""
    try:
        async with lend(instrument.try_ms):
            ready_ms = await instrument.wake()
    except LineDown as down:
        return list(_channels(device, {}, str(down)))
    await asyncio.sleep(ready_ms / 1000)
    samples: dict[str, Sample] = {}
    parts = instrument.parts()
    why = "" if parts else f"is not asked at this minute of the hour; minutes: {device.profile.poll_minutes}"
    for part in parts:
        try:
            samples |= {sample.signal: sample for sample in await _read(device, instrument, part, tries, lend)}
        except Miss as miss:
            why = str(miss)
            if isinstance(miss, NoAnswer):
                break
    return list(_channels(device, samples, why))


async def _read(device: Device, instrument: Instrument, part: Part, tries: int, lend: Lend) -> list[Sample]:
    """Read a part; all but the last try may miss: a sleeping instrument loses the first, a late answer is learnt of."""
    for _ in range(tries - 1):
        try:
            return await _read_once(instrument, part, lend)
        except (Garbled, LateAnswer, NoAnswer):
            await asyncio.sleep(max(BETWEEN_TRIES_S, device.timeout_ms / 1000))
    return await _read_once(instrument, part, lend)


async def _read_once(instrument: Instrument, part: Part, lend: Lend) -> list[Sample]:
    if isinstance(instrument, Overlapping):
        async with lend(instrument.try_ms):
            ready_ms = await instrument.begin(part)
        await asyncio.sleep(ready_ms / 1000)
    async with lend(instrument.try_ms):
        return await instrument.read(part)


def _channels(device: Device, samples: dict[str, Sample], why: str) -> Iterator[SpotReading]:
    for feed, channel in zip(feeds_of(device), device.channels.values(), strict=True):
        sample = samples.get(feed.signal)
        if sample is None:
            yield SpotReading(device.name, channel.name, None, channel.unit, "comm", why)
        else:
            taken = feed.taken(sample)
            yield SpotReading(device.name, channel.name, taken.value, channel.unit, taken.state.word, "")


def _device_plan(device: Device, instrument: Instrument) -> DevicePlan:
    requests = instrument.requests()
    lengths = [request.wire_bytes for request in requests]
    wire_ms = load = None
    if device.bus.line is not None and None not in lengths:
        wire_ms = sum(length or 0 for length in lengths) * device.bus.line.bits_per_byte / device.bus.line.baud * 1000
        load = (wire_ms + len(requests) * (ANSWER_MS + _gap_ms(device, device.bus))) / device.sample_ms
    return DevicePlan(device.name, device.bus.name, device.bus.place, device.sample_ms, requests, wire_ms, load)


def _gap_ms(device: Device, bus: BusPlace) -> float:
    return bus.gap_ms + device.profile.turnaround_ms
