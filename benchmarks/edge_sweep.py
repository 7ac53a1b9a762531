"""Time of a sweep of an RTU line beside the wire time of its bytes, and what a dead device costs it.

Four instruments at 9600 baud on a paced line (a process of its own). The wire time is computed from the plan alone:
characters of request and reply, three and a half characters of silence or the instrument's own turnaround, and the
20 ms that the simulated instruments think. The baselines are one request for each register that is wanted, and the line
with all four alive, in the same run.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from benchmarks.edge_field import Field, simulated
from benchmarks.edge_line import Line, now_ms, read_line
from edge_agent.instruments.drivers import Mounted, mount
from edge_agent.modbus.bus import ModbusBus, Timing
from edge_agent.modbus.instrument import ModbusInstrument
from edge_agent.modbus.request_plan import RegisterSpan
from edge_agent.modbus.signals import locate, spans
from quantrac.config.modbus import ModbusProfile
from quantrac.config.stations import Device, Station

STATION: Final = "st-bench-line"
DEAD: Final = "exo"
BAUD: Final = 9600
BITS: Final = 10
"""A start bit, eight data bits, a stop bit."""
THINKS_MS: Final = 20.0
"""`latency_s` of the simulated instruments where the field file says nothing."""
SILENT_CHARACTERS: Final = 3.5
SWEEPS_OF_SINGLES: Final = 3


def wire_ms(blocks: Sequence[RegisterSpan], turnaround_ms: float) -> float:
    """Return the time of requests and replies on the wire, with the silences and the thinking between them."""
    character_ms = 1000 * BITS / BAUD
    silence_ms = max(SILENT_CHARACTERS * character_ms, turnaround_ms)
    data = [-(-block.count // 8) if block.function.is_bits else 2 * block.count for block in blocks]
    return sum((8 + 5 + count) * character_ms + THINKS_MS + silence_ms for count in data)


def run(seconds: float) -> Iterator[str]:
    """How near a sweep comes to its wire time, and what a dead device costs the line.

    Measures both; the dead one takes three times as long, so that all rests but the longest occur.
    """
    with simulated([STATION]) as field:
        healthy, lines = asyncio.run(_healthy(field, seconds))
    yield from lines
    with simulated([STATION], [f"dead@{DEAD}"]) as field:
        station = field.station(STATION)
        line = asyncio.run(_read(station, 3 * seconds))
    yield _one_dead(station, healthy, line)


async def _read(station: Station, seconds: float) -> Line:
    mounted = mount(station, now_ms)[0]
    return await read_line(mounted.bus, mounted.instruments, seconds)


async def _healthy(field: Field, seconds: float) -> tuple[Line, list[str]]:
    mounted = mount(field.station(STATION), now_ms)[0]
    line = await read_line(mounted.bus, mounted.instruments, seconds)
    plans = list(mounted.instruments)
    planned_ms, requests, registers = 0.0, 0, 0
    for device, instrument in plans:
        blocks = [block for part in instrument.parts() for block in part.blocks]  # type: ignore[attr-defined]
        planned_ms += wire_ms(blocks, device.profile.turnaround_ms)
        requests, registers = requests + len(blocks), registers + sum(block.count for block in blocks)
    taken = _sweep_times(line, plans[0][0].sample_ms)[1:]
    singles_ms = await _singles(mounted, {device.name: _wanted(device, instrument) for device, instrument in plans})
    mean_ms = sum(taken) / len(taken)
    return line, [
        f"sweep of four at 9600 baud  {mean_ms:.0f} ms (worst of {len(taken)} {max(taken):.0f}),"
        f" {mean_ms / planned_ms:.3f} x the wire time of its {requests} requests and {registers} registers"
        f" ({planned_ms:.0f} ms)",
        f"one request a register      {singles_ms:.0f} ms, {singles_ms / mean_ms:.1f} x the sweep",
    ]


def _sweep_times(line: Line, period_ms: int) -> list[float]:
    """Return the time of each sweep, from its first request to the end of its last answer."""
    sweeps: dict[int, list[float]] = defaultdict(list)
    for instrument in line.instruments.values():
        for read in instrument.reads:
            sweeps[int(read.began_ms) // period_ms] += [read.began_ms, read.ended_ms]
    return [max(times) - min(times) for _, times in sorted(sweeps.items())][:-1]


def _wanted(device: Device, instrument: object) -> set[RegisterSpan]:
    """Return every register that the station wants of a device, and none that is only read across."""
    assert isinstance(device.profile, ModbusProfile)
    assert isinstance(instrument, ModbusInstrument)
    codes = instrument.codes
    found = [locate(device.profile, device.profile.signals[name], codes) for name in device.wanted_signals()]
    whole = [span for fields in found if fields for span in spans(fields)]
    return {RegisterSpan(span.function, at, 1) for span in whole for at in range(span.at, span.end)}


async def _singles(mounted: Mounted, wanted: dict[str, set[RegisterSpan]]) -> float:
    """Return how long a sweep takes that asks for each register by itself."""
    bus = mounted.bus
    assert isinstance(bus, ModbusBus)
    await bus.open()
    began = time.perf_counter()
    for _ in range(SWEEPS_OF_SINGLES):
        for device, _instrument in mounted.instruments:
            assert isinstance(device.address, int)
            timing = Timing(device.timeout_ms, device.profile.turnaround_ms)
            for span in sorted(wanted[device.name], key=lambda span: (span.function.value, span.at)):
                await bus.read(device.address, span, timing)
    bus.close()
    return (time.perf_counter() - began) * 1000 / SWEEPS_OF_SINGLES


def _one_dead(station: Station, healthy: Line, line: Line) -> str:
    others = [name for name in station.devices if name != DEAD]
    period_ms = station.devices[DEAD].sample_ms
    delivered = [line.delivered(name) for name in others]
    wanted = int(line.seconds * 1000 / period_ms) - 1
    got = [len({int(read.began_ms) // period_ms for read in line.instruments[n].reads if read.samples}) for n in others]
    healthy_ms, busy_ms = (each.busy_ms() * period_ms / each.seconds / 1000 for each in (healthy, line))
    return (
        f"one of the four dead        line used {busy_ms:.0f} ms a sweep, {busy_ms / healthy_ms:.2f} x all alive"
        f" ({healthy_ms:.0f} ms); of the other three {100 * sum(delivered) / len(delivered):.1f} % of the readings and"
        f" {100 * min(1.0, sum(got) / len(got) / wanted):.1f} % of the samples came in {line.seconds:.0f} s"
    )
