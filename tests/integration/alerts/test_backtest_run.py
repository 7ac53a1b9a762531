"""`rules backtest`: what the rules would have done on stored readings, by function and by command."""

from __future__ import annotations

import json
import subprocess
from datetime import date, timedelta
from math import isnan
from pathlib import Path

from alerts.trials.backtest_run import run_backtest, too_often
from alerts.trials.history import stored_stretches
from alerts.trials.normals import departing_channels
from quantrac.config.network import Network
from quantrac.database.pool import Connection
from quantrac.telemetry.states import State
from tests.fixtures.program import PROJECT, quantrac
from tests.integration.alerts.centre import CHANNEL, START, START_MS, add_network, rows, store
from tests.unit.alerts.rules import MINUTE
from tests.unit.alerts.series import read_series

DAY = date(2026, 11, 24)
COURSE = "4.6x60 2.8x15 4.6x60 1.5x6 4.6x40"
"""From minute 60 below 3.0: act rises at 69, clears at 104; from 135 below 2.0: danger at 139, clears at 170."""


def backtest(database: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return quantrac("rules", "backtest", "--from", DAY, "--to", DAY, *arguments, database_url=database)


def _minute(t_ms: int) -> float:
    return (t_ms - START_MS) / MINUTE


def test_the_alarms_are_those_that_live_evaluation_would_have_raised_and_nothing_is_recorded(
    conn: Connection, network: Network
) -> None:
    store(conn, add_network(conn), read_series(COURSE, MINUTE, start_ms=START_MS))
    report = run_backtest(conn, network, DAY, DAY)
    found = [(a.rule, a.level, _minute(a.raised_ms), _minute(a.cleared_ms or 0)) for a in report.alarms]
    assert found == [("do-low", "act", 69, 104), ("do-low", "danger", 139, 170)]
    (line,) = report.lines
    assert (line.rule, line.station, line.alarms) == ("do-low", "st-my-thanh", 2)
    assert line.by_level == {"act": 1, "danger": 1}
    assert (line.median_minutes, line.longest_minutes, line.days_with_alarms) == (33, 35, 1)
    assert (report.kpis.alarms, report.kpis.per_day, report.kpis.peak_in_ten_minutes) == (2, 2.0, 1)
    assert {(p.contact, p.messages) for p in report.people} == {("Ông Sáu", 4), ("Operator", 4)}
    for table in ("alarm", "notification", "rule_state"):
        assert rows(conn, f"select count(*) from {table}") == [(0,)]


def test_history_is_what_the_view_says_also_where_people_and_tests_have_judged(conn: Connection) -> None:
    channel_id = add_network(conn)
    store(conn, channel_id, read_series("2.8x3 null 4.6x6", MINUTE, start_ms=START_MS))
    flags = [
        (0, "spike", 4),
        (0, "spike", 1),
        (1, "spike", 3),
        (2, "spike", 4),
        (2, None, 1),
        (4, None, 3),
        (4, None, 4),
    ]
    for number, test, flag in flags:  # the newest of a test counts, a person's overrides
        conn.execute(
            "insert into reading_flag (channel_id, time, test, flag, by, at) values (%s, %s, %s, %s, 'x', now())",
            [channel_id, START + timedelta(minutes=number), test, flag],
        )
    conn.execute("update reading set state = 6, tests = 2 where time = %s", [START + timedelta(minutes=6)])
    (stretch,) = stored_stretches(conn, [CHANNEL], START - timedelta(seconds=1), START + timedelta(days=3))
    block = stretch.blocks[CHANNEL]
    shown = rows(conn, "select time, value, quality, state from v_reading order by time")
    assert [round((time - START).total_seconds() * 1000) + START_MS for time, *_ in shown] == block.t_ms.tolist()
    assert [value for _, value, _, _ in shown] == [None if isnan(value) else value for value in block.value.tolist()]
    assert [quality for _, _, quality, _ in shown] == block.quality.tolist()
    assert [State.from_word(word) for *_, word in shown] == block.state.tolist()
    assert sorted(set(block.quality.tolist())) == [1, 3, 4, 9]


def test_a_new_file_is_compared_with_the_rules_in_force(conn: Connection, database: str, tmp_path: Path) -> None:
    store(conn, add_network(conn), read_series(COURSE, MINUTE, start_ms=START_MS))
    new = tmp_path / "new.yaml"
    shipped = (PROJECT / "station_configs/rules/oxygen.yaml").read_text("utf-8")
    new.write_text(shipped.replace("limit: 3.0", "limit: 2.5").replace("clear: 3.3", "clear: 2.9"), "utf-8")
    done = backtest(database, "--rules", str(new), "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert [alarm["level"] for alarm in report["alarms"]] == ["danger"]
    assert [alarm["level"] for alarm in report["difference"]["only_in_force"]] == ["act"]
    assert (report["difference"]["only_new"], report["difference"]["in_both"]) == ([], 1)


def test_without_other_rules_it_prints_a_line_a_rule_and_the_figures(conn: Connection, database: str) -> None:
    store(conn, add_network(conn), read_series(COURSE, MINUTE, start_ms=START_MS))
    done = backtest(database)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("do-low  st-my-thanh  2 alarms (1 act, 1 danger)  median 33 min, longest 35 min")
    assert lines[1].startswith("2 alarms, 2.00 a day, at most 1 in ten minutes")
    assert "Operator: 4 messages, a week 4 at the median, 4 at most" in lines


def test_normals_are_made_of_good_readings_and_a_back_test_takes_them(
    conn: Connection, database: str, network: Network
) -> None:
    channel_id = add_network(conn)
    conn.execute("update channel set name = 'salinity', parameter = 'salinity'")
    channel = "st-my-thanh/salinity"
    store(conn, channel_id, read_series("10 11 12 " * 1200 + "25x180", MINUTE, start_ms=START_MS - 3600 * MINUTE))
    assert channel in departing_channels(network)
    before = run_backtest(conn, network, DAY, DAY)
    assert [alarm.rule for alarm in before.alarms if alarm.rule == "salinity-unusual"] == []
    period = "--from", "2026-11-20", "--to", DAY
    done = quantrac("rules", "normals", *period, "--channel", channel, "--json", database_url=database)
    assert done.returncode == 0, done.stderr
    (made,) = json.loads(done.stdout)
    assert (made["channel"], made["readings"]) == (channel, 3780)
    assert {cell["median"] for cell in made["cells"]} >= {11.0}
    after = run_backtest(conn, network, DAY, DAY)
    assert [(a.rule, a.level) for a in after.alarms if a.rule == "salinity-unusual"] == [("salinity-unusual", "salt")]


def test_a_rule_that_would_raise_on_most_days_is_found(conn: Connection, network: Network) -> None:
    store(conn, add_network(conn), read_series(COURSE, MINUTE, start_ms=START_MS))
    (noisy,) = too_often(conn, network, DAY, DAY)
    assert (noisy.rule, noisy.station, noisy.share) == ("do-low", "st-my-thanh", 1.0)
    assert too_often(conn, network, date(2026, 11, 20), date(2026, 11, 29)) == []  # on one of ten days
