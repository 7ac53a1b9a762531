"""Shelved alarms: recorded and told to nobody until the shelf ends; what then still stands is told. ISA-18.2, 11.3."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from alerts.evaluating.records import Recorded, add_event
from alerts.rules.rule import RuleTexts, Severity
from alerts.telling.texts import Purpose
from quantrac.database.pool import Connection

WITHHELD: Final = "withheld"
SHELVED: Final = """
select s.until from shelf s join alarm a on a.rule = s.rule and a.station is not distinct from s.station
  and a.channel_id is not distinct from s.channel_id
where a.alarm_id = %s and s.until > %s
"""
OVER: Final = """
with over as (delete from shelf where until <= %(now)s returning rule, station, channel_id)
update alarm a set state = case when a.acknowledged_at is null then 'active' else 'acknowledged' end
from over where a.rule = over.rule and a.station is not distinct from over.station
  and a.channel_id is not distinct from over.channel_id and a.cleared_at is null and not a.late
returning a.alarm_id
"""
TO_TELL: Final = """
select e.alarm_id, e.alarm_event_id, e.time, a.raised_at, a.severity, a.texts, e.detail->'to', a.station, c.channel,
       c.unit, a.value, a."limit"
from (select distinct on (alarm_id) * from alarm_event where event = 'withheld'
      order by alarm_id, alarm_event_id desc) e
join alarm a using (alarm_id) left join channel c using (channel_id)
where a.cleared_at is null and a.acknowledged_at is null and a.state = 'active' and not exists (
  select from notification n where n.alarm_event_id = e.alarm_event_id) and not exists (
  select from alarm_event t where t.alarm_id = e.alarm_id and t.event = 'told' and t.alarm_event_id > e.alarm_event_id)
"""


@dataclass(frozen=True, slots=True)
class Untold:
    """An alarm that was withheld, and stands."""

    change: Recorded
    to: tuple[str, ...]
    station: str | None
    channel: str
    unit: str
    value: float | None
    limit: float | None


def withhold(conn: Connection, change: Recorded, to: tuple[str, ...], now: datetime) -> bool:
    """Whether the alarm is shelved; then it is marked, and whom it was for stands in its history."""
    if conn.execute(SHELVED, [change.alarm_id, now]).fetchone() is None:
        return False
    conn.execute("update alarm set state = 'shelved' where alarm_id = %s and cleared_at is null", [change.alarm_id])
    if change.is_news:
        add_event(conn, change.alarm_id, change.time, WITHHELD, now, detail={"to": list(to)})
    return True


def end_shelves(conn: Connection, now: datetime) -> list[Untold]:
    """End the shelves whose time is over and return what was withheld and must be told; in the caller's transaction."""
    for (alarm_id,) in conn.execute(OVER, {"now": now}).fetchall():
        add_event(conn, alarm_id, now, "unshelved", now, reason="its time is over")
    found = [_untold(*row) for row in conn.execute(TO_TELL).fetchall()]
    for untold in found:
        add_event(conn, untold.change.alarm_id, now, "told", now)
    return found


def _untold(
    alarm_id: int,
    event_id: int,
    time: datetime,
    raised_at: datetime,
    severity: str,
    texts: object,
    to: list[str],
    station: str | None,
    channel: str | None,
    unit: str | None,
    value: float | None,
    limit: float | None,
) -> Untold:
    words = msgspec.convert(texts, RuleTexts)
    change = Recorded(
        Purpose.RAISED, alarm_id, event_id, time, raised_at, Severity.from_word(severity), is_news=True, texts=words
    )
    return Untold(change, tuple(to), station, channel or "", unit or "", value, limit)
