"""What raises, what clears and what does neither. Expected times are counted by hand from the sentences."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from zoneinfo import ZoneInfo

import msgspec
import pytest

from alerts.alarm.change import EndCause
from alerts.evaluating.evaluation import Decision, DecisionKind, RuleState, step
from alerts.evaluating.late import replay, still_holds
from alerts.rules.block import JudgedReading, ReadingBlock
from quantrac.config.rules import Level, Side, with_lulls
from quantrac.telemetry.quality import Quality
from quantrac.telemetry.severity import Severity
from tests.unit.alerts.rules import ACT, DANGER, MINUTE, WATCH, oxygen_rule, run, small_rule, told
from tests.unit.alerts.series import read_series

SECOND = 1000
START = 1_795_490_400_000

ALL = (WATCH, ACT, DANGER)
CASES = [
    (
        "a 20-minute gap neither counts as alarm time nor as recovery (the example of rules.yaml)",
        ALL,
        "2.8x6 _x20 2.8x8 4.6x40",
        [("raised", "act", 29), ("cleared", "act", 63)],
    ),
    ("nulls are a gap too", ALL, "2.8x6 nullx20 2.8x8 4.6x40", [("raised", "act", 29), ("cleared", "act", 63)]),
    ("nine minutes low are not ten", (ACT,), "2.8x9 3.1x60", []),
    ("one good reading starts the on-delay again", (ACT,), "2.8x9 3.1 2.8x9 3.1x5", []),
    ("on the limit is not below it", ALL, "3.0x60", [("raised", "watch", 29)]),
    ("between limit and clear limit the alarm stands", (ACT,), "2.8x10 3.2x300", [("raised", "act", 9)]),
    ("on the clear limit is not past it", (ACT,), "2.8x10 3.3x300", [("raised", "act", 9)]),
    (
        "one reading back under the clear limit starts the off-delay again",
        (ACT,),
        "2.8x10 4.6x29 3.2 4.6x30",
        [("raised", "act", 9), ("cleared", "act", 69)],
    ),
    (
        "a gap during recovery pauses it",
        (ACT,),
        "2.8x10 4.6x20 _x100 4.6x10",
        [("raised", "act", 9), ("cleared", "act", 139)],
    ),
    (
        "a fall through all levels is one alarm whose level changes",
        ALL,
        "3.5x30 2.5x10 1.5x5 4.6x30",
        [("raised", "watch", 29), ("level", "act", 39), ("level", "danger", 44), ("cleared", "danger", 74)],
    ),
    (
        "when the worst level is left and a milder one stands the alarm goes on at that level",
        ALL,
        "3.5x30 1.5x5 3.5x30 4.6x30",
        [("raised", "watch", 29), ("level", "danger", 34), ("level", "watch", 64), ("cleared", "watch", 94)],
    ),
]


@pytest.mark.parametrize(("sentence", "levels", "series", "expected"), CASES, ids=[case[0] for case in CASES])
def test_an_oxygen_series_tells(
    sentence: str, levels: tuple[Level, ...], series: str, expected: list[tuple[str, str, float]]
) -> None:
    _, decisions = run(oxygen_rule(*levels), read_series(series, MINUTE))
    assert told(decisions) == [(kind, level, float(minute)) for kind, level, minute in expected]


@pytest.mark.parametrize("quality", [Quality.SUSPECT, Quality.FAIL, Quality.NOT_EVALUATED])
def test_readings_of_another_quality_page_nobody(quality: Quality) -> None:
    state, decisions = run(oxygen_rule(), read_series("0.1x60", MINUTE, quality=quality))
    assert decisions == []
    assert state.levels == {}


def test_readings_of_another_quality_do_not_clear_a_standing_alarm() -> None:
    rule = oxygen_rule(ACT)
    state, _ = run(rule, read_series("2.8x10", MINUTE))
    state, decisions = run(rule, read_series("8.0x120", MINUTE, start_ms=10 * MINUTE, quality=Quality.SUSPECT), state)
    assert decisions == []
    assert state.level == ACT.key


@pytest.mark.parametrize(
    ("sentence", "series", "expected"),
    [
        (
            "low 20 s, silent 60 s, low 20 s: raised when 30 s of readings are low",
            "2.0x20 _x60 2.0x20",
            [("raised", "act", 89)],
        ),
        ("silent 120 s while the alarm stands: no all-clear", "2.0x30 _x120 2.0x5", [("raised", "act", 29)]),
    ],
)
def test_comparison_with_other_systems(sentence: str, series: str, expected: list[tuple[str, str, float]]) -> None:
    _, decisions = run(small_rule(), read_series(series, SECOND))
    assert told(decisions, SECOND) == expected


def test_without_clear_limit_and_delays_the_limit_alone_decides() -> None:
    rule = oxygen_rule(Level("high", Side.ABOVE, 30.0, None, 0, 0, Severity.MEDIUM))
    _, decisions = run(rule, read_series("30 30.1 30.1 30", MINUTE))
    assert told(decisions) == [("raised", "high", 1), ("cleared", "high", 3)]
    assert [d.kind for d in decisions] == [DecisionKind.RAISED, DecisionKind.CLEARED]


def test_a_band_has_two_sides_and_one_alarm() -> None:
    low = Level("act", Side.BELOW, 7.0, 7.2, 0, 0, Severity.HIGH)
    high = Level("act", Side.ABOVE, 9.0, 8.8, 0, 0, Severity.HIGH)
    _, decisions = run(oxygen_rule(low, high), read_series("8 9.5 6.5 8", MINUTE))
    assert [(d.kind, d.level and d.level.side) for d in decisions] == [
        (DecisionKind.RAISED, Side.ABOVE),
        (DecisionKind.LEVEL, Side.BELOW),
        (DecisionKind.CLEARED, Side.BELOW),
    ]


def test_the_decision_says_since_when_the_condition_holds() -> None:
    _, decisions = run(oxygen_rule(ACT), read_series("4.6x3 2.8x10", MINUTE, start_ms=START))
    raised = decisions[-1]
    assert raised.kind is DecisionKind.RAISED
    assert (raised.t_ms - START, raised.since_ms - START) == (12 * MINUTE, 2 * MINUTE)  # first low slot is (2, 3] min


def test_readings_closer_than_their_interval_count_only_the_time_that_passed() -> None:
    _, decisions = run(oxygen_rule(ACT), read_series("2.8x41", MINUTE // 4))
    assert told(decisions) == [("raised", "act", 9.0)]  # 1 min + 36 quarters = 10 min


class TestLate:
    """Late readings never disturb the present state."""

    def test_a_reading_at_or_behind_the_cursor_changes_nothing(self) -> None:
        rule = oxygen_rule(ACT)
        before, _ = run(rule, read_series("4.6x60", MINUTE))
        outcome = step(rule, before, ReadingBlock.of(read_series("0.5x59", MINUTE)))
        assert (outcome.state, outcome.decisions, outcome.late) == (before, [], 59)

    def test_late_good_values_do_not_clear_a_standing_alarm(self) -> None:
        rule = small_rule()
        samples = read_series("2.0x30 _x60 2.0x10", SECOND)
        state, decisions = run(rule, samples)
        late = [sample._replace(received_ms=100_000) for sample in read_series("8.0x60", SECOND, start_ms=30_000)]
        after, more = run(rule, late, state)
        assert told(decisions, SECOND) == [("raised", "act", 29)]
        assert more == []
        assert after == state

    def test_a_reading_received_over_15_minutes_after_its_time_is_late(self) -> None:
        old = [s._replace(received_ms=s.t_ms + 15 * MINUTE + 1) for s in read_series("1.0x60", MINUTE)]
        in_time = [s._replace(received_ms=s.t_ms + 15 * MINUTE) for s in read_series("1.0x60", MINUTE)]
        assert run(oxygen_rule(), old) == (RuleState(), [])
        assert told(run(oxygen_rule(), in_time)[1])[0] == ("raised", "danger", 4)

    def test_a_slow_channel_may_be_three_intervals_behind(self) -> None:
        hourly = oxygen_rule(ACT, interval_ms=60 * MINUTE)
        slow = [s._replace(received_ms=s.t_ms + 170 * MINUTE) for s in read_series("1.0x3", 60 * MINUTE)]
        assert told(run(hourly, slow)[1]) == [("raised", "act", 0)]

    def test_the_verdict_is_the_same_in_one_block_as_one_by_one(self) -> None:
        rule = oxygen_rule(ACT)
        live = read_series("4.6x5 _x10 4.6x5", MINUTE)
        overtaken = [s._replace(received_ms=17 * MINUTE) for s in read_series("2.0x10", MINUTE, start_ms=5 * MINUTE)]
        one_by_one = RuleState()
        for sample in sorted(live + overtaken, key=lambda s: (s.received_ms, -s.t_ms)):
            one_by_one = step(rule, one_by_one, ReadingBlock.of([sample])).state
        outcome = step(rule, RuleState(), ReadingBlock.of(live + overtaken))
        assert (outcome.state, outcome.decisions, outcome.late) == (one_by_one, [], 10)


class TestState:
    """What is remembered survives a restart and a change of the rule."""

    def test_state_passes_through_json(self) -> None:
        rule = oxygen_rule()
        state, _ = run(rule, read_series("2.8x15 4.6x3", MINUTE))
        assert msgspec.json.decode(msgspec.json.encode(state), type=RuleState) == state

    def test_the_state_given_is_not_changed(self) -> None:
        rule = oxygen_rule()
        state, _ = run(rule, read_series("2.8x5", MINUTE))
        before = msgspec.json.encode(state)
        run(rule, read_series("2.8x50", MINUTE, start_ms=5 * MINUTE), state)
        assert msgspec.json.encode(state) == before

    def test_a_level_that_the_rule_no_longer_has_is_left_at_the_next_reading(self) -> None:
        state, _ = run(oxygen_rule(ACT), read_series("2.8x10", MINUTE))
        state, decisions = run(oxygen_rule(DANGER), read_series("2.8", MINUTE, start_ms=10 * MINUTE), state)
        ended = (DecisionKind.CLEARED, ACT, EndCause.LEVEL_REMOVED)
        assert [(d.kind, d.level, d.cause) for d in decisions] == [ended]
        assert state.level is None

    def test_a_new_level_takes_its_own_time(self) -> None:
        state, _ = run(oxygen_rule(WATCH), read_series("1.5x30", MINUTE))
        state, decisions = run(oxygen_rule(WATCH, DANGER), read_series("1.5x5", MINUTE, start_ms=30 * MINUTE), state)
        assert told(decisions) == [("level", "danger", 34)]


def test_samples_are_taken_in_order_of_their_time() -> None:
    rule = oxygen_rule(ACT)
    samples = [JudgedReading(t * MINUTE, 2.8, Quality.GOOD, 20 * MINUTE) for t in (9, 3, 0, 1, 2, 8, 7, 6, 5, 4)]
    on_time = [s._replace(received_ms=10 * MINUTE) for s in samples]
    assert told(run(rule, on_time)[1]) == [("raised", "act", 9)]


NEW_YEAR = 1_767_225_600_000 - 7 * 60 * MINUTE
"""2026-01-01 00:00 in Vietnam."""
OF_2025 = Level("limit", Side.ABOVE, 50.0, 40.0, 0, 60 * MINUTE, Severity.MEDIUM, last=date(2025, 12, 31))
SINCE_2026 = Level(
    "limit", Side.ABOVE, 45.0, 40.0, 0, 60 * MINUTE, Severity.MEDIUM, first=date(2026, 1, 1), follows=True
)


def of_dust(values: str, first_hour: int, size: int) -> list[tuple[str, str | None, float]]:
    """Return what hourly means beginning so many hours after the new year make, read in blocks of a size."""
    rule = replace(oxygen_rule(SINCE_2026, OF_2025, interval_ms=60 * MINUTE), zone=ZoneInfo("Asia/Ho_Chi_Minh"))
    readings = read_series(values, 60 * MINUTE, start_ms=NEW_YEAR + first_hour * 60 * MINUTE)
    state, decisions = RuleState(), list[Decision]()
    for place in range(0, len(readings), size):
        state, more = run(rule, readings[place : place + size], state)
        decisions += more
    hours = [(one.t_ms - NEW_YEAR) / 60 / MINUTE for one in decisions]
    keys = [None if one.level is None else one.level.key for one in decisions]
    return [(one.kind.value, key, hour) for one, key, hour in zip(decisions, keys, hours, strict=True)]


@pytest.mark.parametrize("size", [1, 3, 100])
def test_a_value_is_held_against_the_limit_of_its_own_day(size: int) -> None:
    """QCVN 05:2023/BTNMT: PM2.5 over 24 h 50 until 31 December 2025, then 45; midnight is still the old day's."""
    assert of_dust("48x12", -12, size) == []
    assert of_dust("48x14", -12, size) == [("raised", "above.limit.2026-01-01", 1)]
    assert of_dust("51x3 39", -12, size) == [
        ("raised", "above.limit", -12), ("cleared", "above.limit", -9),
    ]  # fmt: skip


@pytest.mark.parametrize("size", [1, 3, 100])
def test_an_alarm_goes_on_under_the_limit_that_follows(size: int) -> None:
    assert of_dust("51x8 38", -3, size) == [
        ("raised", "above.limit", -3), ("level", "above.limit.2026-01-01", 1), ("cleared", "above.limit.2026-01-01", 5),
    ]  # fmt: skip


@pytest.mark.parametrize("severity", Severity)
def test_people_are_told_of_a_level_with_a_lull_however_mild_it_is(severity: Severity) -> None:
    rule = oxygen_rule(*with_lulls([replace(ACT, severity=severity, lull_ms=60 * MINUTE)]))
    _, decisions = run(rule, read_series("2.8x10 4.6x40 2.8x10 4.6x60", MINUTE))
    assert told(decisions) == [
        ("raised", "act", 9), ("level", "lull", 39), ("level", "act", 59), ("level", "lull", 89),
        ("cleared", "lull", 119),
    ]  # fmt: skip


def test_what_late_readings_reveal_holds_no_more_in_a_lull() -> None:
    """Between limit and clear limit the lull goes on, but people would be called to water that is well."""
    rule = oxygen_rule(*with_lulls([replace(ACT, lull_ms=60 * MINUTE)]))
    for then, holds in (("", True), ("4.6x40 3.2", False)):
        past = replay(rule, [ReadingBlock.of(read_series(f"2.8x10 {then}", MINUTE))])
        assert still_holds(rule, RuleState(past.state.cursor_ms), past) is holds, then
        assert past.stands is holds, "else an alarm whose readings were rejected in a lull is not questioned"
