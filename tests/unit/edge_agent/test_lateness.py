"""A late instrument is reported as late, with its time and the setting that helps, and not as silent."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from edge_agent.acquiring import bus_reader
from edge_agent.acquiring.bus_reader import BusReader
from edge_agent.acquiring.symptoms import SLOW_AFTER, Lateness
from edge_agent.clocks.clock import WallClock
from edge_agent.lines.instrument import Part
from edge_agent.lines.shared_bus import SharedBus
from edge_agent.readings.counts import MissCounts
from edge_agent.readings.misses import NoAnswer
from edge_agent.readings.samples import Sample
from quantrac.telemetry.states import State
from tests.fixtures.instruments import PartedInstrument, device, mounting, profile

T0 = 1_795_490_400_000
SECONDS = 60


def test_one_that_always_answers_too_late_is_named_once_with_what_to_do() -> None:
    slow = Lateness()
    said = [slow.late(3_020) for _ in range(SLOW_AFTER + 5)]
    assert said == [False] * (SLOW_AFTER - 1) + [True] + [False] * 5
    assert slow.advice.startswith("takes 3.0 s to answer")
    assert "every 7 s" in slow.advice  # twice its answer, rounded up
    slow.read()
    assert slow.advice == ""


def test_one_that_is_late_now_and_then_is_not() -> None:
    sometimes = Lateness()
    for _ in range(10):
        assert not sometimes.late(3_000)
        sometimes.read()


def test_silence_that_turns_out_to_be_lateness_is_counted_once_as_what_it_was() -> None:
    misses = MissCounts()
    for _ in range(3):
        misses.note("sonde", NoAnswer(""))
    misses.was_late("sonde")
    assert misses.by_device() == {"sonde": {"silent": 2, "late": 1}}
    assert misses.errors_of("sonde") == misses.total == 3
    misses.was_late("nobody")
    assert misses.total == 3


class Line:
    """A line on which everything takes its time, by a clock that only it moves."""

    def __init__(self, ends: asyncio.Event) -> None:
        self.now_ms = T0
        self._ends = ends

    def take(self, ms: int) -> None:
        self.now_ms += ms
        if self.now_ms >= T0 + SECONDS * 1_000:
            self._ends.set()

    async def open(self) -> None: ...

    def close(self) -> None: ...

    def begin(self, device: str, for_ms: int | None) -> None: ...

    def end(self) -> None: ...

    def heard_late(self) -> set[str]:
        return set()

    def late_ms(self, _: str) -> int:
        return 0

    def inherit(self, former: SharedBus) -> None: ...


class Taking(PartedInstrument):
    """An instrument of two parts, each of which takes `part_ms`."""

    def __init__(self, line: Line, part_ms: int) -> None:
        super().__init__(["do"], ["ph"])
        self._line, self._part_ms = line, part_ms
        self.read_at: dict[str, list[int]] = {"do": [], "ph": []}

    async def read(self, part: Part) -> list[Sample]:
        (name,) = part.signals
        self._line.take(self._part_ms)
        self.read_at[name].append(self._line.now_ms)
        return [Sample(name, self._line.now_ms, 7.0, State.OK)]


def test_one_whose_parts_take_longer_than_its_neighbours_leave_gives_the_line_back_between_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stop = asyncio.Event()
    line = Line(stop)
    quick, slow = Taking(line, 25), Taking(line, 900)
    of = profile("vaisala-ascii", {"do": {"key": "Do", "letter": "M"}, "ph": {"key": "Ph", "letter": "M"}})
    mountings = [
        mounting(device(of, {"do": "do", "ph": "ph"}, name=name), instrument, lambda: line.now_ms)
        for name, instrument in (("quick", quick), ("slow", slow))
    ]

    async def advance(seconds: float, _: asyncio.Event) -> None:
        line.take(max(1, round(seconds * 1000)))

    monkeypatch.setattr(bus_reader, "pause", advance)
    wall = WallClock(lambda: line.now_ms, lambda: line.now_ms / 1000, lambda *_: None)
    asyncio.run(BusReader("b", cast("SharedBus", line), mountings, wall, MissCounts()).run(stop))
    for part in quick.read_at.values():
        assert len({(t - T0) // 1_000 for t in part}) >= SECONDS - 1, "none of its samples is lost"
    both = [len(part) for part in slow.read_at.values()]
    assert min(both) >= SECONDS // 2 - 2, "each of its parts has its turn"
    assert "takes 1.8 s" in mountings[1].lateness.advice
    assert not mountings[0].lateness.advice
