"""Rules that look back, that ask for the device's state, and that hold only at some times. Counted by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.evaluating.course import in_force, sliding
from alerts.evaluating.evaluation import Decision, RuleState, step
from alerts.rules.block import JudgedReading, ReadingBlock
from alerts.rules.local_clock import local_ms
from alerts.rules.rule import ChannelRule, Measure, MeasureKind, Validity
from quantrac.config.rules import Level, Side
from quantrac.telemetry.quality import Quality
from quantrac.telemetry.severity import Severity
from quantrac.telemetry.states import State
from tests.unit.alerts.rules import MINUTE, oxygen_rule, run, told
from tests.unit.alerts.series import read_series

HOUR = 60 * MINUTE
EARLY = datetime.fromisoformat("1991-01-01")
LATE = datetime.fromisoformat("2069-01-01")


def rule(measure: Measure, *levels: Level, interval_ms: int = MINUTE) -> ChannelRule:
    return replace(oxygen_rule(*levels, interval_ms=interval_ms), measure=measure)


def level(side: Side, limit: float, clear: float, *, on: int = 0, off: int = 0) -> Level:
    return Level("act", side, limit, clear, on * MINUTE, off * MINUTE, Severity.HIGH)


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=60), st.integers(1, 20))
def test_extremes_of_a_sliding_window_are_those_of_each_window(values: list[float], width: int) -> None:
    value = np.array(values)
    first = np.maximum(np.arange(len(value)) - width + 1, 0)
    windows = [values[max(0, i - width + 1) : i + 1] for i in range(len(values))]
    assert sliding(np.minimum, value, first).tolist() == [min(window) for window in windows]
    assert sliding(np.maximum, value, first).tolist() == [max(window) for window in windows]


def test_a_rise_of_more_than_two_within_an_hour_raises_at_once() -> None:
    rising = rule(Measure(MeasureKind.CHANGE, HOUR), level(Side.ABOVE, 2.0, 1.0))
    _, decisions = run(rising, read_series("10x60 12.1x100", MINUTE))
    assert told(decisions)[0] == ("raised", "act", 60)
    assert decisions[0].value == pytest.approx(2.1)
    assert told(decisions)[1] == ("cleared", "act", 120)  # the last 10 has left the window of an hour


def test_a_slow_rise_and_a_fall_do_not_raise_it() -> None:
    rising = rule(Measure(MeasureKind.CHANGE, HOUR), level(Side.ABOVE, 2.0, 1.0))
    slow = " ".join(f"{10 + i * 0.03:.2f}" for i in range(300))  # 1.8 an hour
    assert run(rising, read_series(slow, MINUTE))[1] == []
    assert run(rising, read_series("10x60 2x60", MINUTE))[1] == []


def test_a_fall_is_a_negative_change() -> None:
    falling = rule(Measure(MeasureKind.CHANGE, 3 * HOUR), level(Side.BELOW, -2.5, -1.0))
    _, decisions = run(falling, read_series("30x60 27.4", MINUTE))
    assert told(decisions) == [("raised", "act", 60)]
    assert decisions[0].value == pytest.approx(-2.6)


def test_a_swing_over_a_day_needs_most_of_a_day_to_end_but_not_to_begin() -> None:
    swing = rule(Measure(MeasureKind.SWING, 24 * HOUR), level(Side.ABOVE, 0.5, 0.5), interval_ms=HOUR)
    assert told(run(swing, read_series("7.4 8.0", HOUR))[1], HOUR) == [("raised", "act", 1)]
    calm_after_a_gap = read_series("8.0x30", HOUR, start_ms=50 * HOUR)
    _, decisions = run(swing, [*read_series("7.4 8.0", HOUR), *calm_after_a_gap])
    assert told(decisions, HOUR) == [("raised", "act", 1), ("cleared", "act", 50 + 17)]  # 18 readings are 75 % of a day


@given(st.lists(st.sampled_from([1.0, 2.0, 3.0, 4.5]), min_size=2, max_size=120), st.integers(1, 40))
def test_with_context_it_does_not_matter_how_readings_are_cut(values: list[float], size: int) -> None:
    rising = rule(Measure(MeasureKind.CHANGE, 20 * MINUTE), level(Side.ABOVE, 2.0, 1.0, on=3, off=5))
    samples = [JudgedReading(i * MINUTE, value, Quality.GOOD, i * MINUTE) for i, value in enumerate(values)]
    whole = step(rising, RuleState(), ReadingBlock.of(samples))
    state = RuleState()
    decisions: list[Decision] = []
    for start in range(0, len(samples), size):
        block = ReadingBlock.of(samples[max(0, start - 25) : start + size], start_ms=samples[start].t_ms)
        outcome = step(rising, state, block)
        state, decisions = outcome.state, decisions + outcome.decisions
    assert (state, decisions) == (whole.state, whole.decisions)


def test_a_fault_that_lasts_raises_whatever_the_quality_and_nulls_count() -> None:
    fault = rule(Measure(MeasureKind.STATE, states=frozenset({State.FAULT})), level(Side.ABOVE, 0.5, 0.5, on=10, off=2))
    samples = [
        JudgedReading(
            i * MINUTE, None if 5 <= i < 20 else 7.0, Quality.FAIL, i * MINUTE, State.FAULT if 5 <= i < 20 else State.OK
        )
        for i in range(30)
    ]
    assert told(run(fault, samples)[1]) == [("raised", "act", 14), ("cleared", "act", 21)]


@pytest.mark.parametrize(
    ("zone", "times"),
    [
        # 8 o'clock in Chile is 12:00 UTC in winter, and 11:00 from 6 September 2026 on.
        ("America/Santiago", {"09-04 11:30": False, "09-04 12:30": True, "09-07 11:30": True, "09-07 12:30": False}),
        ("Asia/Kathmandu", {"09-04 02:15": False, "09-04 02:16": True, "09-04 03:15": True, "09-04 03:16": False}),
    ],
)
def test_the_hours_of_a_rule_are_those_of_the_network_s_clocks(zone: str, times: dict[str, bool]) -> None:
    morning = Validity(from_minute=8 * 60, to_minute=9 * 60, zone=ZoneInfo(zone))
    moments = [datetime.fromisoformat(f"2026-{text}").replace(tzinfo=UTC) for text in times]
    marks = in_force(morning, np.array([int(moment.timestamp() * 1000) for moment in moments]))
    assert marks.tolist() == list(times.values())


@given(
    st.lists(st.datetimes(EARLY, LATE, timezones=st.just(UTC)), min_size=1),
    st.sampled_from(["Asia/Ho_Chi_Minh", "America/Santiago", "Asia/Kathmandu", "Australia/Lord_Howe"]),
)
def test_the_local_clock_is_the_same_for_many_instants_as_for_each(moments: list[datetime], zone: str) -> None:
    whole = sorted(moment.replace(microsecond=0) for moment in moments)
    found = local_ms(np.array([int(moment.timestamp() * 1000) for moment in whole]), ZoneInfo(zone))
    shown = [moment.astimezone(ZoneInfo(zone)).replace(tzinfo=UTC) for moment in whole]
    assert found.tolist() == [int(moment.timestamp() * 1000) for moment in shown]


def test_outside_its_months_and_hours_a_limit_is_not_in_force_and_a_standing_alarm_runs_out() -> None:
    night = Validity(frozenset({11}), 22 * 60, 6 * 60, ZoneInfo("Asia/Ho_Chi_Minh"))
    times = [
        datetime(2026, 11, 24, hour, minute, tzinfo=UTC)
        for hour, minute in [(14, 59), (15, 0), (15, 1), (23, 0), (23, 1)]
    ]
    marks = in_force(night, np.array([int(t.timestamp() * 1000) for t in times]))
    assert marks.tolist() == [False, False, True, True, False]  # 21:59, 22:00 | 22:01, 06:00 | 06:01 local
    start = int(datetime(2026, 11, 24, 22, 30, tzinfo=UTC).timestamp() * 1000)
    valid = replace(oxygen_rule(level(Side.BELOW, 3.0, 3.3, on=10, off=20)), validity=night)
    decisions = run(valid, read_series("2x90", MINUTE, start_ms=start))[1]
    assert [(d.kind.value, (d.t_ms - start) // MINUTE) for d in decisions] == [("raised", 9), ("cleared", 50)]
