"""Keeps the database small: prunes feed, dead letters and records, drops old readings. Each job returns one line."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, LiteralString

from quantrac.config.network import Retention
from quantrac.database.pool import Connection
from quantrac.observe import logs

FEED_KEPT: Final = timedelta(days=7)
IDLE_AFTER: Final = timedelta(days=30)
HEALTH_KEPT: Final = timedelta(days=400)
RUNS_KEPT: Final = timedelta(days=90)
BEATS_KEPT: Final = timedelta(days=1)

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
OLD_CONFLICTS = "delete from conflict where received_at < %s"
OLD_PICTURES = "delete from image where time < %s"

log = logs.logger(__name__)

UNREGISTER = """
delete from consumer c where exists (select from change n where n.id > c.position and n.at < %s) returning c.consumer
"""
PRUNE = """
delete from change where at < %s and id <= coalesce((select min(position) from consumer), 9223372036854775807)
"""


def prune_feed(conn: Connection, now: datetime) -> str:
    """Remove rows that are behind every position and older than 7 days.

    A consumer that has left a change lie for 30 days is unregistered first: it must rebuild what it derives.
    """
    idle = [name for (name,) in conn.execute(UNREGISTER, [now - IDLE_AFTER])]
    for name in idle:
        log.error("consumer_unregistered", consumer=name, idle_days=IDLE_AFTER.days, do="rebuild what it derives")
    removed = conn.execute(PRUNE, [now - FEED_KEPT]).rowcount
    return f"{removed} changes removed" + (f", unregistered {', '.join(idle)}" if idle else "")


def prune_letters(conn: Connection, now: datetime) -> str:
    """Remove dead letters beyond the most that are kept, closed ones first, then those that came longest ago."""
    del now
    surplus = conn.execute(SURPLUS_LETTERS, [MOST_LETTERS]).rowcount
    if surplus:
        log.error("surplus_dead_letters_removed", removed=surplus, kept=MOST_LETTERS)
    return f"{surplus} dead letters beyond {MOST_LETTERS:,} removed"


def prune_records(conn: Connection, now: datetime) -> str:
    """Remove what nobody needs any more: old stretches of health, runs of jobs, beats of dead workers."""
    health = conn.execute("delete from ingest_health where to_t < %s", [now - HEALTH_KEPT]).rowcount
    runs = conn.execute("delete from job_run where due_at < %s", [now - RUNS_KEPT]).rowcount
    beats = conn.execute("delete from service where beat_at < %s", [now - BEATS_KEPT]).rowcount
    return f"{health} stretches of health, {runs} runs, {beats} beats removed"


def apply_retention(conn: Connection, now: datetime, keep: Retention) -> str:
    """Drop chunks of readings and roll-ups wholly older than asked; old dead letters, conflicts and pictures.

    Age counts from `now`, but at most a day after the newest reading: a clock years ahead drops nothing young.
    """
    now = _present(conn, now)
    said = [
        _dropped(conn, "readings", "select drop_readings_before(%s)", now, keep.readings_ms),
        _dropped(conn, "hourly", "select drop_rollups_before('hourly', %s)", now, keep.hourly_ms),
        _dropped(conn, "daily", "select drop_rollups_before('daily', %s)", now, keep.daily_ms),
    ]
    letters_kept_from = now - timedelta(milliseconds=keep.dead_letters_ms)
    letters = conn.execute(OLD_LETTERS, [letters_kept_from]).rowcount
    conn.execute(OLD_CONFLICTS, [letters_kept_from])
    pictures = conn.execute(OLD_PICTURES, [now - timedelta(milliseconds=keep.pictures_ms)]).rowcount
    return ", ".join([*said, f"{pictures} pictures removed", f"{letters} dead letters removed"])


def _present(conn: Connection, now: datetime) -> datetime:
    """Return `now`, or a day after the newest reading where that is earlier."""
    row = conn.execute(NEWEST_READING).fetchone()
    newest: datetime | None = row[0] if row else None
    if newest is None or now - newest <= NEWEST_IS_PRESENT:
        return now
    log.warning("retention_counted_from_newest", newest=newest, now=now)
    return newest + NEWEST_IS_PRESENT


def _dropped(conn: Connection, what: str, statement: LiteralString, now: datetime, keep_ms: int | None) -> str:
    if keep_ms is None:
        return f"{what}: all kept"
    dropped = conn.execute(statement, [now - timedelta(milliseconds=keep_ms)]).fetchall()
    return f"{what}: {len(dropped)} chunks dropped"
