"""Reads stored readings as alarms see them, as columns, with corrections, findings and verdicts as in `v_reading`.

One statement gives all of it, for all of it must be of one moment: a reading that `quality` has judged since would lack
its findings.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alerts.evaluating.reading_window import ReadingWindow
from alerts.evaluating.wrong_clocks import errors_of, measured, of_wrong_clocks, stored_windows
from alerts.rules.block import COLUMNS as BLOCK_COLUMNS
from alerts.rules.block import JudgedReading, ReadingBlock
from quantrac.database.columns import read_columns
from quantrac.database.pool import Connection
from quantrac.telemetry.quality import Quality, StatelessTest, quality_of
from quantrac.telemetry.states import State

READING, DERIVED, FLAG, CORRECTION, UNREAD, JUDGES = range(6)
"""What a row is; JUDGES: a consumer `quality` is registered."""
ROWS: Final = """
with w as (
  select * from unnest(%(ids)s::int4[], %(from)s::timestamptz[], %(to)s::timestamptz[]) as w (channel_id, low, high))
select kind, channel, time, other, value, a, b from (
  select 0::int2 as kind, r.channel_id as channel, r.time, r.received_at as other, coalesce(r.value, 'NaN') as value,
         r.state as a, r.tests as b
  from w join reading r on r.channel_id = w.channel_id and r.time between w.low and w.high
  where r.time between %(first)s and %(last)s
  union all
  select 1::int2, d.channel_id, d.time, d.received_at, coalesce(d.value, 'NaN'), d.state, d.quality
  from w join derived_reading d on d.channel_id = w.channel_id and d.time between w.low and w.high
  where d.time between %(first)s and %(last)s
  union all
  select 2::int2, f.channel_id, f.time, f.time, 'NaN', coalesce(f.flag, 0::int2), (f.test is null)::int4::int2
  from (select distinct on (f.channel_id, f.time, f.test) f.channel_id, f.time, f.test, f.flag
        from w join reading_flag f on f.channel_id = w.channel_id and f.time between w.low and w.high
        order by f.channel_id, f.time, f.test, f.flag_id desc) f
  union all
  select 3::int2, k.channel_id, k.time, k.time, coalesce(k.value, 'NaN'), 0::int2, 0::int2
  from w join correction k on k.channel_id = w.channel_id and k.time between w.low and w.high
  where k.approved_at is not null and k.revoked_at is null
  union all
  select 4::int2, c.channel_id, n.from_t, n.to_t, 'NaN', (c.history_tests <> '{}')::int4::int2, 0::int2
  from consumer q
  join change n on n.id > q.position and n.cause = 'reading' and n.from_t <= %(last)s and n.to_t >= %(first)s
  cross join unnest(n.channels) u (channel_id)
  join channel c on c.channel_id = u.channel_id and c.station = n.station
  where q.consumer = 'quality' and c.channel_id = any(%(ids)s::int4[])
  union all
  select 5::int2, 0, q.moved_at, q.moved_at, 'NaN', 0::int2, 0::int2 from consumer q where q.consumer = 'quality'
) found
"""
COLUMNS: Final = {
    "kind": "int2", "channel": "int4", "time": "timestamptz", "other": "timestamptz", "value": "float8",
    "a": "int2", "b": "int2",
}  # fmt: skip
"""other: when a reading was received; the end of what is unread. a, b: state and tests of a reading, state and
quality of a derived one; flag, and whether a person gave it; whether what is unread has tests with a history."""
TIMES: Final = frozenset({"time", "other"})
QUALITIES: Final = np.array(
    [[quality_of(state, StatelessTest(tests)) for tests in range(256)] for state in State], dtype=np.int8
)
"""By state and stateless tests."""

Columns = dict[str, NDArray[Any]]


class NotJudgedYet(Exception):
    """Among the readings wanted are some that `quality` is still to look at: ask again when it has."""


@dataclass(frozen=True, slots=True)
class JudgedReadings:
    """Readings of many channels, by channel and then by time."""

    channel: NDArray[np.int32]
    t_ms: NDArray[np.int64]
    value: NDArray[np.float64]
    quality: NDArray[np.int8]
    received_ms: NDArray[np.int64]
    state: NDArray[np.int8]
    edges: NDArray[np.int64]
    """Where each channel begins, and the end of the last one."""

    @property
    def channels(self) -> NDArray[np.int32]:
        """The channels that have readings, ascending."""
        return self.channel[self.edges[:-1]]

    def block(self, number: int, start_ms: int | None = None) -> ReadingBlock:
        """Return the readings of one of `channels`, by its place there."""
        own = slice(self.edges[number], self.edges[number + 1])
        return ReadingBlock(
            self.t_ms[own], self.value[own], self.quality[own], self.received_ms[own], self.state[own], start_ms
        )

    def samples(self, channel: int) -> list[JudgedReading]:
        """Return the readings of a channel one by one."""
        low, high = self.of(channel)
        columns = (getattr(self, name)[low:high].tolist() for name in BLOCK_COLUMNS)
        return [
            JudgedReading(t_ms, None if np.isnan(value) else value, *rest)
            for t_ms, value, *rest in zip(*columns, strict=True)
        ]

    def with_blocks(self, channels: Collection[int], blocks: Mapping[int, ReadingBlock]) -> JudgedReadings:
        """Return the same with other readings of some channels."""
        others = {id_: self.block(place) for place, id_ in enumerate(self.channels.tolist()) if id_ not in channels}
        return joined(dict(sorted((others | dict(blocks)).items())))

    def of(self, channel: int) -> tuple[int, int]:
        """Return from where to where the readings of a channel stand."""
        low, high = np.searchsorted(self.channel, [channel, channel + 1])
        return int(low), int(high)


def joined(blocks: Mapping[int, ReadingBlock]) -> JudgedReadings:
    """Return the blocks of channels as one."""
    made = list(blocks.values()) or [ReadingBlock.of([])]
    columns = {name: np.concatenate([getattr(block, name) for block in made]) for name in BLOCK_COLUMNS}
    channel = np.repeat(np.array(list(blocks), dtype=np.int32), [len(block) for block in blocks.values()])
    return JudgedReadings(channel, **columns, edges=np.flatnonzero(np.diff(channel, prepend=-1, append=-1)))


def read_readings(conn: Connection, windows: Sequence[ReadingWindow]) -> JudgedReadings:
    """Return the readings of the windows; those of one channel do not overlap.

    "Not evaluated" says that `quality` is still to come. Where it was never registered nobody will come: then the
    stateless verdict stands, for a centre without quality tests must still alarm.

    Raises NotJudgedYet: a change that `quality` has not read (a repeat, a late neighbour) covers some of them. To pass
    over them would lose them for good, for the cursor goes on. A person may also have said "not evaluated":
    nothing more comes then.
    """
    if not windows:
        return joined({})
    errors = errors_of(conn, {window.channel.partition("/")[0] for window in windows})
    stored = stored_windows(windows, errors)
    parameters = {
        "ids": [window.channel_id for window in stored],
        "from": [window.from_t for window in stored],
        "to": [window.to_t for window in stored],
        "first": min(window.from_t for window in stored),
        "last": max(window.to_t for window in stored),
    }
    rows = read_columns(conn, ROWS, parameters, COLUMNS)
    found = _merged({name: _in_ms(column) if name in TIMES else column for name, column in rows.items()})
    if concerned := of_wrong_clocks(windows, errors):
        samples = {id_: found.samples(id_) for id_ in concerned if id_ in found.channels}
        measured(conn, samples, windows, errors)
        found = found.with_blocks(concerned, {id_: ReadingBlock.of(own) for id_, own in samples.items()})
    return found


def read_blocks(conn: Connection, windows: Sequence[ReadingWindow]) -> dict[int, ReadingBlock]:
    """Return the readings of the windows, by channel_id; raises as `read_readings` does."""
    starts = {window.channel_id: window.start_ms for window in windows}
    found = read_readings(conn, windows)
    return {id_: found.block(number, starts[id_]) for number, id_ in enumerate(found.channels.tolist())}


def _in_ms(us: NDArray[np.int64]) -> NDArray[np.int64]:
    return (us + 500) // 1000


def _merged(rows: Columns) -> JudgedReadings:
    """Return the readings of rows of ROWS with what stands beside them; raises NotJudgedYet."""
    is_reading = rows["kind"] <= DERIVED
    place = np.flatnonzero(is_reading)
    place = place[np.lexsort((rows["time"][place], rows["channel"][place]))]
    kind, channel, state = rows["kind"][place], rows["channel"][place], rows["a"][place]
    is_raw, other = kind == READING, rows["b"][place]
    quality = np.where(is_raw, QUALITIES[state, np.where(is_raw, other, 0)], other)
    found = JudgedReadings(
        channel=channel,
        t_ms=rows["time"][place],
        value=rows["value"][place],
        quality=quality.astype(np.int8),
        received_ms=rows["other"][place],
        state=state.astype(np.int8),
        edges=np.flatnonzero(np.diff(channel, prepend=-1, append=-1)),
    )
    beside = {name: column[~is_reading] for name, column in rows.items()}
    if len(beside["kind"]):
        _judge(found, is_raw, beside)
    if not (beside["kind"] == JUDGES).any():
        found.quality[found.quality == Quality.NOT_EVALUATED] = Quality.GOOD
    return found


def _judge(found: JudgedReadings, is_raw: NDArray[np.bool_], beside: Columns) -> None:
    """Put corrections, findings and verdicts into readings; raises NotJudgedYet."""
    person = np.zeros(len(is_raw), dtype=np.int8)
    unread = np.zeros(len(is_raw), dtype=np.bool_)
    for places, rows in _met(found, is_raw, beside, CORRECTION):
        found.value[places] = rows["value"]
    for places, rows in _met(found, is_raw, beside, FLAG):
        by_person = rows["b"] == 1
        person[places[by_person]] = rows["a"][by_person]
        np.maximum.at(found.quality, places[~by_person], rows["a"][~by_person].astype(np.int8))
    for row in np.flatnonzero(beside["kind"] == UNREAD):
        low, high = found.of(int(beside["channel"][row]))
        first, last = low + np.searchsorted(found.t_ms[low:high], [beside["time"][row], beside["other"][row] + 1])
        unread[first:last] = True
        if beside["a"][row]:
            waiting = found.quality[first:last]
            waiting[is_raw[first:last]] = np.maximum(waiting[is_raw[first:last]], Quality.NOT_EVALUATED)
    np.copyto(found.quality, person, where=person > 0)
    if (unread & (found.quality == Quality.NOT_EVALUATED)).any():
        raise NotJudgedYet


def _met(
    found: JudgedReadings, is_raw: NDArray[np.bool_], beside: Columns, kind: int
) -> Iterator[tuple[NDArray[np.int64], Columns]]:
    """Yield, channel by channel, the places of raw readings and the rows of a kind that are about them."""
    own = beside["kind"] == kind
    for channel in np.unique(beside["channel"][own]).tolist():
        rows = {name: column[own & (beside["channel"] == channel)] for name, column in beside.items()}
        low, high = found.of(channel)
        places = low + np.flatnonzero(is_raw[low:high])
        at = np.searchsorted(found.t_ms[places], rows["time"])
        meets = at < len(places)
        meets[meets] = found.t_ms[places[at[meets]]] == rows["time"][meets]
        yield places[at[meets]], {name: column[meets] for name, column in rows.items()}
