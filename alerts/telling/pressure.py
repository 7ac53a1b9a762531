"""What each person has been told of late: what decides whether a further message is held."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from alerts.telling.holding import Told
from alerts.telling.routing import Medium, Routing
from quantrac.database.pool import Connection

# Messages about the same rule and channel are no storm: an alarm, its worse level and its end are one story.
TOLD: Final = """
select n.contact_id, n.medium,
  count(distinct (a.rule, a.station, a.channel_id)) filter (
    where n.queued_at > %(storm)s and n.purpose in ('raised', 'level', 'cleared', 'withdrawn', 'flapping')
    and (a.rule, a.station, a.channel_id) is distinct from (this.rule, this.station, this.channel_id)),
  max(n.queued_at) filter (where n.status not in ('held', 'summarised') and n.purpose in ('raised', 'level', 'summary')
    and a.station is not distinct from this.station),
  count(*) filter (where n.queued_at > %(cap)s and n.status not in ('held', 'summarised')),
  max(n.queued_at) filter (where n.purpose = 'summary')
from notification n join alarm a using (alarm_id), ({this}) this
where n.contact_id = any(%(people)s) and n.queued_at > least(%(storm)s, %(cap)s, %(again)s)
  {more}
group by 1, 2
"""
PRESSURE: Final = TOLD.format(
    this="select rule, station, channel_id from alarm where alarm_id = %(alarm)s",
    more="",
)
PRESSURE_AT: Final = TOLD.format(
    this="""select %(rule)s::text as rule, %(station)s::text as station,
            (select channel_id from channel where channel = %(channel)s) as channel_id""",
    more="and n.queued_at <= %(now)s and n.alarm_id is distinct from %(alarm)s::int8",
)


@dataclass(frozen=True, slots=True)
class Place:
    """What an alarm is, or would be, about."""

    rule: str
    station: str | None
    channel: str | None
    """`<station>/<name>`; None: the station as a whole."""
    alarm_id: int | None = None
    """An alarm on record: its own messages do not count."""


def told_of_late(
    conn: Connection, alarm_id: int, people: Collection[int], routing: Routing, now: datetime
) -> dict[tuple[int, Medium], Told]:
    """Return what these people have been told of late, beside the alarm, by person and medium."""
    return _told(conn.execute(PRESSURE, {"alarm": alarm_id, "people": list(people), **_windows(routing, now)}))


def told_by(
    conn: Connection, place: Place, people: Collection[int], routing: Routing, now: datetime
) -> dict[tuple[int, Medium], Told]:
    """Return what these people had been told of other things by a time, for an alarm that rises then."""
    about = {"rule": place.rule, "station": place.station, "channel": place.channel, "alarm": place.alarm_id}
    return _told(conn.execute(PRESSURE_AT, {**about, "people": list(people), "now": now, **_windows(routing, now)}))


def _windows(routing: Routing, now: datetime) -> dict[str, datetime]:
    storm, cap, grouping = routing.storm, routing.cap, routing.grouping
    again = max(storm.again_ms, 0 if grouping is None else grouping.interval_ms)
    return {
        "storm": now - timedelta(milliseconds=storm.within_ms),
        "cap": now - timedelta(milliseconds=0 if cap is None else cap.within_ms),
        "again": now - timedelta(milliseconds=again),
    }


def _told(rows: Iterable[tuple[Any, ...]]) -> dict[tuple[int, Medium], Told]:
    return {(contact_id, Medium(medium)): Told(*told) for contact_id, medium, *told in rows}
