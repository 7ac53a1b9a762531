"""The page of jobs: what is due by the clock and when, what has run, and asking for a run."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates
from pydantic import BaseModel

from dashboards.console.admission import Gate, Visitor
from dashboards.console.alarm_actions import Name, Note
from dashboards.console.context import Console
from dashboards.console.numbers import number
from dashboards.console.sheet import sheet
from dashboards.console.texts import Language, texts
from quantrac.desks import jobs
from quantrac.desks.roles import DeskAct
from quantrac.telemetry.due_times import EachMonth, EachWeek, EachYear, Every, parse_due
from quantrac.telemetry.job_outcomes import outcome

MINUTE_S: Final = 60
HOUR_S: Final = 3600


class RunRequest(BaseModel):
    """The body of a run that somebody asks for."""

    job: Name
    reason: Note = ""


def add_jobs_page(app: FastAPI, console: Console, templates: Jinja2Templates) -> None:
    """Add the page and its act to the application."""

    @app.get("/jobs", response_class=HTMLResponse)
    def show_jobs(
        request: Request, job: Annotated[str, Query(max_length=100)] = "", lang: Language = "vi",
        by: Visitor = Depends(Gate(console, DeskAct.READ)),
    ) -> Response:  # fmt: skip
        """All jobs, and the newest runs: of one job, or of all."""
        with console.pool.connection() as conn:
            context = sheet(conn, request, by, lang, {"job": job})
            context |= {
                "jobs": jobs.jobs(conn, console.clock()), "recomputed": jobs.recomputations(conn, console.clock()),
                "runs": jobs.history(conn, job or None), "chosen": job,
                "due_words": due_words, "outcome": outcome, "may_run": by.login is None or by.may(DeskAct.JOBS, None),
                "sees_errors": by.may(DeskAct.AUDIT, None),
            }  # fmt: skip
        return templates.TemplateResponse(request, "jobs.html", context)

    @app.post("/api/jobs/run")
    def run_now(wish: RunRequest, by: Visitor = Depends(Gate(console, DeskAct.JOBS))) -> dict[str, str]:
        """Ask for a run of a job, as `quantrac jobs run-now`."""
        with console.pool.connection() as conn, by.acting():
            jobs.run_now(conn, wish.job, by.name, wish.reason, console.clock())
        return {"job": wish.job}


def due_words(due: str, language: Language) -> str:
    """Return a due time such as `monday 06:30` in words. Pure."""
    said, found = texts(language), parse_due(due)
    if isinstance(found, Every):
        seconds = found.width.total_seconds()
        for unit, size in (("hours", HOUR_S), ("minutes", MINUTE_S), ("seconds", 1)):
            if seconds % size == 0:
                return said[f"due_{unit}"].format(count=number(seconds / size, 0, language))
    assert not isinstance(found, Every)
    days, clock = found.days, f"{found.at:%H:%M}"
    if isinstance(days, EachWeek):
        return said["due_weekly"].format(day=said[f"due_day_{days.weekday}"], at=clock)
    if isinstance(days, EachMonth):
        return said["due_monthly"].format(day=days.day, at=clock)
    if isinstance(days, EachYear):
        return said["due_yearly"].format(day=f"{days.day:02}/{days.month:02}", at=clock)
    return said["due_daily"].format(at=clock)
