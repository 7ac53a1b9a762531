"""A station's page: its charts, with the limits of its rules, and what happened there as marks."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Final, NamedTuple

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates

from dashboards.console.admission import Gate, Visitor
from dashboards.console.context import Console
from dashboards.console.network_pages import page_of
from dashboards.console.refusals import NotFound, language_of
from dashboards.console.remarks import read_remarks
from dashboards.console.series import LONGEST, opening_hours, read_series
from dashboards.console.sheet import PossibleTime
from dashboards.console.texts import Language
from quantrac.database.pool import Connection
from quantrac.desks.roles import DeskAct
from quantrac.telemetry.errors import TranslatableError

SPANS: Final = (
    (0.25, "last_15_minutes"), (3.0, "last_3_hours"), (24.0, "last_24_hours"), (7 * 24.0, "last_7_days"),
    (30 * 24.0, "last_30_days"), (366 * 24.0, "last_year"), (5 * 366 * 24.0, "last_5_years"),
)  # fmt: skip
"""Hours that the buttons above charts show, and their texts."""
MARKED: Final = timedelta(days=31)
"""Of a longer stretch there would be more marks than pixels."""
MOST_MARKS: Final = 200
"""Of each kind: the newest."""
EVENTS: Final = """
select extract(epoch from time)::float8, kind, device, detail from v_event
where station = %(station)s and time > %(since)s and time <= %(until)s order by time desc limit %(most)s
"""
ALARMS: Final = """
select extract(epoch from raised_at)::float8, extract(epoch from cleared_at)::float8, channel, severity,
       texts->'title', alarm_id
from v_alarm where station = %(station)s and raised_at > %(since)s and raised_at <= %(until)s
order by raised_at desc limit %(most)s
"""
SAMPLES: Final = """
select extract(epoch from sampled_at)::float8, channel, coalesce(value, detection_limit), reported, code from v_sample
where station = %(station)s and channel is not null and sampled_at > %(since)s and sampled_at <= %(until)s
order by sampled_at desc, channel limit %(most)s
"""


class BadRange(TranslatableError):
    """A chart was asked for a stretch of time that it cannot show."""


class ChartSpan(NamedTuple):
    """A stretch of time: since < t <= until."""

    since: datetime
    until: datetime


def stretch(hours: float | None, since: datetime | None, until: datetime | None, now: datetime) -> ChartSpan:
    """Return what a chart is asked for: its last hours, or from one time to another. Raises BadRange."""
    begin, end = (since, until) if since and until else (now - timedelta(hours=hours or 24), now)
    if (since is None) is not (until is None) or not timedelta(0) < end - begin <= LONGEST:
        raise BadRange("from and to: expected from before to, at most 5 years")
    return ChartSpan(begin, end)


Hours = Annotated[float, Query(gt=0, le=LONGEST / timedelta(hours=1))]
Since = Annotated[PossibleTime | None, Query(alias="from")]
Until = Annotated[PossibleTime | None, Query(alias="to")]


def add_station_page(app: FastAPI, console: Console, templates: Jinja2Templates) -> None:
    """Add the page, and what its charts ask for."""
    may_read = Depends(Gate(console, DeskAct.READ))

    @app.get("/stations/{station}", response_class=HTMLResponse)
    def station_page(request: Request, station: str, lang: Language = "vi", by: Visitor = may_read) -> Response:
        """One station: every channel with its chart."""
        context = page_of(console, request, by, lang, station)
        if context["shown"] is None:
            raise NotFound("there is no station {station}", station=station)
        now = console.clock()
        with console.pool.connection() as conn:
            context |= {"hours": opening_hours(conn, station, now), "spans": SPANS, "now": now}
        context["limits"] = {
            channel["id"]: [line.shown(lang) for line in console.limits(channel["id"])]
            for channel in (*context["shown"]["measured"], *context["shown"]["housekeeping"])
        }
        return templates.TemplateResponse(request, "station.html", context)

    @app.get("/api/channels/{station}/{name}/series", dependencies=[may_read])
    def series(
        request: Request, station: str, name: str, hours: Hours = 24, since: Since = None, until: Until = None
    ) -> dict[str, Any]:
        """A channel's last hours, or `from` to `to`, for its chart, with what is said of its readings."""
        asked, channel = stretch(hours, since, until, console.clock()), f"{station}/{name}"
        language = language_of(request.headers.get("accept-language"))
        with console.pool.connection() as conn:
            found = read_series(conn, channel, *asked)
            if found is None:
                raise NotFound("there is no channel {channel}", channel=channel)
            is_drawn = found["resolution"] == "readings"
            width = timedelta(seconds=found["width_s"])
            return found | {"remarks": read_remarks(conn, channel, *asked, width, language) if is_drawn else []}

    @app.get("/api/stations/{station}/marks", dependencies=[may_read])
    def marks(station: str, hours: Hours = 24, since: Since = None, until: Until = None) -> dict[str, Any]:
        """What happened at a station: its events and alarms; of a long stretch none."""
        asked = stretch(hours, since, until, console.clock())
        with console.pool.connection() as conn:
            if asked.until - asked.since > MARKED:
                return {"events": [], "alarms": [], "samples": read_samples(conn, station, asked), "too_long": True}
            return read_marks(conn, station, asked)


def read_marks(conn: Connection, station: str, asked: ChartSpan) -> dict[str, Any]:
    """Return `events` (time, kind, device, detail), `alarms` (raised, cleared, channel, severity, title, number).

    And `samples` as `read_samples` gives them. Times in seconds since 1970 UTC, the newest first.
    """
    values = {**asked._asdict(), "station": station, "most": MOST_MARKS}
    return {
        "events": [list(row) for row in conn.execute(EVENTS, values)],
        "alarms": [list(row) for row in conn.execute(ALARMS, values)],
        "samples": read_samples(conn, station, asked),
        "too_long": False,
    }


def read_samples(conn: Connection, station: str, asked: ChartSpan) -> list[list[Any]]:
    """Return what laboratories found, newest first: seconds, channel, value or limit of detection, in words, code."""
    values = {**asked._asdict(), "station": station, "most": MOST_MARKS}
    return [list(row) for row in conn.execute(SAMPLES, values)]
