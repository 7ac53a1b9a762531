"""The page of one alarm: what it is, its life on a time line, who was told and whether it arrived, what follows."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple
from urllib.parse import urlencode

from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates

from alerts import desk, timeline
from alerts.alarm import publication
from alerts.desk import AlarmRow, DeskRefused, EventRow
from alerts.timeline import MessageCount, MessageRow
from dashboards.console import alarm_words
from dashboards.console.admission import ALARM_ID, Gate, Visitor
from dashboards.console.alarm_curve import Drawn, drawing, stretch
from dashboards.console.alarms_page import stations
from dashboards.console.context import Console
from dashboards.console.people_page import group_title
from dashboards.console.pictures import pictures_of
from dashboards.console.sheet import channel_titles, frame
from dashboards.console.texts import Language, texts
from quantrac.database.time_zone import time_zone
from quantrac.desks.roles import DeskAct

EXPLAINED: Final = """
select alarm_id from v_alarm where parent = %s and cleared_at is null and not late order by alarm_id limit 20
"""


class AlarmStep(NamedTuple):
    """One step of the time line."""

    event: EventRow | None
    """None: messages that sum up several alarms."""
    counts: list[MessageCount]
    messages: list[MessageRow]


def steps_of(events: list[EventRow], counts: list[MessageCount], messages: list[MessageRow]) -> list[AlarmStep]:
    """Return the history with what was told of each step; summaries of several alarms come last. Pure."""
    places: list[EventRow | None] = [*events, None]
    found = []
    for event in places:
        number = None if event is None else event.alarm_event_id
        told = [one for one in counts if one.alarm_event_id == number]
        if event is not None or told:
            found.append(AlarmStep(event, told, [one for one in messages if one.alarm_event_id == number]))
    return found


def add_alarm_page(app: FastAPI, console: Console, templates: Jinja2Templates) -> None:
    """Add the page to the application."""
    may_read = Depends(Gate(console, DeskAct.READ))

    @app.get("/alarms/{alarm_id}", response_class=HTMLResponse)
    def show_alarm(request: Request, alarm_id: str, lang: Language = "vi", by: Visitor = may_read) -> Response:
        """One alarm and its life."""
        with console.pool.connection() as conn:
            zone, now = time_zone(conn), console.clock()
            try:
                if not ALARM_ID.fullmatch(alarm_id):
                    raise DeskRefused("there is no alarm {alarm}; see `quantrac alarms list --all`", alarm=alarm_id)
                row = desk.alarm(conn, int(alarm_id))
            except DeskRefused:
                context = {"lang": lang, "t": texts(lang), "text": texts(lang)["unknown_alarm"], "again": False}
                return templates.TemplateResponse(request, "message.html", context, 404)
            events, counts = desk.history(conn, row.alarm_id), timeline.message_counts(conn, row.alarm_id)
            messages = timeline.messages(conn, row.alarm_id)
            named, library = stations(conn, by, lang), console.library()
            titled = group_title(library.network if library else None, lang)
            context = frame(request, by, lang, zone, {}, commands=console.command is not None) | {
                "alarm": row,
                "place": _place(row, named, lang),
                "named": named,
                "is_public": publication.is_public(conn, row.alarm_id),
                "titled": {} if row.station is None else channel_titles(conn, row.station, lang),
                "title": alarm_words.title(row, lang),
                "steps": steps_of(events, counts, messages),
                "seen": max((event.alarm_event_id for event in events if event.person is not None), default=0),
                "names": by.sees_people,
                "shown_messages": timeline.MOST_MESSAGES,
                "told": sum(one.messages for one in counts),
                "drawing": drawing(conn, _drawn(row, named, lang), zone, lang, now),
                "around": _around(row, now, lang),
                "pictures": pictures_of(conn, row.alarm_id),
                "explained": [number for (number,) in conn.execute(EXPLAINED, [row.alarm_id])],
                "call_to": [titled(group) for group in row.call_to or ()],
                "has_rule": library is not None and library.rule(row.rule) is not None,
                "others": urlencode({"lang": lang, "state": "all", "station": row.station or "", "text": row.rule}),
            }
        return templates.TemplateResponse(request, "alarm.html", context)


def _place(row: AlarmRow, named: dict[str, str], language: Language) -> str:
    return texts(language)["centre"] if row.station is None else named.get(row.station, row.station)


def _drawn(row: AlarmRow, named: dict[str, str], language: Language) -> Drawn:
    title, place = alarm_words.title(row, language), _place(row, named, language)
    return Drawn(row.channel, row.parameter, row.raised_at, row.cleared_at, row.limit, title, place)


def _around(row: AlarmRow, now: datetime, language: Language) -> str:
    """Return the query of the station's page that shows the time of the alarm."""
    since, until = (f"{at:%Y-%m-%dT%H:%M:%SZ}" for at in stretch(row.raised_at, row.cleared_at, now))
    return urlencode({"lang": language, "from": since, "to": until}, safe=":")
