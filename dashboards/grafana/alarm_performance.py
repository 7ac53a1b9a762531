# ruff: noqa: S608 (fragments of ours are put together, nothing that anybody gives)
"""The dashboard of alarm performance: the figures of ISA-18.2 and IEC 62682 over the time shown.

The SQL reads public views only; its limits are those of `alerts.performance`. The share of time in flood is of the
ten-minute intervals from the first to the last alarm shown.
"""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from dashboards.grafana.panels import dashboard, number_panel, series_panel, table_panel

UID: Final = "quantrac-alarms"

_RISEN: Final = "from v_alarm where $__timeFilter(raised_at) and not late"
_TEN_MINUTES: Final = (
    f"select floor(extract(epoch from raised_at) / 600) as bucket, count(*) as alarms {_RISEN} group by 1"
)

PEAK: Final = f"select coalesce(max(alarms), 0) as peak from ({_TEN_MINUTES}) s"
FLOOD: Final = f"""
select count(*) filter (where alarms > 10) / greatest(1, max(bucket) - min(bucket) + 1) as flood from ({_TEN_MINUTES}) s
"""
STALE: Final = f"""
select count(*) as stale {_RISEN}
  and least(coalesce(cleared_at, now()), $__timeTo()) - raised_at > interval '24 hours'
"""
FALSE: Final = f"select count(false_at)::float8 / greatest(1, count(*)) as false {_RISEN}"
STANDING: Final = "select count(*) as standing from v_alarm where cleared_at is null and not late"
UNACKNOWLEDGED: Final = """
select count(*) as unacknowledged from v_alarm where cleared_at is null and not late and state = 'unacknowledged'
"""
ACKNOWLEDGE: Final = f"""
select percentile_cont(0.5) within group (order by extract(epoch from acknowledged_at - raised_at)) as median
{_RISEN} and acknowledged_at is not null
"""
FLAPPING: Final = "select count(*) as flapping from v_flapping"
PER_TEN_MINUTES: Final = f"""
select to_timestamp(600 * bucket) as time, severity as metric, alarms as value from (
  select floor(extract(epoch from raised_at) / 600) as bucket, severity, count(*) as alarms {_RISEN} group by 1, 2) s
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


def alarm_performance(time_zone: str) -> Dashboard:
    """Return the dashboard."""
    return (
        dashboard("Quantrac · Cảnh báo / Alarms", UID, time_zone, since="now-30d")
        .refresh("1m")
        .with_row(Row("Chỉ số / Figures (ISA-18.2)"))
        .with_panel(number_panel("Nhiều nhất trong 10 phút / Peak in 10 min", PEAK, bad_from=11))
        .with_panel(number_panel("Thời gian ngập / Time in flood", FLOOD, bad_from=0.01, unit="percentunit"))
        .with_panel(number_panel("Kéo dài trên 24 giờ / Stale", STALE, bad_from=5))
        .with_panel(number_panel("Báo sai / Marked as false", FALSE, bad_from=0.1, unit="percentunit"))
        .with_panel(number_panel("Đang báo / Standing", STANDING, bad_from=10))
        .with_panel(number_panel("Chưa ai nhận / Unacknowledged", UNACKNOWLEDGED, bad_from=1))
        .with_panel(number_panel("Đến lúc nhận / Time to acknowledge", ACKNOWLEDGE, bad_from=900, unit="s"))
        .with_panel(number_panel("Chập chờn / Flapping", FLAPPING, bad_from=1))
        .with_panel(series_panel("Số cảnh báo mỗi 10 phút / Alarms in 10 min", PER_TEN_MINUTES, height=8))
        .with_row(Row("Nguồn / Sources"))
        .with_panel(table_panel("Mười nguồn nhiều nhất / Ten most frequent", TOP, span=12, height=9))
        .with_panel(table_panel("Dồn dập, 3 lần trong 1 phút / Chattering", CHATTERING, span=12, height=9))
        .with_panel(table_panel("Kéo dài / Standing for long", LONGEST, span=12, height=8))
        .with_panel(table_panel("Ngừng vận hành / Out of service", OUT_OF_SERVICE, span=12, height=8))
        .with_panel(table_panel("Nhận cảnh báo / Who acknowledged", PEOPLE, span=12, height=8))
        .with_panel(table_panel("Tin theo trạng thái / Messages by status", MESSAGES, span=12, height=8))
    )
