"""The page of VN_AQI: a month or a year of days in the decree's colours, with value and class in words."""

from __future__ import annotations

from datetime import timedelta
from itertools import groupby
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates

from dashboards.console.admission import Gate, Visitor
from dashboards.console.context import Console
from dashboards.console.people_page import network_of
from dashboards.console.sheet import sheet
from dashboards.console.texts import Language
from quantrac.desks.roles import DeskAct
from reports.bulletins.calendar_chart import calendar
from reports.bulletins.figures import air_of
from reports.bulletins.notation import localised, spans
from reports.bulletins.periods import BulletinPeriod
from reports.spans import ReportSpan

Span = Annotated[str, Query(pattern="^((19[7-9]|20[0-9])[0-9](-(0[1-9]|1[0-2]))?)?$")]


def add_aqi_page(app: FastAPI, console: Console, templates: Jinja2Templates) -> None:
    """Add the page to the application."""

    @app.get("/aqi", response_class=HTMLResponse)
    def show_aqi(
        request: Request, month: Span = "", year: Span = "", lang: Language = "vi",
        by: Visitor = Depends(Gate(console, DeskAct.READ)),
    ) -> Response:  # fmt: skip
        """The days of a month, or with `year` of a whole year, of each station whose index is made."""
        with console.long_read() as conn:
            context = sheet(conn, request, by, lang, {"month": month, "year": year})
            today = console.clock().astimezone(context["zone"]).date()
            span = ReportSpan.of(year[:4] or month or f"{today:%Y-%m}")
            network = network_of(console)
            period = BulletinPeriod(span.name, span.first, min(span.last, today))
            found = [] if network is None or span.first > today else air_of(conn, network, period, by.stations)
        context |= {
            "span": span, "stations": [_shown(one, lang) for one in localised(found, lang)], "today": today,
            "before": span.first - timedelta(days=1), "after": span.last + timedelta(days=1), "spans": spans,
            "no_files": network is None,
        }  # fmt: skip
        return templates.TemplateResponse(request, "aqi.html", context)


def _shown(station: dict[str, Any], language: Language) -> dict[str, Any]:
    """Return a station with a drawing for each of its months."""
    months = groupby(station["days"], key=lambda day: day["month"])
    drawn = [(f"{month[5:]}/{month[:4]}", calendar(list(days), language)) for month, days in months]
    return {**station, "months": drawn}
