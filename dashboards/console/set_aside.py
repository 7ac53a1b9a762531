"""Reads what people have set aside for a while: shelved alarms, what is out of service, maintenance at a station."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import msgspec

from quantrac.database.pool import Connection

Kind = Literal["shelved", "out", "maint", "cal"]


class SetAside(msgspec.Struct, frozen=True):
    """One thing that is set aside; times in milliseconds since 1970 UTC."""

    kind: Kind
    station: str | None
    """None: the centre itself."""
    device: str | None
    """None: the whole station, or an alarm."""
    channel: str | None
    """The channel of a shelved alarm."""
    alarm_id: int | None
    """An alarm by whose number the shelf is ended."""
    title: dict[str, Any] | None
    """The shelved rule's title, by language."""
    person: str | None
    """None: whoever was at the station."""
    reason: str
    since: int
    until: int | None
    """None: until somebody turns the switch."""
    is_order: bool = False
    """Maintenance that an order began: another one ends it."""


SHELVED: Final = """
select 'shelved', s.station, null, s.channel, a.alarm_id,
       coalesce(a.texts->'title', jsonb_build_object('vi', s.rule, 'en', s.rule)), s.person, s.reason, s.since, s.until
from v_shelf s left join lateral (
  select v.alarm_id, v.texts from v_alarm v
  where v.rule = s.rule and v.station is not distinct from s.station and v.channel is not distinct from s.channel
  order by v.alarm_id desc limit 1) a on true
where s.until > %s order by s.since
"""
OUT: Final = """
select 'out', station, device, null, null, null, person, reason, since, until from v_out_of_service
where ended_at is null and since <= %(now)s and until > %(now)s order by since
"""
# The newest word of each device: orders last seven days at most. Who gave an order from the centre is in the audit.
MAINTENANCE: Final = """
select e.station, e.device, e.time, e.detail, (s.config #>> '{maintenance,ends_after_ms}')::float8, o.person
from (select distinct on (station, device) station, device, time, detail from v_event
      where kind = 'maintenance' and time > %(since)s and time <= %(now)s + interval '5 minutes'
      order by station, device, time desc) e
join station s using (station)
left join lateral (
  select a.person from audit a
  where a.action = 'command' and a.subject = 'station ' || e.station and a.detail->'order'->>'do' = 'maint'
    and a.detail->'order'->>'device' is not distinct from e.device and a.detail->'order' ? 'for_ms'
    and a.at between e.time - interval '5 minutes' and e.time + interval '1 minute'
  order by a.at desc limit 1) o on true
where e.detail like 'on%%' order by e.time
"""
LONGEST: Final = timedelta(days=7)
ORDER: Final = re.compile(r"on, (maint|cal) for ([\d.]+(?:e\+\d+)?) min(?:: (.*))?", re.DOTALL)


def read_set_aside(conn: Connection, now: datetime) -> list[SetAside]:
    """Return what is set aside now: shelved alarms, what is out of service, then maintenance."""
    found = [SetAside(*with_ms(row)) for row in (*conn.execute(SHELVED, [now]), *conn.execute(OUT, {"now": now}))]
    rows = conn.execute(MAINTENANCE, {"now": now, "since": now - LONGEST})
    return [*found, *in_maintenance(rows, now)]


def in_maintenance(rows: Iterable[tuple[Any, ...]], now: datetime) -> Iterator[SetAside]:
    """Yield the maintenance that is in force. Pure.

    Each row: station, device, time and detail of its newest event, how long the station's switch counts (ms), and who
    gave the order at the centre. An event `on` alone is the switch, and means the whole station.
    """
    for station, device, time, detail, switch_ms, person in rows:
        order = ORDER.fullmatch(detail)
        if order is not None:
            kind: Kind = "cal" if order[1] == "cal" else "maint"
            until = time + timedelta(minutes=float(order[2]))
            place, why = device, order[3] or ""
        else:
            kind, place, why = "maint", None, ""
            until = None if switch_ms is None else time + timedelta(milliseconds=switch_ms)
        if until is None or until > now:
            row = (kind, station, place, None, None, None, person, why, time, until, order is not None)
            yield SetAside(*with_ms(row))


def with_ms(row: Iterable[Any]) -> list[Any]:
    """Return a row of the database with its times in milliseconds since 1970 UTC."""
    return [ms_of(value) if isinstance(value, datetime) else value for value in row]


def ms_of(time: datetime) -> int:
    """Return milliseconds since 1970 UTC."""
    return round(time.timestamp() * 1000)
