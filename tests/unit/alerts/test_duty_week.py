"""Turns of a roster and quiet hours as stretches of time: the same rulings as when a message is sent."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from alerts.telling.duty_week import nights, turns
from alerts.telling.routes import end_of_quiet, shift_on_duty
from quantrac.config.notifications import Duty

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
DUTY = Duty.model_validate(
    {"from": "2026-11-23", "at": "07:00", "shifts": ["shift-a", "shift-b"], "swaps": {"2026-12-28": "shift-a"}}
)
MOMENTS = st.integers(0, 200_000).map(lambda minutes: datetime(2026, 11, 1, tzinfo=UTC) + timedelta(minutes=minutes))
CLOCKS = st.times().map(lambda at: at.replace(second=0, microsecond=0))


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


def test_a_roster_goes_by_weeks_and_a_swap_changes_one_of_them() -> None:
    found = list(turns(DUTY, local("2026-12-20T12:00"), local("2027-01-05T00:00"), ZONE))
    assert [(turn.since, turn.shift, turn.is_swapped) for turn in found] == [
        (local("2026-12-14T07:00"), "shift-b", False),
        (local("2026-12-21T07:00"), "shift-a", False),
        (local("2026-12-28T07:00"), "shift-a", True),
        (local("2027-01-04T07:00"), "shift-a", False),
    ]


@given(MOMENTS)
def test_the_first_turn_is_of_the_shift_that_would_be_told_now(now: datetime) -> None:
    first = next(turns(DUTY, now, now + timedelta(days=1), ZONE))
    assert first.since <= now < first.until
    assert first.shift == shift_on_duty(DUTY, now, ZONE)


@given(MOMENTS, CLOCKS, CLOCKS)
def test_a_moment_lies_in_a_night_where_a_message_would_be_held(now: datetime, start: time, end: time) -> None:
    since, until = now - timedelta(days=2), now + timedelta(days=2)
    within = [night for night in nights((start, end), since, until, ZONE) if night.since <= now < night.until]
    assert [night.until for night in within] == [end for end in [end_of_quiet(now, (start, end), ZONE)] if end]
    assert all(since <= night.since < night.until <= until for night in nights((start, end), since, until, ZONE))
