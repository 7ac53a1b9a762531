"""Decides how a batch is stored, and what follows from what was there already. Pure.

New messages go straight into the hypertable. Messages whose seq has arrived before, and what repeats a seq or a key
within the batch, go by the staging table.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ingest.books.arrivals import Arrivals, Mask, moment
from ingest.receiving.batch import Batch

CHANGE_GAP_US: Final = 3_600_000_000
"""Readings further apart are changes of their own: consumers look at all that lies within one, µs."""


@dataclass(slots=True)
class Rows:
    """Readings fit to store, sorted by (channel, time, arrival)."""

    ordinal: npt.NDArray[np.intp]
    """Place in order of arrival: index into the batch's readings."""
    message: npt.NDArray[np.int32]
    channel_id: npt.NDArray[np.int32]
    time_us: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    state: npt.NDArray[np.int16]
    tests: npt.NDArray[np.int16]
    received_us: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ordinal)

    def pick(self, chosen: Mask | npt.NDArray[np.intp]) -> Rows:
        """Return some of the rows."""
        return Rows(*(getattr(self, each.name)[chosen] for each in fields(self)))

    def columns(self) -> list[npt.NDArray[Any]]:
        """Return the columns of the tables `reading` and `latest`."""
        return [self.channel_id, self.time_us, self.value, self.state, self.tests, self.received_us]


class NewEvent(NamedTuple):
    """A station's event, and the message that brought it."""

    message: int
    row: tuple[Any, ...]
    """As EVENTS of the transaction takes it."""


@dataclass(slots=True)
class Plan:
    """Where the readings and events of a batch go."""

    again: Mask
    """Messages whose seq has arrived before."""
    slow: Mask
    """Messages that go by the staging table."""
    fresh: Rows
    staged: Rows
    events: list[NewEvent]


class Addition(NamedTuple):
    """Readings of one channel that were added, between two times, both inclusive, microseconds since 1970."""

    channel_id: int
    low_us: int
    high_us: int
    rows: int


@dataclass(slots=True)
class Merged:
    """What became of the staged readings."""

    new_messages: set[int] = field(default_factory=set)
    """Messages of which at least one reading was added."""
    conflict_messages: set[int] = field(default_factory=set)
    """Messages of which at least one reading is kept as a conflict."""
    added: list[Addition] = field(default_factory=list)
    newest: list[tuple[Any, ...]] = field(default_factory=list)
    """Newest added reading of each channel, as `Rows.columns`; None where there is no value."""


def plan(batch: Batch, known: Mask, *, cautious: bool) -> Plan:
    """Decide where readings go; `known` are the messages that have arrived before, `cautious` sends all by staging."""
    rows = _sorted_rows(batch)
    again = known | _repeats_seq(batch)
    slow = again | _repeats_key(rows, len(known)) | cautious
    staged = slow[rows.message]
    fresh = rows if not staged.any() else rows.pick(~staged)
    return Plan(again, slow, fresh, rows.pick(staged), list(_events(batch)))


def latest(fresh: Rows, merged: Merged) -> list[npt.NDArray[Any]]:
    """Return the newest reading of each channel as columns, in order of the channels."""
    columns = fresh.pick(_last_of_channel(fresh.channel_id)).columns()
    if merged.newest:
        columns = [
            np.append(column, np.array(more, column.dtype))  # None becomes NaN
            for column, more in zip(columns, zip(*merged.newest, strict=True), strict=True)
        ]
        order = np.lexsort((columns[1], columns[0]))
        best = order[_last_of_channel(columns[0][order])]
        columns = [column[best] for column in columns]
    return columns


def arrivals(batch: Batch, planned: Plan, merged: Merged, new_events: set[int]) -> Arrivals:
    """Return what became of every delivery; `new_events` are the messages that brought an event that was not there."""
    columns, usable = batch.checked.columns, batch.checked.usable
    new = usable & ~planned.slow
    new[[*merged.new_messages, *new_events]] = True
    conflict = np.zeros(columns.messages, np.bool_)
    conflict[[*merged.conflict_messages]] = True
    arrived = Arrivals(columns.keys, columns.key, columns.seq, columns.received_us, usable, new, conflict)
    return arrived.and_rejected([*batch.undecoded, *batch.put_off])


def additions(rows: Rows) -> Iterator[Addition]:
    """Return an addition for each stretch of a channel's readings without a gap of more than CHANGE_GAP_US."""
    if len(rows):
        breaks = (rows.channel_id[1:] != rows.channel_id[:-1]) | (np.diff(rows.time_us) > CHANGE_GAP_US)
        starts = np.concatenate(([0], np.flatnonzero(breaks) + 1))
        ends = np.concatenate((starts[1:] - 1, [len(rows) - 1]))
        columns = (rows.channel_id[starts], rows.time_us[starts], rows.time_us[ends], ends - starts + 1)
        yield from map(Addition, *(column.tolist() for column in columns))


def _sorted_rows(batch: Batch) -> Rows:
    columns, registry = batch.checked.columns, batch.registry
    at = np.flatnonzero(batch.checked.keep)
    message = columns.row_message[at]
    channel_id = registry.channel_id[columns.row_channel[at]] if len(at) else np.empty(0, np.int32)
    time_us = columns.time_ms[message] * 1000
    order = np.lexsort((time_us, channel_id))  # stable
    at, message = at[order], message[order]
    return Rows(
        at, message, channel_id[order], time_us[order], columns.row_value[at], columns.row_state[at],
        batch.checked.tests[at], columns.received_us[message],
    )  # fmt: skip


def _repeats_seq(batch: Batch) -> Mask:
    """Tell which messages have the seq of an earlier one of the same book."""
    columns = batch.checked.columns
    order = np.lexsort((columns.seq, columns.key))
    key, seq = columns.key[order], columns.seq[order]
    repeats = np.zeros(columns.messages, np.bool_)
    repeats[order[1:]] = (key[1:] == key[:-1]) & (seq[1:] == seq[:-1])
    return repeats


def _repeats_key(rows: Rows, messages: int) -> Mask:
    """Tell which messages hold a reading whose key an earlier one of the batch has."""
    same = (rows.channel_id[1:] == rows.channel_id[:-1]) & (rows.time_us[1:] == rows.time_us[:-1])
    repeats = np.zeros(messages, np.bool_)
    repeats[rows.message[1:][same]] = True
    return repeats


def _last_of_channel(channel_id: npt.NDArray[np.int32]) -> npt.NDArray[np.intp]:
    """Return where the last row of each channel stands, in rows sorted by channel."""
    ends = np.ones(len(channel_id), np.bool_)
    ends[:-1] = channel_id[1:] != channel_id[:-1]
    return np.flatnonzero(ends)


def _events(batch: Batch) -> Iterator[NewEvent]:
    columns = batch.checked.columns
    for message, events in columns.events.items():
        if batch.checked.usable[message]:
            key, seq = columns.keys[columns.key[message]], int(columns.seq[message])
            received_at = moment(int(columns.received_us[message]))
            for index, (kind, device, detail, t_ms) in events:
                time = _event_time(t_ms, received_at)
                yield NewEvent(message, (*key, seq, index, time, device, kind, detail, received_at))


def _event_time(t_ms: int, received_at: datetime) -> datetime:
    """Return an event's time, or its receipt where a broken clock gives a year that does not exist."""
    try:
        return moment(t_ms * 1000)
    except OverflowError:
        return received_at
