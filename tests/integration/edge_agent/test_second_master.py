"""A second master asks on our line: its frames become an event, and none of its values ours.

The line is a plain script on a pseudo terminal, with a CRC of its own: a unit that answers both masters, and the second
master, which asks for another register in the same shape before, behind and in the midst of what we ask.
"""

from __future__ import annotations

import asyncio
import os
import struct
import threading
import time
import tty
from collections.abc import Iterator

import pytest

from edge_agent.acquiring.bus_reader import BusReader
from edge_agent.modbus.bus import ModbusBus
from edge_agent.modbus.instrument import ModbusInstrument
from edge_agent.readings.counts import MissCounts
from edge_agent.readings.records import StationEvent
from quantrac.config.stations import Bus
from tests.fixtures import instruments
from tests.fixtures.rtu_check import checked
from tests.fixtures.timing import ended

OURS, THEIRS = (10, 20), 30
FOR_S, LONGEST_S = 3.0, 120.0
"""How long is listened, and how long a busy machine may need for what has to come."""


def ask(at: int) -> bytes:
    return checked(struct.pack(">BBHH", 1, 3, at, 1))


class SharedLine:
    """Register a holds 100 a + n, n counting up to 99."""

    def __init__(self) -> None:
        self._ours, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        self.port = os.ttyname(self._theirs)
        self._ending = threading.Event()
        self._count = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ending.set()
        ended(self._thread)
        os.close(self._ours)
        os.close(self._theirs)

    def _answer(self, at: int) -> bytes:
        self._count += 1
        return checked(struct.pack(">BBBH", 1, 3, 2, 100 * at + self._count % 100))

    def _say(self, *frames: bytes) -> None:
        for frame in frames:
            os.write(self._ours, frame)
            time.sleep(0.005)

    def _run(self) -> None:
        os.set_blocking(self._ours, False)
        heard, turn = b"", 0
        while not self._ending.wait(0.002):
            try:
                heard += os.read(self._ours, 256)
            except BlockingIOError:
                continue
            while len(heard) >= 8:
                frame, heard = heard[:8], heard[8:]
                if checked(frame[:6]) != frame:
                    continue
                turn += 1
                self._serve(struct.unpack(">H", frame[2:4])[0], struct.unpack(">H", frame[4:6])[0], turn % 6)

    def _serve(self, at: int, count: int, turn: int) -> None:
        if count != 1:  # a fence
            self._say(checked(struct.pack(f">BBB{count}H", 1, 3, 2 * count, *[100 * at] * count)))
        elif turn == 1:  # it was quicker, and both are answered
            self._say(ask(THEIRS) + self._answer(THEIRS), self._answer(at))
        elif turn == 3:  # it asks just behind our answer, and again
            self._say(self._answer(at))
            time.sleep(0.02)
            self._say(ask(THEIRS))
            time.sleep(0.05)
            self._say(self._answer(THEIRS))
        elif turn == 5:  # it asks in the midst, and its answer comes behind ours
            self._say(ask(THEIRS), self._answer(at), self._answer(THEIRS))
        else:
            self._say(self._answer(at))


@pytest.fixture
def line() -> Iterator[SharedLine]:
    made = SharedLine()
    yield made
    made.close()


async def test_what_a_second_master_asks_is_an_event_and_never_a_value_of_ours(line: SharedLine) -> None:
    profile = instruments.profile(
        "modbus-rtu", {f"r{at}": {"at": at, "type": "uint16"} for at in OURS}, max_gap=0, timeout="1s"
    )
    place = Bus(name="line", kind="modbus-rtu", port=line.port, guard_ms=100)
    device = instruments.device(
        profile, {f"r{at}": f"r{at}" for at in OURS}, 1, place, sample_ms=250, report_ms=3_600_000
    )
    bus = ModbusBus(place, instruments.now_ms)
    instrument = ModbusInstrument(device, bus)
    samples, misses = instruments.recorded(instrument), MissCounts()
    mounting = instruments.mounting(device, instrument)
    events: list[StationEvent] = []
    reader = BusReader("line", bus, [mounting], instruments.wall_clock(), misses)
    stop = asyncio.Event()
    running = asyncio.create_task(reader.run(stop))
    began, contested = time.monotonic(), 0
    while time.monotonic() - began < FOR_S or not (len(samples) >= 8 and events and contested):
        assert time.monotonic() - began < LONGEST_S, (samples, events, contested)
        await asyncio.sleep(0.05)
        events += [event for event in mounting.channels.events if event.kind == "second_master"]
        mounting.channels.events.clear()
        contested = misses.by_device().get("d", {}).get("contested", 0)
    stop.set()
    await running
    for sample in samples:
        assert sample.value is not None
        assert f"r{sample.value // 100:.0f}" == sample.signal, "a value of another register"
    assert [event.device for event in events] == [None]
    assert "another master asks unit 1 for holding 30+1" in events[0].detail
