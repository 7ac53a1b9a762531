"""What each person has been told of late: what decides whether a further message is held."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from alerts.telling.holding import Told
from alerts.telling.routing import Medium, Routing
from quantrac.database.pool import Connection

# Messages about the same rule and channel are no storm: an alarm, its worse level and its end are one story.
PRESSURE: Final = """
select n.contact_id, n.medium,
  count(distinct (a.rule, a.station, a.channel_id)) filter (
    where n.queued_at > %(storm)s and n.purpose in ('raised', 'level', 'cleared', 'withdrawn', 'flapping')
    and (a.rule, a.station, a.channel_id) is distinct from (this.rule, this.station, this.channel_id)),
  max(n.queued_at) filter (where n.status not in ('held', 'summarised') and n.purpose in ('raised', 'level', 'summary')
    and a.station is not distinct from this.station),
  count(*) filter (where n.queued_at > %(cap)s and n.status not in ('held', 'summarised')),
  max(n.queued_at) filter (where n.purpose = 'summary')
from notification n join alarm a using (alarm_id), (select * from alarm where alarm_id = %(alarm)s) this
where n.contact_id = any(%(people)s) and n.queued_at > least(%(storm)s, %(cap)s, %(again)s)
group by 1, 2
"""


def told_of_late(
    conn: Connection, alarm_id: int, people: Collection[int], routing: Routing, now: datetime
) -> dict[tuple[int, Medium], Told]:
    """Return what these people have been told of late, beside the alarm, by person and medium."""
    storm, cap, grouping = routing.storm, routing.cap, routing.grouping
    again = max(storm.again_ms, 0 if grouping is None else grouping.interval_ms)
    windows = {
        "storm": now - timedelta(milliseconds=storm.within_ms),
        "cap": now - timedelta(milliseconds=0 if cap is None else cap.within_ms),
        "again": now - timedelta(milliseconds=again),
    }
    rows = conn.execute(PRESSURE, {"alarm": alarm_id, "people": list(people), **windows})
    return {(contact_id, Medium(medium)): Told(*told) for contact_id, medium, *told in rows}
