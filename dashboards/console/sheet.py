"""What pages without values of now share: their context, stations and channels by their titles, months."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import Query, Request
from pydantic import AwareDatetime, Field

from dashboards.console.admission import Visitor, sign_in_page
from dashboards.console.texts import Language, texts
from dashboards.console.titles import titles
from quantrac.database.pool import Connection, columns_of, rows_of
from quantrac.database.time_zone import time_zone
from quantrac.telemetry.parameters import CATALOGUE

EARLIEST: Final = datetime(1970, 1, 2, tzinfo=UTC)
LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)
"""No reading is of another time, and no arithmetic with these overflows."""
Month = Annotated[str, Query(pattern="^((19[7-9]|20[0-9])[0-9]-(0[1-9]|1[0-2]))?$")]
BoundedDay = Annotated[date, Field(ge=EARLIEST.date(), le=LATEST.date())]
Day = Annotated[BoundedDay, Query()]
PossibleTime = Annotated[AwareDatetime, Field(ge=EARLIEST, le=LATEST)]
Moment = Annotated[PossibleTime | None, Query()]
STATIONS: Final = """
select station, case when %(lang)s = 'vi' then name else name_en end from v_station
where %(within)s::text[] is null or station = any(%(within)s) order by station
"""


@dataclass(frozen=True, slots=True)
class NamedChannel:
    """A channel as far as its title needs it."""

    channel: str
    name: str
    parameter: str
    device: str | None
    derived: bool


CHANNELS: Final = f"select {columns_of(NamedChannel)} from v_channel where station = any(%s) order by channel"  # noqa: S608


def frame(
    request: Request,
    by: Visitor,
    language: Language,
    zone: ZoneInfo,
    asked: Mapping[str, str],
    *,
    commands: bool = False,
) -> dict[str, Any]:
    """Return what every page below the heading is made with.

    `asked` is what its address says: the other language keeps it. `commands`: people can give stations some.
    """
    other = "en" if language == "vi" else "vi"
    return {
        "lang": language, "other": other, "t": texts(language), "by": by, "zone": zone, "time_zone": zone.key,
        "sign_in": sign_in_page(request) if by.login is None else "", "commands": commands, "asked": asked,
        "in_other": urlencode({**{name: words for name, words in asked.items() if words}, "lang": other}),
    }  # fmt: skip


def sheet(
    conn: Connection, request: Request, by: Visitor, language: Language, asked: Mapping[str, str]
) -> dict[str, Any]:
    """Return the frame of a page without values of now."""
    return frame(request, by, language, time_zone(conn), asked)


def sheet_of_station(
    conn: Connection, request: Request, by: Visitor, language: Language, station: str
) -> dict[str, Any]:
    """Return the frame of a page about one station: that which is asked for, else the first that somebody may read."""
    names = stations_of(conn, by, language)
    chosen = station if station in names else next(iter(names), "")
    return sheet(conn, request, by, language, {"station": station}) | {"stations": names, "station": chosen}


def stations_of(conn: Connection, by: Visitor, language: Language) -> dict[str, str]:
    """Return the stations that somebody may read, and their names."""
    within = None if by.stations is None else sorted(by.stations)
    return dict(conn.execute(STATIONS, {"lang": language, "within": within}).fetchall())


def measured_channels(conn: Connection, station: str) -> frozenset[str]:
    """Return a station's channels that are not derived."""
    return frozenset(one.channel for one in rows_of(conn, NamedChannel, CHANNELS, [[station]]) if not one.derived)


def channel_titles(conn: Connection, station: str, language: Language) -> dict[str, str]:
    """Return the titles of a station's channels, in the order of the catalogue: it begins with what people ask for."""
    return titles_at(conn, [station], language)


def titles_at(conn: Connection, stations: Collection[str], language: Language) -> dict[str, str]:
    """Return what `channel_titles` does, of several stations."""
    order = {name: place for place, name in enumerate(CATALOGUE)}
    found: dict[str, list[NamedChannel]] = {station: [] for station in stations}
    for one in rows_of(conn, NamedChannel, CHANNELS, [[*stations]]):
        found[one.channel.partition("/")[0]].append(one)
    titled: dict[str, str] = {}
    for own in found.values():
        titled |= titles(sorted(own, key=lambda one: (order.get(one.parameter, len(order)), one.name)), language)
    return titled


def month_of(text: str, today: date) -> tuple[date, date]:
    """Return the first and the last day of a month such as `2026-11`; of today's where the text is empty. Pure."""
    first = date.fromisoformat(f"{text}-01") if text else today.replace(day=1)
    return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
