"""Recomputes derived values whose inputs changed: loads, computes, compares with what is stored, writes.

Channels come in the order in which they are made of one another, so a changed hour reaches the index of its day within
one transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from ingest.derived import tables
from ingest.derived.definitions import Definition
from ingest.derived.reach import labels, runs
from ingest.derived.values import Inputs, Value, hour_means, moments, over_hours
from ingest.spans import Span, merged
from quantrac.database.feed import Cause, NewChange
from quantrac.database.pool import Connection
from quantrac.telemetry.indices.formulas import Basis
from quantrac.telemetry.local_time import HOUR, INSTANT


def derive(
    conn: Connection, every: Sequence[Definition], spans: Sequence[Span], kept: datetime | None
) -> Iterator[NewChange]:
    """Make what the spans touch and write what differs; yield it as changes for the feed.

    Args:
        conn: inside a transaction that holds the consumer's lock.
        every: derived channels, each after those that it is made of.
        spans: what changed in their inputs.
        kept: values up to this time are left as they are; None: all are made.
    """
    touched = list(spans)
    for each in every:
        mine = merged(span for span in touched if span.channel_id in each.inputs.values())
        if mine:
            made = {time: value for time, value in _values(conn, each, mine).items() if kept is None or time > kept}
            news, amended = _differences(conn, each, made)
            tables.write(conn, each.channel_id, news | amended)
            touched += runs(each.channel_id, sorted(news | amended), each.window)
            yield from _announced(each, news, Cause.READING)
            yield from _announced(each, amended, Cause.CORRECTION)


def _values(conn: Connection, each: Definition, mine: Sequence[Span]) -> dict[datetime, Value]:
    """Return the values that can be made now; what waits for quality is made when quality has passed it."""
    make = _moments if each.formula.basis is Basis.MOMENT else _of_hours
    found = make(conn, each, mine)
    return {time: value for time, value in found.items() if value is not None}


def _moments(conn: Connection, each: Definition, mine: Sequence[Span]) -> dict[datetime, Value | None]:
    made: dict[datetime, Value | None] = {}
    windows = merged(Span(0, span.low, span.high) for span in mine)
    for inputs in _inputs(conn, each, windows):
        made |= moments(each.formula, inputs, each.options)
    return made


def _of_hours(conn: Connection, each: Definition, mine: Sequence[Span]) -> dict[datetime, Value | None]:
    reached = tables.newest(conn, each.inputs.values()).values()
    ends = [time for time in reached if time is not None]
    if len(ends) < len(each.inputs):
        return {}
    before = tables.before(conn, mine)
    wanted: set[datetime] = set()
    for span in mine:
        wanted |= labels(each.formula, span, before[span.channel_id, span.low], min(ends), each.calendar)
    clusters = runs(0, sorted(wanted), max(each.window, HOUR))
    windows = [Span(0, span.low - each.window + INSTANT, span.high) for span in clusters]
    made: dict[datetime, Value | None] = {}
    for cluster, inputs in zip(clusters, _inputs(conn, each, windows), strict=True):
        made |= _cluster(conn, each, inputs, [time for time in wanted if cluster.low <= time <= cluster.high])
    return made


def _cluster(
    conn: Connection, each: Definition, inputs: Inputs, wanted: Sequence[datetime]
) -> dict[datetime, Value | None]:
    if each.formula.basis is Basis.HOUR:
        ((name, channel_id),) = each.inputs.items()
        expected = tables.expected(conn, channel_id, wanted)
        return hour_means(inputs[name], wanted, expected, each.options, each.calendar)
    return over_hours(each.formula, inputs, wanted, each.options, each.calendar)


def _inputs(conn: Connection, each: Definition, windows: Sequence[Span]) -> Iterator[Inputs]:
    """Yield the rows of every input in each window."""
    names = list(each.inputs)
    wanted = [window._replace(channel_id=each.inputs[name]) for window in windows for name in names]
    found = tables.rows_of(conn, wanted)
    for at in range(0, len(found), len(names)):
        yield dict(zip(names, found[at : at + len(names)], strict=True))


def _differences(
    conn: Connection, each: Definition, made: Mapping[datetime, Value]
) -> tuple[dict[datetime, Value], dict[datetime, Value]]:
    """Return what is new (a time without a value before), and what stands otherwise."""
    if not made:
        return {}, {}
    standing = tables.standing(conn, each.channel_id, min(made), max(made))
    differs = {time: value for time, value in made.items() if standing.get(time) != value}
    empty = {time for time in differs if time not in standing or standing[time].value is None}
    news = {time: value for time, value in differs.items() if time in empty}
    return news, {time: value for time, value in differs.items() if time not in empty}


def _announced(each: Definition, values: Mapping[datetime, Value], cause: Cause) -> Iterator[NewChange]:
    times = sorted(values)
    for span in runs(each.channel_id, times, HOUR):
        count = sum(span.low <= time <= span.high for time in times)
        yield NewChange(each.station, each.channel_id, span.low, span.high, count, cause)
