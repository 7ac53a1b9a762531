"""What neighbouring stations say of the hours that changed, held against the flags that stand.

The hours are those of the roll-ups: what a person or a test rejects, and what was corrected, is taken as these say.
A change of an hour has all hours judged again that look back at it, of the channel and of all that it is a neighbour
of; so it does not matter in which order stations are heard.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

import numpy as np

from ingest.quality.neighbourhood import Neighbourhood, Neighbours
from ingest.quality.station_hours import BLOCK_H, HourClock, HourSpan
from ingest.quality.tables import NewFlag
from quantrac.database.feed import Cause, Change
from quantrac.database.pool import Connection
from quantrac.quality.finding_words import filled
from quantrac.quality.neighbours import FOUND, REACH_H, TEST, WITHDRAWN, HoursOfStations, HourVerdicts, Places, judge
from quantrac.quality.series import Floats
from quantrac.telemetry.quality import Quality
from quantrac.telemetry.states import State

MOST_CHANNELS: Final = 200
"""So many are judged at once."""
NEWEST: Final = "select h.time from hourly h order by h.time desc limit 1"
STANDING: Final = """
select distinct on (f.channel_id, f.time) f.channel_id, f.time, f.flag from reading_flag f
where f.channel_id = any(%(channels)s::int4[]) and f.time > %(low)s and f.time <= %(high)s and f.test = %(test)s
order by f.channel_id, f.time, f.flag_id desc
"""
READINGS: Final = """
select r.time from reading r
where r.channel_id = %s and r.time > %s and r.time <= %s and r.value is not null and r.state <= %s order by r.time
"""

Spans = Mapping[int, HourSpan]
"""Hours by channel."""


def neighbour_findings(
    conn: Connection, changes: Sequence[Change], known: Neighbourhood, *, only_own: bool = False
) -> Iterator[NewFlag]:
    """Return what has to be added so that the findings fit the hours as they stand now.

    `only_own`: the hours of the changes alone, as when all stations are judged in turn.
    """
    known.refresh(conn, changes)
    if not known.judged:
        return
    clock = HourClock.of(conn)
    spans = _own(changes, known, clock) if only_own else _touched(conn, changes, known, clock)
    newest = conn.execute(NEWEST).fetchone() if spans else None
    if newest is not None:
        for block, some in _blocks(spans, clock.begun(newest[0])):
            yield from _findings(conn, block, some, known, clock)


def _own(changes: Iterable[Change], known: Neighbourhood, clock: HourClock) -> Spans:
    return _united(
        (number, HourSpan(clock.hour(change.from_t), clock.hour(change.to_t)))
        for change in changes for number in change.channels if number in known.judged
    )  # fmt: skip


def _touched(conn: Connection, changes: Iterable[Change], known: Neighbourhood, clock: HourClock) -> Spans:
    """Return the hours whose verdict may be another; one that new readings have not made whole yet alters none."""
    read: list[tuple[int, HourSpan]] = []
    others: list[tuple[int, HourSpan]] = []
    for change in changes:
        span = HourSpan(clock.hour(change.from_t), clock.hour(change.to_t))
        of_cause = read if change.cause is Cause.READING else others
        of_cause += [(number, span) for number in change.channels if known.judged_by(number)]
    changed = [*_united(read).items(), *_united(others).items()]
    is_whole = known.hours.changed(conn, changed, clock)
    brought = len(_united(read))
    return _united(
        (judged, HourSpan(span.low, span.high + REACH_H))
        for at, (number, span) in enumerate(changed) if is_whole[at] or at >= brought
        for judged in known.judged_by(number)
    )  # fmt: skip


def _united(spans: Iterable[tuple[int, HourSpan]]) -> dict[int, HourSpan]:
    """Return from the first to the last hour of each channel."""
    found: dict[int, HourSpan] = {}
    for number, span in spans:
        had = found.get(number, span)
        found[number] = HourSpan(min(had.low, span.low), max(had.high, span.high))
    return found


def _blocks(spans: Spans, newest: int) -> Iterator[tuple[int, Spans]]:
    """Yield the hours up to the newest one in pieces that are judged at once, with the number of their block."""
    blocks: defaultdict[int, list[tuple[int, HourSpan]]] = defaultdict(list)
    for number, (low, high) in sorted(spans.items()):
        for block in range(low // BLOCK_H, min(high, newest) // BLOCK_H + 1):
            span = HourSpan(max(low, block * BLOCK_H), min(high, newest, (block + 1) * BLOCK_H - 1))
            if span.low <= span.high:
                blocks[block].append((number, span))
    for block, every in sorted(blocks.items()):
        for start in range(0, len(every), MOST_CHANNELS):
            yield block, dict(every[start : start + MOST_CHANNELS])


def _findings(conn: Connection, block: int, spans: Spans, known: Neighbourhood, clock: HourClock) -> Iterator[NewFlag]:
    """Yield where the verdicts on these hours differ from the flags that stand."""
    sources = {each for number in spans for each in known.judged[number].sources(number)}
    means = known.hours.of(conn, sources, block, clock)
    standing = _standing(conn, spans, clock)
    for number, span in spans.items():
        own = known.judged[number]
        hours = np.arange(span.low, span.high + 1)
        found = _verdicts(own, number, means, hours - block * BLOCK_H + REACH_H)
        stands = standing.get(number, {})
        for at in np.flatnonzero((found.flag >= Quality.SUSPECT) & (found.score >= own.score)).tolist():
            hour = int(hours[at])
            figures = {"off": float(found.off[at]), "stations": float(found.stations[at])}
            asked = [number, clock.begins(hour), clock.begins(hour + 1), int(State.SUSPECT)]
            for (time,) in conn.execute(READINGS, asked).fetchall():
                if stands.pop(time, Quality.GOOD) != Quality.SUSPECT:
                    said = float(found.score[at]), filled(FOUND, figures)
                    yield NewFlag(own.station, TEST, number, time, Quality.SUSPECT, *said)
        for time, had in sorted(stands.items()):
            if had != Quality.GOOD:
                yield NewFlag(own.station, TEST, number, time, Quality.GOOD, None, WITHDRAWN)


def _verdicts(own: Neighbours, number: int, means: Mapping[int, Floats], at: Places) -> HourVerdicts:
    def hours(channels: Sequence[int]) -> HoursOfStations:
        return HoursOfStations(means[channels[0]], np.array([means[each] for each in channels[1:]]))

    of_companion = hours(own.companion) if own.companion else None
    return judge(own.parameter, hours([number, *own.others]), at, of_companion)


def _standing(conn: Connection, spans: Spans, clock: HourClock) -> dict[int, dict[datetime, int]]:
    """Return by channel the flags that stand in its hours, by time."""
    low, high = min(span.low for span in spans.values()), max(span.high for span in spans.values())
    asked = {"channels": list(spans), "low": clock.begins(low), "high": clock.begins(high + 1), "test": TEST}
    found: dict[int, dict[datetime, int]] = {}
    for number, time, flag in conn.execute(STANDING, asked):
        if spans[number].low <= clock.hour(time) <= spans[number].high:
            found.setdefault(number, {})[time] = flag
    return found
