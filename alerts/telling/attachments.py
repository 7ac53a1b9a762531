"""Parts of a message that are made at its hand-over: the chart of the last day, the signed link."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from alerts.alarm.change import CALLS, OPENINGS
from alerts.telling.links import links_of
from quantrac.config.settings import Settings
from quantrac.database.pool import Connection
from quantrac.database.time_zone import time_zone

COURSE: Final = timedelta(hours=24)

DAY: Final = """
select extract(epoch from time_bucket('10 minutes', time))::bigint, avg(value order by time)
from v_reading
where channel = %s and time > %s and time <= %s and value is not null and quality <> 4
group by 1 order by 1
"""

PDF: Final = """
select content from v_bulletin_document where bulletin_id = %s and language = %s and part = 'pdf'
"""

Facts = Mapping[str, Any]
Attach = Callable[[Connection, int | None, int, Facts | None], Facts]
"""Takes the numbers of alarm and contact and the facts of a message, and returns these with what is attached."""


def nothing_more(_: Connection, alarm_id: int | None, contact_id: int, facts: Facts | None) -> Facts:  # noqa: ARG001
    """Return the message's own facts."""
    return facts or {}


def attachments(settings: Settings, clock: Callable[[], datetime]) -> Attach:
    """Return what adds to the facts of a message `link`, and `course` (seconds since 1970, mean of ten minutes).

    A bulletin gets `file`: name and bytes of its PDF. With the course goes the `time_zone` in which it is shown.
    Without a public address and a secret there is no link.
    """
    links = links_of(settings)

    def attach(conn: Connection, alarm_id: int | None, contact_id: int, facts: Facts | None) -> Facts:
        found = dict(facts or {})
        if carried := found.get("bulletin"):
            row = conn.execute(PDF, [carried["number"], found["language"]]).fetchone()
            return found if row is None else found | {"file": (str(carried["name"]), bytes(row[0]))}
        if found.get("purpose") not in OPENINGS | CALLS:
            return found
        if found.get("channel") and found.get("value") is not None:
            time = datetime.fromisoformat(str(found["time"]))
            found["course"] = conn.execute(DAY, [found["channel"], time - COURSE, time]).fetchall()
            found["time_zone"] = time_zone(conn).key
        if links is not None and alarm_id is not None:
            found["link"] = links.to_alarm(alarm_id, contact_id, clock())
        return found

    return attach
