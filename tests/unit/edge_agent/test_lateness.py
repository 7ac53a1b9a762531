"""A late instrument is reported as late, with its time and the setting that helps, and not as silent."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import pytest

from edge_agent.acquiring import bus_reader
from edge_agent.acquiring.bus_reader import BusReader
from edge_agent.acquiring.symptoms import SLOW_AFTER, Lateness
from edge_agent.clocks.clock import WallClock
from edge_agent.lines.instrument import Note, Part
from edge_agent.lines.shared_bus import SharedBus
from edge_agent.readings.counts import MissCounts
from edge_agent.readings.misses import NoAnswer
from edge_agent.readings.samples import Sample
from quantrac.telemetry.states import State
from tests.fixtures.instruments import PartedInstrument, device, mounting, profile

T0 = 1_795_490_400_000
SECONDS = 600


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
        misses.note("sonde", NoAnswer(""), T0)
    misses.was_late("sonde")
    assert misses.by_device() == {"sonde": {"silent": 2, "late": 1}}
    assert misses.errors_of("sonde") == misses.total == 3
    misses.was_late("nobody")
    assert misses.total == 3


class Line:
    """A line on which everything takes its time, by a clock that only it moves."""

    def __init__(self, ends: asyncio.Event) -> None:
        self.now_ms = T0
        self.notes: list[Note] = []
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


class Load(NamedTuple):
    """What an instrument wants of its line."""

    part_ms: int
    parts: int
    period_ms: int
    try_ms: int


class Taking(PartedInstrument):
    """An instrument of parts that take their time."""

    def __init__(self, line: Line, load: Load) -> None:
        self.names = [f"s{number}" for number in range(load.parts)]
        super().__init__(*[[name] for name in self.names])
        self._line, self.load = line, load
        self.try_ms = load.try_ms
        self.read_at: dict[str, list[int]] = {name: [] for name in self.names}

    async def read(self, part: Part) -> list[Sample]:
        (name,) = part.signals
        self.read_at[name].append(at := self._line.now_ms)
        self._line.take(self.load.part_ms)
        return [Sample(name, at, 7.0, State.OK)]

    def shares(self) -> list[float]:
        """In which share of the periods behind the first three each part was read."""
        periods = range(T0 // self.load.period_ms + 3, (T0 + SECONDS * 1000) // self.load.period_ms)
        came = [{(t - 1) // self.load.period_ms for t in times} for times in self.read_at.values()]
        return [sum(one in part for one in periods) / len(periods) for part in came]


def read_side_by_side(loads: Mapping[str, Load], monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[Taking, str]]:
    """Read instruments for ten minutes; return each with the advice about it."""
    stop = asyncio.Event()
    line = Line(stop)
    taking = {name: Taking(line, load) for name, load in loads.items()}
    mountings = []
    for name, one in taking.items():
        of = profile("modbus-rtu", {signal: {"at": 0, "type": "uint16"} for signal in one.names})
        times: Any = {"sample_ms": one.load.period_ms, "report_ms": one.load.period_ms}
        made = device(of, {signal: signal for signal in one.names}, name=name, **times)
        mountings.append(mounting(made, one, lambda: line.now_ms))

    async def advance(seconds: float, _: asyncio.Event) -> None:
        line.take(max(1, round(seconds * 1000)))

    monkeypatch.setattr(bus_reader, "pause", advance)
    wall = WallClock(lambda: line.now_ms, lambda: line.now_ms / 1000, lambda *_: None)
    asyncio.run(BusReader("b", cast("SharedBus", line), mountings, wall, MissCounts()).run(stop))
    return {m.device.name: (taking[m.device.name], m.lateness.advice) for m in mountings}


def test_one_whose_parts_take_longer_than_its_neighbours_leave_gives_the_line_back_between_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loads = {"quick": Load(25, 2, 1_000, 700), "slow": Load(900, 2, 1_000, 700)}
    found = read_side_by_side(loads, monkeypatch)
    quick, slow = found["quick"], found["slow"]
    assert min(quick[0].shares()) == 1, "none of its samples is lost"
    assert min(slow[0].shares()) >= 0.45, "each of its parts has its turn"
    assert "takes 1.8 s" in slow[1]
    assert not quick[1]


SLOW = Load(800, 10, 5_000, 2_000)
QUICK, WIDE, DENSE = Load(30, 1, 1_000, 700), Load(30, 3, 5_000, 700), Load(60, 10, 5_000, 700)
OVERLOADED: Mapping[str, tuple[Mapping[str, Load], float]] = {
    # what is left of five seconds for the slow ones, of 8 s (16 s) that they want
    "neighbours as often": ({"slow": SLOW, "a": WIDE, "b": WIDE._replace(parts=1), "c": WIDE}, 5 / 10),
    "neighbours each second": ({"a": QUICK, "slow": SLOW, "b": WIDE}, 5 / 10),
    "neighbours of many parts": ({"a": DENSE, "b": DENSE, "slow": SLOW}, 4 / 10),
    "many small parts": ({"a": WIDE, "slow": Load(200, 40, 5_000, 700), "b": WIDE}, 23 / 40),
    "two of them": ({"slow": SLOW, "slow too": SLOW, "a": WIDE}, 3 / 10),
}


@pytest.mark.parametrize("name", OVERLOADED)
def test_on_an_overloaded_line_those_in_order_lose_nothing_and_the_rest_goes_round_the_parts_of_the_others(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads, left = OVERLOADED[name]
    for one, (taking, advice) in read_side_by_side(loads, monkeypatch).items():
        if one.startswith("slow"):
            assert min(taking.shares()) >= 0.9 * left, "what is left"
            assert max(taking.shares()) <= min(taking.shares()) + 0.1, "in turn"
            assert "takes 8.0 s" in advice
        else:
            assert min(taking.shares()) >= 0.99
            assert not advice
