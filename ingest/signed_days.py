"""The consumer `stages`: reopens signed days whose readings, findings or corrections have changed since.

It follows `quality`, so that a late reading reopens its day once it has been judged. What a day holds is compared, not
the times of a change: a bundle that spans a day without a reading in it changes nothing. At a station a signature and
this consumer exclude each other: whatever commits while somebody signs is in the signature, or is found after it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from quantrac.database.columns import array
from quantrac.database.feed import Cause, Change, Consumer
from quantrac.database.pool import Connection
from quantrac.observe import logs

NAME: Final = "stages"
AFTER: Final = "quality"
CAUSES: Final = (Cause.READING, Cause.FLAG, Cause.CORRECTION, Cause.WITHDRAWN)

SIGN_LOCK: Final = 0x5154_0018
"""Held, with the station's name, while days of the station are signed, and while its signed days are checked."""

LOCK: Final = f"select pg_advisory_xact_lock({SIGN_LOCK}, hashtext(%s))"
MIDNIGHT: Final = """
select date_trunc('day', now() at time zone time_zone) at time zone time_zone from network
"""
"""When the newest day that can be signed ended. This is asked once the changes are there: a day that lasts even then is
signed with them in it, however late their round goes on."""
KEPT: Final = "s.from_t >= coalesce((select before from dropped where relation = 'reading'), '-infinity')"
TOUCHED: Final = f"""
select distinct s.sign_off_id
from unnest(%s::int4[], %s::timestamptz[], %s::timestamptz[]) as w(channel_id, low, high)
join sign_off s on s.channel_id = w.channel_id and s.reopened_at is null and s.from_t < w.high
  and s.to_t >= w.low and s.to_t < w.high + interval '2 days'  -- no day is longer: an index finds them
where {KEPT}
"""  # noqa: S608  # a constant
STANDING: Final = f"""
select c.station, array_agg(s.sign_off_id) from sign_off s join channel c using (channel_id)
where s.reopened_at is null and {KEPT} group by c.station order by c.station
"""  # noqa: S608
REOPEN: Final = """
update sign_off s set reopened_at = %s, reopened_cause = case
    when s.content[1:2] <> n.found[1:2] then 'reading'
    when s.content[4] <> n.found[4] then 'correction' else 'finding' end
from (select o.sign_off_id, day_content(o.channel_id, o.from_t, o.to_t) as found
      from sign_off o where o.sign_off_id = any(%s)) n
where n.sign_off_id = s.sign_off_id and s.reopened_at is null and s.content <> n.found
returning s.channel_id, s.day, s.reopened_cause
"""

log = logs.logger(__name__)


def round_of(conn: Connection, feed: Consumer, now: datetime) -> list[Change]:
    """Reopen the signed days that changes touch, move the position; return the changes taken (none: nothing to do).

    Each station by itself: whoever signs at another one is not waited for. What is done twice reopens nothing more.
    """
    changes = feed.take(until=lambda: (conn.execute(MIDNIGHT).fetchone() or (None,))[0])
    if changes:
        by_station: dict[str, list[Change]] = {}
        for change in changes:
            by_station.setdefault(change.station, []).append(change)
        for station, own in by_station.items():
            spans = [(channel_id, change.from_t, change.to_t) for change in own for channel_id in change.channels]
            columns = [array(column) for column in zip(*spans, strict=True)]
            with conn.transaction():
                conn.execute(LOCK, [station])
                _reopen(conn, [row[0] for row in conn.execute(TOUCHED, columns)], now)
        feed.advance(changes[-1].id)
    return changes


def check_everything(
    conn: Connection, now: datetime, tell: Callable[[float, int], None] = lambda _share, _rows: None
) -> None:
    """Reopen every signed day that has changed: for a consumer that is new, or that the feed gave up."""
    standing = conn.execute(STANDING).fetchall()
    for number, (station, signed) in enumerate(standing, start=1):
        with conn.transaction():
            conn.execute(LOCK, [station])
            _reopen(conn, signed, now)
        tell(number / len(standing), len(signed))


def _reopen(conn: Connection, signed: Sequence[int], now: datetime) -> None:
    if not signed:
        return
    for channel_id, day, cause in conn.execute(REOPEN, [now, list(signed)]):
        log.info("day_reopened", channel_id=channel_id, day=day.isoformat(), cause=cause)
