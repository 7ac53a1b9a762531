"""The consumer `neighbours`: hours that changed are held against those of the nearest stations.

It follows `rollups`, whose hours it reads, and lets changes gather: an hour is judged once three quarters of it are
there, so nothing waits for it. Where no station has two neighbours it only moves its position.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Final

from ingest.quality import rounds
from ingest.quality.neighbour_findings import neighbour_findings
from ingest.quality.neighbourhood import Neighbourhood
from quantrac.database.feed import MOST_CHANGES, Cause, Change, Consumer, FeedError, is_registered
from quantrac.database.pool import Connection

NAME: Final = "neighbours"
"""The consumer's name, known to views."""
AFTER: Final = "rollups"
CAUSES: Final = (Cause.READING, Cause.FLAG, Cause.CORRECTION, Cause.CONFIGURATION, Cause.WITHDRAWN)
JUDGING_LOCK: Final = 0x5154_0033
CHANNELS: Final = (
    "select station, channel_id from channel where device is not null and 'neighbours' = any(history_tests)"
)


def round_of(
    conn: Connection, feed: Consumer, clock: Callable[[], datetime], known: Neighbourhood, most: int = MOST_CHANGES
) -> list[Change]:
    """Judge what changed, add findings, move the position; return the changes taken (none: nothing to do)."""
    return rounds.judge_changes(conn, feed, clock, most, JUDGING_LOCK, partial(neighbour_findings, known=known))


def judge_everything(
    conn: Connection, clock: Callable[[], datetime], tell: Callable[[float, int], None] = lambda _share, _rows: None
) -> None:
    """Judge all hours: for a consumer that is new, or that the feed gave up.

    Raises FeedError while the hours themselves are being made.
    """
    if not is_registered(conn, AFTER) and conn.execute("select from reading limit 1").fetchone() is not None:
        raise FeedError("the roll-ups are being made, of which neighbours are judged: it begins when they are there")
    find = partial(neighbour_findings, known=Neighbourhood(), only_own=True)
    rounds.judge_stored(conn, clock, CHANNELS, JUDGING_LOCK, find, tell)
