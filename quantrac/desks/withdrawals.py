"""The desk of withdrawals: any act of review is taken back, and what stood before it stands again."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from quantrac.database.feed import Cause
from quantrac.database.pool import Connection
from quantrac.desks.acts import Act, act_of
from quantrac.desks.review_rows import NotPossible, locked, record, transaction

# Where the withdrawn act was the newest, the newest of those that were never withdrawn holds again, or none.
RESTORE: Final = """
insert into reading_flag (channel_id, time, test, flag, "by", reason, at, review_id)
select %(channel_id)s, newest.time, null, earlier.flag, %(person)s, %(reason)s, %(now)s,
       coalesce(earlier.review_id, %(review_id)s)
from (select distinct on (time) time, review_id from reading_flag
      where channel_id = %(channel_id)s and time between %(from_t)s and %(to_t)s and test is null
      order by time, flag_id desc) newest
left join lateral (
  select g.flag, g.review_id from reading_flag g left join review v using (review_id)
  where g.channel_id = %(channel_id)s and g.time = newest.time and g.test is null
    and g.review_id is distinct from %(review_id)s and v.withdrawn_at is null
  order by g.flag_id desc limit 1) earlier on true
where newest.review_id = %(review_id)s
"""
REVOKE: Final = """
update correction set revoked_by = %(person)s, revoked_reason = %(reason)s, revoked_at = %(now)s
where channel_id = %(channel_id)s and time between %(from_t)s and %(to_t)s and review_id = %(review_id)s
"""
WITHDRAW: Final = """
update review set withdrawn_by = %(person)s, withdrawn_reason = %(reason)s, withdrawn_at = %(now)s
where review_id = %(review_id)s
"""


def withdraw(conn: Connection, review_id: int, person: str, reason: str, now: datetime) -> Act:
    """Take an act back, of a device the whole: what stood before stands again. Raises NoSuchReview, NotPossible."""
    with transaction(conn):
        act, parts = locked(conn, review_id, person, reason, now)
        if act.state == "withdrawn":
            raise NotPossible("review {number} was withdrawn already (by {by})", number=review_id, by=act.withdrawn_by)
        for keys in parts:
            conn.execute(REVOKE if act.kind == "correction" else RESTORE, keys)
            conn.execute(WITHDRAW, keys)
        cause = Cause.CORRECTION if act.kind == "correction" else Cause.FLAG
        numbers = [keys["review_id"] for keys in parts]
        is_told = act.state == "in force" and act.kind != "rejection"
        record(conn, numbers, person, "withdraw", reason, now, cause if is_told else None)
        return act_of(conn, review_id)
