"""Figures of the alarm system from alarms on record, after ISA-18.2 (part 16) and IEC 62682 (part 16).

All figures are by operator position. Averages hide floods, so counts are given for each ten minutes that had any alarm.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Final, NamedTuple

from quantrac.database.pool import Connection

TEN_MINUTES: Final = timedelta(minutes=10)
FLOOD: Final = 10
"""More alarms than this in ten minutes, to one operator, are a flood (ISA-18.2, 16.5.3)."""
CHATTERING: Final = 3
"""Rises of one alarm within a minute (ISA-18.2, 16.5.5)."""
STALE: Final = timedelta(hours=24)
"""An alarm that stands so long without returning to normal is stale (ISA-18.2, 16.5.6)."""
TOP: Final = 10

PERIOD: Final = """
select rule, coalesce(channel, station, 'centre'), severity, raised_at, cleared_at, acknowledged_at, false_at
from v_alarm where not late and raised_at < %(until)s and coalesce(cleared_at, 'infinity') >= %(since)s
order by raised_at, alarm_id
"""


@dataclass(frozen=True, slots=True)
class AlarmTimes:
    """When one alarm rose, was acknowledged and was over."""

    rule: str
    place: str
    """Channel, station, or `centre`."""
    severity: str
    raised_at: datetime
    cleared_at: datetime | None
    acknowledged_at: datetime | None
    false_at: datetime | None


RAISED: Final = """
select rule, station, count(*), count(false_at) from alarm where raised_at > %s and station is not null group by 1, 2
"""


class RaisedCount(NamedTuple):
    """How often a rule raised an alarm at a station."""

    alarms: int
    false: int
    """Marked as false by a person."""


def raised_counts(conn: Connection, since: datetime) -> dict[tuple[str, str], RaisedCount]:
    """Return how often rules have raised alarms since a time, by rule and station."""
    return {(rule, station): RaisedCount(*counts) for rule, station, *counts in conn.execute(RAISED, [since])}


@dataclass(frozen=True, slots=True)
class Frequent:
    """An alarm that rises often."""

    rule: str
    place: str
    alarms: int
    share: float
    """Of all alarms of the period, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Performance:
    """Figures of one period; times in seconds, shares 0 to 1; None where there is nothing to count."""

    alarms: int
    operators: int
    per_ten_minutes: float
    """Mean by operator."""
    peak: int
    """Most alarms in ten minutes, by all operators together."""
    flood_share: float
    """Of the time, in ten-minute intervals with more than 10 alarms an operator."""
    by_severity: dict[str, float]
    top: tuple[Frequent, ...]
    chattering: tuple[str, ...]
    stale: int
    standing: int
    acknowledged_share: float | None
    acknowledge_s_median: float | None
    acknowledge_s_p90: float | None
    false_share: float | None


def measure(lives: Sequence[AlarmTimes], since: datetime, until: datetime, operators: int = 1) -> Performance:
    """Return the figures of a period. `lives`: alarms that rose or stood in it. Pure."""
    risen = [life for life in lives if since <= life.raised_at < until]
    spans = Counter((life.raised_at - since) // TEN_MINUTES for life in risen)
    all_spans = max(1, -((since - until) // TEN_MINUTES))
    waits = sorted((a.acknowledged_at - a.raised_at).total_seconds() for a in risen if a.acknowledged_at is not None)
    return Performance(
        alarms=len(risen),
        operators=operators,
        per_ten_minutes=len(risen) / all_spans / operators,
        peak=max(spans.values(), default=0),
        flood_share=sum(count > FLOOD * operators for count in spans.values()) / all_spans,
        by_severity={word: count / len(risen) for word, count in Counter(a.severity for a in risen).items()},
        top=_top(risen),
        chattering=_chattering(risen),
        stale=sum(min(life.cleared_at or until, until) - life.raised_at > STALE for life in lives),
        standing=sum(life.cleared_at is None or life.cleared_at >= until for life in lives),
        acknowledged_share=len(waits) / len(risen) if risen else None,
        acknowledge_s_median=median(waits) if waits else None,
        acknowledge_s_p90=waits[min(len(waits) - 1, int(0.9 * len(waits)))] if waits else None,
        false_share=sum(life.false_at is not None for life in risen) / len(risen) if risen else None,
    )


def read_times(conn: Connection, since: datetime, until: datetime) -> list[AlarmTimes]:
    """Return the alarms that rose or stood in a period; those of late readings were never presented to anybody."""
    return [AlarmTimes(*row) for row in conn.execute(PERIOD, {"since": since, "until": until})]


def _top(risen: Sequence[AlarmTimes]) -> tuple[Frequent, ...]:
    counts = Counter((life.rule, life.place) for life in risen).most_common(TOP)
    return tuple(Frequent(rule, place, count, count / len(risen)) for (rule, place), count in counts)


def _chattering(risen: Sequence[AlarmTimes]) -> tuple[str, ...]:
    """Return the alarms that rose three times within a minute, as `rule place`."""
    times: dict[str, list[datetime]] = {}
    for life in risen:
        times.setdefault(f"{life.rule} {life.place}", []).append(life.raised_at)
    minute = timedelta(minutes=1)
    return tuple(
        name
        for name, rises in times.items()
        if any(last - first <= minute for first, last in zip(rises, rises[CHATTERING - 1 :], strict=False))
    )
