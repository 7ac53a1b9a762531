"""Records when ingest was healthy (connected, committing, backlog empty) as rows of `v_ingest_health`.

The silence of a station means nothing while ingest itself was not healthy, so the stretches must have no hole: time
that nobody wrote about was not healthy. Where the record reaches into the future the clock was ahead and has been put
right: then what was noted by it is put right too, or stations would count as heard, and the record stand still, until
that time comes.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from quantrac.database.pool import Connection
from quantrac.observe.logs import logger

HOLE: Final = timedelta(seconds=20)
"""Longer silences of ingest are stretches of their own, unhealthy ones."""
STEP: Final = timedelta(minutes=1)
"""A record that reaches further into the future was made by a clock that was ahead."""

NEWEST = "select from_t, to_t, healthy from ingest_health order by from_t desc limit 1 for update"
WRITE = """
insert into ingest_health (from_t, to_t, healthy) values (%s, %s, %s)
on conflict (from_t) do update set to_t = excluded.to_t, healthy = excluded.healthy
"""
PUT_RIGHT: Final = (
    "delete from ingest_health where from_t > %(now)s",
    "update ingest_health set to_t = %(now)s where to_t > %(now)s",
    """update ledger set last_seen_at = least(last_seen_at, %(now)s), reported_at = least(reported_at, %(now)s)
       where last_seen_at > %(now)s or reported_at > %(now)s""",
    "update station set status_at = %(now)s where status_at > %(now)s",
)

log = logger(__name__)


class HealthStretch(NamedTuple):
    """From and to (where the next one begins), and whether ingest was healthy."""

    from_t: datetime
    to_t: datetime
    healthy: bool


def continued(newest: HealthStretch | None, now: datetime, healthy: bool) -> list[HealthStretch]:
    """Return the stretches to write so that the record reaches to `now`.

    Args:
        newest: the newest stretch on record, None when there is none.
        now: the present; nothing is written when it lies before the record's end (a clock that stepped back).
        healthy: whether ingest is healthy now.
    """
    if newest is None:
        return [HealthStretch(now, now, healthy)]
    if now <= newest.to_t:
        return []
    if now - newest.to_t > HOLE:
        hole = (
            newest._replace(to_t=now) if not newest.healthy else HealthStretch(newest.to_t, now, healthy=False)
        )  # an unhealthy stretch just goes on
        return [hole, *([HealthStretch(now, now, healthy=True)] if healthy else [])]
    if healthy == newest.healthy:
        return [newest._replace(to_t=now)]
    if healthy:
        return [newest._replace(to_t=now), HealthStretch(now, now, healthy=True)]
    return [HealthStretch(newest.to_t, now, healthy=False)]  # it began after the last word


def record(conn: Connection, now: datetime, healthy: bool) -> None:
    """Carry the record on to `now`."""
    with conn.transaction():
        newest = _newest(conn)
        if newest is not None and newest.to_t - now > STEP:
            log.error("clock_was_ahead", by_s=round((newest.to_t - now).total_seconds()), do="see the machine's clock")
            for statement in PUT_RIGHT:
                conn.execute(statement, {"now": now})
            newest = _newest(conn)
        for stretch in continued(newest, now, healthy):
            conn.execute(WRITE, stretch)


def _newest(conn: Connection) -> HealthStretch | None:
    row = conn.execute(NEWEST).fetchone()
    return HealthStretch(*row) if row is not None else None
