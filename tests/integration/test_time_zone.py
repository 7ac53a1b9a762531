"""A network in another time zone, from its files to what people get: Chile, on the day its clocks go forward.

On 6 September 2026 they go from 00:00 to 01:00: the day lasts from 04:00 UTC to 03:00 UTC of the 7th.
"""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from ingest.rollups import consumer
from quantrac.database.feed import Cause, Consumer, NewChange, append_changes
from tests.fixtures import program

CHANNEL = "st-my-thanh/do"
BEGIN, END = datetime(2026, 9, 6, 4, tzinfo=UTC), datetime(2026, 9, 7, 3, tzinfo=UTC)


@pytest.fixture
def chile(database: str, tmp_path: Path) -> Iterator[psycopg.Connection]:
    """The network of the shipped files, in Chile, with a reading of oxygen each minute of three days."""
    folder = tmp_path / "station_configs"
    shutil.copytree(program.PROJECT / "station_configs", folder)
    file = folder / "network.yaml"
    text = file.read_text("utf-8")
    file.write_text(text.replace("time_zone: Asia/Ho_Chi_Minh", "time_zone: America/Santiago"), "utf-8")
    quantrac(database, folder, "stations", "apply", str(folder))
    with psycopg.connect(database, autocommit=True, options="-c TimeZone=UTC") as conn:
        row = conn.execute("select channel_id, interval_s from channel where channel = %s", [CHANNEL]).fetchone()
        assert row is not None
        number, interval = row[0], timedelta(seconds=row[1])
        times = [BEGIN - timedelta(days=1) + n * interval for n in range(1, 3 * 86_400 // int(row[1]) + 1)]
        with conn.transaction():
            conn.cursor().executemany(
                "insert into reading (channel_id, time, value, state, tests, received_at) values (%s, %s, 5, 0, 0, %s)",
                [(number, time, time) for time in times],
            )
            append_changes(conn, [NewChange("st-my-thanh", number, times[0], times[-1], len(times), Cause.READING)])
        yield conn


def quantrac(database: str, configs: Path, *words: str) -> str:
    done = program.quantrac(*words, database_url=database, config=configs)
    assert done.returncode == 0, f"{words}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_a_day_of_23_hours_is_one_in_daily_values_exports_and_lists(
    chile: psycopg.Connection, database: str, tmp_path: Path
) -> None:
    assert_the_day_of_its_daily_value_has_23_hours(chile)
    assert_an_export_of_the_day_has_its_readings_and_its_clock(chile, database, tmp_path / "station_configs")
    assert_a_list_of_alarms_has_its_clock(chile, database, tmp_path / "station_configs")


def assert_the_day_of_its_daily_value_has_23_hours(chile: psycopg.Connection) -> None:
    feed = Consumer(chile, consumer.NAME, consumer.CAUSES)
    rounds = consumer.RollupRounds()
    while rounds.round_of(chile, feed, 100):
        pass
    days = chile.execute(
        "select time, completeness from v_daily where channel = %s order by time", [CHANNEL]
    ).fetchall()
    assert (BEGIN, 1.0) in days
    assert (END, 1.0) in days


def assert_an_export_of_the_day_has_its_readings_and_its_clock(
    chile: psycopg.Connection, database: str, configs: Path
) -> None:
    text = quantrac(
        database, configs, "export", "readings", "--channel", CHANNEL,
        "--from", "2026-09-06", "--to", "2026-09-07",
    )  # fmt: skip
    rows = list(csv.DictReader(io.StringIO(text)))
    times = [datetime.fromisoformat(row["time_utc"]) for row in rows]
    row = chile.execute(
        "select count(*) from v_reading where channel = %s and time > %s and time <= %s", [CHANNEL, BEGIN, END]
    ).fetchone()
    assert row == (len(rows),)
    assert (times[-1], rows[-1]["time_america_santiago"]) == (END, "2026-09-07T00:00:00.000-03:00")


def assert_a_list_of_alarms_has_its_clock(chile: psycopg.Connection, database: str, configs: Path) -> None:
    chile.execute(
        "insert into alarm (rule, level, station, severity, state, raised_at)"
        " values ('station-silent', 'act', 'st-my-thanh', 'high', 'unacknowledged', '2026-09-06 11:05Z')"
    )
    assert "2026-09-06 08:05:00" in quantrac(database, configs, "alarms", "list")
