"""The desk of alarms: acknowledge, comment, shelve, reset, mark as false, out of service; each act is audited."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from alerts.alarm import suppression
from alerts.alarm.life import AlarmAct
from alerts.alarm.records import act_on
from alerts.telling.outbox import call_off
from quantrac.database import audit
from quantrac.database.pool import Connection
from quantrac.telemetry.errors import QuantracError


class DeskRefused(QuantracError):
    """What was asked cannot be done; the text says why."""


@dataclass(frozen=True, slots=True)
class AlarmRow:
    """An alarm as `v_alarm` shows it."""

    alarm_id: int
    rule: str
    level: str
    station: str | None
    """None: the centre itself."""
    channel: str | None
    severity: str
    state: str
    raised_at: datetime
    cleared_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    late: bool
    value: float | None
    limit: float | None
    unit: str | None
    no_data_since: datetime | None
    """A standing alarm: nothing that counts has come since; None: readings come."""
    returned_at: datetime | None = None
    """A latched alarm: when its readings returned to normal."""
    false_at: datetime | None = None
    false_by: str | None = None


@dataclass(frozen=True, slots=True)
class EventRow:
    """One line of an alarm's history."""

    time: datetime
    event: str
    person: str | None
    reason: str | None


COLUMNS: Final = """
alarm_id, rule, level, station, channel, severity, state, raised_at, cleared_at, acknowledged_at, acknowledged_by, late,
value, "limit", unit, no_data_since, returned_at, false_at, false_by
"""
LOCKED: Final = "select state, acknowledged_at, acknowledged_by from alarm where alarm_id = %s for update"


def acknowledge(conn: Connection, alarm_id: int, person: str, reason: str | None, now: datetime) -> None:
    """Note that a person has seen the alarm and looks after it; one that has cleared may still be acknowledged.

    Raises DeskRefused where there is no such alarm, or somebody has acknowledged it already.
    """
    with conn.transaction():
        _, at, by = _locked(conn, alarm_id)
        if not _act(conn, alarm_id, AlarmAct.ACKNOWLEDGE, person, reason, now):
            raise DeskRefused(f"alarm {alarm_id} was acknowledged by {by} at {at:%Y-%m-%d %H:%M:%SZ}")
        call_off(conn, alarm_id, f"acknowledged by {person}")


def comment(conn: Connection, alarm_id: int, person: str, text: str, now: datetime) -> None:
    """Add a remark to the alarm's history. Raises DeskRefused where there is no such alarm."""
    with conn.transaction():
        _locked(conn, alarm_id)
        _act(conn, alarm_id, AlarmAct.COMMENT, person, text, now)


def reset(conn: Connection, alarm_id: int, person: str, reason: str | None, now: datetime) -> None:
    """End a latched alarm whose readings have returned to normal. Raises DeskRefused for any other."""
    with conn.transaction():
        state, _, _ = _locked(conn, alarm_id)
        if not _act(conn, alarm_id, AlarmAct.RESET, person, reason, now):
            raise DeskRefused(f"alarm {alarm_id} is {state}; only one that is latched and back to normal is reset")


def mark_false(
    conn: Connection, alarm_id: int, person: str, reason: str | None, now: datetime, *, undo: bool = False
) -> None:
    """Note that nothing was wrong, for the share of false alarms; `undo` takes it back. Raises DeskRefused."""
    with conn.transaction():
        _locked(conn, alarm_id)
        _act(conn, alarm_id, AlarmAct.MARK_TRUE if undo else AlarmAct.MARK_FALSE, person, reason, now)


FILES_REFUSED: Final = "files-refused"
"""The rule of the alarm that changed files are refused."""
FILES_MISSING: Final = "missing"
"""Its level when files are gone or empty: a person may mean that."""
REFUSED_FILES: Final = f"""
select alarm_id, level from alarm where subject = subject_key('{FILES_REFUSED}', null, null) and cleared_at is null
"""  # noqa: S608 (words of ours)


def confirm_files(conn: Connection, person: str, reason: str | None, now: datetime) -> None:
    """Say that files that are gone or empty shall be so: services take the rest. Raises DeskRefused where none are."""
    with conn.transaction():
        row = conn.execute(REFUSED_FILES).fetchone()
        if row is None:
            raise DeskRefused("no file is missed: `alerts run` says so ten seconds after one is gone or empty")
        alarm_id, level = row
        if level != FILES_MISSING:
            raise DeskRefused("the changed files are wrong: correct them (quantrac rules check shows where)")
        _act(conn, alarm_id, AlarmAct.CONFIRM, person, reason, now)


LONGEST_SHELF: Final = timedelta(days=7)


def shelve(conn: Connection, alarm_id: int, person: str, reason: str, until: datetime, now: datetime) -> None:
    """Send nobody a message about this alarm's rule and channel until then; it goes on being evaluated and recorded.

    Raises DeskRefused where there is no such alarm, and for an end that is past or more than 7 days away.
    """
    if not now < until <= now + LONGEST_SHELF:
        raise DeskRefused(f"an alarm is shelved for at most 7 days: found {until:%Y-%m-%d %H:%M:%SZ} as the end")
    with conn.transaction():
        _locked(conn, alarm_id)
        term = f"until {until:%Y-%m-%d %H:%M:%SZ}: {reason}"
        suppression.shelve(conn, alarm_id, person, reason, until, now)
        audit.record(conn, now, person, AlarmAct.SHELVE.event, f"alarm {alarm_id}", term)


def unshelve(conn: Connection, alarm_id: int, person: str, reason: str | None, now: datetime) -> None:
    """End a shelf before its time; people then get what still stands. Raises DeskRefused without one."""
    with conn.transaction():
        _locked(conn, alarm_id)
        if not suppression.unshelve(conn, alarm_id, person, reason, now):
            raise DeskRefused(f"alarm {alarm_id} is not shelved")
        audit.record(conn, now, person, AlarmAct.UNSHELVE.event, f"alarm {alarm_id}", reason)


LONGEST_OUT: Final = timedelta(days=90)
PLACE: Final = "select config->'devices' from station where station = %s"
TAKE_OUT: Final = """
insert into out_of_service (station, device, channels, person, reason, since, until)
values (%s, %s, %s, %s, %s, %s, %s) returning out_of_service_id
"""
PUT_IN: Final = """
update out_of_service set ended_at = %(now)s, ended_by = %(person)s
where station = %(station)s and device is not distinct from %(device)s and ended_at is null
  and (%(since)s::timestamptz is null or since < %(until)s and until > %(since)s)
returning out_of_service_id
"""


def take_out_of_service(
    conn: Connection,
    station: str,
    device: str | None,
    person: str,
    reason: str,
    until: datetime,
    now: datetime,
    *,
    since: datetime | None = None,
) -> int:
    """Put a station or a part of it out of service for maintenance: its alarms are recorded without a message.

    Args:
        conn: a connection in autocommit.
        station: the station.
        device: a device of it, or one channel of a device as `device/channel`; None: the whole station.
        person: who does it.
        reason: why.
        until: when it ends by itself.
        now: the time.
        since: when it begins; None: now. A window of the same place that it overlaps is replaced.

    Returns the number of the entry. Raises DeskRefused for an unknown place, and for an end that is past or more than
    90 days away.
    """
    begins = now if since is None else since
    if not max(begins, now) < until <= now + LONGEST_OUT:
        raise DeskRefused(f"out of service ends within 90 days and after it began: found {until:%Y-%m-%d %H:%M:%SZ}")
    with conn.transaction():
        channels = _channels_of(conn, station, device)
        window = {"station": station, "device": device, "since": begins, "until": until}
        conn.execute(PUT_IN, {**window, "now": now, "person": person})
        row = conn.execute(TAKE_OUT, [station, device, channels, person, reason, begins, until]).fetchone()
        assert row is not None
        suppression.begin_out_of_service(conn, now)
        term = f"{'' if since is None else f'from {since:%Y-%m-%d %H:%M:%SZ} '}until {until:%Y-%m-%d %H:%M:%SZ}"
        audit.record(conn, now, person, "out of service", _place(station, device), f"{term}: {reason}")
    return int(row[0])


def put_in_service(
    conn: Connection, station: str, device: str | None, person: str, reason: str | None, now: datetime
) -> None:
    """End a time out of service, or call off a planned one; people then get what still stands. Raises DeskRefused."""
    ever = {"station": station, "device": device, "since": None, "until": None}
    with conn.transaction():
        if not conn.execute(PUT_IN, {**ever, "now": now, "person": person}).fetchall():
            raise DeskRefused(f"{_place(station, device)} is not out of service")
        audit.record(conn, now, person, "in service", _place(station, device), reason)


@dataclass(frozen=True, slots=True)
class OutRow:
    """A station, device or channel that is out of service, or will be."""

    station: str
    device: str | None
    """`device`, or `device/channel`; None: the whole station."""
    person: str
    reason: str
    since: datetime
    until: datetime


def out_of_service(conn: Connection) -> list[OutRow]:
    """Return what is out of service now, and what will be."""
    rows = conn.execute(
        """
        select station, device, person, reason, since, until from v_out_of_service
        where ended_at is null and until > now() order by since
        """
    )
    return [OutRow(*row) for row in rows]


def _channels_of(conn: Connection, station: str, device: str | None) -> list[str]:
    """Return the channels of a device, or the one that is named with it; none for the whole station.

    Raises DeskRefused where there is no such place.
    """
    row = conn.execute(PLACE, [station]).fetchone()
    if row is None:
        raise DeskRefused(f"there is no station {station}; see `quantrac status`")
    if device is None:
        return []
    devices = row[0] or {}
    name, _, channel = device.partition("/")
    if not (channels := devices.get(name, {}).get("channels")):
        known = ", ".join(devices) or "none"
        raise DeskRefused(f"{station} has no device {name} with channels; its devices: {known}")
    if channel and channel not in channels:
        raise DeskRefused(f"{station}/{name} has no channel {channel}; its channels: {', '.join(sorted(channels))}")
    return [channel] if channel else sorted(channels)


def _place(station: str, device: str | None) -> str:
    if device is None:
        return f"station {station}"
    return f"{'channel' if '/' in device else 'device'} {station}/{device}"


def alarms(
    conn: Connection, *, standing_only: bool = True, station: str | None = None, limit: int = 100
) -> list[AlarmRow]:
    """Return alarms, the newest first."""
    rows = conn.execute(
        f"""
        select {COLUMNS} from v_alarm
        where (not %(standing)s or (cleared_at is null and not late))
          and (%(station)s::text is null or station = %(station)s)
        order by raised_at desc, alarm_id desc limit %(limit)s
        """,  # noqa: S608 (COLUMNS is ours)
        {"standing": standing_only, "station": station, "limit": limit},
    )
    return [AlarmRow(*row) for row in rows]


def alarm(conn: Connection, alarm_id: int) -> AlarmRow:
    """Return one alarm. Raises DeskRefused where there is none of that number."""
    row = conn.execute(f"select {COLUMNS} from v_alarm where alarm_id = %s", [alarm_id]).fetchone()  # noqa: S608
    if row is None:
        raise DeskRefused(f"there is no alarm {alarm_id}; see `quantrac alarms list --all`")
    return AlarmRow(*row)


def history(conn: Connection, alarm_id: int) -> list[EventRow]:
    """Return what happened to an alarm, in order. Raises DeskRefused where there is none of that number."""
    alarm(conn, alarm_id)
    rows = conn.execute(
        "select time, event, person, reason from v_alarm_event where alarm_id = %s order by alarm_event_id", [alarm_id]
    )
    return [EventRow(*row) for row in rows]


def _locked(conn: Connection, alarm_id: int) -> tuple[str, datetime | None, str | None]:
    row: tuple[Any, ...] | None = conn.execute(LOCKED, [alarm_id]).fetchone()
    if row is None:
        raise DeskRefused(f"there is no alarm {alarm_id}; see `quantrac alarms list --all`")
    return row[0], row[1], row[2]


def _act(conn: Connection, alarm_id: int, act: AlarmAct, person: str, reason: str | None, now: datetime) -> bool:
    """Do it to the alarm, with a row of the audit; False: the alarm refuses it."""
    if act_on(conn, alarm_id, act, now, person=person, reason=reason) is None:
        return False
    audit.record(conn, now, person, act.event, f"alarm {alarm_id}", reason)
    return True
