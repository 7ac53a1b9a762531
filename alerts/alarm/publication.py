"""Which alarms the public may read: rows beside the alarms, written here alone. In the caller's transaction."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from quantrac.database.pool import Connection

PUBLISH: Final = """
insert into alarm_publication (alarm_id, published_at) values (%(alarm)s, %(now)s)
on conflict (alarm_id) do update set published_at = excluded.published_at, ended_at = null
where alarm_publication.ended_at is not null
"""
END: Final = "update alarm_publication set ended_at = %(now)s where alarm_id = %(alarm)s and ended_at is null"
PUBLIC: Final = "select 1 from v_public_alarm where alarm_id = %s and ended_at is null"


def publish(conn: Connection, alarm_id: int, now: datetime) -> bool:
    """Let the public read an alarm; False: it may already."""
    return conn.execute(PUBLISH, {"alarm": alarm_id, "now": now}).rowcount == 1


def unpublish(conn: Connection, alarm_id: int, now: datetime) -> bool:
    """Take an alarm from the public; False: it was not public."""
    return conn.execute(END, {"alarm": alarm_id, "now": now}).rowcount == 1


def is_public(conn: Connection, alarm_id: int) -> bool:
    """Whether the public may read an alarm."""
    return conn.execute(PUBLIC, [alarm_id]).fetchone() is not None
