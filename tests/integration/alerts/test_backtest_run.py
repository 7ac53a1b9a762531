"""`rules backtest`: what the rules would have done on stored readings, by function and by command."""

from __future__ import annotations

import json
import subprocess
from datetime import date, timedelta
from math import isnan
from pathlib import Path

import pytest

from alerts.trials.backtest_run import EVALUATED, TooManyAlarms, TooOften, run_backtest, too_often
from alerts.trials.history import stored_stretches
from alerts.trials.normals import departing_channels
from quantrac.config.loader import load_network, load_rules
from quantrac.config.network import Network
from quantrac.config.rule_edits import RuleEdit, propose_rules
from quantrac.database.pool import Connection
from quantrac.telemetry.states import State
from tests.fixtures.program import PROJECT, quantrac
from tests.integration.alerts.centre import CHANNEL, START, START_MS, add_channel, add_network, rows, saying, store
from tests.unit.alerts.rules import MINUTE
from tests.unit.alerts.series import read_series

DAY = date(2026, 11, 24)
CONFIGS = PROJECT / "station_configs"
COURSE = "4.6x60 2.8x15 4.6x60 1.5x6 4.6x40"
"""From minute 60 below 3.0: act rises at 69, clears at 104; from 135 below 2.0: danger at 139, clears at 170."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped configuration, with an oxygen rule whose alarms end half an hour after each fall."""
    there = tmp_path_factory.mktemp("config")
    for name in ("devices", "limits", "network.yaml", "stations"):
        (there / name).symlink_to(CONFIGS / name)
    (there / "rules").mkdir()
    for file in (CONFIGS / "rules").glob("*.yaml"):
        text = (
            file.read_text("utf-8")
            .replace(" lull: 10h,", "")
            .replace("on_delay: 5m, off_delay: 2h", "on_delay: 5m, off_delay: 30m")
        )
        (there / "rules" / file.name).write_text(text, "utf-8")
    return there


@pytest.fixture(scope="module")
def network(folder: Path) -> Network:
    return saying(load_network(folder), quiet_hours=None)


def backtest(database: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    period = "--from", DAY, "--to", DAY
    return quantrac("rules", "backtest", *period, *arguments, database_url=database, config=folder)


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
    assert {(p.contact, p.messages) for p in report.people} == {("Ông Sáu", 4), ("Operator", 5)}
    for table in ("alarm", "notification", "rule_state"):
        assert rows(conn, f"select count(*) from {table}") == [(0,)]
    assert len(run_backtest(conn, network, DAY, DAY, most_alarms=2).alarms) == 2
    with pytest.raises(TooManyAlarms, match="more than 1 alarms would rise: set longer delays"):
        run_backtest(conn, network, DAY, DAY, most_alarms=1)


def test_twins_are_counted_as_the_one_alarm_that_they_would_have_been(conn: Connection, network: Network) -> None:
    add_network(conn)
    for name, course in (("water_temp", "31x10 34x200 31x200"), ("level_temp", "31x40 34x200 31x170")):
        channel_id = add_channel(conn, name, parameter="water_temp")
        store(conn, channel_id, read_series(course, MINUTE, start_ms=START_MS))
    report = run_backtest(conn, network, DAY, DAY)
    found = [(a.rule, a.channel, _minute(a.raised_ms), _minute(a.cleared_ms or 0)) for a in report.alarms]
    assert found == [("water-hot", "st-my-thanh/water_temp", 69, 359)]
    assert {(p.contact, p.messages) for p in report.people} >= {("Ông Sáu", 2)}


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


def test_other_limits_are_compared_with_the_rules_in_force_and_the_alarms_on_record_and_written_as_a_patch(
    conn: Connection, database: str, network: Network, folder: Path, tmp_path: Path
) -> None:
    channel_id = add_network(conn)
    store(conn, channel_id, read_series(COURSE, MINUTE, start_ms=START_MS))
    for minute, false_by in ((70, "Lan"), (71, None), (200, None)):
        conn.execute(
            """insert into alarm (rule, level, station, channel_id, severity, state, raised_at, cleared_at, false_at,
               false_by) values ('do-low', 'act', 'st-my-thanh', %s, 'high', 'cleared', %s, %s, %s, %s)""",
            [channel_id, START + timedelta(minutes=minute), START + timedelta(minutes=minute + 9),
             START if false_by else None, false_by],
        )  # fmt: skip
    edits = "do-low.below.act.limit=2.5", "do-low.below.act.clear=2.9"
    patch = tmp_path / "new.patch"
    done = backtest(database, folder, *(word for edit in edits for word in ("--set", edit)), "--diff", str(patch))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "- do-low  st-my-thanh/do  act  2026-11-24 02:09:00Z" in lines
    assert "against the rules in force: 1 alarms less, 0 more, 1 the same" in lines
    assert "Operator: 3 messages in place of 5" in lines
    assert [line.rpartition(";")[2] for line in lines if line.startswith("!")] == [
        " marked as false by Lan", " not marked as false",
    ]  # fmt: skip
    assert (
        "on record: 1 of 1 marked as false would not rise, 1 of 1 others would not; "
        "1 that the rules in force do not raise either"
    ) in lines
    proposal = propose_rules(network, [RuleEdit.parse(edit) for edit in edits])
    assert patch.read_text("utf-8") == proposal.diff

    new = tmp_path / "new.yaml"
    new.write_text(proposal.files[0].after, "utf-8")
    shares: list[float] = []
    report = run_backtest(conn, network, DAY, DAY, new=load_rules(new, network), progress=shares.append)
    assert report.comparison is not None
    assert [alarm.level for alarm in report.alarms] == ["danger"]
    assert [alarm.level for alarm in report.comparison.difference.only_in_force] == ["act"]
    assert (report.comparison.difference.only_new, report.comparison.difference.in_both) == ((), 1)
    assert (shares[0], shares[-1]) == (EVALUATED, 1.0)
    assert shares.count(EVALUATED) > 1, "it may be given up after the last week, too"

    def give_up(_: float) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        run_backtest(conn, network, DAY - timedelta(days=20), DAY, progress=give_up)
    assert run_backtest(conn, network, DAY, DAY, stations=[]).readings == 0


def test_without_other_rules_it_prints_a_line_a_rule_and_the_figures(
    conn: Connection, database: str, folder: Path
) -> None:
    store(conn, add_network(conn), read_series(COURSE, MINUTE, start_ms=START_MS))
    done = backtest(database, folder)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("do-low  st-my-thanh  2 alarms (1 act, 1 danger)  median 33 min, longest 35 min")
    assert lines[1].startswith("2 alarms, 2.00 a day, at most 1 in ten minutes")
    assert "Operator: 5 messages, a week 5 at the median, 5 at most" in lines


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


def test_a_rule_that_would_raise_on_most_days_is_found(
    conn: Connection, database: str, network: Network, folder: Path
) -> None:
    """Of the days with readings: those that nobody measured make no rule quiet."""
    channel_id = add_network(conn)
    nothing = quantrac(
        "rules", "check", "--history", "--from", "2026-11-20", "--to", DAY, database_url=database, config=folder
    )
    assert f"no readings are stored of the 5 days (2026-11-20 to {DAY})" in nothing.stdout
    assert nothing.stdout.rstrip().endswith(f", tried on none of 5 days (2026-11-20 to {DAY})"), "where findings end"
    store(conn, channel_id, read_series(COURSE, MINUTE, start_ms=START_MS))
    report = run_backtest(conn, network, date(2026, 11, 1), date(2026, 11, 29))
    (noisy,) = too_often(report)
    assert (report.days, noisy) == (1, TooOften("do-low", "st-my-thanh", 1.0, 1))
    store(conn, channel_id, read_series("4.6x10000", MINUTE, start_ms=START_MS + 1440 * MINUTE))
    assert too_often(run_backtest(conn, network, DAY, date(2026, 12, 1))) == []  # on one of eight days
    checked = quantrac("rules", "check", "--history", "25", "--to", DAY, database_url=database, config=folder)
    assert checked.returncode == 1
    assert "do-low: st-my-thanh: would stand in alarm on 100% of the 1 days with readings" in checked.stdout
    assert "tried on the 1 of 25 days (2026-10-31 to 2026-11-24) that have readings" in checked.stdout
