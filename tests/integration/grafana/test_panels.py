"""Every panel's SQL runs, as the reader's role, on a migrated and filled database, with Grafana's macros expanded."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dashboards.grafana import alarm_performance, files, queries
from quantrac.database.pool import Connection

NOW = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
ZONE = "Asia/Ho_Chi_Minh"


def queries_of(module: object) -> dict[str, str]:
    return {
        name: value
        for name, value in vars(module).items()
        if name.isupper() and not name.startswith("_") and "select" in str(value)
    }


SQL, ALARM_SQL = queries_of(queries), queries_of(alarm_performance)
FILL = """
insert into reading select channel_id, %(now)s - n * interval '1 minute', n, 0, 0, %(now)s
from channel, generate_series(0, 9) n;
insert into latest select channel_id, %(now)s, 0, 0, 0, %(now)s from channel;
insert into hourly (channel_id, time, value, count, received, expected)
select channel_id, date_trunc('hour', %(now)s - n * interval '1 hour'), n, 60, 60, 60
from channel, generate_series(0, 9) n;
insert into daily (channel_id, time, value, count, received, expected)
select channel_id, %(now)s - interval '30 minutes', 5, 1440, 1440, 1440 from channel;
insert into alarm (rule, level, station, channel_id, severity, state, raised_at)
select 'do-low', 'act', station, channel_id, 'high', 'unacknowledged', %(now)s from channel where name = 'do';
insert into service values ('ingest', '1', %(now)s, %(now)s, true, 0);
insert into ledger (station, epoch, highest_arrived) select station, '9f31c2ab', 3 from station;
insert into consumer (consumer, position) values ('alerts', 0);
"""


@pytest.fixture
def filled(configured: Connection) -> Connection:
    for statement in FILL.split(";")[:-1]:
        configured.execute(statement, {"now": NOW})
    configured.execute("set role quantrac_reader")
    return configured


def run(conn: Connection, sql: str, until: datetime = NOW) -> list[tuple[Any, ...]]:
    variables = {"station": ["st-my-thanh", "st-tran-de"], "parameter": ["do"]}
    expanded = queries.expand(sql, since=NOW - timedelta(hours=1), until=until, variables=variables)
    assert "$" not in expanded
    return conn.execute(expanded).fetchall()


def test_every_panels_query_runs_as_the_reader(filled: Connection) -> None:
    assert [name for name, sql in SQL.items() if not run(filled, sql)] == ["DOUBTFUL", "NOTIFICATIONS"]


def test_the_committed_dashboards_ask_only_tested_queries() -> None:
    texts = [text for name, text in files.rendered(ZONE).items() if name.startswith("generated/")]
    panels = [panel for text in texts for panel in json.loads(text)["panels"]]
    asked = {target["rawSql"] for panel in panels for target in panel.get("targets", [])}
    assert asked <= {sql.strip() for sql in [*SQL.values(), *ALARM_SQL.values()]}


def test_the_chosen_stations_alone_are_drawn(filled: Connection) -> None:
    found = run(filled, queries.READINGS)
    assert {metric for _, metric, _ in found} == {"st-my-thanh/do", "st-tran-de/do"}
    assert len(found) == 20


def test_the_alarm_panels_run_as_the_reader_and_count_what_is_there(filled: Connection) -> None:
    found = {name: run(filled, sql) for name, sql in ALARM_SQL.items()}
    risen = run(filled, "select count(*) from v_alarm")[0]
    assert found["PEAK"] == found["STANDING"] == found["UNACKNOWLEDGED"] == [risen]
    assert sum(row[2] for row in found["TOP"]) == risen[0]
    assert [found[name] for name in ("STALE", "FALSE", "FLAPPING", "CHATTERING", "OUT_OF_SERVICE")] == [
        [(0,)], [(0,)], [(0,)], [], [],
    ]  # fmt: skip


def test_an_alarm_is_stale_by_the_end_of_the_range_that_is_shown(filled: Connection) -> None:
    [risen] = run(filled, "select count(*) from v_alarm")
    assert run(filled, alarm_performance.STALE, until=NOW + timedelta(hours=24)) == [(0,)]
    assert run(filled, alarm_performance.STALE, until=NOW + timedelta(hours=25)) == [risen]
