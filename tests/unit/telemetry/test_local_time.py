"""Where local hours and days begin. Expected times are the zones' own, as the tz database documents them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantrac.telemetry.local_time import HOUR, Calendar, moment, shown

ZONES = ["Asia/Ho_Chi_Minh", "Asia/Jayapura", "Asia/Kathmandu", "America/Santiago", "America/Havana", "Europe/Berlin"]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def calendar(zone: str) -> Calendar:
    return Calendar(ZoneInfo(zone))


def test_a_local_day_ends_with_its_midnight() -> None:
    """24 November 2026 in Vietnam is 17:00 UTC of the 23rd (excluded) to 17:00 UTC of the 24th (included)."""
    begin, end = utc("2026-11-23 17:00"), utc("2026-11-24 17:00")
    times = [begin, begin + timedelta(milliseconds=1), end]
    assert [calendar("Asia/Ho_Chi_Minh").day_start(time) for time in times] == [begin - timedelta(days=1), begin, begin]
    assert [calendar("Asia/Ho_Chi_Minh").day_end(time) for time in times] == [begin, end, end]


@pytest.mark.parametrize(
    ("zone", "day", "begin", "hours"),
    [
        ("Asia/Jayapura", date(2026, 5, 1), "2026-04-30 15:00", 24),  # UTC+9
        ("Asia/Kathmandu", date(2026, 5, 1), "2026-04-30 18:15", 24),  # UTC+5:45
        ("America/Santiago", date(2026, 4, 4), "2026-04-04 03:00", 25),  # at its end 24:00 becomes 23:00
        ("America/Santiago", date(2026, 9, 5), "2026-09-05 04:00", 24),
        ("America/Santiago", date(2026, 9, 6), "2026-09-06 04:00", 23),  # has no midnight: it begins at 01:00
    ],
)
def test_a_day_has_the_hours_that_its_clocks_give_it(zone: str, day: date, begin: str, hours: int) -> None:
    start = calendar(zone).midnight(day)
    assert start == utc(begin)
    assert calendar(zone).day_end(start + HOUR) - start == hours * HOUR


@pytest.mark.parametrize(
    ("zone", "begin"),
    [("Asia/Jayapura", "2026-05-01 06:00"), ("Asia/Kathmandu", "2026-05-01 06:15"), ("UTC", "2026-05-01 06:00")],
)
def test_hours_begin_with_the_zone_s_own(zone: str, begin: str) -> None:
    assert calendar(zone).hour_start(utc("2026-05-01 06:20")) == utc(begin)
    assert calendar(zone).hour_end(utc(begin)) == utc(begin)


@given(
    time=st.datetimes(
        datetime.fromisoformat("1995-01-01"), datetime.fromisoformat("2036-01-01"), timezones=st.just(UTC)
    ),
    zone=st.sampled_from(ZONES),
)
def test_days_follow_one_another_without_gap_or_overlap(time: datetime, zone: str) -> None:
    of = calendar(zone)
    start, end = of.day_start(time), of.day_end(time)
    assert start < time <= end
    assert of.day_start(end) == start
    assert of.day_start(end + timedelta(microseconds=1)) == end
    assert end - start in (23 * HOUR, 24 * HOUR, 25 * HOUR)
    assert of.hour_start(time) < time <= of.hour_end(time)
    assert of.hour_end(end) == end  # days are made of whole hours


def test_people_write_and_read_times_of_their_zone() -> None:
    santiago = ZoneInfo("America/Santiago")
    assert moment("2026-07-01T07:05", santiago) == utc("2026-07-01 11:05")
    assert moment("2026-12-01", santiago) == utc("2026-12-01 03:00")
    assert moment("2026-12-01T07:05+07:00", santiago) == utc("2026-12-01 00:05")
    assert shown(utc("2026-07-01 11:05"), santiago) == "2026-07-01 07:05:00"


def test_no_module_has_a_zone_of_its_own() -> None:
    """The zone is `time_zone` of network.yaml, handed in; UTC is nobody's, the ministry has its own by law."""
    root = Path(__file__).parents[3]
    rooms = ("alerts", "dashboards", "edge_agent", "ingest", "quantrac", "reports")
    own = [
        str(path.relative_to(root))
        for room in rooms
        for path in (root / room).rglob("*.py")
        for name in re.findall(r'ZoneInfo\("([^"]+)"\)|timezone\(timedelta', path.read_text("utf-8"))
        if name != "UTC"
    ]
    assert own == ["quantrac/telemetry/ministry.py"]
