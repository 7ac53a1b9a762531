"""The web application: pages, stream and API. It reads the public views only, and gives what people do to a desk."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

import msgspec
import psycopg
from fastapi import FastAPI, HTTPException, Query, Request, Response
from fastapi import Path as PathParameter
from fastapi.responses import HTMLResponse, JSONResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from pydantic import BaseModel, Field

from alerts import desk as alerts_desk
from dashboards.console.alarm_actions import add_actions
from dashboards.console.context import Console
from dashboards.console.outside import add_outside, is_linked
from dashboards.console.pictures import picture
from dashboards.console.series import opening_hours, read_series
from dashboards.console.snapshot import ChannelNow, NetworkNow, StationNow, read_alarms
from dashboards.console.texts import Language, texts
from dashboards.console.watcher import NothingSeenYet
from quantrac.database.pool import one_line
from quantrac.observe.logs import logger
from quantrac.telemetry.errors import QuantracError
from quantrac.telemetry.parameters import CATALOGUE, HOUSEKEEPING

log = logger(__name__)

HERE: Final = Path(__file__).parent
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

ORDER: Final = {name: place for place, name in enumerate(CATALOGUE)}
HOUSEKEEPING_IDS: Final = {parameter.id for parameter in HOUSEKEEPING}


class Acknowledgement(BaseModel):
    """The body of an acknowledgement: person and note."""

    person: str = Field(min_length=1, max_length=80)
    reason: str = Field(default="", max_length=400)


def create_app(console: Console) -> FastAPI:
    """Return the application; nothing is opened or started here."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        console.hub.bind(asyncio.get_running_loop())
        yield

    app = FastAPI(title="Quantrac", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.middleware("http")(_guard)
    app.mount("/static", StaticFiles(directory=HERE / "static"))
    app.mount("/vendor/leaflet", StaticFiles(directory=_folder_of("js_lib_leaflet") / "static" / "js_lib_leaflet"))
    app.mount("/vendor/uplot", StaticFiles(directory=_folder_of("youplot") / "vendor"))
    app.exception_handler(QuantracError)(_refuse)
    app.exception_handler(psycopg.OperationalError)(_database_away)
    templates = Jinja2Templates(HERE / "templates")
    templates.env.filters["local_time"] = local_time
    _add_pages(app, console, templates)
    _add_api(app, console)
    add_outside(app, console, templates)
    return app


def _add_pages(app: FastAPI, console: Console, templates: Jinja2Templates) -> None:
    def message(request: Request, lang: Language, text: str, status: int) -> Response:
        context = {"lang": lang, "t": texts(lang), "text": texts(lang)[text], "again": status == 503}
        return templates.TemplateResponse(request, "message.html", context, status)

    @app.get("/", response_class=HTMLResponse)
    def overview(request: Request, lang: Language = "vi") -> Response:
        """The network: map, alarms, every station."""
        try:
            context = _page_context(console.watcher.see(), lang)
        except NothingSeenYet:
            return message(request, lang, "not_ready", 503)
        context["commands"] = console.command is not None
        return templates.TemplateResponse(request, "overview.html", context)

    @app.get("/stations/{station}", response_class=HTMLResponse)
    def station_page(request: Request, station: str, lang: Language = "vi") -> Response:
        """One station: every channel with its chart."""
        try:
            context = _page_context(console.watcher.see(), lang, station)
        except NothingSeenYet:
            return message(request, lang, "not_ready", 503)
        if context["shown"] is None:
            return message(request, lang, "unknown_station", 404)
        with console.pool.connection() as conn:
            context["hours"] = opening_hours(conn, station, console.clock())
        context["commands"] = console.command is not None
        return templates.TemplateResponse(request, "station.html", context)


def _page_context(snapshot: NetworkNow, language: Language, station: str | None = None) -> dict[str, Any]:
    """Return the context of a page; `shown` is the one station it is about, None for the overview or an unknown one."""
    rows = [_station(one, snapshot, language) for one in snapshot.stations]
    return {
        "lang": language,
        "other": "en" if language == "vi" else "vi",
        "t": texts(language),
        "time_zone": snapshot.time_zone,
        "stations": rows,
        "shown": next((row for row in rows if row["id"] == station), None),
    }


def _station(station: StationNow, snapshot: NetworkNow, language: Language) -> dict[str, Any]:
    own = sorted((c for c in snapshot.channels if c.station == station.station), key=_rank)
    channels = [_channel(channel, language) for channel in own]
    return {
        "id": station.station,
        "name": station.name if language == "vi" else station.name_en,
        "measured": [channel for channel in channels if not channel["housekeeping"]],
        "housekeeping": [channel for channel in channels if channel["housekeeping"]],
    }


def _rank(channel: ChannelNow) -> tuple[int, str]:
    """Order by the catalogue, which begins with what people ask for first."""
    return ORDER.get(channel.parameter, len(ORDER)), channel.name


def _channel(channel: ChannelNow, language: Language) -> dict[str, Any]:
    parameter = CATALOGUE.get(channel.parameter)
    if parameter is None:
        title, unit, decimals = channel.name, channel.unit, 2
    else:
        title = parameter.title_vi if language == "vi" else parameter.title_en
        unit, decimals = parameter.label, parameter.decimals
    if channel.name != channel.parameter:
        title = f"{title} ({channel.name})"
    return {
        "id": channel.channel,
        "title": title,
        "unit": unit,
        "decimals": decimals,
        "interval": channel.interval_s,
        "housekeeping": channel.parameter in HOUSEKEEPING_IDS,
        "last": parameter is not None and parameter.kind.value == "last",
    }


def _add_api(app: FastAPI, console: Console) -> None:
    @app.get("/api/network")
    def network() -> Response:
        """The network as it is now."""
        return JSONResponse(msgspec.to_builtins(console.watcher.see()))

    @app.get("/api/stream")
    async def stream() -> StreamingResponse:
        """Server-sent events: `network` with everything, then `change` with what is new, at least every two seconds."""
        console.watcher.attend()
        return StreamingResponse(console.hub.listen(), media_type="text/event-stream")

    @app.get("/api/alarms")
    def alarms(station: str | None = None, offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0) -> Response:
        """A page of the alarms that stand or have just cleared, the worst first."""
        with console.pool.connection() as conn:
            return JSONResponse(msgspec.to_builtins(read_alarms(conn, console.clock(), station, offset)))

    @app.get("/api/channels/{station}/{name}/series")
    def series(station: str, name: str, hours: Annotated[float, Query(gt=0, le=24 * 31)] = 24) -> dict[str, Any]:
        """A channel's last hours, for its chart."""
        with console.pool.connection() as conn:
            found = read_series(conn, f"{station}/{name}", hours, console.clock())
        if found is None:
            raise HTTPException(404, f"no channel {station}/{name}")
        return found

    @app.post("/api/alarms/{alarm_id}/acknowledge")
    def acknowledge(alarm_id: Annotated[int, PathParameter(gt=0)], body: Acknowledgement) -> dict[str, int]:
        """Acknowledge an alarm in a person's name."""
        with console.pool.connection() as conn:
            alerts_desk.acknowledge(conn, alarm_id, body.person, body.reason, console.clock())
        return {"alarm_id": alarm_id}

    @app.get("/api/alarms/{alarm_id}/pictures/{camera}")
    def show_picture(alarm_id: int, camera: str) -> Response:
        """One picture, as the camera made it."""
        with console.pool.connection() as conn:
            return picture(conn, alarm_id, camera)

    add_actions(app, console)

    @app.get("/healthz")
    def healthz() -> dict[str, int]:
        """Alive; `listeners` counts the open pages."""
        return {"listeners": console.hub.listeners}


def local_time(time: datetime, zone: ZoneInfo) -> str:
    """Return a time as people in a zone read it."""
    return time.astimezone(zone).strftime("%H:%M %d/%m/%Y")


async def _guard(request: Request, proceed: Callable[[Request], Awaitable[Response]]) -> Response:
    """Refuse what another site's page sends, and put the policies on every answer."""
    if request.method not in ("GET", "HEAD") and not _from_own_page(request):
        response: Response = JSONResponse({"error": "not from this console's own page"}, 403)
    else:
        response = await proceed(request)
    response.headers.update(HEADERS)
    if request.url.path.startswith(("/api", "/stations", "/a/")) or request.url.path == "/":
        response.headers["Cache-Control"] = "no-store"
    return response


def _from_own_page(request: Request) -> bool:
    if is_linked(request.url.path):
        return True  # the address itself is the proof
    origin = request.headers.get("origin")
    is_json = request.headers.get("content-type", "").startswith("application/json")
    return is_json and (origin is None or origin.partition("://")[2] == request.headers.get("host"))


async def _refuse(_: Request, error: Exception) -> Response:
    status = 503 if isinstance(error, NothingSeenYet) else 409
    return JSONResponse({"error": str(error)}, status)


async def _database_away(_: Request, error: Exception) -> Response:
    log.warning("database_failed", work="page", why=one_line(error))
    return JSONResponse({"error": "the console cannot reach the database"}, 503)


def _folder_of(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise QuantracError(f"the package {package} is not installed: pip install 'quantrac[centre]'")
    return Path(spec.submodule_search_locations[0])
