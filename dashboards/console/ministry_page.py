"""The page of the ministry's files: a station's day as squares, a file with its bytes and sends, sending again."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.templating import Jinja2Templates
from pydantic import BaseModel, Field

from dashboards.console.admission import Gate, Visitor
from dashboards.console.alarm_actions import Note, Reason
from dashboards.console.context import Console
from dashboards.console.sheet import BoundedDay, Moment, PossibleTime, sheet, stations_of
from dashboards.console.texts import Language
from quantrac.config.network import Network
from quantrac.config.stations import Station
from quantrac.desks.roles import DeskAct
from quantrac.telemetry.ministry import SLOT
from reports.desk import NoMinistryFiles, owe_again
from reports.ministry.day import LATE, SlotFate, SlotState, kept_file, slots

SIGNS: Final = {
    SlotState.MADE: "○", SlotState.SENT: "◐", SlotState.ANSWERED: "●", SlotState.REPLACED: "↻", SlotState.LATE: "!",
    SlotState.FAILED: "×", SlotState.LEFT_OUT: "–", SlotState.NO_DATA: "·", SlotState.WITHDRAWN: "∅",
    SlotState.AHEAD: "",
}  # fmt: skip
A_ROW: Final = 12
"""Squares of an hour."""


class ResendRequest(BaseModel):
    """Which files go again: of the slots that end at after < t <= until."""

    after: PossibleTime
    until: PossibleTime
    receiver: Annotated[Note, Field(max_length=100)] = ""
    """Empty: each of the station's."""
    reason: Reason


def add_ministry_page(app: FastAPI, console: Console, templates: Jinja2Templates) -> None:
    """Add the page and its act to the application."""

    @app.get("/ministry", response_class=HTMLResponse)
    def show_ministry(
        request: Request,
        station: Annotated[str, Query(max_length=100)] = "",
        day: Annotated[BoundedDay | None, Query()] = None,
        file: Moment = None,
        lang: Language = "vi",
        by: Visitor = Depends(Gate(console, DeskAct.READ)),
    ) -> Response:
        """A day of one station; without one, of the first that has files and somebody may read."""
        now, network = console.clock(), _network(console)
        with console.pool.connection() as conn:
            names = stations_of(conn, by, lang)
            chosen = station if station in names else next((one for one in names if _plan(network, one)), "")
            chosen = chosen or next(iter(names), "")
            context = sheet(conn, request, by, lang, {"station": chosen, "day": day.isoformat() if day else ""})
            zone: ZoneInfo = context["zone"]
            shown = day or now.astimezone(zone).date()
            first, last = (_midnight(shown + timedelta(days=n), zone) for n in (0, 1))
            found = list(slots(conn, chosen, first, last, now, _late(network))) if chosen else []
            plan = _plan(network, chosen)
            context |= {
                "stations": names, "station": chosen, "day": shown, "rows": rows_of_hours(found, zone),
                "signs": SIGNS, "five": SLOT, "first": first, "last": last, "chosen": file,
                "kept": kept_file(conn, chosen, file) if file is not None and chosen else None,
                "receivers": () if plan is None or plan.ministry is None else plan.ministry.receivers,
                "may_resend": bool(chosen) and _may(by, chosen),
            }  # fmt: skip
        return templates.TemplateResponse(request, "ministry.html", context)

    @app.post("/api/stations/{station}/ministry/resend")
    def resend(station: str, wish: ResendRequest, by: Visitor = Depends(Gate(console, DeskAct.MINISTRY))) -> Response:
        """Let files go again whatever was sent, as `quantrac ministry resend` does; answer how many sendings."""
        plan = _plan(_network(console), station)
        if plan is None:
            raise NoMinistryFiles("the file of {station} names no receivers for the ministry's files", station=station)
        with console.pool.connection() as conn, by.acting():
            count = owe_again(
                conn, plan, wish.after, wish.until, wish.receiver or None, by.name, wish.reason, console.clock()
            )
        return JSONResponse({"files": count})


def rows_of_hours(found: list[SlotFate], zone: ZoneInfo) -> list[dict[str, Any]]:
    """Return the slots of a day by the hour in which they begin, as the page has them. Pure."""
    rows: list[dict[str, Any]] = []
    for place in range(0, len(found), A_ROW):
        hour = found[place : place + A_ROW]
        rows.append({"name": (hour[0].time - SLOT).astimezone(zone).strftime("%H"), "slots": hour})
    return rows


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _network(console: Console) -> Network | None:
    library = console.library()
    return None if library is None else library.network


def _plan(network: Network | None, station: str) -> Station | None:
    found = None if network is None else network.stations.get(station)
    return found if found is not None and found.ministry is not None and found.ministry.receivers else None


def _late(network: Network | None) -> timedelta:
    plan = None if network is None else network.settings.ministry
    return LATE if plan is None else timedelta(milliseconds=plan.after_ms)


def _may(by: Visitor, station: str) -> bool:
    """Tell whether somebody may send again; whoever has not signed in is asked to when they try."""
    stations = by.acts.get(DeskAct.MINISTRY.value, [] if by.login else None)
    return stations is None or station in stations
