"""The page of a station's equipment, with its pictures, and the commands that people give the station there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal, TypeGuard
from zoneinfo import ZoneInfo

from fastapi import Depends, FastAPI, Request, Response
from fastapi import Path as PathParameter
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates
from pydantic import BaseModel, Field

from dashboards.console.act_words import order_words
from dashboards.console.admission import Gate, Visitor
from dashboards.console.alarm_actions import Name, NoCommands, Reason
from dashboards.console.context import Console
from dashboards.console.equipment import read_equipment, read_picture
from dashboards.console.network_pages import page_of
from dashboards.console.numbers import number
from dashboards.console.pushes import push_words
from dashboards.console.refusals import NotFound, failure, language_of
from dashboards.console.sheet import PossibleTime
from dashboards.console.texts import Language, texts
from dashboards.console.watcher import NothingSeenYet
from quantrac.desks.certificates import standing
from quantrac.desks.commands import history
from quantrac.desks.roles import DeskAct
from quantrac.telemetry.errors import TranslatableError
from quantrac.telemetry.slots import EPOCH

LARGEST_PICTURE: Final = 2**40
"""Bytes; a station may answer anything."""
LATEST_MS: Final = 4_102_444_800_000
"""The year 2100."""
Milliseconds = Annotated[int, PathParameter(ge=0, le=LATEST_MS)]


class CommandRefusal(TranslatableError):
    """The station refused a command; the text says why."""


class NoStretch(TranslatableError):
    """An order to send readings again lacks the time of these readings."""


class StationOrder(BaseModel):
    """The body of a command: what the station shall do, and why."""

    do: Literal["read", "maint", "again", "picture", "act"]
    reason: Reason
    device: Name | None = None
    """None: all of them."""
    state: Literal["maint", "cal"] = "maint"
    off: bool = False
    """End the maintenance instead."""
    hours: float = Field(default=1, gt=0, le=168)
    camera: Name | None = None
    action: Name | None = None
    value: float | None = Field(default=None, allow_inf_nan=False)
    since: PossibleTime | None = None
    until: PossibleTime | None = None


def order_of(wish: StationOrder) -> dict[str, Any]:
    """Return the order as stations take it. Raises NoStretch. Pure."""
    match wish.do:
        case "read":
            return {"do": "read", "device": wish.device}
        case "picture":
            return {"do": "picture", "camera": wish.camera}
        case "act":
            return {"do": "act", "device": wish.device, "action": wish.action, "value": wish.value}
        case "maint" if wish.off:
            return {"do": "maint", "device": wish.device, "off": True}
        case "maint":
            lasts_ms = round(timedelta(hours=wish.hours) / timedelta(milliseconds=1))
            return {
                "do": "maint", "device": wish.device, "for_ms": lasts_ms, "state": wish.state, "why": wish.reason,
            }  # fmt: skip
    if wish.since is None or wish.until is None or wish.since >= wish.until:
        raise NoStretch("from when until when shall it send again?")
    return {"do": "again", "from": _ms(wish.since), "to": _ms(wish.until)}


Channels = Mapping[str, Mapping[str, Any]]
"""By its name at the station: what people call a channel, its unit, decimals and states."""


def answer_lines(
    order: Mapping[str, Any], answer: Mapping[str, Any], channels: Channels, language: Language, zone: ZoneInfo
) -> Iterator[str]:
    """Yield what a station's answer says. Pure."""
    text = texts(language)
    if not answer.get("ok"):
        yield f"{text['command_failed']}: {failure(answer, language)}"
        return
    yield push_words(answer, language) if order.get("do") == "push" else text["command_done"]
    for one in _objects(answer.get("readings")):
        yield _reading_line(one, channels.get(str(one.get("channel"))), language)
    if order.get("do") == "again":
        yield f"{text['command_messages']}: {answer.get('messages')}"
    if _is_number(length := answer.get("bytes")) and 0 <= length <= LARGEST_PICTURE:
        yield f"{text['command_picture']}: {round(length / 1000)} kB"
    for name, one in _named(answer.get("maintenance")):
        state = text.get(f"aside_{one.get('state')}", str(one.get("state")))
        yield f"{name or text['whole_station']}: {state}, {text['until']} {_until(one.get('until'), zone)}"
    if answer.get("recorded") is False:
        yield text["command_unrecorded"]


def _reading_line(one: Mapping[str, Any], channel: Mapping[str, Any] | None, language: Language) -> str:
    known = {"title": f"{one.get('device')}/{one.get('channel')}", "unit": one.get("unit", ""), "decimals": 3}
    known |= channel or {}
    value, states, state = one.get("value"), known.get("states"), one.get("state")
    if not _is_number(value):
        shown = "–"
    elif states and value in range(len(states)):
        shown = states[int(value)]
    else:
        shown = f"{number(value, known['decimals'], language)} {known['unit']}".rstrip()
    wrong = "" if state == "ok" else f", {texts(language).get(f'state_{state}', str(state))}"
    return f"{known['title']}: {shown}{wrong} {one.get('why') or ''}".rstrip()


def channels_of(station: Mapping[str, Any] | None) -> Channels:
    """Return the channels of a station as a page of the network has it. Pure."""
    every = () if station is None else (*station["measured"], *station["housekeeping"])
    return {one["id"].partition("/")[2]: one for one in every}


def _is_number(found: object) -> TypeGuard[int | float]:
    return isinstance(found, int | float) and not isinstance(found, bool)


def _objects(found: object) -> Iterator[Mapping[str, Any]]:
    """Yield the objects of a list; a station may answer anything."""
    yield from (one for one in found if isinstance(one, dict)) if isinstance(found, list) else ()


def _named(found: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield from ((name, one) for name, one in found.items() if isinstance(one, dict)) if isinstance(found, dict) else ()


def _until(ms: object, zone: ZoneInfo) -> str:
    if not isinstance(ms, int) or not 0 <= ms <= LATEST_MS:
        return "?"
    return f"{(EPOCH + timedelta(milliseconds=ms)).astimezone(zone):%H:%M %d/%m/%Y}"


def add_equipment_page(app: FastAPI, console: Console, templates: Jinja2Templates) -> None:
    """Add the page, its pictures and the command."""
    may_read = Depends(Gate(console, DeskAct.READ))
    may_command = Depends(Gate(console, DeskAct.COMMAND))
    templates.env.filters |= {"order_words": order_words, "outcome_line": _outcome_line}

    @app.get("/stations/{station}/equipment", response_class=HTMLResponse)
    def equipment(request: Request, station: str, lang: Language = "vi", by: Visitor = may_read) -> Response:
        """Devices, lines, configuration, calibrations, commands, pictures."""
        context = page_of(console, request, by, lang, station)
        with console.pool.connection() as conn:
            found = read_equipment(conn, station, console.clock()) if context["shown"] else None
            past = history(conn, station) if by.may(DeskAct.COMMAND, station) else None
        if found is None:
            raise NotFound("there is no station {station}", station=station)
        context |= {"found": found, "past_commands": past, "zone": console.watcher.zone, "now": console.clock()}
        context["today"], context["standing"] = context["now"].astimezone(context["zone"]).date(), standing
        context["channels"] = channels_of(context["shown"])
        context["titled"] = {one["id"]: one["title"] for one in context["shown"]["measured"]}
        return templates.TemplateResponse(request, "equipment.html", context)

    @app.get("/api/stations/{station}/images/{camera}/{at}", dependencies=[may_read])
    def image(station: str, camera: str, at: Milliseconds) -> Response:
        """What a camera took at a time, milliseconds since 1970 UTC."""
        with console.pool.connection() as conn:
            jpeg = read_picture(conn, station, camera, EPOCH + timedelta(milliseconds=at))
        if jpeg is None:
            raise NotFound("there is no picture of {camera} at that time", camera=camera)
        return Response(jpeg, media_type="image/jpeg")

    @app.post("/api/stations/{station}/command")
    def command(request: Request, station: str, wish: StationOrder, by: Visitor = may_command) -> dict[str, list[str]]:
        """Give the station a command, as `quantrac commands` does; its answer in words."""
        if console.command is None:
            raise NoCommands("QUANTRAC_COMMAND_KEYS is not set for the console: end it at the station, or by command")
        order = order_of(wish)
        with by.acting():
            answer = console.command(console.pool.connection, station, order, person=by.name, reason=wish.reason)
        if not answer.get("ok"):
            raise CommandRefusal("{station} refused: {error}", station=station, error=answer.get("error"))
        language = language_of(request.headers.get("accept-language"))
        try:
            known = channels_of(page_of(console, request, by, language, station)["shown"])
        except NothingSeenYet:  # the station did it all the same
            known = {}
        return {"said": list(answer_lines(order, answer, known, language, console.watcher.zone))}


def _outcome_line(
    outcome: Mapping[str, Any] | None, order: Mapping[str, Any], channels: Channels, language: Language, zone: ZoneInfo
) -> str:
    if outcome is None:
        return texts(language)["command_waits"]
    return "; ".join(answer_lines(order, outcome, channels, language, zone))


def _ms(time: datetime) -> int:
    return round(time.astimezone(UTC).timestamp() * 1000)
