"""Lines of instruments that number their answers, read by the agent's bus reader and held against their journal."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_agent.acquiring.bus_owner import Mounting
from edge_agent.acquiring.bus_reader import BusReader
from edge_agent.acquiring.device_channels import DeviceChannels, StationOutlet
from edge_agent.clocks.clock import WallClock
from edge_agent.lines.instrument import Instrument, Part, PlannedRequest
from edge_agent.modbus.bus import ModbusBus
from edge_agent.modbus.instrument import ModbusInstrument
from edge_agent.readings.counts import MissCounts
from edge_agent.readings.samples import Sample
from edge_agent.slots.channels import feeds_of, slot_plan
from edge_agent.slots.device_slots import DeviceSlots
from edge_agent.slots.maintenance import MaintenanceSwitch
from quantrac.config.devices import BusKind
from quantrac.config.modbus import ModbusProfile
from quantrac.config.stations import Bus, Channel, Device
from quantrac.private_services.ports import free_port
from simulators.single_bus import SingleBus

SIGNALS = ("tally_0", "tally_40")
"""Too far apart for one request: two requests of one shape."""
CLOCK_MS = 5
STALL_MS = 50
"""A machine that lets nobody run for so long makes answers late that were in time."""
LONGEST_S = 60.0
"""A line that has not told what it should by then never will."""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class Story:
    """A line: its units, what befalls them, and how they are read."""

    units: Sequence[int]
    faults: Sequence[str]
    timeout_ms: int = 200
    period_ms: int = 1_000
    signals: Sequence[str] = SIGNALS
    kind: BusKind = "modbus-rtu"
    echo: bool = False
    seed: int = 1
    goes_on: Callable[[Sequence[Sample], Sequence[dict[str, Any]]], bool] = lambda _samples, _served: False
    """Whether the samples of unit 1 and what was served do not yet tell what they should."""


@dataclass
class Recorder(Instrument):
    """An instrument that remembers what it was read as."""

    def __init__(self, inner: ModbusInstrument) -> None:
        super().__init__()
        self.inner = inner
        self.samples: list[Sample] = []

    @property
    def try_ms(self) -> int:
        return self.inner.try_ms

    @property
    def owed_ms(self) -> int:
        return self.inner.owed_ms

    def parts(self) -> Sequence[Part]:
        return self.inner.parts()

    def requests(self) -> list[PlannedRequest]:
        return self.inner.requests()

    async def read(self, part: Part) -> list[Sample]:
        samples = await self.inner.read(part)
        self.samples += samples
        return samples

    async def wake(self) -> int:
        return await self.inner.wake()

    async def probe(self) -> None:
        await self.inner.probe()


@dataclass
class Told:
    """What was read on a line, what its instruments say that they served, and what was missed."""

    story: Story
    samples: Mapping[int, Sequence[Sample]]
    served: Sequence[dict[str, Any]]
    struck: Sequence[dict[str, Any]]
    misses: Mapping[str, Mapping[str, int]]
    began_ms: int
    ended_ms: int
    stalls: Sequence[tuple[int, int]] = ()
    """When the machine stood still: begin and end."""

    def wrong(self) -> list[str]:
        """Values that their unit did not make for their signal after it was asked for them."""
        made = {(entry["address"], entry["value"]): entry for entry in self.served}
        found = []
        for unit, samples in self.samples.items():
            for sample in samples:
                if sample.value is None:
                    continue
                entry = made.get((str(unit), sample.value))
                right = entry is not None and entry["signal"] == sample.signal
                if not right or entry is None or entry["t"] < sample.t_ms - CLOCK_MS:
                    found.append(f"unit {unit}: {sample} was served as {entry}")
        return found

    def heard(self, unit: int) -> int:
        """How many values came of a unit."""
        return sum(sample.value is not None for sample in self.samples[unit])

    def delivered(self, unit: int, learning: int) -> float:
        """In which share of the whole periods behind the first `learning` every signal came.

        Periods in or behind which the machine stood still say nothing, as long as half of them are left.
        """
        period = self.story.period_ms
        periods: Sequence[int] = range(self.began_ms // period + 1 + learning, self.ended_ms // period)
        disturbed = {at for low, high in self.stalls for at in range(low // period - 1, high // period + 2)}
        calm = [one for one in periods if one not in disturbed]
        periods = calm if len(calm) >= len(periods) / 2 else periods
        came = {(sample.signal, (sample.t_ms - 1) // period) for sample in self.samples[unit]}
        return sum(all((signal, one) in came for signal in self.story.signals) for one in periods) / len(periods)


def profile(story: Story) -> ModbusProfile:
    signals = {s: {"at": 2 * int(s.partition("_")[2]), "type": "uint32", "unit": "1"} for s in story.signals}
    return ModbusProfile.model_validate(
        {
            "schema": "quantrac/device/1", "device": "tally", "title": "Numbers its answers", "source": "simulators",
            "verified": False, "protocol": "modbus-rtu", "timeout": f"{story.timeout_ms}ms",
            "signals": signals, "golden": [{"from": "computed", "ask": "00", "reply": "00", "gives": {}}],
        }
    )  # fmt: skip


def device(unit: int, bus: Bus, story: Story) -> Device:
    channels = [
        Channel(
            name=f"{signal}_of_{unit}", parameter="spool_depth", unit="1", device=f"d{unit}", signal=signal,
            interval_ms=story.period_ms, span=(0, 1e12),
        )
        for signal in story.signals
    ]  # fmt: skip
    return Device(
        name=f"d{unit}", profile=profile(story), bus=bus, address=unit, sample_ms=story.period_ms,
        report_ms=story.period_ms, valid_share=0.75, timeout_ms=story.timeout_ms,
        channels={channel.name: channel for channel in channels},
    )  # fmt: skip


def reader(bus: Bus, story: Story, misses: MissCounts) -> tuple[BusReader, dict[int, Recorder]]:
    modbus = ModbusBus(bus, now_ms)
    wall = WallClock(now_ms, time.monotonic, lambda _now, _by: None)
    recorders, mountings = {}, []
    for unit in story.units:
        one = device(unit, bus, story)
        recorders[unit] = Recorder(ModbusInstrument(one, modbus))
        plan = slot_plan(feeds_of(one), one.sample_ms, one.report_ms, one.valid_share)
        watched = DeviceChannels(
            one.name, feeds_of(one), DeviceSlots(plan, now_ms()), StationOutlet(lambda _: None, MaintenanceSwitch(None))
        )
        mountings.append(Mounting(one, recorders[unit], watched))
    return BusReader("line", modbus, mountings, wall, misses), recorders


class Stalls:
    """Notes when this program could not run, for want of a processor or because it was busy."""

    def __init__(self) -> None:
        self.found: list[tuple[int, int]] = []

    async def watch(self) -> None:
        while True:
            before = now_ms()
            await asyncio.sleep(0.01)
            if (after := now_ms()) - before > STALL_MS:
                self.found.append((before, after))


async def told(story: Story, seconds: float, folder: Path, stalls: Stalls) -> Told:
    """Read a line for some seconds, and for longer if its story has not told by then what it should."""
    instruments = [{"instrument": "tally", "address": unit} for unit in story.units]
    line = {
        "kind": "modbus-tcp" if story.kind == "modbus-tcp" else "modbus-rtu", "line": "19200 8N1",
        "served": story.kind == "modbus-rtu-tcp", "instruments": instruments,
        "port": 0 if story.kind == "modbus-rtu" else free_port(),
    }  # fmt: skip
    stop, misses, began_ms = asyncio.Event(), MissCounts(), now_ms()
    with SingleBus(line, story.faults, journal_dir=folder, seed=story.seed) as field:
        bus = Bus(name="line", kind=story.kind, guard_ms=300, echo=story.echo, **_place(field))
        one, recorders = reader(bus, story, misses)
        reading = asyncio.create_task(one.run(stop))
        await asyncio.sleep(seconds)
        while story.goes_on(recorders[1].samples, field.served()):
            assert now_ms() - began_ms < 1000 * LONGEST_S, misses.by_device()
            await asyncio.sleep(0.5)
        stop.set()
        await reading
        served, struck = field.served(), field.struck()
    samples = {unit: recorder.samples for unit, recorder in recorders.items()}
    return Told(story, samples, served, struck, misses.by_device(), began_ms, now_ms(), stalls.found)


def _place(field: SingleBus) -> dict[str, Any]:
    place = field.place
    return {"host": place["host"], "tcp_port": place["port"]} if "host" in place else {"port": place["port"]}


async def told_at_once(stories: Mapping[str, Story], seconds: float, folder: Path) -> dict[str, Told]:
    """Read several lines side by side."""
    stalls = Stalls()
    watching = asyncio.create_task(stalls.watch())
    told_of = await asyncio.gather(*(told(story, seconds, folder / name, stalls) for name, story in stories.items()))
    watching.cancel()
    return dict(zip(stories, told_of, strict=True))
