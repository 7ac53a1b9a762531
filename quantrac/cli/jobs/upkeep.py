"""Keeps the database small and in order: prunes records, drops, compresses and orders old chunks.

Each job says how many rows or chunks it removed or rewrote, and in one line which.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Final, LiteralString

import psycopg

from quantrac.cli.jobs.runs import Done
from quantrac.config.network import Retention
from quantrac.database.pool import Connection, one_line
from quantrac.observe import logs
from quantrac.telemetry.job_outcomes import Said, together

FEED_KEPT: Final = timedelta(days=7)
IDLE_AFTER: Final = timedelta(days=30)
HEALTH_KEPT: Final = timedelta(days=400)
RUNS_KEPT: Final = timedelta(days=90)
BEATS_KEPT: Final = timedelta(days=1)
STRANGERS_KEPT: Final = timedelta(days=30)
"""Short messages from numbers of no contact: personal data of people who never asked for anything."""

NEWEST_IS_PRESENT: Final = timedelta(days=1)
"""Stations send each few minutes: with none newer than this the clock is wrong, or nothing grows."""

NEWEST_READING = "select max(time) from latest"
OLD_LETTERS = "delete from dead_letter where received_at < %s"
MOST_LETTERS: Final = 100_000
"""At most so many dead letters are kept, however young: a flood of them is made up by somebody."""
SURPLUS_LETTERS = """
delete from dead_letter where dead_letter_id in (
  select dead_letter_id from dead_letter order by (status in ('open', 'partial')) desc, received_at desc offset %s)
"""
OLD_RUNS = """
delete from job_run r where due_at < %s and exists (
  select from job_run n where n.job = r.job and n.due_at > r.due_at and n.asked_by is null)
"""
"""The newest run of a job says that its due time has been run, however long ago."""
OLD_CONFLICTS = "delete from conflict where received_at < %s"
OLD_UNPLACED = "delete from unplaced_reading where received_at < %s"
STRANGERS = "delete from sms_inbound where contact_id is null and received_at < %s"
OLD_PICTURES = "delete from image where time < %s"
OLD_MINISTRY_FILES = "delete from ministry_file where time < %s"
"""With what was sent of each; a file can be made again from its readings."""

UNREGISTER = """
delete from consumer c where exists (select from change n where n.id > c.position and n.at < %s) returning c.consumer
"""
PRUNE = """
delete from change where at < %s and id <= coalesce((select min(position) from consumer), 9223372036854775807)
"""

UNCOMPRESSED: Final = timedelta(days=60)
"""Younger readings stay as they came: what a station's spool keeps, and may send again, goes in at full speed."""
SETTLED: Final = timedelta(days=7)
"""Hourly values are left alone so long after the end of their chunk: late data still come for it."""

ENABLED: Final = """
select compression_enabled from timescaledb_information.hypertables
where hypertable_schema = 'public' and hypertable_name = 'reading'
"""
WEEKS: Final = """
select range_start from timescaledb_information.chunks
where hypertable_schema = 'public' and hypertable_name = 'reading' and range_end <= %s
  and (not is_compressed or pg_relation_size(format('%%I.%%I', chunk_schema, chunk_name)::regclass) > 0)
order by range_start
"""
HOURS: Final = """
select range_start from timescaledb_information.chunks
where hypertable_schema = 'public' and hypertable_name = 'hourly' and range_end <= %s order by range_start
"""
IN_USE: Final = (
    psycopg.errors.LockNotAvailable,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,  # late readings came while those before them were taken in
)

log = logs.logger(__name__)


def prune_feed(conn: Connection, now: datetime) -> Done:
    """Remove rows that are behind every position and older than 7 days.

    A consumer that has left a change lie for 30 days is unregistered first: it must rebuild what it derives.
    """
    idle = [name for (name,) in conn.execute(UNREGISTER, [now - IDLE_AFTER])]
    for name in idle:
        log.error("consumer_unregistered", consumer=name, idle_days=IDLE_AFTER.days, do="rebuild what it derives")
    removed = conn.execute(PRUNE, [now - FEED_KEPT]).rowcount
    unregistered = [Said.UNREGISTERED(names=" ".join(idle))] if idle else []
    return Done(removed, together(Said.CHANGES(count=removed), *unregistered))


def prune_letters(conn: Connection, now: datetime) -> Done:
    """Remove dead letters beyond the most that are kept, closed ones first, then those that came longest ago."""
    del now
    surplus = conn.execute(SURPLUS_LETTERS, [MOST_LETTERS]).rowcount
    if surplus:
        log.error("surplus_dead_letters_removed", removed=surplus, kept=MOST_LETTERS)
    return Done(surplus, Said.SURPLUS(count=surplus, most=MOST_LETTERS))


def prune_records(conn: Connection, now: datetime) -> Done:
    """Remove what nobody needs any more: stretches of health, runs of jobs, beats of dead workers, SMS of strangers."""
    health = conn.execute("delete from ingest_health where to_t < %s", [now - HEALTH_KEPT]).rowcount
    runs = conn.execute(OLD_RUNS, [now - RUNS_KEPT]).rowcount
    conn.execute("delete from breach where last_at < %s", [now - HEALTH_KEPT])
    beats = conn.execute("delete from service where beat_at < %s", [now - BEATS_KEPT]).rowcount
    messages = conn.execute(STRANGERS, [now - STRANGERS_KEPT]).rowcount
    said = (
        Said.HEALTH(count=health), Said.RUNS(count=runs), Said.BEATS(count=beats), Said.STRANGERS(count=messages),
    )  # fmt: skip
    return Done(health + runs + beats + messages, together(*said))


def apply_retention(conn: Connection, now: datetime, keep: Retention) -> Done:
    """Drop chunks of readings and roll-ups wholly older than asked; old dead letters, conflicts and pictures.

    Age counts from `now`, but at most a day after the newest reading: a clock years ahead drops nothing young.
    """
    now = _present(conn, now)
    dropped = [
        _dropped(conn, Said.READINGS, Said.READINGS_KEPT, "select drop_readings_before(%s)", now, keep.readings_ms),
        _dropped(conn, Said.HOURLY, Said.HOURLY_KEPT, "select drop_rollups_before('hourly', %s)", now, keep.hourly_ms),
        _dropped(conn, Said.DAILY, Said.DAILY_KEPT, "select drop_rollups_before('daily', %s)", now, keep.daily_ms),
    ]
    letters_kept_from = now - timedelta(milliseconds=keep.dead_letters_ms)
    letters = conn.execute(OLD_LETTERS, [letters_kept_from]).rowcount
    conn.execute(OLD_CONFLICTS, [letters_kept_from])
    conn.execute(OLD_UNPLACED, [letters_kept_from])
    pictures = conn.execute(OLD_PICTURES, [now - timedelta(milliseconds=keep.pictures_ms)]).rowcount
    files = conn.execute(OLD_MINISTRY_FILES, [now - timedelta(milliseconds=keep.ministry_files_ms)]).rowcount
    said = [
        *(one.words for one in dropped),
        Said.CAMERAS(count=pictures),
        Said.LETTERS(count=letters),
        Said.FILES(count=files),
    ]
    return Done(sum(one.rows for one in dropped) + pictures + letters + files, together(*said))


def _present(conn: Connection, now: datetime) -> datetime:
    """Return `now`, or a day after the newest reading where that is earlier."""
    row = conn.execute(NEWEST_READING).fetchone()
    newest: datetime | None = row[0] if row else None
    if newest is None or now - newest <= NEWEST_IS_PRESENT:
        return now
    log.warning("retention_counted_from_newest", newest=newest, now=now)
    return newest + NEWEST_IS_PRESENT


def _dropped(
    conn: Connection, dropped: Said, kept: Said, statement: LiteralString, now: datetime, keep_ms: int | None
) -> Done:  # fmt: skip
    if keep_ms is None:
        return Done(0, kept())
    count = len(conn.execute(statement, [now - timedelta(milliseconds=keep_ms)]).fetchall())
    return Done(count, dropped(count=count))


def compress_old(conn: Connection, now: datetime) -> Done:
    """Compress each week of readings older than 60 days that is not, or that got late ones.

    Each chunk is a transaction of its own; one that others use at that moment is left for the next night. Only where
    TimescaleDB is the Community edition and `db tune` has switched compression on.
    """
    if conn.execute(ENABLED).fetchone() != (True,):
        return Done(0, Said.OFF())
    return _to_each_chunk(conn, WEEKS, now - UNCOMPRESSED, "select compress_readings(%s)", Said.COMPRESSED)


def order_old_hours(conn: Connection, now: datetime) -> Done:
    """Order each chunk of hourly values that ended over 7 days ago and is not ordered, each in its own transaction.

    A year of one channel is then read from few pages. A chunk in use is left for the next night.
    """
    return _to_each_chunk(conn, HOURS, now - SETTLED, "select order_hourly(%s)", Said.ORDERED)


def _to_each_chunk(conn: Connection, chunks: LiteralString, before: datetime, work: LiteralString, done: Said) -> Done:
    outcomes = Counter(_done_to_chunk(conn, work, start) for (start,) in conn.execute(chunks, [before]).fetchall())
    busy = [Said.IN_USE(count=outcomes[None])] if outcomes[None] else []
    return Done(outcomes[True], together(done(count=outcomes[True]), *busy))


def _done_to_chunk(conn: Connection, work: LiteralString, start: datetime) -> bool | None:
    """Return whether there was something to do; None where the chunk was in use."""
    try:
        return conn.execute(work, [start]).fetchone() != (None,)
    except IN_USE as error:
        log.warning("chunk_left_in_use", work=work, start=start, error=one_line(error))
        return None
