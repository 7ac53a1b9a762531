"""The workbench of a data officer: page, what it draws, the queue of findings, and the acts of the desk of reviews."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal

import msgspec
from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi import Path as PathParameter
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.templating import Jinja2Templates
from pydantic import BaseModel, Field

from dashboards.console.admission import Gate, Visitor
from dashboards.console.alarm_actions import Reason
from dashboards.console.context import Console
from dashboards.console.network_pages import states_of
from dashboards.console.refusals import NotFound, language_of
from dashboards.console.sheet import PossibleTime, frame
from dashboards.console.texts import Language
from dashboards.console.titles import one_way, titles
from dashboards.console.workbench import (
    LONGEST,
    OF_READINGS,
    BenchChannel,
    bench_channels,
    by_parameter,
    companions,
    read_stretch,
)
from quantrac.database.pool import Connection
from quantrac.database.time_zone import time_zone
from quantrac.desks import corrections, service_proposals, verdicts, withdrawals
from quantrac.desks.acts import Act, BadReview, ReviewedReadings, act_of, acts_there, readings_there, version_of
from quantrac.desks.finding_queue import MOST_FINDINGS, finding_queue
from quantrac.desks.roles import DeskAct
from quantrac.telemetry.parameters import CATALOGUE, HOUSEKEEPING

OPENING: Final = timedelta(days=31)
"""How much the page shows when its address names no time."""
ORDER: Final = {name: place for place, name in enumerate(CATALOGUE)}
HOUSEKEEPING_IDS: Final = {parameter.id for parameter in HOUSEKEEPING}
Version = Annotated[int | None, Field(ge=0, lt=2**31)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
ProposalName = Annotated[str, PathParameter(pattern="^[0-9a-f]{8}$")]
ReviewNumber = Annotated[int, PathParameter(gt=0, lt=2**63)]


class Stretch:
    """Readings that an address names: FROM < time <= TO of a channel."""

    def __init__(
        self,
        station: str,
        since: Annotated[PossibleTime, Query(alias="from")],
        until: Annotated[PossibleTime, Query(alias="to")],
        name: str = "",
    ) -> None:
        self.readings = ReviewedReadings(f"{station}/{name}", since, until)
        self.station, self.name = station, name
        _check_length(since, until)


class ReviewWish(BaseModel):
    """The body of an act: which readings, why, and which version of them the person has seen."""

    since: PossibleTime = Field(alias="from")
    until: PossibleTime = Field(alias="to")
    reason: Reason
    seen: Version = None
    whole_device: bool = False

    def stretch(self, station: str, name: str) -> ReviewedReadings:
        """Return the readings that are meant; raises BadReview."""
        _check_length(self.since, self.until)
        return ReviewedReadings(f"{station}/{name}", self.since, self.until)


class VerdictWish(ReviewWish):
    """A verdict."""

    verdict: Literal["good", "suspect", "fail"]


class CorrectionWish(ReviewWish):
    """A correction: a value, or raw * factor + added + drift (in a line from FROM to TO)."""

    value: Finite | None = None
    factor: Finite = 1.0
    added: Finite = 0.0
    drift: Finite = 0.0
    proposed: bool = False


class ProposalWish(BaseModel):
    """The body of a yes or no to a proposal: what was looked at when it was seen, and why."""

    since: PossibleTime = Field(alias="from")
    until: PossibleTime = Field(alias="to")
    reason: Reason

    def asked(self, station: str, name: str) -> tuple[str, str, datetime, datetime]:
        """Return what the desk is asked; raises BadReview."""
        _check_length(self.since, self.until)
        return name, station, self.since, self.until


class Why(BaseModel):
    """The body of a withdrawal."""

    reason: Reason


def add_workbench_page(app: FastAPI, console: Console, templates: Jinja2Templates) -> None:
    """Add the page and its requests to the application."""

    @app.get("/workbench", response_class=HTMLResponse)
    def workbench(
        request: Request,
        lang: Language = "vi",
        channel: Annotated[str, Query(max_length=200)] = "",
        station: Annotated[str, Query(max_length=200)] = "",
        by: Visitor = Depends(Gate(console, DeskAct.READ)),
    ) -> Response:
        """A month or a year of a channel; without one, the first of the station, or of all."""
        with console.pool.connection() as conn:
            zone, known = time_zone(conn), bench_channels(conn, by.stations)
        shown = _chosen(known, channel, station)
        context: dict[str, Any] = {
            **frame(request, by, lang, zone, {}), "now": round(console.clock().timestamp() * 1000),
            "opening_days": OPENING.days, "shown": shown, "stations": _stations(known, lang),
            "bench": None if shown is None else _bench(shown, known, lang),
        }  # fmt: skip
        return templates.TemplateResponse(request, "workbench.html", context, 404 if channel and not shown else 200)

    _add_data(app, console)
    _add_acts(app, console)


def _add_data(app: FastAPI, console: Console) -> None:
    may_read = Depends(Gate(console, DeskAct.READ))

    @app.get("/api/channels/{station}/{name}/workbench", dependencies=[may_read])
    def drawn(request: Request, stretch: Stretch = Depends(Stretch)) -> Response:
        """A stretch of a channel for the workbench, at most 400 days."""
        language = language_of(request.headers.get("accept-language"))
        with console.long_read() as conn:
            found = read_stretch(conn, stretch.readings, language)
        if found is None:
            raise NotFound("there is no channel {channel}", channel=stretch.readings.channel)
        return JSONResponse(found)

    @app.get("/api/channels/{station}/{name}/stretch", dependencies=[may_read])
    def selected(stretch: Stretch = Depends(Stretch), whole_device: bool = False) -> Response:
        """What is selected: how many readings, its version, and what people did there."""
        with console.long_read() as conn:
            there = acts_there(conn, stretch.readings, whole_device=whole_device)
            readings = readings_there(conn, stretch.readings, whole_device=whole_device)
        return JSONResponse({"readings": readings, "version": version_of(there), "acts": msgspec.to_builtins(there)})

    @app.get("/api/stations/{station}/findings", dependencies=[may_read])
    def findings(stretch: Stretch = Depends(Stretch)) -> Response:
        """What the tests blame at a station, or on one channel, and nobody has judged, the worst first."""
        channel, since, until = stretch.readings
        if not stretch.name:
            _check_length(since, until, OF_READINGS)
        with console.long_read() as conn:
            found = finding_queue(conn, channel if stretch.name else stretch.station, since, until)
        return JSONResponse({"findings": msgspec.to_builtins(found), "more": len(found) == MOST_FINDINGS})

    @app.get("/api/stations/{station}/proposals", dependencies=[Depends(Gate(console, DeskAct.REVIEW))])
    def proposals(request: Request, stretch: Stretch = Depends(Stretch)) -> Response:
        """What the services of a station's sensors speak for and nobody has reviewed, the surest first.

        Working it out takes a core seconds, hence only for people who may act on it.
        """
        vi = language_of(request.headers.get("accept-language")) == "vi"
        with console.long_read() as conn:
            found = service_proposals.service_proposals(conn, stretch.station, *stretch.readings[1:])
        shown = [{**msgspec.to_builtins(one), "reasons": one.reasons_vi if vi else one.reasons_en} for one in found]
        return JSONResponse({"proposals": shown})


def _add_acts(app: FastAPI, console: Console) -> None:
    may_review = Depends(Gate(console, DeskAct.REVIEW))
    pool, clock = console.pool, console.clock

    @app.post("/api/channels/{station}/{name}/flag")
    def flag(station: str, name: str, wish: VerdictWish, by: Visitor = may_review) -> Response:
        """Give readings a verdict."""
        verdict, stretch = verdicts.VERDICTS[wish.verdict], wish.stretch(station, name)
        with pool.connection() as conn, by.acting():
            act = verdicts.flag(
                conn, stretch, verdict, by.name, wish.reason, clock(), seen=wish.seen, whole_device=wish.whole_device
            )
        return _done(act)

    @app.post("/api/channels/{station}/{name}/unflag")
    def unflag(station: str, name: str, wish: ReviewWish, by: Visitor = may_review) -> Response:
        """End the verdicts of people on readings."""
        stretch = wish.stretch(station, name)
        with pool.connection() as conn, by.acting():
            act = verdicts.unflag(
                conn, stretch, by.name, wish.reason, clock(), seen=wish.seen, whole_device=wish.whole_device
            )
        return _done(act)

    @app.post("/api/channels/{station}/{name}/correct")
    def correct(station: str, name: str, wish: CorrectionWish, by: Visitor = may_review) -> Response:
        """Correct readings, or propose it."""
        stretch = wish.stretch(station, name)
        formula = corrections.CorrectionFormula(wish.value, wish.factor, wish.added, wish.drift)
        with pool.connection() as conn, by.acting():
            act = corrections.correct(
                conn, stretch, formula, by.name, wish.reason, clock(), proposed=wish.proposed, seen=wish.seen
            )
        return _done(act)

    @app.post("/api/stations/{station}/proposals/{proposal}/accept")
    def accept(station: str, proposal: ProposalName, wish: ProposalWish, by: Visitor = may_review) -> Response:
        """Do what a proposal proposes."""
        with console.long_read() as conn, by.acting():
            asked = wish.asked(station, proposal)
            return _done(service_proposals.accept(conn, *asked, by.name, wish.reason, clock()))

    @app.post("/api/stations/{station}/proposals/{proposal}/reject")
    def reject(station: str, proposal: ProposalName, wish: ProposalWish, by: Visitor = may_review) -> Response:
        """Say no to a proposal."""
        with console.long_read() as conn, by.acting():
            asked = wish.asked(station, proposal)
            return _done(service_proposals.reject(conn, *asked, by.name, wish.reason, clock()))

    @app.post("/api/stations/{station}/reviews/{number}/withdraw")
    def withdraw(station: str, number: ReviewNumber, wish: Why, by: Visitor = may_review) -> Response:
        """Take an act back: what stood before it stands again."""
        with pool.connection() as conn, by.acting():
            _check_station(conn, number, station)
            return _done(withdrawals.withdraw(conn, number, by.name, wish.reason, clock()))

    @app.post("/api/stations/{station}/reviews/{number}/approve")
    def approve(station: str, number: ReviewNumber, by: Visitor = may_review) -> Response:
        """Put into force what somebody else has proposed."""
        with pool.connection() as conn, by.acting():
            _check_station(conn, number, station)
            return _done(corrections.approve(conn, number, by.name, clock()))


def _check_length(since: datetime, until: datetime, longest: timedelta = LONGEST) -> None:
    if not timedelta(0) < until - since <= longest:
        raise BadReview("from and to: expected from before to, at most {days} days", days=longest.days)


def _done(act: Act) -> Response:
    return JSONResponse(msgspec.to_builtins(act))


def _check_station(conn: Connection, number: int, station: str) -> None:
    """Raise NoSuchReview for an act of another station: the gate has looked at this one."""
    if act_of(conn, number).station != station:
        raise NotFound("there is no review {number}: quantrac review list", number=number)


def _chosen(known: Iterable[BenchChannel], channel: str, station: str) -> BenchChannel | None:
    """Return the channel that is asked for, or the first one by the catalogue."""
    found = [one for one in known if one.channel == channel or (not channel and station in ("", one.station))]
    return min(found, key=_rank, default=None)


def _rank(one: BenchChannel) -> tuple[bool, str, bool, int, str]:
    """Measured ones first, in the order of the catalogue, which begins with what people ask for first."""
    is_second = one.name != one.parameter
    return one.derived, one.station, is_second, ORDER.get(one.parameter, len(ORDER)), one.channel


def _stations(known: Iterable[BenchChannel], language: Language) -> dict[str, str]:
    return {one.station: one_way(one.at.name_en if language == "en" else one.at.name_vi) for one in known}


def _bench(shown: BenchChannel, known: list[BenchChannel], language: Language) -> dict[str, Any]:
    """Return what the page's script knows of channels: those of the station that may be reviewed, and companions."""
    here = sorted((one for one in known if one.station == shown.station and not one.derived), key=_rank)
    candidates = by_parameter(known)
    beside = {own.channel: companions(own, candidates) for own in here}
    away = {one.channel: one for found in beside.values() for one in found if one.station != shown.station}
    in_words = {
        channel: title
        for station in {one.station for one in (*here, *away.values())}
        for channel, title in titles([one for one in known if one.station == station], language).items()
    }
    places = _stations(known, language)
    return {
        "channel": shown.channel,
        "station": shown.station,
        "channels": [
            _described(one, in_words[one.channel], language)
            | {"companions": [companion.channel for companion in beside[one.channel]], "device": one.device}
            for one in here
        ],
        "away": [_described(one, f"{in_words[one.channel]}, {places[one.station]}", language) for one in away.values()],
    }


def _described(one: BenchChannel, title: str, language: Language) -> dict[str, Any]:
    parameter = CATALOGUE.get(one.parameter)
    return {
        "id": one.channel,
        "title": title,
        "unit": one.unit if parameter is None else parameter.label,
        "decimals": 2 if parameter is None else parameter.decimals,
        "resolution": 2 if parameter is None else parameter.resolution,
        "housekeeping": one.parameter in HOUSEKEEPING_IDS,
        "states": None if parameter is None else states_of(parameter, language),
        "stepped": parameter is not None and parameter.kind.value == "last",
    }
