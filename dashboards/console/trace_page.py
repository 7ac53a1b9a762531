"""The page of a trace: one number back to its raw reading, its tests and persons, and on to what is made of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.templating import Jinja2Templates

from dashboards.console.admission import Gate, Visitor
from dashboards.console.context import Console
from dashboards.console.refusals import refusal
from dashboards.console.sheet import Moment, channel_titles, sheet, stations_of
from dashboards.console.texts import Language
from quantrac.desks.roles import DeskAct
from quantrac.desks.trace import NothingToTrace, Trace, trace
from quantrac.telemetry.parameters import CATALOGUE


def add_trace_page(app: FastAPI, console: Console, templates: Jinja2Templates) -> None:
    """Add the page and the same as JSON to the application."""
    may_read = Depends(Gate(console, DeskAct.READ))

    @app.get("/stations/{station}/trace/{name}", response_class=HTMLResponse)
    def show_trace(
        request: Request, station: str, name: str, time: Moment = None, as_of: Moment = None, lang: Language = "vi",
        by: Visitor = may_read,
    ) -> Response:  # fmt: skip
        """Everything that is on record of the reading whose slot holds a time; without one, of the newest."""
        channel = f"{station}/{name}"
        with console.pool.connection() as conn:
            moments = {"time": time, "as_of": as_of}
            asked = {word: "" if moment is None else moment.isoformat() for word, moment in moments.items()}
            context = sheet(conn, request, by, lang, asked)
            titled = channel_titles(conn, station, lang)
            context |= {
                "station": station, "station_name": stations_of(conn, by, lang).get(station, station),
                "channel": channel, "title": titled.get(channel, channel), "titled": titled, "found": None,
            }  # fmt: skip
            try:
                context |= _shown(trace(conn, channel, time, as_of))
            except NothingToTrace as why:
                context["why_not"] = refusal(why, lang, context["zone"])
                nearest = why.values.get("nearest")
                context["nearest"] = trace_address(channel, nearest, lang) if isinstance(nearest, datetime) else None
        return templates.TemplateResponse(request, "trace.html", context, 404 if context["found"] is None else 200)

    @app.get("/api/channels/{station}/{name}/trace", dependencies=[may_read])
    def trace_data(station: str, name: str, time: Moment = None, as_of: Moment = None) -> Response:
        """The same as JSON, as `quantrac trace --json` has it."""
        with console.pool.connection() as conn:
            return JSONResponse(msgspec.to_builtins(trace(conn, f"{station}/{name}", time, as_of)))


def _shown(found: Trace) -> dict[str, Any]:
    parameter = CATALOGUE.get(found.channel.parameter)
    step = timedelta(seconds=found.channel.interval_s)
    return {
        "found": found,
        "parameter": parameter,
        "unit": found.channel.unit if parameter is None else parameter.label,
        "before": found.reading.time - step,
        "after": found.reading.time + step,
    }


def trace_address(channel: str, time: datetime, language: Language) -> str:
    """Return the address of the trace of a channel's value at a time. Pure."""
    station, _, name = channel.partition("/")
    asked = urlencode({"time": time.isoformat(), "lang": language})
    return f"/stations/{quote(station)}/trace/{quote(name)}?{asked}"
