"""The network at one moment, from the public views: services, stations, feed, books, alarms, messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from alerts.alarm.change import CALLS, OPENINGS
from alerts.alarm.life import AlarmState
from alerts.telling.notification import MessageStatus, in_sql
from quantrac.database.pool import Connection, rows_of
from quantrac.desks import books
from quantrac.desks.books import LedgerRow
from quantrac.desks.certificates import ExpiringCertificate, expiring
from quantrac.telemetry.slots import is_stale

QUEUED_TOO_LONG: Final = timedelta(minutes=5)
"""A message to a person that has waited so long is stuck, unless its alarm is withheld from people meanwhile."""
WITHHELD: Final = (AlarmState.SHELVED, AlarmState.OUT_OF_SERVICE, AlarmState.SUPPRESSED)
FAILED_SHOWN_FOR: Final = timedelta(hours=24)
BREACHES_SHOWN_FOR: Final = timedelta(days=7)
HEALTH_WITHIN: Final = timedelta(hours=24)
LATE_WITHIN: Final = timedelta(hours=24)

SERVICES: Final = """
select service, worker, started_at, beat_at, connected, backlog_lag_s, making_share, making_rate, making_until
from v_service order by service, beat_at desc
"""
STATIONS: Final = """
select station, online, last_message_at, config_applied, config_reported from v_station order by station
"""
CHANNELS: Final = """
select c.channel, c.station, c.interval_s, l.time from v_channel c left join v_latest l using (channel)
where not c.derived order by c.channel
"""
CONSUMERS: Final = "select consumer, lag_rows, lag_s, making_share from v_feed order by consumer"
ALARMS: Final = """
select alarm_id, rule, station, channel, severity, raised_at, acknowledged_by,
       case when rule = 'files-refused' then replace(texts->'cause'->>'en', E'\\n', '; ') end as refused_files
from v_alarm
where cleared_at is null and not late order by raised_at
"""
LATE: Final = """
select alarm_id, rule, coalesce(channel, station) as place, severity, raised_at, cleared_at, untold
from v_alarm where alarm_id in (select a.alarm_id from v_alarm a where a.late order by a.alarm_id desc limit 100)
  and untold is not null and known_at > %(since)s order by alarm_id
"""
NOTIFICATIONS: Final = f"""
select count(*) filter (where status = '{MessageStatus.QUEUED}' and queued_at < %(now)s - %(stuck)s::interval
         and not (n.purpose in {in_sql(CALLS | OPENINGS)} and exists (
           select from v_alarm a where a.alarm_id = n.alarm_id and a.state in {in_sql(WITHHELD)}))) as stuck,
       count(*) filter (where status = '{MessageStatus.FAILED}' and queued_at > %(now)s - %(shown)s::interval) as failed
from v_notification n
"""  # noqa: S608 (words of ours)
DEAD_LETTERS: Final = "select coalesce(sum(count), 0)::int8 from v_dead_letter where status in ('open', 'partial')"
STRANGERS: Final = """
select station, sum(count)::int8 as messages, min(first_received_at) as first_at, max(received_at) as last_at
from v_dead_letter where reason = 'unknown_station' and status in ('open', 'partial')
  and station ~ '^[a-z0-9]+(-[a-z0-9]+)*$' and length(station) <= 64  -- what can be a station; others are dead letters
group by station order by last_at desc, station limit 20
"""
GAPS: Final = """
select station, epoch, missing, missing_since, lost, lost_at from v_ledger where missing > 0 or lost > 0
order by station, epoch
"""
# Of each job the newest run: one look into the key a job, for years of runs every 30 s are not read through.
JOBS: Final = """
with recursive names as (
  (select job from v_job order by job limit 1)
  union all
  select (select v.job from v_job v where v.job > n.job order by v.job limit 1) from names n where n.job is not null
)
select newest.* from names n cross join lateral (
  select job, due_at, started_at, finished_at, outcome, detail from v_job v
  where v.job = n.job order by v.due_at desc limit 1) newest
where n.job is not null order by newest.job
"""
CALIBRATIONS: Final = (
    "select station, device, every_s, last_at, due_at from v_calibration order by due_at, station, device"
)
BREACHES: Final = """
select station, kind, sum(count)::int8 as count, sum(bytes)::int8 as bytes, max(last_at) as last_at
from v_breach where last_at > %(now)s - %(shown)s::interval group by station, kind order by last_at desc
"""
UNHEALTHY: Final = """
select coalesce(extract(epoch from sum(to_t - greatest(from_t, %(since)s))), 0)::float8 from v_ingest_health
where not healthy and to_t > %(since)s
"""


@dataclass(frozen=True, slots=True)
class WorkerSeen:
    """The sign of life of a service's worker."""

    service: str
    worker: str
    started_at: datetime
    beat_at: datetime
    connected: bool
    backlog_lag_s: float | None
    making_share: float | None = None
    """How much is done of making everything anew; None: it does nothing of the kind."""
    making_rate: float | None = None
    """Rows a second."""
    making_until: datetime | None = None
    """When it will be done."""


@dataclass(frozen=True, slots=True)
class StationSeen:
    """A station as the centre has heard it; `newest`: time of its newest reading, `stale`: names of late channels."""

    station: str
    online: bool
    last_message_at: datetime | None
    config_applied: str | None
    config_reported: str | None
    channels: int = 0
    newest: datetime | None = None
    stale: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ConsumerSeen:
    """How far a consumer is behind the change feed."""

    consumer: str
    lag_rows: int
    lag_s: float
    making_share: float | None = None
    """As of its worker: it follows once everything is made."""


@dataclass(frozen=True, slots=True)
class Gap:
    """What a book lacks: messages that are missing, and that are lost for good."""

    station: str
    epoch: str
    missing: int
    missing_since: datetime | None
    """Since when the oldest of them is known to be missing."""
    lost: int
    lost_at: datetime | None
    """When the last of them was given up."""


@dataclass(frozen=True, slots=True)
class Stranger:
    """A station that sends and that no file names; `messages` of it were refused and are kept."""

    station: str
    messages: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class BreachSeen:
    """What a station (None: a session of the centre) did beyond a limit within a week."""

    station: str | None
    kind: str
    count: int
    bytes: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class JobSeen:
    """The newest run of a job; `outcome` is `running`, `done` or `failed`."""

    job: str
    due_at: datetime
    started_at: datetime
    finished_at: datetime | None
    outcome: str
    detail: str | None


@dataclass(frozen=True, slots=True)
class DueCalibration:
    """A device with a calibration interval, and when it is due."""

    station: str
    device: str
    every_s: float
    last_at: datetime | None
    """The last on record: an order of `--cal`, or the instrument's own word."""
    due_at: datetime | None
    """Without one on record the interval counts from the station's first event; None: it never sent one."""


@dataclass(frozen=True, slots=True)
class StandingAlarm:
    """An alarm that has not cleared."""

    alarm_id: int
    rule: str
    station: str
    channel: str | None
    severity: str
    raised_at: datetime
    acknowledged_by: str | None
    refused_files: str | None = None
    """Changed files that are not in force, and why (rule `files-refused`)."""


@dataclass(frozen=True, slots=True)
class UntoldAlarm:
    """An alarm of the past that late data showed and nobody was told of."""

    alarm_id: int
    rule: str
    place: str
    """Its channel, or the station."""
    severity: str
    raised_at: datetime
    cleared_at: datetime
    untold: str
    """Why."""


@dataclass(frozen=True)
class Overview:
    """The network as the public views show it at `now`."""

    now: datetime
    workers: Sequence[WorkerSeen] = ()
    stations: Sequence[StationSeen] = ()
    consumers: Sequence[ConsumerSeen] = ()
    books: Sequence[LedgerRow] = ()
    gaps: Sequence[Gap] = ()
    strangers: Sequence[Stranger] = ()
    breaches: Sequence[BreachSeen] = ()
    jobs: Sequence[JobSeen] = ()
    calibrations: Sequence[DueCalibration] = ()
    """Of devices with an interval, those due first."""
    certificates: Sequence[ExpiringCertificate] = ()
    """That have ended or end soon."""
    alarms: Sequence[StandingAlarm] = ()
    untold: Sequence[UntoldAlarm] = ()
    """Within the last day."""
    stuck_messages: int = 0
    failed_messages: int = 0
    dead_letters: int = 0
    unhealthy_s: float = 0.0
    """Seconds within the last day in which ingest was known not to work."""

    @property
    def total(self) -> LedgerRow:
        """The sums of all books."""
        return books.total(self.books)


def look(conn: Connection, now: datetime) -> Overview:
    """Read the public views."""
    with conn.transaction():
        row = conn.execute(NOTIFICATIONS, {"now": now, "stuck": QUEUED_TOO_LONG, "shown": FAILED_SHOWN_FOR}).fetchone()
        assert row is not None
        return Overview(
            now,
            workers=rows_of(conn, WorkerSeen, SERVICES),
            stations=_stations(conn, now),
            consumers=rows_of(conn, ConsumerSeen, CONSUMERS),
            books=books.ledger(conn),
            gaps=rows_of(conn, Gap, GAPS),
            strangers=rows_of(conn, Stranger, STRANGERS),
            breaches=rows_of(conn, BreachSeen, BREACHES, {"now": now, "shown": BREACHES_SHOWN_FOR}),
            jobs=rows_of(conn, JobSeen, JOBS),
            calibrations=rows_of(conn, DueCalibration, CALIBRATIONS),
            certificates=expiring(conn, now),
            alarms=rows_of(conn, StandingAlarm, ALARMS),
            untold=rows_of(conn, UntoldAlarm, LATE, {"since": now - LATE_WITHIN}),
            stuck_messages=row[0],
            failed_messages=row[1],
            dead_letters=_one(conn, DEAD_LETTERS),
            unhealthy_s=_one(conn, UNHEALTHY, since=now - HEALTH_WITHIN),
        )


def _stations(conn: Connection, now: datetime) -> list[StationSeen]:
    channels: dict[str, list[tuple[str, float, datetime | None]]] = {}
    for channel, station, interval_s, time in conn.execute(CHANNELS):
        channels.setdefault(station, []).append((channel, interval_s, time))
    return [_station(row, channels.get(row[0], []), now) for row in conn.execute(STATIONS).fetchall()]


def _station(
    row: tuple[Any, ...], channels: Sequence[tuple[str, float, datetime | None]], now: datetime
) -> StationSeen:
    stale = tuple(
        name for name, interval, time in channels if time is None or is_stale(now, time, timedelta(seconds=interval))
    )
    newest = max((time for _, _, time in channels if time is not None), default=None)
    station, online, last_message_at, applied, reported = row
    return StationSeen(station, online, last_message_at, applied, reported, len(channels), newest, stale)


def _one(conn: Connection, query: str, **parameters: object) -> Any:
    row = conn.execute(query, parameters).fetchone()
    assert row is not None
    return row[0]
