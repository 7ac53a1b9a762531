"""Sensors of one SDI-12 line that measure at the same time (`aC!`), and one after the other (`aM!`)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_agent.acquiring.bus_reader import BusReader
from edge_agent.instruments.sdi12_sensor import Sdi12Sensor
from edge_agent.lines.serial_bus import SerialBus
from edge_agent.readings.counts import MissCounts
from quantrac.config.stations import Bus
from simulators.single_bus import SingleBus
from tests.fixtures.instruments import device, mounting, profile, wall_clock

PERIOD_MS = 6_000
MEASURING_S = {"C": 3.0, "M": 0.3}
"""Long enough for all to begin before the first is ready, even on a machine that stalls; short for one by one."""
ADDRESSES = ("0", "1", "2")


def clock() -> Callable[[], int]:
    """Return a wall clock on which the first reads are due at once."""
    behind_ms = time.time_ns() // 1_000_000 % PERIOD_MS + 100
    return lambda: time.time_ns() // 1_000_000 - behind_ms


async def one_sweep(place: dict[str, Any], kind: str) -> dict[str, list[float]]:
    """Read each sensor once; return its values by address."""
    now_ms = clock()
    bus = Bus(name="level", kind="sdi-12", port=place["port"])
    line, stop, mountings = SerialBus(bus, now_ms), asyncio.Event(), []
    of = profile("sdi-12", {"water_level": {"measure": kind, "value": 1}})
    times = {"sample_ms": PERIOD_MS, "report_ms": PERIOD_MS, "timeout_ms": 60_000}
    for address in ADDRESSES:
        one = device(of, {f"level_{address}": "water_level"}, address, bus, f"gauge-{address}", **times)
        mountings.append(mounting(one, Sdi12Sensor(one, line), now_ms))
    reading = asyncio.create_task(BusReader("level", line, mountings, wall_clock(now_ms), MissCounts()).run(stop))
    until = time.monotonic() + 60
    while not all(m.channels.last for m in mountings):
        assert time.monotonic() < until
        await asyncio.sleep(0.02)
    stop.set()
    await reading
    return {
        str(m.device.address): [t.value for t in m.channels.last.values() if t.value is not None] for m in mountings
    }


@pytest.mark.parametrize("kind", ["C", "M"])
def test_sensors_that_may_measure_at_the_same_time(kind: str, tmp_path: Path) -> None:
    line = {
        "kind": "sdi-12", "line": "9600 8N1",
        "instruments": [{"instrument": "ott-pls", "address": a, "measuring_s": MEASURING_S[kind]} for a in ADDRESSES],
    }  # fmt: skip
    with SingleBus(line, [], journal_dir=tmp_path) as bus:
        values = asyncio.run(one_sweep(bus.place, kind))
        served = [entry for entry in bus.served() if entry["signal"] == "water_level"]
    assert values == {entry["address"]: [entry["value"]] for entry in served}
    begun = {entry["address"]: entry["measured"] - 1000 * MEASURING_S[kind] for entry in served}
    overlap = max(begun.values()) < min(entry["t"] for entry in served)
    assert overlap == (kind == "C"), "all have begun before the first is fetched"
