"""What a message is given only when it is handed over: the course of the last day, a link to acknowledge by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from alerts.telling.links import Links
from quantrac.database.pool import Connection

COURSE: Final = timedelta(hours=24)
OPEN: Final = frozenset({"raised", "level"})
"""Purposes after which somebody may still acknowledge."""

DAY: Final = """
select extract(epoch from time_bucket('10 minutes', time))::bigint, avg(value order by time)
from v_reading
where channel = %s and time > %s and time <= %s and value is not null and quality <> 4
group by 1 order by 1
"""


class Handed(Protocol):
    """What is known of a message that is about to be handed over."""

    @property
    def alarm_id(self) -> int | None:
        """The alarm it tells of."""

    @property
    def contact_id(self) -> int:
        """Who is told."""

    @property
    def facts(self) -> dict[str, Any] | None:
        """The message as data."""


Dress = Callable[[Connection, Handed], Mapping[str, Any]]


def undressed(_: Connection, message: Handed) -> Mapping[str, Any]:
    """Return the message's own facts."""
    return message.facts or {}


def dresser(links: Links | None, clock: Callable[[], datetime]) -> Dress:
    """Return what adds to the facts of a message `course` (seconds since 1970, mean of ten minutes) and `link`."""

    def dress(conn: Connection, message: Handed) -> Mapping[str, Any]:
        facts = dict(message.facts or {})
        if facts.get("purpose") not in OPEN:
            return facts
        if facts.get("channel") and facts.get("value") is not None:
            facts["course"] = _course(conn, str(facts["channel"]), datetime.fromisoformat(str(facts["time"])))
        if links is not None and message.alarm_id is not None:
            facts["link"] = links.to_alarm(message.alarm_id, message.contact_id, clock())
        return facts

    return dress


def _course(conn: Connection, channel: str, time: datetime) -> list[tuple[int, float]]:
    return conn.execute(DAY, [channel, time - COURSE, time]).fetchall()
