"""The consumer `quality`: what changed is judged by the tests of one channel's history, before alarms look at it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Final

from ingest.quality import rounds
from ingest.quality.findings import findings
from ingest.quality.tables import TestedChannels
from quantrac.database.feed import MOST_CHANGES, Change, Consumer
from quantrac.database.pool import Connection

NAME: Final = rounds.BY
"""The consumer's name, known to views and to those who follow it."""
CAUSES: Final = rounds.CAUSES
JUDGING_LOCK: Final = 0x5154_0031
CHANNELS: Final = "select station, channel_id from channel where history_tests <> '{}'"


def round_of(
    conn: Connection,
    feed: Consumer,
    clock: Callable[[], datetime],
    most: int = MOST_CHANGES,
    tested: TestedChannels | None = None,
) -> list[Change]:
    """Judge what changed, add findings, move the position; return the changes taken (none: nothing to do).

    `tested` remembers the channels from round to round.
    """
    find = partial(findings, tested=tested or TestedChannels())
    return rounds.judge_changes(conn, feed, clock, most, JUDGING_LOCK, find)


def judge_everything(
    conn: Connection, clock: Callable[[], datetime], tell: Callable[[float, int], None] = lambda _share, _rows: None
) -> None:
    """Judge all readings: for a consumer that is new, or that the feed gave up."""
    rounds.judge_stored(
        conn, clock, CHANNELS, JUDGING_LOCK, lambda conn, changes: findings(conn, changes, TestedChannels()), tell
    )
