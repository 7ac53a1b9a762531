"""Due times: aligned, never skipped, the same for every process."""

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantrac.cli.jobs.schedule import Daily, Every

NOW = datetime(2026, 11, 24, 8, 17, 48, tzinfo=UTC)
SCHEDULES = [Every(timedelta(seconds=30)), Every(timedelta(hours=1)), Daily(time(2, 30)), Daily(time(0, 0))]


def test_every_hour_is_due_at_the_full_hour() -> None:
    every = Every(timedelta(hours=1))
    assert every.latest_due(NOW) == datetime(2026, 11, 24, 8, tzinfo=UTC)
    assert every.next_due(NOW) == datetime(2026, 11, 24, 9, tzinfo=UTC)


def test_daily_means_the_day_of_the_people_who_are_seven_hours_ahead() -> None:
    at_three = Daily(time(3, 0))
    assert at_three.latest_due(NOW) == datetime(2026, 11, 23, 20, tzinfo=UTC)
    assert at_three.next_due(NOW) == datetime(2026, 11, 24, 20, tzinfo=UTC)


@pytest.mark.parametrize("schedule", SCHEDULES)
@given(
    now=st.datetimes(
        datetime.fromisoformat("2000-01-01"), timezones=st.just(UTC), max_value=datetime.fromisoformat("2100-01-01")
    )
)
def test_now_lies_between_two_neighbouring_due_times(schedule: Every | Daily, now: datetime) -> None:
    latest, following = schedule.latest_due(now), schedule.next_due(now)
    assert latest <= now < following
    assert schedule.latest_due(following) == following
    assert schedule.latest_due(following - timedelta(microseconds=1)) == latest
