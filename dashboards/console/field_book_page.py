"""The page of the field book: a station's visits with what was done there, before and after, and its certificates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.templating import Jinja2Templates
from pydantic import BaseModel, Field

from dashboards.console.admission import Gate, Visitor
from dashboards.console.alarm_actions import Name, Note, Reason
from dashboards.console.context import Console
from dashboards.console.entry_acts import EntryWish, add_entry_acts
from dashboards.console.sheet import BoundedDay, PossibleTime, channel_titles, sheet_of_station
from dashboards.console.texts import Language
from quantrac.database.pool import Connection
from quantrac.desks import certificates, field_book
from quantrac.desks.certificates import CERTIFICATES, Certificate, CertificateKind, CertificateSheet, standing
from quantrac.desks.field_book import MOST_WORKS, VISITS, DeviceWork, ServiceRow, Visit, VisitSheet, WorkKind
from quantrac.desks.roles import DeskAct
from quantrac.telemetry.parameters import CATALOGUE

SHOWN: Final = 50
"""Visits of a station, the newest."""
CHANNELS: Final = """
select channel, name, parameter, unit, device from v_channel where station = %s and device is not null and not derived
order by channel
"""
Value = Annotated[float | None, Field(allow_inf_nan=False)]


class WorkWish(BaseModel):
    """Something that was done at a device."""

    device: Name
    kind: WorkKind
    channel: Name | None = None
    before: Value = None
    after: Value = None
    reference: Value = None
    serial: Note | None = None
    words: Note = ""


class VisitWish(EntryWish):
    """The body of a visit."""

    arrived_at: PossibleTime
    left_at: PossibleTime
    crew: Note = ""
    works: list[WorkWish] = Field(default_factory=list, max_length=MOST_WORKS)

    def sheet(self, station: str) -> VisitSheet:
        """Return it as the desk takes it."""
        works = tuple(DeviceWork(**work.model_dump()) for work in self.works)
        return VisitSheet(station, self.arrived_at, self.left_at, works, self.crew, self.words)


class CertificateWish(EntryWish):
    """The body of a certificate."""

    device: Name
    kind: CertificateKind
    number: Name
    issued_by: Annotated[Reason, Field(max_length=200)]
    issued_on: BoundedDay
    expires_on: BoundedDay
    serial: Note | None = None

    def sheet(self, station: str) -> CertificateSheet:
        """Return it as the desk takes it."""
        return CertificateSheet(station, **self.model_dump(exclude={"reason", "seen"}))


def add_field_book_page(app: FastAPI, console: Console, templates: Jinja2Templates) -> None:
    """Add the page and its acts to the application."""
    may_read = Depends(Gate(console, DeskAct.READ))

    @app.get("/field-book", response_class=HTMLResponse)
    def show_field_book(
        request: Request,
        station: Annotated[str, Query(max_length=100)] = "",
        lang: Language = "vi",
        by: Visitor = may_read,
    ) -> Response:
        """The field book of a station; without one, of the first that somebody may read."""
        with console.pool.connection() as conn:
            context = sheet_of_station(conn, request, by, lang, station)
            chosen = context["station"]
            today = console.clock().astimezone(context["zone"]).date()
            visits = field_book.visits(conn, chosen, limit=SHOWN) if chosen else []
            since = visits[-1].arrived_at if len(visits) == SHOWN else None
            history = field_book.service_of(conn, chosen, visits, since, 4 * SHOWN) if chosen else []
            context |= {
                "now": round(console.clock().timestamp() * 1000),
                "timeline": timeline(visits, history), "kinds": list(WorkKind),
                "older": VISITS.earlier(conn, visits), "form": _form(conn, chosen, visits, lang),
                "titled": channel_titles(conn, chosen, lang),
                "certificates": [(one, standing(one.expires_on, today), superseded)
                                 for one, superseded in _certificates(conn, chosen)],
                "may_write": by.may(DeskAct.FIELD_BOOK, chosen) or by.login is None,
            }  # fmt: skip
        return templates.TemplateResponse(request, "field_book.html", context)

    add_entry_acts(app, console, DeskAct.FIELD_BOOK, "visits", VISITS, VisitWish)
    add_entry_acts(app, console, DeskAct.FIELD_BOOK, "certificates", CERTIFICATES, CertificateWish)

    @app.get("/api/certificates/expiring")
    def expiring(by: Visitor = may_read) -> Response:
        """Certificates that have ended or end soon, the oldest end first."""
        with console.pool.connection() as conn:
            found = certificates.expiring(conn, console.clock(), by.stations)
        return JSONResponse(msgspec.to_builtins(found))


def timeline(
    visits: Iterable[Visit], history: Iterable[ServiceRow]
) -> list[tuple[datetime, Visit | None, list[ServiceRow]]]:
    """Return what the page lists, the newest first: each visit with its rows, and what only the station said. Pure.

    Of a visit the rows are its works, with the time at which the station said the same, and what the station said in
    its hours and nobody wrote down.
    """
    of_visit: dict[int, list[ServiceRow]] = {}
    alone: list[ServiceRow] = []
    known = {visit.visit_id: visit for visit in visits}
    for row in history:
        if row.visit_id in known:
            of_visit.setdefault(row.visit_id or 0, []).append(row)
        elif row.visit_id is None:
            alone.append(row)
    found: list[tuple[datetime, Visit | None, list[ServiceRow]]] = [
        (visit.arrived_at, visit, [row for row in of_visit.get(number, []) if row.kind != "visit"])
        for number, visit in known.items()
    ]
    return sorted([*found, *((row.at, None, [row]) for row in alone)], key=lambda each: each[0], reverse=True)


def _certificates(conn: Connection, station: str) -> list[tuple[Certificate, bool]]:
    """Return a station's certificates, and of each whether another one of its kind is valid for longer."""
    seen: set[tuple[str, str]] = set()
    found = []
    for one in certificates.certificates(conn, station) if station else []:  # of a device the longest valid first
        key = (one.device, one.kind)
        found.append((one, key in seen))
        seen.add(key)
    return found


def _form(conn: Connection, station: str, visits: Iterable[Visit], language: Language) -> Mapping[str, Any]:
    """Return what the page's script fills its form with: devices with their channels, and visits to be corrected."""
    titled = channel_titles(conn, station, language)
    devices: dict[str, list[dict[str, str | None]]] = {name: [] for name in field_book.devices_of(conn, station)}
    for channel, name, parameter, unit, device in conn.execute(CHANNELS, [station]):
        known = CATALOGUE.get(parameter)
        label = unit if known is None else known.label
        devices.setdefault(device, []).append({"name": name, "title": titled.get(channel, name), "unit": label})
    filled = {
        one.visit_id: {**msgspec.to_builtins(one), "works": [work._asdict() for work in one.works]} for one in visits
    }
    return {"station": station, "devices": devices, "visits": filled}
