"""History for a back-test: stored readings as columns, a week of many channels at a time.

The server gathers each channel's readings into arrays, so that a week comes as a few rows of large binary values and no
row is touched in Python. While a week is evaluated the next one is being read.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alerts.evaluating.judged_readings import QUALITIES
from alerts.evaluating.reading_window import milliseconds
from alerts.rules.block import ReadingBlock
from quantrac.database.pool import Connection
from quantrac.quality.suspicion import DOUBTING

A_STRETCH: Final = timedelta(days=7)
EPOCH_MS: Final = 946_684_800_000
"""2000-01-01, from which PostgreSQL counts microseconds."""
CHANNELS: Final = "select channel_id, channel from channel where channel = any(%s)"

# Word: state * 256 + tests; of derived values, whose quality stands in their row, -(state * 256 + quality).
READINGS: Final = """
select channel_id, array_agg(time), array_agg(coalesce(value, 'NaN')), array_agg(word) from (
  select channel_id, time, value, (state * 256 + tests)::int2 as word from reading
  where channel_id = any(%(ids)s) and time > %(first)s and time <= %(last)s
  union all
  select channel_id, time, value, (-(state * 256 + coalesce(undoubted, quality)))::int2 from derived_reading
  where channel_id = any(%(ids)s) and time > %(first)s and time <= %(last)s) r
group by channel_id
"""
FLAGS: Final = """
select channel_id, time, coalesce(max(flag) filter (where test is null), 0),
       coalesce(max(flag) filter (where test is not null), 0)
from (select distinct on (channel_id, time, test) channel_id, time, test, flag from reading_flag
      where channel_id = any(%(ids)s) and time > %(first)s and time <= %(last)s
      order by channel_id, time, test, flag_id desc) g
where flag <> 3 or test is null or test <> all(%(suspecting)s)
group by channel_id, time order by channel_id, time
"""
CORRECTIONS: Final = """
select channel_id, time, coalesce(value, 'NaN') from correction
where channel_id = any(%(ids)s) and time > %(first)s and time <= %(last)s
  and approved_at is not null and revoked_at is null order by channel_id, time
"""
ARRAY_HEADER: Final = 20
"""Dimensions, flags, type, length, lower bound: 4 bytes each."""


@dataclass(frozen=True, slots=True)
class HistoryStretch:
    """Some days of channels."""

    from_ms: int
    until_ms: int
    """Readings with from_ms < time <= until_ms."""
    blocks: Mapping[str, ReadingBlock]
    """By `<station>/<name>`; each reading as if received at its own time. A channel without readings is not there."""


def stored_stretches(
    conn: Connection, channels: Sequence[str], first: datetime, last: datetime
) -> Generator[HistoryStretch, None, None]:
    """Yield the readings of channels with first < time <= last, week by week, with quality and corrections as they are.

    Readings that the tests with a history are still to look at count with their stateless verdict.
    """
    names: dict[int, str] = dict(conn.execute(CHANNELS, [list(channels)]).fetchall())
    weeks = (last - first) // A_STRETCH
    edges = [first + number * A_STRETCH for number in range(weeks + 1)]
    edges += [last] if edges[-1] < last else []
    with ThreadPoolExecutor(1, thread_name_prefix="read history") as ahead:
        coming = [ahead.submit(_read, conn, names, *edge) for edge in list(pairwise(edges))[:1]]
        for edge in [*list(pairwise(edges))[1:], None]:
            stretch = coming.pop().result() if coming else None
            if edge is not None:
                coming.append(ahead.submit(_read, conn, names, *edge))
            if stretch is not None:
                yield stretch


def _read(conn: Connection, names: Mapping[int, str], first: datetime, last: datetime) -> HistoryStretch:
    window = {"ids": list(names), "first": first, "last": last, "suspecting": sorted(DOUBTING)}
    with conn.transaction():
        conn.execute("set local work_mem = '256MB'")  # the arrays of a week must not go through files
        result = conn.execute(READINGS, window, binary=True).pgresult
        assert result is not None
        found = {}
        for row in range(result.ntuples):
            times, values, words = (_array(result.get_value(row, column), kind) for column, kind in enumerate(KINDS, 1))
            found[_whole(result.get_value(row, 0))] = _block(times // 1000 + EPOCH_MS, values, words)
        flags = conn.execute(FLAGS, window).fetchall()
        corrections = conn.execute(CORRECTIONS, window).fetchall()
    for channel_id, time, person, test in flags:  # a person's overrides, a test's counts where it is worse
        for block, place in _reading_at(found, channel_id, time):
            block.quality[place] = person or max(test, int(block.quality[place]))
    for channel_id, time, value in corrections:
        for block, place in _reading_at(found, channel_id, time):
            block.value[place] = value
    return HistoryStretch(milliseconds(first), milliseconds(last), {names[id_]: block for id_, block in found.items()})


KINDS: Final = (">i8", ">f8", ">i2")
"""Elements of the three arrays."""


def _whole(content: bytes | None) -> int:
    assert content is not None
    return int.from_bytes(content, "big")


def _array(content: bytes | None, kind: str) -> NDArray[Any]:
    """Return the elements of a binary array; none is null, so all are equally long."""
    element = np.dtype([("length", ">i4"), ("value", kind)])
    return np.frombuffer(content or b"", dtype=element, offset=ARRAY_HEADER)["value"].astype(kind[1:])


def _block(t_ms: NDArray[np.int64], value: NDArray[np.float64], word: NDArray[np.int16]) -> ReadingBlock:
    if np.any(t_ms[1:] < t_ms[:-1]):
        order = np.argsort(t_ms, kind="stable")
        t_ms, value, word = t_ms[order], value[order], word[order]
    state, low = np.abs(word) // 256, np.abs(word) % 256
    quality = np.where(word < 0, low.astype(np.int8), QUALITIES[state, low])
    return ReadingBlock(t_ms=t_ms, value=value, quality=quality, received_ms=t_ms, state=state.astype(np.int8))


def _reading_at(
    found: Mapping[int, ReadingBlock], channel_id: int, time: datetime
) -> Iterator[tuple[ReadingBlock, int]]:
    """Yield the block and the place of a reading, where there is one."""
    if (block := found.get(channel_id)) is not None:
        place = int(np.searchsorted(block.t_ms, milliseconds(time)))
        if place < len(block) and block.t_ms[place] == milliseconds(time):
            yield block, place
