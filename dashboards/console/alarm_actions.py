"""Requests of operators beside acknowledging: remark, shelve, reset, mark as false, out of service, end maintenance."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

from fastapi import FastAPI
from fastapi import Path as PathParameter
from pydantic import BaseModel, Field

from alerts import desk
from dashboards.console.context import Console
from quantrac.database.pool import Connection
from quantrac.telemetry.errors import QuantracError

Action = Literal["comment", "shelve", "unshelve", "reset", "false"]
ACTS: Final[dict[Action, Callable[[Connection, int, str, str, datetime], None]]] = {
    "comment": desk.comment,
    "unshelve": desk.unshelve,
    "reset": desk.reset,
    "false": desk.mark_false,
}
Service = Literal["out-of-service", "in-service"]


class ActionRequest(BaseModel):
    """The body of a request: person, reason, and for how long where a time is needed."""

    person: str = Field(min_length=1, max_length=80)
    reason: str = Field(min_length=1, max_length=400)
    hours: float = Field(default=8, gt=0, le=24 * 90)
    device: str | None = Field(default=None, max_length=80)
    """A device of the station; None: the whole station."""


class NoCommands(QuantracError):
    """The console has no keys with which stations are given commands."""


class NotEnded(QuantracError):
    """The station did not end its maintenance; the text says why."""


def add_actions(app: FastAPI, console: Console) -> None:
    """Add the requests to the application."""
    pool, clock = console.pool, console.clock

    @app.post("/api/alarms/{alarm_id}/{action}")
    def act(alarm_id: Annotated[int, PathParameter(gt=0)], action: Action, wish: ActionRequest) -> dict[str, int]:
        """Do something about an alarm, in a person's name."""
        now = clock()
        with pool.connection() as conn:
            if action == "shelve":
                until = now + timedelta(hours=wish.hours)
                desk.shelve(conn, alarm_id, wish.person, wish.reason, until, now)
            else:
                ACTS[action](conn, alarm_id, wish.person, wish.reason, now)
        return {"alarm_id": alarm_id}

    @app.post("/api/stations/{station}/end-maintenance")
    def end_maintenance(station: str, wish: ActionRequest) -> dict[str, str]:
        """Have a station end the maintenance that was ordered, as `quantrac commands maint --off` does."""
        if console.command is None:
            raise NoCommands("QUANTRAC_COMMAND_KEYS is not set for the console: end it at the station, or by command")
        order = {"do": "maint", "device": wish.device, "off": True}
        with pool.connection() as conn:
            answer = console.command(conn, station, order, person=wish.person, reason=wish.reason)
        if not answer.get("ok"):
            raise NotEnded(f"{station}: {answer.get('error')}")
        return {"station": station}

    @app.post("/api/stations/{station}/{service}")
    def place(station: str, service: Service, wish: ActionRequest) -> dict[str, str]:
        """Put a station, or a device of it, out of service, or back."""
        now = clock()
        with pool.connection() as conn:
            if service == "in-service":
                desk.put_in_service(conn, station, wish.device, wish.person, wish.reason, now)
            else:
                until = now + timedelta(hours=wish.hours)
                desk.take_out_of_service(conn, station, wish.device, wish.person, wish.reason, until, now)
        return {"station": station}
