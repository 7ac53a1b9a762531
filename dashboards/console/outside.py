"""Requests from outside the control centre that prove themselves: signed links in mails, receipts of a provider."""

from __future__ import annotations

import hmac
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse
from fastapi.templating import Jinja2Templates
from psycopg.rows import dict_row

from alerts import desk as alerts_desk
from alerts.people.receipts import note_esms_receipt
from alerts.telling.links import LinkRefused, Links, Opened
from dashboards.console.admission import address_of
from dashboards.console.alarm_curve import Drawn, drawing
from dashboards.console.context import Console
from dashboards.console.pictures import picture, pictures_of
from dashboards.console.refusals import refusal
from dashboards.console.texts import Language, texts
from quantrac.database import audit
from quantrac.database.pool import Connection
from quantrac.database.time_zone import time_zone
from quantrac.telemetry.errors import QuantracError
from quantrac.telemetry.parameters import CATALOGUE

ALARM: Final = """
select a.alarm_id, a.texts->'title'->>%(language)s as title,
       case %(language)s when 'vi' then s.name_vi else s.name_en end as station,
       a.raised_at, a.cleared_at, a.acknowledged_at, a.acknowledged_by,
       a.channel, a.parameter, a.value, a."limit", a.unit,
       a.texts->'has_value' is distinct from 'false' as has_value
from v_alarm a left join station s using (station) where a.alarm_id = %(alarm)s
"""
PERSON: Final = "select name, language from contact where contact_id = %s and active"


def add_outside(app: FastAPI, console: Console, templates: Jinja2Templates) -> None:
    """Add the routes; without a public address and a secret in the settings they do not exist."""
    links = console.links
    if links is None:
        return

    @app.get("/a/{token}", response_class=HTMLResponse)
    def show(request: Request, token: str) -> Response:
        """Show the alarm of a link, with a button: opening it changes nothing, for mail scanners open every link."""
        with console.pool.connection() as conn:
            return _page(templates, request, console, links, conn, token)

    @app.get("/a/{token}/pictures/{camera}")
    def show_picture(token: str, camera: str) -> Response:
        """Show a picture that was taken when the alarm of a link rose."""
        with console.pool.connection() as conn:
            try:
                opened = links.opened(token, console.clock())
                _person(conn, opened)
            except (LinkRefused, ValueError):
                return PlainTextResponse("this link cannot be used", 410)
            return picture(conn, opened.alarm_id, camera)

    @app.post("/a/{token}", response_class=HTMLResponse)
    def acknowledge(request: Request, token: str) -> Response:
        """Acknowledge in the name of the person to whom the link was sent."""
        with console.pool.connection() as conn:
            return _page(templates, request, console, links, conn, token, acknowledges=True)

    @app.get("/receipts/esms/{word}")
    def esms_receipt(request: Request, word: str) -> Response:
        """Take a receipt of eSMS (a GET with RequestId, SendStatus, SendSuccess, SendFailed, error_info)."""
        if not hmac.compare_digest(word.encode(), links.word_for("esms").encode()):
            return PlainTextResponse("no such place", 404)
        with console.pool.connection() as conn:
            note_esms_receipt(conn, dict(request.query_params), console.clock())
        return PlainTextResponse("ok")


def _page(
    templates: Jinja2Templates, request: Request, console: Console, links: Links, conn: Connection, token: str,
    *, acknowledges: bool = False,
) -> Response:  # fmt: skip
    try:
        opened = links.opened(token, console.clock())
        person, language = _person(conn, opened)
    except (LinkRefused, ValueError):
        context = {"lang": "vi", "t": texts("vi"), "refused": True}
        return templates.TemplateResponse(request, "linked.html", context, 410)
    refused, zone = "", time_zone(conn)
    if acknowledges:
        try:
            who = audit.contact_account(opened.contact_id)
            with audit.coming(audit.Origin("link", account=who, address=address_of(request))):
                alerts_desk.acknowledge(conn, opened.alarm_id, who, "by the link in a mail", console.clock())
        except QuantracError as error:
            refused = refusal(error, language, zone)
    alarm = _alarm(conn, opened, language)
    known = CATALOGUE.get(alarm["parameter"]) if alarm else None
    context = {
        "lang": language,
        "t": texts(language),
        "alarm": alarm,
        "decimals": known.decimals if known else 2,
        "unit": known.label if known else alarm["unit"] if alarm else None,
        "drawing": alarm
        and drawing(conn, Drawn(**{key: alarm[key] for key in Drawn._fields}), zone, language, console.clock()),
        "zone": zone,
        "pictures": pictures_of(conn, opened.alarm_id),
        "token": token,
        "why_not": refused,
        "person": person,
    }
    return templates.TemplateResponse(request, "linked.html", context)


def _person(conn: Connection, opened: Opened) -> tuple[str, Language]:
    row = conn.execute(PERSON, [opened.contact_id]).fetchone()
    if row is None:
        raise LinkRefused("the person is no contact any more")
    return row[0], "en" if row[1] == "en" else "vi"


def _alarm(conn: Connection, opened: Opened, language: Language) -> dict[str, Any] | None:
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(ALARM, {"alarm": opened.alarm_id, "language": language}).fetchone()
