"""How `jobs run` ends while jobs run: soon, and what they had not finished is done again."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from quantrac.cli.jobs import clock
from quantrac.cli.jobs.clock import JobClock, end
from quantrac.cli.jobs.runs import Done, Job, run_if_due
from quantrac.database.pool import Connection
from quantrac.telemetry.due_times import Every
from tests.fixtures.timing import PATIENCE_S, eventually

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
HOUR = Every(timedelta(hours=1))


def test_a_clock_ends_whatever_its_job_does_and_what_was_whole_of_it_stays(
    database: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def sleep(own: Connection, _: datetime) -> Done:
        own.execute("create table piece ()")
        own.execute("select pg_sleep(3600)")
        return Done(0, "")

    def wait(_: Connection, __: datetime) -> Done:
        begun.set()
        go_on.wait(PATIENCE_S)
        return Done(1, "done all the same")

    clocks = [JobClock([Job(work.__name__, HOUR, work, in_pieces=True)], database, ZONE) for work in (sleep, wait)]
    ours = (
        "select count(*) from pg_stat_activity"
        " where datname = current_database() and application_name = 'quantrac jobs'"
    )
    asleep = f"{ours} and query like 'select pg_sleep%'"
    eventually(lambda: conn.execute(asleep).fetchone() == (1,) and begun.is_set())
    monkeypatch.setattr(clock, "BY_ITSELF_S", 0.1)
    monkeypatch.setattr(clock, "CUT_OFF_S", 0.1)
    end(*clocks)
    assert not clocks[1].has_ended(0), "what hears of nothing is left behind, and keeps no process from ending"
    eventually(lambda: conn.execute(ours).fetchone() == (0,))
    go_on.set()
    assert all(one.has_ended(PATIENCE_S) for one in clocks)
    outcomes: dict[str, str] = dict(conn.execute("select job, outcome from job_run").fetchall())
    assert outcomes == {"sleep": "running", "wait": "running"}, "their sessions ended before they were done"
    assert conn.execute("select count(*) from piece").fetchone() == (0,), "the table stayed"
    again = Job("sleep", HOUR, lambda *_: Done(0, "this time"))
    assert run_if_due(conn, again, lambda: datetime.now(UTC))


def test_clocks_end_in_time_although_no_server_answers_who_would_cut_their_jobs_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    go_on, tried = threading.Event(), []

    class Stuck(JobClock):
        def __init__(self) -> None:
            pass

        def ask_to_end(self) -> None:
            pass

        def has_ended(self, timeout_s: float) -> bool:
            return False

        def cut_off(self) -> None:
            tried.append(go_on.wait(PATIENCE_S))

    monkeypatch.setattr(clock, "BY_ITSELF_S", 0.0)
    monkeypatch.setattr(clock, "CUT_OFF_S", 0.0)
    end(Stuck(), Stuck(), Stuck())
    assert tried == [], "they were waited for"
    go_on.set()
    eventually(lambda: tried == [True] * 3)
