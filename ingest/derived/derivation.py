"""Recomputes derived values whose inputs changed: loads, computes, compares with what is stored, writes.

All channels of a layer are made at once; layers come in the order in which they are made of one another, so a changed
hour reaches the index of its day within one transaction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final, NamedTuple

from ingest.derived import tables
from ingest.derived.definitions import Definition, Layers
from ingest.derived.reach import labels, runs
from ingest.derived.tables import Key
from ingest.derived.values import Inputs, Value, hour_means, moments, over_hours
from ingest.spans import Span, merged
from quantrac.database.feed import Cause, NewChange
from quantrac.database.pool import Connection
from quantrac.telemetry.indices.formulas import Basis
from quantrac.telemetry.local_time import HOUR, INSTANT

MOST_ROWS: Final = 50_000
"""So many rows of inputs, expected by their intervals, are held in memory at once, or one window's."""
FAR: Final = timedelta(days=400)
"""Later than any value that a reading has a part in."""


class _Window(NamedTuple):
    """Values of one channel that are made of one stretch of its inputs, low <= t <= high."""

    channel: Definition
    low: datetime
    high: datetime
    labels: Sequence[datetime] = ()
    """The times of the values; with basis `moment` all those of the stretch."""

    @property
    def rows(self) -> float:
        """How many rows its inputs are expected to have."""
        return len(self.channel.inputs) * ((self.high - self.low) / self.channel.interval + 1)


def derive(
    conn: Connection, every: Layers, spans: Iterable[Span], kept: datetime | None, withdrawn: Iterable[Span] = ()
) -> Iterator[NewChange]:
    """Make what the spans touch and write what differs; yield it as changes for the feed.

    Args:
        conn: inside a transaction that holds the consumer's lock.
        every: derived channels.
        spans: what changed in their inputs.
        kept: values up to this time are left as they are; None: all are made.
        withdrawn: those of the spans in which readings were taken back: values that nothing is left of go with them.
    """
    changed, taken = _by_input(spans), _by_input(withdrawn)
    for layer in every:
        channels = {each.channel_id: each for each in layer}
        stay: set[Key] = set()
        for some in _in_blocks(_windows(conn, layer, changed)):
            found = {key: value for key, value in _values(conn, some) if kept is None or key[1] > kept}
            stay |= found.keys() if taken else set()
            made = {key: value for key, value in found.items() if value is not None}
            news, amended = _differences(made, tables.standing(conn, made))
            tables.write(conn, news | amended)
            for channel_id, times in _by_channel(news | amended):
                changed[channel_id] += runs(channel_id, times, channels[channel_id].window)
            yield from _announced(channels, news, Cause.READING)
            yield from _announced(channels, amended, Cause.CORRECTION)
        gone = tables.keys_in(conn, _reached(layer, taken), kept) - stay if taken else set()
        tables.delete(conn, gone)
        for channel_id, times in _by_channel(gone):
            for spans_of in (changed, taken):
                spans_of[channel_id] += runs(channel_id, times, channels[channel_id].window)
        yield from _announced(channels, gone, Cause.WITHDRAWN)


def _by_input(spans: Iterable[Span]) -> defaultdict[int, list[Span]]:
    found: defaultdict[int, list[Span]] = defaultdict(list)
    for span in spans:
        found[span.channel_id].append(span)
    return found


def _reached(layer: Sequence[Definition], taken: Mapping[int, Sequence[Span]]) -> list[Span]:
    """Return where values of these channels may stand that were made of what was taken back."""
    found = []
    for each in layer:
        for span in [span for channel_id in each.inputs.values() for span in taken.get(channel_id, ())]:
            if each.formula.basis is Basis.MOMENT:
                found.append(Span(each.channel_id, span.low, span.high))
            else:
                touched = labels(each.formula, span, None, span.high + FAR, each.calendar)
                found.append(Span(each.channel_id, min(touched), max(touched)))
    return found


def _windows(conn: Connection, layer: Sequence[Definition], changed: Mapping[int, Sequence[Span]]) -> list[_Window]:
    """Return the values of these channels to compute, by stretches of their inputs."""
    windows: list[_Window] = []
    of_hours: list[tuple[Definition, list[Span]]] = []
    for each in layer:
        mine = [span for channel_id in each.inputs.values() for span in changed.get(channel_id, ())]
        if each.formula.basis is Basis.MOMENT:
            shared = merged({Span(0, span.low, span.high) for span in mine}, each.interval)
            windows += [_Window(each, span.low, span.high) for span in shared]
        elif mine:
            of_hours.append((each, merged(mine, each.interval)))
    return windows + _windows_of_hours(conn, of_hours)


def _windows_of_hours(conn: Connection, some: Sequence[tuple[Definition, list[Span]]]) -> list[_Window]:
    """Return the hours and days that these changes of the inputs touch, and that are over."""
    if not some:
        return []
    newest = tables.newest(conn, {channel_id for each, _ in some for channel_id in each.inputs.values()})
    before = tables.before(conn, sorted({span for _, mine in some for span in mine}))
    windows: list[_Window] = []
    for each, mine in some:
        ends = [time for channel_id in each.inputs.values() if (time := newest[channel_id]) is not None]
        if len(ends) < len(each.inputs):
            continue
        wanted: set[datetime] = set()
        for span in mine:
            wanted |= labels(each.formula, span, before[span.channel_id, span.low], min(ends), each.calendar)
        for run in runs(0, sorted(wanted), max(each.window, HOUR)):
            own = [time for time in wanted if run.low <= time <= run.high]
            windows.append(_Window(each, run.low - each.window + INSTANT, run.high, own))
    return windows


def _in_blocks(windows: Sequence[_Window]) -> Iterator[Sequence[_Window]]:
    start, rows = 0, 0.0
    for at, window in enumerate(windows):
        rows += window.rows
        if at > start and rows > MOST_ROWS:
            yield windows[start:at]
            start, rows = at, window.rows
    if start < len(windows):
        yield windows[start:]


def _values(conn: Connection, windows: Sequence[_Window]) -> Iterator[tuple[Key, Value | None]]:
    """Yield the values that can be made now; None for what waits for quality: it is made when quality has passed it."""
    hours = [
        (channel_id, label)
        for window in windows if window.channel.formula.basis is Basis.HOUR
        for channel_id in window.channel.inputs.values() for label in window.labels
    ]  # fmt: skip
    expected = tables.expected(conn, hours)
    for window, inputs in zip(windows, _inputs(conn, windows), strict=True):
        for time, value in _of_window(window, inputs, expected).items():
            yield (window.channel.channel_id, time), value


def _of_window(window: _Window, inputs: Inputs, expected: Mapping[Key, int]) -> dict[datetime, Value | None]:
    each = window.channel
    if each.formula.basis is Basis.MOMENT:
        return moments(each.formula, inputs, each.options)
    if each.formula.basis is Basis.HOUR:
        ((name, channel_id),) = each.inputs.items()
        of_hour = {label: expected[channel_id, label] for label in window.labels}
        return hour_means(inputs[name], window.labels, of_hour, each.options, each.calendar)
    return over_hours(each.formula, inputs, window.labels, each.options, each.calendar)


def _inputs(conn: Connection, windows: Sequence[_Window]) -> Iterator[Inputs]:
    """Yield the rows of every input in each window."""
    wanted = [
        Span(channel_id, window.low, window.high) for window in windows for channel_id in window.channel.inputs.values()
    ]
    rows = iter(tables.rows_of(conn, wanted))
    for window in windows:
        yield {name: next(rows) for name in window.channel.inputs}


def _differences(made: Mapping[Key, Value], standing: Mapping[Key, Value]) -> tuple[dict[Key, Value], dict[Key, Value]]:
    """Return what is new (a time without a value before), and what stands otherwise."""
    differs = {key: value for key, value in made.items() if standing.get(key) != value}
    empty = {key for key in differs if key not in standing or standing[key].value is None}
    news = {key: value for key, value in differs.items() if key in empty}
    return news, {key: value for key, value in differs.items() if key not in empty}


def _announced(channels: Mapping[int, Definition], keys: Iterable[Key], cause: Cause) -> Iterator[NewChange]:
    for channel_id, times in _by_channel(keys):
        for span in runs(channel_id, times, HOUR):
            count = sum(span.low <= time <= span.high for time in times)
            yield NewChange(channels[channel_id].station, channel_id, span.low, span.high, count, cause)


def _by_channel(keys: Iterable[Key]) -> Iterator[tuple[int, list[datetime]]]:
    for channel_id, found in groupby(sorted(keys), lambda key: key[0]):
        yield channel_id, [time for _, time in found]
