"""Reads stored readings as alarms see them, as columns, with corrections, findings and verdicts as in `v_reading`.

But for what a test of a whole device or of neighbouring stations merely suspects, of a reading or of what a value is
made of: it may not know which sensor is wrong, or mistake a flood, and a doubt is no reason to keep silent about water
without oxygen. What such a test fails counts for nothing, as elsewhere.

One statement gives all of it, for all of it must be of one moment: a reading that `quality` has judged since would lack
its findings.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alerts.evaluating.reading_window import ReadingWindow, instant
from alerts.evaluating.wrong_clocks import errors_of, measured, of_wrong_clocks, stored_windows
from alerts.rules.block import JudgedReadings, ReadingBlock, joined
from quantrac.database.columns import array, read_columns
from quantrac.database.pool import Connection
from quantrac.quality.suspicion import DOUBTING
from quantrac.telemetry.quality import Quality, StatelessTest, quality_of
from quantrac.telemetry.states import State

READING, DERIVED, FLAG, CORRECTION, UNREAD, JUDGES = range(6)
"""What a row is; JUDGES: a consumer `quality` is registered."""
ROWS: Final = """
with s as (
  select ids::int4[] as ids, low, high
  from unnest(%(ids)s::text[], %(from)s::timestamptz[], %(to)s::timestamptz[]) as s (ids, low, high))
select kind, channel, time, other, value, a, b from (
  select 0::int2 as kind, r.channel_id as channel, r.time, r.received_at as other, coalesce(r.value, 'NaN') as value,
         r.state as a, r.tests as b
  from s cross join lateral (
    select * from reading r where r.channel_id = any(s.ids) and r.time between s.low and s.high
      and r.time between %(first)s and %(last)s offset 0) r
  union all
  select 1::int2, d.channel_id, d.time, d.received_at, coalesce(d.value, 'NaN'), d.state,
         coalesce(d.undoubted, d.quality)
  from s cross join lateral (
    select * from derived_reading d where d.channel_id = any(s.ids) and d.time between s.low and s.high
      and d.time between %(first)s and %(last)s offset 0) d
  union all
  select 2::int2, f.channel_id, f.time, f.time, 'NaN', coalesce(f.flag, 0::int2), (f.test is null)::int4::int2
  from (select distinct on (f.channel_id, f.time, f.test) f.channel_id, f.time, f.test, f.flag
        from s cross join lateral (
          select * from reading_flag f where f.channel_id = any(s.ids) and f.time between s.low and s.high offset 0) f
        order by f.channel_id, f.time, f.test, f.flag_id desc) f
  where f.flag <> 3 or f.test is null or f.test <> all(%(suspecting)s)
  union all
  select 3::int2, k.channel_id, k.time, k.time, coalesce(k.value, 'NaN'), 0::int2, 0::int2
  from s cross join lateral (
    select * from correction k where k.channel_id = any(s.ids) and k.time between s.low and s.high offset 0) k
  where k.approved_at is not null and k.revoked_at is null
  union all
  select 4::int2, c.channel_id, n.from_t, n.to_t, 'NaN', (c.history_tests <> '{}')::int4::int2, 0::int2
  from consumer q
  join change n on n.id > q.position and n.cause = 'reading' and n.from_t <= %(last)s and n.to_t >= %(first)s
  cross join unnest(n.channels) u (channel_id)
  join channel c on c.channel_id = u.channel_id and c.station = n.station
  where q.consumer = 'quality' and c.channel_id = any(%(channels)s::int4[])
  union all
  select 5::int2, 0, q.moved_at, q.moved_at, 'NaN', 0::int2, 0::int2 from consumer q where q.consumer = 'quality'
) found
"""
"""Each table is looked into by its key, stretch by stretch: `offset 0` keeps the planner from joining the tables. What
is newer than its last statistics it takes for one row, and compares each reading with each stretch."""
COLUMNS: Final = {
    "kind": "int2", "channel": "int4", "time": "timestamptz", "other": "timestamptz", "value": "float8",
    "a": "int2", "b": "int2",
}  # fmt: skip
"""other: when a reading was received; the end of what is unread. a, b: state and tests of a reading, state and
quality of a derived one; flag, and whether a person gave it; whether what is unread has tests with a history."""
TIMES: Final = frozenset({"time", "other"})
GATHERED_MS: Final = 60_000
"""Windows that begin within the last minute of all are read as one stretch."""
CENTURY_BITS: Final = 42
"""Times within a century are less apart, in milliseconds, than two to this power."""
QUALITIES: Final = np.array(
    [[quality_of(state, StatelessTest(tests)) for tests in range(256)] for state in State], dtype=np.int8
)
"""By state and stateless tests."""

Columns = dict[str, NDArray[Any]]


class NotJudgedYet(Exception):
    """`quality` has still to judge some of these readings: read them again when it has."""


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
    rows = read_columns(conn, ROWS, _parameters(stored), COLUMNS)
    found = _merged(_inside(stored, {name: _in_ms(rows[name]) if name in TIMES else rows[name] for name in rows}))
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


def _parameters(windows: Sequence[ReadingWindow]) -> dict[str, object]:
    """Return the parameters of ROWS for windows.

    Those of now, which lie close together, are one stretch of time for all their channels: a look at an index for
    thousands of channels at once costs half of what single ones do. The others share a stretch where their times are
    the same, as those of a station's message are. No channel has overlapping stretches.
    """
    last_ms = max(window.to_ms for window in windows)
    apart = {window.channel_id for window in windows if window.from_ms < last_ms - GATHERED_MS}
    first_ms = min((window.from_ms for window in windows if window.channel_id not in apart), default=last_ms)
    stretches: dict[tuple[int, int], set[int]] = {}
    for window in windows:
        span = (window.from_ms, window.to_ms) if window.channel_id in apart else (first_ms, last_ms)
        stretches.setdefault(span, set()).add(window.channel_id)
    return {
        "ids": "{" + ",".join(f'"{array(sorted(ids))}"' for ids in stretches.values()) + "}",
        "from": array(instant(low) for low, _ in stretches),
        "to": array(instant(high) for _, high in stretches),
        "first": instant(min(window.from_ms for window in windows)),
        "last": instant(last_ms),
        "channels": array({window.channel_id for window in windows}),
        "suspecting": sorted(DOUBTING),
    }


def _inside(windows: Sequence[ReadingWindow], rows: Columns) -> Columns:
    """Return rows without the readings that lie in a stretch but in no window: nobody said yet that they are new."""
    bounds = np.array([(window.channel_id, window.from_ms, window.to_ms) for window in windows], dtype=np.int64)
    bounds = bounds[np.lexsort((bounds[:, 1], bounds[:, 0]))]
    base, ids = int(bounds[:, 1].min()), np.unique(bounds[:, 0])
    starts = _places(ids, bounds[:, 0], bounds[:, 1] - base)
    window = np.searchsorted(starts, _places(ids, rows["channel"], rows["time"] - base), side="right") - 1
    inside = (bounds[window, 0] == rows["channel"]) & (rows["time"] <= bounds[window, 2]) & (window >= 0)
    kept = inside | (rows["kind"] > DERIVED)
    return rows if kept.all() else {name: column[kept] for name, column in rows.items()}


def _places(ids: NDArray[np.int64], channel: NDArray[Any], t_ms: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return numbers that order times by their channels."""
    place: NDArray[np.int64] = (np.searchsorted(ids, channel).astype(np.int64) << CENTURY_BITS) + t_ms
    return place


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
