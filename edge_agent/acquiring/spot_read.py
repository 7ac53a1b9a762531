"""The spot read: one read of a device beside its schedule, on a line that is lent for each transaction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, NamedTuple

from edge_agent.lines.instrument import Instrument, Part
from edge_agent.lines.shared_bus import SharedBus
from edge_agent.readings.misses import Garbled, LateAnswer, LineDown, Miss, NoAnswer
from edge_agent.readings.samples import Sample
from edge_agent.slots.channels import feeds_of
from quantrac.config.stations import Device

TRIES: Final = 4
BETWEEN_TRIES_S: Final = 1.0

Lend = Callable[[int], AbstractAsyncContextManager[None]]
"""Lends an open line for one transaction, if possible at a moment when its owner does not want it for so many ms."""


class SpotReading(NamedTuple):
    """One channel as it is now: in its published unit, or why there is nothing."""

    device: str
    channel: str
    value: float | None
    unit: str
    state: str
    why: str


def kept_open(bus: SharedBus) -> Lend:
    """Return the loan of a bus without another user."""

    @asynccontextmanager
    async def lent(_: int) -> AsyncIterator[None]:
        await bus.open()
        yield

    return lent


async def look_at(device: Device, instrument: Instrument, lend: Lend, tries: int = TRIES) -> list[SpotReading]:
    """Read a device once, apart from its schedule, and return its channels; of a silent one only one part is tried."""
    try:
        async with lend(instrument.try_ms):
            ready_ms = await instrument.wake()
    except LineDown as down:
        return list(_channels(device, {}, str(down)))
    await asyncio.sleep(ready_ms / 1000)
    samples: dict[str, Sample] = {}
    parts = instrument.parts()
    why = "" if parts else outside_minutes(device)
    for part in parts:
        try:
            samples |= {sample.signal: sample for sample in await read_part(device, instrument, part, tries, lend)}
        except Miss as miss:
            why = str(miss)
            if isinstance(miss, NoAnswer):
                break
    return list(_channels(device, samples, why))


def outside_minutes(device: Device) -> str:
    """Return why an instrument with minutes of its own is not asked now."""
    return f"is not asked at this minute of the hour; minutes: {device.profile.poll_minutes}"


async def read_part(device: Device, instrument: Instrument, part: Part, tries: int, lend: Lend) -> list[Sample]:
    """Read a part; all but the last try may miss: a sleeping instrument loses the first, a late answer is learnt of."""
    for _ in range(tries - 1):
        try:
            return await _read_once(instrument, part, lend)
        except (Garbled, LateAnswer, NoAnswer):
            await asyncio.sleep(max(BETWEEN_TRIES_S, device.timeout_ms / 1000))
    return await _read_once(instrument, part, lend)


async def _read_once(instrument: Instrument, part: Part, lend: Lend) -> list[Sample]:
    async with lend(instrument.try_ms):
        ready_ms = await instrument.begin(part)
        if not ready_ms:
            return await instrument.read(part)
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
            yield SpotReading(device.name, channel.name, taken.value, channel.unit, taken.state.word, taken.why)
