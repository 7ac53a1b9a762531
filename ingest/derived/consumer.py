"""A round of the consumer `derived`: changes in; values, position and their changes out, in one transaction.

It follows `quality`: what is made of a reading is made when the reading has been judged, so a spike that a test fails
raises no alarm by way of a derived channel. New values go to the feed as readings, other ones in the place of values
that stood there as corrections; values whose inputs were taken back go. All on the derived channel, which is no input
of this consumer unless another channel is made of it, and those are made in the same round.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from ingest.derived import tables
from ingest.derived.definitions import Layers, definitions, mark_made, settings, with_dependants
from ingest.derived.derivation import derive
from ingest.derived.reach import stretches
from ingest.rollups.buckets import affordable
from ingest.rollups.consumer import ROLLUP_LOCK
from ingest.spans import Span
from quantrac.database.feed import MOST_CHANGES, Cause, Change, Consumer, NewChange, append_changes
from quantrac.database.pool import Connection

NAME: Final = "derived"
AFTER: Final = "quality"
CAUSES: Final = tuple(Cause)
CHANNEL_TIME_A_ROUND: Final = timedelta(days=2_000)
BESIDE_A_CHANGE: Final = timedelta(minutes=5)
"""Most changes of a live network are neighbours, and cost little beside one another."""
WRITE_LOCK: Final = 0x5154_0016

KEPT: Final = """
select range_start, range_end from timescaledb_information.chunks
where hypertable_schema = 'public' and hypertable_name = 'reading' order by range_start
"""


class DerivedRounds:
    """Runs the consumer's rounds; reads the definitions again only after `stations apply`."""

    def __init__(self) -> None:
        self._feed: Consumer | None = None
        """The consumer that has been told of all that was applied since `_every` was read."""
        self._settings: tuple[float, str] | None = None
        self._every: Layers = ()
        self._inputs: frozenset[int] = frozenset()

    def round_of(self, conn: Connection, feed: Consumer, most: int = MOST_CHANGES) -> list[Change]:
        """Make what changed, move the position; return the changes taken (none: nothing to do).

        First all values of channels that are made otherwise than they were: the network was applied again.
        """
        changes = affordable(feed.take(most), CHANNEL_TIME_A_ROUND, BESIDE_A_CHANGE)
        applied = any(change.cause is Cause.CONFIGURATION for change in changes)
        if applied or feed is not self._feed or settings(conn) != self._settings:
            self._read(conn)
            self._feed = feed
        if changes:
            spans = [
                Span(channel_id, change.from_t, change.to_t)
                for change in changes
                for channel_id in self._inputs.intersection(change.channels)
            ]
            withdrawn = {
                Span(channel_id, change.from_t, change.to_t)
                for change in changes if change.cause is Cause.WITHDRAWN
                for channel_id in self._inputs.intersection(change.channels)
            }  # fmt: skip
            with conn.transaction():
                news = list(_derived(conn, self._every, spans, withdrawn))
                feed.advance(changes[-1].id)
                append_changes(conn, news)
        return changes

    def _read(self, conn: Connection) -> None:
        self._feed, self._settings = None, settings(conn)
        self._every = _in_force(conn)
        self._inputs = frozenset(_sent(self._every))


def make_everything(conn: Connection, tell: Callable[[float, int], None] = lambda _share, _rows: None) -> None:
    """Make all derived values: for a consumer that is new, or that the feed gave up."""
    _in_force(conn)
    weeks = len(conn.execute(KEPT).fetchall())
    for number, (_, values) in enumerate(rebuild(conn), start=1):
        tell(number / max(weeks, number), values)


def rebuild(
    conn: Connection, low: datetime | None = None, high: datetime | None = None
) -> Iterator[tuple[datetime, int]]:
    """Recompute what is derived from readings low <= t <= high, a week in a transaction, oldest first.

    Yields each week's beginning and how many values differed. May run beside the consumer, be stopped and repeated.
    """
    yield from _weeks(conn, definitions(conn), low, high)


def _in_force(conn: Connection) -> Layers:
    """Return what is derived, after recomputing what is made otherwise than it was."""
    every = definitions(conn)
    if changed := [each.channel_id for layer in every for each in layer if not each.is_made]:
        _recompute(conn, with_dependants(changed, every))
    return every


def _recompute(conn: Connection, chosen: Layers) -> None:
    """Forget the values of channels whose definition changed, and make them all; interrupted, it begins again."""
    with conn.transaction():
        conn.execute("select pg_advisory_xact_lock(%s), pg_advisory_xact_lock(%s)", [WRITE_LOCK, ROLLUP_LOCK])
        tables.forget(conn, [each.channel_id for layer in chosen for each in layer], tables.kept_since(conn))
    for _ in _weeks(conn, chosen, None, None):
        pass
    mark_made(conn, chosen)


def _weeks(
    conn: Connection, chosen: Layers, low: datetime | None, high: datetime | None
) -> Iterator[tuple[datetime, int]]:
    """Make the chosen channels in every week; to the feed all of it is correction: it is no news to people."""
    inputs = sorted(_sent(chosen))
    for start, end in conn.execute(KEPT).fetchall():
        first, last = max(start, low or start), min(end, high or end)
        if first > last:
            continue
        with conn.transaction():
            news = list(_derived(conn, chosen, [Span(channel_id, first, last) for channel_id in inputs]))
            append_changes(conn, [each._replace(cause=Cause.CORRECTION) for each in news])
        yield first, sum(each.rows for each in news)


def _sent(every: Layers) -> set[int]:
    """Return the inputs that are not themselves made here."""
    found = {channel_id for layer in every for each in layer for channel_id in each.inputs.values()}
    return found - {each.channel_id for layer in every for each in layer}


def _derived(
    conn: Connection, every: Layers, spans: Sequence[Span], withdrawn: Collection[Span] = ()
) -> Iterator[NewChange]:
    """Of two that make one value the later one sees all that the earlier one saw: the lock is held to the end."""
    if not spans:
        return
    conn.execute("select pg_advisory_xact_lock(%s)", [WRITE_LOCK])
    kept = tables.kept_since(conn)
    for some in stretches(spans):
        yield from derive(conn, every, some, kept, [each for each in some if _lies_in(each, withdrawn)])


def _lies_in(part: Span, spans: Collection[Span]) -> bool:
    return any(part.channel_id == each.channel_id and each.low <= part.low and part.high <= each.high for each in spans)
