"""Lines of instruments that number their answers, read by the agent's bus reader and held against their journal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_agent.acquiring.bus_reader import BusReader
from edge_agent.modbus.bus import ModbusBus
from edge_agent.modbus.instrument import ModbusInstrument
from edge_agent.readings.counts import MissCounts
from edge_agent.readings.samples import Sample
from quantrac.config.devices import BusKind
from quantrac.config.stations import Bus
from quantrac.private_services.ports import free_port
from simulators.single_bus import SingleBus
from tests.fixtures.instruments import device, mounting, now_ms, profile, recorded, wall_clock

SIGNALS = ("tally_0", "tally_40")
"""Too far apart for one request: two requests of one shape."""
CLOCK_MS = 5
STALL_MS = 50
"""A machine that lets nobody run for so long makes answers late that were in time."""
LONGEST_S = 180.0
"""A line that has not told what it should by then never will."""


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


def reader(bus: Bus, story: Story, misses: MissCounts) -> tuple[BusReader, dict[int, list[Sample]]]:
    """Return the reader of a line and, by unit, the samples that it will take."""
    modbus = ModbusBus(bus, now_ms)
    of = profile("modbus-rtu", {s: {"at": 2 * int(s.partition("_")[2]), "type": "uint32"} for s in story.signals})
    period_ms = story.period_ms
    samples, mountings = {}, []
    for unit in story.units:
        one = device(
            of, {f"{signal}_of_{unit}": signal for signal in story.signals}, unit, bus, f"d{unit}",
            sample_ms=period_ms, report_ms=period_ms, timeout_ms=story.timeout_ms,
        )  # fmt: skip
        instrument = ModbusInstrument(one, modbus)
        samples[unit] = recorded(instrument)
        mountings.append(mounting(one, instrument))
    return BusReader("line", modbus, mountings, wall_clock(), misses), samples


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
        one, samples = reader(bus, story, misses)
        reading = asyncio.create_task(one.run(stop))
        await asyncio.sleep(seconds)
        while story.goes_on(samples[1], field.served()):
            assert now_ms() - began_ms < 1000 * LONGEST_S, misses.by_device()
            await asyncio.sleep(0.5)
        stop.set()
        await reading
        served, struck = field.served(), field.struck()
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
