"""The page of alarms: standing and past, by filters that stand in the address, fifty at a time."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates

from alerts.alarm_search import STATES, AlarmQuery, alarm_page
from dashboards.console import alarm_words
from dashboards.console.admission import Gate, Visitor
from dashboards.console.context import Console
from dashboards.console.days import Day, day_begins
from dashboards.console.sheet import frame, titles_at
from dashboards.console.texts import Language
from quantrac.database.pool import Connection
from quantrac.database.time_zone import time_zone
from quantrac.desks.roles import DeskAct
from quantrac.telemetry.parameters import CATALOGUE
from quantrac.telemetry.severity import Severity

PAGE: Final = 50
SEVERITIES: Final = tuple(severity.word for severity in sorted(Severity, reverse=True))
STATIONS: Final = """
select station, case when %(language)s = 'vi' then name_vi else name_en end from station
where active and (%(within)s::text[] is null or station = any(%(within)s)) order by 2, 1
"""
MEASURED: Final = "select distinct parameter from channel where active"
Words = Annotated[str, Query(max_length=200)]


class AlarmForm:
    """What the form of the page asks for; blanks ask for all, and so do words that mean nothing."""

    def __init__(
        self,
        state: Words = "standing",
        severity: Words = "",
        station: Words = "",
        parameter: Words = "",
        since: Day = "",
        until: Day = "",
        text: Words = "",
    ) -> None:
        self.asked: dict[str, str] = {
            "state": state if state in STATES else "standing",
            "severity": severity if severity in SEVERITIES else "",
            "station": station, "parameter": parameter, "since": since, "until": until, "text": text.strip(),
        }  # fmt: skip

    def query(self, zone: ZoneInfo, within: frozenset[str] | None) -> AlarmQuery:
        """Return the query; days are those of a zone, the last one included."""
        asked = self.asked
        return AlarmQuery(
            asked["state"], asked["severity"] or None, asked["station"] or None, asked["parameter"] or None,
            day_begins(asked["since"], zone), day_begins(asked["until"], zone, 1), asked["text"], within,
        )  # fmt: skip


def stations(conn: Connection, by: Visitor, language: Language) -> dict[str, str]:
    """Return the stations that somebody may read, by the order of their names."""
    within = None if by.stations is None else sorted(by.stations)
    return dict(conn.execute(STATIONS, {"language": language, "within": within}).fetchall())


def add_alarms_page(app: FastAPI, console: Console, templates: Jinja2Templates) -> None:
    """Add the page to the application."""
    templates.env.globals["alarm_words"] = alarm_words

    @app.get("/alarms", response_class=HTMLResponse)
    def show_alarms(
        request: Request,
        lang: Language = "vi",
        after: Annotated[int | None, Query(gt=0, lt=2**63)] = None,
        form: AlarmForm = Depends(AlarmForm),
        by: Visitor = Depends(Gate(console, DeskAct.READ)),
    ) -> Response:
        """Alarms by state, severity, station, parameter, time and words; `after` an alarm on a further page."""
        with console.pool.connection() as conn:
            zone = time_zone(conn)
            found = alarm_page(conn, form.query(zone, by.stations), PAGE, after)
            named = stations(conn, by, lang)
            titled = titles_at(conn, {row.station for row in found.rows if row.station is not None}, lang)
            measured = {parameter for (parameter,) in conn.execute(MEASURED)}
        kept = {name: words for name, words in form.asked.items() if words} | {"lang": lang}
        context = frame(request, by, lang, zone, form.asked, commands=console.command is not None) | {
            "found": found,
            "states": tuple(STATES),
            "severities": SEVERITIES,
            "named": named,
            "titled": titled,
            "parameters": [one for one in CATALOGUE.values() if one.id in measured],
            "first": urlencode(kept) if after is not None else None,
            "older": urlencode({**kept, "after": found.rows[-1].alarm_id}) if found.has_more else None,
            "narrowed": sum(bool(form.asked[name]) for name in ("severity", "station", "parameter", "since", "until")),
            "is_filtered": any(words for name, words in form.asked.items() if name != "state"),
        }
        return templates.TemplateResponse(request, "alarm_list.html", context)
