"""The SQL of evaluation: changed readings, states of rules, the course of an hour."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import msgspec

from alerts.evaluating.evaluation import RuleState
from alerts.evaluating.reading_window import ReadingWindow, instant, milliseconds
from alerts.evaluating.wrong_clocks import errors_of, measured, measured_windows, stored_windows
from alerts.rules.block import JudgedReading, ReadingBlock
from alerts.rules.rule import ChannelRule
from alerts.rules.trend import WINDOW_MS
from quantrac.database.feed import Cause, Change
from quantrac.database.pool import Connection
from quantrac.telemetry.quality import Quality
from quantrac.telemetry.states import State

Key = tuple[str, int]
"""(rule, channel_id)."""


STATES: Final = {state.word: int(state) for state in State}

# "Not evaluated" (2) says that the consumer `quality` is still to come. Where it was never registered nobody will come:
# then the stateless verdict stands, for a centre without quality tests must still alarm. A person may also have said 2:
# nothing more comes then. So `awaited` asks, in the same snapshot, whether a change of these readings is unread.
READINGS: Final = """
select w.channel_id, (extract(epoch from r.time) * 1000)::bigint, r.value,
       case when r.quality = 2 and not exists (select from consumer where consumer = 'quality') then 1
            else r.quality end,
       (extract(epoch from r.received_at) * 1000)::bigint, r.state,
       r.quality = 2 and exists (
         select from consumer q join change n on n.id > q.position
         where q.consumer = 'quality' and n.station = r.station and n.channels @> array[w.channel_id]
           and n.cause = 'reading' and r.time between n.from_t and n.to_t) as awaited
from unnest(%(ids)s::int4[], %(channels)s::text[], %(from)s::timestamptz[], %(to)s::timestamptz[])
       as w (channel_id, channel, from_t, to_t)
cross join lateral (
  select v.station, v.time, v.value, v.quality, v.received_at, v.state from v_reading v
  where v.channel = w.channel and v.time >= w.from_t and v.time <= w.to_t
    and v.time >= %(first)s and v.time <= %(last)s offset 0) r
"""


class NotJudgedYet(Exception):
    """Among the readings wanted are some that `quality` is still to look at: ask again when it has."""


def windows_of(
    conn: Connection, changes: Iterable[Change], channels: Mapping[int, str]
) -> dict[int, list[ReadingWindow]]:
    """Return for each known channel the stretches of time in which what changes bring was measured."""
    windows: dict[int, list[ReadingWindow]] = {}
    bring = [change for change in changes if change.cause in (Cause.READING, Cause.CLOCK)]
    errors = errors_of(conn, {change.station for change in bring})
    for change in bring:
        own = [
            ReadingWindow(id_, channels[id_], change.from_t, change.to_t) for id_ in channels.keys() & change.channels
        ]
        for window in measured_windows(conn, change, own, errors) if own else ():
            windows.setdefault(window.channel_id, []).append(window)
    return windows


def hull(windows: Iterable[ReadingWindow]) -> ReadingWindow | None:
    """Return the window from the first to the last moment of windows of one channel."""
    found = list(windows)
    if not found:
        return None
    return replace(found[0], from_t=min(w.from_t for w in found), to_t=max(w.to_t for w in found))


def united(windows: Iterable[ReadingWindow]) -> list[ReadingWindow]:
    """Return windows of one channel in order, each moment once; what none of them covers stays outside."""
    found: list[ReadingWindow] = []
    for window in sorted(windows, key=lambda window: window.from_t):
        if found and window.from_t <= found[-1].to_t:
            found[-1] = replace(found[-1], to_t=max(found[-1].to_t, window.to_t))
        else:
            found.append(window)
    return found


def divided(
    windows: Mapping[int, list[ReadingWindow]],
    rules: Mapping[int, Sequence[ChannelRule]],
    states: Mapping[Key, RuleState],
) -> tuple[list[ReadingWindow], list[ReadingWindow]]:
    """Return what lies beyond the cursor of its channel, with context, and what lies at or behind it.

    A window that covers the cursor is split there: what came late with a live reading is late all the same. A backfill
    of days, read again with every live reading, would otherwise hold up what is happening now.
    """
    ahead: list[ReadingWindow] = []
    behind: list[ReadingWindow] = []
    for id_, found in windows.items():
        known_ms = min(states[rule.rule, id_].cursor_ms or -1 for rule in rules[id_])
        known, next_ = instant(known_ms), instant(known_ms + 1)
        pieces = united(found)
        behind += [replace(piece, to_t=min(piece.to_t, known)) for piece in pieces if piece.from_t <= known]
        new = [replace(piece, from_t=max(piece.from_t, next_)) for piece in pieces if piece.to_t > known]
        ahead += _with_context(new, rules[id_])
    return ahead, behind


def _with_context(windows: Sequence[ReadingWindow], rules: Sequence[ChannelRule]) -> list[ReadingWindow]:
    """Widen windows of a channel, in order, by what its rules look back."""
    memory = timedelta(milliseconds=max(rule.measure.window_ms for rule in rules))
    if not memory or not windows:
        return list(windows)
    start_ms = milliseconds(windows[0].from_t)
    return united(replace(window, from_t=window.from_t - memory, start_ms=start_ms) for window in windows)


def read_blocks(conn: Connection, windows: Sequence[ReadingWindow]) -> dict[int, ReadingBlock]:
    """Return the readings of the windows, by channel_id; those of one channel do not overlap.

    Raises NotJudgedYet: a change that is still to come (a repeat, a late neighbour) covers some of them. To pass over
    them would lose them for good, for the cursor goes on.
    """
    if not windows:
        return {}
    errors = errors_of(conn, {window.channel.partition("/")[0] for window in windows})
    stored = stored_windows(windows, errors)
    rows = conn.execute(
        READINGS,
        {
            "ids": [window.channel_id for window in stored],
            "channels": [window.channel for window in stored],
            "from": [window.from_t for window in stored],
            "to": [window.to_t for window in stored],
            "first": min(window.from_t for window in stored),
            "last": max(window.to_t for window in stored),
        },
    )
    samples: dict[int, list[JudgedReading]] = {}
    for channel_id, t_ms, value, quality, received_ms, state, awaited in rows:
        if awaited:
            raise NotJudgedYet
        sample = JudgedReading(t_ms, value, quality, received_ms, STATES[state])
        samples.setdefault(channel_id, []).append(sample)
    measured(conn, samples, windows, errors)
    starts = {window.channel_id: window.start_ms for window in windows}
    return {channel_id: ReadingBlock.of(found, starts[channel_id]) for channel_id, found in samples.items()}


def hour_before(conn: Connection, channel: str, time: datetime) -> list[tuple[int, float]]:
    """Return the good readings of the hour up to a time, as (ms, value)."""
    return conn.execute(
        """
        select (extract(epoch from time) * 1000)::bigint, value from v_reading
        where channel = %s and time > %s and time <= %s and quality = %s and value is not null order by time
        """,
        [channel, time - timedelta(milliseconds=WINDOW_MS), time, int(Quality.GOOD)],
    ).fetchall()


def load_states(conn: Connection, keys: Iterable[Key]) -> dict[Key, RuleState]:
    """Return what is remembered of the keys; one that has no row is new."""
    wanted = list(keys)
    rows = conn.execute(
        """
        select rule, channel_id, state::text from rule_state
        where (rule, channel_id) in (select * from unnest(%s::text[], %s::int4[]))
        """,
        [[rule for rule, _ in wanted], [channel_id for _, channel_id in wanted]],
    )
    known = {(rule, channel_id): msgspec.json.decode(state, type=RuleState) for rule, channel_id, state in rows}
    return {key: known.get(key) or RuleState() for key in wanted}


def unsettled(conn: Connection) -> list[Key]:
    """Return the rules and channels that remember late readings."""
    return conn.execute("select rule, channel_id from rule_state where state->'late' <> 'null'").fetchall()


def save_states(conn: Connection, states: Mapping[Key, RuleState]) -> None:
    """Remember, one row a key, in order of the keys."""
    rows = sorted(states.items())
    conn.execute(
        """
        insert into rule_state (rule, channel_id, state, cursor)
        select * from unnest(%s::text[], %s::int4[], %s::text[]::jsonb[], %s::timestamptz[])
        on conflict (rule, channel_id) do update set state = excluded.state, cursor = excluded.cursor
        """,
        [
            [rule for (rule, _), _ in rows],
            [channel_id for (_, channel_id), _ in rows],
            [msgspec.json.encode(state).decode() for _, state in rows],
            [None if state.cursor_ms is None else instant(state.cursor_ms) for _, state in rows],
        ],
    )
