# ruff: noqa: S608 (fragments of ours are put together, nothing that anybody gives)
"""The dashboard of alarm performance: the figures of ISA-18.2 and IEC 62682 over the time shown, by operator position.

The SQL reads public views only; its limits are those of `alerts.performance`. The share of time in flood is of the
ten-minute intervals from the first to the last alarm shown.
"""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders.dashboard import CustomVariable, Dashboard, Row

from alerts.performance import CHATTERING as RISES
from alerts.performance import FLOOD as MOST
from alerts.performance import STALE as LONG
from dashboards.grafana.looks import SEVERITIES, fixed, named, override
from dashboards.grafana.network import ALARM_COLUMNS
from dashboards.grafana.panels import dashboard, number_panel, series_panel, table_panel
from dashboards.grafana.queries import PLACE, RULE_TITLE
from quantrac.config.network import Network

UID: Final = "quantrac-alarms"

_RISEN: Final = "from v_alarm where $__timeFilter(raised_at) and not late"
_STANDS: Final = "from v_alarm where cleared_at is null and not late"
_OPERATORS: Final = "(${operators:sqlstring})::int"
_TEN_MINUTES: Final = (
    f"select floor(extract(epoch from raised_at) / 600) as bucket, count(*) as alarms {_RISEN} group by 1"
)
_WAIT: Final = "within group (order by extract(epoch from acknowledged_at - raised_at))"
_SUBJECT: Final = f'{RULE_TITLE} as "Cảnh báo / Alarm", {PLACE} as "Nơi / Place"'

RATE: Final = f"""
select count(*) / greatest(1, extract(epoch from least($__timeTo()::timestamptz, now()) - $__timeFrom()) / 600)
         / {_OPERATORS} as rate {_RISEN}
"""
PEAK: Final = f"select coalesce(max(alarms), 0)::float8 / {_OPERATORS} as peak from ({_TEN_MINUTES}) s"
FLOOD: Final = f"""
select count(*) filter (where alarms > {MOST} * {_OPERATORS}) / greatest(1, max(bucket) - min(bucket) + 1) as flood
from ({_TEN_MINUTES}) s
"""
STALE: Final = f"""
select count(*) as stale {_RISEN}
  and least(coalesce(cleared_at, now()), $__timeTo()) - raised_at > interval '{LONG.total_seconds():.0f} s'
"""
FALSE: Final = f"select count(false_at)::float8 / greatest(1, count(*)) as false {_RISEN}"
STANDING: Final = f"select count(*) as standing {_STANDS}"
UNACKNOWLEDGED: Final = f"select count(*) as unacknowledged {_STANDS} and state = 'unacknowledged'"
ACKNOWLEDGE: Final = f"""
select percentile_cont(0.5) {_WAIT} as median
{_RISEN} and acknowledged_at is not null
"""
FLAPPING: Final = "select count(*) as flapping from v_flapping"
BY_SEVERITY: Final = f"""
select severity as "Mức / Severity", count(*) as "Cảnh báo / Alarms",
       count(*) / sum(count(*)) over ()::float8 as "Phần / Share",
       percentile_cont(0.5) {_WAIT} as "Đến lúc nhận / To acknowledge"
{_RISEN} group by 1 order by 2 desc
"""
TOP: Final = f"""
select {_SUBJECT}, count(*) as "Cảnh báo / Alarms", count(*) / sum(count(*)) over ()::float8 as "Phần / Share"
{_RISEN} group by 1, 2 order by 3 desc limit 10
"""
CHATTERING: Final = f"""
select title as "Cảnh báo / Alarm", place as "Nơi / Place", count(*) as "Lần / Times" from (
  select {RULE_TITLE} as title, {PLACE} as place, raised_at - lag(raised_at, {RISES - 1}) over (
    partition by rule, station, channel order by raised_at) as span {_RISEN}) s
where span <= interval '1 minute' group by 1, 2 order by 3 desc limit 20
"""
LONGEST: Final = f"""
select alarm_id as "id", raised_at as "Từ / Raised", {_SUBJECT}, severity as "Mức / Severity",
       state as "Trạng thái / State", extract(epoch from now() - raised_at) as "Đã lâu / For",
       acknowledged_by as "Người nhận / By"
{_STANDS} order by raised_at limit 50
"""
SHELVED: Final = """
select coalesce(channel, station, 'Trung tâm / Centre') as "Nơi / Place", rule as "Quy tắc / Rule",
       person as "Người / By", reason as "Lý do / Reason",
       since as "Từ / Since", until as "Đến / Until" from v_shelf where until > now()
union all
select concat_ws('/', station, device), null, person, reason, since, until from v_out_of_service where in_force
order by 6
"""
PEOPLE: Final = f"""
select acknowledged_by as "Người / Person", count(*) as "Cảnh báo / Alarms",
       percentile_cont(0.5) {_WAIT} as "Nửa số trong / Median",
       percentile_cont(0.9) {_WAIT} as "90 % trong / 90 % within",
       count(false_at) as "Báo sai / False"
{_RISEN} and acknowledged_by is not null group by 1 order by 2 desc limit 50
"""
MESSAGES: Final = """
select medium as "Loại / Medium", purpose as "Việc / Purpose", status as "Trạng thái / Status",
       held_for as "Giữ vì / Held for", count(*) as "Tin / Messages"
from v_notification where $__timeFilter(queued_at) group by 1, 2, 3, 4 order by 5 desc limit 50
"""


def per_ten_minutes(time_zone: str) -> str:
    """Return the query of how many alarms rose in each ten minutes, beyond 31 days in each day of a time zone."""
    return f"""
select to_timestamp(600 * bucket) as time, severity as metric, alarms as value from (
  select floor(extract(epoch from raised_at) / 600) as bucket, severity, count(*) as alarms {_RISEN} group by 1, 2) s
where $__timeTo()::timestamptz - $__timeFrom()::timestamptz <= interval '31 days'
union all
select date_trunc('day', raised_at, '{time_zone}'), severity, count(*) {_RISEN}
  and $__timeTo()::timestamptz - $__timeFrom()::timestamptz > interval '31 days' group by 1, 2
order by 1
"""


def alarm_performance(network: Network, console: str) -> Dashboard:
    """Return the dashboard."""
    seconds, share = override(unit="s", decimals=0), {"Phần / Share": override(unit="percentunit", decimals=1)}
    severity = {"Mức / Severity": named(SEVERITIES)}
    rates = series_panel(
        "Số cảnh báo mỗi 10 phút, trên 31 ngày: mỗi ngày / Alarms in 10 min, beyond 31 days: a day",
        per_ten_minutes(network.settings.time_zone),
    )
    for word, (text, colour) in SEVERITIES.items():
        rates = rates.override_by_name(str(word), override(displayName=text, color=fixed(colour)))
    people = {"Nửa số trong / Median": seconds, "90 % trong / 90 % within": seconds}
    title = "Quantrac · Cảnh báo / Alarms"
    return (
        dashboard(title, UID, network.settings.time_zone, console, since="now-30d", page="/alarms")
        .refresh("1m")
        .with_variable(CustomVariable("operators").label("Số người trực / Operators").values("1,2,3,4,5,6"))
        .with_row(Row("Chỉ số / Figures (ISA-18.2)"))
        .with_panel(number_panel("Mỗi 10 phút, một người / In 10 min, an operator", RATE, bad_from=1, span=4))
        .with_panel(number_panel("Nhiều nhất, một người / Peak, an operator", PEAK, bad_from=MOST + 1, span=4))
        .with_panel(number_panel("Thời gian ngập / Time in flood", FLOOD, bad_from=0.01, unit="percentunit", span=4))
        .with_panel(number_panel("Kéo dài trên 24 giờ / Stale", STALE, bad_from=5, span=4))
        .with_panel(number_panel("Báo sai / Marked as false", FALSE, bad_from=0.1, unit="percentunit", span=4))
        .with_panel(number_panel("Chập chờn / Flapping", FLAPPING, bad_from=1, span=4))
        .with_panel(number_panel("Đang báo / Standing", STANDING, bad_from=10, span=8))
        .with_panel(number_panel("Chưa ai nhận / Unacknowledged", UNACKNOWLEDGED, bad_from=1, span=8))
        .with_panel(number_panel("Đến lúc nhận / Time to acknowledge", ACKNOWLEDGE, bad_from=900, unit="s", span=8))
        .with_panel(rates)
        .with_row(Row("Nguồn / Sources"))
        .with_panel(table_panel("Mười nguồn nhiều nhất / Ten most frequent", TOP, span=12, height=9, columns=share))
        .with_panel(table_panel("Dồn dập, 3 lần trong 1 phút / Chattering", CHATTERING, span=12, height=9))
        .with_panel(
            table_panel("Đang báo, lâu nhất trước / Standing, longest first", LONGEST, span=24, height=9,
                        columns={**ALARM_COLUMNS, "Đã lâu / For": seconds})
        )
        .with_panel(table_panel("Tạm gác, ngừng vận hành / Shelved, out of service", SHELVED, span=24, height=7))
        .with_row(Row("Người và tin / People and messages"))
        .with_panel(
            table_panel("Theo mức / By severity", BY_SEVERITY, span=8, height=8,
                        columns={**severity, **share, "Đến lúc nhận / To acknowledge": seconds})
        )
        .with_panel(table_panel("Người nhận / Who acknowledged", PEOPLE, span=8, height=8, columns=people))
        .with_panel(table_panel("Tin theo trạng thái / Messages by status", MESSAGES, span=8, height=8))
    )  # fmt: skip
