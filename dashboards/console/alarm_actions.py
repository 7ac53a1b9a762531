"""What operators ask of alarms beside acknowledging: remark, shelve, reset, mark as false, out of service."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import FastAPI
from fastapi import Path as PathParameter
from psycopg_pool import ConnectionPool
from pydantic import BaseModel, Field

from alerts import desk
from quantrac.database.pool import Connection

Action = Literal["comment", "shelve", "unshelve", "reset", "false"]
Service = Literal["out-of-service", "in-service"]


class Wish(BaseModel):
    """Who asks, why, and for how long where that is a question."""

    person: str = Field(min_length=1, max_length=80)
    reason: str = Field(min_length=1, max_length=400)
    hours: float = Field(default=8, gt=0, le=24 * 90)


def add_actions(app: FastAPI, pool: ConnectionPool[Connection], clock: Callable[[], datetime]) -> None:
    """Add the requests to the application."""

    @app.post("/api/alarms/{alarm_id}/{action}")
    def act(alarm_id: Annotated[int, PathParameter(gt=0)], action: Action, wish: Wish) -> dict[str, int]:
        """Do something about an alarm, in a person's name."""
        with pool.connection() as conn:
            _act(conn, alarm_id, action, wish, clock())
        return {"alarm_id": alarm_id}

    @app.post("/api/stations/{station}/{service}")
    def place(station: str, service: Service, wish: Wish) -> dict[str, str]:
        """Put a station out of service, or back."""
        now = clock()
        with pool.connection() as conn:
            if service == "in-service":
                desk.put_in_service(conn, station, None, wish.person, wish.reason, now)
            else:
                until = now + timedelta(hours=wish.hours)
                desk.take_out_of_service(conn, station, None, wish.person, wish.reason, until, now)
        return {"station": station}


def _act(conn: Connection, alarm_id: int, action: Action, wish: Wish, now: datetime) -> None:
    if action == "comment":
        desk.comment(conn, alarm_id, wish.person, wish.reason, now)
    elif action == "shelve":
        desk.shelve(conn, alarm_id, wish.person, wish.reason, now + timedelta(hours=wish.hours), now)
    elif action == "unshelve":
        desk.unshelve(conn, alarm_id, wish.person, wish.reason, now)
    elif action == "reset":
        desk.reset(conn, alarm_id, wish.person, wish.reason, now)
    else:
        desk.mark_false(conn, alarm_id, wish.person, wish.reason, now)
