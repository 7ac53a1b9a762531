"""What the quality tests found and no person has judged yet, as stretches of a channel or device, the worst first.

What a test says of a device as one thing is one finding, on however many of its channels it shows.

Readings that the device itself calls maintenance, calibration, warm-up, fault or no answer need no decision: the cause
of their rejection is known. So only readings that were measured are looked at (states ok, suspect, range).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from quantrac.database.pool import Connection, rows_of
from quantrac.quality.device_tests import DEVICE_TESTS
from quantrac.telemetry.quality import StatelessTest
from quantrac.telemetry.states import State

BLAMING: Final = StatelessTest.RANGE | StatelessTest.PLAUSIBLE | StatelessTest.EXPECT
MOST_FINDINGS: Final = 200
"""More are not looked at in one sitting; the worst come first."""
MOST_STRETCHES: Final = 30 * MOST_FINDINGS
"""Of single channels that are read: a finding on a device is one for each of its channels, seldom so many."""


@dataclass(frozen=True, slots=True)
class FoundStretch:
    """Readings of one channel that tests blame, with less than an hour (or three intervals) between them.

    Where a test of the device blames several channels at once: those of all of them.
    """

    station: str
    channel: str
    """Of several the one that is blamed most."""
    device: str | None
    from_t: datetime
    """Of the first and the last reading that is blamed, both inclusive."""
    to_t: datetime
    readings: int
    """How many are blamed."""
    flag: int
    """The worst: 4 fail, 3 suspect."""
    tests: list[str]
    """Names of the tests; `state` where the device itself was in doubt."""
    low: float | None
    high: float | None
    """Of the blamed values of `channel`, as they were measured."""
    channels: tuple[str, ...] = ()
    """All that are blamed at once; empty: `channel` alone."""


QUEUE: Final = """
with wanted as materialized (
  select c.channel_id, c.station, c.channel, c.device, c.interval_s from channel c join station s using (station)
  where c.active and s.active and not c.derived and (c.station = %(place)s or c.channel = %(place)s)),
flags as materialized (
  select channel_id, time, max(flag) filter (where test is not null) as found,
         array_agg(test) filter (where test is not null and flag >= 3) as words,
         bool_or(test is null and flag is not null) as judged
  from (select distinct on (f.channel_id, f.time, f.test) f.channel_id, f.time, f.test, f.flag
        from wanted join reading_flag f using (channel_id)
        where f.time > %(after)s and f.time <= %(until)s order by f.channel_id, f.time, f.test, f.flag_id desc) newest
  group by channel_id, time),
blamed as (
  select r.channel_id, r.time, r.value, r.state, r.tests from wanted join reading r using (channel_id)
  where r.time > %(after)s and r.time <= %(until)s and (r.state <> 0 or r.tests <> 0)
    and (r.tests & %(tests)s > 0 or r.state = any(%(doubted)s))
  union
  select r.channel_id, r.time, r.value, r.state, r.tests
  from (select channel_id, array_agg(time) as times, min(time) as first, max(time) as last
        from flags where found >= 3 group by channel_id, date_trunc('month', time)) f
  cross join lateral (
    select * from reading n where n.channel_id = f.channel_id and n.time = any(f.times)
      and n.time >= f.first and n.time <= f.last offset 0) r),
open as (
  select b.channel_id, b.time, b.value, greatest(quality_of(b.state, b.tests), f.found) as flag,
         test_words(b.tests) || coalesce(f.words, '{}') as tests,
         b.time - lag(b.time) over (partition by b.channel_id order by b.time)
         > greatest(interval '1 hour', 3 * w.interval_s * interval '1 second') as apart
  from blamed b join wanted w using (channel_id) left join flags f using (channel_id, time)
  where b.value is not null and b.state = any(%(measured)s) and not coalesce(f.judged, false)),
numbered as (
  select *, count(*) filter (where apart) over (partition by channel_id order by time) as part from open)
select station, channel, device, min(time) as from_t, max(time) as to_t, count(*)::int4 as readings,
       max(n.flag)::int4 as flag,
       array(select distinct unnest(string_to_array(string_agg(distinct
         case when tests = '{}' then 'state' else array_to_string(tests, ',') end, ','), ',')) order by 1) as tests,
       min(value) as low, max(value) as high
from numbered n join wanted using (channel_id) group by station, channel, device, part, interval_s
order by 7 desc, count(*) * interval_s desc, channel, from_t limit %(most)s
"""
"""Of readings that tests or devices blame the whole is looked at; `v_reading` would do so with each reading. What tests
with a history blame is read by months: a year has 52 chunks, and each reading by itself would be looked for in all."""


def finding_queue(conn: Connection, place: str, after: datetime, until: datetime) -> list[FoundStretch]:
    """Return what waits for a decision at a station or on a channel, after < time <= until: at most MOST_FINDINGS."""
    asked = {
        "place": place, "after": after, "until": until, "most": MOST_STRETCHES, "tests": int(BLAMING),
        "doubted": [int(State.SUSPECT), int(State.RANGE)],
        "measured": [int(State.OK), int(State.SUSPECT), int(State.RANGE)],
    }  # fmt: skip
    return by_device(rows_of(conn, FoundStretch, QUEUE, asked))


def by_device(found: Iterable[FoundStretch]) -> list[FoundStretch]:
    """Return what one test of a device blames on several channels at one time as one finding, the first of all. Pure.

    Args:
        found: stretches of one channel each, the worst first; the finding stands where its worst stretch does. At
            most MOST_FINDINGS come back.
    """
    whole: list[FoundStretch] = []
    for one in found:
        is_of_device = one.device is not None and not DEVICE_TESTS.keys().isdisjoint(one.tests)
        same = (at for at, other in enumerate(whole) if _is_one_finding(one, other)) if is_of_device else iter(())
        at = next(same, None)
        if at is None:
            if len(whole) < MOST_FINDINGS:
                whole.append(one)
            continue
        other = whole[at]
        whole[at] = replace(
            other, from_t=min(one.from_t, other.from_t), to_t=max(one.to_t, other.to_t),
            readings=one.readings + other.readings, tests=sorted({*one.tests, *other.tests}),
            channels=tuple(sorted({one.channel, *(other.channels or (other.channel,))})),
        )  # fmt: skip
    return [replace(one, channels=()) if len(one.channels) == 1 else one for one in whole]


def _is_one_finding(one: FoundStretch, other: FoundStretch) -> bool:
    is_there = (one.device, one.station) == (other.device, other.station)
    at_once = is_there and one.from_t <= other.to_t and other.from_t <= one.to_t
    return at_once and not DEVICE_TESTS.keys().isdisjoint(set(one.tests) & set(other.tests))
