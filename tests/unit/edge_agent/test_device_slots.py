"""Slots: what the contract between edge and centre says about means, gaps, counters and directions."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.readings.records import SlotRecord
from edge_agent.slots.device_slots import ChannelPlan, ChannelSample, DeviceSlots, SlotPlan, dominating, mean_direction
from quantrac.telemetry.parameters import Kind
from quantrac.telemetry.slots import slot_end
from quantrac.telemetry.states import State

WIDTH = 10_000
START = 1_000_000_000_000
"""A slot's end."""


def slots(kind: Kind = Kind.MEAN, *, expected: int = 10, wraps_at: float | None = None) -> DeviceSlots:
    return DeviceSlots(SlotPlan(WIDTH, expected, 0.75, (ChannelPlan("x", kind, wraps_at),)), START - 1)


def fill(device: DeviceSlots, values: Sequence[float | None], *, state: State = State.OK, slot: int = 1) -> None:
    for i, value in enumerate(values):
        t = START + (slot - 1) * WIDTH + 1 + i * WIDTH // len(values)
        device.add("x", ChannelSample(t, value, state if value is not None else State.COMM))


def closed(device: DeviceSlots, slot: int = 1) -> tuple[float | None, State]:
    records = {record.t_ms: record for record in device.close(START + slot * WIDTH + 1)}
    reading = records[START + slot * WIDTH].readings[0]
    return reading.value, reading.state


def test_the_slot_in_which_the_agent_starts_is_null_with_warmup() -> None:
    device = slots()
    device.add("x", ChannelSample(START, 1.0, State.OK))
    (record,) = device.close(START + 1)
    assert (record.t_ms, record.readings[0]) == (START, ("x", None, State.WARMUP))


def test_one_suspect_sample_makes_the_mean_suspect_and_no_bad_sample_enters_it() -> None:
    device = slots()
    fill(device, [2.0] * 8)
    device.add("x", ChannelSample(START + 9_998, 2.0, State.SUSPECT))
    device.add("x", ChannelSample(START + 9_999, 99.0, State.CAL))
    assert closed(device) == (2.0, State.SUSPECT)


@pytest.mark.parametrize(("valid", "whole"), [(8, True), (7, False)])
def test_three_quarters_of_the_expected_samples_must_be_valid(valid: int, whole: bool) -> None:
    device = slots()
    fill(device, [3.0] * valid)
    assert closed(device) == ((3.0, State.OK) if whole else (None, State.COMM))


def test_the_dominating_bad_state_says_why_there_is_none() -> None:
    cal = [ChannelSample(0, 1.0, State.CAL)] * 3
    fault = [ChannelSample(0, None, State.FAULT)] * 2
    assert dominating([*cal, *fault], 5) is State.CAL
    assert dominating([*cal, *fault], 7) is State.CAL
    assert dominating([*cal, *fault], 8) is State.COMM, "three never taken tie with three cal: precedence decides"
    assert dominating([*fault, *[ChannelSample(0, None, State.RANGE)] * 2], 4) is State.FAULT


def test_the_bounds_of_a_slot_are_open_below_and_closed_above() -> None:
    device = slots(expected=1)
    device.add("x", ChannelSample(START, 1.0, State.OK))
    device.add("x", ChannelSample(START + 1, 2.0, State.OK))
    device.add("x", ChannelSample(START + WIDTH, 4.0, State.OK))
    device.add("x", ChannelSample(START + WIDTH + 1, 100.0, State.OK))
    assert closed(device) == (3.0, State.OK)


def test_a_slot_waits_for_a_read_that_began_in_it() -> None:
    device = slots(expected=2)
    fill(device, [1.0])
    device.begin(START + WIDTH)
    assert [record.t_ms for record in device.close(START + WIDTH + 500)] == [START]
    device.add("x", ChannelSample(START + WIDTH, 3.0, State.OK))
    device.finish()
    assert closed(device) == (2.0, State.OK)


def test_a_read_that_begins_in_the_next_slot_holds_nothing_up() -> None:
    device = slots()
    device.begin(START + WIDTH + 1)
    assert [record.t_ms for record in device.close(START + WIDTH + 2)] == [START, START + WIDTH]


def test_a_slot_without_any_sample_is_sent_as_comm_never_dropped() -> None:
    device = slots()
    assert [record.readings[0].state for record in device.close(START + 3 * WIDTH + 1)] == [
        State.WARMUP, State.COMM, State.COMM, State.COMM,
    ]  # fmt: skip


@given(st.lists(st.floats(0, 5), min_size=30, max_size=30), st.integers(1, 29))
def test_increases_of_a_counter_add_up_whatever_the_slots(tips: list[float], reset_at: int) -> None:
    device = slots(Kind.SUM)
    counter, values = 100.0, []
    for i, tip in enumerate(tips):
        counter = tip if i == reset_at else counter + tip
        values.append(counter)
    for slot in range(3):
        fill(device, values[10 * slot : 10 * slot + 10], slot=slot + 1)
    total = sum(record.readings[0].value or 0.0 for record in device.close(START + 3 * WIDTH + 1))
    assert total == pytest.approx(sum(tips[1:]), abs=1e-4)


def test_a_counter_that_rolls_over_goes_on_from_zero() -> None:
    device = slots(Kind.SUM, expected=2, wraps_at=6553.6)
    fill(device, [6553.4, 0.2])
    assert closed(device) == (0.4, State.OK)


def test_rain_that_fell_while_nobody_read_is_counted_and_marked() -> None:
    device = slots(Kind.SUM, expected=1)
    fill(device, [1.0], slot=1)
    assert closed(device, 1) == (0.0, State.OK)
    fill(device, [3.5], slot=3)
    device.close(START + 2 * WIDTH + 1)
    assert closed(device, 3) == (2.5, State.SUSPECT)


def test_the_last_valid_value_counts_for_states() -> None:
    device = slots(Kind.LAST)
    fill(device, [0.0] * 9 + [1.0])
    assert closed(device) == (1.0, State.OK)


def test_directions_are_averaged_as_vectors() -> None:
    across_north = mean_direction([350.0, 10.0])
    assert across_north is not None
    assert min(across_north, 360 - across_north) < 1e-9
    assert mean_direction([80.0, 100.0]) == pytest.approx(90.0)
    assert mean_direction([0.0, 180.0]) is None


@given(st.lists(st.floats(0, 360), min_size=1, max_size=20), st.floats(0, 360))
def test_turning_all_directions_turns_their_mean(degrees: list[float], turn: float) -> None:
    mean = mean_direction(degrees)
    turned = mean_direction([(angle + turn) % 360 for angle in degrees])
    strength = abs(sum(complex(math.cos(math.radians(a)), math.sin(math.radians(a))) for a in degrees)) / len(degrees)
    if mean is not None and turned is not None and strength > 1e-3:
        assert abs((turned - mean - turn + 180) % 360 - 180) < 1e-6


def test_after_the_clock_was_set_the_open_slot_is_not_known_whole() -> None:
    device = slots()
    fill(device, [1.0] * 5)
    device.restart(START + WIDTH - 100)
    fill(device, [5.0] * 10, slot=2)
    readings = [record.readings[0] for record in device.close(START + 2 * WIDTH + 1)]
    assert readings == [("x", None, State.WARMUP), ("x", 5.0, State.OK)]


@given(st.integers(0, 2**31))
def test_no_sample_counts_twice_and_none_of_a_complete_run_is_lost(seed: int) -> None:
    shuffled = random.Random(seed)
    device = slots(Kind.MEAN, expected=1)
    times = sorted(shuffled.randrange(START + 1, START + 5 * WIDTH) for _ in range(40))
    records: list[SlotRecord] = []
    by_slot: dict[int, list[float]] = {}
    for t in times:
        device.begin(t)
        device.add("x", ChannelSample(t, float(t % 997), State.OK))
        device.finish()
        by_slot.setdefault(slot_end(t, WIDTH), []).append(float(t % 997))
        records += device.close(t)
    records += device.close(START + 5 * WIDTH + 1)
    means = {record.t_ms: record.readings[0].value for record in records if record.t_ms > START}
    assert means == {
        end: pytest.approx(statistics.fmean(by_slot[end])) if end in by_slot else None
        for end in range(START + WIDTH, START + 5 * WIDTH + 1, WIDTH)
    }
