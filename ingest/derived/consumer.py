"""A round of the consumer `derived`: changes in; values, position and their changes out, in one transaction.

It follows `quality`: what is made of a reading is made when the reading has been judged, so a spike that a test fails
raises no alarm by way of a derived channel. New values go to the feed as readings, other ones in the place of values
that stood there as corrections; both on the derived channel, which is no input of this consumer unless another channel
is made of it, and those are made in the same round.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from ingest.derived import tables
from ingest.derived.definitions import Definition, definitions, mark_made, with_dependants
from ingest.derived.derivation import derive
from ingest.derived.reach import stretches
from ingest.rollups.buckets import affordable
from ingest.rollups.consumer import ROLLUP_LOCK
from ingest.spans import Span, merged
from quantrac.database.feed import MOST_CHANGES, Cause, Change, Consumer, NewChange, append_changes
from quantrac.database.pool import Connection

NAME: Final = "derived"
AFTER: Final = "quality"
CAUSES: Final = (Cause.READING, Cause.FLAG, Cause.CORRECTION)
CHANNEL_TIME_A_ROUND: Final = timedelta(days=2_000)
WRITE_LOCK: Final = 0x5154_0016

KEPT: Final = """
select range_start, range_end from timescaledb_information.chunks
where hypertable_schema = 'public' and hypertable_name = 'reading' order by range_start
"""


def round_of(conn: Connection, feed: Consumer, most: int = MOST_CHANGES) -> list[Change]:
    """Make what changed, move the position; return the changes taken (none: nothing to do).

    First all values of channels that are made otherwise than they were: the network was applied again.
    """
    every = definitions(conn)
    if changed := [each.channel_id for each in every if not each.is_made]:
        _recompute(conn, with_dependants(changed, every))
    changes = affordable(feed.take(most), CHANNEL_TIME_A_ROUND)
    if changes:
        inputs = {channel_id for each in every for channel_id in each.inputs.values()}
        derived = {each.channel_id for each in every}
        spans = merged(
            Span(channel_id, change.from_t, change.to_t)
            for change in changes
            for channel_id in change.channels
            if channel_id in inputs and channel_id not in derived
        )
        with conn.transaction():
            news = list(_derived(conn, every, spans))
            feed.advance(changes[-1].id)
            append_changes(conn, news)
    return changes


def make_everything(conn: Connection) -> None:
    """Make all derived values: what a consumer does that the feed does not know (any more)."""
    every = definitions(conn)
    if changed := [each.channel_id for each in every if not each.is_made]:
        _recompute(conn, with_dependants(changed, every))
    for _ in rebuild(conn):
        pass


def rebuild(
    conn: Connection, low: datetime | None = None, high: datetime | None = None
) -> Iterator[tuple[datetime, int]]:
    """Recompute what is derived from readings low <= t <= high, a week in a transaction, oldest first.

    Yields each week's beginning and how many values differed. May run beside the consumer, be stopped and repeated.
    """
    yield from _weeks(conn, definitions(conn), low, high)


def _recompute(conn: Connection, chosen: Sequence[Definition]) -> None:
    """Forget the values of channels whose definition changed, and make them all; interrupted, it begins again."""
    with conn.transaction():
        conn.execute("select pg_advisory_xact_lock(%s), pg_advisory_xact_lock(%s)", [WRITE_LOCK, ROLLUP_LOCK])
        tables.forget(conn, [each.channel_id for each in chosen], tables.kept_since(conn))
    for _ in _weeks(conn, chosen, None, None):
        pass
    mark_made(conn, chosen)


def _weeks(
    conn: Connection, chosen: Sequence[Definition], low: datetime | None, high: datetime | None
) -> Iterator[tuple[datetime, int]]:
    """Make the chosen channels in every week; to the feed all of it is correction: it is no news to people."""
    made = {each.channel_id for each in chosen}
    inputs = {channel_id for each in chosen for channel_id in each.inputs.values()} - made
    for start, end in conn.execute(KEPT).fetchall():
        first, last = max(start, low or start), min(end, high or end)
        if first > last:
            continue
        with conn.transaction():
            news = list(_derived(conn, chosen, [Span(channel_id, first, last) for channel_id in sorted(inputs)]))
            append_changes(conn, [each._replace(cause=Cause.CORRECTION) for each in news])
        yield first, sum(each.rows for each in news)


def _derived(conn: Connection, every: Sequence[Definition], spans: Sequence[Span]) -> Iterator[NewChange]:
    """Of two that make one value the later one sees all that the earlier one saw: the lock is held to the end."""
    if not spans:
        return
    conn.execute("select pg_advisory_xact_lock(%s)", [WRITE_LOCK])
    kept = tables.kept_since(conn)
    for some in stretches(spans):
        yield from derive(conn, every, some, kept)
