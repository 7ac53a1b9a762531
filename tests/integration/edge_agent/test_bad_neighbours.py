"""One line, five units: two in order, one answers after its timeout, one garbles half of its frames, one is dead."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edge_agent.acquiring.bus_reader import BusReader, Mounting
from edge_agent.acquiring.miss_counts import MissCounts
from edge_agent.acquiring.misses import LineDown
from edge_agent.acquiring.watched import Outbox, Watched
from edge_agent.clocks.wall_clock import WallClock
from edge_agent.control.maintenance import MaintenanceSwitch
from edge_agent.instruments.instrument import Note, Part, PlannedRequest
from edge_agent.instruments.samples import Sample
from edge_agent.modbus.bus import ModbusBus
from edge_agent.modbus.instrument import ModbusInstrument
from edge_agent.slots.averaging import DeviceSlots
from edge_agent.slots.channels import feeds_of, slot_plan
from quantrac.config.modbus import ModbusProfile
from quantrac.config.stations import Bus, Channel, Device
from tests.integration.edge_agent.line_of_slaves import LineOfSlaves, Slave

PERIOD_MS = 1_000
SECONDS = int(os.environ.get("QUANTRAC_TEST_LINE_SECONDS", "30"))
LEARNING = 4
"""Periods at the beginning in which the bus finds out who answers how."""
GOOD_A, LATE, GARBLER, DEAD, GOOD_B = 1, 2, 3, 4, 5

PROFILE = ModbusProfile.model_validate(
    {
        "schema": "quantrac/device/1", "device": "counter", "title": "Numbers its requests", "source": "this test",
        "verified": False, "protocol": "modbus-rtu", "timeout": "200ms",
        "signals": {"spool_depth": {"at": 0, "type": "uint32", "unit": "1"}},
        "golden": [{"from": "computed", "ask": "00", "reply": "00", "gives": {}}],
    }
)  # fmt: skip


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class Recorder:
    """An instrument that remembers what it was read as."""

    inner: ModbusInstrument
    samples: list[Sample] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    @property
    def worst_ms(self) -> int:
        return self.inner.worst_ms

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


def device(unit: int, bus: Bus) -> Device:
    channel = Channel(
        name=f"n{unit}", parameter="spool_depth", unit="1", device=f"d{unit}", signal="spool_depth",
        interval_ms=PERIOD_MS, span=(0, 1e9),
    )  # fmt: skip
    return Device(
        name=f"d{unit}", profile=PROFILE, bus=bus, address=unit, sample_ms=PERIOD_MS, report_ms=PERIOD_MS,
        valid_share=0.75, timeout_ms=PROFILE.timeout_ms, channels={channel.name: channel},
    )  # fmt: skip


def reader(path: str, units: Sequence[int], misses: MissCounts) -> tuple[BusReader, dict[int, Recorder]]:
    bus = Bus(name="line", kind="modbus-rtu", port=path, guard_ms=300)
    modbus = ModbusBus(bus, now_ms)
    wall = WallClock(now_ms, time.monotonic, lambda _now, _by: None)
    recorders, mountings = {}, []
    for unit in units:
        one = device(unit, bus)
        recorders[unit] = Recorder(ModbusInstrument(one, modbus))
        plan = slot_plan(feeds_of(one), one.sample_ms, one.report_ms, one.valid_share)
        watched = Watched(
            one.name, feeds_of(one), DeviceSlots(plan, now_ms()), Outbox(lambda _: None, MaintenanceSwitch(None))
        )
        mountings.append(Mounting(one, recorders[unit], watched))
    return BusReader("line", modbus, mountings, wall, misses), recorders


async def run(line: LineOfSlaves, seconds: float) -> dict[int, Recorder]:
    line.start()
    stop = asyncio.Event()
    one, recorders = reader(line.line.path, sorted(line.slaves), MissCounts())
    asyncio.get_running_loop().call_later(seconds, stop.set)
    await one.run(stop)
    line.line.close()
    return recorders


def share(samples: Sequence[Sample], since: int, until: int) -> float:
    """Return in which share of the whole periods between two of them there is a sample."""
    return len({(sample.t_ms - 1) // PERIOD_MS for sample in samples} & {*range(since, until)}) / (until - since)


def test_no_value_is_ever_wrong_and_bad_neighbours_cost_a_good_device_nothing() -> None:
    line = LineOfSlaves(
        {GOOD_A: Slave(), LATE: Slave(latency_s=0.35), GARBLER: Slave(garbled=0.5), DEAD: Slave(silent=True),
         GOOD_B: Slave(latency_s=0.03)}
    )  # fmt: skip
    first = now_ms() // PERIOD_MS + 1
    recorders = asyncio.run(run(line, SECONDS))
    delivered = {}
    for unit, recorder in recorders.items():
        for sample in recorder.samples:
            assert sample.value is not None
            asked, at_ms = line.asked_ms[int(sample.value)]
            assert asked == unit, "a value of another unit"
            assert abs(at_ms - sample.t_ms) < 250, "the answer to an earlier request"
        delivered[unit] = share(recorder.samples, first + LEARNING, first + SECONDS - 1)
    print(f"delivered in {SECONDS} s: {delivered}")
    assert min(delivered[GOOD_A], delivered[GOOD_B]) >= 0.99
    assert delivered[LATE] >= 0.95
    assert delivered[GARBLER] >= 0.90
    assert not recorders[DEAD].samples


def test_an_adapter_that_is_unplugged_is_read_again_when_it_is_back(tmp_path: Path) -> None:
    async def story() -> tuple[list[Sample], int]:
        port = tmp_path / "adapter"
        line = LineOfSlaves({GOOD_A: Slave()})
        port.symlink_to(line.line.path)
        line.start()
        stop, misses = asyncio.Event(), MissCounts()
        one, recorders = reader(str(port), [GOOD_A], misses)
        reading = asyncio.create_task(one.run(stop))
        await asyncio.sleep(2.5)
        before = len(recorders[GOOD_A].samples)
        line.line.close()
        port.unlink()
        await asyncio.sleep(2)
        other = LineOfSlaves({GOOD_A: Slave()})
        port.symlink_to(other.line.path)
        other.start()
        await asyncio.sleep(5)
        stop.set()
        await reading
        other.line.close()
        assert misses.by_device()["line"]["line"] >= 1
        return recorders[GOOD_A].samples, before

    samples, before = asyncio.run(story())
    assert before >= 2
    assert len(samples) >= before + 2


def test_a_port_that_is_not_there_says_so() -> None:
    async def opening() -> None:
        await ModbusBus(Bus(name="line", kind="modbus-rtu", port="/dev/serial/by-id/none"), now_ms).open()

    with pytest.raises(LineDown, match="no such port; is the adapter plugged in"):
        asyncio.run(opening())
