"""The page of the audit: acts by person, act, object, way and day; the same as CSV."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Annotated, Final, get_args
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse, StreamingResponse
from fastapi.templating import Jinja2Templates

from dashboards.console.act_words import detail_line, object_words, reason_words
from dashboards.console.admission import Gate, Visitor
from dashboards.console.context import Console
from dashboards.console.days import Day, day_begins
from dashboards.console.sheet import sheet
from dashboards.console.texts import Language
from quantrac.database.audit import Way
from quantrac.database.time_zone import time_zone
from quantrac.desks.audit_rows import AuditQuery, audit_rows, exported, kinds_of_acts
from quantrac.desks.roles import DeskAct

PAGE: Final = 100
Words = Annotated[str, Query(max_length=200)]


class AuditForm:
    """What the form of the page asks for; blanks ask for all."""

    def __init__(
        self,
        person: Words = "",
        act: Words = "",
        object: Words = "",  # noqa: A002
        way: Words = "",
        since: Day = "",
        until: Day = "",
    ) -> None:
        self.asked: Mapping[str, str] = {
            "person": person, "act": act, "object": object, "way": way, "since": since, "until": until,
        }  # fmt: skip

    def query(self, zone: ZoneInfo) -> AuditQuery:
        """Return the query; days are those of a zone, the last one included. A day that is none asks for all."""
        words = {name: self.asked[name].strip() or None for name in ("person", "act", "object", "way")}
        since, until = day_begins(self.asked["since"], zone), day_begins(self.asked["until"], zone, 1)
        return AuditQuery(**words, since=since, until=until)


def add_audit_page(app: FastAPI, console: Console, templates: Jinja2Templates) -> None:
    """Add the page and its export to the application."""
    may_audit = Depends(Gate(console, DeskAct.AUDIT))
    templates.env.filters |= {"object_words": object_words, "detail_line": detail_line, "reason_words": reason_words}

    @app.get("/audit", response_class=HTMLResponse)
    def show_audit(
        request: Request,
        lang: Language = "vi",
        before: Annotated[int | None, Query(gt=0, lt=2**63)] = None,
        form: AuditForm = Depends(AuditForm),
        by: Visitor = may_audit,
    ) -> Response:
        """Acts, the newest first, a hundred a page."""
        asked = {name: words for name, words in form.asked.items() if words}
        with console.pool.connection() as conn:
            context = sheet(conn, request, by, lang, form.asked)
            rows = audit_rows(conn, form.query(context["zone"]), limit=PAGE, before=before)
            acts = kinds_of_acts(conn)
        context |= {
            "rows": rows, "acts": acts, "ways": get_args(Way), "export": urlencode(asked),
            "older": urlencode({**asked, "lang": lang, "before": rows[-1].audit_id}) if len(rows) == PAGE else None,
        }  # fmt: skip
        return templates.TemplateResponse(request, "audit.html", context)

    @app.get("/audit.csv", dependencies=[may_audit])
    def export_audit(form: AuditForm = Depends(AuditForm)) -> Response:
        """The acts as CSV, at most 100,000, the newest first."""
        with console.pool.connection() as conn:
            zone = time_zone(conn)
        lines = exported(console.pool.connection, form.query(zone), zone)
        headers = {"Content-Disposition": 'attachment; filename="audit.csv"'}
        begun = chain([next(lines)], lines)  # what is wrong with the first of them is answered as on any page
        return StreamingResponse(begun, media_type="text/csv; charset=utf-8", headers=headers)
