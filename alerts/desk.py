"""The desk of alarms: acknowledge, comment, shelve, reset, mark as false, out of service; each act is audited."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from alerts.alarm import publication, suppression
from alerts.alarm.life import AlarmAct
from alerts.alarm.records import act_on
from alerts.telling.outbox import call_off
from quantrac.database import audit
from quantrac.database.pool import Connection
from quantrac.telemetry.errors import TranslatableError


class DeskRefused(TranslatableError):
    """What was asked of an alarm or a station cannot be done; the text says why."""


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
    known_at: datetime | None = None
    """An alarm of the past: when late data showed it."""
    untold: str | None = None
    """Why nobody was told of it."""
    unanswered_since: datetime | None = None
    """Since when people have been told and nobody has acknowledged."""
    call_at: datetime | None = None
    """When people are called next; None: they are not."""
    call_to: list[str] | None = None
    """Groups that are called then; None: whoever was told before."""
    call_by: list[str] | None = None
    """Media by which they are."""
    parent: int | None = None
    """The alarm that explains this one."""
    ended_by: str | None = None
    """What ended it, where its readings had not returned to normal."""
    parameter: str | None = None
    texts: dict[str, Any] = field(default_factory=dict)
    """What people read of it, by language."""


@dataclass(frozen=True, slots=True)
class EventRow:
    """One line of an alarm's history."""

    time: datetime
    event: str
    person: str | None
    reason: str | None
    alarm_event_id: int = field(default=0, compare=False)
    detail: dict[str, Any] | None = field(default=None, compare=False)
    """What the line is of: level, severity, value, limit, groups."""


COLUMNS: Final = """
alarm_id, rule, level, station, channel, severity, state, raised_at, cleared_at, acknowledged_at, acknowledged_by, late,
value, "limit", unit, no_data_since, returned_at, false_at, false_by, known_at, untold, unanswered_since, call_at,
call_to, call_by, parent, ended_by, parameter, texts
"""
LOCKED: Final = "select state from alarm where alarm_id = %s for update"


def acknowledge(conn: Connection, alarm_id: int, person: str, reason: str | None, now: datetime) -> None:
    """Note that a person has seen the alarm and looks after it; one that has cleared may still be acknowledged.

    Raises DeskRefused where there is no such alarm, or somebody has acknowledged it already.
    """
    with conn.transaction():
        _locked(conn, alarm_id)
        if not _act(conn, alarm_id, AlarmAct.ACKNOWLEDGE, person, reason, now):
            done = alarm(conn, alarm_id)
            raise DeskRefused(
                "alarm {alarm} was acknowledged by {by} at {at}",
                alarm=alarm_id, by=done.acknowledged_by, at=done.acknowledged_at,
            )  # fmt: skip
        call_off(conn, alarm_id, "acknowledged")


def comment(conn: Connection, alarm_id: int, person: str, text: str, now: datetime) -> None:
    """Add a remark to the alarm's history. Raises DeskRefused where there is no such alarm."""
    with conn.transaction():
        _locked(conn, alarm_id)
        _act(conn, alarm_id, AlarmAct.COMMENT, person, text, now)


def reset(conn: Connection, alarm_id: int, person: str, reason: str | None, now: datetime) -> None:
    """End a latched alarm whose readings have returned to normal. Raises DeskRefused for any other."""
    with conn.transaction():
        state = _locked(conn, alarm_id)
        if not _act(conn, alarm_id, AlarmAct.RESET, person, reason, now):
            raise DeskRefused(
                "alarm {alarm} is {state}; only one that is latched and back to normal is reset",
                alarm=alarm_id, state=state,
            )  # fmt: skip


def mark_false(
    conn: Connection, alarm_id: int, person: str, reason: str | None, now: datetime, *, undo: bool = False
) -> None:
    """Note that nothing was wrong, for the share of false alarms; `undo` takes it back. Raises DeskRefused."""
    with conn.transaction():
        _locked(conn, alarm_id)
        _act(conn, alarm_id, AlarmAct.MARK_TRUE if undo else AlarmAct.MARK_FALSE, person, reason, now)


def publish(conn: Connection, alarm_id: int, person: str, reason: str | None, now: datetime) -> None:
    """Let the public read an alarm of a station: where, what, since when, what to do; never who or why.

    Raises DeskRefused where it is public already, was marked as false, or is of no station.
    """
    with conn.transaction():
        _locked(conn, alarm_id)
        found = alarm(conn, alarm_id)
        if found.station is None or found.false_at is not None:
            raise DeskRefused("alarm {alarm} is of no station, or false: it cannot be made public", alarm=alarm_id)
        if not publication.publish(conn, alarm_id, now):
            raise DeskRefused("alarm {alarm} is public already", alarm=alarm_id)
        _act(conn, alarm_id, AlarmAct.PUBLISH, person, reason, now)


def unpublish(conn: Connection, alarm_id: int, person: str, reason: str | None, now: datetime) -> None:
    """Take an alarm from the public. Raises DeskRefused where it is not public."""
    with conn.transaction():
        _locked(conn, alarm_id)
        if not publication.unpublish(conn, alarm_id, now):
            raise DeskRefused("alarm {alarm} is not public", alarm=alarm_id)
        _act(conn, alarm_id, AlarmAct.UNPUBLISH, person, reason, now)


FILES_REFUSED: Final = "files-refused"
"""The rule of the alarm that changed files are refused."""
FILES_MISSING: Final = "missing"
"""Its level when files are gone or empty: a person may mean that."""
REFUSED_FILES: Final = f"""
select alarm_id, level from alarm
where subject = subject_key('{FILES_REFUSED}', null, null, null) and cleared_at is null
"""  # noqa: S608 (words of ours)


def confirm_files(conn: Connection, person: str, reason: str | None, now: datetime) -> None:
    """Confirm that files are gone or empty on purpose: services take the others. Raises DeskRefused where none are."""
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
        raise DeskRefused("an alarm is shelved for at most 7 days: found {until} as the end", until=until)
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
            raise DeskRefused("alarm {alarm} is not shelved", alarm=alarm_id)
        audit.record(conn, now, person, AlarmAct.UNSHELVE.event, f"alarm {alarm_id}", reason)


LONGEST_OUT: Final = timedelta(days=90)
PLACE: Final = "select config->'devices' from station where station = %s"


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
        raise DeskRefused("out of service ends within 90 days and after it began: found {until}", until=until)
    with conn.transaction():
        window = suppression.OutWindow(station, device, _channels_of(conn, station, device), begins, until)
        number = suppression.take_out(conn, window, person, reason, now)
        term = f"{'' if since is None else f'from {since:%Y-%m-%d %H:%M:%SZ} '}until {until:%Y-%m-%d %H:%M:%SZ}"
        audit.record(conn, now, person, "out of service", _place(station, device), f"{term}: {reason}")
    return number


def put_in_service(
    conn: Connection, station: str, device: str | None, person: str, reason: str | None, now: datetime
) -> None:
    """End a time out of service, or call off a planned one; people then get what still stands. Raises DeskRefused."""
    with conn.transaction():
        if not suppression.put_in(conn, station, device, person, now):
            raise DeskRefused(
                "{place} is not out of service", place=station if device is None else f"{station}/{device}"
            )
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
        raise DeskRefused("there is no station {station}; see `quantrac status`", station=station)
    if device is None:
        return []
    devices = row[0] or {}
    name, _, channel = device.partition("/")
    if not (channels := devices.get(name, {}).get("channels")):
        known = ", ".join(devices) or "none"
        raise DeskRefused(
            "{station} has no device {device} with channels; its devices: {known}",
            station=station, device=name, known=known,
        )  # fmt: skip
    if channel and channel not in channels:
        raise DeskRefused(
            "{device} has no channel {channel}; its channels: {known}",
            device=f"{station}/{name}", channel=channel, known=", ".join(sorted(channels)),
        )  # fmt: skip
    return [channel] if channel else sorted(channels)


def _place(station: str, device: str | None) -> str:
    if device is None:
        return f"station {station}"
    return f"{'channel' if '/' in device else 'device'} {station}/{device}"


def alarm(conn: Connection, alarm_id: int) -> AlarmRow:
    """Return one alarm. Raises DeskRefused where there is none of that number."""
    row = conn.execute(f"select {COLUMNS} from v_alarm where alarm_id = %s", [alarm_id]).fetchone()  # noqa: S608
    if row is None:
        raise DeskRefused("there is no alarm {alarm}; see `quantrac alarms list --all`", alarm=alarm_id)
    return AlarmRow(*row)


def history(conn: Connection, alarm_id: int) -> list[EventRow]:
    """Return what happened to an alarm, in order. Raises DeskRefused where there is none of that number."""
    alarm(conn, alarm_id)
    rows = conn.execute(
        """
        select time, event, person, reason, alarm_event_id, detail from v_alarm_event
        where alarm_id = %s order by alarm_event_id
        """,
        [alarm_id],
    )
    return [EventRow(*row) for row in rows]


MEANWHILE: Final = """
select person, event, time from v_alarm_event
where alarm_id = %s and alarm_event_id > %s and person <> %s order by alarm_event_id desc limit 1
"""


def hold_as_seen(conn: Connection, alarm_id: int, seen: int, reader: str) -> None:
    """Hold the alarm, in the caller's transaction, as somebody sees it who is about to act.

    Args:
        conn: within a transaction.
        alarm_id: the alarm.
        seen: the newest line of its history, by number, that a person had written when the reader looked; 0: none.
        reader: who looked; what they wrote themselves since then is no news to them.

    Raises DeskRefused where another person has acted since: the later one sees the earlier and decides anew.
    """
    _locked(conn, alarm_id)
    row = conn.execute(MEANWHILE, [alarm_id, seen, reader]).fetchone()
    if row is not None:
        raise DeskRefused(
            "since you looked {by} has acted: {event} at {at}; look, and send it again if you still want to",
            by=row[0], event=row[1], at=row[2],
        )  # fmt: skip


def _locked(conn: Connection, alarm_id: int) -> str:
    """Hold an alarm and return its state. Raises DeskRefused where there is none of that number."""
    row: tuple[str] | None = conn.execute(LOCKED, [alarm_id]).fetchone()
    if row is None:
        raise DeskRefused("there is no alarm {alarm}; see `quantrac alarms list --all`", alarm=alarm_id)
    return row[0]


def _act(conn: Connection, alarm_id: int, act: AlarmAct, person: str, reason: str | None, now: datetime) -> bool:
    """Take the step of an act, with a row of the audit; False: the alarm refuses it."""
    if act_on(conn, alarm_id, act, now, person=person, reason=reason) is None:
        return False
    audit.record(conn, now, person, act.event, f"alarm {alarm_id}", reason)
    return True
