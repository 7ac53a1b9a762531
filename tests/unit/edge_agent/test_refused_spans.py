"""A unit that lacks registers: what it has is read in the very sample that meets the gap, and what was learnt holds."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge_agent.lines.instrument import Note
from edge_agent.modbus.bus import ModbusBus, RegisterAnswer
from edge_agent.modbus.instrument import ModbusInstrument
from edge_agent.modbus.request_plan import RegisterSpan
from edge_agent.readings.misses import RequestRefused
from edge_agent.readings.samples import Sample
from quantrac.config.stations import Bus
from quantrac.telemetry.states import State
from tests.fixtures.instruments import device, profile

LINE = Bus(name="line", kind="modbus-tcp", host="127.0.0.1")


class Unit:
    """Holds in each register ten times its address; refuses what it lacks, and requests that are too long."""

    def __init__(self, absent: Sequence[int] = (), longest: int = 125) -> None:
        self.absent, self.longest = {*absent}, longest
        self.asked: list[RegisterSpan] = []

    async def read(self, unit: int, span: RegisterSpan, _: Any) -> RegisterAnswer:
        self.asked.append(span)
        places = range(span.at, span.end)
        if span.count > self.longest or self.absent & {*places}:
            raise RequestRefused(f"unit {unit}: exception 2 to {span.at}+{span.count}", 2)
        return RegisterAnswer(0, [10 * place for place in places])

    def now_ms(self) -> int:
        return 0


def instrument(unit: Unit, signals: dict[str, dict[str, Any]]) -> ModbusInstrument:
    of = profile("modbus-rtu", {name: {"type": "uint16", **signal} for name, signal in signals.items()}, **STATES)
    return ModbusInstrument(device(of, {name: name for name in signals}, 1, LINE), cast("ModbusBus", unit))


STATES = {"states": {"s": {140: "ok"}}}


async def sampled(one: ModbusInstrument) -> dict[str, Sample]:
    """Read every part once, as a turn does."""
    return {sample.signal: sample for part in list(one.parts()) for sample in await one.read(part)}


SIGNALS = {f"s{at}": {"at": at} for at in range(22)}


async def test_one_absent_register_takes_none_of_its_neighbours_and_is_known_from_then_on() -> None:
    unit = Unit([7])
    one = instrument(unit, SIGNALS)
    first = await sampled(one)
    assert {name: sample.value for name, sample in first.items()} == {
        f"s{at}": None if at == 7 else 10 * at for at in range(22)
    }
    assert (first["s7"].state, first["s7"].why) == (State.FAULT, "unit 1: exception 2 to 7+1")
    assert one.notes == [Note("registers_refused", "unit 1: exception 2 to 7+1; the others are read without")]
    unit.asked.clear()
    assert await sampled(one) == first
    assert [(span.at, span.count) for span in unit.asked] == [(0, 7), (8, 14), (7, 1)], "absent: asked for alone"
    assert len(one.notes) == 1, "said once"


async def test_what_was_absent_and_answers_is_read_again_with_all_others_and_a_reload_forgets() -> None:
    unit = Unit([3, 9])
    one = instrument(unit, SIGNALS)
    await sampled(one)
    unit.absent.clear()
    for _ in range(2):
        await sampled(one)
    unit.asked.clear()
    assert (await sampled(one))["s9"].value == 90
    assert [(span.at, span.count) for span in unit.asked] == [(0, 22)]
    unit.absent = {3}
    await sampled(one)
    one.forget()
    unit.asked.clear()
    await sampled(one)
    assert (unit.asked[0].at, unit.asked[0].count) == (0, 22)


async def test_a_value_and_its_status_that_one_request_may_not_hold_are_read_by_two() -> None:
    unit = Unit([12])
    one = instrument(unit, {"do": {"at": 10, "status": [{"at": 14, "table": "s"}]}})
    for _ in range(2):
        assert (await sampled(one))["do"].value == 100
    assert [(span.at, span.count) for span in unit.asked[-2:]] == [(10, 1), (14, 1)]


@given(
    st.dictionaries(st.integers(0, 60), st.integers(1, 2), min_size=1, max_size=25),
    st.sets(st.integers(0, 62), max_size=8),
    st.sampled_from([125, 16, 5, 2]),
)
@example({12: 2, 13: 1, 14: 1}, {13}, 125)
@settings(deadline=None)
def test_whatever_a_unit_lacks_the_rest_comes_in_every_sample_and_soon_nothing_else_is_refused(
    places: dict[int, int], absent: set[int], longest: int
) -> None:
    unit = Unit([*absent], longest)
    one = instrument(unit, {f"s{at}": {"at": at, "type": ["", "uint16", "uint32"][n]} for at, n in places.items()})
    lost = {f"s{at}" for at, count in places.items() if absent & {*range(at, at + count)}}
    refused = 0
    for _ in range(12):
        found = asyncio.run(sampled(one))
        assert {name for name, sample in found.items() if sample.value is None} == lost
        assert all(found[name].why for name in lost)
        refused, one.refusals[:] = len(one.refusals), []
    assert refused <= bool(lost), "but the one that is asked for again"
