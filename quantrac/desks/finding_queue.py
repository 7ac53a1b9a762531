"""What the quality tests found and no person has judged yet, as stretches of one channel each, the worst first.

Readings that the device itself calls maintenance, calibration, warm-up, fault or no answer need no decision: the cause
of their rejection is known. So only readings that were measured are looked at (states ok, suspect, range).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from quantrac.database.pool import Connection, rows_of
from quantrac.telemetry.quality import StatelessTest
from quantrac.telemetry.states import State

BLAMING: Final = StatelessTest.RANGE | StatelessTest.PLAUSIBLE | StatelessTest.EXPECT
MOST_FINDINGS: Final = 200
"""More are not looked at in one sitting; the worst come first."""


@dataclass(frozen=True, slots=True)
class FoundStretch:
    """Readings of one channel that tests blame, with less than an hour (or three intervals) between them."""

    station: str
    channel: str
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
    """Of the blamed values, as they were measured."""


QUEUE: Final = """
with wanted as materialized (
  select c.channel_id, c.station, c.channel, c.interval_s from channel c join station s using (station)
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
select station, channel, min(time) as from_t, max(time) as to_t, count(*)::int4 as readings, max(flag)::int4 as flag,
       array(select distinct unnest(string_to_array(string_agg(distinct
         case when tests = '{}' then 'state' else array_to_string(tests, ',') end, ','), ',')) order by 1) as tests,
       min(value) as low, max(value) as high
from numbered join wanted using (channel_id) group by station, channel, part, interval_s
order by 6 desc, count(*) * interval_s desc, channel, from_t limit %(most)s
"""
"""Of readings that tests or devices blame the whole is looked at; `v_reading` would do so with each reading. What tests
with a history blame is read by months: a year has 52 chunks, and each reading by itself would be looked for in all."""


def finding_queue(conn: Connection, place: str, after: datetime, until: datetime) -> list[FoundStretch]:
    """Return what waits for a decision at a station or on a channel, after < time <= until: at most MOST_FINDINGS."""
    asked = {
        "place": place, "after": after, "until": until, "most": MOST_FINDINGS, "tests": int(BLAMING),
        "doubted": [int(State.SUSPECT), int(State.RANGE)],
        "measured": [int(State.OK), int(State.SUSPECT), int(State.RANGE)],
    }  # fmt: skip
    return rows_of(conn, FoundStretch, QUEUE, asked)
