"""The page of stages: a station's month by channel and day, who signed, signing and reopening."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Any

import msgspec
from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.templating import Jinja2Templates
from pydantic import AwareDatetime, BaseModel, Field

from dashboards.console.admission import Gate, Visitor
from dashboards.console.alarm_actions import Note, Reason
from dashboards.console.context import Console
from dashboards.console.sheet import (
    EARLIEST,
    LATEST,
    BoundedDay,
    Day,
    Moment,
    Month,
    channel_titles,
    measured_channels,
    month_of,
    sheet,
    stations_of,
)
from dashboards.console.texts import Language
from quantrac.desks import stages
from quantrac.desks.roles import DeskAct
from quantrac.desks.stages import ChannelDays, StagedDay


class DaysRequest(BaseModel):
    """Which days of a station's channels."""

    first: BoundedDay
    last: BoundedDay
    channels: list[Note] = Field(default_factory=list, max_length=500)
    """No channel means all that are measured."""

    def days(self, station: str) -> ChannelDays:
        """Return them as the desk takes them."""
        return ChannelDays(station, self.first, self.last, tuple(self.channels))


class SignRequest(DaysRequest):
    """The body of a signature."""

    note: Note = ""
    seen: AwareDatetime | None = None
    """When the page was read: days to which readings, findings or corrections came since are left."""


class ReopenRequest(DaysRequest):
    """The body of a reopening."""

    reason: Reason


def add_stages_page(app: FastAPI, console: Console, templates: Jinja2Templates) -> None:
    """Add the page, its data and its acts to the application."""
    may_read = Depends(Gate(console, DeskAct.READ))
    may_sign_off = Depends(Gate(console, DeskAct.SIGN_OFF))

    @app.get("/stages", response_class=HTMLResponse)
    def show_stages(
        request: Request,
        station: Annotated[str, Query(max_length=100)] = "",
        month: Month = "",
        as_of: Annotated[str, Query(max_length=40)] = "",
        lang: Language = "vi",
        by: Visitor = may_read,
    ) -> Response:
        """A month of one station; without one, of the first that somebody may read."""
        now = console.clock()
        with console.pool.connection() as conn:
            asked = {"station": station, "month": month, "as_of": as_of}
            context = sheet(conn, request, by, lang, asked)
            names = stations_of(conn, by, lang)
            chosen = station if station in names else next(iter(names), "")
            first, last = month_of(month, now.astimezone(context["zone"]).date())
            then = _then(as_of, context["zone"])
            found = stages.stages(conn, ChannelDays(chosen, first, last), then) if chosen else []
            titled = channel_titles(conn, chosen, lang)
            context |= {
                "stations": names, "station": chosen, "first": first, "last": last, "then": then, "seen": now,
                "today": now.astimezone(context["zone"]).date(),
                "days": [first + timedelta(days=n) for n in range((last - first).days + 1)],
                "rows": _rows(found, list(titled)), "titled": titled, "to_do": stages.to_do(conn, by.stations),
                "signable": measured_channels(conn, chosen),
                "may_sign": then is None and _may(by, chosen),
            }  # fmt: skip
        return templates.TemplateResponse(request, "stages.html", context)

    @app.get("/api/stations/{station}/stages", dependencies=[may_read])
    def stages_data(station: str, first: Day, last: Day, as_of: Moment = None) -> Response:
        """The stages of days, as `quantrac stages list --json` has them."""
        with console.long_read() as conn:
            found = stages.stages(conn, ChannelDays(station, first, last), as_of)
        return JSONResponse(msgspec.to_builtins(found))

    @app.post("/api/stations/{station}/stages/sign")
    def sign(station: str, wish: SignRequest, by: Visitor = may_sign_off) -> Response:
        """Sign days as reviewed; what could not be signed is counted."""
        with console.pool.connection() as conn, by.acting():
            done = stages.sign(conn, wish.days(station), by.name, wish.note, console.clock(), seen=wish.seen)
        return JSONResponse(msgspec.to_builtins(done))

    @app.post("/api/stations/{station}/stages/reopen")
    def reopen(station: str, wish: ReopenRequest, by: Visitor = may_sign_off) -> Response:
        """Reopen signed days."""
        with console.pool.connection() as conn, by.acting():
            done = stages.reopen(conn, wish.days(station), by.name, wish.reason, console.clock())
        return JSONResponse({"reopened": done})


def _may(by: Visitor, station: str) -> bool:
    """Tell whether somebody may sign there; whoever has not signed in is asked to when they try."""
    stations = by.acts.get(DeskAct.SIGN_OFF.value, [] if by.login else None)
    return stations is None or station in stations


def _then(text: str, zone: Any) -> datetime | None:
    """Return the moment of a form's field, which is local; None for what is none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    then = found if found.tzinfo else found.replace(tzinfo=zone)
    return then if EARLIEST.year < then.year < LATEST.year else None


def _rows(found: list[StagedDay], order: list[str]) -> dict[str, dict[date, StagedDay]]:
    """Return days by channel and day; channels in an order, those that are gone last."""
    rows: dict[str, dict[date, StagedDay]] = {channel: {} for channel in order}
    for one in found:
        rows.setdefault(one.channel, {})[one.day] = one
    return {channel: days for channel, days in rows.items() if days}
