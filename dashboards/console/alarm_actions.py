"""Requests of operators: acknowledge, remark, shelve, reset, mark as false, out of service, end maintenance."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Final, NamedTuple

from fastapi import Depends, FastAPI
from fastapi import Path as PathParameter
from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from alerts import desk
from dashboards.console.admission import Gate, Visitor
from dashboards.console.context import Console
from quantrac.database.pool import Connection
from quantrac.desks.roles import DeskAct
from quantrac.telemetry.errors import TranslatableError

AlarmId = Annotated[int, PathParameter(gt=0, lt=2**63)]


def no_controls(text: str) -> str:
    """Return a text that people can read whole. Raises ValueError."""
    if any(not (letter.isprintable() or letter in "\r\n\t") for letter in text):
        raise ValueError("found a character that cannot be printed")
    return text


def _legible(text: str) -> str:
    if not any(letter.isalnum() for letter in text):
        raise ValueError("found nothing to read, expected words")
    return text


Note = Annotated[str, StringConstraints(strip_whitespace=True, max_length=400), AfterValidator(no_controls)]
Reason = Annotated[Note, AfterValidator(_legible)]
Name = Annotated[Reason, Field(max_length=80)]
LongNote = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000), AfterValidator(no_controls)]
LongReason = Annotated[LongNote, AfterValidator(_legible)]


class Acknowledgement(BaseModel):
    """The body of an acknowledgement: a note."""

    reason: Note = ""


class ActionRequest(BaseModel):
    """The body of a request: the reason, and for how long where a time is needed. Who asks, the session says."""

    reason: Reason
    hours: float = Field(default=8, gt=0, le=24 * 90)
    device: Name | None = None
    """A device of the station; None: the whole station."""
    seen: int | None = Field(default=None, ge=0, lt=2**63)
    """The newest line of the alarm's history by a person when they looked; None: they did not say."""


class NoCommands(TranslatableError):
    """The console has no keys with which stations are given commands."""


class NotEnded(TranslatableError):
    """The station did not end its maintenance; the text says why."""


def _shelve(conn: Connection, alarm_id: int, person: str, wish: ActionRequest, now: datetime) -> None:
    desk.shelve(conn, alarm_id, person, wish.reason, now + timedelta(hours=wish.hours), now)


AlarmDeed = Callable[[Connection, int, str, str, datetime], None]


def _for_reason(act: AlarmDeed) -> Callable[[Connection, int, str, ActionRequest, datetime], None]:
    """Return an act of the desk that takes nothing but the reason."""
    return lambda conn, alarm_id, person, wish, now: act(conn, alarm_id, person, wish.reason, now)


class AlarmAction(NamedTuple):
    """What can be done to an alarm: the right that it needs, and the doing."""

    act: DeskAct
    do: Callable[[Connection, int, str, ActionRequest, datetime], None]


ACTIONS: Final = {
    "comment": AlarmAction(DeskAct.COMMENT, _for_reason(desk.comment)),
    "shelve": AlarmAction(DeskAct.SHELVE, _shelve),
    "unshelve": AlarmAction(DeskAct.SHELVE, _for_reason(desk.unshelve)),
    "reset": AlarmAction(DeskAct.RESET, _for_reason(desk.reset)),
    "false": AlarmAction(DeskAct.MARK_FALSE, _for_reason(desk.mark_false)),
    "publish": AlarmAction(DeskAct.PUBLISH, _for_reason(desk.publish)),
    "unpublish": AlarmAction(DeskAct.PUBLISH, _for_reason(desk.unpublish)),
}


def add_actions(app: FastAPI, console: Console) -> None:
    """Add the requests to the application; each is an act of whoever is signed in."""
    may_acknowledge = Depends(Gate(console, DeskAct.ACKNOWLEDGE))
    may_command = Depends(Gate(console, DeskAct.COMMAND))
    may_set_aside = Depends(Gate(console, DeskAct.OUT_OF_SERVICE))
    pool, clock = console.pool, console.clock

    @app.post("/api/alarms/{alarm_id}/acknowledge")
    def acknowledge(alarm_id: AlarmId, body: Acknowledgement, by: Visitor = may_acknowledge) -> dict[str, int]:
        """Acknowledge an alarm."""
        with pool.connection() as conn, by.acting():
            desk.acknowledge(conn, alarm_id, by.name, body.reason, clock())
        return {"alarm_id": alarm_id}

    for name, action in ACTIONS.items():
        _add_alarm_action(app, console, name, action)

    @app.post("/api/stations/{station}/end-maintenance")
    def end_maintenance(station: str, wish: ActionRequest, by: Visitor = may_command) -> dict[str, str]:
        """Have a station end the maintenance that was ordered, as `quantrac commands maint --off` does."""
        if console.command is None:
            raise NoCommands("QUANTRAC_COMMAND_KEYS is not set for the console: end it at the station, or by command")
        order = {"do": "maint", "device": wish.device, "off": True}
        with by.acting():
            answer = console.command(pool.connection, station, order, person=by.name, reason=wish.reason)
        if not answer.get("ok"):
            raise NotEnded(
                "{station} has not ended the maintenance; it says: {error}", station=station, error=answer.get("error")
            )
        return {"station": station}

    @app.post("/api/stations/{station}/out-of-service")
    def take_out_of_service(station: str, wish: ActionRequest, by: Visitor = may_set_aside) -> dict[str, str]:
        """Put a station, or a device of it, out of service."""
        now = clock()
        with pool.connection() as conn, by.acting():
            until = now + timedelta(hours=wish.hours)
            desk.take_out_of_service(conn, station, wish.device, by.name, wish.reason, until, now)
        return {"station": station}

    @app.post("/api/stations/{station}/in-service")
    def put_in_service(station: str, wish: ActionRequest, by: Visitor = may_set_aside) -> dict[str, str]:
        """Put a station, or a device of it, back in service."""
        with pool.connection() as conn, by.acting():
            desk.put_in_service(conn, station, wish.device, by.name, wish.reason, clock())
        return {"station": station}


def _add_alarm_action(app: FastAPI, console: Console, name: str, action: AlarmAction) -> None:
    @app.post(f"/api/alarms/{{alarm_id}}/{name}", name=name)
    def act(alarm_id: AlarmId, wish: ActionRequest, by: Visitor = Depends(Gate(console, action.act))) -> dict[str, int]:
        """Do something about an alarm."""
        with console.pool.connection() as conn, by.acting(), conn.transaction():
            if wish.seen is not None and action.act is not DeskAct.COMMENT:
                desk.hold_as_seen(conn, alarm_id, wish.seen, by.name)
            action.do(conn, alarm_id, by.name, wish, console.clock())
        return {"alarm_id": alarm_id}
