"""`quantrac jobs …`: the clock of the centre, what is due by it, what has run, and a run that a person asks for."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from quantrac.cli.arguments import AsJson, Person, answer, duration, group
from quantrac.cli.environment import database, run_until_signalled
from quantrac.database.time_zone import time_zone
from quantrac.telemetry.local_time import shown

if TYPE_CHECKING:
    from quantrac.desks.jobs import JobRun, ScheduledJob

app = group()


@app.command("run", short_help="Run what is due, until stopped.")
def run_jobs() -> None:
    """Run what is due until stopped (Ctrl-C, SIGTERM); what was missed while it was down is caught up once.

    Needs QUANTRAC_DATABASE_URL (or QUANTRAC_JOBS_DATABASE_URL) and the files of QUANTRAC_CONFIG. Health and metrics are
    served where QUANTRAC_JOBS_LISTEN says. A database that is away is waited for.
    """
    from quantrac.cli.jobs import service

    run_until_signalled(lambda settings, stop: service.run(settings, stop=stop))


@app.command("list", short_help="Every job: when it is due, its next time, its last run.")
def list_jobs(as_json: AsJson = False) -> None:
    """List the jobs that `jobs run` wrote down when it started, each with its next due time and its newest run."""
    from quantrac.desks import jobs as desk

    with database("console", "jobs list") as conn:
        zone, found = time_zone(conn), desk.jobs(conn, datetime.now(UTC))
    answer([one._asdict() for one in found], (_line(one, zone) for one in found), as_json=as_json)


@app.command(short_help="What has run: rows, outcome, who asked for it.")
def history(
    job: Annotated[str | None, typer.Argument(help="Only of this job, such as backup.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many, the newest.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List runs of jobs, the newest first."""
    from quantrac.desks import jobs as desk

    with database("console", "jobs history") as conn:
        zone, found = time_zone(conn), desk.history(conn, job, limit)
    answer(found, (f"{one.job:<24}  {_words(one, zone)}" for one in found), as_json=as_json)


@app.command("run-now", short_help="Ask for a run beside the due times.")
def run_now(
    job: Annotated[str, typer.Argument(help="Such as backup: see quantrac jobs list.")],
    person: Person,
    reason: Annotated[str, typer.Option(help="Why; stands in the audit.")] = "",
    wait_s: Annotated[
        float | None, duration("Wait so long for its outcome; exit code 1 unless it is done.", "--wait")
    ] = None,
) -> None:
    """Ask for a run of a job. `jobs run`, which must run somewhere, begins within 15 seconds."""
    from quantrac.desks import jobs as desk

    now = datetime.now(UTC)
    with database("console", "jobs run-now") as conn:
        desk.run_now(conn, job, person, reason, now)
        if wait_s is None:
            print(f"{job}: asked for")
            return
        zone = time_zone(conn)
        end = time.monotonic() + wait_s
        while (run := desk.run_asked_at(conn, job, now)).finished_at is None and time.monotonic() < end:
            time.sleep(0.5)
    print(f"{job}: {_words(run, zone)}")
    raise typer.Exit(0 if run.outcome == "done" else 1)


def _line(one: ScheduledJob, zone: ZoneInfo) -> str:
    last = "never" if one.last is None else _words(one.last, zone)
    return f"{one.job:<24}  {one.due:<20}  next {shown(one.next_at, zone)}  last {last}"


def _words(run: JobRun, zone: ZoneInfo) -> str:
    took = "" if run.seconds is None else f"  {run.seconds:.1f} s"
    rows = "" if run.rows is None else f"  {run.rows} rows"
    asked = "" if run.asked_by is None else f"  (asked for by {run.asked_by})"
    tried = f" after {run.tries} tries" if run.tries > 1 else ""
    return f"{shown(run.due_at, zone)}  {run.outcome}{tried}{took}{rows}  {run.detail or ''}{asked}".rstrip()
