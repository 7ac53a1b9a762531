# ruff: noqa: S608 (fragments of ours are put together, nothing that anybody gives)
"""The SQL of the alarm dashboard: public views only, limits as in `alerts.performance`.

The share of time in flood is of the ten-minute intervals from the first to the last alarm shown.
"""

from __future__ import annotations

from typing import Final

_RISEN: Final = "from v_alarm where $__timeFilter(raised_at) and not late"
_SLOTS: Final = f"select floor(extract(epoch from raised_at) / 600) as slot, count(*) as alarms {_RISEN} group by 1"

PEAK: Final = f"select coalesce(max(alarms), 0) as peak from ({_SLOTS}) s"
FLOOD: Final = f"""
select count(*) filter (where alarms > 10) / greatest(1, max(slot) - min(slot) + 1) as flood from ({_SLOTS}) s
"""
STALE: Final = f"""
select count(*) as stale {_RISEN}
  and least(coalesce(cleared_at, now()), $__timeTo()) - raised_at > interval '24 hours'
"""
FALSE: Final = f"select count(false_at)::float8 / greatest(1, count(*)) as false {_RISEN}"
STANDING: Final = "select count(*) as standing from v_alarm where cleared_at is null and not late"
UNACKNOWLEDGED: Final = """
select count(*) as unacknowledged from v_alarm where cleared_at is null and not late and state = 'active'
"""
ACKNOWLEDGE: Final = f"""
select percentile_cont(0.5) within group (order by extract(epoch from acknowledged_at - raised_at)) as median
{_RISEN} and acknowledged_at is not null
"""
FLAPPING: Final = "select count(*) as flapping from v_flapping"
PER_TEN_MINUTES: Final = f"""
select to_timestamp(600 * slot) as time, severity as metric, alarms as value from (
  select floor(extract(epoch from raised_at) / 600) as slot, severity, count(*) as alarms {_RISEN} group by 1, 2) s
order by 1
"""
TOP: Final = f"""
select rule, coalesce(channel, station, 'centre') as "source", count(*) as "alarms",
       round(100.0 * count(*) / sum(count(*)) over (), 1) as "share, %"
{_RISEN} group by 1, 2 order by 3 desc limit 10
"""
CHATTERING: Final = f"""
select rule, coalesce(channel, station, 'centre') as "source", count(*) as "times" from (
  select rule, channel, station, raised_at - lag(raised_at, 2) over (
    partition by rule, station, channel order by raised_at) as span {_RISEN}) s
where span <= interval '1 minute' group by 1, 2 order by 3 desc limit 20
"""
LONGEST: Final = """
select raised_at as "raised", rule, coalesce(channel, station, 'centre') as "source", severity, state,
       acknowledged_by as "acknowledged by"
from v_alarm where cleared_at is null and not late order by raised_at limit 20
"""
OUT_OF_SERVICE: Final = """
select station, device, person, reason, since, until from v_out_of_service where in_force order by since
"""
PEOPLE: Final = f"""
select acknowledged_by as "person", count(*) as "alarms",
       percentile_cont(0.5) within group (order by extract(epoch from acknowledged_at - raised_at)) / 60 as "minutes"
{_RISEN} and acknowledged_by is not null group by 1 order by 2 desc
"""
MESSAGES: Final = """
select medium, purpose, status, held_for as "held for", count(*) as "messages"
from v_notification where $__timeFilter(queued_at) group by 1, 2, 3, 4 order by 5 desc
"""
