"""What alarms stand about, and how long watchdogs had waited when they told of it; read only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from alerts.alarm.change import EndCause, Subject
from alerts.alarm.life import AlarmEvent
from quantrac.database.pool import Connection


class StandingSubject(NamedTuple):
    """What an alarm stands about."""

    subject: Subject
    channel: str | None
    """`<station>/<name>`; None: a station as a whole, or the centre."""
    inactive: EndCause | None
    """That its station or channel is not in use any more; None: it is."""


TOLD_AFTER: Final = f"""
select a.rule, a.station, a.channel_id, (e.detail->>'after_ms')::int8
from alarm a cross join lateral (
  select e.detail from alarm_event e where e.alarm_id = a.alarm_id
  and e.event in ('{AlarmEvent.RAISED}', '{AlarmEvent.LEVEL}') order by e.alarm_event_id desc limit 1) e
where a.rule = %s and a.cleared_at is null and not a.late and e.detail ? 'after_ms'
"""  # noqa: S608 (words of ours)


def told_after(conn: Connection, rule: str) -> dict[Subject, int]:
    """Return how long the watchdog had waited, in ms, when it told of each of the standing alarms of its rule."""
    return {Subject(*about): after_ms for *about, after_ms in conn.execute(TOLD_AFTER, [rule])}


def standing_subjects(conn: Connection, rules: Sequence[str] | None = None) -> list[StandingSubject]:
    """Return what alarms stand about; `rules`: only of these."""
    found = []
    for *about, channel, station_is_active, channel_is_active in conn.execute(
        """
        select a.rule, a.station, a.channel_id, a.story, c.channel, coalesce(s.active, true), coalesce(c.active, true)
        from alarm a left join channel c using (channel_id) left join station s on s.station = a.station
        where a.cleared_at is null and not a.late and (%(rules)s::text[] is null or a.rule = any(%(rules)s))
        order by a.alarm_id
        """,
        {"rules": None if rules is None else list(rules)},
    ):
        cause = None if channel_is_active else EndCause.CHANNEL_INACTIVE
        found.append(
            StandingSubject(Subject(*about), channel, cause if station_is_active else EndCause.STATION_INACTIVE)
        )
    return found
