"""The page of the configuration: its files by station, what applying them would change, applying, sending."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Final, NamedTuple

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.templating import Jinja2Templates
from pydantic import BaseModel, Field

from dashboards.console.admission import Gate, Visitor
from dashboards.console.alarm_actions import Name, Reason
from dashboards.console.check_turn import CheckTurn
from dashboards.console.configuration_words import configurable, foreseen_effects, mistakes_answer, problem_rows
from dashboards.console.context import Console
from dashboards.console.pushes import begin_push, last_push
from dashboards.console.refusals import language_of
from dashboards.console.sheet import PossibleTime, sheet
from dashboards.console.texts import Language, texts
from quantrac.config.config_folder import ConfigFile, NoSuchFile
from quantrac.config.findings import ConfigErrors
from quantrac.config.station_copy import NewStation
from quantrac.database.pool import Connection
from quantrac.desks import config_files
from quantrac.desks.network import apply_network, foresee
from quantrac.desks.roles import DeskAct

Seen = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
KNOWN: Final = """
select s.station, case when %(lang)s = 'vi' then s.name_vi else s.name_en end, s.config_applied, s.config_reported,
  array(select distinct d.value #>> '{profile,device}' from jsonb_each(s.config -> 'devices') d order by 1)
from station s where s.active and (%(within)s::text[] is null or s.station = any(%(within)s))
"""


class ApplyWish(BaseModel):
    """The body of an application: the files as its person has seen them, and why."""

    seen: Seen
    reason: Reason


class StationWish(BaseModel):
    """The body of a new station: the station whose instruments it has, what it is called, where it stands."""

    like: Name
    vi: Name
    en: Name
    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]
    commune: Name


class PushWish(BaseModel):
    """The body of a push."""

    reason: Reason


class StationFiles(NamedTuple):
    """A station with its files."""

    station: str
    name: str
    """Its id where the database does not know it yet."""
    files: list[ConfigFile]
    profiles: list[str]
    """Files of its devices' profiles, as the database knows them."""
    agent: str
    """`same`, `other` or `unheard`: whether its agent runs what the centre has; `unknown`: the centre has nothing."""


def add_configuration_page(app: FastAPI, console: Console, templates: Jinja2Templates, turn: CheckTurn) -> None:
    """Add the page and its requests to the application."""
    own, anywhere = Gate(console, DeskAct.CONFIGURE), Gate(console, DeskAct.CONFIGURE, anywhere=True)

    @app.get("/configuration", response_class=HTMLResponse)
    def configuration(request: Request, lang: Language = "vi", by: Visitor = Depends(anywhere)) -> Response:
        """Every file that somebody may look at, and the newest changes."""
        return templates.TemplateResponse(request, "configuration.html", _page(request, console, by, lang))

    @app.get("/api/configuration")
    def foreseen(request: Request, by: Visitor = Depends(anywhere)) -> Response:
        """What is wrong with the files, or what applying them would change, and which agents run with others."""
        return _foreseen(request, console, by, turn)

    @app.post("/api/configuration/apply")
    def apply(request: Request, wish: ApplyWish, by: Visitor = Depends(own)) -> Response:
        """Make the database know exactly the stations of the files, as `quantrac stations apply` does."""
        return _apply(request, console, by, turn, wish)

    @app.post("/api/stations/{station}/begin")
    def begin(request: Request, station: str, wish: StationWish, by: Visitor = Depends(own)) -> Response:
        """The text with which the file of a new station may begin, as `quantrac stations new` writes it."""
        return _begin(request, console, by, turn, station, wish)

    @app.post("/api/stations/{station}/push")
    def push(request: Request, station: str, wish: PushWish, by: Visitor = Depends(own)) -> Response:
        """Begin to send the station its configuration, as `quantrac stations push` does."""
        return _push(request, console, by, station, wish.reason)

    @app.get("/api/stations/{station}/push", dependencies=[Depends(own)])
    def pushed(request: Request, station: str, since: Annotated[PossibleTime | None, Query()] = None) -> Response:
        """The last push to the station; one from before `since` does not count: the next is sent, or has failed."""
        return _pushed(request, console, station, since)


def _page(request: Request, console: Console, by: Visitor, language: Language) -> dict[str, Any]:
    within, files = configurable(by), console.files.files()
    with console.pool.connection() as conn:
        return sheet(conn, request, by, language, {}) | {
            "stations_files": stations_files(conn, files, within, language),
            "shared": [file for file in files if file.folder in ("", "rules", "limits")],
            "profiles": [file for file in files if file.folder == "devices"],
            "changes": config_files.changes(conn, limit=10, stations=within),
            "folder": console.files, "editable": console.editable, "may_apply": by.may(DeskAct.CONFIGURE, None),
        }  # fmt: skip


def _foreseen(request: Request, console: Console, by: Visitor, turn: CheckTurn) -> Response:
    language, seen = language_of(request.headers.get("accept-language")), console.files.digest()
    with turn.of(by.account):
        try:
            network = config_files.network_as_seen(console.files, seen)
        except ConfigErrors as errors:
            return JSONResponse({"problems": problem_rows(errors.problems, console.files, by, language), "seen": seen})
        with console.pool.connection() as conn:
            found = foresee(conn, network, console.clock())
    return JSONResponse({"problems": [], "seen": seen, **foreseen_effects(found, configurable(by), language)})


def _apply(request: Request, console: Console, by: Visitor, turn: CheckTurn, wish: ApplyWish) -> Response:
    try:
        with turn.of(by.account):
            network = config_files.network_as_seen(console.files, wish.seen)
    except ConfigErrors as errors:
        return mistakes_answer(request, console, by, errors)
    with console.pool.connection() as conn, by.acting():
        done = apply_network(conn, network, by.name, console.clock(), wish.reason)
    stations = sum(one.outcome != "unchanged" for one in done.stations)
    return JSONResponse({"stations": stations, "settings": len(done.settings)})


def _begin(
    request: Request, console: Console, by: Visitor, turn: CheckTurn, station: str, wish: StationWish
) -> Response:
    if not by.may(DeskAct.CONFIGURE, wish.like):
        raise NoSuchFile("the configuration has no file {file}", file=f"stations/{wish.like}.yaml")
    new = NewStation(station, wish.vi, wish.en, wish.latitude, wish.longitude, wish.commune)
    try:
        with turn.of(by.account):
            text, left_out = config_files.new_station(console.files, wish.like, new, console.clock())
    except ConfigErrors as errors:
        return mistakes_answer(request, console, by, errors)
    return JSONResponse({"file": f"stations/{station}.yaml", "text": text, "left_out": left_out})


def _push(request: Request, console: Console, by: Visitor, station: str, reason: str) -> Response:
    since = console.clock()
    try:
        with by.acting():
            begin_push(console, station, by.name, reason)
    except ConfigErrors as errors:
        return mistakes_answer(request, console, by, errors)
    return JSONResponse({"since": since.isoformat()})


def _pushed(request: Request, console: Console, station: str, since: datetime | None) -> Response:
    language = language_of(request.headers.get("accept-language"))
    is_sending = station in console.pushing  # asked first: it ends when its outcome is on record
    with console.pool.connection() as conn:
        found = last_push(conn, station, console.clock(), language)
    if found is None or (since is not None and found.at < since):
        words = texts(language)["push_sent" if is_sending else "push_not_sent"]
        return JSONResponse({"waiting": is_sending, "in_force": False, "words": words})
    return JSONResponse({"waiting": found.is_waiting, "in_force": found.is_in_force, "words": found.words})


def stations_files(
    conn: Connection, files: Iterable[ConfigFile], within: frozenset[str] | None, language: Language
) -> list[StationFiles]:
    """Return the stations that somebody may look at, by id, with the files of each."""
    values = {"lang": language, "within": None if within is None else sorted(within)}
    known = {station: more for station, *more in conn.execute(KNOWN, values)}
    own: dict[str, list[ConfigFile]] = {}
    files = list(files)
    there = {file.name for file in files}
    for file in files:
        if file.station is not None and (within is None or file.station in within):
            own.setdefault(file.station, []).append(file)
    found = []
    for station in own.keys() | known.keys():
        name, applied, reported, devices = known.get(station, (station, None, None, []))
        agent = "unknown" if applied is None else "unheard" if reported is None else "same"
        if agent == "same" and applied != reported:
            agent = "other"
        profiles = [profile for device in devices if (profile := f"devices/{device}.yaml") in there]
        found.append(StationFiles(station, name, own.get(station, []), profiles, agent))
    return sorted(found, key=lambda one: one.station)
