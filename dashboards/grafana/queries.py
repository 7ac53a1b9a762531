"""The SQL of the panels. Each reads public views only and stands next to the panel that uses it by name.

Grafana expands `$__timeFilter(column)`, `$__timeTo()` and the variables; `expand` does the same for tests and checks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

STATION_VARIABLE: Final = "select name as __text, station as __value from v_station order by name"
PARAMETER_VARIABLE: Final = "select distinct parameter from v_channel order by parameter"

STATIONS: Final = """
select s.name as "station", s.online, s.last_message_at as "last message",
       extract(epoch from now() - s.last_message_at) as "age",
       count(l.channel) as "channels", count(l.channel) filter (where l.quality = 1) as "good",
       count(l.channel) filter (where l.quality in (4, 9)) as "failed or missing"
from v_station s left join v_latest l using (station)
where s.station in (${station:sqlstring})
group by s.station, s.name, s.online, s.last_message_at order by s.name
"""
ONLINE: Final = (
    "select count(*) filter (where online) as online, count(*) filter (where not online) as offline from v_station"
)
STANDING_ALARMS: Final = "select count(*) as standing from v_alarm where cleared_at is null and not late"
MISSING: Final = "select coalesce(sum(missing), 0) as missing, coalesce(sum(lost), 0) as lost from v_ledger"
FEED_LAG: Final = "select max(lag_s) as lag from v_feed"
_SERIES: Final = """
select time, station || '/' || split_part(channel, '/', 2) as metric, {value}
from {view}
where $__timeFilter(time) and station in (${{station:sqlstring}}) and parameter = ${{parameter:sqlstring}}{condition}
order by time
"""
READINGS: Final = _SERIES.format(value="value", view="v_reading", condition=" and quality <= 2")
DOUBTFUL: Final = _SERIES.format(value="value", view="v_reading", condition="\n  and quality between 3 and 8")
HOURLY: Final = _SERIES.format(value="value", view="v_hourly", condition=" and valid")
DAILY: Final = _SERIES.format(value="value", view="v_daily", condition=" and valid")
COMPLETENESS: Final = _SERIES.format(value="100 * completeness as value", view="v_daily", condition="")
LATEST: Final = """
select station, channel, parameter, value, unit, state, quality, age_s as "age"
from v_latest where station in (${station:sqlstring}) order by station, channel
"""
ALARMS: Final = """
select raised_at as "raised", cleared_at as "cleared", station, rule, level, severity, state,
       acknowledged_by as "acknowledged by"
from v_alarm where $__timeFilter(raised_at) and station in (${station:sqlstring}) order by raised_at desc limit 200
"""
LEDGER: Final = """
select station, epoch, highest_seq, stored, dead, lost, missing, received, "new", duplicate, rejected, conflict
from v_ledger where station in (${station:sqlstring}) order by station, epoch
"""
SERVICES: Final = """
select service, worker, connected, extract(epoch from now() - beat_at) as "silent for", backlog_lag_s as "backlog"
from v_service order by service, worker
"""
NOTIFICATIONS: Final = """
select queued_at as "queued", medium, contact_masked as "to", status, attempts, error
from v_notification where $__timeFilter(queued_at) order by queued_at desc limit 200
"""

_TIME_FILTER: Final = re.compile(r"\$__timeFilter\(([^)]+)\)")
_VARIABLE: Final = re.compile(r"\$\{(\w+):sqlstring\}")


def expand(sql: str, *, since: datetime, until: datetime, variables: Mapping[str, Sequence[str]]) -> str:
    """Return a query as Grafana's PostgreSQL data source sends it: macros and variables replaced.

    Variables are given as lists; `:sqlstring` joins them, each in single quotes with quotes doubled. Raises KeyError
    for a variable that is not given.
    """
    span = f"'{since.isoformat()}' AND '{until.isoformat()}'"
    sql = _TIME_FILTER.sub(lambda found: f"{found[1]} BETWEEN {span}", sql)
    sql = sql.replace("$__timeTo()", f"'{until.isoformat()}'")
    return _VARIABLE.sub(lambda found: ",".join(_quoted(value) for value in variables[found[1]]), sql)


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
