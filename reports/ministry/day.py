"""A day of a station's files: what became of each slot, and of one file its bytes and how far each receiver is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from quantrac.database.pool import Connection, rows_of
from quantrac.telemetry.ministry import SLOT
from reports.ministry.file_server import Failure

LATE: Final = timedelta(minutes=30)
"""Where network.yaml does not say from when on a file is late."""

FILES: Final = """
select f.time, f.withdrawn, count(*) filter (where s.owed or s.sent = f.sha256)::int4 as receivers,
       count(*) filter (where not s.owed and s.sent = f.sha256)::int4 as have,
       coalesce(max(s.sends) filter (where not s.owed), 0) as sends, min(s.owed_at) filter (where s.owed) as since,
       coalesce(bool_or(s.owed and s.failure is not null), false) as has_failed
from ministry_file f left join ministry_sending s using (station, time)
where f.station = %(station)s and f.time > %(after)s and f.time <= %(until)s
group by f.station, f.time order by f.time
"""
MEASURED: Final = """
select distinct %(after)s::timestamptz
    + ceil(extract(epoch from r.time - %(after)s::timestamptz) / 300) * interval '5 minutes'
from reading r join channel c using (channel_id)
where c.station = %(station)s and r.time > %(after)s and r.time <= %(until)s and r.value is not null
"""
FILE: Final = """
select time, name, content, sha256, made_at, withdrawn from ministry_file where station = %s and time = %s
"""
SENDINGS: Final = """
select receiver, owed, owed_at, due_at, sent, sent_at, sends, attempts, error, failure from ministry_sending
where station = %s and time = %s order by receiver
"""


class SlotState(StrEnum):
    """What became of a slot."""

    AHEAD = "ahead"
    """It is not over."""
    NO_DATA = "no_data"
    """No value was measured."""
    LEFT_OUT = "left_out"
    """There are values and no file: too few count, or none was ever made."""
    MADE = "made"
    """No receiver has it."""
    SENT = "sent"
    """Some of its receivers have acknowledged it."""
    ANSWERED = "answered"
    """All have."""
    REPLACED = "replaced"
    """All have, after its bytes had changed."""
    FAILED = "failed"
    """A receiver did not take it; it is tried again."""
    LATE = "late"
    """A receiver has lacked it for too long."""
    WITHDRAWN = "withdrawn"
    """Its readings give no figure any more."""


class SlotFate(NamedTuple):
    """A slot of a day."""

    time: datetime
    """Its end."""
    state: SlotState
    has_file: bool


class FiledSlot(NamedTuple):
    """A file, and how far its receivers are."""

    time: datetime
    withdrawn: bool
    receivers: int
    """Who have it or are owed it; one that was given up is neither."""
    have: int
    sends: int
    since: datetime | None
    """Since when a receiver lacks it."""
    has_failed: bool


class KeptFile(NamedTuple):
    """A file as it is kept."""

    time: datetime
    name: str
    content: bytes
    sha256: str
    made_at: datetime
    withdrawn: bool


class Sending(NamedTuple):
    """How far a receiver is with a file."""

    receiver: str
    owed: bool
    owed_at: datetime
    due_at: datetime
    sent: str | None
    """SHA-256 of what it has; None: nothing, or it was tried since and nobody knows."""
    sent_at: datetime | None
    sends: int
    attempts: int
    error: str | None
    failure: Failure | None


def slots(
    conn: Connection, station: str, after: datetime, until: datetime, now: datetime, late: timedelta = LATE
) -> Iterator[SlotFate]:
    """Yield the slots that end at after < t <= until; `after` is the beginning of one."""
    asked = {"station": station, "after": after, "until": until}
    filed = {one.time: one for one in rows_of(conn, FiledSlot, FILES, asked)}
    measured = {time for (time,) in conn.execute(MEASURED, asked)}
    time = after + SLOT
    while time <= until:
        file = filed.get(time)
        if file is not None:
            state = state_of(file, now, late)
        elif time > now:
            state = SlotState.AHEAD
        else:
            state = SlotState.LEFT_OUT if time in measured else SlotState.NO_DATA
        yield SlotFate(time, state, file is not None)
        time += SLOT


def state_of(file: FiledSlot, now: datetime, late: timedelta) -> SlotState:
    """Return what became of a file. Pure."""
    if file.withdrawn:
        return SlotState.WITHDRAWN
    if file.since is not None and now - file.since >= late:
        return SlotState.LATE
    if file.has_failed:
        return SlotState.FAILED
    if file.have < file.receivers:
        return SlotState.SENT if file.have else SlotState.MADE
    if file.receivers == 0:
        return SlotState.MADE
    return SlotState.REPLACED if file.sends > 1 else SlotState.ANSWERED


def kept_file(conn: Connection, station: str, time: datetime) -> tuple[KeptFile, list[Sending]] | None:
    """Return a file and its sendings; None: there is none."""
    found = rows_of(conn, KeptFile, FILE, [station, time])
    return (found[0], rows_of(conn, Sending, SENDINGS, [station, time])) if found else None
