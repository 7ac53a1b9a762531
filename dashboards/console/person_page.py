"""The page of one person who gets messages: wishes, consent, week, history; and what may be asked of the desk there."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi import Path as PathParameter
from fastapi.encoders import jsonable_encoder
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.templating import Jinja2Templates
from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, StringConstraints

from alerts.people.contact_cells import COLUMNS, MEDIA, ContactRefused, KnownNames, cells_of
from alerts.people.contact_changes import add_contact, change_contact, remove_contact
from alerts.people.contact_record import NOBODY, ContactKept, ContactRecord, contact_record, stands_in, told
from alerts.people.contact_search import group_sizes
from alerts.people.contacts import UnknownContact
from alerts.people.personal_data import erase_contact, export_contact
from alerts.people.test_message import can_queue_tests, queue_test
from alerts.telling.contact import Addressee
from alerts.telling.routes import Hours, Routing, end_of_quiet
from dashboards.console.admission import Gate, Visitor
from dashboards.console.alarm_actions import Reason, no_controls
from dashboards.console.context import Console
from dashboards.console.people_page import group_names, group_title, network_of, people_frame
from dashboards.console.refusals import language_of, refusal
from dashboards.console.roster_page import duty_bars, quiet_bars
from dashboards.console.telling_words import meaning
from dashboards.console.texts import Language, texts
from quantrac.config.contacts import Contact
from quantrac.config.network import Network
from quantrac.database.pool import Connection
from quantrac.desks.roles import DeskAct
from quantrac.telemetry.parameters import CATALOGUE

LINES: Final = 50
ContactId = Annotated[int, PathParameter(gt=0, lt=2**31)]
Cell = Annotated[str, StringConstraints(strip_whitespace=True, max_length=8000), AfterValidator(no_controls)]


class PersonWish(BaseModel):
    """The body of what is asked about one person: why, and what had happened to them when the page was read."""

    reason: Reason
    seen: int | None = Field(default=None, ge=0, lt=2**63)


class PersonForm(BaseModel):
    """The body of a person added or changed: cells by column, as in the CSV file."""

    cells: dict[Annotated[str, Field(max_length=20)], Cell] = Field(max_length=len(COLUMNS))
    reason: Annotated[Cell, Field(max_length=400)] = ""
    seen: int | None = Field(default=None, ge=0, lt=2**63)


def in_files(network: Network | None) -> list[Contact]:
    """Return the contacts that stand in network.yaml. Raises ContactKept where the files cannot be read."""
    if network is None:
        raise ContactKept("the configuration cannot be read, so nobody knows whether network.yaml names this person")
    return list(network.settings.contacts.values())


def known_names(conn: Connection, network: Network | None) -> KnownNames:
    """Return the groups and stations that there are; without the files, those of the database."""
    found = conn.execute("select station from station where active").fetchall()
    return KnownNames(group_names(network, group_sizes(conn)), [station for (station,) in found])


def add_person_page(app: FastAPI, console: Console, templates: Jinja2Templates) -> None:
    """Add the page and its requests to the application."""
    templates.env.filters["meaning_words"] = meaning
    allowed = Depends(Gate(console, DeskAct.CONTACTS))

    @app.get("/people/new", response_class=HTMLResponse)
    def show_form(request: Request, lang: Language = "vi", by: Visitor = allowed) -> Response:
        """An empty form."""
        with console.pool.connection() as conn:
            context = people_frame(console, conn, request, by, lang)
            context |= {"record": None, "cells": cells_of(NOBODY), **_choices(conn, context["network"])}
        return templates.TemplateResponse(request, "person.html", context)

    @app.get("/people/{contact_id}", response_class=HTMLResponse)
    def show_person(
        request: Request,
        contact_id: ContactId,
        before: Annotated[AwareDatetime | None, Query()] = None,
        lang: Language = "vi",
        by: Visitor = allowed,
    ) -> Response:
        """One person, also one who was removed or whose data are erased."""
        with console.pool.connection() as conn:
            context = people_frame(console, conn, request, by, lang)
            try:
                record = contact_record(conn, contact_id)
            except UnknownContact:
                said = {"lang": lang, "t": texts(lang), "text": texts(lang)["person_unknown"], "again": False}
                return templates.TemplateResponse(request, "message.html", said, 404)
            context |= _person(conn, context["network"], record, before, lang)
            context |= _choices(conn, context["network"])
            context |= _week(context["network"], record.contact, context["zone"], console.clock(), lang)
        return templates.TemplateResponse(request, "person.html", context)

    _add_requests(app, console, allowed)


def _person(
    conn: Connection, network: Network | None, record: ContactRecord, before: datetime | None, language: Language
) -> dict[str, Any]:
    """Return what is on record of a person, with a stretch of messages and answers before a time."""
    lines = told(conn, record.contact_id, before=before, limit=LINES)
    older = urlencode({"lang": language, "before": lines[-1].at.isoformat()}) if len(lines) >= LINES else None
    return {
        "record": record, "cells": cells_of(record.contact), "lines": lines, "before": before, "older": older,
        "in_files": network is not None and stands_in(record.contact, in_files(network)),
        "alerts_run": can_queue_tests(conn),
    }  # fmt: skip


def _choices(conn: Connection, network: Network | None) -> dict[str, Any]:
    tags = set() if network is None else {tag for station in network.stations.values() for tag in station.tags}
    return {
        "names": group_names(network, group_sizes(conn)),
        "media": MEDIA,
        "tags": sorted(tags),
        "parameters": CATALOGUE,
    }


def _week(network: Network | None, contact: Contact, zone: Any, now: datetime, language: Language) -> dict[str, Any]:
    """Return what the picture of a person's next seven days shows: turns of the own shifts, quiet hours. Pure."""
    since = datetime.combine(now.astimezone(zone).date(), time(), zone)
    until = datetime.combine(since.date() + timedelta(days=7), time(), zone)
    hours: Hours | None = None
    if contact.quiet is not None:
        hours = time.fromisoformat(contact.quiet.start), time.fromisoformat(contact.quiet.end)
    elif network is not None and contact.groups:
        member = Addressee(0, contact.name, contact.language, None, None, frozenset(contact.groups))
        hours = Routing.of(network).hours_of(member)
    title, mine = group_title(network, language), frozenset(contact.groups)
    rosters = {} if network is None else network.settings.duty
    return {
        "now": now, "days": [since.date() + timedelta(days=n) for n in range(7)], "since": since,
        "hours": (until - since) / timedelta(hours=1), "own_hours": hours,
        "rosters": {
            group: duty_bars(network, group, title, since, until, mine)
            for group, duty in rosters.items() if network is not None and mine & set(duty.shifts)
        },
        "quiet": [] if hours is None else quiet_bars(hours, since, until, zone),
        "quiet_until": None if hours is None else end_of_quiet(now, hours, zone),
    }  # fmt: skip


def _refused(error: ContactRefused, request: Request, console: Console) -> Response:
    """Answer with what is wrong with each cell, in the words of the form."""
    language = language_of(request.headers.get("accept-language"))
    said, zone = texts(language), console.watcher.zone
    title = group_title(network_of(console), language)
    lines = []
    for column, problem in error.problems:
        words = refusal(problem, language, zone)
        if column == "groups":  # the form has their titles
            words = re.sub(r"[a-z][a-z0-9-]+", lambda found: title(found[0]), words)
        lines.append(f"{', '.join(said.get(f'cell_{one}', one) for one in column.split(', '))}: {words}")
    return JSONResponse({"error": "; ".join(lines), "columns": [column for column, _ in error.problems]}, 422)


def _add_requests(app: FastAPI, console: Console, allowed: Any) -> None:
    @app.post("/api/contacts")
    def add(request: Request, body: PersonForm, by: Visitor = allowed) -> Response:
        """Add one person."""
        with console.pool.connection() as conn, by.acting():
            known = known_names(conn, network_of(console))
            try:
                number = add_contact(conn, body.cells, known, by.name, body.reason or None, console.clock())
            except ContactRefused as error:
                return _refused(error, request, console)
        return JSONResponse({"contact": number})

    @app.post("/api/contacts/{contact_id}/change")
    def change(request: Request, contact_id: ContactId, body: PersonForm, by: Visitor = allowed) -> Response:
        """Change what the cells name."""
        network = network_of(console)
        with console.pool.connection() as conn, by.acting():
            try:
                changed = change_contact(
                    conn, contact_id, in_files(network), body.cells, known_names(conn, network), by.name,
                    body.reason or None, console.clock(), seen=body.seen,
                )  # fmt: skip
            except ContactRefused as error:
                return _refused(error, request, console)
        return JSONResponse({"changed": changed})

    @app.post("/api/contacts/{contact_id}/test")
    def test(contact_id: ContactId, by: Visitor = allowed) -> dict[str, int]:
        """Queue a test message by each of their addresses; the page shows what becomes of it."""
        network = network_of(console)
        required = network is not None and network.settings.consent_required
        with console.pool.connection() as conn, by.acting():
            queue_test(conn, contact_id, by.name, console.clock(), consent_required=required)
        return {"contact": contact_id}

    @app.post("/api/contacts/{contact_id}/remove")
    def remove(contact_id: ContactId, body: PersonWish, by: Visitor = allowed) -> dict[str, int]:
        """Tell the person nothing more."""
        files = in_files(network_of(console))
        with console.pool.connection() as conn, by.acting():
            remove_contact(conn, contact_id, files, by.name, body.reason, console.clock(), seen=body.seen)
        return {"contact": contact_id}

    @app.post("/api/contacts/{contact_id}/erase")
    def erase(contact_id: ContactId, body: PersonWish, by: Visitor = allowed) -> dict[str, int]:
        """Erase the person's data for good."""
        files = in_files(network_of(console))
        with console.pool.connection() as conn, by.acting():
            erase_contact(conn, contact_id, files, by.name, body.reason, console.clock(), seen=body.seen)
        return {"contact": contact_id}

    @app.post("/api/contacts/{contact_id}/export")
    def export(contact_id: ContactId, body: PersonWish, by: Visitor = allowed) -> Response:
        """Everything that is kept of the person, for themselves."""
        with console.pool.connection() as conn, by.acting():
            found = export_contact(conn, contact_id, by.name, body.reason, console.clock())
        return JSONResponse(jsonable_encoder(found))
