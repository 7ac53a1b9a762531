"""Hours and days of networks in other time zones: with summer time, with a quarter of an hour, and after an edit."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from ingest.quality.follower import Follower
from ingest.quality.service import works
from ingest.rollups import consumer as rollups
from quantrac.database.feed import Cause, Consumer, ConsumerUnregistered, NewChange, append_changes, unregister

HOUR = timedelta(hours=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def station(network: psycopg.Connection) -> psycopg.Connection:
    """st-test with one reading of `do` each quarter of an hour."""
    network.execute("update channel set interval_s = 900 where station = 'st-test'")
    network.execute("delete from channel_interval")
    return network


def in_zone(conn: psycopg.Connection, zone: str) -> None:
    conn.execute("update network set time_zone = %s", [zone])


def store(conn: psycopg.Connection, first: datetime, last: datetime) -> None:
    """Store readings first < t <= last, each the number of hours since `first` in which it lies."""
    row = conn.execute("select channel_id from channel where channel = 'st-test/do'").fetchone()
    assert row is not None
    quarters = [first + (n + 1) * timedelta(minutes=15) for n in range((last - first) // timedelta(minutes=15))]
    with conn.transaction():
        conn.cursor().executemany(
            "insert into reading (channel_id, time, value, state, tests, received_at) values (%s, %s, %s, 0, 0, %s)",
            [(row[0], time, (time - first - timedelta(minutes=15)) // HOUR, last) for time in quarters],
        )
        append_changes(conn, [NewChange("st-test", row[0], quarters[0], last, len(quarters), Cause.READING)])


def follow(conn: psycopg.Connection) -> None:
    feed = Consumer(conn, rollups.NAME, rollups.CAUSES)
    rounds = rollups.RollupRounds()
    while rounds.round_of(conn, feed, 100):
        pass


def days(conn: psycopg.Connection) -> list[tuple[datetime, int, int]]:
    """Beginning, readings and expected readings of each day."""
    rows: Iterable[tuple[datetime, int, int]] = conn.execute(
        "select time, count, expected from v_daily where channel = 'st-test/do' order by time"
    )
    return list(rows)


@pytest.mark.parametrize(
    ("zone", "first", "last", "expected"),
    [
        ("Asia/Jayapura", "05-01 00:00", "05-02 15:00", [("04-30 15:00", 60), ("05-01 15:00", 96)]),
        ("Asia/Kathmandu", "05-01 18:15", "05-03 18:15", [("05-01 18:15", 96), ("05-02 18:15", 96)]),
        # Clocks go back at the end of 4 April 2026 (25 hours), and forward at that of 5 September (23).
        ("America/Santiago", "04-04 03:00", "04-06 04:00", [("04-04 03:00", 100), ("04-05 04:00", 96)]),
        ("America/Santiago", "09-05 04:00", "09-07 03:00", [("09-05 04:00", 96), ("09-06 04:00", 92)]),
    ],
)
def test_a_day_is_that_of_the_network(
    station: psycopg.Connection, zone: str, first: str, last: str, expected: list[tuple[str, int]]
) -> None:
    in_zone(station, zone)
    store(station, utc(f"2026-{first}"), utc(f"2026-{last}"))
    follow(station)
    found = [(time, count) for time, count, _ in days(station)]
    assert found == [(utc(f"2026-{time}"), count) for time, count in expected]
    assert all(count == wanted for _, count, wanted in days(station) if count > 60)


def test_hours_begin_with_the_quarter_of_kathmandu(station: psycopg.Connection) -> None:
    in_zone(station, "Asia/Kathmandu")
    store(station, utc("2026-05-01 00:15"), utc("2026-05-01 03:15"))
    follow(station)
    hours = station.execute("select time, value, count from v_hourly order by time").fetchall()
    assert hours == [(utc("2026-05-01 00:15") + n * HOUR, float(n), 4) for n in range(3)]


def test_another_zone_later_makes_all_days_anew(station: psycopg.Connection, database: str) -> None:
    """Days of the old zone go, also the past ones; what is made is what would have been made from the beginning."""
    store(station, utc("2026-04-30 17:00"), utc("2026-06-10 17:00"))
    follow(station)
    assert len(days(station)) == 41
    for zone in ("America/Santiago", "Asia/Kathmandu", "Asia/Ho_Chi_Minh"):
        feed = Consumer(station, rollups.NAME, rollups.CAUSES)
        in_zone(station, zone)
        unregister(station, rollups.NAME)
        with pytest.raises(ConsumerUnregistered):
            rollups.RollupRounds().round_of(station, feed, 1)
        _make_everything(database)
        found = days(station), station.execute("select * from v_hourly order by time").fetchall()
        assert sum(count for _, count, _ in found[0]) == 41 * 96
        station.execute("delete from hourly")
        station.execute("delete from daily")
        unregister(station, rollups.NAME)
        _make_everything(database)
        assert found == (days(station), station.execute("select * from v_hourly order by time").fetchall())


def test_days_whose_readings_were_dropped_are_cut_from_their_hours(station: psycopg.Connection, database: str) -> None:
    store(station, utc("2026-04-30 17:00"), utc("2026-05-03 17:00"))
    follow(station)
    station.execute("delete from reading")
    station.execute("insert into dropped values ('reading', '2026-06-01Z')")
    in_zone(station, "Asia/Jayapura")
    unregister(station, rollups.NAME)
    _make_everything(database)
    assert [(time, count) for time, count, _ in days(station)] == [
        (utc("2026-04-30 15:00"), 22 * 4), (utc("2026-05-01 15:00"), 96), (utc("2026-05-02 15:00"), 96),
        (utc("2026-05-03 15:00"), 2 * 4),
    ]  # fmt: skip


def test_days_whose_hours_were_dropped_stay(station: psycopg.Connection, database: str) -> None:
    store(station, utc("2026-04-30 17:00"), utc("2026-05-04 17:00"))
    follow(station)
    station.execute("delete from hourly where time < '2026-05-02 17:00Z'")
    station.execute("delete from reading")
    station.execute("insert into dropped values ('reading', '2026-06-01Z')")
    in_zone(station, "Asia/Jayapura")
    unregister(station, rollups.NAME)
    _make_everything(database)
    assert [(time, count) for time, count, _ in days(station)] == [
        (utc("2026-04-30 17:00"), 96), (utc("2026-05-01 17:00"), 96), (utc("2026-05-02 17:00"), 96),
        (utc("2026-05-03 15:00"), 96), (utc("2026-05-04 15:00"), 2 * 4),
    ]  # fmt: skip


def _make_everything(database: str) -> None:
    """Begin the consumer of roll-ups anew, as `quality run` does."""
    (work,) = [work for work in works(lambda: utc("2026-07-01")) if work.name == rollups.NAME]
    follower = Follower(work, lambda: utc("2026-07-01"), threading.Event())
    with psycopg.connect(database, autocommit=True, options="-c TimeZone=UTC") as conn:
        feed = follower.consumer(conn)
        while work.round_of(conn, feed):
            pass
