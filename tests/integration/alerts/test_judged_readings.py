"""Readings read in columns are what `v_reading` says: corrections, findings, verdicts, what is still to be judged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.evaluating import judged_readings
from alerts.evaluating.judged_readings import NotJudgedYet, read_blocks
from alerts.evaluating.reading_window import ReadingWindow, milliseconds
from quantrac.database.columns import read_columns
from quantrac.database.feed import NewChange, append_changes
from quantrac.database.pool import Connection
from tests.integration.alerts.centre import START, STATION, add_channel, add_network, rows

MINUTE = timedelta(minutes=1)
AS_THE_VIEW_SAYS = """
select (extract(epoch from r.time) * 1000)::int8, r.value,
       case when r.quality = 2 and not exists (select from consumer where consumer = 'quality') then 1
            else r.quality end,
       (extract(epoch from r.received_at) * 1000)::int8, r.state,
       r.quality = 2 and exists (
         select from consumer q join change n on n.id > q.position
         where q.consumer = 'quality' and n.station = r.station and n.channels @> array[c.channel_id]
           and n.cause = 'reading' and r.time between n.from_t and n.to_t)
from v_reading r join channel c using (channel) where c.channel_id = %s and r.time between %s and %s order by 1
"""
CHANNELS = """
insert into channel (station, name, parameter, unit, kind, interval_s)
select %s, 'c' || n, 'do', '1', 'mean', 1 from generate_series(1, %s) n
"""
NEWEST = " where correction_id = (select max(correction_id) from correction)"
minutes = st.integers(0, 9)
flags = st.sampled_from([1, 2, 3, 4, 9])
readings = st.dictionaries(
    st.tuples(st.integers(0, 2), minutes),
    st.tuples(st.none() | st.floats(-5, 5, width=32), st.integers(0, 7), st.sampled_from([0, 0, 0, 1, 2, 4, 8, 12])),
    max_size=25,
)
findings = st.lists(
    st.tuples(st.integers(0, 1), minutes, st.sampled_from(["spike", "flat", None]), st.none() | flags), max_size=12
)
corrections = st.dictionaries(
    st.tuples(st.integers(0, 1), minutes),
    st.tuples(st.none() | st.floats(-5, 5, width=32), st.sampled_from(["proposed", "approved", "revoked"])),
    max_size=6,
)
spans = st.tuples(*[st.sets(minutes, min_size=2, max_size=4).map(sorted)] * 3)
"""Of each channel first and last minute of one window or two; the last of an odd number stands alone."""
changes = st.lists(st.tuples(st.integers(0, 2), minutes, minutes, st.sampled_from(["reading", "flag"])), max_size=4)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(readings, findings, corrections, changes, st.sampled_from([None, 0, 1, 2, 9]), spans)
def test_they_are_what_the_view_says(
    conn: Connection, stored: dict[Any, Any], found: Sequence[Any], corrected: dict[Any, Any],
    unread: Sequence[Any], position: int | None, spans: Sequence[Sequence[int]],
) -> None:  # fmt: skip
    with conn.transaction(force_rollback=True):
        add_network(conn)
        ids = [add_channel(conn, name) for name in ("ph", "salinity", "nh3")]  # tested, not tested, derived
        conn.execute("update channel set history_tests = '{spike}' where channel_id = any(%s)", [[ids[0], ids[2]]])
        _store(conn, ids, stored)
        _judge(conn, ids, found, corrected)
        _say(conn, ids, unread, position)
        own = {id_: list(windows_of(span)) for id_, span in zip(ids, spans, strict=True)}
        windows = [
            ReadingWindow(id_, "", milliseconds(low), milliseconds(high)) for id_ in ids for low, high in own[id_]
        ]
        expected = {
            id_: [row for low, high in own[id_] for row in rows(conn, AS_THE_VIEW_SAYS, id_, low, high)] for id_ in ids
        }
        if any(row[5] for each in expected.values() for row in each):
            with pytest.raises(NotJudgedYet):
                read_blocks(conn, windows)
            return
        blocks = read_blocks(conn, windows)
        words = [word for (word,) in rows(conn, "select state_word(n::int2) from generate_series(0, 7) n")]
        assert {id_: [row[:5] for row in each] for id_, each in expected.items() if each} == {
            id_: [
                (int(t), None if np.isnan(value) else float(value), int(quality), int(received), words[state])
                for t, value, quality, received, state in zip(
                    block.t_ms, block.value, block.quality, block.received_ms, block.state, strict=True
                )
            ]
            for id_, block in blocks.items()
        }


def windows_of(edges: Sequence[int]) -> Iterator[tuple[datetime, datetime]]:
    """Yield the windows between minutes taken in pairs."""
    for first in range(0, len(edges), 2):
        yield START + edges[first] * MINUTE, START + edges[min(first + 1, len(edges) - 1)] * MINUTE


def test_a_round_of_many_channels_looks_at_each_reading_once_however_old_the_statistics(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planner takes what is newer than its statistics for one row; it must not build on that."""
    plans: list[str] = []

    def explained(conn: Connection, query: str, parameters: dict[str, object], columns: dict[str, str]) -> Any:
        plans.extend(line for (line,) in conn.execute("explain (analyze, timing off) " + query, parameters))
        return read_columns(conn, query, parameters, columns)

    add_network(conn)
    count, before = 200, 200
    conn.execute(CHANNELS, [STATION, count])
    ids = [id_ for (id_,) in rows(conn, "select channel_id from channel where name like 'c%%'")]
    stored = "insert into reading select id, %s + n * interval '1 s', 5, 0, 0, now() from unnest(%s::int4[]) id, "
    conn.execute(stored + "generate_series(1, %s::int4) n", [START, ids, before])
    conn.execute("analyze")
    conn.execute(stored + "generate_series(%s::int4, %s::int4) n", [START, ids, before + 1, before + 2])
    monkeypatch.setattr(judged_readings, "read_columns", explained)
    newest = milliseconds(START) + 1_000 * (before + 2)
    blocks = read_blocks(conn, [ReadingWindow(id_, "", newest - 1_000, newest) for id_ in ids])
    assert [block.t_ms.tolist() for block in blocks.values()] == [[newest - 1_000, newest]] * count
    thrown_away = [int(line.rpartition(":")[2]) for line in plans if "Rows Removed by Join Filter" in line]
    assert sum(thrown_away) <= 2 * count, "\n".join(plans)


def _store(conn: Connection, ids: Sequence[int], stored: dict[Any, Any]) -> None:
    for (channel, minute), (value, state, tests) in stored.items():
        time = START + minute * MINUTE
        if channel == 2:
            conn.execute(
                "insert into derived_reading values (%s, %s, %s, %s, %s, %s)",
                [ids[2], time, value, state, (1, 2, 3, 4, 9)[tests % 5], time + MINUTE],
            )
        else:
            conn.execute(
                "insert into reading values (%s, %s, %s, %s, %s, %s)",
                [ids[channel], time, value, state, tests, time + MINUTE],
            )


def _judge(conn: Connection, ids: Sequence[int], found: Sequence[Any], corrected: dict[Any, Any]) -> None:
    for channel, minute, test, flag in found:
        if flag is not None or test is None:
            conn.execute(
                'insert into reading_flag (channel_id, time, test, flag, "by", at) values (%s, %s, %s, %s, %s, %s)',
                [ids[channel], START + minute * MINUTE, test, flag, "lan", START],
            )
    for (channel, minute), (value, stage) in corrected.items():
        correction = (
            'insert into correction (channel_id, time, value, "by", reason, at) values (%s, %s, %s, %s, %s, %s)'
        )
        conn.execute(correction, [ids[channel], START + minute * MINUTE, value, "lan", "drift", START])
        if stage != "proposed":
            conn.execute("update correction set approved_by = 'hoa', approved_at = at" + NEWEST)
        if stage == "revoked":
            revoke = "update correction set revoked_by = 'hoa', revoked_reason = 'no', revoked_at = at"
            conn.execute(revoke + NEWEST)


def _say(conn: Connection, channels: Sequence[int], unread: Sequence[Any], position: int | None) -> None:
    """Append changes, of which `quality` has read so many; None: there is no such consumer."""
    for channel, first, last, cause in unread:
        low, high = (START + minute * MINUTE for minute in sorted((first, last)))
        append_changes(conn, [NewChange(STATION, channels[channel], low, high, 1, cause)])
    if position is not None:
        ids = [0, *(id_ for (id_,) in rows(conn, "select id from change order by id"))]
        conn.execute(
            "insert into consumer (consumer, position) values ('quality', %s)", [ids[min(position, len(ids) - 1)]]
        )
