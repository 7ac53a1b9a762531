"""Begins and ends what withholds alarms from people: shelves, times out of service (ISA-18.2, 11.3 and 11.5).

Withheld alarms are still recorded. When the withholding ends, people get those that still stand and are news to them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from alerts.alarm.change import OnRecord, Purpose, Recorded, Untold
from alerts.alarm.conditions import IS_OUT, IS_SHELVED
from alerts.alarm.life import AlarmAct, AlarmEvent, AlarmState
from alerts.alarm.records import act_on, add_event, stop_waiting
from alerts.rules.rule import RuleTexts
from quantrac.database.pool import Connection
from quantrac.telemetry.severity import Severity

WITHHELD_BY: Final = f"""
select case when {IS_SHELVED} then '{AlarmState.SHELVED}' when {IS_OUT} then '{AlarmState.OUT_OF_SERVICE}'
  when a.state = '{AlarmState.SUPPRESSED}' then a.state
  when exists (select from flapping f where f.subject = a.subject) then '{Purpose.FLAPPING}' end
from alarm a where a.alarm_id = %(alarm)s
"""  # noqa: S608 (words of ours)


def withheld_by(conn: Connection, alarm_id: int, now: datetime) -> str | None:
    """Return what withholds an alarm from people: one of the states that do, or `flapping`; None: nothing."""
    row = conn.execute(WITHHELD_BY, {"alarm": alarm_id, "now": now}).fetchone()
    return None if row is None else row[0]


def withhold(
    conn: Connection, change: Recorded, reason: str, to: tuple[str, ...], now: datetime, *, breaks: bool
) -> None:
    """Note that a change makes no message; whom it was for, and whether it breaks quiet hours, is in its history."""
    stop_waiting(conn, change.alarm_id)
    if change.is_news or change.is_again:
        detail = {"to": list(to), "breaks": breaks}
        add_event(conn, change.alarm_id, change.time, AlarmEvent.WITHHELD, now, reason=reason, detail=detail)


SHELVE: Final = """
insert into shelf (rule, station, channel_id, story, person, reason, since, until)
select rule, station, channel_id, story, %(person)s, %(reason)s, %(now)s, %(until)s
from alarm where alarm_id = %(alarm)s
on conflict (subject) do update
  set person = excluded.person, reason = excluded.reason, since = excluded.since, until = excluded.until
"""
UNSHELVE: Final = "delete from shelf s using alarm a where a.alarm_id = %s and s.subject = a.subject"
STANDING: Final = """
select a.alarm_id from alarm a join alarm named using (subject)
where named.alarm_id = %s and a.cleared_at is null and not a.late
"""
"""A shelf holds a subject: whichever alarm of it was named, the standing one is meant."""


def shelve(conn: Connection, alarm_id: int, person: str, reason: str, until: datetime, now: datetime) -> None:
    """Shelve the subject of an alarm until a time. In a transaction."""
    values = {"alarm": alarm_id, "person": person, "reason": reason, "now": now, "until": until}
    conn.execute(SHELVE, values)
    _note(conn, alarm_id, AlarmAct.SHELVE, person, f"until {until:%Y-%m-%d %H:%M:%SZ}: {reason}", now)


def unshelve(conn: Connection, alarm_id: int, person: str, reason: str | None, now: datetime) -> bool:
    """End the shelf of an alarm's subject before its time; False: there is none. In a transaction."""
    if conn.execute(UNSHELVE, [alarm_id]).rowcount == 0:
        return False
    _note(conn, alarm_id, AlarmAct.UNSHELVE, person, reason, now)
    begin_out_of_service(conn, now)
    return True


def _note(conn: Connection, alarm_id: int, act: AlarmAct, person: str, reason: str | None, now: datetime) -> None:
    """Apply the act to the subject's standing alarm, and enter it into the history of the named one, over or not."""
    row = conn.execute(STANDING, [alarm_id]).fetchone()
    taken = row and act_on(conn, row[0], act, now, person=person, reason=reason)
    if taken is None or row != (alarm_id,):
        add_event(conn, alarm_id, now, act.event, now, person=person, reason=reason)


SHELVES_OVER: Final = f"""
with over as (delete from shelf where until <= %s returning subject)
select a.alarm_id from alarm a join over using (subject) where a.state = '{AlarmState.SHELVED}'
"""  # noqa: S608 (words of ours)
OUT_BEGUN: Final = f"""
select distinct on (a.alarm_id) a.alarm_id, o.person, o.reason from alarm a join out_of_service o using (station)
where o.ended_at is null and o.since <= %(now)s and o.until > %(now)s and not a.late
  and a.state in ('{AlarmState.UNACKNOWLEDGED}', '{AlarmState.ACKNOWLEDGED}')
  and (o.channels = '{{}}' or exists (
    select from channel c where c.station = a.station and c.name = any(o.channels)
    and (c.channel_id = a.channel_id or c.parameter = a.story)))
  and {IS_OUT}
order by a.alarm_id, o.since
"""  # noqa: S608 (words of ours)
TAKE_OUT: Final = """
insert into out_of_service (station, device, channels, person, reason, since, until)
values (%(station)s, %(device)s, %(channels)s, %(person)s, %(reason)s, %(since)s, %(until)s)
returning out_of_service_id
"""
PUT_IN: Final = """
update out_of_service set ended_at = %(now)s, ended_by = %(person)s
where station = %(station)s and device is not distinct from %(device)s and ended_at is null
  and (%(since)s::timestamptz is null or since < %(until)s and until > %(since)s)
"""
OUT_OVER: Final = "update out_of_service set ended_at = until where ended_at is null and until <= %s"
IN_SERVICE: Final = f"""
select a.alarm_id from alarm a where a.state = '{AlarmState.OUT_OF_SERVICE}' and not {IS_OUT}
"""  # noqa: S608 (words of ours)
TO_TELL: Final = f"""
select e.alarm_id, e.alarm_event_id, e.time, a.raised_at, a.severity, a.texts, e.detail->'to',
       coalesce((e.detail->>'breaks')::boolean, false), a.station, coalesce(c.channel, ''), c.parameter, a.value,
       a."limit"
from (select distinct on (alarm_id) * from alarm_event where event = '{AlarmEvent.WITHHELD}'
      order by alarm_id, alarm_event_id desc) e
join alarm a using (alarm_id) left join channel c using (channel_id)
where a.state = '{AlarmState.UNACKNOWLEDGED}' and not exists (select from flapping f where f.subject = a.subject)
  and not exists (select from notification n where n.alarm_event_id = e.alarm_event_id) and not exists (
  select from alarm_event t where t.alarm_id = e.alarm_id and t.event = '{AlarmEvent.TOLD}'
  and t.alarm_event_id > e.alarm_event_id)
"""  # noqa: S608 (words of ours)


class OutWindow(NamedTuple):
    """A time out of service."""

    station: str
    device: str | None
    """`device`, or `device/channel`; None: the whole station."""
    channels: list[str]
    """Those of the device; none for the whole station."""
    since: datetime
    until: datetime


def take_out(conn: Connection, window: OutWindow, person: str, reason: str, now: datetime) -> int:
    """Put a place out of service, in the place of windows that it overlaps; return its number. In a transaction."""
    values = {**window._asdict(), "person": person, "reason": reason, "now": now}
    conn.execute(PUT_IN, values)
    row = conn.execute(TAKE_OUT, values).fetchone()
    assert row is not None
    begin_out_of_service(conn, now)
    return int(row[0])


def put_in(conn: Connection, station: str, device: str | None, person: str, now: datetime) -> bool:
    """End all windows of a place, also those that have not begun; False: there is none. In a transaction."""
    ever = {"station": station, "device": device, "since": None, "until": None}
    return conn.execute(PUT_IN, {**ever, "person": person, "now": now}).rowcount > 0


def begin_out_of_service(conn: Connection, now: datetime) -> None:
    """Put standing alarms out of service whose place is out of service from now on. In a transaction."""
    for alarm_id, person, reason in conn.execute(OUT_BEGUN, {"now": now}).fetchall():
        act_on(conn, alarm_id, AlarmAct.TAKE_OUT, now, person=person, reason=reason)


def end_withholding(conn: Connection, now: datetime) -> list[Untold]:
    """Begin and end the withholding that is due; return the changes that people must be told of. In a transaction."""
    for (alarm_id,) in conn.execute(SHELVES_OVER, [now]).fetchall():
        act_on(conn, alarm_id, AlarmAct.UNSHELVE, now, reason="its time is over")
    conn.execute(OUT_OVER, [now])
    for (alarm_id,) in conn.execute(IN_SERVICE, {"now": now}).fetchall():
        act_on(conn, alarm_id, AlarmAct.PUT_IN, now)
    begin_out_of_service(conn, now)
    found = [_untold(*row) for row in conn.execute(TO_TELL).fetchall()]
    for untold in found:
        add_event(conn, untold.change.alarm_id, now, AlarmEvent.TOLD, now)
    return found


def _untold(
    alarm_id: int, event_id: int, time: datetime, raised_at: datetime, severity: str, texts: object, to: list[str],
    breaks: bool, station: str | None, *about: Any,
) -> Untold:  # fmt: skip
    words = msgspec.convert(texts, RuleTexts)
    change = Recorded(
        Purpose.RAISED, alarm_id, event_id, time, raised_at, Severity.from_word(severity), is_news=True, texts=words
    )
    return Untold(change, station, tuple(to), breaks_quiet_hours=breaks, about=OnRecord(*about))
