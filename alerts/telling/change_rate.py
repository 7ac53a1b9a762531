"""The change rate of an alarm: flapping alarms cause one message instead of many, until they are quiet again.

The change rate is that of Icinga, over a window of time: the window is divided into bins, a bin counts if the alarm
rose or was over in it, and newer bins weigh more (1.2) than old ones (0.8). Flapping begins above one share and ends
below a lesser one, so that it does not flap itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

import msgspec

from alerts.alarm.change import EndCause, Purpose, Recorded, Untold
from alerts.alarm.life import AlarmEvent
from alerts.alarm.records import add_event
from alerts.rules.rule import RuleTexts
from quantrac.config.notifications import Flapping
from quantrac.database.pool import Connection
from quantrac.telemetry.severity import Severity

OLDEST_WEIGHT: Final = 0.8
NEWEST_WEIGHT: Final = 1.2

CHANGES: Final = """
select a.raised_at, coalesce(a.cleared_at, a.returned_at) from alarm a join alarm this using (subject)
where this.alarm_id = %s and not a.late and (a.raised_at > %s or coalesce(a.cleared_at, a.returned_at) > %s)
"""
BEGIN: Final = """
insert into flapping (rule, station, channel_id, story, alarm_id, since)
select rule, station, channel_id, story, alarm_id, %s from alarm where alarm_id = %s on conflict do nothing
"""
FLAPPING: Final = """
select f.subject, f.station, f.alarm_id, a.raised_at, a.severity, a.texts,
       newest.ended_at, newest.ended_by,
       exists (select from alarm s where s.subject = f.subject and s.cleared_at is null and not s.late)
from flapping f join alarm a using (alarm_id) left join lateral (
  select coalesce(s.cleared_at, s.returned_at) as ended_at, s.ended_by from alarm s
  where s.subject = f.subject and not s.late order by 1 desc nulls last limit 1) newest on true
"""
END: Final = "delete from flapping where subject = %s"


def change_rate(changes: Iterable[datetime], now: datetime, plan: Flapping) -> float:
    """Return the weighted share of bins of the window up to now in which something changed, percent."""
    width = timedelta(milliseconds=plan.window_ms) / plan.bins
    hit = {int((now - change) / width) for change in changes if change <= now}
    step = (NEWEST_WEIGHT - OLDEST_WEIGHT) / (plan.bins - 1)
    weights = [NEWEST_WEIGHT - step * age for age in range(plan.bins)]
    return 100 * sum(weight for age, weight in enumerate(weights) if age in hit) / sum(weights)


def begins_flapping(conn: Connection, change: Recorded, plan: Flapping) -> bool:
    """Whether the rise of an alarm that does not flap makes it flap."""
    return change.purpose is Purpose.RAISED and _rate(conn, change.alarm_id, change.time, plan) > plan.begin


def begin_flapping(conn: Connection, change: Recorded, plan: Flapping, now: datetime) -> None:
    """Put on record that an alarm flaps. In the caller's transaction."""
    conn.execute(BEGIN, [change.time, change.alarm_id])
    add_event(conn, change.alarm_id, change.time, AlarmEvent.FLAPPING, now, detail={"window_ms": plan.window_ms})


def end_flapping(conn: Connection, plan: Flapping, now: datetime) -> list[Untold]:
    """End what flaps no more; return the ends that people must be told of. In a transaction."""
    found = []
    for subject, station, alarm_id, raised_at, severity, texts, ended_at, ended_by, stands in conn.execute(
        FLAPPING
    ).fetchall():
        if _rate(conn, alarm_id, now, plan) >= plan.end:
            continue
        conn.execute(END, [subject])
        event = add_event(conn, alarm_id, now, AlarmEvent.FLAPPING_ENDED, now)
        if not stands:
            cause = None if ended_by is None else EndCause(ended_by)
            change = Recorded(
                Purpose.CLEARED if cause is None else Purpose.WITHDRAWN, alarm_id, event, ended_at or now, raised_at,
                Severity.from_word(severity), False, msgspec.convert(texts, RuleTexts), cause=cause,
            )  # fmt: skip
            found.append(Untold(change, station))
    return found


def _rate(conn: Connection, alarm_id: int, until: datetime, plan: Flapping) -> float:
    since = until - timedelta(milliseconds=plan.window_ms)
    rows = conn.execute(CHANGES, [alarm_id, since, since]).fetchall()
    return change_rate((time for row in rows for time in row if time is not None), until, plan)
