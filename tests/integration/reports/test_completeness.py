"""Completeness on a real database: shares of days, and the gaps of a station's day with their causes."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from typer.testing import CliRunner

from ingest.rollups import consumer as rollups
from quantrac.cli.commands.report import app
from quantrac.database.time_zone import time_zone
from quantrac.telemetry.gaps import GapCause
from quantrac.telemetry.local_time import Calendar
from quantrac.telemetry.states import State
from reports.completeness.causes import explain_days
from reports.completeness.days import ChannelDay, channel_days, gaps, station_days
from reports.completeness.report import completeness_report
from reports.spans import BadSpan, ReportSpan
from tests.integration.database.conftest import NOON, World, add_channel

DAY = date(2026, 11, 24)
BEGIN = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
NIGHT = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
STORE = """
insert into reading select %(id)s, %(begin)s + n * interval '1 minute', %(value)s, %(state)s, 0, %(begin)s
from generate_series(%(first)s::int, %(last)s::int) n
"""


@pytest.fixture
def day(world: World) -> World:
    """A day of two channels: an hour of nothing, calibration, a lost device, a failed reading, a power cut, an end."""
    conn = world.conn
    other = add_channel(conn, "ph")
    conn.execute("update channel set device = 'sonde'")

    def store(channel_id: int, first: int, last: int, value: float | None = 5.0, state: State = State.OK) -> None:
        values = {"id": channel_id, "begin": BEGIN, "first": first, "last": last, "value": value, "state": int(state)}
        conn.execute(STORE, values)

    store(other, 61, 1440)
    store(world.channel_id, 61, 200)
    store(world.channel_id, 201, 230, 4.0, State.CAL)
    store(world.channel_id, 231, 300)
    store(world.channel_id, 301, 360, None, State.COMM)
    store(world.channel_id, 361, 720)
    store(world.channel_id, 721, 725, None, State.FAULT)
    store(world.channel_id, 726, 1430)
    conn.execute(
        "insert into reading_flag values (default, %s, %s, 'spike', 4, 'quality', null, now())",
        [world.channel_id, BEGIN + 400 * MINUTE],
    )
    for seq, minute, device, kind in ((1, 303, "sonde", "device_lost"), (2, 726, None, "restart")):
        at = BEGIN + minute * MINUTE
        conn.execute(
            "insert into station_event values ('st-test', 'e', %s, 0, %s, %s, %s, '', %s)", [seq, at, device, kind, at]
        )
    rollups.make_everything(conn)
    return world


def test_each_gap_of_a_day_has_its_cause_and_the_shares_are_those_of_the_daily_values(day: World) -> None:
    conn = day.conn
    conn.execute("insert into ingest_health values (%s, %s, true)", [BEGIN - MINUTE, BEGIN + 61 * MINUTE])
    conn.execute("set role quantrac_console")
    found = [
        (one.gap.channel[8:], (one.gap.after - BEGIN) // MINUTE, (one.gap.until - BEGIN) // MINUTE, one.gap.readings,
         one.gap.kind, one.cause)
        for one in gaps(conn, "st-test", DAY, NIGHT)
    ]  # fmt: skip
    assert found == [
        ("do", 0, 60, 60, "absent", GapCause.LINK), ("do", 200, 230, 30, "cal", GapCause.CALIBRATION),
        ("do", 300, 360, 60, "comm", GapCause.FAULT), ("do", 399, 400, 1, "test", GapCause.TEST),
        ("do", 720, 725, 5, "fault", GapCause.POWER), ("do", 1430, 1440, 10, "absent", GapCause.UNKNOWN),
        ("ph", 0, 60, 60, "absent", GapCause.LINK),
    ]  # fmt: skip
    conn.execute("reset role")
    conn.execute("update ingest_health set healthy = false")
    assert next(one.cause for one in gaps(conn, "st-test", DAY, NIGHT)) is GapCause.CENTRE
    missing = sum(row[3] for row in found if row[0] == "do")
    assert channel_days(conn, "st-test", DAY) == [
        ChannelDay("st-test/do", 1440, 1370, 1440 - missing), ChannelDay("st-test/ph", 1440, 1380, 1380),
    ]  # fmt: skip
    (shown, after) = station_days(conn, DAY - timedelta(days=1), DAY + timedelta(days=1), NIGHT + timedelta(days=1))
    assert (after.share, after.expected) == (0.0, 2880), (
        "nothing came all day; before the first reading none was expected"
    )
    assert shown.share == pytest.approx((1440 - missing + 1380) / 2880)
    assert [one.until for one in (gap.gap for gap in gaps(conn, "st-test", DAY, NOON)) if one.until > NOON] == []
    assert gaps(conn, "st-test", DAY + timedelta(days=9), NIGHT) == [], "a day that has not begun"
    assert station_days(conn, DAY, DAY, NIGHT, frozenset()) == []
    with pytest.raises(BadSpan, match="at most 400 days"):
        station_days(conn, DAY, DAY - timedelta(days=1), NIGHT)
    with pytest.raises(BadSpan, match="no station st-none"):
        gaps(conn, "st-none", DAY, NIGHT)


def test_the_report_of_a_month_and_a_year_adds_up_by_channel_with_causes(day: World) -> None:
    conn = day.conn
    conn.execute("insert into ingest_health values (%s, %s, true)", [BEGIN - MINUTE, BEGIN + 61 * MINUTE])
    conn.execute("set role quantrac_console")
    month = completeness_report(conn, ReportSpan.of("2026-11"), NIGHT)
    assert [(row.channel, row.period, row.expected, row.received, row.counted) for row in month] == [
        ("st-test/do", "2026-11", 1440, 1370, 1274), ("st-test/ph", "2026-11", 1440, 1380, 1380),
    ]  # fmt: skip
    assert month[0].lacking == {
        GapCause.LINK: 60, GapCause.POWER: 5, GapCause.CALIBRATION: 30, GapCause.FAULT: 60, GapCause.TEST: 1,
        GapCause.UNKNOWN: 10,
    }  # fmt: skip
    assert (month[0].received_share, month[0].valid_share) == (1370 / 1440, 1274 / 1440)
    assert completeness_report(conn, ReportSpan.of("2026-11-24"), NIGHT) == [
        replace(row, period="2026-11-24") for row in month
    ]
    year = completeness_report(conn, ReportSpan.of("2026"), NIGHT + timedelta(days=1))
    assert [(row.channel, row.period, row.expected, row.counted) for row in year] == [
        ("st-test/do", "2026-11", 2880, 1274), ("st-test/do", "2026", 2880, 1274),
        ("st-test/ph", "2026-11", 2880, 1380), ("st-test/ph", "2026", 2880, 1380),
    ]  # fmt: skip
    assert all(sum(row.lacking.values()) == row.expected - row.counted for row in (*month, *year))
    assert completeness_report(conn, ReportSpan.of("2026-11"), NIGHT, frozenset({"st-none"})) == []
    assert completeness_report(conn, ReportSpan.of("2026-12"), NIGHT) == [], "a month that has not begun"


def test_a_longer_interval_hides_no_cause_and_channels_that_come_and_go_leave_past_days_alone(day: World) -> None:
    conn, next_day = day.conn, DAY + timedelta(days=1)
    other = add_channel(conn, "temp")
    conn.execute("update channel set interval_s = 900 where channel_id = %s", [other])
    conn.execute("delete from channel_interval")  # it always was
    conn.execute(
        """insert into reading select %s, %s::timestamptz + n * interval '15 minutes', 5, 0, 0, %s
        from generate_series(4, 96) n""",
        [other, BEGIN, BEGIN],
    )
    rollups.make_everything(conn)

    def causes() -> list[tuple[str, GapCause]]:
        found = [one for one in gaps(conn, "st-test", DAY, NIGHT) if one.gap.after == BEGIN]
        return [(one.gap.channel[8:], one.cause) for one in found]

    assert causes() == [(name, GapCause.LINK) for name in ("do", "ph", "temp")]
    conn.execute("insert into ingest_health values (%s, %s, false)", [BEGIN + MINUTE / 2, BEGIN + 60.5 * MINUTE])
    assert causes() == [(name, GapCause.CENTRE) for name in ("do", "ph", "temp")]

    conn.execute(
        "insert into out_of_service (station, device, channels, person, reason, since, until, ended_at, ended_by)"
        " values ('st-test', 'sonde', '{do,ph}', 'An', 'probe', %s, %s, %s, 'An')",
        [BEGIN, BEGIN + timedelta(days=9), BEGIN + 61 * MINUTE],
    )
    out = GapCause.OUT_OF_SERVICE
    assert causes() == [("do", out), ("ph", out), ("temp", GapCause.CENTRE)]
    conn.execute("delete from out_of_service")

    def expected() -> list[int]:
        return [one.expected for one in station_days(conn, DAY, next_day, NIGHT + timedelta(days=1))]

    was = channel_days(conn, "st-test", DAY)
    assert expected() == [2880 + 96, 2880 + 96]
    conn.execute("update channel set active = false where channel_id = %s", [other])
    added = add_channel(conn, "salinity")
    conn.execute("insert into reading values (%s, %s, 5, 0, 0, now())", [added, BEGIN + timedelta(days=1, hours=2)])
    rollups.make_everything(conn)
    assert expected() == [2880 + 96, 2880 + 1440]
    assert channel_days(conn, "st-test", DAY) == was
    assert causes() == [(name, GapCause.CENTRE) for name in ("do", "ph", "temp")]
    assert [one.channel for one in channel_days(conn, "st-test", next_day)] == [
        "st-test/do", "st-test/ph", "st-test/salinity",
    ]  # fmt: skip

    add_channel(conn, "turbidity")  # that never sends anything
    conn.execute("update station set in_service = %s", [BEGIN + timedelta(days=1)])
    assert channel_days(conn, "st-test", DAY) == was, "before the station was in service nothing is expected of it"
    assert [one.expected for one in channel_days(conn, "st-test", next_day)] == [1440] * 4
    conn.execute("update station set active = false")
    assert channel_days(conn, "st-test", next_day + timedelta(days=1)) == [], "nor after it was taken out of the files"


def test_on_a_day_whose_interval_changed_gaps_are_told_by_the_interval_of_their_time(world: World) -> None:
    conn, noon = world.conn, BEGIN + 720 * MINUTE
    conn.execute("update channel set interval_s = 300")
    conn.execute("update channel_interval set during = tstzmultirange(tstzrange(null, %s, '(]'))", [noon])
    values = {"id": world.channel_id, "begin": BEGIN, "value": 5.0, "state": int(State.OK)}
    conn.execute(STORE, {**values, "first": 1, "last": 99})
    conn.execute(STORE, {**values, "first": 101, "last": 700})
    for first, last in ((144, 199), (203, 287)):
        conn.execute(STORE.replace("1 minute", "5 minutes"), {**values, "first": first, "last": last})

    def found() -> list[tuple[int, int, int]]:
        return [
            ((one.gap.after - BEGIN) // MINUTE, (one.gap.until - BEGIN) // MINUTE, one.gap.readings)
            for one in gaps(conn, "st-test", DAY, NIGHT)
        ]

    assert found() == [(99, 100, 1), (700, 719, 19), (995, 1010, 3)]
    conn.execute("update channel set interval_s = 60")
    conn.execute("delete from channel_interval where interval_s = 300")
    conn.execute("update channel_interval set interval_s = 900")
    conn.execute("delete from reading where time > %s", [BEGIN + 1000 * MINUTE])
    assert found()[-1] == (995, 1440, 445), "now a reading a minute is expected after noon"


def test_the_commands_report_shares_and_gaps(day: World, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUANTRAC_DATABASE_URL", database)
    shares = CliRunner().invoke(app, ["completeness", "--from", "2026-11-24", "--to", "2026-11-24"])
    assert "st-test" in shares.output, shares.output
    assert "92%  2654 of 2880, 2750 came" in shares.output
    by_channel = CliRunner().invoke(app, ["completeness", "--day", "2026-11-24"]).output
    assert "received  95.13 %  valid  88.47 %  link 60, power 5, calibration 30, fault 60, test 1, " in by_channel
    table = CliRunner().invoke(app, ["completeness", "--day", "2026-11-24", "--csv"]).output.splitlines()
    assert table[2].startswith("st-test,st-test/ph,2026-11-24,1440,1380,95.83,1380,95.83,60,0,0,")
    for wrong in (["--month", "2026"], ["--year", "26"], ["--csv"], ["--day", "2026-11-24", "--from", "2026-11-01"]):
        assert CliRunner().invoke(app, ["completeness", *wrong]).exit_code, wrong
    said = CliRunner().invoke(app, ["gaps", "st-test", "2026-11-24"]).output
    assert "05:00:00 .. 06:00:00     60  comm      fault  device_lost 2026-11-24 05:03:00" in said
    found = json.loads(CliRunner().invoke(app, ["gaps", "st-test", "2026-11-24", "--json"]).output)
    assert (found[2]["gap"]["kind"], found[2]["cause"], found[2]["event"]["kind"]) == ("comm", "fault", "device_lost")


def test_the_view_says_the_shares_of_each_day_and_after_the_job_why_readings_lack(world: World) -> None:
    """Counted by hand: the day before yesterday an hour of nothing, 30 min of calibration; yesterday nothing came."""
    conn, now = world.conn, datetime.now(UTC)
    add_channel(conn, "ph")
    battery = add_channel(conn, "battery_v")
    conn.execute("update channel set parameter = 'battery_v' where channel_id = %s", [battery])
    conn.execute("update station set in_service = %s", [now - timedelta(days=1)])
    calendar = Calendar(time_zone(conn))
    today = now.astimezone(calendar.zone).date()
    day, begin = today - timedelta(days=2), calendar.midnight(today - timedelta(days=2))
    for first, last, state in ((61, 200, State.OK), (201, 230, State.CAL), (231, 1440, State.OK)):
        values = {"id": world.channel_id, "begin": begin, "first": first, "last": last, "value": 4.0}
        conn.execute(STORE, {**values, "state": int(state)})
    rollups.make_everything(conn)
    rows = """select channel, day, expected, received, valid, causes from v_completeness where day < %s
              order by channel, day"""
    shown = [
        ("st-test/do", day, 1440, 1380, 1350, None), ("st-test/do", day + timedelta(days=1), 1440, 0, 0, None),
        ("st-test/ph", day + timedelta(days=1), 1440, 0, 0, None),
    ]  # fmt: skip
    conn.execute("set role quantrac_reader")
    assert conn.execute(rows, [today]).fetchall() == shown
    conn.execute("set role quantrac_ingest")
    assert [explain_days(conn, now, 1) for _ in range(3)] == [(1, 1), (1, 0), (0, 0)], "some at a time, then no more"
    conn.execute("set role quantrac_reader")
    causes = [causes for *_, causes in conn.execute(rows, [today])]
    assert causes == [{"link": 60, "calibration": 30}, {"link": 1440}, {"link": 1440}], "all of the station was silent"
    sums = (
        "select station, day, sum(expected), sum(received), sum(valid) from v_completeness where day < %s group by 1, 2"
    )
    of_view = set(conn.execute(sums, [today]))
    conn.execute("reset role")
    days = station_days(conn, day, today - timedelta(days=1), now)
    assert of_view == {(one.station, one.day, one.expected, one.received, one.counted) for one in days}
    values = {"id": world.channel_id, "begin": begin, "first": 1, "last": 60, "value": 4.0, "state": 0}
    conn.execute(STORE, values)
    rollups.make_everything(conn)
    assert conn.execute(rows, [today]).fetchall()[0][2:] == (1440, 1440, 1410, None), "late data: the figures changed"
    assert explain_days(conn, now) == (1, 0)
    assert conn.execute(rows, [today]).fetchall()[0][5] == {"calibration": 30}
