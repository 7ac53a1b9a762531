"""Wrong values on a line of late and garbled answers (there must be none), and what each device delivers.

The instruments number their answers (`tally` of the simulators): every value says which answer of which instrument it
stood in, as which signal. The journal says when each was made. A value is right if the instrument that was asked made
it for this signal between the request and the end of the read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from benchmarks.edge_field import Field, simulated
from benchmarks.edge_line import Line, now_ms, read_line
from edge_agent.modbus.bus import ModbusBus
from edge_agent.modbus.instrument import ModbusInstrument
from quantrac.config.fields import LineSettings
from quantrac.config.modbus import ModbusProfile
from quantrac.config.stations import Bus, Channel, Device

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
    delivered: dict[str, float] = field(default_factory=dict)


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
            name=f"{signal}_of_{unit}", parameter="spool_depth", unit="1", device=name, signal=signal,
            interval_ms=sample_ms, span=(0, 1e12),
        )
        for signal in found.signals
    }  # fmt: skip
    return Device(
        name=name, profile=found, bus=bus, address=unit, sample_ms=sample_ms, report_ms=sample_ms, valid_share=0.75,
        timeout_ms=found.timeout_ms, channels=channels,
    )  # fmt: skip


def never_wrong(seconds: float) -> Judged:
    """Read five tallies on each of several lines, four of them bad, as often as the line allows."""
    units = {"late": 1, "random": 2, "garbled": 3, "good": 4, "both": 5}
    with simulated([TALLIES], BAD) as field:
        keys = [f"line-{number}" for number in range(1, LINES + 1)]
        buses = [_bus(field, f"{TALLIES}/{key}", 115200, GUARD_MS) for key in keys]
        found = profile(TIMEOUT_MS, APART)
        lines = asyncio.run(_read(buses, units, 250, found, seconds))
        results = [
            judged(line, units, field.journal(TALLIES, key), field.faults(TALLIES, key))
            for key, line in zip(keys, lines, strict=True)
        ]
    return _together(results)


def neighbours(seconds: float) -> Judged:
    """Read two good devices, one that answers after 0.8 s where 0.5 s was set, one that garbles half, one dead."""
    units = {"good-1": 1, "slow": 2, "garbled": 3, "good-2": 4, "dead": 5}
    faults = ["latency:0.78s@slow", "garble:0.5@garbled", "dead@dead"]
    with simulated([NEIGHBOURS], faults) as field:
        bus = _bus(field, f"{NEIGHBOURS}/line", 9600, 400)
        (line,) = asyncio.run(_read([bus], units, PERIOD_MS, profile(500, TOGETHER), seconds))
        learning = LEARNING_S * 1000 // PERIOD_MS
        return judged(line, units, field.journal(NEIGHBOURS, "line"), field.faults(NEIGHBOURS, "line"), learning)


def _together(results: Sequence[Judged]) -> Judged:
    whole = Judged(delivered=dict.fromkeys(results[0].delivered, 0.0))
    for one in results:
        whole.exchanges, whole.late = whole.exchanges + one.exchanges, whole.late + one.late
        whole.damaged, whole.values = whole.damaged + one.damaged, whole.values + one.values
        whole.wrong += one.wrong
        whole.examples += one.examples
        for name, share in one.delivered.items():
            whole.delivered[name] += share / len(results)
    return whole


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


def judged(
    line: Line, units: Mapping[str, int], journal: Iterable[dict[str, Any]], faults: Iterable[dict[str, Any]],
    skip: int = 0,
) -> Judged:  # fmt: skip
    """Hold every value against the journal."""
    made = {(e["address"], e["signal"], e["value"]): e["t"] for e in journal}
    result = Judged(exchanges=len({(address, t) for (address, _, _), t in made.items()}))
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
        result.delivered[name] = line.delivered(name, skip)
    return result
