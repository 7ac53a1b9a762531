"""A line read by the agent's own bus reader, which records when each read began and ended and what it brought."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from edge_agent.acquiring.acquisition import close_slots
from edge_agent.acquiring.bus_owner import Mounting
from edge_agent.acquiring.bus_reader import BusReader
from edge_agent.acquiring.device_channels import StationOutlet, channels_of
from edge_agent.clocks.clock import WallClock
from edge_agent.lines.instrument import Instrument, Part, PlannedRequest
from edge_agent.lines.shared_bus import SharedBus
from edge_agent.readings.counts import MissCounts
from edge_agent.readings.misses import Miss
from edge_agent.readings.records import SlotRecord
from edge_agent.readings.samples import Sample
from quantrac.config.stations import Device


def now_ms() -> int:
    """Return the wall clock."""
    return time.time_ns() // 1_000_000


@dataclass
class Read:
    """One read of a part: wall clock in ms, and what came of it."""

    began_ms: float
    ended_ms: float
    samples: list[Sample]
    miss: Miss | None = None


@dataclass
class Timed(Instrument):
    """An instrument that writes down its reads."""

    inner: Instrument
    reads: list[Read] = field(default_factory=list)
    probes: list[Read] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.notes, self.refusals = self.inner.notes, self.inner.refusals

    @property
    def try_ms(self) -> int:
        """As the instrument."""
        return self.inner.try_ms

    def parts(self) -> Sequence[Part]:
        """As the instrument."""
        return self.inner.parts()

    def requests(self) -> list[PlannedRequest]:
        """As the instrument."""
        return self.inner.requests()

    async def read(self, part: Part) -> list[Sample]:
        """Read and write down."""
        began = time.time() * 1000
        try:
            samples = await self.inner.read(part)
        except Miss as miss:
            self.reads.append(Read(began, time.time() * 1000, [], miss))
            raise
        self.reads.append(Read(began, time.time() * 1000, samples))
        return samples

    async def begin(self, part: Part) -> int:
        """As the instrument."""
        return await self.inner.begin(part)

    async def wake(self) -> int:
        """As the instrument."""
        return await self.inner.wake()

    async def probe(self) -> None:
        """Probe and write down."""
        began = time.time() * 1000
        try:
            await self.inner.probe()
        finally:
            self.probes.append(Read(began, time.time() * 1000, []))

    @property
    def samples(self) -> list[Sample]:
        """All that came."""
        return [sample for read in self.reads for sample in read.samples]


@dataclass
class Line:
    """The figures of one line that was read for a while."""

    instruments: dict[str, Timed]
    records: dict[str, list[SlotRecord]]
    """Closed slots by device, without the first, which nobody knows whole."""
    misses: dict[str, dict[str, int]]
    seconds: float

    def delivered(self, device: str, skip: int = 0) -> float:
        """Return the share of a device's slots, after the first `skip`, in which every channel is valid."""
        slots = self.records[device][skip:]
        good = [all(reading.state.is_valid for reading in record.readings) for record in slots]
        return sum(good) / len(good) if good else 0.0

    def busy_ms(self) -> float:
        """Return how long the line was used by reads and probes."""
        reads = (read for one in self.instruments.values() for read in (*one.reads, *one.probes))
        return sum(read.ended_ms - read.began_ms for read in reads)


async def read_line(bus: SharedBus, instruments: Iterable[tuple[Device, Instrument]], seconds: float) -> Line:
    """Read devices when they are due, as the agent does."""
    records: dict[str, list[SlotRecord]] = defaultdict(list)
    timed = {device.name: (device, Timed(instrument)) for device, instrument in instruments}
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # a miss is no news here
    wall = WallClock(now_ms, time.monotonic, lambda _now, _by: None)
    misses = MissCounts()
    mountings = []
    for device, instrument in timed.values():
        outlet = StationOutlet(records[device.name].append)
        mountings.append(Mounting(device, instrument, channels_of(device, outlet, now_ms())))
    reader = BusReader("line", bus, mountings, wall, misses)
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, stop.set)
    outlet = StationOutlet(lambda _: None)
    await asyncio.gather(reader.run(stop), close_slots([m.channels for m in mountings], outlet, wall, stop))
    by_device = {name: slots[1:] for name, slots in records.items()}
    return Line({name: one for name, (_, one) in timed.items()}, by_device, misses.by_device(), seconds)
