"""A round of judging: changes in, findings and position out, in one transaction; or all that is stored, by weeks.

A finding depends on the readings alone, never on the order in which they came: what a late neighbour changes is judged
again, and a finding that no longer holds is withdrawn by a newer row (flag 1). So a repeated change adds nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final

from ingest.quality.tables import NewFlag, add
from quantrac.database.feed import Cause, Change, Consumer, NewChange, append_changes
from quantrac.database.pool import Connection

BY: Final = "quality"
"""Who finds, in `reading_flag`: not by which consumer."""
CAUSES: Final = (Cause.READING, Cause.CONFIGURATION, Cause.WITHDRAWN)

KEPT: Final = """
select range_start, range_end from timescaledb_information.chunks
where hypertable_schema = 'public' and hypertable_name = 'reading' and range_end > %s and range_start <= %s
order by range_start
"""

COUNT: Final = "select count(*) from reading where channel_id = any(%s) and time >= %s and time < %s"

Find = Callable[[Connection, Sequence[Change]], Iterable[NewFlag]]
"""What has to be added so that the findings fit the readings as they stand, for what changed."""


def judge_changes(
    conn: Connection, feed: Consumer, now: Callable[[], datetime], most: int, lock: int, find: Find
) -> list[Change]:
    """Judge what changed, add findings, move the position; return the changes taken (none: nothing to do)."""
    changes = feed.take(most)
    if changes:
        with conn.transaction():
            take_turn(conn, lock)
            found = list(find(conn, changes))
            add(conn, BY, found, now())
            feed.advance(changes[-1].id)
            append_changes(conn, announced(found))
    return changes


def judge_stored(
    conn: Connection,
    now: Callable[[], datetime],
    channels: str,
    lock: int,
    find: Find,
    tell: Callable[[float, int], None],
) -> None:
    """Judge all readings, a week in a transaction: for a consumer that is new, or that the feed gave up.

    `tell` is told which share of the weeks is done, and of how many readings the last one was.

    `channels` is the query that gives station and number of the channels that have tests.
    """
    judged = conn.execute(channels).fetchall()
    weeks = conn.execute(KEPT, ["-infinity", "infinity"]).fetchall()
    for number, (low, high) in enumerate(weeks, start=1):
        with conn.transaction():
            take_turn(conn, lock)
            at = now()
            whole = [Change(0, station, (number,), low, high, 0, Cause.READING, at) for station, number in judged]
            found = list(find(conn, whole))
            add(conn, BY, found, at)
            append_changes(conn, announced(found))
        rows = conn.execute(COUNT, [[channel_id for _, channel_id in judged], low, high]).fetchone()
        tell(number / len(weeks), rows[0] if rows else 0)


def take_turn(conn: Connection, lock: int) -> None:
    """Wait until nobody else judges by these tests: whoever reads later, reads what the other has written."""
    conn.execute("select pg_advisory_xact_lock(%s)", [lock])


def announced(found: Iterable[NewFlag]) -> Iterator[NewChange]:
    """Yield what the feed is told of new flags."""
    by_channel: dict[tuple[int, str], list[datetime]] = {}
    for finding in found:
        by_channel.setdefault((finding.channel_id, finding.station), []).append(finding.time)
    for (channel_id, station), times in sorted(by_channel.items()):
        yield NewChange(station, channel_id, min(times), max(times), len(times), Cause.FLAG)
