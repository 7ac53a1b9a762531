"""Finds the windows that may hold a flat line, so that a new minute does not cost reading half a day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from ingest.quality import flat
from ingest.quality.windows import Window
from quantrac.database.pool import Connection

# Nothing in a window is flat when its first value differs from one within the limit before its last reading. What has a
# finding already is looked at, too: it may have to be withdrawn.
STILL: Final = """
select w.nr, n.time
from unnest(%s::int4[], %s::timestamptz[], %s::timestamptz[], %s::interval[])
     with ordinality as w(channel_id, low, high, after, nr)
cross join lateral (
  select r.time from reading r where r.channel_id = w.channel_id and r.time <= w.high order by r.time desc limit 1) n
left join lateral (
  select r.value from reading r where r.channel_id = w.channel_id and r.time >= w.low and r.value is not null
  and r.state <= 1 order by r.time limit 1) v on true
where n.time >= w.low and (
  n.time - w.low >= w.after
  or (v.value is not null and not exists (
    select from reading r where r.channel_id = w.channel_id and r.time < w.low and r.time >= n.time - w.after
    and r.value <> v.value and r.state <= 1))
  or exists (select from reading_flag f where f.channel_id = w.channel_id and f.time between w.low and n.time
             and f.test = %s))
order by w.nr
"""


def still(conn: Connection, some: Sequence[Window], after_s: Mapping[int, float]) -> list[Window]:
    """Return the windows that may hold a flat line, up to the newest reading; `after_s` is the limit by channel."""
    columns = [
        [each.channel_id for each in some],
        [each.judge_from for each in some],
        [each.judge_to for each in some],
        [timedelta(seconds=after_s[each.channel_id]) for each in some],
    ]
    return [some[nr - 1]._replace(judge_to=time) for nr, time in conn.execute(STILL, [*columns, flat.TEST])]
