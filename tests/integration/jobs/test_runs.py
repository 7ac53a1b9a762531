"""A job runs once for each due time, whoever starts it and whatever happened before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta

import pytest

from quantrac.cli.jobs.runs import Done, Job, register, run_asked, run_if_due
from quantrac.cli.jobs.upkeep import prune_records
from quantrac.database.pool import Connection, connect
from quantrac.desks import jobs as desk
from quantrac.telemetry.due_times import EachYear, Every, OnDays

HOUR = timedelta(hours=1)
NOON = datetime(2026, 11, 24, 5, 0, 7, tzinfo=UTC)


def at(now: datetime) -> Callable[[], datetime]:
    return lambda: now


def job(ran: list[datetime]) -> Job:
    def work(conn: Connection, now: datetime) -> Done:
        ran.append(now)
        return Done(len(ran), f"run {len(ran)}")

    return Job("counted", Every(HOUR), work)


def rows(conn: Connection) -> list[tuple[datetime, str, str | None]]:
    return conn.execute("select due_at, outcome, detail from job_run order by due_at").fetchall()


def test_a_due_time_is_run_once_and_recorded_instead_of_the_moment_of_waking(conn: Connection) -> None:
    ran: list[datetime] = []
    assert run_if_due(conn, job(ran), at(NOON)) is True
    assert run_if_due(conn, job(ran), at(NOON + timedelta(minutes=50))) is False
    assert run_if_due(conn, job(ran), at(NOON + timedelta(minutes=119))) is True
    assert rows(conn) == [
        (datetime(2026, 11, 24, 5, tzinfo=UTC), "done", "run 1"),
        (datetime(2026, 11, 24, 6, tzinfo=UTC), "done", "run 2"),
    ]


def test_what_was_missed_in_a_day_of_downtime_is_caught_up_once(conn: Connection) -> None:
    ran: list[datetime] = []
    run_if_due(conn, job(ran), at(NOON))
    for _ in range(3):
        run_if_due(conn, job(ran), at(NOON + timedelta(days=1)))
    assert len(ran) == 2


def test_a_run_whose_process_died_is_run_again(conn: Connection) -> None:
    ran: list[datetime] = []
    due = datetime(2026, 11, 24, 5, tzinfo=UTC)
    conn.execute(
        "insert into job_run (job, due_at, started_at, outcome) values ('counted', %s, %s, 'running')", [due, due]
    )
    assert run_if_due(conn, job(ran), at(NOON)) is True
    assert rows(conn) == [(due, "done", "run 1")]


def test_a_clock_that_was_years_ahead_stops_no_job_once_it_is_right(conn: Connection) -> None:
    ran: list[datetime] = []
    ahead = NOON + timedelta(days=1500)
    assert run_if_due(conn, job(ran), at(ahead)) is True
    assert run_if_due(conn, job(ran), at(NOON)) is True
    assert run_if_due(conn, job(ran), at(NOON)) is False
    assert ran == [ahead, NOON]


def test_two_clocks_do_not_run_one_job_at_once(database: str, conn: Connection) -> None:
    inner: list[bool] = []

    def work(_: Connection, now: datetime) -> Done:
        with connect(database, "second clock") as other:
            inner.append(run_if_due(other, outer, at(now)))
        return Done(0, "")

    outer = Job("counted", Every(HOUR), work)
    assert run_if_due(conn, outer, at(NOON)) is True
    assert inner == [False]


def test_a_failed_job_leaves_its_reason_and_nothing_half_done(conn: Connection) -> None:
    def work(within: Connection, now: datetime) -> Done:
        within.execute("insert into audit (at, person, action, subject) values (now(), 'x', 'x', 'x')")
        raise ValueError("no room")

    assert run_if_due(conn, Job("counted", Every(HOUR), work), at(NOON)) is True
    assert [row[1:] for row in rows(conn)] == [("failed", "ValueError: no room")]
    assert conn.execute("select count(*) from audit").fetchone() == (0,)
    assert run_if_due(conn, Job("counted", Every(HOUR), work), at(NOON)) is False, "not at once again"


def test_a_failed_job_is_tried_again_later_and_later_and_not_for_ever(conn: Connection) -> None:
    ran: list[datetime] = []

    def work(_: Connection, now: datetime) -> Done:
        ran.append(now)
        if len(ran) <= 8:
            raise ValueError("no room")
        return Done(1, "done")

    hourly = Job("counted", Every(HOUR), work)
    for seconds in range(0, 3500, 30):
        run_if_due(conn, hourly, at(NOON + timedelta(seconds=seconds)))
    assert [(now - NOON).total_seconds() for now in ran] == [0, 60, 180, 420, 900, 1860], "then it waits"
    for minutes in (60, 61, 63, 64):
        run_if_due(conn, hourly, at(NOON + timedelta(minutes=minutes)))
    newest, older = desk.history(conn, "counted")
    assert (older.outcome, older.tries, older.seconds) == ("failed", 6, 0)
    assert (newest.outcome, newest.tries, newest.detail) == ("done", 3, "done")


def test_what_a_person_asks_for_runs_once_beside_the_due_times_and_stands_in_the_audit(conn: Connection) -> None:
    ran: list[datetime] = []
    counted = job(ran)
    register(conn, [counted], NOON)
    desk.run_now(conn, "counted", "An", "sau khi sửa", NOON)
    with pytest.raises(desk.BadJob, match="has been asked for already"):
        desk.run_now(conn, "counted", "An", "", NOON)
    with pytest.raises(desk.BadJob, match="there are: counted"):
        desk.run_now(conn, "backup", "An", "", NOON)
    later = NOON + timedelta(seconds=9)
    assert [run_asked(conn, [counted], at(later)) for _ in range(2)] == [1, 0]
    assert run_if_due(conn, counted, at(later)) is True, "it stands in place of no due time"
    asked, due = desk.history(conn, "counted")
    assert (asked.outcome, asked.rows, asked.detail, asked.asked_by, asked.seconds) == ("done", 1, "run 1", "An", 0)
    assert (due.outcome, due.rows, due.asked_by, due.due_at) == ("done", 2, None, NOON.replace(second=0))
    (listed,) = desk.jobs(conn, later)
    assert (listed.job, listed.due, listed.next_at, listed.last) == (
        "counted",
        "every 3600 s",
        later + HOUR - timedelta(seconds=16),
        asked,
    )
    said = "select person, action, subject, reason from audit"
    assert conn.execute(said).fetchall() == [("An", "run", "job counted", "sau khi sửa")]
    register(conn, [], later)
    assert desk.jobs(conn, later) == []


def test_an_asked_run_whose_process_died_is_run_again(conn: Connection) -> None:
    ran: list[datetime] = []
    counted = job(ran)
    register(conn, [counted], NOON)
    desk.run_now(conn, "counted", "An", "", NOON)
    conn.execute("update job_run set outcome = 'running'")
    assert run_asked(conn, [counted], at(NOON)) == 1
    assert desk.run_asked_at(conn, "counted", NOON).outcome == "done"


def test_a_yearly_job_is_not_run_again_when_old_runs_are_pruned(conn: Connection) -> None:
    ran: list[datetime] = []
    yearly = Job("yearly", OnDays(time(7), EachYear(2, 29)), job(ran).work)
    for months in range(5):
        prune_records(conn, NOON + timedelta(days=31 * months))
        run_if_due(conn, yearly, at(NOON + timedelta(days=31 * months)))
    assert len(ran) == 2, "of 28 February 2026, caught up, and of 2027"
