# ruff: noqa: S608 (fragments of ours are put together, nothing that anybody gives)
"""The dashboard of the network: the map, stations by state, alarms, one parameter everywhere, latest values."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from dashboards.grafana import queries
from dashboards.grafana.looks import ALARM_STATES, QUALITIES, SEVERITIES, YES_NO, linked, named, override
from dashboards.grafana.panels import (
    ALARM_PAGE,
    STATION_DASHBOARD,
    STATION_PAGE,
    dashboard,
    map_panel,
    marks,
    number_panel,
    series_panel,
    table_panel,
    variable,
    with_limits,
)
from dashboards.grafana.queries import HERE
from quantrac.config.network import Network

UID: Final = "quantrac-network"

ALARM_COLUMNS: Final = {
    "Mức / Severity": named(SEVERITIES),
    "Trạng thái / State": named(ALARM_STATES),
    "Cảnh báo / Alarm": linked("Bảng điều khiển / Console", ALARM_PAGE),
}
LATEST_COLUMNS: Final = {
    "Chất lượng / Quality": named(QUALITIES),
    "Tuổi / Age": override(unit="s", decimals=0),
    "Trạm / Station": linked("Trạm / Station", STATION_DASHBOARD),
}

OFFLINE: Final = f"select count(*) filter (where not online) as offline from v_station where {HERE}"
DOUBTFUL_NOW: Final = f"""
select count(*) filter (where quality in (3, 4, 9)) as doubtful from v_latest where {HERE}
"""
OLDEST: Final = f"""
select extract(epoch from now() - min(last_message_at)) as age from v_station where {HERE}
"""
STATIONS: Final = f"""
select s.station as "id", s.name as "Trạm / Station", s.online as "Kết nối / Online", s.latitude, s.longitude,
       extract(epoch from now() - s.last_message_at) as "Tin cuối / Last message",
       count(l.channel) filter (where l.quality = 1) as "Tốt / Good",
       count(l.channel) filter (where l.quality = 3) as "Nghi ngờ / Suspect",
       count(l.channel) filter (where l.quality in (4, 9)) as "Hỏng, thiếu / Failed, missing",
       a.standing as "Cảnh báo / Alarms", case when s.online then a.worst else 5 end as worst
from v_station s left join v_latest l using (station) cross join lateral (
  select count(*) as standing,
         coalesce(max(array_position(array['low', 'medium', 'high', 'critical'], severity)), 0) as worst
  from v_alarm a where a.station = s.station and a.cleared_at is null and not a.late) a
where s.{HERE}
group by s.station, s.name, s.online, s.last_message_at, s.latitude, s.longitude, a.standing, a.worst
order by case when s.online then a.worst else 5 end desc, s.name
"""


def network_overview(network: Network, console: str) -> Dashboard:
    """Return the dashboard."""
    stations = table_panel(
        "Các trạm / Stations", STATIONS, span=14, height=12,
        columns={
            "Trạm / Station": [*linked("Bảng điều khiển / Console", STATION_PAGE)],
            "Kết nối / Online": named(YES_NO), "Tin cuối / Last message": override(unit="s", decimals=0),
            **{name: override(custom_hidden=True) for name in ("latitude", "longitude", "worst")},
        },
    )  # fmt: skip
    parameter = series_panel("$parameter", queries.curves(queries.CHOSEN, queries.BY_STATION), height=11)
    limits = queries.limit_lines(network, f"n.{HERE} and n.parameter = any(array[${{parameter:sqlstring}}]::text[])")
    return (
        dashboard("Quantrac · Mạng quan trắc / Network", UID, network.settings.time_zone, console, since="now-24h")
        .refresh("30s")
        .with_variable(variable("station", "Trạm / Station", queries.STATION_VARIABLE, multi=True))
        .with_variable(variable("parameter", "Thông số / Parameter", queries.PARAMETER_VARIABLE, multi=False))
        .annotation(marks("Cảnh báo / Alarms", queries.alarm_marks(f"(station is null or {HERE})"), "red"))
        .annotation(marks("Sự kiện / Events", queries.EVENT_MARKS, "blue"))
        .with_panel(number_panel("Trạm mất kết nối / Stations offline", OFFLINE, bad_from=1))
        .with_panel(number_panel("Cảnh báo đang có / Standing alarms", queries.STANDING, bad_from=1))
        .with_panel(number_panel("Kênh nghi ngờ, hỏng, thiếu / Channels in doubt", DOUBTFUL_NOW, bad_from=1))
        .with_panel(number_panel("Tin cuối của trạm im lâu nhất / Oldest message", OLDEST, bad_from=900, unit="s"))
        .with_panel(map_panel("Bản đồ / Map", STATIONS, span=10, height=12))
        .with_panel(stations)
        .with_panel(table_panel("Cảnh báo / Alarms", queries.ALARMS, span=24, height=9, columns=ALARM_COLUMNS))
        .with_row(Row("Số liệu / Readings"))
        .with_panel(with_limits(parameter, limits))
        .with_panel(
            table_panel("Giá trị mới nhất / Latest values", queries.LATEST, span=24, height=12, columns=LATEST_COLUMNS)
        )
    )
