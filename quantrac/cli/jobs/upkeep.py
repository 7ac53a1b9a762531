"""Keeping the database small: feed, records of the services, old readings. Each returns one line on what it did."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from quantrac.database.pool import Connection
from quantrac.observe import logs

FEED_KEPT: Final = timedelta(days=7)
IDLE_AFTER: Final = timedelta(days=30)
HEALTH_KEPT: Final = timedelta(days=400)
RUNS_KEPT: Final = timedelta(days=90)
BEATS_KEPT: Final = timedelta(days=1)

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
        log.error("consumer unregistered: it has not moved for 30 days and must rebuild", consumer=name)
    removed = conn.execute(PRUNE, [now - FEED_KEPT]).rowcount
    return f"{removed} changes removed" + (f", unregistered {', '.join(idle)}" if idle else "")


def prune_records(conn: Connection, now: datetime) -> str:
    """Remove what nobody needs any more: old stretches of health, runs of jobs, beats of dead workers."""
    health = conn.execute("delete from ingest_health where to_t < %s", [now - HEALTH_KEPT]).rowcount
    runs = conn.execute("delete from job_run where due_at < %s", [now - RUNS_KEPT]).rowcount
    beats = conn.execute("delete from service where beat_at < %s", [now - BEATS_KEPT]).rowcount
    return f"{health} stretches of health, {runs} runs, {beats} beats removed"


def drop_old_readings(conn: Connection, now: datetime, keep: timedelta | None) -> str:
    """Drop the chunks of readings that are wholly older than `keep`; None keeps everything."""
    if keep is None:
        return "every reading is kept (network.yaml names no retention)"
    dropped = conn.execute("select drop_readings_before(%s)", [now - keep]).fetchall()
    return f"{len(dropped)} chunks dropped"
