"""Due times: aligned, never skipped, the same for every process."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantrac.cli.jobs.schedule import Daily, Due, Every, latest_due, next_due

NOW = datetime(2026, 11, 24, 8, 17, 48, tzinfo=UTC)
VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
DUES = [Every(timedelta(seconds=30)), Every(timedelta(hours=1)), Daily(time(2, 30)), Daily(time(0, 0))]


def test_every_hour_is_due_at_the_full_hour() -> None:
    every = Every(timedelta(hours=1))
    assert latest_due(every, NOW, VIETNAM) == datetime(2026, 11, 24, 8, tzinfo=UTC)
    assert next_due(every, NOW, VIETNAM) == datetime(2026, 11, 24, 9, tzinfo=UTC)


def test_daily_means_the_day_of_the_people_who_are_seven_hours_ahead() -> None:
    at_three = Daily(time(3, 0))
    assert latest_due(at_three, NOW, VIETNAM) == datetime(2026, 11, 23, 20, tzinfo=UTC)
    assert next_due(at_three, NOW, VIETNAM) == datetime(2026, 11, 24, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "now", "expected"),
    [
        ("Asia/Kathmandu", "2026-11-24 00:00", "2026-11-24 21:15"),
        ("America/Santiago", "2026-09-04 12:00", "2026-09-05 07:00"),
        ("America/Santiago", "2026-09-06 12:00", "2026-09-07 06:00"),  # clocks went forward on the 6th
    ],
)
def test_a_daily_job_follows_the_clocks(zone: str, now: str, expected: str) -> None:
    moment, due = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (now, expected))
    assert next_due(Daily(time(3, 0)), moment, ZoneInfo(zone)) == due


@pytest.mark.parametrize("zone", ["Asia/Ho_Chi_Minh", "Asia/Kathmandu", "America/Santiago", "America/Havana"])
@pytest.mark.parametrize("due", DUES)
@given(
    now=st.datetimes(
        datetime.fromisoformat("2000-01-01"), timezones=st.just(UTC), max_value=datetime.fromisoformat("2100-01-01")
    )
)
def test_now_lies_between_two_neighbouring_due_times(due: Due, zone: str, now: datetime) -> None:
    there = ZoneInfo(zone)
    latest, following = latest_due(due, now, there), next_due(due, now, there)
    assert latest <= now < following
    assert latest_due(due, following, there) == following
    assert latest_due(due, following - timedelta(microseconds=1), there) == latest
