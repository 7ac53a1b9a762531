"""The figures of ISA-18.2, counted by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from alerts.performance import AlarmTimes, measure

START = datetime(2026, 11, 24, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def life(
    minute: float, until: float | None = None, *, ack: float | None = None, false: bool = False, rule: str = "r"
) -> AlarmTimes:
    at = START + minute * MINUTE
    return AlarmTimes(
        rule,
        "st-my-thanh/do",
        "high",
        at,
        None if until is None else START + until * MINUTE,
        None if ack is None else at + ack * MINUTE,
        at if false else None,
    )


def test_a_flood_is_more_than_ten_alarms_in_ten_minutes_to_one_operator() -> None:
    lives = [life(n * 0.8, n * 0.8 + 1, rule=f"r{n}") for n in range(11)] + [life(50, 51)]
    alone = measure(lives, START, START + 100 * MINUTE)
    assert (alone.alarms, alone.peak, alone.flood_share) == (12, 11, 0.1)
    assert alone.per_ten_minutes == pytest.approx(1.2)
    assert measure(lives, START, START + 100 * MINUTE, operators=2).flood_share == 0


def test_stale_standing_and_chattering_are_counted() -> None:
    lives = [life(-2000), life(1, 2), life(1.3, 1.4), life(1.9, 2), life(10, 12, rule="calm")]
    found = measure(lives, START, START + 60 * MINUTE)
    assert (found.alarms, found.stale, found.standing) == (4, 1, 1)
    assert found.chattering == ("r st-my-thanh/do",)
    assert [(one.rule, one.alarms, one.share) for one in found.top] == [("r", 3, 0.75), ("calm", 1, 0.25)]


def test_the_time_to_acknowledge_and_the_share_marked_as_false() -> None:
    lives = [life(1, 2, ack=1), life(3, 4, ack=3), life(5, 6, ack=11), life(7, 8, false=True)]
    found = measure(lives, START, START + 60 * MINUTE)
    assert (found.acknowledged_share, found.acknowledge_s_median, found.acknowledge_s_p90) == (0.75, 180, 660)
    assert (found.false_share, found.by_severity) == (0.25, {"high": 1})


def test_a_period_without_alarms_has_no_shares() -> None:
    found = measure([], START, START + 60 * MINUTE)
    assert (found.alarms, found.peak, found.acknowledged_share, found.false_share) == (0, 0, None, None)
