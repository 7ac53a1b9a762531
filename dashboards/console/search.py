"""The search of every page (`/`): stations, channels, alarms, shifts, pages and people, with or without diacritics."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from fastapi import Depends, FastAPI, Query

from alerts.alarm_search import AlarmQuery, alarm_page, plain
from alerts.people.contact_search import ContactQuery, contact_page
from dashboards.console import alarm_words
from dashboards.console.admission import Gate, Visitor
from dashboards.console.context import Console
from dashboards.console.snapshot import NetworkNow
from dashboards.console.texts import Language, texts
from dashboards.console.titles import titles
from quantrac.database.pool import Connection
from quantrac.desks import shift
from quantrac.desks.roles import DeskAct

MOST_OF_A_KIND: Final = 8
MOST_SHIFTS: Final = 400
"""Shifts that are looked through, the newest; earlier ones are found by day on their own page."""
PAGES: Final = (
    ("network", "/", DeskAct.READ),
    ("alarms", "/alarms", DeskAct.READ),
    ("shift", "/shift", DeskAct.READ),
    ("shift_earlier", "/shifts", DeskAct.READ),
    ("bench", "/workbench", DeskAct.REVIEW),
    ("stages", "/stages", DeskAct.READ),
    ("completeness", "/completeness", DeskAct.READ),
    ("ministry", "/ministry", DeskAct.READ),
    ("aqi", "/aqi", DeskAct.READ),
    ("bulletins", "/bulletins", DeskAct.READ),
    ("jobs", "/jobs", DeskAct.READ),
    ("rules", "/rules", DeskAct.READ),
    ("people", "/people", DeskAct.CONTACTS),
    ("tab_roster", "/people/roster", DeskAct.CONTACTS),
    ("tab_told", "/people/told", DeskAct.CONTACTS),
    ("audit", "/audit", DeskAct.AUDIT),
    ("accounts", "/accounts", DeskAct.ACCOUNTS),
)
"""Text, address, and the act that lets somebody open it."""


class Hit(NamedTuple):
    """Something that was found."""

    kind: str
    title: str
    where: str
    """Which one of several that are called so; empty: there is one."""
    href: str
    names: str = ""
    """What else it is called."""


def hits(text: str, things: Iterable[Hit]) -> list[Hit]:
    """Return at most eight things that have all words, those first whose title begins with the first word. Pure."""
    words = plain(text).split()
    if not words:
        return []
    named = [(one, plain(f"{one.title} {one.where} {one.names}")) for one in things]
    found = [one for one, names in named if all(word in names for word in words)]
    found.sort(key=lambda one: (not plain(one.title).startswith(words[0]), one.title, one.where))
    return found[:MOST_OF_A_KIND]


def stations_of(network: NetworkNow, within: frozenset[str] | None, language: Language) -> list[Hit]:
    """Return the stations that somebody may read. Pure."""
    return [
        Hit("stations", one.name if language == "vi" else one.name_en, "", f"/stations/{one.station}?lang={language}",
            f"{one.station} {one.name} {one.name_en}")
        for one in network.stations if within is None or one.station in within
    ]  # fmt: skip


def _names(network: NetworkNow, language: Language) -> dict[str, str]:
    return {one.station: one.name if language == "vi" else one.name_en for one in network.stations}


def channels_of(network: NetworkNow, within: frozenset[str] | None, language: Language) -> list[Hit]:
    """Return the channels of these stations, each on its station's page. Pure."""
    names = _names(network, language)
    own: dict[str, list[Any]] = {}
    for channel in network.channels:
        if within is None or channel.station in within:
            own.setdefault(channel.station, []).append(channel)
    return [
        Hit("channels", title, names.get(station, station), f"/stations/{station}?lang={language}#{channel}", channel)
        for station, channels in own.items() for channel, title in titles(channels, language).items()
    ]  # fmt: skip


def alarms_of(
    console: Console, network: NetworkNow, text: str, within: frozenset[str] | None, language: Language
) -> list[Hit]:
    """Return the newest alarms that have the words."""
    names = _names(network, language)
    with console.pool.connection() as conn:
        found = alarm_page(conn, AlarmQuery("all", text=text, within=within), MOST_OF_A_KIND)
    return [
        Hit("alarms", f"{alarm_words.title(row, language)} ({row.alarm_id})",
            names.get(row.station or "", row.station or ""), f"/alarms/{row.alarm_id}?lang={language}")
        for row in found.rows
    ]  # fmt: skip


def people_of(console: Console, text: str, language: Language) -> list[Hit]:
    """Return the people who get messages whose name, mail address or number has the words."""
    with console.pool.connection() as conn:
        found = contact_page(conn, ContactQuery(text), MOST_OF_A_KIND)
    return [
        Hit("people", row.name, row.phone or row.email or "", f"/people/{row.contact_id}?lang={language}")
        for row in found.rows
    ]


def shifts_of(conn: Connection, zone: ZoneInfo, language: Language) -> list[Hit]:
    """Return the newest shifts that were handed over, found by number, day and person."""
    called = texts(language)["shift_number"]
    return [
        Hit("shifts", f"{called} {row.shift_id}", f"{row.since.astimezone(zone):%d/%m/%Y}, {row.person}",
            f"/shifts/{row.shift_id}?lang={language}", f"{row.taken_by or ''} {row.since.astimezone(zone).date()}")
        for row in shift.shifts(conn, most=MOST_SHIFTS)
    ]  # fmt: skip


def add_search(app: FastAPI, console: Console) -> None:
    """Add the request to the application."""

    @app.get("/api/search")
    def search(
        text: Annotated[str, Query(max_length=200)],
        lang: Language = "vi",
        by: Visitor = Depends(Gate(console, DeskAct.READ)),
    ) -> list[dict[str, Any]]:
        """What has all the words: pages, stations, channels, alarms, shifts, at most eight of each."""
        network, said = console.watcher.see(), texts(lang)
        pages = [
            Hit("pages", said[key], "", f"{path}?lang={lang}")
            for key, path, act in PAGES
            if act is DeskAct.READ or act in by.acts
        ]
        with console.pool.connection() as conn:
            past = shifts_of(conn, console.watcher.zone, lang)
        found = [
            *hits(text, pages),
            *hits(text, stations_of(network, by.stations, lang)),
            *hits(text, channels_of(network, by.stations, lang)),
            *(alarms_of(console, network, text, by.stations, lang) if text.strip() else ()),
            *(people_of(console, text, lang) if text.strip() and by.sees_people else ()),
            *hits(text, past),
        ]
        return [{"kind": one.kind, "title": one.title, "where": one.where, "href": one.href} for one in found]
