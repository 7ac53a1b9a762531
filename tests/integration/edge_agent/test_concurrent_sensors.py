"""Sensors of one SDI-12 line that measure at the same time (`aC!`), and one after the other (`aM!`)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_agent.acquiring.bus_owner import Mounting
from edge_agent.acquiring.bus_reader import BusReader
from edge_agent.acquiring.device_channels import DeviceChannels, StationOutlet
from edge_agent.clocks.clock import WallClock
from edge_agent.instruments.sdi12_sensor import Sdi12Sensor
from edge_agent.lines.serial_bus import SerialBus
from edge_agent.readings.counts import MissCounts
from edge_agent.slots.channels import device_plan, feeds_of
from edge_agent.slots.device_slots import DeviceSlots
from edge_agent.slots.maintenance import MaintenanceSwitch
from quantrac.config.serial import Sdi12Profile
from quantrac.config.stations import Bus, Channel, Device
from simulators.single_bus import SingleBus

PERIOD_MS = 6_000
MEASURING_S = {"C": 3.0, "M": 0.3}
"""Long enough for all to begin before the first is ready, even on a machine that stalls; short for one by one."""
ADDRESSES = ("0", "1", "2")


def clock() -> Callable[[], int]:
    """Return a wall clock on which the first reads are due at once."""
    behind_ms = time.time_ns() // 1_000_000 % PERIOD_MS + 100
    return lambda: time.time_ns() // 1_000_000 - behind_ms


def device(address: str, bus: Bus, kind: str) -> Device:
    profile = Sdi12Profile.model_validate(
        {
            "schema": "quantrac/device/1", "device": "gauge", "title": "gauge", "source": "this test",
            "verified": False, "protocol": "sdi-12", "timeout": "2s",
            "signals": {"water_level": {"measure": kind, "value": 1, "unit": "m"}},
            "golden": [{"from": "computed", "exchanges": [{"ask": "0M!", "reply": "00001<CR><LF>"}], "gives": {}}],
        }
    )  # fmt: skip
    channel = Channel(
        name=f"level_{address}", parameter="water_level", unit="m", device=f"gauge-{address}", signal="water_level",
        interval_ms=PERIOD_MS, span=(-50, 50),
    )  # fmt: skip
    return Device(
        name=f"gauge-{address}", profile=profile, bus=bus, address=address, sample_ms=PERIOD_MS, report_ms=PERIOD_MS,
        valid_share=0.75, timeout_ms=profile.timeout_ms, channels={channel.name: channel},
    )  # fmt: skip


async def one_sweep(place: dict[str, Any], kind: str) -> dict[str, list[float]]:
    """Read each sensor once; return its values by address."""
    now_ms = clock()
    bus = Bus(name="level", kind="sdi-12", port=place["port"])
    line, wall = SerialBus(bus, now_ms), WallClock(now_ms, time.monotonic, lambda _now, _by: None)
    stop, mountings = asyncio.Event(), []
    for address in ADDRESSES:
        one = device(address, bus, kind)
        outlet = StationOutlet(lambda _: None, MaintenanceSwitch(None))
        slots = DeviceSlots(device_plan(one, feeds_of(one)), now_ms())
        mountings.append(Mounting(one, Sdi12Sensor(one, line), DeviceChannels(one.name, feeds_of(one), slots, outlet)))
    reading = asyncio.create_task(BusReader("level", line, mountings, wall, MissCounts()).run(stop))
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
