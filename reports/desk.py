"""The desk of reports: the ministry's files written into a folder, their fate, sent again, compared."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

from quantrac.config.stations import Station
from quantrac.database import audit
from quantrac.database.pool import Connection, rows_of
from quantrac.telemetry.errors import TranslatableError
from reports.ministry.consumer import SETTLED, make, take_turn
from reports.ministry.file import FiveMinuteFile
from reports.ministry.file_server import FileServer
from reports.ministry.slot_figures import STRETCH, files

MOST_DAYS: Final = 62
"""Of one wish to send again."""
RECEIVERS: Final = """
select s.station, s.receiver, count(*) filter (where s.owed)::int4 as owed, min(s.time) filter (where s.owed) as oldest,
       max(s.time) filter (where not s.owed) as newest_sent,
       (array_agg(s.error order by s.time desc) filter (where s.owed and s.error is not null))[1] as error
from ministry_sending s group by s.station, s.receiver order by s.station, s.receiver
"""
FILES: Final = """
select station, time, name, sha256, status, made_at, sent_at, attempts, error from v_ministry_file
where station = %(station)s and time > %(after)s and time <= %(until)s order by time
"""
OWE_AGAIN: Final = """
insert into ministry_sending (station, time, receiver, owed_at, due_at)
select station, time, receiver, %(now)s, %(now)s from ministry_file, unnest(%(receivers)s::text[]) receiver
where station = %(station)s and time > %(after)s and time <= %(until)s and not withdrawn
on conflict (station, time, receiver) do update set owed = true, owed_at = excluded.owed_at, sent = null, sends = 0,
  due_at = excluded.due_at, attempts = 0, error = null, failure = null
"""
KEPT: Final = """
select f.time, f.name, f.content, f.withdrawn, s.owed from ministry_file f
left join ministry_sending s on s.station = f.station and s.time = f.time and s.receiver = %(receiver)s
where f.station = %(station)s and f.time > %(after)s and f.time <= %(until)s order by f.time
"""


class NoMinistryFiles(TranslatableError):
    """A station whose file says nothing of the ministry's, or nothing of a receiver."""

    exit_code = 2


class TooManyDays(TranslatableError):
    """A wish to send more again than goes in one piece."""

    exit_code = 2


class ReceiverState(NamedTuple):
    """How far a receiver is with a station's files."""

    station: str
    receiver: str
    owed: int
    oldest: datetime | None
    """Of those owed."""
    newest_sent: datetime | None
    error: str | None
    """Of the newest that failed."""


class FileFate(NamedTuple):
    """A row of `v_ministry_file`."""

    station: str
    time: datetime
    name: str
    sha256: str
    status: str
    made_at: datetime
    sent_at: datetime | None
    attempts: int
    error: str | None


class Mismatch(NamedTuple):
    """A file that is not what it should be."""

    name: str
    what: str


def export_files(
    conn: Connection, station: Station, after: datetime, until: datetime, folder: Path
) -> Iterator[FiveMinuteFile]:
    """Write the files of the slots after < t <= until below `folder`, as they would be sent; yield each once written.

    A file that is there is replaced at once, whole by whole. Raises NoMinistryFiles.
    """
    if station.ministry is None:
        raise NoMinistryFiles(
            "stations/{station}.yaml: ministry: found nothing, expected {{code: …}}: the station has no files for the "
            "ministry",
            station=station.station,
        )
    for made in files(conn, station, after, until):
        place = folder / made.path
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_name(place.name + ".part")
        part.write_bytes(made.content)
        part.replace(place)
        yield made


def receiver_states(conn: Connection) -> list[ReceiverState]:
    """Return how far each receiver is, by station."""
    return rows_of(conn, ReceiverState, RECEIVERS)


def fates(conn: Connection, station: str, after: datetime, until: datetime) -> list[FileFate]:
    """Return the files of the slots after < t <= until, oldest first."""
    return rows_of(conn, FileFate, FILES, {"station": station, "after": after, "until": until})


def owe_again(
    conn: Connection,
    station: Station,
    after: datetime,
    until: datetime,
    receiver: str | None,
    person: str,
    reason: str | None,
    now: datetime,
) -> int:
    """Make the files of the slots after < t <= until that are not there or not right, and owe all, whatever was sent.

    A slot that is not over is left alone: its file goes by itself once it is whole.
    To one receiver of the station, or (None) to each; returns how many sendings are owed. A day is a transaction and
    an act of the audit: the maker of new files waits for one day, and what ends in the middle has done whole days.
    Raises NoMinistryFiles, TooManyDays.
    """
    receivers, count = _receivers(station, receiver), 0
    if (days := -((after - until) // STRETCH)) > MOST_DAYS:
        raise TooManyDays("from, to: found {days} days, expected at most {most}", days=days, most=MOST_DAYS)
    until = min(until, now - SETTLED)
    while after < until:
        end = min(after + STRETCH, until)
        with conn.transaction():
            take_turn(conn, station.station)
            for made in files(conn, station, after, end):
                make(conn, station, made, now)
            span = {"station": station.station, "after": after, "until": end}
            owed = conn.execute(OWE_AGAIN, {**span, "receivers": receivers, "now": now}).rowcount
            detail = {"from": after.isoformat(), "to": end.isoformat(), "receiver": receiver, "files": owed}
            audit.record(conn, now, person, "resend", f"ministry {station.station}", reason, detail)
        after, count = end, count + owed
    return count


def _receivers(station: Station, receiver: str | None) -> list[str]:
    named = station.ministry.receivers if station.ministry is not None else ()
    if not named or receiver not in (None, *named):
        found = ", ".join(named) or "none"
        raise NoMinistryFiles(
            "stations/{station}.yaml: ministry.receivers: found {found}, expected {expected}",
            station=station.station,
            found=found,
            expected=receiver or "one",
        )
    return list(named) if receiver is None else [receiver]


def mismatches(
    conn: Connection, station: Station, after: datetime, until: datetime, receiver: str, server: FileServer
) -> Iterator[Mismatch]:
    """Yield files that are not what the readings give, or not what the receiver should hold.

    Never made or never owed; other bytes or another name than they would have now; sent, and not there byte for byte.
    Raises NoMinistryFiles, and NotDelivered where the server is away.
    """
    _receivers(station, receiver)
    made = {each.time: each for each in files(conn, station, after, until)}
    asked = {"station": station.station, "after": after, "until": until, "receiver": receiver}
    for time, name, content, is_withdrawn, is_owed in conn.execute(KEPT, asked).fetchall():
        given = made.pop(time, None)
        if given is None and is_withdrawn:
            if server.get(name) is not None:
                yield Mismatch(name, "is there, and the readings give no file any more")
            continue
        if given is None or given.content != content:
            yield Mismatch(name, "the readings give no file" if given is None else "the readings give other bytes")
        elif str(given.path) != name:
            yield Mismatch(name, f"its name is {given.path} now")
        if is_owed is None:
            yield Mismatch(name, f"was never owed to {receiver}")
        elif not is_owed and (there := server.get(name)) != content:
            yield Mismatch(name, "is not there" if there is None else "has other bytes there")
    yield from (Mismatch(str(each.path), "was never made") for each in made.values())
