"""A job runs once for each due time, whoever starts it and whatever happened before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from quantrac.cli.jobs.runs import Job, run_if_due
from quantrac.cli.jobs.schedule import Every
from quantrac.database.pool import Connection, connect

HOUR = timedelta(hours=1)
NOON = datetime(2026, 11, 24, 5, 0, 7, tzinfo=UTC)


def at(now: datetime) -> Callable[[], datetime]:
    return lambda: now


def job(ran: list[datetime]) -> Job:
    def work(conn: Connection, now: datetime) -> str:
        ran.append(now)
        return f"run {len(ran)}"

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


def test_two_clocks_do_not_run_one_job_at_once(database: str, conn: Connection) -> None:
    inner: list[bool] = []

    def work(_: Connection, now: datetime) -> str:
        with connect(database, "second clock") as other:
            inner.append(run_if_due(other, outer, at(now)))
        return ""

    outer = Job("counted", Every(HOUR), work)
    assert run_if_due(conn, outer, at(NOON)) is True
    assert inner == [False]


def test_a_failed_job_leaves_its_reason_and_nothing_half_done(conn: Connection) -> None:
    def work(within: Connection, now: datetime) -> str:
        within.execute("insert into audit (at, person, action, subject) values (now(), 'x', 'x', 'x')")
        raise ValueError("no room")

    assert run_if_due(conn, Job("counted", Every(HOUR), work), at(NOON)) is True
    assert [row[1:] for row in rows(conn)] == [("failed", "ValueError: no room")]
    assert conn.execute("select count(*) from audit").fetchone() == (0,)
    assert run_if_due(conn, Job("counted", Every(HOUR), work), at(NOON)) is False, "it waits for the next due time"
