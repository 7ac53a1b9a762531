"""Is what the screen shows alive? Decided from ingest's sign of life and the newest reading, never from hope. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple

from quantrac.telemetry.slots import is_stale

BEAT_MISSED_AFTER: Final = timedelta(seconds=11)
"""Ingest beats every 5 s: two beats and a second. With a look every 2 s the screen says so within 15 s."""
Reason = Literal["", "ingest", "readings", "empty"]


class Freshness(NamedTuple):
    """Whether the network's data are live, and since when not."""

    live: bool
    reason: Reason
    """Empty when live; `ingest` = no worker is connected; `readings` = none arrive; `empty` = there never was one."""
    newest: datetime | None
    """Time of the newest reading of all."""


class IngestBeat(NamedTuple):
    """The sign of life of one ingest worker."""

    beat_at: datetime
    connected: bool


def judge(
    now: datetime, beats: list[IngestBeat], newest: datetime | None, shortest_interval: timedelta | None
) -> Freshness:
    """Return whether the data are live at `now`; `shortest_interval` is that of the fastest channel."""
    if newest is None or shortest_interval is None:
        return Freshness(False, "empty", newest)
    if not any(beat.connected and now - beat.beat_at <= BEAT_MISSED_AFTER for beat in beats):
        return Freshness(False, "ingest", newest)
    if is_stale(now, newest, shortest_interval):
        return Freshness(False, "readings", newest)
    return Freshness(True, "", newest)
