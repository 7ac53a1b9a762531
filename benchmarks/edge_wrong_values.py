"""Wrong values on a line of late and garbled answers (there must be none), and what each device delivers.

The instruments number their answers (`tally` of the simulators): every value says which answer of which instrument it
stood in, as which signal. The journal says when each was made. A value is right if the instrument that was asked made
it for this signal between the request and the end of the read.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from benchmarks.edge_field import Field, simulated
from benchmarks.edge_line import Line, now_ms, read_line
from edge_agent.modbus.bus import ModbusBus
from edge_agent.modbus.instrument import ModbusInstrument
from quantrac.config.fields import LineSettings
from quantrac.config.modbus import ModbusProfile
from quantrac.config.stations import Bus, Channel, Device
from quantrac.telemetry.parameters import Kind

TALLIES: Final = "st-bench-tally"
NEIGHBOURS: Final = "st-bench-neighbours"
SLACK_MS: Final = 3
"""Between the two processes' readings of the clock."""
LEARNING_S: Final = 8
PERIOD_MS: Final = 2_000
APART: Final = (0, 1, 10, 40, 41)
"""Signals of a tally that are read: far enough apart for several requests, two of them of equal length."""
TOGETHER: Final = (0, 1, 2, 3, 8)
"""The same in one request."""
TIMEOUT_MS: Final = 150
GUARD_MS: Final = 100
LINES: Final = 6
BAD: Final = (
    "late:0.02s..0.5s,0.4@late",
    "late:0.05s..4s,0.1@random", "latency:0.05s..0.4s,0.3@random",
    "garble:0.3@garbled", "truncate:0.1@garbled", "noise-before:0.2@garbled", "noise-after:0.2@garbled",
    "late:0.02s..1s,0.25@both", "garble:0.25@both", "length:0.05@both", "foreign:0.05@both",
)  # fmt: skip
"""What befalls the instruments of a line; one is in order."""
SHOWN: Final = 5
"""Wrong values that are shown."""


@dataclass
class Judged:
    """The figures of reading instruments that number their answers."""

    exchanges: int = 0
    """Requests that the instruments answered or were hit in."""
    late: int = 0
    damaged: int = 0
    values: int = 0
    wrong: int = 0
    examples: list[str] = field(default_factory=list)
    delivered: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Of each instrument, by line: the share of its slots that were valid."""


def profile(timeout_ms: int, pairs: Sequence[int]) -> ModbusProfile:
    """Return a profile of the tally."""
    signals = {f"tally_{n}": {"at": 2 * n, "type": "uint32", "unit": "1", "parameter": "spool_depth"} for n in pairs}
    return ModbusProfile.model_validate(
        {
            "schema": "quantrac/device/1", "device": "tally", "title": "Numbers its answers", "source": "simulators",
            "verified": False, "protocol": "modbus-rtu", "timeout": f"{timeout_ms}ms", "max_gap": 10,
            "signals": signals, "golden": [{"from": "computed", "ask": "00", "reply": "00", "gives": {}}],
        }
    )  # fmt: skip


def device(name: str, unit: int, bus: Bus, sample_ms: int, found: ModbusProfile) -> Device:
    """Return a device that reports each sample."""
    channels = {
        f"{signal}_of_{unit}": Channel(
            name=f"{signal}_of_{unit}", parameter="spool_depth", unit="1", kind=Kind.LAST, device=name, signal=signal,
            interval_ms=sample_ms, span=(0, 1e12),
        )
        for signal in found.signals
    }  # fmt: skip
    return Device(
        name=name, profile=found, bus=bus, address=unit, sample_ms=sample_ms, report_ms=sample_ms, valid_share=0.75,
        timeout_ms=found.timeout_ms, channels=channels,
    )  # fmt: skip


def run(seconds: float) -> Iterator[str]:
    """Whether late and garbled answers ever make a wrong value, and what bad devices and their neighbours deliver."""
    found = never_wrong(seconds)
    yield (
        f"late and garbled answers    {found.exchanges:,} exchanges, {found.late:,} late, {found.damaged:,} damaged:"
        f" {found.values:,} values delivered, {found.wrong} wrong"
    )
    yield from (f"  wrong: {example}" for example in found.examples[:SHOWN])
    beside = neighbours(seconds)
    shares = ", ".join(f"{name} {100 * share:.1f} %" for name, (share,) in beside.delivered.items())
    yield f"slow, garbling and dead     {shares} delivered; {beside.values:,} values, {beside.wrong} wrong"


def never_wrong(seconds: float) -> Judged:
    """Read five tallies on each of several lines, four of them bad, as often as the line allows."""
    units = {"late": 1, "random": 2, "garbled": 3, "good": 4, "both": 5}
    with simulated([TALLIES], BAD) as field:
        keys = [f"line-{number}" for number in range(1, LINES + 1)]
        buses = [_bus(field, f"{TALLIES}/{key}", 115200, GUARD_MS) for key in keys]
        found = profile(TIMEOUT_MS, APART)
        lines = asyncio.run(_read(buses, units, 250, found, seconds))
        result = Judged()
        for key, line in zip(keys, lines, strict=True):
            judge(result, line, units, field.journal(TALLIES, key), field.faults(TALLIES, key))
    return result


def neighbours(seconds: float) -> Judged:
    """Read two good devices, one that answers after 0.8 s where 0.5 s was set, one that garbles half, one dead."""
    units = {"good-1": 1, "slow": 2, "garbled": 3, "good-2": 4, "dead": 5}
    faults = ["latency:0.78s@slow", "garble:0.5@garbled", "dead@dead"]
    with simulated([NEIGHBOURS], faults) as field:
        bus = _bus(field, f"{NEIGHBOURS}/line", 9600, 400)
        (line,) = asyncio.run(_read([bus], units, PERIOD_MS, profile(500, TOGETHER), seconds))
        learning = LEARNING_S * 1000 // PERIOD_MS
        result = Judged()
        judge(result, line, units, field.journal(NEIGHBOURS, "line"), field.faults(NEIGHBOURS, "line"), learning)
        return result


def _bus(field: Field, key: str, baud: int, guard_ms: int) -> Bus:
    line = LineSettings(baud, 8, "N", 1)
    return Bus(name=key, kind="modbus-rtu", port=field.place(key)["port"], line=line, guard_ms=guard_ms)


async def _read(
    buses: Sequence[Bus], units: Mapping[str, int], sample_ms: int, found: ModbusProfile, seconds: float
) -> list[Line]:
    async def one(bus: Bus) -> Line:
        modbus = ModbusBus(bus, now_ms)
        devices = [device(name, unit, bus, sample_ms, found) for name, unit in units.items()]
        return await read_line(modbus, [(one, ModbusInstrument(one, modbus)) for one in devices], seconds)

    return await asyncio.gather(*map(one, buses))


def judge(
    result: Judged, line: Line, units: Mapping[str, int], journal: Iterable[dict[str, Any]],
    faults: Iterable[dict[str, Any]], skip: int = 0,
) -> None:  # fmt: skip
    """Hold every value of a line against its journal, and add to the result."""
    made = {(e["address"], e["signal"], e["value"]): e["t"] for e in journal}
    result.exchanges += len({(address, t) for (address, _, _), t in made.items()})
    for entry in faults:
        result.late += "late" in entry["faults"] or "latency" in entry["faults"]
        result.damaged += entry["made"] != entry["wire"]
    for name, unit in units.items():
        for read in line.instruments[name].reads:
            for sample in read.samples:
                result.values += 1
                t = made.get((str(unit), sample.signal, sample.value))
                if t is None or not sample.t_ms - SLACK_MS <= t <= read.ended_ms + SLACK_MS:
                    result.wrong += 1
                    result.examples.append(f"{name} {sample} made at {t}, read from {read.began_ms:.0f}")
        result.delivered[name].append(line.delivered(name, skip))
