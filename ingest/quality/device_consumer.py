"""The consumer `devices`: what changed is judged by the tests of whole devices.

They look back for hours or days at all channels of a device. So they run beside the consumer `quality`, which alarms
wait for, and let changes gather.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Final

from ingest.quality import rounds
from ingest.quality.device_findings import device_findings
from ingest.quality.devices import TestedDevices
from quantrac.database.feed import MOST_CHANGES, Change, Consumer
from quantrac.database.pool import Connection

NAME: Final = "devices"
"""The consumer's name, known to views."""
CAUSES: Final = rounds.CAUSES
JUDGING_LOCK: Final = 0x5154_0032
CHANNELS: Final = "select station, channel_id from channel where device is not null and history_tests <> '{}'"


def round_of(
    conn: Connection,
    feed: Consumer,
    clock: Callable[[], datetime],
    most: int = MOST_CHANGES,
    tested: TestedDevices | None = None,
) -> list[Change]:
    """Judge what changed, add findings, move the position; return the changes taken (none: nothing to do).

    `tested` remembers the devices from round to round.
    """
    find = partial(device_findings, tested=tested or TestedDevices())
    return rounds.judge_changes(conn, feed, clock, most, JUDGING_LOCK, find)


def judge_everything(
    conn: Connection, clock: Callable[[], datetime], tell: Callable[[float, int], None] = lambda _share, _rows: None
) -> None:
    """Judge all readings: for a consumer that is new, or that the feed gave up."""
    rounds.judge_stored(
        conn, clock, CHANNELS, JUDGING_LOCK, lambda conn, changes: device_findings(conn, changes, TestedDevices()), tell
    )
