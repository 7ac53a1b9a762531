"""The network as it is now: overview and wall, what pages with such values are made with, and what they ask for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Final

import msgspec
from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, StreamingResponse
from fastapi.templating import Jinja2Templates

from dashboards.console.admission import Gate, Visitor, while_signed_in
from dashboards.console.alarm_actions import AlarmId
from dashboards.console.context import Console
from dashboards.console.packed_events import packed_stream
from dashboards.console.pictures import picture
from dashboards.console.present_alarms import read_alarms
from dashboards.console.sheet import frame
from dashboards.console.snapshot import WORST_FIRST, ChannelNow, StationNow, part_of
from dashboards.console.texts import Language
from dashboards.console.titles import titles
from quantrac.desks.roles import DeskAct
from quantrac.telemetry.parameters import CATALOGUE, HOUSEKEEPING, Parameter

ORDER: Final = {name: place for place, name in enumerate(CATALOGUE)}
HOUSEKEEPING_IDS: Final = {parameter.id for parameter in HOUSEKEEPING}
KIND: Final = ("title", "unit", "decimals", "resolution", "interval", "housekeeping", "states")
"""What like channels of many stations have in common."""


def add_network_pages(app: FastAPI, console: Console, templates: Jinja2Templates) -> None:
    """Add the two pages to the application."""
    may_read = Depends(Gate(console, DeskAct.READ))

    @app.get("/", response_class=HTMLResponse)
    def overview(request: Request, lang: Language = "vi", by: Visitor = may_read) -> Response:
        """The network: map, alarms, every station."""
        context = page_of(console, request, by, lang, None) | {"tiles": console.tiles}
        context["stations"].sort(key=lambda row: WORST_FIRST.index(row["condition"]))
        return templates.TemplateResponse(request, "overview.html", context)

    @app.get("/wall", response_class=HTMLResponse)
    def wall(request: Request, lang: Language = "vi", by: Visitor = may_read) -> Response:
        """The network on a screen that nobody touches."""
        context = page_of(console, request, by, lang, None) | {"tiles": console.tiles}
        return templates.TemplateResponse(request, "wall.html", context)


def page_of(console: Console, request: Request, by: Visitor, language: Language, station: str | None) -> dict[str, Any]:
    """Return the context of a page of the network as it is now. Raises NothingSeenYet.

    `shown` is the one station it is about, None for the overview or an unknown one.
    """
    snapshot, may_see = console.watcher.see(), by.stations
    channels: dict[str, list[ChannelNow]] = {}
    for channel in snapshot.channels:
        channels.setdefault(channel.station, []).append(channel)
    shown = [
        one
        for one in snapshot.stations
        if (station is None or one.station == station) and (may_see is None or one.station in may_see)
    ]
    rows = [_station(one, channels.get(one.station, []), language) for one in shown]
    own = {"stations": rows, "shown": next((row for row in rows if row["id"] == station), None)}
    return frame(request, by, language, console.watcher.zone, {}, commands=console.command is not None) | own


def _station(station: StationNow, own: list[ChannelNow], language: Language) -> dict[str, Any]:
    titled = titles(own, language)
    channels = [_channel(channel, titled[channel.channel], language) for channel in sorted(own, key=_rank)]
    return {
        "id": station.station,
        "condition": station.condition,
        "name": station.name if language == "vi" else station.name_en,
        "measured": [channel for channel in channels if not channel["housekeeping"]],
        "housekeeping": [channel for channel in channels if channel["housekeeping"]],
    }


def described(stations: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return what pages say of the channels: what many have in common once in `kinds`, and its place with each name."""
    kinds: dict[tuple[Any, ...], int] = {}
    names = {
        station["id"]: [
            (channel["id"].partition("/")[2], kinds.setdefault(tuple(channel[part] for part in KIND), len(kinds)))
            for channel in (*station["measured"], *station["housekeeping"])
        ]
        for station in stations
    }
    return {"kinds": list(kinds), "stations": names}


def _rank(channel: ChannelNow) -> tuple[int, str]:
    """Order by the catalogue, which begins with what people ask for first."""
    return ORDER.get(channel.parameter, len(ORDER)), channel.name


def states_of(parameter: Parameter, language: Language) -> tuple[str, ...] | None:
    """Return what 0 and 1 are called in a language, where they are states. Pure."""
    return None if parameter.states is None else tuple(words.in_language(language) for words in parameter.states)


def _channel(channel: ChannelNow, title: str, language: Language) -> dict[str, Any]:
    parameter = CATALOGUE.get(channel.parameter)
    unit, decimals = (channel.unit, 2) if parameter is None else (parameter.label, parameter.decimals)
    resolution = decimals if parameter is None else parameter.resolution
    return {
        "id": channel.channel,
        "title": title,
        "unit": unit,
        "decimals": decimals,
        "resolution": resolution,
        "interval": channel.interval_s,
        "housekeeping": channel.parameter in HOUSEKEEPING_IDS,
        "states": None if parameter is None else states_of(parameter, language),
        "last": parameter is not None and parameter.kind.value == "last",
    }


def add_network_data(app: FastAPI, console: Console) -> None:
    """Add the requests to the application."""
    may_read = Depends(Gate(console, DeskAct.READ))

    @app.get("/api/network")
    def network(by: Visitor = may_read) -> Response:
        """The network as it is now."""
        seen = console.watcher.see()  # it may wait, and meanwhile keeps no connection from others
        with console.pool.connection() as conn:
            found = part_of(conn, seen, by.stations, console.clock())
        return JSONResponse(msgspec.to_builtins(found))

    @app.get("/api/stream")
    async def stream(request: Request, values: bool = True, by: Visitor = may_read) -> Response:
        """Server-sent events: `network` with everything, then `change` with what is new, at least every two seconds.

        `values=false`: without the channels.
        """
        if request.method == "HEAD":
            return Response(media_type="text/event-stream")
        console.watcher.attend()
        events = while_signed_in(console, request, by, console.hub.listen(by.stations, values=values))
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return StreamingResponse(events, media_type="text/event-stream")
        packed = {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        return StreamingResponse(packed_stream(events), headers=packed, media_type="text/event-stream")

    @app.get("/api/alarms")
    def alarms(
        station: str | None = None, offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0, by: Visitor = may_read
    ) -> Response:
        """A page of the alarms that stand or have just cleared, the worst first."""
        with console.pool.connection() as conn:
            found = read_alarms(conn, console.clock(), station, offset, by.stations)
        return JSONResponse(msgspec.to_builtins(found))

    @app.get("/api/alarms/{alarm_id}/pictures/{camera}", dependencies=[may_read])
    def show_picture(alarm_id: AlarmId, camera: str) -> Response:
        """One picture, as the camera made it."""
        with console.pool.connection() as conn:
            return picture(conn, alarm_id, camera)

    @app.get("/healthz")
    def healthz() -> dict[str, int]:
        """Alive; `listeners` counts the open pages."""
        return {"listeners": console.hub.listeners}
