"""The table of breaches: one row a station, kind and day (UTC), however much there is to count."""

from __future__ import annotations

from collections.abc import Iterable

from ingest.books.arrivals import moment
from ingest.books.breach import Breach
from ingest.books.dead_letter import printable
from quantrac.database.pool import Connection

MOST_DETAIL = 300
"""Of a breach's detail, characters."""
COUNT = """
insert into breach as b (station, kind, day, first_at, last_at, count, bytes, detail)
values (%s, %s, (%s::timestamptz at time zone 'UTC')::date, %s, %s, %s, %s, %s)
on conflict (station, kind, day) do update set
  first_at = least(b.first_at, excluded.first_at), last_at = greatest(b.last_at, excluded.last_at),
  count = b.count + excluded.count, bytes = b.bytes + excluded.bytes, detail = excluded.detail
"""


def store(conn: Connection, breaches: Iterable[Breach]) -> None:
    """Count breaches."""
    for each in breaches:
        first, last = moment(each.first_us), moment(each.last_us)
        detail = printable(each.detail)[:MOST_DETAIL]
        conn.execute(COUNT, [each.station, each.kind, last, first, last, each.count, each.bytes, detail])
