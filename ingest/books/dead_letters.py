"""The table of dead letters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from psycopg.types.json import Jsonb

from ingest.books.arrivals import moment
from ingest.books.dead_letter import DeadLetter
from quantrac.database.pool import Connection

UPSERT = """
insert into dead_letter (first_received_at, received_at, topic, station, epoch, seq, payload, length, sha256, reason,
                         detail, status, count)
values (%(first_at)s, %(at)s, %(topic)s, %(station)s, %(epoch)s, %(seq)s, %(payload)s, %(length)s, %(sha256)s,
        %(reason)s, %(detail)s, %(status)s, %(count)s)
on conflict (topic, sha256, reason) do update
set count = dead_letter.count + excluded.count, received_at = greatest(dead_letter.received_at, excluded.received_at),
    detail = excluded.detail,
    status = case dead_letter.status when 'replayed' then excluded.status else dead_letter.status end
"""

COUNT = """
update dead_letter set count = count + %(count)s, received_at = greatest(received_at, %(at)s)
where dead_letter_id = (select dead_letter_id from dead_letter
                        where topic = %(topic)s and reason = %(reason)s and status = 'open' order by 1 limit 1)
"""


def store(conn: Connection, letters: Iterable[DeadLetter]) -> None:
    """Insert letters; equal ones (topic, payload, reason) are counted, not repeated."""
    rows = _counted([letter.row(moment(letter.received_us)) for letter in letters])
    new = [row for row in rows if not (row["recurs"] and conn.execute(COUNT, row).rowcount)]
    if new:
        for row in new:
            row["detail"] = Jsonb(row["detail"])
        with conn.cursor() as cursor:
            cursor.executemany(UPSERT, new)


def _counted(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one row for equal ones, with how many they are and their first and last receipt, in order of the key."""
    found: dict[tuple[str, bytes, str], dict[str, Any]] = {}
    for row in rows:
        key = (row["topic"], b"" if row["recurs"] else row["sha256"], row["reason"])
        earlier = found.get(key, {"first_at": row["at"], "count": 0})
        found[key] = {**row, "first_at": earlier["first_at"], "count": earlier["count"] + 1}
    return [found[key] for key in sorted(found)]
