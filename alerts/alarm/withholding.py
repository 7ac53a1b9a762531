"""Alarms that are recorded and told to nobody, until what withholds them ends; what then still stands is told.

Shelved by a person for a while, out of service for maintenance (ISA-18.2, 11.3 and 11.5), or flapping.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from alerts.alarm.purpose import Purpose
from alerts.alarm.records import OnRecord, Recorded, add_event
from alerts.rules.rule import RuleTexts
from quantrac.database.pool import Connection
from quantrac.telemetry.severity import Severity

WITHHELD: Final = "withheld"
IS_SHELVED: Final = """
exists (select from shelf s where s.rule = a.rule and s.station is not distinct from a.station
        and s.channel_id is not distinct from a.channel_id and s.until > %(now)s)
"""
IS_OUT: Final = """
exists (select from out_of_service o left join channel c on c.channel_id = a.channel_id
        where o.station = a.station and o.ended_at is null and o.since <= %(now)s and o.until > %(now)s
        and (o.channels = '{}' or c.name = any(o.channels)))
"""
WITHHELD_BY: Final = f"""
select case when {IS_SHELVED} then 'shelved' when {IS_OUT} then 'out of service'
  when exists (select from flapping f where f.rule = a.rule and f.station is not distinct from a.station
               and f.channel_id is not distinct from a.channel_id) then 'flapping' end
from alarm a where a.alarm_id = %(alarm)s
"""  # noqa: S608 (words of ours)
FLAPPING: Final = "flapping"
SILENCED: Final = """
update alarm set state = coalesce(%s, state), unanswered_since = null, called_at = null, call_at = null
where alarm_id = %s and cleared_at is null
"""
BACK: Final = "case when a.acknowledged_at is null then 'active' else 'acknowledged' end"
OVER: Final = f"""
with over as (delete from shelf where until <= %(now)s returning rule, station, channel_id)
update alarm a set state = case when {IS_OUT} then 'out of service' else {BACK} end
from over where a.rule = over.rule and a.station is not distinct from over.station
  and a.channel_id is not distinct from over.channel_id and a.cleared_at is null and not a.late
  and a.returned_at is null
returning a.alarm_id
"""  # noqa: S608 (words of ours)
OUT_BEGUN: Final = """
update alarm a set state = 'out of service', unanswered_since = null, called_at = null, call_at = null
from out_of_service o
where o.ended_at is null and o.since <= %(now)s and o.until > %(now)s and a.station = o.station
  and a.cleared_at is null and not a.late and a.state in ('active', 'acknowledged')
  and (o.channels = '{}' or exists (
    select from channel c where c.channel_id = a.channel_id and c.name = any(o.channels)))
returning a.alarm_id, o.person, o.reason
"""
OUT_OVER: Final = """
update out_of_service set ended_at = until where ended_at is null and until <= %s
"""
IN_SERVICE: Final = f"""
update alarm a set state = case when {IS_SHELVED} then 'shelved' else {BACK} end
where a.state = 'out of service' and a.cleared_at is null and not {IS_OUT}
returning a.alarm_id
"""  # noqa: S608 (words of ours)
TO_TELL: Final = """
select e.alarm_id, e.alarm_event_id, e.time, a.raised_at, a.severity, a.texts, e.detail->'to',
       coalesce((e.detail->>'breaks')::boolean, false), a.station, coalesce(c.channel, ''), c.parameter, a.value,
       a."limit"
from (select distinct on (alarm_id) * from alarm_event where event = 'withheld'
      order by alarm_id, alarm_event_id desc) e
join alarm a using (alarm_id) left join channel c using (channel_id)
where a.cleared_at is null and a.acknowledged_at is null and a.state = 'active' and not exists (
  select from flapping f where f.rule = a.rule and f.station is not distinct from a.station
  and f.channel_id is not distinct from a.channel_id) and not exists (
  select from notification n where n.alarm_event_id = e.alarm_event_id) and not exists (
  select from alarm_event t where t.alarm_id = e.alarm_id and t.event = 'told' and t.alarm_event_id > e.alarm_event_id)
"""


@dataclass(frozen=True, slots=True)
class Untold:
    """An alarm that was withheld, and stands."""

    change: Recorded
    to: tuple[str, ...]
    breaks_quiet_hours: bool
    station: str | None
    about: OnRecord


def withheld_by(conn: Connection, alarm_id: int, now: datetime) -> str | None:
    """Return what withholds an alarm from people: `shelved`, `out of service`, `flapping`; None: nothing."""
    row = conn.execute(WITHHELD_BY, {"alarm": alarm_id, "now": now}).fetchone()
    return None if row is None else row[0]


def withhold(
    conn: Connection, change: Recorded, reason: str, to: tuple[str, ...], now: datetime, *, breaks: bool
) -> None:
    """Mark an alarm that nobody is told of; whom it was for, and whether it breaks quiet hours, is in its history."""
    conn.execute(SILENCED, [None if reason == FLAPPING else reason, change.alarm_id])
    if change.is_news:
        detail = {"to": list(to), "breaks": breaks}
        add_event(conn, change.alarm_id, change.time, WITHHELD, now, reason=reason, detail=detail)


def begin_out_of_service(conn: Connection, now: datetime) -> None:
    """Put the standing alarms of what is out of service from now on out of service too. In a transaction."""
    for alarm_id, person, reason in conn.execute(OUT_BEGUN, {"now": now}).fetchall():
        add_event(conn, alarm_id, now, "out of service", now, person=person, reason=reason)


def end_withholding(conn: Connection, now: datetime) -> list[Untold]:
    """Begin and end what withholds alarms by the time; return what must be told as it ends. In a transaction."""
    begin_out_of_service(conn, now)
    for (alarm_id,) in conn.execute(OVER, {"now": now}).fetchall():
        add_event(conn, alarm_id, now, "unshelved", now, reason="its time is over")
    conn.execute(OUT_OVER, [now])
    for (alarm_id,) in conn.execute(IN_SERVICE, {"now": now}).fetchall():
        add_event(conn, alarm_id, now, "in service", now)
    found = [_untold(*row) for row in conn.execute(TO_TELL).fetchall()]
    for untold in found:
        add_event(conn, untold.change.alarm_id, now, "told", now)
    return found


def _untold(
    alarm_id: int, event_id: int, time: datetime, raised_at: datetime, severity: str, texts: object, to: list[str],
    breaks: bool, station: str | None, *about: Any,
) -> Untold:  # fmt: skip
    words = msgspec.convert(texts, RuleTexts)
    change = Recorded(
        Purpose.RAISED, alarm_id, event_id, time, raised_at, Severity.from_word(severity), is_news=True, texts=words
    )
    return Untold(change, tuple(to), breaks, station, OnRecord(*about))
