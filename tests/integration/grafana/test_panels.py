"""Every query of every dashboard runs, as the reader's role, on one filled database, with Grafana's macros expanded."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from benchmarks.grafana_queries import expand, queries_of
from dashboards.grafana import alarm_performance, files, network, queries
from quantrac.config.loader import load_network
from quantrac.database.pool import Connection, connect
from quantrac.desks.network import apply_network
from quantrac.private_services.postgres import PrivatePostgres

PROJECT = Path(__file__).parents[3]
NETWORK = load_network(PROJECT / "station_configs")
NOW = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
STATIONS = ("st-my-thanh", "st-tran-de", "st-tp-soc-trang")
DO = "st-my-thanh/do"
SQL = {
    name: sql
    for text in files.rendered(NETWORK, "http://console").values()
    if text.startswith("{")
    for name, sql in queries_of(json.loads(text))
}
YEAR, MONTH, DAY, HOUR = 24.0 * 400, 24.0 * 30, 24.0, 1.0
FILL = """
insert into reading select channel_id, %(now)s - n * interval '1 minute', n, 0, 0, %(now)s
from channel, generate_series(0, 9) n;
insert into reading select channel_id, %(now)s - interval '20 minutes', 12, 1, 8, %(now)s from channel;
insert into latest select channel_id, %(now)s, 0, 0, 0, %(now)s from channel;
insert into derived_reading select channel_id, %(now)s - interval '5 minutes', 42, 0, 1, %(now)s
from channel where derived;
insert into hourly (channel_id, time, value, mean, min, max, count, received, expected)
select channel_id, date_trunc('hour', %(now)s - n * interval '1 hour'), n, n, n - 1, n + 1, 60, 60, 60
from channel, generate_series(0, 9) n;
insert into daily (channel_id, time, value, mean, min, max, count, received, expected)
select channel_id, %(midnight)s - n * interval '1 day', 5, 5, 4, 6, 1400, 1420, 1440
from channel, generate_series(0, 365) n where parameter in ('do', 'salinity', 'pm2_5') or n between 1 and 2;
insert into alarm
  (rule, level, station, channel_id, severity, state, raised_at, acknowledged_at, acknowledged_by, texts)
select 'do-low', 'act', station, channel_id, 'high', 'acknowledged', %(now)s, %(now)s + interval '2 minutes', 'lan',
  '{"title": {"vi": "Oxy thấp", "en": "Low oxygen"}}' from channel where name = 'do';
insert into service values ('ingest', '1', %(now)s, %(now)s, true, 0);
insert into ledger (station, epoch, highest_arrived, last_seen_at) select station, '9f31c2ab', 3, now() from station;
insert into consumer (consumer, position) values ('alerts', 0), ('quality', 0);
insert into station_event select station, '9f31c2ab', 1, 0, %(now)s, 'sonde', 'calibration', 'pH 7', %(now)s
from station;
insert into image select station, 'gate', %(now)s, sha256('x'), 'alarm', '9f31c2ab', 1, %(now)s, 'jpeg' from station;
insert into shelf (rule, station, person, reason, since, until)
values ('ph-band', 'st-my-thanh', 'lan', 'probe', %(now)s, '2126-01-01Z');
insert into flapping (rule, station, alarm_id, since) select 'do-low', station, alarm_id, %(now)s from alarm limit 1;
insert into dead_letter (first_received_at, received_at, topic, payload, length, sha256, reason, status)
values (%(now)s, %(now)s, 'quantrac/v1/x/readings', 'x', 1, sha256('x'), 'not_json', 'open');
insert into breach values ('st-my-thanh', 'flood', '2026-11-24', %(now)s, %(now)s, 2);
insert into carrier values ('smtp', 'email', %(now)s, %(now)s, false, 'refused');
insert into job_run values ('backup', %(now)s, %(now)s, %(now)s, 'done', '');
insert into contact (name, email) values ('Lan', 'lan@example.vn');
insert into notification (contact_id, medium, purpose, body, queued_at)
select contact_id, 'email', 'alarm', '', %(now)s from contact;
insert into review (channel_id, kind, from_t, to_t, readings, flag, person, reason, at)
select channel_id, 'flag', %(now)s, %(now)s, 1, 4, 'lan', 'fouled', %(now)s
from channel where channel = 'st-my-thanh/do';
"""


@pytest.fixture(scope="module")
def filled(postgres: PrivatePostgres, template: str) -> Iterator[Connection]:
    """The one database of these tests, as the reader sees it."""
    name = f"grafana_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    with connect(postgres.create_database(name, template=template), "test") as conn:
        apply_network(conn, NETWORK, "test", NOW)
        for statement in FILL.split(";\n")[:-1]:
            conn.execute(statement, {"now": NOW, "midnight": datetime(2026, 11, 23, 17, tzinfo=UTC)})
        conn.execute("analyze; set role quantrac_reader")
        yield conn
    postgres.drop_database(name)


@contextmanager
def changed(conn: Connection, *statements: str) -> Iterator[None]:
    """Change the database for the time of a test."""
    with conn.transaction(force_rollback=True):
        conn.execute("reset role")
        for statement in statements:
            conn.execute(statement)
        conn.execute("set role quantrac_reader")
        yield


def run(
    conn: Connection, sql: str, until: datetime = NOW, *, hours: float = HOUR, stations: Sequence[str] = STATIONS,
    channels: Sequence[str] = (DO,), parameter: str = "do",
) -> list[tuple[Any, ...]]:  # fmt: skip
    variables = {
        "station": stations, "parameter": [parameter] if stations else [], "channel": channels if stations else [],
        "left": channels, "right": ["st-tran-de/salinity"], "operators": ["2"],
    }  # fmt: skip
    expanded = expand(sql, since=NOW - timedelta(hours=hours), until=until, variables=variables)
    assert "$" not in expanded
    return conn.execute(expanded).fetchall()


NOTHING_THERE = {
    "quantrac-operations Cường độ sóng / Signal strength, dBm A",  # no station of ours measures it
    "quantrac-alarms Dồn dập, 3 lần trong 1 phút / Chattering A",
}
UP_TO_A_DAY = {"quantrac-completeness Phép thử tìm thấy (đến 1 ngày) / Found by tests (to a day) A"}
UP_TO_A_MONTH = {"quantrac-station $channel B"}  # doubtful readings


@pytest.mark.parametrize(("hours", "beyond"), [(DAY, set()), (MONTH, UP_TO_A_DAY), (YEAR, UP_TO_A_DAY | UP_TO_A_MONTH)])
def test_every_query_of_every_dashboard_finds_what_is_there_in_a_day_a_month_and_a_year(
    filled: Connection, hours: float, beyond: set[str]
) -> None:
    of_the_range = {name: sql for name, sql in SQL.items() if hours == DAY or "$__time" in sql}
    every = list(NETWORK.stations)
    rows = {name: len(run(filled, sql, hours=hours, stations=every)) for name, sql in of_the_range.items()}
    assert len(rows) > 60
    assert {name for name, count in rows.items() if count == 0} == NOTHING_THERE | beyond
    assert max(rows.values()) <= 2200 * len(NETWORK.stations)


def test_without_stations_every_query_is_sql_and_finds_nothing_of_them(filled: Connection) -> None:
    for name, sql in SQL.items():
        rows = run(filled, sql, stations=[])
        assert not rows or "${station:" not in sql or len(rows) == 1 or {row[0] for row in rows} == {None}, name


def test_the_chosen_stations_alone_are_drawn_by_their_names(filled: Connection) -> None:
    found = run(filled, queries.curves(queries.CHOSEN, queries.BY_STATION))
    assert {metric for _, metric, _ in found} == {"Sông Mỹ Thanh (cửa)", "Cảng Trần Đề, sông Hậu"}


def test_the_choice_of_parameters_begins_with_what_people_ask_for(filled: Connection) -> None:
    found = run(filled, queries.PARAMETER_VARIABLE)
    assert found[0] == ("Nhiệt độ nước / Water temperature", "water_temp")
    assert [value for _, value in found].index("do") < [value for _, value in found].index("battery_v")
    two = [
        text
        for text, _ in run(filled, SQL["quantrac-station $channel"], stations=STATIONS[:1])
        if text.startswith("Nhiệt độ nước")
    ]
    assert two == [
        "Nhiệt độ nước / Water temperature · level_temp, °C",
        "Nhiệt độ nước / Water temperature, °C",
    ]


def test_curves_have_the_same_times_whatever_the_intervals_and_fewer_points_the_longer_the_range(
    filled: Connection,
) -> None:
    sql = queries.curves(queries.CHOSEN, queries.BY_STATION)
    with changed(filled, "update channel set interval_s = 300 where channel = 'st-tran-de/do'"):
        found = run(filled, sql)
        times = {metric: {time for time, of, _ in found if of == metric} for _, metric, _ in found}
        assert len(times) == 2
        assert len(set(map(frozenset, times.values()))) == 1
        assert {(time.minute, time.second) for time, _, _ in run(filled, sql, hours=MONTH)} == {(0, 0)}
        assert len({time for time, _, _ in run(filled, sql, hours=MONTH)}) == 10
        assert {value for _, _, value in run(filled, sql, hours=YEAR)} == {5.0}


BANDS = queries.limit_bands(NETWORK)


def band(rows: list[tuple[Any, ...]]) -> dict[str, float]:
    """Return the value of each line; all of them are level."""
    found = {(metric, value) for _, metric, value in rows}
    assert len(dict(found)) == len(found)
    return dict(found)


def test_limits_are_bands_that_reach_as_far_as_the_curve_goes_beyond(filled: Connection) -> None:
    """Expected limits: oxygen.yaml for shrimp-intake: watch below 4, act below 3, danger 2. Readings are 0 to 9."""
    assert band(run(filled, BANDS)) == {
        "▼ Ngưỡng / Limit": 4, "▼ Ngưỡng / Limit …": 0, "▼ Ngưỡng nặng / Severe limit": 3,
        "▼ Ngưỡng nặng / Severe limit …": 0,
    }  # fmt: skip
    assert band(run(filled, BANDS, hours=YEAR))["▼ Ngưỡng nặng / Severe limit …"] == 3
    assert run(filled, BANDS, channels=["st-my-thanh/disk_free"]) == []
    dust = "'st-tp-soc-trang/pm2_5_24h' = any(channels)"
    figures = f"select value, average from {queries.limits_of(NETWORK)} where {dust}"
    assert run(filled, figures) == [(45, "24h")]
    assert run(filled, figures, datetime(2025, 12, 31, 16, 59, tzinfo=UTC)) == [(50, "24h")]


def test_a_doubtful_value_is_told_by_its_kind_and_does_not_set_the_scale(filled: Connection) -> None:
    assert [row[1:] for row in run(filled, queries.DOUBTFUL)] == [("Nghi ngờ / Suspect", 12.0)]
    at = "channel_id = (select channel_id from channel where channel = 'st-my-thanh/do')"
    with changed(filled, f"update reading set value = 1e300 where value = 12 and {at}"):
        assert run(filled, queries.DOUBTFUL) == []
    with changed(filled, f"update reading set state = 5 where value = 12 and {at}"):
        assert run(filled, queries.DOUBTFUL)[0][1] == "Hiệu chuẩn / Calibration"


def test_the_time_line_has_a_verdict_for_every_step_also_for_what_never_came(filled: Connection) -> None:
    sql = queries.verdicts("Asia/Ho_Chi_Minh")
    hour = [verdict for _, _, verdict in run(filled, sql)]
    assert [hour.count(one) for one in (1, 3, 9)] == [10, 1, 50]
    month = run(filled, sql, hours=MONTH)
    assert [[verdict for _, _, verdict in month].count(one) for one in (1, 9)] == [10, 24 * 30 + 1 - 10]
    year = run(filled, sql, hours=YEAR)
    assert len(year) == 401
    assert {verdict for _, _, verdict in year[-365:]} == {1}


def test_a_day_of_which_nothing_came_is_empty_and_not_left_out(filled: Connection) -> None:
    [sql] = [sql for name, sql in SQL.items() if "Đủ mỗi ngày" in name]
    days = {time: share for time, metric, share in run(filled, sql, hours=24 * 4) if metric == "Sông Mỹ Thanh (cửa)"}
    assert sorted(days.values()) == sorted(days.values())
    with changed(filled, "delete from daily where time = '2026-11-21T17:00Z'"):
        after = {time: share for time, metric, share in run(filled, sql, hours=24 * 4) if metric.startswith("Sông Mỹ")}
        assert after == days | {datetime(2026, 11, 21, 17, tzinfo=UTC): 0}


def test_what_never_came_is_due_in_every_share_of_a_day_and_an_hour(filled: Connection) -> None:
    """A station that is silent for a day of four was due then, too; what is not over is not counted."""

    def shown(name: str, hours: float = 24 * 4) -> list[tuple[Any, ...]]:
        return run(filled, SQL[name], hours=hours, stations=STATIONS[:1])

    with changed(
        filled, "update channel set active = false where name <> 'do'",
        "delete from daily where time = '2026-11-21T17:00Z'",
    ):  # fmt: skip
        assert shown("quantrac-completeness Đủ / Complete A") == [(pytest.approx(0.75 * 1400 / 1440),)]
        assert shown("quantrac-completeness Đã đến / Arrived A") == [(pytest.approx(0.75 * 1420 / 1440),)]
        assert shown("quantrac-completeness Không dùng được / Unusable A") == [(pytest.approx(20 / 1420),)]
        days = shown("quantrac-completeness Số liệu mỗi ngày / Readings by day A")
        assert [row[1:] for row in days] == [(1400, 20, 20), (1400, 20, 20), (0, 0, 1440), (1400, 20, 20)]
        [channel] = shown("quantrac-completeness Các kênh / Channels A")
        assert channel[4:] == (pytest.approx(0.75 * 1400 / 1440), pytest.approx(0.75 * 1420 / 1440),
                               pytest.approx(20 / 1420), 3, 4)  # fmt: skip
    assert shown("quantrac-station Đủ số liệu / Complete A", 24) == [(9 / 24,)]


def test_a_sum_is_of_as_many_readings_in_each_step(filled: Connection) -> None:
    """Readings are 0 to 9, the newest 0. 60 hours in a thousand steps are 216 s each: four whole minutes."""
    with changed(filled, "update channel set kind = 'sum' where channel = 'st-my-thanh/do'"):
        found = run(filled, queries.curves(queries.CHOSEN_CHANNELS, queries.BY_CHANNEL), hours=60)
    steps = [(NOW - ago * timedelta(minutes=4), value) for ago, value in ((2, 17), (1, 22), (0, 6))]
    assert [(time, value) for time, _, value in found] == steps


def test_alarms_by_day_are_of_the_network_s_days(filled: Connection) -> None:
    [sql] = [sql for name, sql in SQL.items() if "Số cảnh báo mỗi 10 phút" in name]
    assert {time for time, *_ in run(filled, sql, hours=YEAR)} == {datetime(2026, 11, 23, 17, tzinfo=UTC)}


def test_an_alarm_that_stands_is_in_the_table_however_old_and_of_the_centre_too(filled: Connection) -> None:
    with changed(
        filled,
        "update alarm set raised_at = raised_at - interval '90 days', acknowledged_at = null, acknowledged_by = null",
        "insert into alarm (rule, level, severity, state, raised_at, cleared_at) values"
        " ('feed', 'act', 'high', 'unacknowledged', '2026-11-15Z', null),"
        " ('gone', 'act', 'high', 'cleared', '2026-08-01Z', '2026-08-02Z')",
    ):
        shown = run(filled, queries.ALARMS)
        assert [len(shown)] == [count for (count,) in run(filled, queries.STANDING)] == [3]
        assert {row[5] for row in shown} == {
            "Trung tâm / Centre", "Sông Mỹ Thanh (cửa) · do", "Cảng Trần Đề, sông Hậu · do",
        }  # fmt: skip
        assert {row[4] for row in shown} == {"feed", "Oxy thấp / Low oxygen"}


def test_the_figures_of_alarms_count_by_operator(filled: Connection) -> None:
    risen = run(filled, "select count(*) from v_alarm")[0][0]
    figures = {
        name: run(filled, getattr(alarm_performance, name))[0][0] for name in ("PEAK", "STANDING", "ACKNOWLEDGE")
    }
    assert figures == {"PEAK": risen / 2, "STANDING": risen, "ACKNOWLEDGE": 120}
    assert float(run(filled, alarm_performance.RATE)[0][0]) == pytest.approx(risen / 6 / 2)
    assert sum(row[2] for row in run(filled, alarm_performance.TOP)) == risen
    assert run(filled, alarm_performance.PEOPLE)[0][:3] == ("lan", risen, 120)
    assert [run(filled, getattr(alarm_performance, name)) for name in ("STALE", "FALSE", "CHATTERING")] == [
        [(0,)], [(0,)], [],
    ]  # fmt: skip


def test_an_alarm_is_stale_by_the_end_of_the_range_that_is_shown(filled: Connection) -> None:
    [risen] = run(filled, "select count(*) from v_alarm")
    assert run(filled, alarm_performance.STALE, until=NOW + timedelta(hours=24)) == [(0,)]
    assert run(filled, alarm_performance.STALE, until=NOW + timedelta(hours=25)) == [risen]


def test_the_worst_station_stands_first_and_a_picture_is_one_line(filled: Connection) -> None:
    with changed(filled, "update ledger set last_seen_at = null where station = 'st-tp-soc-trang'"):
        rows = run(filled, network.STATIONS)
        assert (rows[0][0], rows[0][-1]) == ("st-tp-soc-trang", 5)
        assert {row[-1] for row in rows[1:]} == {3}
    with changed(filled, "update image set jpeg = decode(repeat('ff', 500), 'hex')"):
        picture = run(filled, SQL["quantrac-station Ảnh / Pictures A"])[0][-1]
        assert picture.startswith("data:image/jpeg;base64,/")
        assert "\n" not in picture


def test_a_value_that_is_no_number_of_people_does_not_stop_a_table(filled: Connection) -> None:
    with changed(filled, "update latest set value = 1e300"):
        assert {row[3] for row in run(filled, queries.LATEST)} >= {None}
        assert run(filled, SQL["quantrac-water Hiện nay / Now A"])
