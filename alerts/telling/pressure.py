"""Much at once: who has been told enough for now, so that further messages are held for one summary."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from alerts.telling.routing import Medium
from quantrac.config.network import Storm
from quantrac.database.pool import Connection

# Messages about the same rule and channel do not count: an alarm, its worse level and its end are one story.
FLOODED: Final = """
select n.contact_id, n.medium
from notification n join alarm a using (alarm_id), (select * from alarm where alarm_id = %(alarm)s) this
where n.queued_at > %(since)s and n.purpose in ('raised', 'level', 'cleared')
  and (a.rule, a.station, a.channel_id) is distinct from (this.rule, this.station, this.channel_id)
group by 1, 2 having count(distinct (a.rule, a.station, a.channel_id)) >= %(alarms)s
"""


def flooded_people(conn: Connection, alarm_id: int, storm: Storm, now: datetime) -> set[tuple[int, Medium]]:
    """Return who, by which medium, has just been told of as many other alarms as one can take in."""
    since = now - timedelta(milliseconds=storm.within_ms)
    rows = conn.execute(FLOODED, {"alarm": alarm_id, "since": since, "alarms": storm.alarms})
    return {(contact_id, Medium(medium)) for contact_id, medium in rows}
