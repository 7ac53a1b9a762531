"""Due times: aligned, never skipped, the same for every process."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantrac.telemetry.due_times import (
    Due,
    DueDays,
    EachMonth,
    EachWeek,
    EachYear,
    Every,
    OnDays,
    latest_due,
    next_due,
    parse_due,
)

NOW = datetime(2026, 11, 24, 8, 17, 48, tzinfo=UTC)
VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
LEAP = EachYear(2, 29)
DUES = [
    Every(timedelta(seconds=30)), Every(timedelta(hours=1)), OnDays(time(2, 30)), OnDays(time(0, 0)),
    OnDays(time(0, 0), EachWeek(6)), OnDays(time(23, 59), EachMonth(31)), OnDays(time(0, 0), EachMonth(1)),
    OnDays(time(2, 30), LEAP), OnDays(time(0, 0), EachYear(1, 1)),
]  # fmt: skip


def test_every_hour_is_due_at_the_full_hour() -> None:
    every = Every(timedelta(hours=1))
    assert latest_due(every, NOW, VIETNAM) == datetime(2026, 11, 24, 8, tzinfo=UTC)
    assert next_due(every, NOW, VIETNAM) == datetime(2026, 11, 24, 9, tzinfo=UTC)


def test_daily_means_the_day_of_the_people_who_are_seven_hours_ahead() -> None:
    at_three = OnDays(time(3, 0))
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
    assert next_due(OnDays(time(3, 0)), moment, ZoneInfo(zone)) == due


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
    if isinstance(due, OnDays):
        assert next_due(due, latest, there) == following, "none lies between them"


@pytest.mark.parametrize(
    ("days", "after", "expected"),
    [
        (EachMonth(31), "2027-02-01", "2027-02-28"),
        (EachMonth(31), "2028-01-31", "2028-02-29"),
        (LEAP, "2026-12-31", "2027-02-28"),
        (LEAP, "2027-12-31", "2028-02-29"),
        (LEAP, "2028-02-29", "2029-02-28"),
        (EachWeek(0), "2026-11-30", "2026-12-07"),
        (EachYear(1, 5), "2026-12-31", "2027-01-05"),
    ],
)
def test_a_day_that_a_month_or_a_year_lacks_is_the_last_before_it(days: DueDays, after: str, expected: str) -> None:
    assert days.after(date.fromisoformat(after)) == date.fromisoformat(expected)


@pytest.mark.parametrize(
    "text", ["every 30 s", "daily 02:30", "monday 06:30", "sunday 00:00", "monthly 31 07:00", "yearly 02-29 07:00"]
)
def test_a_due_time_is_read_as_it_is_written(text: str) -> None:
    assert str(parse_due(text)) == text


@pytest.mark.parametrize("text", ["", "daily", "mon 06:30", "daily 24:00", "monthly 32 07:00", "yearly 02-30 07:00"])
def test_what_is_no_due_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_due(text)
